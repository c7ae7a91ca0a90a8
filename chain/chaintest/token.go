package chaintest

import (
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
)

// tokenState is what a contract is after a block.
type tokenState struct {
	paused     bool
	deprecated bool
	upgraded   common.Address
	rate, most *big.Int
}

// stateAfter returns the states of all contracts after a block, as the logs up to it make them. The lock must be held.
func (c *Chain) stateAfter(hash common.Hash) map[common.Address]tokenState {
	if known, ok := c.states[hash]; ok {
		return known
	}
	states := map[common.Address]tokenState{}
	block := c.byHash[hash]
	if block == nil {
		return states
	}
	for contract, state := range c.stateAfter(block.Header.ParentHash) {
		states[contract] = state
	}
	for _, receipt := range block.Receipts {
		for _, log := range receipt.Logs {
			if len(log.Topics) == 1 {
				states[log.Address] = states[log.Address].after(log)
			}
		}
	}
	c.states[hash] = states
	return states
}

func (s tokenState) after(log *types.Log) tokenState {
	switch log.Topics[0] {
	case EventTopic("Pause()"):
		s.paused = true
	case EventTopic("Unpause()"):
		s.paused = false
	case EventTopic("Deprecate(address)"):
		s.deprecated, s.upgraded = true, common.BytesToAddress(log.Data)
	case EventTopic("Params(uint256,uint256)"):
		if len(log.Data) == 2*common.HashLength {
			s.rate = new(big.Int).SetBytes(log.Data[:common.HashLength])
			s.most = new(big.Int).SetBytes(log.Data[common.HashLength:])
		}
	}
	return s
}

// callToken returns what functions of a contract return after a block.
func (c *Chain) callToken(
	contract common.Address, hash common.Hash, lieAboutPause bool, functions []string,
) []hexutil.Bytes {
	c.mu.Lock()
	state := c.stateAfter(hash)[contract]
	c.mu.Unlock()
	word := func(number *big.Int) hexutil.Bytes {
		if number == nil {
			number = new(big.Int)
		}
		return common.BigToHash(number).Bytes()
	}
	flag := func(set bool) hexutil.Bytes {
		if set {
			return word(big.NewInt(1))
		}
		return word(nil)
	}
	answers := make([]hexutil.Bytes, len(functions))
	if contract == Vacant {
		return answers
	}
	for i, function := range functions {
		switch function {
		case "paused":
			answers[i] = flag(state.paused != lieAboutPause)
		case "deprecated":
			answers[i] = flag(state.deprecated)
		case "upgradedAddress":
			answers[i] = word(state.upgraded.Big())
		case "basisPointsRate":
			answers[i] = word(state.rate)
		case "maximumFee":
			answers[i] = word(state.most)
		case "totalSupply":
			answers[i] = word(big.NewInt(1_000_000))
		}
	}
	return answers
}
