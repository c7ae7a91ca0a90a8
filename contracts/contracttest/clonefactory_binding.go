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

// CloneFactoryMetaData contains all meta data concerning the CloneFactory contract.
var CloneFactoryMetaData = bind.MetaData{
	ABI: "[{\"inputs\":[{\"internalType\":\"address\",\"name\":\"treasury\",\"type\":\"address\"},{\"internalType\":\"address\",\"name\":\"token\",\"type\":\"address\"}],\"stateMutability\":\"nonpayable\",\"type\":\"constructor\"},{\"inputs\":[{\"internalType\":\"bytes32\",\"name\":\"salt\",\"type\":\"bytes32\"}],\"name\":\"addressOf\",\"outputs\":[{\"internalType\":\"address\",\"name\":\"\",\"type\":\"address\"}],\"stateMutability\":\"view\",\"type\":\"function\"},{\"inputs\":[{\"internalType\":\"uint256\",\"name\":\"count\",\"type\":\"uint256\"}],\"name\":\"createAndSweep\",\"outputs\":[],\"stateMutability\":\"nonpayable\",\"type\":\"function\"},{\"inputs\":[{\"internalType\":\"address[]\",\"name\":\"clones\",\"type\":\"address[]\"}],\"name\":\"sweep\",\"outputs\":[],\"stateMutability\":\"nonpayable\",\"type\":\"function\"}]",
	ID:  "CloneFactory",
	Bin: "0x60a060405234801561000f575f5ffd5b506040516108c13803806108c183398101604081905261002e916100a9565b818160405161003c90610081565b6001600160a01b03928316815291166020820152604001604051809103905ff08015801561006c573d5f5f3e3d5ffd5b506001600160a01b0316608052506100da9050565b6102f4806105cd83390190565b80516001600160a01b03811681146100a4575f5ffd5b919050565b5f5f604083850312156100ba575f5ffd5b6100c38361008e565b91506100d16020840161008e565b90509250929050565b6080516104d46100f95f395f818161019301526102c701526104d45ff3fe608060405234801561000f575f5ffd5b506004361061003f575f3560e01c8063780469bb146100435780639a68e50914610058578063bb34534c1461006b575b5f5ffd5b6100566100513660046103d8565b6100a7565b005b610056610066366004610449565b610142565b61007e610079366004610449565b610275565b60405173ffffffffffffffffffffffffffffffffffffffff909116815260200160405180910390f35b5f5b8181101561013d578282828181106100c3576100c3610460565b90506020020160208101906100d8919061048d565b73ffffffffffffffffffffffffffffffffffffffff166335faa4166040518163ffffffff1660e01b81526004015f604051808303815f87803b15801561011c575f5ffd5b505af115801561012e573d5f5f3e3d5ffd5b505050508060010190506100a9565b505050565b5f6101f6604080517f3d602d80600a3d3981f3363d3d373d3d3d363d7300000000000000000000000060208201527fffffffffffffffffffffffffffffffffffffffff0000000000000000000000007f000000000000000000000000000000000000000000000000000000000000000060601b1660348201527f5af43d82803e903d91602b57fd5bf30000000000000000000000000000000000604882015281516037818303018152605790910190915290565b90505f5b8281101561013d575f818351602085015ff590508073ffffffffffffffffffffffffffffffffffffffff166335faa4166040518163ffffffff1660e01b81526004015f604051808303815f87803b158015610253575f5ffd5b505af1158015610265573d5f5f3e3d5ffd5b50505050508060010190506101fa565b5f5f61032a604080517f3d602d80600a3d3981f3363d3d373d3d3d363d7300000000000000000000000060208201527fffffffffffffffffffffffffffffffffffffffff0000000000000000000000007f000000000000000000000000000000000000000000000000000000000000000060601b1660348201527f5af43d82803e903d91602b57fd5bf30000000000000000000000000000000000604882015281516037818303018152605790910190915290565b80516020918201206040517fff00000000000000000000000000000000000000000000000000000000000000928101929092527fffffffffffffffffffffffffffffffffffffffff0000000000000000000000003060601b16602183015260358201859052605582018190529150607501604080517fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe081840301815291905280516020909101209392505050565b5f5f602083850312156103e9575f5ffd5b823567ffffffffffffffff8111156103ff575f5ffd5b8301601f8101851361040f575f5ffd5b803567ffffffffffffffff811115610425575f5ffd5b8560208260051b8401011115610439575f5ffd5b6020919091019590945092505050565b5f60208284031215610459575f5ffd5b5035919050565b7f4e487b71000000000000000000000000000000000000000000000000000000005f52603260045260245ffd5b5f6020828403121561049d575f5ffd5b813573ffffffffffffffffffffffffffffffffffffffff811681146104c0575f5ffd5b939250505056fea164736f6c6343000825000a60c060405234801561000f575f5ffd5b506040516102f43803806102f483398101604081905261002e91610060565b6001600160a01b039182166080521660a052610091565b80516001600160a01b038116811461005b575f5ffd5b919050565b5f5f60408385031215610071575f5ffd5b61007a83610045565b915061008860208401610045565b90509250929050565b60805160a05161023c6100b85f395f81816067015261010701525f61012e015261023c5ff3fe608060405234801561000f575f5ffd5b5060043610610029575f3560e01c806335faa4161461002d575b5f5ffd5b610035610037565b005b6040517f70a082310000000000000000000000000000000000000000000000000000000081523060048201525f907f000000000000000000000000000000000000000000000000000000000000000073ffffffffffffffffffffffffffffffffffffffff16906370a0823190602401602060405180830381865afa1580156100c1573d5f5f3e3d5ffd5b505050506040513d601f19601f820116820180604052508101906100e591906101da565b905060018111156101d75773ffffffffffffffffffffffffffffffffffffffff7f00000000000000000000000000000000000000000000000000000000000000001663a9059cbb7f00000000000000000000000000000000000000000000000000000000000000006101586001856101f1565b6040517fffffffff0000000000000000000000000000000000000000000000000000000060e085901b16815273ffffffffffffffffffffffffffffffffffffffff909216600483015260248201526044015f604051808303815f87803b1580156101c0575f5ffd5b505af11580156101d2573d5f5f3e3d5ffd5b505050505b50565b5f602082840312156101ea575f5ffd5b5051919050565b81810381811115610229577f4e487b71000000000000000000000000000000000000000000000000000000005f52601160045260245ffd5b9291505056fea164736f6c6343000825000a",
}

