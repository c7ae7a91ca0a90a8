package chaintest

import (
	"encoding/binary"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
)

// Output is one log that a transaction makes.
type Output struct {
	Contract common.Address
	Topics   []common.Hash
	Data     []byte
}

// Log returns the log, which is in no block yet.
func (o Output) Log() *types.Log {
	return &types.Log{
		Address: o.Contract,
		Topics:  append([]common.Hash{}, o.Topics...),
		Data:    append([]byte{}, o.Data...),
	}
}

// Pay is a Transfer log of the token from Sender, of that many micro-USDT.
func Pay(to common.Address, units int64) Output {
	return Transfer(Token, Sender, to, big.NewInt(units))
}

// Transfer is a Transfer log of any contract.
func Transfer(contract, from, to common.Address, value *big.Int) Output {
	return Output{
		Contract: contract,
		Topics:   []common.Hash{TransferTopic, common.BytesToHash(from[:]), common.BytesToHash(to[:])},
		Data:     common.BigToHash(value).Bytes(),
	}
}

// Event is any log of the token without indexed arguments, by its signature, such as "Pause()" or
// "Params(uint256,uint256)". Each argument is one word: a big-endian number, or an address.
func Event(signature string, arguments ...[]byte) Output {
	return EventOf(Token, signature, arguments...)
}

// EventOf is such a log of any contract.
func EventOf(contract common.Address, signature string, arguments ...[]byte) Output {
	output := Output{Contract: contract, Topics: []common.Hash{EventTopic(signature)}}
	for _, argument := range arguments {
		output.Data = append(output.Data, common.LeftPadBytes(argument, common.HashLength)...)
	}
	return output
}

// EventTopic returns the first topic of the logs of an event.
func EventTopic(signature string) common.Hash { return crypto.Keccak256Hash([]byte(signature)) }

// TxHash returns the hash of the model's n-th transaction.
func TxHash(n int) common.Hash {
	return crypto.Keccak256Hash([]byte("tx"), binary.BigEndian.AppendUint64(nil, uint64(n)))
}

// Tx is the n-th transaction of a model, with these outputs.
func Tx(n int, outputs ...Output) Transaction {
	return Transaction{Hash: TxHash(n), Outputs: outputs}
}
