// Code generated via abigen V2 - DO NOT EDIT.
// This file is a generated binding and any manual changes will be lost.

package token

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

// TestUSDTUpgradeMetaData contains all meta data concerning the TestUSDTUpgrade contract.
var TestUSDTUpgradeMetaData = bind.MetaData{
	ABI: "[{\"inputs\":[{\"internalType\":\"address\",\"name\":\"legacyToken\",\"type\":\"address\"}],\"stateMutability\":\"nonpayable\",\"type\":\"constructor\"},{\"anonymous\":false,\"inputs\":[{\"indexed\":true,\"internalType\":\"address\",\"name\":\"owner\",\"type\":\"address\"},{\"indexed\":true,\"internalType\":\"address\",\"name\":\"spender\",\"type\":\"address\"},{\"indexed\":false,\"internalType\":\"uint256\",\"name\":\"value\",\"type\":\"uint256\"}],\"name\":\"Approval\",\"type\":\"event\"},{\"anonymous\":false,\"inputs\":[{\"indexed\":true,\"internalType\":\"address\",\"name\":\"from\",\"type\":\"address\"},{\"indexed\":true,\"internalType\":\"address\",\"name\":\"to\",\"type\":\"address\"},{\"indexed\":false,\"internalType\":\"uint256\",\"name\":\"value\",\"type\":\"uint256\"}],\"name\":\"Transfer\",\"type\":\"event\"},{\"inputs\":[{\"internalType\":\"address\",\"name\":\"\",\"type\":\"address\"},{\"internalType\":\"address\",\"name\":\"\",\"type\":\"address\"}],\"name\":\"allowance\",\"outputs\":[{\"internalType\":\"uint256\",\"name\":\"\",\"type\":\"uint256\"}],\"stateMutability\":\"view\",\"type\":\"function\"},{\"inputs\":[{\"internalType\":\"address\",\"name\":\"holder\",\"type\":\"address\"},{\"internalType\":\"address\",\"name\":\"spender\",\"type\":\"address\"},{\"internalType\":\"uint256\",\"name\":\"value\",\"type\":\"uint256\"}],\"name\":\"approveByLegacy\",\"outputs\":[],\"stateMutability\":\"nonpayable\",\"type\":\"function\"},{\"inputs\":[{\"internalType\":\"address\",\"name\":\"\",\"type\":\"address\"}],\"name\":\"balanceOf\",\"outputs\":[{\"internalType\":\"uint256\",\"name\":\"\",\"type\":\"uint256\"}],\"stateMutability\":\"view\",\"type\":\"function\"},{\"inputs\":[],\"name\":\"legacy\",\"outputs\":[{\"internalType\":\"address\",\"name\":\"\",\"type\":\"address\"}],\"stateMutability\":\"view\",\"type\":\"function\"},{\"inputs\":[{\"internalType\":\"address\",\"name\":\"holder\",\"type\":\"address\"},{\"internalType\":\"uint256\",\"name\":\"amount\",\"type\":\"uint256\"}],\"name\":\"migrate\",\"outputs\":[],\"stateMutability\":\"nonpayable\",\"type\":\"function\"},{\"inputs\":[],\"name\":\"owner\",\"outputs\":[{\"internalType\":\"address\",\"name\":\"\",\"type\":\"address\"}],\"stateMutability\":\"view\",\"type\":\"function\"},{\"inputs\":[],\"name\":\"totalSupply\",\"outputs\":[{\"internalType\":\"uint256\",\"name\":\"\",\"type\":\"uint256\"}],\"stateMutability\":\"view\",\"type\":\"function\"},{\"inputs\":[{\"internalType\":\"address\",\"name\":\"sender\",\"type\":\"address\"},{\"internalType\":\"address\",\"name\":\"to\",\"type\":\"address\"},{\"internalType\":\"uint256\",\"name\":\"value\",\"type\":\"uint256\"}],\"name\":\"transferByLegacy\",\"outputs\":[],\"stateMutability\":\"nonpayable\",\"type\":\"function\"},{\"inputs\":[{\"internalType\":\"address\",\"name\":\"spender\",\"type\":\"address\"},{\"internalType\":\"address\",\"name\":\"from\",\"type\":\"address\"},{\"internalType\":\"address\",\"name\":\"to\",\"type\":\"address\"},{\"internalType\":\"uint256\",\"name\":\"value\",\"type\":\"uint256\"}],\"name\":\"transferFromByLegacy\",\"outputs\":[],\"stateMutability\":\"nonpayable\",\"type\":\"function\"}]",
	ID:  "TestUSDTUpgrade",
	Bin: "0x60c060405234801561001057600080fd5b506040516107f93803806107f983398101604081905261002f91610044565b6001600160a01b03166080523360a052610074565b60006020828403121561005657600080fd5b81516001600160a01b038116811461006d57600080fd5b9392505050565b60805160a0516107446100b560003960008181610101015261032a015260008181610140015281816101be0152818161021f01526103e901526107446000f3fe608060405234801561001057600080fd5b50600436106100935760003560e01c80638da5cb5b116100665780638da5cb5b146100fc578063a7f3f0d21461013b578063ad68ebf714610162578063aee92d3314610175578063dd62ed3e1461018857600080fd5b806318160ddd146100985780636e18980a146100b457806370a08231146100c95780638b477adb146100e9575b600080fd5b6100a160005481565b6040519081526020015b60405180910390f35b6100c76100c23660046105ad565b6101b3565b005b6100a16100d73660046105ea565b60016020526000908152604090205481565b6100c76100f736600461060c565b610214565b6101237f000000000000000000000000000000000000000000000000000000000000000081565b6040516001600160a01b0390911681526020016100ab565b6101237f000000000000000000000000000000000000000000000000000000000000000081565b6100c7610170366004610657565b61031f565b6100c76101833660046105ad565b6103de565b6100a1610196366004610681565b600260209081526000928352604080842090915290825290205481565b336001600160a01b037f000000000000000000000000000000000000000000000000000000000000000016146102045760405162461bcd60e51b81526004016101fb906106b4565b60405180910390fd5b61020f838383610488565b505050565b336001600160a01b037f0000000000000000000000000000000000000000000000000000000000000000161461025c5760405162461bcd60e51b81526004016101fb906106b4565b6001600160a01b038084166000908152600260209081526040808320938816835292905220548111156102d15760405162461bcd60e51b815260206004820152601a60248201527f74686520616c6c6f77616e636520697320746f6f20736d616c6c00000000000060448201526064016101fb565b6001600160a01b0380841660009081526002602090815260408083209388168352929052908120805483929061030890849061070b565b909155506103199050838383610488565b50505050565b336001600160a01b037f000000000000000000000000000000000000000000000000000000000000000016146103975760405162461bcd60e51b815260206004820152601a60248201527f6f6e6c7920746865206f776e6572206d617920646f207468697300000000000060448201526064016101fb565b806000808282546103a89190610724565b90915550506001600160a01b038216600090815260016020526040812080548392906103d5908490610724565b90915550505050565b336001600160a01b037f000000000000000000000000000000000000000000000000000000000000000016146104265760405162461bcd60e51b81526004016101fb906106b4565b6001600160a01b0383811660008181526002602090815260408083209487168084529482529182902085905590518481527f8c5be1e5ebec7d5bd14f71427d1e84f3dd0314c0f7b2291e5b200ac8c7c3b92591015b60405180910390a3505050565b6001600160a01b0383166000908152600160205260409020548111156104f05760405162461bcd60e51b815260206004820152601860248201527f7468652062616c616e636520697320746f6f20736d616c6c000000000000000060448201526064016101fb565b6001600160a01b0383166000908152600160205260408120805483929061051890849061070b565b90915550506001600160a01b03821660009081526001602052604081208054839290610545908490610724565b92505081905550816001600160a01b0316836001600160a01b03167fddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef8360405161047b91815260200190565b80356001600160a01b03811681146105a857600080fd5b919050565b6000806000606084860312156105c257600080fd5b6105cb84610591565b92506105d960208501610591565b929592945050506040919091013590565b6000602082840312156105fc57600080fd5b61060582610591565b9392505050565b6000806000806080858703121561062257600080fd5b61062b85610591565b935061063960208601610591565b925061064760408601610591565b9396929550929360600135925050565b6000806040838503121561066a57600080fd5b61067383610591565b946020939093013593505050565b6000806040838503121561069457600080fd5b61069d83610591565b91506106ab60208401610591565b90509250929050565b60208082526021908201527f6f6e6c7920746865206c656761637920746f6b656e206d617920646f207468696040820152607360f81b606082015260800190565b634e487b7160e01b600052601160045260246000fd5b8181038181111561071e5761071e6106f5565b92915050565b8082018082111561071e5761071e6106f556fea164736f6c6343000825000a",
}

