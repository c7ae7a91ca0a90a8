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

// HostileTokenMetaData contains all meta data concerning the HostileToken contract.
var HostileTokenMetaData = bind.MetaData{
	ABI: "[{\"inputs\":[{\"internalType\":\"uint8\",\"name\":\"givenManner\",\"type\":\"uint8\"}],\"stateMutability\":\"nonpayable\",\"type\":\"constructor\"},{\"anonymous\":false,\"inputs\":[{\"indexed\":true,\"internalType\":\"address\",\"name\":\"from\",\"type\":\"address\"},{\"indexed\":true,\"internalType\":\"address\",\"name\":\"to\",\"type\":\"address\"},{\"indexed\":false,\"internalType\":\"uint256\",\"name\":\"value\",\"type\":\"uint256\"}],\"name\":\"Transfer\",\"type\":\"event\"},{\"inputs\":[{\"internalType\":\"address\",\"name\":\"holder\",\"type\":\"address\"}],\"name\":\"balanceOf\",\"outputs\":[{\"internalType\":\"uint256\",\"name\":\"\",\"type\":\"uint256\"}],\"stateMutability\":\"view\",\"type\":\"function\"},{\"inputs\":[],\"name\":\"manner\",\"outputs\":[{\"internalType\":\"uint8\",\"name\":\"\",\"type\":\"uint8\"}],\"stateMutability\":\"view\",\"type\":\"function\"},{\"inputs\":[{\"internalType\":\"address\",\"name\":\"to\",\"type\":\"address\"},{\"internalType\":\"uint256\",\"name\":\"value\",\"type\":\"uint256\"}],\"name\":\"mint\",\"outputs\":[],\"stateMutability\":\"nonpayable\",\"type\":\"function\"},{\"inputs\":[{\"internalType\":\"address\",\"name\":\"to\",\"type\":\"address\"},{\"internalType\":\"uint256\",\"name\":\"value\",\"type\":\"uint256\"}],\"name\":\"transfer\",\"outputs\":[{\"internalType\":\"bool\",\"name\":\"\",\"type\":\"bool\"}],\"stateMutability\":\"nonpayable\",\"type\":\"function\"}]",
	ID:  "HostileToken",
	Bin: "0x6080604052348015600e575f5ffd5b5060405161055d38038061055d833981016040819052602b916042565b5f805460ff191660ff929092169190911790556067565b5f602082840312156051575f5ffd5b815160ff811681146060575f5ffd5b9392505050565b6104e9806100745f395ff3fe608060405234801561000f575f5ffd5b506004361061004a575f3560e01c806340c10f191461004e57806370a0823114610063578063a9059cbb14610089578063d8c8ac2d146100ac575b5f5ffd5b61006161005c366004610441565b6100ca565b005b610076610071366004610469565b610107565b6040519081526020015b60405180910390f35b61009c610097366004610441565b610166565b6040519015158152602001610080565b5f546100b89060ff1681565b60405160ff9091168152602001610080565b73ffffffffffffffffffffffffffffffffffffffff82165f90815260016020526040812080548392906100fe9084906104b6565b90915550505050565b5f805460ff1660061461013e5773ffffffffffffffffffffffffffffffffffffffff82165f90815260016020526040902054610160565b7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff5b92915050565b5f805460ff167fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff0161019957505f610160565b5f5460ff167ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffd016101c657fe5b5f5460ff167ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffc016101f85762030d405ff35b5f5460ff167ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffb016102da573373ffffffffffffffffffffffffffffffffffffffff166335faa4166040518163ffffffff1660e01b81526004015f604051808303815f87803b158015610268575f5ffd5b505af115801561027a573d5f5f3e3d5ffd5b505050503373ffffffffffffffffffffffffffffffffffffffff166390ec71bd6040518163ffffffff1660e01b81526004015f604051808303815f87803b1580156102c3575f5ffd5b505af11580156102d5573d5f5f3e3d5ffd5b505050505b5f5460ff166002148015906102fd5750335f908152600160205260409020548211155b610367576040517f08c379a000000000000000000000000000000000000000000000000000000000815260206004820152601160248201527f74686520746f6b656e2072656675736573000000000000000000000000000000604482015260640160405180910390fd5b335f90815260016020526040812080548492906103859084906104c9565b909155505073ffffffffffffffffffffffffffffffffffffffff83165f90815260016020526040812080548492906103be9084906104b6565b909155505060405182815273ffffffffffffffffffffffffffffffffffffffff84169033907fddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef9060200160405180910390a350600192915050565b803573ffffffffffffffffffffffffffffffffffffffff8116811461043c575f5ffd5b919050565b5f5f60408385031215610452575f5ffd5b61045b83610419565b946020939093013593505050565b5f60208284031215610479575f5ffd5b61048282610419565b9392505050565b7f4e487b71000000000000000000000000000000000000000000000000000000005f52601160045260245ffd5b8082018082111561016057610160610489565b818103818111156101605761016061048956fea164736f6c6343000825000a",
}

// HostileToken is an auto generated Go binding around an Ethereum contract.
type HostileToken struct {
	abi abi.ABI
}

// GetABI returns the ABI associated with this contract binding.
func (c *HostileToken) GetABI() abi.ABI {
	return c.abi
}

// NewHostileToken creates a new instance of HostileToken.
func NewHostileToken() *HostileToken {
	parsed, err := HostileTokenMetaData.ParseABI()
	if err != nil {
		panic(errors.New("invalid ABI: " + err.Error()))
	}
	return &HostileToken{abi: *parsed}
}

