//go:build !slim

package main

import "fmt"

// publicChains are the well-known chains on which tokens are worth money, by chain id (EIP-155). Public test networks
// are not among them.
var publicChains = map[uint64]string{
	1: "Ethereum", 10: "OP Mainnet", 25: "Cronos", 30: "Rootstock", 56: "BNB Smart Chain", 61: "Ethereum Classic",
	100: "Gnosis", 122: "Fuse", 130: "Unichain", 137: "Polygon", 143: "Monad", 146: "Sonic", 169: "Manta Pacific",
	204: "opBNB", 232: "Lens", 250: "Fantom", 252: "Fraxtal", 288: "Boba", 324: "ZKsync Era", 369: "PulseChain",
	480: "World Chain", 999: "HyperEVM", 1088: "Metis", 1101: "Polygon zkEVM", 1135: "Lisk", 1284: "Moonbeam",
	1285: "Moonriver", 1329: "Sei", 1868: "Soneium", 2020: "Ronin", 2222: "Kava", 2741: "Abstract", 5000: "Mantle",
	8217: "Kaia", 8453: "Base", 9745: "Plasma", 34443: "Mode", 42161: "Arbitrum One", 42170: "Arbitrum Nova",
	42220: "Celo", 43114: "Avalanche", 57073: "Ink", 59144: "Linea", 14: "Flare", 19: "Songbird", 40: "Telos",
	42: "LUKSO", 50: "XDC", 66: "OKTChain", 88: "Viction", 106: "Velas", 108: "ThunderCore", 109: "Shibarium",
	128: "HECO", 177: "HashKey Chain", 185: "Mint", 196: "X Layer", 199: "BitTorrent Chain", 239: "TAC",
	248: "Oasys", 255: "Kroma", 291: "Orderly", 295: "Hedera", 314: "Filecoin", 321: "KCC", 388: "Cronos zkEVM",
	592: "Astar", 660279: "Xai", 690: "Redstone", 698: "Matchain", 747: "Flow", 888: "Wanchain", 988: "Stable",
	1030: "Conflux eSpace", 1116: "Core", 1514: "Story", 1625: "Gravity", 1672: "Pharos", 1750: "Metal L2",
	1890: "LightLink", 1923: "Swellchain", 2001: "Milkomeda", 2345: "GOAT", 2818: "Morph", 4158: "CrossFi",
	4200: "Merlin", 4217: "Tempo", 4326: "MegaETH", 4689: "IoTeX", 5031: "Somnia", 5330: "Superseed",
	6001: "BounceBit", 7000: "ZetaChain", 7560: "Cyber", 8822: "IOTA EVM", 9001: "Evmos", 13371: "Immutable",
	16661: "0G", 32769: "Zilliqa", 33139: "ApeChain", 41923: "EDU Chain", 42766: "ZKFair", 43111: "Hemi",
	47763: "Neo X", 48900: "Zircuit", 50104: "Sophon", 55244: "Superposition", 60808: "BOB", 61166: "Treasure",
	81224: "Codex", 98866: "Plume", 111188: "re.al", 167000: "Taiko", 200901: "Bitlayer", 222222: "Hydration",
	245022934: "Neon", 323432: "Worlds", 543210: "ZERO", 666666666: "Degen", 728126428: "TRON",
	810180: "zkLink Nova", 1380012617: "RARI", 1666600000: "Harmony", 21000000: "Corn", 80094: "Berachain",
	81457: "Blast", 534352: "Scroll", 7777777: "Zora", 1313161554: "Aurora",
}

// refusePublicChain returns an error for a chain on which real money would come in: the development stack keeps the
// seed of its addresses in a file that --fresh deletes.
func refusePublicChain(chainID uint64) error {
	name, public := publicChains[chainID]
	if !public {
		return nil
	}
	return fmt.Errorf("this is %s (chain %d), where tokens are worth money; paycow dev keeps the seed of its "+
		"addresses in a plain file that --fresh deletes, so use paycow serve there", name, chainID)
}