// TestUSDTUpgrade is an auto generated Go binding around an Ethereum contract.
type TestUSDTUpgrade struct {
	abi abi.ABI
}

// GetABI returns the ABI associated with this contract binding.
func (c *TestUSDTUpgrade) GetABI() abi.ABI {
	return c.abi
}

// NewTestUSDTUpgrade creates a new instance of TestUSDTUpgrade.
func NewTestUSDTUpgrade() *TestUSDTUpgrade {
	parsed, err := TestUSDTUpgradeMetaData.ParseABI()
	if err != nil {
		panic(errors.New("invalid ABI: " + err.Error()))
	}
	return &TestUSDTUpgrade{abi: *parsed}
}

// Instance creates a wrapper for a deployed contract instance at the given address.
// Use this to create the instance object passed to abigen v2 library functions Call, Transact, etc.
func (c *TestUSDTUpgrade) Instance(backend bind.ContractBackend, addr common.Address) *bind.BoundContract {
	return bind.NewBoundContract(addr, c.abi, backend, backend, backend)
}

// PackConstructor is the Go binding used to pack the parameters required for
// contract deployment.
//
// Solidity: constructor(address legacyToken) returns()
func (testUSDTUpgrade *TestUSDTUpgrade) PackConstructor(legacyToken common.Address) []byte {
	enc, err := testUSDTUpgrade.abi.Pack("", legacyToken)
	if err != nil {
		panic(err)
	}
	return enc
}

