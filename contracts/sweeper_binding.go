// Code generated via abigen V2 - DO NOT EDIT.
// This file is a generated binding and any manual changes will be lost.

package contracts

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

// SweeperMetaData contains all meta data concerning the Sweeper contract.
var SweeperMetaData = bind.MetaData{
	ABI: "[{\"inputs\":[{\"internalType\":\"address[]\",\"name\":\"accounts\",\"type\":\"address[]\"},{\"internalType\":\"uint256\",\"name\":\"gasEach\",\"type\":\"uint256\"}],\"name\":\"sweep\",\"outputs\":[{\"internalType\":\"bool[]\",\"name\":\"succeeded\",\"type\":\"bool[]\"}],\"stateMutability\":\"nonpayable\",\"type\":\"function\"},{\"inputs\":[{\"internalType\":\"address[]\",\"name\":\"accounts\",\"type\":\"address[]\"},{\"internalType\":\"uint256\",\"name\":\"gasEach\",\"type\":\"uint256\"}],\"name\":\"sweepEther\",\"outputs\":[{\"internalType\":\"bool[]\",\"name\":\"succeeded\",\"type\":\"bool[]\"}],\"stateMutability\":\"nonpayable\",\"type\":\"function\"},{\"inputs\":[{\"internalType\":\"address[]\",\"name\":\"accounts\",\"type\":\"address[]\"},{\"internalType\":\"uint256\",\"name\":\"gasEach\",\"type\":\"uint256\"},{\"internalType\":\"address\",\"name\":\"token\",\"type\":\"address\"}],\"name\":\"sweepToken\",\"outputs\":[{\"internalType\":\"bool[]\",\"name\":\"succeeded\",\"type\":\"bool[]\"}],\"stateMutability\":\"nonpayable\",\"type\":\"function\"}]",
	ID:  "Sweeper",
	Bin: "0x6080604052348015600e575f5ffd5b506104bb8061001c5f395ff3fe608060405234801561000f575f5ffd5b506004361061003f575f3560e01c80635439dea2146100435780637cd83b551461006c578063d6cee0d71461007f575b5f5ffd5b610056610051366004610327565b610092565b604051610063919061036f565b60405180910390f35b61005661007a366004610327565b610103565b61005661008d3660046103db565b61016c565b6040805160048152602481019091526020810180517bffffffffffffffffffffffffffffffffffffffffffffffffffffffff167f90ec71bd000000000000000000000000000000000000000000000000000000001790526060906100fb9085908590859061021f565b949350505050565b6040805160048152602481019091526020810180517bffffffffffffffffffffffffffffffffffffffffffffffffffffffff167f35faa416000000000000000000000000000000000000000000000000000000001790526060906100fb9085908590859061021f565b60405173ffffffffffffffffffffffffffffffffffffffff8216602482015260609061021690869086908690604401604080517fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe08184030181529190526020810180517bffffffffffffffffffffffffffffffffffffffffffffffffffffffff167f1be195600000000000000000000000000000000000000000000000000000000017905261021f565b95945050505050565b60608367ffffffffffffffff81111561023a5761023a610434565b604051908082528060200260200182016040528015610263578160200160208202803683370190505b5090505f5b848110156102d6575f86868381811061028357610283610461565b9050602002016020810190610298919061048e565b90505f5f5f8651602088015f868bf19050808484815181106102bc576102bc610461565b911515602092830291909101909101525050600101610268565b50949350505050565b5f5f83601f8401126102ef575f5ffd5b50813567ffffffffffffffff811115610306575f5ffd5b6020830191508360208260051b8501011115610320575f5ffd5b9250929050565b5f5f5f60408486031215610339575f5ffd5b833567ffffffffffffffff81111561034f575f5ffd5b61035b868287016102df565b909790965060209590950135949350505050565b602080825282518282018190525f918401906040840190835b818110156103a85783511515835260209384019390920191600101610388565b509095945050505050565b803573ffffffffffffffffffffffffffffffffffffffff811681146103d6575f5ffd5b919050565b5f5f5f5f606085870312156103ee575f5ffd5b843567ffffffffffffffff811115610404575f5ffd5b610410878288016102df565b90955093505060208501359150610429604086016103b3565b905092959194509250565b7f4e487b71000000000000000000000000000000000000000000000000000000005f52604160045260245ffd5b7f4e487b71000000000000000000000000000000000000000000000000000000005f52603260045260245ffd5b5f6020828403121561049e575f5ffd5b6104a7826103b3565b939250505056fea164736f6c6343000825000a",
}

