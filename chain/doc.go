// Package chain is PayCow's side of Ethereum: RPC nodes, following the chain block by block, decoding the token's
// transfers, verifying one before it is credited, and deriving deposit addresses.
//
// A Follower reads from a BlockSource and a Verifier from a TransferReader. A Node is both for one endpoint; something that
// asks several nodes and compares their answers can take its place.
package chain