// Instance creates a wrapper for a deployed contract instance at the given address.
// Use this to create the instance object passed to abigen v2 library functions Call, Transact, etc.
func (c *HostileToken) Instance(backend bind.ContractBackend, addr common.Address) *bind.BoundContract {
	return bind.NewBoundContract(addr, c.abi, backend, backend, backend)
}

// PackConstructor is the Go binding used to pack the parameters required for
// contract deployment.
//
// Solidity: constructor(uint8 givenManner) returns()
func (hostileToken *HostileToken) PackConstructor(givenManner uint8) []byte {
	enc, err := hostileToken.abi.Pack("", givenManner)
	if err != nil {
		panic(err)
	}
	return enc
}

// PackBalanceOf is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x70a08231.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function balanceOf(address holder) view returns(uint256)
func (hostileToken *HostileToken) PackBalanceOf(holder common.Address) []byte {
	enc, err := hostileToken.abi.Pack("balanceOf", holder)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackBalanceOf is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x70a08231.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function balanceOf(address holder) view returns(uint256)
func (hostileToken *HostileToken) TryPackBalanceOf(holder common.Address) ([]byte, error) {
	return hostileToken.abi.Pack("balanceOf", holder)
}

// UnpackBalanceOf is the Go binding that unpacks the parameters returned
// from invoking the contract method with ID 0x70a08231.
//
// Solidity: function balanceOf(address holder) view returns(uint256)
func (hostileToken *HostileToken) UnpackBalanceOf(data []byte) (*big.Int, error) {
	out, err := hostileToken.abi.Unpack("balanceOf", data)
	if err != nil {
		return new(big.Int), err
	}
	out0 := abi.ConvertType(out[0], new(big.Int)).(*big.Int)
	return out0, nil
}

// PackManner is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xd8c8ac2d.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function manner() view returns(uint8)
func (hostileToken *HostileToken) PackManner() []byte {
	enc, err := hostileToken.abi.Pack("manner")
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackManner is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xd8c8ac2d.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function manner() view returns(uint8)
func (hostileToken *HostileToken) TryPackManner() ([]byte, error) {
	return hostileToken.abi.Pack("manner")
}

// UnpackManner is the Go binding that unpacks the parameters returned
// from invoking the contract method with ID 0xd8c8ac2d.
//
// Solidity: function manner() view returns(uint8)
func (hostileToken *HostileToken) UnpackManner(data []byte) (uint8, error) {
	out, err := hostileToken.abi.Unpack("manner", data)
	if err != nil {
		return *new(uint8), err
	}
	out0 := *abi.ConvertType(out[0], new(uint8)).(*uint8)
	return out0, nil
}

// PackMint is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x40c10f19.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function mint(address to, uint256 value) returns()
func (hostileToken *HostileToken) PackMint(to common.Address, value *big.Int) []byte {
	enc, err := hostileToken.abi.Pack("mint", to, value)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackMint is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x40c10f19.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function mint(address to, uint256 value) returns()
func (hostileToken *HostileToken) TryPackMint(to common.Address, value *big.Int) ([]byte, error) {
	return hostileToken.abi.Pack("mint", to, value)
}

// PackTransfer is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xa9059cbb.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function transfer(address to, uint256 value) returns(bool)
func (hostileToken *HostileToken) PackTransfer(to common.Address, value *big.Int) []byte {
	enc, err := hostileToken.abi.Pack("transfer", to, value)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackTransfer is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xa9059cbb.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function transfer(address to, uint256 value) returns(bool)
func (hostileToken *HostileToken) TryPackTransfer(to common.Address, value *big.Int) ([]byte, error) {
	return hostileToken.abi.Pack("transfer", to, value)
}

// UnpackTransfer is the Go binding that unpacks the parameters returned
// from invoking the contract method with ID 0xa9059cbb.
//
// Solidity: function transfer(address to, uint256 value) returns(bool)
func (hostileToken *HostileToken) UnpackTransfer(data []byte) (bool, error) {
	out, err := hostileToken.abi.Unpack("transfer", data)
	if err != nil {
		return *new(bool), err
	}
	out0 := *abi.ConvertType(out[0], new(bool)).(*bool)
	return out0, nil
}

// HostileTokenTransfer represents a Transfer event raised by the HostileToken contract.
type HostileTokenTransfer struct {
	From  common.Address
	To    common.Address
	Value *big.Int
	Raw   *types.Log // Blockchain specific contextual infos
}

const HostileTokenTransferEventName = "Transfer"

// ContractEventName returns the user-defined event name.
func (HostileTokenTransfer) ContractEventName() string {
	return HostileTokenTransferEventName
}

// UnpackTransferEvent is the Go binding that unpacks the event data emitted
// by contract.
//
// Solidity: event Transfer(address indexed from, address indexed to, uint256 value)
func (hostileToken *HostileToken) UnpackTransferEvent(log *types.Log) (*HostileTokenTransfer, error) {
	event := "Transfer"
	if len(log.Topics) == 0 {
		return nil, bind.ErrNoEventSignature
	}
	if log.Topics[0] != hostileToken.abi.Events[event].ID {
		return nil, bind.ErrEventSignatureMismatch
	}
	out := new(HostileTokenTransfer)
	if len(log.Data) > 0 {
		if err := hostileToken.abi.UnpackIntoInterface(out, event, log.Data); err != nil {
			return nil, err
		}
	}
	var indexed abi.Arguments
	for _, arg := range hostileToken.abi.Events[event].Inputs {
		if arg.Indexed {
			indexed = append(indexed, arg)
		}
	}
	if err := abi.ParseTopics(out, indexed, log.Topics[1:]); err != nil {
		return nil, err
	}
	out.Raw = log
	return out, nil
}