// CloneFactory is an auto generated Go binding around an Ethereum contract.
type CloneFactory struct {
	abi abi.ABI
}

// GetABI returns the ABI associated with this contract binding.
func (c *CloneFactory) GetABI() abi.ABI {
	return c.abi
}

// NewCloneFactory creates a new instance of CloneFactory.
func NewCloneFactory() *CloneFactory {
	parsed, err := CloneFactoryMetaData.ParseABI()
	if err != nil {
		panic(errors.New("invalid ABI: " + err.Error()))
	}
	return &CloneFactory{abi: *parsed}
}

// Instance creates a wrapper for a deployed contract instance at the given address.
// Use this to create the instance object passed to abigen v2 library functions Call, Transact, etc.
func (c *CloneFactory) Instance(backend bind.ContractBackend, addr common.Address) *bind.BoundContract {
	return bind.NewBoundContract(addr, c.abi, backend, backend, backend)
}

// PackConstructor is the Go binding used to pack the parameters required for
// contract deployment.
//
// Solidity: constructor(address treasury, address token) returns()
func (cloneFactory *CloneFactory) PackConstructor(treasury common.Address, token common.Address) []byte {
	enc, err := cloneFactory.abi.Pack("", treasury, token)
	if err != nil {
		panic(err)
	}
	return enc
}

// PackAddressOf is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xbb34534c.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function addressOf(bytes32 salt) view returns(address)
func (cloneFactory *CloneFactory) PackAddressOf(salt [32]byte) []byte {
	enc, err := cloneFactory.abi.Pack("addressOf", salt)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackAddressOf is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xbb34534c.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function addressOf(bytes32 salt) view returns(address)
func (cloneFactory *CloneFactory) TryPackAddressOf(salt [32]byte) ([]byte, error) {
	return cloneFactory.abi.Pack("addressOf", salt)
}

// UnpackAddressOf is the Go binding that unpacks the parameters returned
// from invoking the contract method with ID 0xbb34534c.
//
// Solidity: function addressOf(bytes32 salt) view returns(address)
func (cloneFactory *CloneFactory) UnpackAddressOf(data []byte) (common.Address, error) {
	out, err := cloneFactory.abi.Unpack("addressOf", data)
	if err != nil {
		return *new(common.Address), err
	}
	out0 := *abi.ConvertType(out[0], new(common.Address)).(*common.Address)
	return out0, nil
}

// PackCreateAndSweep is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x9a68e509.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function createAndSweep(uint256 count) returns()
func (cloneFactory *CloneFactory) PackCreateAndSweep(count *big.Int) []byte {
	enc, err := cloneFactory.abi.Pack("createAndSweep", count)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackCreateAndSweep is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x9a68e509.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function createAndSweep(uint256 count) returns()
func (cloneFactory *CloneFactory) TryPackCreateAndSweep(count *big.Int) ([]byte, error) {
	return cloneFactory.abi.Pack("createAndSweep", count)
}

// PackSweep is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x780469bb.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function sweep(address[] clones) returns()
func (cloneFactory *CloneFactory) PackSweep(clones []common.Address) []byte {
	enc, err := cloneFactory.abi.Pack("sweep", clones)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackSweep is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x780469bb.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function sweep(address[] clones) returns()
func (cloneFactory *CloneFactory) TryPackSweep(clones []common.Address) ([]byte, error) {
	return cloneFactory.abi.Pack("sweep", clones)
}