// PackAllowance is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xdd62ed3e.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function allowance(address , address ) view returns(uint256)
func (testUSDTUpgrade *TestUSDTUpgrade) PackAllowance(arg0 common.Address, arg1 common.Address) []byte {
	enc, err := testUSDTUpgrade.abi.Pack("allowance", arg0, arg1)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackAllowance is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xdd62ed3e.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function allowance(address , address ) view returns(uint256)
func (testUSDTUpgrade *TestUSDTUpgrade) TryPackAllowance(arg0 common.Address, arg1 common.Address) ([]byte, error) {
	return testUSDTUpgrade.abi.Pack("allowance", arg0, arg1)
}

// UnpackAllowance is the Go binding that unpacks the parameters returned
// from invoking the contract method with ID 0xdd62ed3e.
//
// Solidity: function allowance(address , address ) view returns(uint256)
func (testUSDTUpgrade *TestUSDTUpgrade) UnpackAllowance(data []byte) (*big.Int, error) {
	out, err := testUSDTUpgrade.abi.Unpack("allowance", data)
	if err != nil {
		return new(big.Int), err
	}
	out0 := abi.ConvertType(out[0], new(big.Int)).(*big.Int)
	return out0, nil
}

// PackApproveByLegacy is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xaee92d33.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function approveByLegacy(address holder, address spender, uint256 value) returns()
func (testUSDTUpgrade *TestUSDTUpgrade) PackApproveByLegacy(holder common.Address, spender common.Address, value *big.Int) []byte {
	enc, err := testUSDTUpgrade.abi.Pack("approveByLegacy", holder, spender, value)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackApproveByLegacy is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xaee92d33.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function approveByLegacy(address holder, address spender, uint256 value) returns()
func (testUSDTUpgrade *TestUSDTUpgrade) TryPackApproveByLegacy(holder common.Address, spender common.Address, value *big.Int) ([]byte, error) {
	return testUSDTUpgrade.abi.Pack("approveByLegacy", holder, spender, value)
}

// PackBalanceOf is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x70a08231.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function balanceOf(address ) view returns(uint256)
func (testUSDTUpgrade *TestUSDTUpgrade) PackBalanceOf(arg0 common.Address) []byte {
	enc, err := testUSDTUpgrade.abi.Pack("balanceOf", arg0)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackBalanceOf is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x70a08231.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function balanceOf(address ) view returns(uint256)
func (testUSDTUpgrade *TestUSDTUpgrade) TryPackBalanceOf(arg0 common.Address) ([]byte, error) {
	return testUSDTUpgrade.abi.Pack("balanceOf", arg0)
}

// UnpackBalanceOf is the Go binding that unpacks the parameters returned
// from invoking the contract method with ID 0x70a08231.
//
// Solidity: function balanceOf(address ) view returns(uint256)
func (testUSDTUpgrade *TestUSDTUpgrade) UnpackBalanceOf(data []byte) (*big.Int, error) {
	out, err := testUSDTUpgrade.abi.Unpack("balanceOf", data)
	if err != nil {
		return new(big.Int), err
	}
	out0 := abi.ConvertType(out[0], new(big.Int)).(*big.Int)
	return out0, nil
}

// PackLegacy is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xa7f3f0d2.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function legacy() view returns(address)
func (testUSDTUpgrade *TestUSDTUpgrade) PackLegacy() []byte {
	enc, err := testUSDTUpgrade.abi.Pack("legacy")
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackLegacy is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xa7f3f0d2.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function legacy() view returns(address)
func (testUSDTUpgrade *TestUSDTUpgrade) TryPackLegacy() ([]byte, error) {
	return testUSDTUpgrade.abi.Pack("legacy")
}

// UnpackLegacy is the Go binding that unpacks the parameters returned
// from invoking the contract method with ID 0xa7f3f0d2.
//
// Solidity: function legacy() view returns(address)
func (testUSDTUpgrade *TestUSDTUpgrade) UnpackLegacy(data []byte) (common.Address, error) {
	out, err := testUSDTUpgrade.abi.Unpack("legacy", data)
	if err != nil {
		return *new(common.Address), err
	}
	out0 := *abi.ConvertType(out[0], new(common.Address)).(*common.Address)
	return out0, nil
}

// PackMigrate is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xad68ebf7.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function migrate(address holder, uint256 amount) returns()
func (testUSDTUpgrade *TestUSDTUpgrade) PackMigrate(holder common.Address, amount *big.Int) []byte {
	enc, err := testUSDTUpgrade.abi.Pack("migrate", holder, amount)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackMigrate is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xad68ebf7.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function migrate(address holder, uint256 amount) returns()
func (testUSDTUpgrade *TestUSDTUpgrade) TryPackMigrate(holder common.Address, amount *big.Int) ([]byte, error) {
	return testUSDTUpgrade.abi.Pack("migrate", holder, amount)
}

// PackOwner is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x8da5cb5b.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function owner() view returns(address)
func (testUSDTUpgrade *TestUSDTUpgrade) PackOwner() []byte {
	enc, err := testUSDTUpgrade.abi.Pack("owner")
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackOwner is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x8da5cb5b.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function owner() view returns(address)
func (testUSDTUpgrade *TestUSDTUpgrade) TryPackOwner() ([]byte, error) {
	return testUSDTUpgrade.abi.Pack("owner")
}

// UnpackOwner is the Go binding that unpacks the parameters returned
// from invoking the contract method with ID 0x8da5cb5b.
//
// Solidity: function owner() view returns(address)
func (testUSDTUpgrade *TestUSDTUpgrade) UnpackOwner(data []byte) (common.Address, error) {
	out, err := testUSDTUpgrade.abi.Unpack("owner", data)
	if err != nil {
		return *new(common.Address), err
	}
	out0 := *abi.ConvertType(out[0], new(common.Address)).(*common.Address)
	return out0, nil
}

// PackTotalSupply is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x18160ddd.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function totalSupply() view returns(uint256)
func (testUSDTUpgrade *TestUSDTUpgrade) PackTotalSupply() []byte {
	enc, err := testUSDTUpgrade.abi.Pack("totalSupply")
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackTotalSupply is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x18160ddd.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function totalSupply() view returns(uint256)
func (testUSDTUpgrade *TestUSDTUpgrade) TryPackTotalSupply() ([]byte, error) {
	return testUSDTUpgrade.abi.Pack("totalSupply")
}

// UnpackTotalSupply is the Go binding that unpacks the parameters returned
// from invoking the contract method with ID 0x18160ddd.
//
// Solidity: function totalSupply() view returns(uint256)
func (testUSDTUpgrade *TestUSDTUpgrade) UnpackTotalSupply(data []byte) (*big.Int, error) {
	out, err := testUSDTUpgrade.abi.Unpack("totalSupply", data)
	if err != nil {
		return new(big.Int), err
	}
	out0 := abi.ConvertType(out[0], new(big.Int)).(*big.Int)
	return out0, nil
}

// PackTransferByLegacy is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x6e18980a.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function transferByLegacy(address sender, address to, uint256 value) returns()
func (testUSDTUpgrade *TestUSDTUpgrade) PackTransferByLegacy(sender common.Address, to common.Address, value *big.Int) []byte {
	enc, err := testUSDTUpgrade.abi.Pack("transferByLegacy", sender, to, value)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackTransferByLegacy is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x6e18980a.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function transferByLegacy(address sender, address to, uint256 value) returns()
func (testUSDTUpgrade *TestUSDTUpgrade) TryPackTransferByLegacy(sender common.Address, to common.Address, value *big.Int) ([]byte, error) {
	return testUSDTUpgrade.abi.Pack("transferByLegacy", sender, to, value)
}

// PackTransferFromByLegacy is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x8b477adb.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function transferFromByLegacy(address spender, address from, address to, uint256 value) returns()
func (testUSDTUpgrade *TestUSDTUpgrade) PackTransferFromByLegacy(spender common.Address, from common.Address, to common.Address, value *big.Int) []byte {
	enc, err := testUSDTUpgrade.abi.Pack("transferFromByLegacy", spender, from, to, value)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackTransferFromByLegacy is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x8b477adb.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function transferFromByLegacy(address spender, address from, address to, uint256 value) returns()
func (testUSDTUpgrade *TestUSDTUpgrade) TryPackTransferFromByLegacy(spender common.Address, from common.Address, to common.Address, value *big.Int) ([]byte, error) {
	return testUSDTUpgrade.abi.Pack("transferFromByLegacy", spender, from, to, value)
}

// TestUSDTUpgradeApproval represents a Approval event raised by the TestUSDTUpgrade contract.
type TestUSDTUpgradeApproval struct {
	Owner   common.Address
	Spender common.Address
	Value   *big.Int
	Raw     *types.Log // Blockchain specific contextual infos
}

const TestUSDTUpgradeApprovalEventName = "Approval"

// ContractEventName returns the user-defined event name.
func (TestUSDTUpgradeApproval) ContractEventName() string {
	return TestUSDTUpgradeApprovalEventName
}

// UnpackApprovalEvent is the Go binding that unpacks the event data emitted
// by contract.
//
// Solidity: event Approval(address indexed owner, address indexed spender, uint256 value)
func (testUSDTUpgrade *TestUSDTUpgrade) UnpackApprovalEvent(log *types.Log) (*TestUSDTUpgradeApproval, error) {
	event := "Approval"
	if len(log.Topics) == 0 {
		return nil, bind.ErrNoEventSignature
	}
	if log.Topics[0] != testUSDTUpgrade.abi.Events[event].ID {
		return nil, bind.ErrEventSignatureMismatch
	}
	out := new(TestUSDTUpgradeApproval)
	if len(log.Data) > 0 {
		if err := testUSDTUpgrade.abi.UnpackIntoInterface(out, event, log.Data); err != nil {
			return nil, err
		}
	}
	var indexed abi.Arguments
	for _, arg := range testUSDTUpgrade.abi.Events[event].Inputs {
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

// TestUSDTUpgradeTransfer represents a Transfer event raised by the TestUSDTUpgrade contract.
type TestUSDTUpgradeTransfer struct {
	From  common.Address
	To    common.Address
	Value *big.Int
	Raw   *types.Log // Blockchain specific contextual infos
}

const TestUSDTUpgradeTransferEventName = "Transfer"

// ContractEventName returns the user-defined event name.
func (TestUSDTUpgradeTransfer) ContractEventName() string {
	return TestUSDTUpgradeTransferEventName
}

// UnpackTransferEvent is the Go binding that unpacks the event data emitted
// by contract.
//
// Solidity: event Transfer(address indexed from, address indexed to, uint256 value)
func (testUSDTUpgrade *TestUSDTUpgrade) UnpackTransferEvent(log *types.Log) (*TestUSDTUpgradeTransfer, error) {
	event := "Transfer"
	if len(log.Topics) == 0 {
		return nil, bind.ErrNoEventSignature
	}
	if log.Topics[0] != testUSDTUpgrade.abi.Events[event].ID {
		return nil, bind.ErrEventSignatureMismatch
	}
	out := new(TestUSDTUpgradeTransfer)
	if len(log.Data) > 0 {
		if err := testUSDTUpgrade.abi.UnpackIntoInterface(out, event, log.Data); err != nil {
			return nil, err
		}
	}
	var indexed abi.Arguments
	for _, arg := range testUSDTUpgrade.abi.Events[event].Inputs {
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
