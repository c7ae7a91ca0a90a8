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

// VaultMetaData contains all meta data concerning the Vault contract.
var VaultMetaData = bind.MetaData{
	ABI: "[{\"inputs\":[{\"internalType\":\"address\",\"name\":\"treasury\",\"type\":\"address\"},{\"internalType\":\"address\",\"name\":\"token\",\"type\":\"address\"}],\"stateMutability\":\"nonpayable\",\"type\":\"constructor\"},{\"inputs\":[{\"internalType\":\"address\",\"name\":\"given\",\"type\":\"address\"}],\"name\":\"BadAddress\",\"type\":\"error\"},{\"inputs\":[],\"name\":\"EtherRefused\",\"type\":\"error\"},{\"inputs\":[],\"name\":\"TOKEN\",\"outputs\":[{\"internalType\":\"address\",\"name\":\"\",\"type\":\"address\"}],\"stateMutability\":\"view\",\"type\":\"function\"},{\"inputs\":[],\"name\":\"TREASURY\",\"outputs\":[{\"internalType\":\"address\",\"name\":\"\",\"type\":\"address\"}],\"stateMutability\":\"view\",\"type\":\"function\"},{\"inputs\":[],\"name\":\"sweep\",\"outputs\":[],\"stateMutability\":\"nonpayable\",\"type\":\"function\"},{\"inputs\":[],\"name\":\"sweepEther\",\"outputs\":[],\"stateMutability\":\"nonpayable\",\"type\":\"function\"},{\"inputs\":[{\"internalType\":\"address\",\"name\":\"token\",\"type\":\"address\"}],\"name\":\"sweepToken\",\"outputs\":[],\"stateMutability\":\"nonpayable\",\"type\":\"function\"},{\"stateMutability\":\"payable\",\"type\":\"receive\"}]",
	ID:  "Vault",
	Bin: "0x60c060405234801561000f575f5ffd5b506040516105e23803806105e283398101604081905261002e916100ea565b6001600160a01b03821615806100555750806001600160a01b0316826001600160a01b0316145b1561008357604051637833514560e11b81526001600160a01b03831660048201526024015b60405180910390fd5b806001600160a01b03163b5f036100b857604051637833514560e11b81526001600160a01b038216600482015260240161007a565b6001600160a01b039182166080521660a05261011b565b80516001600160a01b03811681146100e5575f5ffd5b919050565b5f5f604083850312156100fb575f5ffd5b610104836100cf565b9150610112602084016100cf565b90509250929050565b60805160a05161048b6101575f395f81816101080152818161014401526101ae01525f81816098015281816101d90152610342015261048b5ff3fe60806040526004361061005b575f3560e01c806335faa4161161004157806335faa416146100e357806382bfefc8146100f757806390ec71bd1461012a575f5ffd5b80631be19560146100665780632d2c556514610087575f5ffd5b3661006257005b5f5ffd5b348015610071575f5ffd5b506100856100803660046103ef565b61013e565b005b348015610092575f5ffd5b506100ba7f000000000000000000000000000000000000000000000000000000000000000081565b60405173ffffffffffffffffffffffffffffffffffffffff909116815260200160405180910390f35b3480156100ee575f5ffd5b506100856101a9565b348015610102575f5ffd5b506100ba7f000000000000000000000000000000000000000000000000000000000000000081565b348015610135575f5ffd5b506100856101d6565b6101a6817f000000000000000000000000000000000000000000000000000000000000000073ffffffffffffffffffffffffffffffffffffffff168373ffffffffffffffffffffffffffffffffffffffff161461019b575f61019e565b60015b60ff1661028c565b50565b6101d47f0000000000000000000000000000000000000000000000000000000000000000600161028c565b565b5f7f000000000000000000000000000000000000000000000000000000000000000073ffffffffffffffffffffffffffffffffffffffff16476040515f6040518083038185875af1925050503d805f811461024c576040519150601f19603f3d011682016040523d82523d5f602084013e610251565b606091505b50509050806101a6576040517ff5f2dda500000000000000000000000000000000000000000000000000000000815260040160405180910390fd5b6040517f70a082310000000000000000000000000000000000000000000000000000000081523060048201525f9073ffffffffffffffffffffffffffffffffffffffff8416906370a0823190602401602060405180830381865afa1580156102f6573d5f5f3e3d5ffd5b505050506040513d601f19601f8201168201806040525081019061031a9190610429565b9050818111156103ea5773ffffffffffffffffffffffffffffffffffffffff831663a9059cbb7f000000000000000000000000000000000000000000000000000000000000000061036b8585610440565b6040517fffffffff0000000000000000000000000000000000000000000000000000000060e085901b16815273ffffffffffffffffffffffffffffffffffffffff909216600483015260248201526044015f604051808303815f87803b1580156103d3575f5ffd5b505af11580156103e5573d5f5f3e3d5ffd5b505050505b505050565b5f602082840312156103ff575f5ffd5b813573ffffffffffffffffffffffffffffffffffffffff81168114610422575f5ffd5b9392505050565b5f60208284031215610439575f5ffd5b5051919050565b81810381811115610478577f4e487b71000000000000000000000000000000000000000000000000000000005f52601160045260245ffd5b9291505056fea164736f6c6343000825000a",
}

