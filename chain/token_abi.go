package chain

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"paycow/models"
)

// tokenABI is the part of USDT's contract that is read or decoded (TetherToken
// 0xdAC17F958D2ee523a2206206994597C13D831ec7).
var tokenABI = parseABI(`[
	{"type": "function", "name": "balanceOf", "stateMutability": "view",
		"inputs": [{"name": "who", "type": "address"}], "outputs": [{"name": "", "type": "uint256"}]},
	{"type": "function", "name": "transfer", "stateMutability": "nonpayable",
		"inputs": [{"name": "to", "type": "address"}, {"name": "value", "type": "uint256"}], "outputs": []},
	{"type": "function", "name": "transferFrom", "stateMutability": "nonpayable",
		"inputs": [
			{"name": "from", "type": "address"},
			{"name": "to", "type": "address"},
			{"name": "value", "type": "uint256"}
		],
		"outputs": []},
	{"type": "function", "name": "totalSupply", "stateMutability": "view",
		"inputs": [], "outputs": [{"name": "", "type": "uint256"}]},
	{"type": "function", "name": "paused", "stateMutability": "view",
		"inputs": [], "outputs": [{"name": "", "type": "bool"}]},
	{"type": "function", "name": "deprecated", "stateMutability": "view",
		"inputs": [], "outputs": [{"name": "", "type": "bool"}]},
	{"type": "function", "name": "upgradedAddress", "stateMutability": "view",
		"inputs": [], "outputs": [{"name": "", "type": "address"}]},
	{"type": "function", "name": "basisPointsRate", "stateMutability": "view",
		"inputs": [], "outputs": [{"name": "", "type": "uint256"}]},
	{"type": "function", "name": "maximumFee", "stateMutability": "view",
		"inputs": [], "outputs": [{"name": "", "type": "uint256"}]},
	{"type": "event", "name": "Transfer", "inputs": [{"name": "from", "type": "address", "indexed": true},
		{"name": "to", "type": "address", "indexed": true}, {"name": "value", "type": "uint256"}]},
	{"type": "event", "name": "Pause", "inputs": []},
	{"type": "event", "name": "Unpause", "inputs": []},
	{"type": "event", "name": "Params", "inputs": [
		{"name": "feeBasisPoints", "type": "uint256"},
		{"name": "maxFee", "type": "uint256"}
	]},
	{"type": "event", "name": "Deprecate", "inputs": [{"name": "newAddress", "type": "address"}]},
	{"type": "event", "name": "AddedBlackList", "inputs": [{"name": "user", "type": "address"}]},
	{"type": "event", "name": "RemovedBlackList", "inputs": [{"name": "user", "type": "address"}]},
	{"type": "event", "name": "DestroyedBlackFunds", "inputs": [
		{"name": "user", "type": "address"},
		{"name": "balance", "type": "uint256"}
	]}
]`)

func parseABI(text string) abi.ABI {
	parsed, err := abi.JSON(strings.NewReader(text))
	if err != nil {
		panic("parse the token's ABI: " + err.Error())
	}
	return parsed
}

// tokenEventKinds are the events, besides Transfer, that change what a transfer means. None of their arguments is
// indexed.
var tokenEventKinds = map[common.Hash]models.TokenEventKind{
	tokenABI.Events["Pause"].ID:               models.TokenPause,
	tokenABI.Events["Unpause"].ID:             models.TokenUnpause,
	tokenABI.Events["Params"].ID:              models.TokenParams,
	tokenABI.Events["Deprecate"].ID:           models.TokenDeprecate,
	tokenABI.Events["AddedBlackList"].ID:      models.TokenBlacklisted,
	tokenABI.Events["RemovedBlackList"].ID:    models.TokenUnblacklisted,
	tokenABI.Events["DestroyedBlackFunds"].ID: models.TokenFundsDestroyed,
}

// transferTopic is the first topic of every ERC-20 Transfer log.
var transferTopic = tokenABI.Events["Transfer"].ID

// watchedTopics are the first topics of all logs of the token that are read: Transfer, then the other events.
var watchedTopics = append(
	[]common.Hash{transferTopic},
	slices.SortedFunc(maps.Keys(tokenEventKinds), common.Hash.Cmp)...)

// isWatched reports whether a log is one of the token's that are read.
func isWatched(log types.Log, contracts Contracts) bool {
	return contracts.Has(log.Address) && len(log.Topics) > 0 && slices.Contains(watchedTopics, log.Topics[0])
}

// unpackStrictly decodes ABI data. ok is false unless the data is exactly how the values are encoded: a decoder that
// skips extra bytes, or the bytes before an address, would read something that the contract did not say.
func unpackStrictly(arguments abi.Arguments, data []byte) (values []any, ok bool) {
	arguments = arguments.NonIndexed()
	values, err := arguments.Unpack(data)
	if err != nil {
		return nil, false
	}
	encoded, err := arguments.Pack(values...)
	return values, err == nil && bytes.Equal(encoded, data)
}

// topicAddress reads an address in EIP-55 form from a topic. ok is false when a byte before its last 20 is not zero.
func topicAddress(topic common.Hash) (address string, ok bool) {
	const padding = common.HashLength - common.AddressLength
	if [padding]byte(topic[:padding]) != ([padding]byte{}) {
		return "", false
	}
	return common.BytesToAddress(topic[padding:]).Hex(), true
}