// Sweeper is an auto generated Go binding around an Ethereum contract.
type Sweeper struct {
	abi abi.ABI
}

// GetABI returns the ABI associated with this contract binding.
func (c *Sweeper) GetABI() abi.ABI {
	return c.abi
}

// NewSweeper creates a new instance of Sweeper.
func NewSweeper() *Sweeper {
	parsed, err := SweeperMetaData.ParseABI()
	if err != nil {
		panic(errors.New("invalid ABI: " + err.Error()))
	}
	return &Sweeper{abi: *parsed}
}

// Instance creates a wrapper for a deployed contract instance at the given address.
// Use this to create the instance object passed to abigen v2 library functions Call, Transact, etc.
func (c *Sweeper) Instance(backend bind.ContractBackend, addr common.Address) *bind.BoundContract {
	return bind.NewBoundContract(addr, c.abi, backend, backend, backend)
}

// PackSweep is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x7cd83b55.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function sweep(address[] accounts, uint256 gasEach) returns(bool[] succeeded)
func (sweeper *Sweeper) PackSweep(accounts []common.Address, gasEach *big.Int) []byte {
	enc, err := sweeper.abi.Pack("sweep", accounts, gasEach)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackSweep is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x7cd83b55.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function sweep(address[] accounts, uint256 gasEach) returns(bool[] succeeded)
func (sweeper *Sweeper) TryPackSweep(accounts []common.Address, gasEach *big.Int) ([]byte, error) {
	return sweeper.abi.Pack("sweep", accounts, gasEach)
}

// UnpackSweep is the Go binding that unpacks the parameters returned
// from invoking the contract method with ID 0x7cd83b55.
//
// Solidity: function sweep(address[] accounts, uint256 gasEach) returns(bool[] succeeded)
func (sweeper *Sweeper) UnpackSweep(data []byte) ([]bool, error) {
	out, err := sweeper.abi.Unpack("sweep", data)
	if err != nil {
		return *new([]bool), err
	}
	out0 := *abi.ConvertType(out[0], new([]bool)).(*[]bool)
	return out0, nil
}

// PackSweepEther is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x5439dea2.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function sweepEther(address[] accounts, uint256 gasEach) returns(bool[] succeeded)
func (sweeper *Sweeper) PackSweepEther(accounts []common.Address, gasEach *big.Int) []byte {
	enc, err := sweeper.abi.Pack("sweepEther", accounts, gasEach)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackSweepEther is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x5439dea2.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function sweepEther(address[] accounts, uint256 gasEach) returns(bool[] succeeded)
func (sweeper *Sweeper) TryPackSweepEther(accounts []common.Address, gasEach *big.Int) ([]byte, error) {
	return sweeper.abi.Pack("sweepEther", accounts, gasEach)
}

// UnpackSweepEther is the Go binding that unpacks the parameters returned
// from invoking the contract method with ID 0x5439dea2.
//
// Solidity: function sweepEther(address[] accounts, uint256 gasEach) returns(bool[] succeeded)
func (sweeper *Sweeper) UnpackSweepEther(data []byte) ([]bool, error) {
	out, err := sweeper.abi.Unpack("sweepEther", data)
	if err != nil {
		return *new([]bool), err
	}
	out0 := *abi.ConvertType(out[0], new([]bool)).(*[]bool)
	return out0, nil
}

// PackSweepToken is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xd6cee0d7.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function sweepToken(address[] accounts, uint256 gasEach, address token) returns(bool[] succeeded)
func (sweeper *Sweeper) PackSweepToken(accounts []common.Address, gasEach *big.Int, token common.Address) []byte {
	enc, err := sweeper.abi.Pack("sweepToken", accounts, gasEach, token)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackSweepToken is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xd6cee0d7.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function sweepToken(address[] accounts, uint256 gasEach, address token) returns(bool[] succeeded)
func (sweeper *Sweeper) TryPackSweepToken(accounts []common.Address, gasEach *big.Int, token common.Address) ([]byte, error) {
	return sweeper.abi.Pack("sweepToken", accounts, gasEach, token)
}

// UnpackSweepToken is the Go binding that unpacks the parameters returned
// from invoking the contract method with ID 0xd6cee0d7.
//
// Solidity: function sweepToken(address[] accounts, uint256 gasEach, address token) returns(bool[] succeeded)
func (sweeper *Sweeper) UnpackSweepToken(data []byte) ([]bool, error) {
	out, err := sweeper.abi.Unpack("sweepToken", data)
	if err != nil {
		return *new([]bool), err
	}
	out0 := *abi.ConvertType(out[0], new([]bool)).(*[]bool)
	return out0, nil
}