// Vault is an auto generated Go binding around an Ethereum contract.
type Vault struct {
	abi abi.ABI
}

// GetABI returns the ABI associated with this contract binding.
func (c *Vault) GetABI() abi.ABI {
	return c.abi
}

// NewVault creates a new instance of Vault.
func NewVault() *Vault {
	parsed, err := VaultMetaData.ParseABI()
	if err != nil {
		panic(errors.New("invalid ABI: " + err.Error()))
	}
	return &Vault{abi: *parsed}
}

// Instance creates a wrapper for a deployed contract instance at the given address.
// Use this to create the instance object passed to abigen v2 library functions Call, Transact, etc.
func (c *Vault) Instance(backend bind.ContractBackend, addr common.Address) *bind.BoundContract {
	return bind.NewBoundContract(addr, c.abi, backend, backend, backend)
}

// PackConstructor is the Go binding used to pack the parameters required for
// contract deployment.
//
// Solidity: constructor(address treasury, address token) returns()
func (vault *Vault) PackConstructor(treasury common.Address, token common.Address) []byte {
	enc, err := vault.abi.Pack("", treasury, token)
	if err != nil {
		panic(err)
	}
	return enc
}

// PackTOKEN is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x82bfefc8.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function TOKEN() view returns(address)
func (vault *Vault) PackTOKEN() []byte {
	enc, err := vault.abi.Pack("TOKEN")
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackTOKEN is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x82bfefc8.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function TOKEN() view returns(address)
func (vault *Vault) TryPackTOKEN() ([]byte, error) {
	return vault.abi.Pack("TOKEN")
}

// UnpackTOKEN is the Go binding that unpacks the parameters returned
// from invoking the contract method with ID 0x82bfefc8.
//
// Solidity: function TOKEN() view returns(address)
func (vault *Vault) UnpackTOKEN(data []byte) (common.Address, error) {
	out, err := vault.abi.Unpack("TOKEN", data)
	if err != nil {
		return *new(common.Address), err
	}
	out0 := *abi.ConvertType(out[0], new(common.Address)).(*common.Address)
	return out0, nil
}

// PackTREASURY is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x2d2c5565.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function TREASURY() view returns(address)
func (vault *Vault) PackTREASURY() []byte {
	enc, err := vault.abi.Pack("TREASURY")
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackTREASURY is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x2d2c5565.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function TREASURY() view returns(address)
func (vault *Vault) TryPackTREASURY() ([]byte, error) {
	return vault.abi.Pack("TREASURY")
}

// UnpackTREASURY is the Go binding that unpacks the parameters returned
// from invoking the contract method with ID 0x2d2c5565.
//
// Solidity: function TREASURY() view returns(address)
func (vault *Vault) UnpackTREASURY(data []byte) (common.Address, error) {
	out, err := vault.abi.Unpack("TREASURY", data)
	if err != nil {
		return *new(common.Address), err
	}
	out0 := *abi.ConvertType(out[0], new(common.Address)).(*common.Address)
	return out0, nil
}

// PackSweep is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x35faa416.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function sweep() returns()
func (vault *Vault) PackSweep() []byte {
	enc, err := vault.abi.Pack("sweep")
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackSweep is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x35faa416.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function sweep() returns()
func (vault *Vault) TryPackSweep() ([]byte, error) {
	return vault.abi.Pack("sweep")
}

// PackSweepEther is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x90ec71bd.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function sweepEther() returns()
func (vault *Vault) PackSweepEther() []byte {
	enc, err := vault.abi.Pack("sweepEther")
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackSweepEther is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x90ec71bd.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function sweepEther() returns()
func (vault *Vault) TryPackSweepEther() ([]byte, error) {
	return vault.abi.Pack("sweepEther")
}

// PackSweepToken is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x1be19560.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function sweepToken(address token) returns()
func (vault *Vault) PackSweepToken(token common.Address) []byte {
	enc, err := vault.abi.Pack("sweepToken", token)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackSweepToken is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x1be19560.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function sweepToken(address token) returns()
func (vault *Vault) TryPackSweepToken(token common.Address) ([]byte, error) {
	return vault.abi.Pack("sweepToken", token)
}

// UnpackError attempts to decode the provided error data using user-defined
// error definitions.
func (vault *Vault) UnpackError(raw []byte) (any, error) {
	if bytes.Equal(raw[:4], vault.abi.Errors["BadAddress"].ID.Bytes()[:4]) {
		return vault.UnpackBadAddressError(raw[4:])
	}
	if bytes.Equal(raw[:4], vault.abi.Errors["EtherRefused"].ID.Bytes()[:4]) {
		return vault.UnpackEtherRefusedError(raw[4:])
	}
	return nil, errors.New("Unknown error")
}

// VaultBadAddress represents a BadAddress error raised by the Vault contract.
type VaultBadAddress struct {
	Given common.Address
}

// ErrorID returns the hash of canonical representation of the error's signature.
//
// Solidity: error BadAddress(address given)
func VaultBadAddressErrorID() common.Hash {
	return common.HexToHash("0xf066a28aaaef4ede17838a498f0b3dda1072a179578411a9a61f4668645678d8")
}

// UnpackBadAddressError is the Go binding used to decode the provided
// error data into the corresponding Go error struct.
//
// Solidity: error BadAddress(address given)
func (vault *Vault) UnpackBadAddressError(raw []byte) (*VaultBadAddress, error) {
	out := new(VaultBadAddress)
	if err := vault.abi.UnpackIntoInterface(out, "BadAddress", raw); err != nil {
		return nil, err
	}
	return out, nil
}

// VaultEtherRefused represents a EtherRefused error raised by the Vault contract.
type VaultEtherRefused struct {
}

// ErrorID returns the hash of canonical representation of the error's signature.
//
// Solidity: error EtherRefused()
func VaultEtherRefusedErrorID() common.Hash {
	return common.HexToHash("0xf5f2dda50316ae766b2dbe40d0282c8b73a0e6803b03e9a0362c38a22ebc44aa")
}

// UnpackEtherRefusedError is the Go binding used to decode the provided
// error data into the corresponding Go error struct.
//
// Solidity: error EtherRefused()
func (vault *Vault) UnpackEtherRefusedError(raw []byte) (*VaultEtherRefused, error) {
	out := new(VaultEtherRefused)
	if err := vault.abi.UnpackIntoInterface(out, "EtherRefused", raw); err != nil {
		return nil, err
	}
	return out, nil
}
