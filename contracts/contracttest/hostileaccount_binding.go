// Code generated via abigen V2 - DO NOT EDIT.
// This file is a generated binding and any manual changes will be lost.

package contracttest

import (
	"bytes"
	"errors"
	"math/big"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/accounts/abi/bind/v2"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
)

// Reference imports to suppress errors if they are not otherwise used.
var (
	_ = bytes.Equal
	_ = errors.New
	_ = big.NewInt
	_ = common.Big1
	_ = types.BloomLookup
	_ = abi.ConvertType
)

// HostileAccountMetaData contains all meta data concerning the HostileAccount contract.
var HostileAccountMetaData = bind.MetaData{
	ABI: "[{\"inputs\":[{\"internalType\":\"uint256\",\"name\":\"givenManner\",\"type\":\"uint256\"}],\"stateMutability\":\"nonpayable\",\"type\":\"constructor\"},{\"stateMutability\":\"payable\",\"type\":\"fallback\"}]",
	ID:  "HostileAccount",
	Bin: "0x60a0604052348015600e575f5ffd5b506040516100cf3803806100cf833981016040819052602b916032565b6080526048565b5f602082840312156041575f5ffd5b5051919050565b608051606c6100635f395f818160060152602e0152606c5ff3fe60806040527f00000000000000000000000000000000000000000000000000000000000000005f03602c57fe5b7f0000000000000000000000000000000000000000000000000000000000000000600103605a57620f42405ffd5b5b605b56fea164736f6c6343000825000a",
}

// HostileAccount is an auto generated Go binding around an Ethereum contract.
type HostileAccount struct {
	abi abi.ABI
}

// GetABI returns the ABI associated with this contract binding.
func (c *HostileAccount) GetABI() abi.ABI {
	return c.abi
}

// NewHostileAccount creates a new instance of HostileAccount.
func NewHostileAccount() *HostileAccount {
	parsed, err := HostileAccountMetaData.ParseABI()
	if err != nil {
		panic(errors.New("invalid ABI: " + err.Error()))
	}
	return &HostileAccount{abi: *parsed}
}

// Instance creates a wrapper for a deployed contract instance at the given address.
// Use this to create the instance object passed to abigen v2 library functions Call, Transact, etc.
func (c *HostileAccount) Instance(backend bind.ContractBackend, addr common.Address) *bind.BoundContract {
	return bind.NewBoundContract(addr, c.abi, backend, backend, backend)
}

// PackConstructor is the Go binding used to pack the parameters required for
// contract deployment.
//
// Solidity: constructor(uint256 givenManner) returns()
func (hostileAccount *HostileAccount) PackConstructor(givenManner *big.Int) []byte {
	enc, err := hostileAccount.abi.Pack("", givenManner)
	if err != nil {
		panic(err)
	}
	return enc
}
