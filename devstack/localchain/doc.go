// Package localchain runs an Ethereum chain of its own inside this process: a real geth that produces its blocks on a
// timer or on demand, with a USDT-like token deployed on it. It is meant for `paycow dev` and for tests, and its money
// is worth nothing.
//
// # What survives
//
// The chain is an archive node: every block's state is on disk before the block becomes the head, and the database's
// log is flushed to disk before mining returns. Killing the process (SIGKILL) therefore loses at most the block that
// was being made at that moment, and the transactions that were still waiting in the pool, which is kept in memory
// only.
//
// # The chain's clock
//
// A block's timestamp is the wall clock's, but at least one second after its parent's: Ethereum counts whole seconds
// and its nodes refuse two blocks of the same second. So N blocks always take N seconds of chain time, however fast
// they are made. With a BlockTime below one second, and after Mine(many), the chain's clock runs ahead of the wall
// clock by what was made too fast. With a BlockTime of a second or more it falls back in step: while it is ahead, every
// tenth block is left out. A reorg gives the new blocks the timestamps of those they replace, so it adds one second at
// most.
//
// # Finality
//
// The block 64 below the head is finalized and the one 32 below is safe, as is usual on mainnet. A reorg that would
// replace a finalized block is refused, so 64 is the greatest depth.
package localchain
