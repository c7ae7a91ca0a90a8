//go:build !slim

package main

import "fmt"

// publicChains are the well-known chains on which tokens are worth money, by chain id (EIP-155). Public test networks are
// not among them.
var publicChains = map[uint64]string{
	1: "Ethereum", 10: "OP Mainnet", 25: "Cronos", 30: "Rootstock", 56: "BNB Smart Chain", 61: "Ethereum Classic", 100: "Gnosis",
	122: "Fuse", 130: "Unichain", 137: "Polygon", 143: "Monad", 146: "Sonic", 169: "Manta Pacific", 204: "opBNB", 232: "Lens",
	250: "Fantom", 252: "Fraxtal", 288: "Boba", 324: "ZKsync Era", 369: "PulseChain", 480: "World Chain", 999: "HyperEVM",
	1088: "Metis", 1101: "Polygon zkEVM", 1135: "Lisk", 1284: "Moonbeam", 1285: "Moonriver", 1329: "Sei", 1868: "Soneium",
	2020: "Ronin", 2222: "Kava", 2741: "Abstract", 5000: "Mantle", 8217: "Kaia", 8453: "Base", 9745: "Plasma", 34443: "Mode",
	42161: "Arbitrum One", 42170: "Arbitrum Nova", 42220: "Celo", 43114: "Avalanche", 57073: "Ink", 59144: "Linea",
	60808: "BOB", 80094: "Berachain", 81457: "Blast", 534352: "Scroll", 7777777: "Zora", 1313161554: "Aurora",
}

// refusePublicChain returns an error for a chain on which real money would come in: the development stack keeps the seed
// of its addresses in a file that --fresh deletes.
func refusePublicChain(chainID uint64) error {
	name, public := publicChains[chainID]
	if !public {
		return nil
	}
	return fmt.Errorf("this is %s (chain %d), where tokens are worth money; paycow dev keeps the seed of its addresses in a "+
		"plain file that --fresh deletes, so use paycow serve there", name, chainID)
}
