package localchain

import (
	"maps"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/params"
)

const (
	// chainIDNumber is the usual id of private development chains.
	chainIDNumber = 1337

	gasLimit = 60_000_000

	tokenOwnerEther = 1_000_000
	faucetEther     = 1_000_000_000
	testKeyEther    = 10_000
)

// genesisBlock returns the first block. It depends on constants only: geth opens a database only with the genesis block
// with which it was created.
func genesisBlock() *core.Genesis {
	config := *params.AllDevChainProtocolChanges
	// geth's list of all changes contains a fork whose rules are not finished.
	config.BogotaTime = nil
	config.ChainID = big.NewInt(chainIDNumber)

	alloc := core.SystemContractAllocs()
	maps.Copy(alloc, types.GenesisAlloc{
		addressOf(tokenOwnerKey()): {Balance: etherToWei(tokenOwnerEther)},
		addressOf(faucetKey()):     {Balance: etherToWei(faucetEther)},
	})
	for index := range TestKeyCount {
		alloc[addressOf(TestKey(index))] = types.Account{Balance: etherToWei(testKeyEther)}
	}
	return &core.Genesis{
		Config:     &config,
		GasLimit:   gasLimit,
		BaseFee:    big.NewInt(params.InitialBaseFee),
		Difficulty: common.Big0,
		Alloc:      alloc,
	}
}

func etherToWei(ether int64) *big.Int {
	return new(big.Int).Mul(big.NewInt(ether), big.NewInt(params.Ether))
}
