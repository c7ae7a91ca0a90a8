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

// TestUSDTMetaData contains all meta data concerning the TestUSDT contract.
var TestUSDTMetaData = bind.MetaData{
	ABI: "[{\"inputs\":[{\"internalType\":\"uint256\",\"name\":\"initialSupply\",\"type\":\"uint256\"}],\"stateMutability\":\"nonpayable\",\"type\":\"constructor\"},{\"anonymous\":false,\"inputs\":[{\"indexed\":false,\"internalType\":\"address\",\"name\":\"user\",\"type\":\"address\"}],\"name\":\"AddedBlackList\",\"type\":\"event\"},{\"anonymous\":false,\"inputs\":[{\"indexed\":true,\"internalType\":\"address\",\"name\":\"owner\",\"type\":\"address\"},{\"indexed\":true,\"internalType\":\"address\",\"name\":\"spender\",\"type\":\"address\"},{\"indexed\":false,\"internalType\":\"uint256\",\"name\":\"value\",\"type\":\"uint256\"}],\"name\":\"Approval\",\"type\":\"event\"},{\"anonymous\":false,\"inputs\":[{\"indexed\":false,\"internalType\":\"address\",\"name\":\"newAddress\",\"type\":\"address\"}],\"name\":\"Deprecate\",\"type\":\"event\"},{\"anonymous\":false,\"inputs\":[{\"indexed\":false,\"internalType\":\"address\",\"name\":\"blackListedUser\",\"type\":\"address\"},{\"indexed\":false,\"internalType\":\"uint256\",\"name\":\"balance\",\"type\":\"uint256\"}],\"name\":\"DestroyedBlackFunds\",\"type\":\"event\"},{\"anonymous\":false,\"inputs\":[{\"indexed\":false,\"internalType\":\"uint256\",\"name\":\"amount\",\"type\":\"uint256\"}],\"name\":\"Issue\",\"type\":\"event\"},{\"anonymous\":false,\"inputs\":[{\"indexed\":false,\"internalType\":\"uint256\",\"name\":\"feeBasisPoints\",\"type\":\"uint256\"},{\"indexed\":false,\"internalType\":\"uint256\",\"name\":\"maxFee\",\"type\":\"uint256\"}],\"name\":\"Params\",\"type\":\"event\"},{\"anonymous\":false,\"inputs\":[],\"name\":\"Pause\",\"type\":\"event\"},{\"anonymous\":false,\"inputs\":[{\"indexed\":false,\"internalType\":\"uint256\",\"name\":\"amount\",\"type\":\"uint256\"}],\"name\":\"Redeem\",\"type\":\"event\"},{\"anonymous\":false,\"inputs\":[{\"indexed\":false,\"internalType\":\"address\",\"name\":\"user\",\"type\":\"address\"}],\"name\":\"RemovedBlackList\",\"type\":\"event\"},{\"anonymous\":false,\"inputs\":[{\"indexed\":true,\"internalType\":\"address\",\"name\":\"from\",\"type\":\"address\"},{\"indexed\":true,\"internalType\":\"address\",\"name\":\"to\",\"type\":\"address\"},{\"indexed\":false,\"internalType\":\"uint256\",\"name\":\"value\",\"type\":\"uint256\"}],\"name\":\"Transfer\",\"type\":\"event\"},{\"anonymous\":false,\"inputs\":[],\"name\":\"Unpause\",\"type\":\"event\"},{\"inputs\":[{\"internalType\":\"address\",\"name\":\"user\",\"type\":\"address\"}],\"name\":\"addBlackList\",\"outputs\":[],\"stateMutability\":\"nonpayable\",\"type\":\"function\"},{\"inputs\":[{\"internalType\":\"address\",\"name\":\"holder\",\"type\":\"address\"},{\"internalType\":\"address\",\"name\":\"spender\",\"type\":\"address\"}],\"name\":\"allowance\",\"outputs\":[{\"internalType\":\"uint256\",\"name\":\"\",\"type\":\"uint256\"}],\"stateMutability\":\"view\",\"type\":\"function\"},{\"inputs\":[{\"internalType\":\"address\",\"name\":\"spender\",\"type\":\"address\"},{\"internalType\":\"uint256\",\"name\":\"value\",\"type\":\"uint256\"}],\"name\":\"approve\",\"outputs\":[],\"stateMutability\":\"nonpayable\",\"type\":\"function\"},{\"inputs\":[{\"internalType\":\"address\",\"name\":\"holder\",\"type\":\"address\"}],\"name\":\"balanceOf\",\"outputs\":[{\"internalType\":\"uint256\",\"name\":\"\",\"type\":\"uint256\"}],\"stateMutability\":\"view\",\"type\":\"function\"},{\"inputs\":[],\"name\":\"basisPointsRate\",\"outputs\":[{\"internalType\":\"uint256\",\"name\":\"\",\"type\":\"uint256\"}],\"stateMutability\":\"view\",\"type\":\"function\"},{\"inputs\":[],\"name\":\"decimals\",\"outputs\":[{\"internalType\":\"uint8\",\"name\":\"\",\"type\":\"uint8\"}],\"stateMutability\":\"view\",\"type\":\"function\"},{\"inputs\":[{\"internalType\":\"address\",\"name\":\"newAddress\",\"type\":\"address\"}],\"name\":\"deprecate\",\"outputs\":[],\"stateMutability\":\"nonpayable\",\"type\":\"function\"},{\"inputs\":[],\"name\":\"deprecated\",\"outputs\":[{\"internalType\":\"bool\",\"name\":\"\",\"type\":\"bool\"}],\"stateMutability\":\"view\",\"type\":\"function\"},{\"inputs\":[{\"internalType\":\"address\",\"name\":\"user\",\"type\":\"address\"}],\"name\":\"destroyBlackFunds\",\"outputs\":[],\"stateMutability\":\"nonpayable\",\"type\":\"function\"},{\"inputs\":[{\"internalType\":\"address\",\"name\":\"user\",\"type\":\"address\"}],\"name\":\"getBlackListStatus\",\"outputs\":[{\"internalType\":\"bool\",\"name\":\"\",\"type\":\"bool\"}],\"stateMutability\":\"view\",\"type\":\"function\"},{\"inputs\":[],\"name\":\"getOwner\",\"outputs\":[{\"internalType\":\"address\",\"name\":\"\",\"type\":\"address\"}],\"stateMutability\":\"view\",\"type\":\"function\"},{\"inputs\":[{\"internalType\":\"address\",\"name\":\"\",\"type\":\"address\"}],\"name\":\"isBlackListed\",\"outputs\":[{\"internalType\":\"bool\",\"name\":\"\",\"type\":\"bool\"}],\"stateMutability\":\"view\",\"type\":\"function\"},{\"inputs\":[{\"internalType\":\"uint256\",\"name\":\"amount\",\"type\":\"uint256\"}],\"name\":\"issue\",\"outputs\":[],\"stateMutability\":\"nonpayable\",\"type\":\"function\"},{\"inputs\":[],\"name\":\"maximumFee\",\"outputs\":[{\"internalType\":\"uint256\",\"name\":\"\",\"type\":\"uint256\"}],\"stateMutability\":\"view\",\"type\":\"function\"},{\"inputs\":[],\"name\":\"name\",\"outputs\":[{\"internalType\":\"string\",\"name\":\"\",\"type\":\"string\"}],\"stateMutability\":\"view\",\"type\":\"function\"},{\"inputs\":[],\"name\":\"owner\",\"outputs\":[{\"internalType\":\"address\",\"name\":\"\",\"type\":\"address\"}],\"stateMutability\":\"view\",\"type\":\"function\"},{\"inputs\":[],\"name\":\"pause\",\"outputs\":[],\"stateMutability\":\"nonpayable\",\"type\":\"function\"},{\"inputs\":[],\"name\":\"paused\",\"outputs\":[{\"internalType\":\"bool\",\"name\":\"\",\"type\":\"bool\"}],\"stateMutability\":\"view\",\"type\":\"function\"},{\"inputs\":[{\"internalType\":\"uint256\",\"name\":\"amount\",\"type\":\"uint256\"}],\"name\":\"redeem\",\"outputs\":[],\"stateMutability\":\"nonpayable\",\"type\":\"function\"},{\"inputs\":[{\"internalType\":\"address\",\"name\":\"user\",\"type\":\"address\"}],\"name\":\"removeBlackList\",\"outputs\":[],\"stateMutability\":\"nonpayable\",\"type\":\"function\"},{\"inputs\":[{\"internalType\":\"uint256\",\"name\":\"newBasisPoints\",\"type\":\"uint256\"},{\"internalType\":\"uint256\",\"name\":\"newMaxFeeTokens\",\"type\":\"uint256\"}],\"name\":\"setParams\",\"outputs\":[],\"stateMutability\":\"nonpayable\",\"type\":\"function\"},{\"inputs\":[],\"name\":\"symbol\",\"outputs\":[{\"internalType\":\"string\",\"name\":\"\",\"type\":\"string\"}],\"stateMutability\":\"view\",\"type\":\"function\"},{\"inputs\":[],\"name\":\"totalSupply\",\"outputs\":[{\"internalType\":\"uint256\",\"name\":\"\",\"type\":\"uint256\"}],\"stateMutability\":\"view\",\"type\":\"function\"},{\"inputs\":[{\"internalType\":\"address\",\"name\":\"to\",\"type\":\"address\"},{\"internalType\":\"uint256\",\"name\":\"value\",\"type\":\"uint256\"}],\"name\":\"transfer\",\"outputs\":[],\"stateMutability\":\"nonpayable\",\"type\":\"function\"},{\"inputs\":[{\"internalType\":\"address\",\"name\":\"from\",\"type\":\"address\"},{\"internalType\":\"address\",\"name\":\"to\",\"type\":\"address\"},{\"internalType\":\"uint256\",\"name\":\"value\",\"type\":\"uint256\"}],\"name\":\"transferFrom\",\"outputs\":[],\"stateMutability\":\"nonpayable\",\"type\":\"function\"},{\"inputs\":[{\"internalType\":\"address\",\"name\":\"newOwner\",\"type\":\"address\"}],\"name\":\"transferOwnership\",\"outputs\":[],\"stateMutability\":\"nonpayable\",\"type\":\"function\"},{\"inputs\":[],\"name\":\"unpause\",\"outputs\":[],\"stateMutability\":\"nonpayable\",\"type\":\"function\"},{\"inputs\":[],\"name\":\"upgradedAddress\",\"outputs\":[{\"internalType\":\"address\",\"name\":\"\",\"type\":\"address\"}],\"stateMutability\":\"view\",\"type\":\"function\"}]",
	ID:  "TestUSDT",
	Bin: "0x6080604052348015600f57600080fd5b50604051611632380380611632833981016040819052602c916055565b600080546001600160a01b0319163390811782556005839055815260066020526040902055606d565b600060208284031215606657600080fd5b5051919050565b6115b68061007c6000396000f3fe608060405234801561001057600080fd5b50600436106101c45760003560e01c80638456cb59116100f9578063db006a7511610097578063e47d606011610071578063e47d606014610403578063e4997dc514610426578063f2fde38b14610439578063f3bdc2281461044c57600080fd5b8063db006a75146103d4578063dd62ed3e146103e7578063dd644f72146103fa57600080fd5b806395d89b41116100d357806395d89b4114610378578063a9059cbb1461039b578063c0324c77146103ae578063cc872b66146103c157600080fd5b80638456cb591461034c578063893d20e8146103545780638da5cb5b1461036557600080fd5b806326976e3f116101665780633f4ba83a116101405780633f4ba83a146102f157806359bf1abe146102f95780635c975abb1461032557806370a082311461033957600080fd5b806326976e3f146102a3578063313ce567146102ce57806335390714146102e857600080fd5b80630e136b19116101a25780630e136b19146102435780630ecb93c01461026757806318160ddd1461027a57806323b872dd1461029057600080fd5b806306fdde03146101c95780630753c30c1461021b578063095ea7b314610230575b600080fd5b6102056040518060400160405280601e81526020017f546574686572205553442028506179436f77207465737420746f6b656e29000081525081565b6040516102129190611356565b60405180910390f35b61022e6102293660046113c0565b61045f565b005b61022e61023e3660046113e2565b6104fb565b60005461025790600160a81b900460ff1681565b6040519015158152602001610212565b61022e6102753660046113c0565b610660565b6102826106de565b604051908152602001610212565b61022e61029e36600461140c565b610774565b6001546102b6906001600160a01b031681565b6040516001600160a01b039091168152602001610212565b6102d6600681565b60405160ff9091168152602001610212565b61028260035481565b61022e61094b565b6102576103073660046113c0565b6001600160a01b031660009081526004602052604090205460ff1690565b60005461025790600160a01b900460ff1681565b6102826103473660046113c0565b610a04565b61022e610aa7565b6000546001600160a01b03166102b6565b6000546102b6906001600160a01b031681565b610205604051806040016040528060048152602001631554d11560e21b81525081565b61022e6103a93660046113e2565b610b37565b61022e6103bc366004611449565b610c32565b61022e6103cf36600461146b565b610d58565b61022e6103e236600461146b565b610df6565b6102826103f5366004611484565b610ef7565b61028260025481565b6102576104113660046113c0565b60046020526000908152604090205460ff1681565b61022e6104343660046113c0565b610fb3565b61022e6104473660046113c0565b61102e565b61022e61045a3660046113c0565b611086565b6000546001600160a01b031633146104925760405162461bcd60e51b8152600401610489906114b7565b60405180910390fd5b6000805460ff60a81b1916600160a81b179055600180546001600160a01b0383166001600160a01b031990911681179091556040519081527fcc358699805e9a8b7f77b522628c7cb9abd07d9efb86b6fb616af1609036a99e906020015b60405180910390a150565b600054600160a81b900460ff161561057d5760015460405163aee92d3360e01b81523360048201526001600160a01b038481166024830152604482018490529091169063aee92d3390606401600060405180830381600087803b15801561056157600080fd5b505af1158015610575573d6000803e3d6000fd5b505050505050565b8015806105ab57503360009081526007602090815260408083206001600160a01b0386168452909152902054155b6106015760405162461bcd60e51b815260206004820152602160248201527f72657365742074686520616c6c6f77616e636520746f207a65726f20666972736044820152601d60fa1b6064820152608401610489565b3360008181526007602090815260408083206001600160a01b03871680855290835292819020859055518481529192917f8c5be1e5ebec7d5bd14f71427d1e84f3dd0314c0f7b2291e5b200ac8c7c3b925910160405180910390a35050565b6000546001600160a01b0316331461068a5760405162461bcd60e51b8152600401610489906114b7565b6001600160a01b038116600081815260046020908152604091829020805460ff1916600117905590519182527f42e160154868087d6bfdc0ca23d96a1c1cfa32f1b72ba9ba27b69b98a0d819dc91016104f0565b60008054600160a81b900460ff161561076d57600160009054906101000a90046001600160a01b03166001600160a01b03166318160ddd6040518163ffffffff1660e01b8152600401602060405180830381865afa158015610744573d6000803e3d6000fd5b505050506040513d601f19601f8201168201806040525081019061076891906114ee565b905090565b5060055490565b600054600160a01b900460ff161561079e5760405162461bcd60e51b815260040161048990611507565b6001600160a01b03831660009081526004602052604090205460ff16156108035760405162461bcd60e51b81526020600482015260196024820152781d1a19481cd95b99195c881a5cc8189b1858dadb1a5cdd1959603a1b6044820152606401610489565b600054600160a81b900460ff161561088e57600154604051638b477adb60e01b81523360048201526001600160a01b03858116602483015284811660448301526064820184905290911690638b477adb90608401600060405180830381600087803b15801561087157600080fd5b505af1158015610885573d6000803e3d6000fd5b50505050505050565b6001600160a01b0383166000908152600760209081526040808320338452909152902054818110156109025760405162461bcd60e51b815260206004820152601a60248201527f74686520616c6c6f77616e636520697320746f6f20736d616c6c0000000000006044820152606401610489565b600019811461093a57610915828261154a565b6001600160a01b03851660009081526007602090815260408083203384529091529020555b61094584848461118d565b50505050565b6000546001600160a01b031633146109755760405162461bcd60e51b8152600401610489906114b7565b600054600160a01b900460ff166109ce5760405162461bcd60e51b815260206004820152601760248201527f74686520746f6b656e206973206e6f74207061757365640000000000000000006044820152606401610489565b6000805460ff60a01b191681556040517f7805862f689e2f13df9f062ff482ad3ad112aca9e0847911ed832e158c525b339190a1565b60008054600160a81b900460ff1615610a8b576001546040516370a0823160e01b81526001600160a01b038481166004830152909116906370a0823190602401602060405180830381865afa158015610a61573d6000803e3d6000fd5b505050506040513d601f19601f82011682018060405250810190610a8591906114ee565b92915050565b506001600160a01b031660009081526006602052604090205490565b6000546001600160a01b03163314610ad15760405162461bcd60e51b8152600401610489906114b7565b600054600160a01b900460ff1615610afb5760405162461bcd60e51b815260040161048990611507565b6000805460ff60a01b1916600160a01b1781556040517f6985a02210a168e66602d3235cb6db0e70f92b3ba4d376a33c0f3d9434bff6259190a1565b600054600160a01b900460ff1615610b615760405162461bcd60e51b815260040161048990611507565b3360009081526004602052604090205460ff1615610bbd5760405162461bcd60e51b81526020600482015260196024820152781d1a19481cd95b99195c881a5cc8189b1858dadb1a5cdd1959603a1b6044820152606401610489565b600054600160a81b900460ff1615610c235760015460405163370c4c0560e11b81523360048201526001600160a01b0384811660248301526044820184905290911690636e18980a90606401600060405180830381600087803b15801561056157600080fd5b610c2e33838361118d565b5050565b6000546001600160a01b03163314610c5c5760405162461bcd60e51b8152600401610489906114b7565b60148210610cac5760405162461bcd60e51b815260206004820152601860248201527f74686520666565207261746520697320746f6f206869676800000000000000006044820152606401610489565b60328110610cfc5760405162461bcd60e51b815260206004820152601b60248201527f746865206d6178696d756d2066656520697320746f6f206869676800000000006044820152606401610489565b6002829055610d0e620f42408261155d565b60038190556002546040517fb044a1e409eac5c48e5af22d4af52670dd1a99059537a78b31b48c6500a6354e92610d4c928252602082015260400190565b60405180910390a15050565b6000546001600160a01b03163314610d825760405162461bcd60e51b8152600401610489906114b7565b8060056000828254610d949190611574565b9091555050600080546001600160a01b031681526006602052604081208054839290610dc1908490611574565b90915550506040518181527fcb8241adb0c3fdb35b70c24ce35c5eb0c17af7431c99f827d44a445ca624176a906020016104f0565b6000546001600160a01b03163314610e205760405162461bcd60e51b8152600401610489906114b7565b600080546001600160a01b0316815260066020526040902054811115610e835760405162461bcd60e51b81526020600482015260186024820152771d1a194818985b185b98d9481a5cc81d1bdbc81cdb585b1b60421b6044820152606401610489565b8060056000828254610e95919061154a565b9091555050600080546001600160a01b031681526006602052604081208054839290610ec290849061154a565b90915550506040518181527f702d5967f45f6513a38ffc42d6ba9bf230bd40e8f53b16363c7eb4fd2deb9a44906020016104f0565b60008054600160a81b900460ff1615610f8757600154604051636eb1769f60e11b81526001600160a01b03858116600483015284811660248301529091169063dd62ed3e90604401602060405180830381865afa158015610f5c573d6000803e3d6000fd5b505050506040513d601f19601f82011682018060405250810190610f8091906114ee565b9050610a85565b506001600160a01b03918216600090815260076020908152604080832093909416825291909152205490565b6000546001600160a01b03163314610fdd5760405162461bcd60e51b8152600401610489906114b7565b6001600160a01b038116600081815260046020908152604091829020805460ff1916905590519182527fd7e9ec6e6ecd65492dce6bf513cd6867560d49544421d0783ddf06e76c24470c91016104f0565b6000546001600160a01b031633146110585760405162461bcd60e51b8152600401610489906114b7565b6001600160a01b0381161561108357600080546001600160a01b0319166001600160a01b0383161790555b50565b6000546001600160a01b031633146110b05760405162461bcd60e51b8152600401610489906114b7565b6001600160a01b03811660009081526004602052604090205460ff166111185760405162461bcd60e51b815260206004820152601e60248201527f7468652061646472657373206973206e6f7420626c61636b6c697374656400006044820152606401610489565b6001600160a01b0381166000908152600660205260408120805490829055600580549192839261114990849061154a565b9091555050604080516001600160a01b0384168152602081018390527f61e6e66b0d6339b2980aecc6ccc0039736791f0ccde9ed512e789a7fbdd698c69101610d4c565b6001600160a01b0383166000908152600660205260409020548111156111f05760405162461bcd60e51b81526020600482015260186024820152771d1a194818985b185b98d9481a5cc81d1bdbc81cdb585b1b60421b6044820152606401610489565b600061271060025483611203919061155d565b61120d9190611587565b905060035481111561121e57506003545b600061122a828461154a565b6001600160a01b03861660009081526006602052604081208054929350859290919061125790849061154a565b90915550506001600160a01b03841660009081526006602052604081208054839290611284908490611574565b9091555050811561130257600080546001600160a01b0316815260066020526040812080548492906112b7908490611574565b90915550506000546040518381526001600160a01b03918216918716907fddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef9060200160405180910390a35b836001600160a01b0316856001600160a01b03167fddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef8360405161134791815260200190565b60405180910390a35050505050565b602081526000825180602084015260005b818110156113845760208186018101516040868401015201611367565b506000604082850101526040601f19601f83011684010191505092915050565b80356001600160a01b03811681146113bb57600080fd5b919050565b6000602082840312156113d257600080fd5b6113db826113a4565b9392505050565b600080604083850312156113f557600080fd5b6113fe836113a4565b946020939093013593505050565b60008060006060848603121561142157600080fd5b61142a846113a4565b9250611438602085016113a4565b929592945050506040919091013590565b6000806040838503121561145c57600080fd5b50508035926020909101359150565b60006020828403121561147d57600080fd5b5035919050565b6000806040838503121561149757600080fd5b6114a0836113a4565b91506114ae602084016113a4565b90509250929050565b6020808252601a908201527f6f6e6c7920746865206f776e6572206d617920646f2074686973000000000000604082015260600190565b60006020828403121561150057600080fd5b5051919050565b6020808252601390820152721d1a19481d1bdad95b881a5cc81c185d5cd959606a1b604082015260600190565b634e487b7160e01b600052601160045260246000fd5b81810381811115610a8557610a85611534565b8082028115828204841417610a8557610a85611534565b80820180821115610a8557610a85611534565b6000826115a457634e487b7160e01b600052601260045260246000fd5b50049056fea164736f6c6343000825000a",
}

// TestUSDT is an auto generated Go binding around an Ethereum contract.
type TestUSDT struct {
	abi abi.ABI
}

// GetABI returns the ABI associated with this contract binding.
func (c *TestUSDT) GetABI() abi.ABI {
	return c.abi
}

// NewTestUSDT creates a new instance of TestUSDT.
func NewTestUSDT() *TestUSDT {
	parsed, err := TestUSDTMetaData.ParseABI()
	if err != nil {
		panic(errors.New("invalid ABI: " + err.Error()))
	}
	return &TestUSDT{abi: *parsed}
}

// Instance creates a wrapper for a deployed contract instance at the given address.
// Use this to create the instance object passed to abigen v2 library functions Call, Transact, etc.
func (c *TestUSDT) Instance(backend bind.ContractBackend, addr common.Address) *bind.BoundContract {
	return bind.NewBoundContract(addr, c.abi, backend, backend, backend)
}

// PackConstructor is the Go binding used to pack the parameters required for
// contract deployment.
//
// Solidity: constructor(uint256 initialSupply) returns()
func (testUSDT *TestUSDT) PackConstructor(initialSupply *big.Int) []byte {
	enc, err := testUSDT.abi.Pack("", initialSupply)
	if err != nil {
		panic(err)
	}
	return enc
}

// PackAddBlackList is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x0ecb93c0.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function addBlackList(address user) returns()
func (testUSDT *TestUSDT) PackAddBlackList(user common.Address) []byte {
	enc, err := testUSDT.abi.Pack("addBlackList", user)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackAddBlackList is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x0ecb93c0.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function addBlackList(address user) returns()
func (testUSDT *TestUSDT) TryPackAddBlackList(user common.Address) ([]byte, error) {
	return testUSDT.abi.Pack("addBlackList", user)
}

// PackAllowance is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xdd62ed3e.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function allowance(address holder, address spender) view returns(uint256)
func (testUSDT *TestUSDT) PackAllowance(holder common.Address, spender common.Address) []byte {
	enc, err := testUSDT.abi.Pack("allowance", holder, spender)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackAllowance is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xdd62ed3e.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function allowance(address holder, address spender) view returns(uint256)
func (testUSDT *TestUSDT) TryPackAllowance(holder common.Address, spender common.Address) ([]byte, error) {
	return testUSDT.abi.Pack("allowance", holder, spender)
}

// UnpackAllowance is the Go binding that unpacks the parameters returned
// from invoking the contract method with ID 0xdd62ed3e.
//
// Solidity: function allowance(address holder, address spender) view returns(uint256)
func (testUSDT *TestUSDT) UnpackAllowance(data []byte) (*big.Int, error) {
	out, err := testUSDT.abi.Unpack("allowance", data)
	if err != nil {
		return new(big.Int), err
	}
	out0 := abi.ConvertType(out[0], new(big.Int)).(*big.Int)
	return out0, nil
}

// PackApprove is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x095ea7b3.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function approve(address spender, uint256 value) returns()
func (testUSDT *TestUSDT) PackApprove(spender common.Address, value *big.Int) []byte {
	enc, err := testUSDT.abi.Pack("approve", spender, value)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackApprove is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x095ea7b3.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function approve(address spender, uint256 value) returns()
func (testUSDT *TestUSDT) TryPackApprove(spender common.Address, value *big.Int) ([]byte, error) {
	return testUSDT.abi.Pack("approve", spender, value)
}

// PackBalanceOf is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x70a08231.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function balanceOf(address holder) view returns(uint256)
func (testUSDT *TestUSDT) PackBalanceOf(holder common.Address) []byte {
	enc, err := testUSDT.abi.Pack("balanceOf", holder)
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
func (testUSDT *TestUSDT) TryPackBalanceOf(holder common.Address) ([]byte, error) {
	return testUSDT.abi.Pack("balanceOf", holder)
}

// UnpackBalanceOf is the Go binding that unpacks the parameters returned
// from invoking the contract method with ID 0x70a08231.
//
// Solidity: function balanceOf(address holder) view returns(uint256)
func (testUSDT *TestUSDT) UnpackBalanceOf(data []byte) (*big.Int, error) {
	out, err := testUSDT.abi.Unpack("balanceOf", data)
	if err != nil {
		return new(big.Int), err
	}
	out0 := abi.ConvertType(out[0], new(big.Int)).(*big.Int)
	return out0, nil
}

// PackBasisPointsRate is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xdd644f72.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function basisPointsRate() view returns(uint256)
func (testUSDT *TestUSDT) PackBasisPointsRate() []byte {
	enc, err := testUSDT.abi.Pack("basisPointsRate")
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackBasisPointsRate is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xdd644f72.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function basisPointsRate() view returns(uint256)
func (testUSDT *TestUSDT) TryPackBasisPointsRate() ([]byte, error) {
	return testUSDT.abi.Pack("basisPointsRate")
}

// UnpackBasisPointsRate is the Go binding that unpacks the parameters returned
// from invoking the contract method with ID 0xdd644f72.
//
// Solidity: function basisPointsRate() view returns(uint256)
func (testUSDT *TestUSDT) UnpackBasisPointsRate(data []byte) (*big.Int, error) {
	out, err := testUSDT.abi.Unpack("basisPointsRate", data)
	if err != nil {
		return new(big.Int), err
	}
	out0 := abi.ConvertType(out[0], new(big.Int)).(*big.Int)
	return out0, nil
}

// PackDecimals is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x313ce567.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function decimals() view returns(uint8)
func (testUSDT *TestUSDT) PackDecimals() []byte {
	enc, err := testUSDT.abi.Pack("decimals")
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackDecimals is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x313ce567.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function decimals() view returns(uint8)
func (testUSDT *TestUSDT) TryPackDecimals() ([]byte, error) {
	return testUSDT.abi.Pack("decimals")
}

// UnpackDecimals is the Go binding that unpacks the parameters returned
// from invoking the contract method with ID 0x313ce567.
//
// Solidity: function decimals() view returns(uint8)
func (testUSDT *TestUSDT) UnpackDecimals(data []byte) (uint8, error) {
	out, err := testUSDT.abi.Unpack("decimals", data)
	if err != nil {
		return *new(uint8), err
	}
	out0 := *abi.ConvertType(out[0], new(uint8)).(*uint8)
	return out0, nil
}

// PackDeprecate is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x0753c30c.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function deprecate(address newAddress) returns()
func (testUSDT *TestUSDT) PackDeprecate(newAddress common.Address) []byte {
	enc, err := testUSDT.abi.Pack("deprecate", newAddress)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackDeprecate is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x0753c30c.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function deprecate(address newAddress) returns()
func (testUSDT *TestUSDT) TryPackDeprecate(newAddress common.Address) ([]byte, error) {
	return testUSDT.abi.Pack("deprecate", newAddress)
}

// PackDeprecated is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x0e136b19.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function deprecated() view returns(bool)
func (testUSDT *TestUSDT) PackDeprecated() []byte {
	enc, err := testUSDT.abi.Pack("deprecated")
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackDeprecated is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x0e136b19.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function deprecated() view returns(bool)
func (testUSDT *TestUSDT) TryPackDeprecated() ([]byte, error) {
	return testUSDT.abi.Pack("deprecated")
}

// UnpackDeprecated is the Go binding that unpacks the parameters returned
// from invoking the contract method with ID 0x0e136b19.
//
// Solidity: function deprecated() view returns(bool)
func (testUSDT *TestUSDT) UnpackDeprecated(data []byte) (bool, error) {
	out, err := testUSDT.abi.Unpack("deprecated", data)
	if err != nil {
		return *new(bool), err
	}
	out0 := *abi.ConvertType(out[0], new(bool)).(*bool)
	return out0, nil
}

// PackDestroyBlackFunds is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xf3bdc228.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function destroyBlackFunds(address user) returns()
func (testUSDT *TestUSDT) PackDestroyBlackFunds(user common.Address) []byte {
	enc, err := testUSDT.abi.Pack("destroyBlackFunds", user)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackDestroyBlackFunds is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xf3bdc228.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function destroyBlackFunds(address user) returns()
func (testUSDT *TestUSDT) TryPackDestroyBlackFunds(user common.Address) ([]byte, error) {
	return testUSDT.abi.Pack("destroyBlackFunds", user)
}

// PackGetBlackListStatus is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x59bf1abe.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function getBlackListStatus(address user) view returns(bool)
func (testUSDT *TestUSDT) PackGetBlackListStatus(user common.Address) []byte {
	enc, err := testUSDT.abi.Pack("getBlackListStatus", user)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackGetBlackListStatus is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x59bf1abe.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function getBlackListStatus(address user) view returns(bool)
func (testUSDT *TestUSDT) TryPackGetBlackListStatus(user common.Address) ([]byte, error) {
	return testUSDT.abi.Pack("getBlackListStatus", user)
}

// UnpackGetBlackListStatus is the Go binding that unpacks the parameters returned
// from invoking the contract method with ID 0x59bf1abe.
//
// Solidity: function getBlackListStatus(address user) view returns(bool)
func (testUSDT *TestUSDT) UnpackGetBlackListStatus(data []byte) (bool, error) {
	out, err := testUSDT.abi.Unpack("getBlackListStatus", data)
	if err != nil {
		return *new(bool), err
	}
	out0 := *abi.ConvertType(out[0], new(bool)).(*bool)
	return out0, nil
}

// PackGetOwner is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x893d20e8.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function getOwner() view returns(address)
func (testUSDT *TestUSDT) PackGetOwner() []byte {
	enc, err := testUSDT.abi.Pack("getOwner")
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackGetOwner is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x893d20e8.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function getOwner() view returns(address)
func (testUSDT *TestUSDT) TryPackGetOwner() ([]byte, error) {
	return testUSDT.abi.Pack("getOwner")
}

// UnpackGetOwner is the Go binding that unpacks the parameters returned
// from invoking the contract method with ID 0x893d20e8.
//
// Solidity: function getOwner() view returns(address)
func (testUSDT *TestUSDT) UnpackGetOwner(data []byte) (common.Address, error) {
	out, err := testUSDT.abi.Unpack("getOwner", data)
	if err != nil {
		return *new(common.Address), err
	}
	out0 := *abi.ConvertType(out[0], new(common.Address)).(*common.Address)
	return out0, nil
}

// PackIsBlackListed is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xe47d6060.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function isBlackListed(address ) view returns(bool)
func (testUSDT *TestUSDT) PackIsBlackListed(arg0 common.Address) []byte {
	enc, err := testUSDT.abi.Pack("isBlackListed", arg0)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackIsBlackListed is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xe47d6060.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function isBlackListed(address ) view returns(bool)
func (testUSDT *TestUSDT) TryPackIsBlackListed(arg0 common.Address) ([]byte, error) {
	return testUSDT.abi.Pack("isBlackListed", arg0)
}

// UnpackIsBlackListed is the Go binding that unpacks the parameters returned
// from invoking the contract method with ID 0xe47d6060.
//
// Solidity: function isBlackListed(address ) view returns(bool)
func (testUSDT *TestUSDT) UnpackIsBlackListed(data []byte) (bool, error) {
	out, err := testUSDT.abi.Unpack("isBlackListed", data)
	if err != nil {
		return *new(bool), err
	}
	out0 := *abi.ConvertType(out[0], new(bool)).(*bool)
	return out0, nil
}

// PackIssue is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xcc872b66.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function issue(uint256 amount) returns()
func (testUSDT *TestUSDT) PackIssue(amount *big.Int) []byte {
	enc, err := testUSDT.abi.Pack("issue", amount)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackIssue is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xcc872b66.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function issue(uint256 amount) returns()
func (testUSDT *TestUSDT) TryPackIssue(amount *big.Int) ([]byte, error) {
	return testUSDT.abi.Pack("issue", amount)
}

// PackMaximumFee is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x35390714.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function maximumFee() view returns(uint256)
func (testUSDT *TestUSDT) PackMaximumFee() []byte {
	enc, err := testUSDT.abi.Pack("maximumFee")
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackMaximumFee is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x35390714.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function maximumFee() view returns(uint256)
func (testUSDT *TestUSDT) TryPackMaximumFee() ([]byte, error) {
	return testUSDT.abi.Pack("maximumFee")
}

// UnpackMaximumFee is the Go binding that unpacks the parameters returned
// from invoking the contract method with ID 0x35390714.
//
// Solidity: function maximumFee() view returns(uint256)
func (testUSDT *TestUSDT) UnpackMaximumFee(data []byte) (*big.Int, error) {
	out, err := testUSDT.abi.Unpack("maximumFee", data)
	if err != nil {
		return new(big.Int), err
	}
	out0 := abi.ConvertType(out[0], new(big.Int)).(*big.Int)
	return out0, nil
}

// PackName is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x06fdde03.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function name() view returns(string)
func (testUSDT *TestUSDT) PackName() []byte {
	enc, err := testUSDT.abi.Pack("name")
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackName is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x06fdde03.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function name() view returns(string)
func (testUSDT *TestUSDT) TryPackName() ([]byte, error) {
	return testUSDT.abi.Pack("name")
}

// UnpackName is the Go binding that unpacks the parameters returned
// from invoking the contract method with ID 0x06fdde03.
//
// Solidity: function name() view returns(string)
func (testUSDT *TestUSDT) UnpackName(data []byte) (string, error) {
	out, err := testUSDT.abi.Unpack("name", data)
	if err != nil {
		return *new(string), err
	}
	out0 := *abi.ConvertType(out[0], new(string)).(*string)
	return out0, nil
}

// PackOwner is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x8da5cb5b.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function owner() view returns(address)
func (testUSDT *TestUSDT) PackOwner() []byte {
	enc, err := testUSDT.abi.Pack("owner")
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
func (testUSDT *TestUSDT) TryPackOwner() ([]byte, error) {
	return testUSDT.abi.Pack("owner")
}

// UnpackOwner is the Go binding that unpacks the parameters returned
// from invoking the contract method with ID 0x8da5cb5b.
//
// Solidity: function owner() view returns(address)
func (testUSDT *TestUSDT) UnpackOwner(data []byte) (common.Address, error) {
	out, err := testUSDT.abi.Unpack("owner", data)
	if err != nil {
		return *new(common.Address), err
	}
	out0 := *abi.ConvertType(out[0], new(common.Address)).(*common.Address)
	return out0, nil
}

// PackPause is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x8456cb59.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function pause() returns()
func (testUSDT *TestUSDT) PackPause() []byte {
	enc, err := testUSDT.abi.Pack("pause")
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackPause is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x8456cb59.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function pause() returns()
func (testUSDT *TestUSDT) TryPackPause() ([]byte, error) {
	return testUSDT.abi.Pack("pause")
}

// PackPaused is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x5c975abb.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function paused() view returns(bool)
func (testUSDT *TestUSDT) PackPaused() []byte {
	enc, err := testUSDT.abi.Pack("paused")
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackPaused is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x5c975abb.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function paused() view returns(bool)
func (testUSDT *TestUSDT) TryPackPaused() ([]byte, error) {
	return testUSDT.abi.Pack("paused")
}

// UnpackPaused is the Go binding that unpacks the parameters returned
// from invoking the contract method with ID 0x5c975abb.
//
// Solidity: function paused() view returns(bool)
func (testUSDT *TestUSDT) UnpackPaused(data []byte) (bool, error) {
	out, err := testUSDT.abi.Unpack("paused", data)
	if err != nil {
		return *new(bool), err
	}
	out0 := *abi.ConvertType(out[0], new(bool)).(*bool)
	return out0, nil
}

// PackRedeem is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xdb006a75.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function redeem(uint256 amount) returns()
func (testUSDT *TestUSDT) PackRedeem(amount *big.Int) []byte {
	enc, err := testUSDT.abi.Pack("redeem", amount)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackRedeem is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xdb006a75.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function redeem(uint256 amount) returns()
func (testUSDT *TestUSDT) TryPackRedeem(amount *big.Int) ([]byte, error) {
	return testUSDT.abi.Pack("redeem", amount)
}

// PackRemoveBlackList is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xe4997dc5.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function removeBlackList(address user) returns()
func (testUSDT *TestUSDT) PackRemoveBlackList(user common.Address) []byte {
	enc, err := testUSDT.abi.Pack("removeBlackList", user)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackRemoveBlackList is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xe4997dc5.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function removeBlackList(address user) returns()
func (testUSDT *TestUSDT) TryPackRemoveBlackList(user common.Address) ([]byte, error) {
	return testUSDT.abi.Pack("removeBlackList", user)
}

// PackSetParams is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xc0324c77.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function setParams(uint256 newBasisPoints, uint256 newMaxFeeTokens) returns()
func (testUSDT *TestUSDT) PackSetParams(newBasisPoints *big.Int, newMaxFeeTokens *big.Int) []byte {
	enc, err := testUSDT.abi.Pack("setParams", newBasisPoints, newMaxFeeTokens)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackSetParams is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xc0324c77.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function setParams(uint256 newBasisPoints, uint256 newMaxFeeTokens) returns()
func (testUSDT *TestUSDT) TryPackSetParams(newBasisPoints *big.Int, newMaxFeeTokens *big.Int) ([]byte, error) {
	return testUSDT.abi.Pack("setParams", newBasisPoints, newMaxFeeTokens)
}

// PackSymbol is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x95d89b41.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function symbol() view returns(string)
func (testUSDT *TestUSDT) PackSymbol() []byte {
	enc, err := testUSDT.abi.Pack("symbol")
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackSymbol is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x95d89b41.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function symbol() view returns(string)
func (testUSDT *TestUSDT) TryPackSymbol() ([]byte, error) {
	return testUSDT.abi.Pack("symbol")
}

// UnpackSymbol is the Go binding that unpacks the parameters returned
// from invoking the contract method with ID 0x95d89b41.
//
// Solidity: function symbol() view returns(string)
func (testUSDT *TestUSDT) UnpackSymbol(data []byte) (string, error) {
	out, err := testUSDT.abi.Unpack("symbol", data)
	if err != nil {
		return *new(string), err
	}
	out0 := *abi.ConvertType(out[0], new(string)).(*string)
	return out0, nil
}

// PackTotalSupply is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x18160ddd.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function totalSupply() view returns(uint256)
func (testUSDT *TestUSDT) PackTotalSupply() []byte {
	enc, err := testUSDT.abi.Pack("totalSupply")
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
func (testUSDT *TestUSDT) TryPackTotalSupply() ([]byte, error) {
	return testUSDT.abi.Pack("totalSupply")
}

// UnpackTotalSupply is the Go binding that unpacks the parameters returned
// from invoking the contract method with ID 0x18160ddd.
//
// Solidity: function totalSupply() view returns(uint256)
func (testUSDT *TestUSDT) UnpackTotalSupply(data []byte) (*big.Int, error) {
	out, err := testUSDT.abi.Unpack("totalSupply", data)
	if err != nil {
		return new(big.Int), err
	}
	out0 := abi.ConvertType(out[0], new(big.Int)).(*big.Int)
	return out0, nil
}

// PackTransfer is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xa9059cbb.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function transfer(address to, uint256 value) returns()
func (testUSDT *TestUSDT) PackTransfer(to common.Address, value *big.Int) []byte {
	enc, err := testUSDT.abi.Pack("transfer", to, value)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackTransfer is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xa9059cbb.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function transfer(address to, uint256 value) returns()
func (testUSDT *TestUSDT) TryPackTransfer(to common.Address, value *big.Int) ([]byte, error) {
	return testUSDT.abi.Pack("transfer", to, value)
}

// PackTransferFrom is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x23b872dd.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function transferFrom(address from, address to, uint256 value) returns()
func (testUSDT *TestUSDT) PackTransferFrom(from common.Address, to common.Address, value *big.Int) []byte {
	enc, err := testUSDT.abi.Pack("transferFrom", from, to, value)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackTransferFrom is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x23b872dd.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function transferFrom(address from, address to, uint256 value) returns()
func (testUSDT *TestUSDT) TryPackTransferFrom(from common.Address, to common.Address, value *big.Int) ([]byte, error) {
	return testUSDT.abi.Pack("transferFrom", from, to, value)
}

// PackTransferOwnership is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xf2fde38b.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function transferOwnership(address newOwner) returns()
func (testUSDT *TestUSDT) PackTransferOwnership(newOwner common.Address) []byte {
	enc, err := testUSDT.abi.Pack("transferOwnership", newOwner)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackTransferOwnership is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xf2fde38b.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function transferOwnership(address newOwner) returns()
func (testUSDT *TestUSDT) TryPackTransferOwnership(newOwner common.Address) ([]byte, error) {
	return testUSDT.abi.Pack("transferOwnership", newOwner)
}

// PackUnpause is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x3f4ba83a.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function unpause() returns()
func (testUSDT *TestUSDT) PackUnpause() []byte {
	enc, err := testUSDT.abi.Pack("unpause")
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackUnpause is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x3f4ba83a.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function unpause() returns()
func (testUSDT *TestUSDT) TryPackUnpause() ([]byte, error) {
	return testUSDT.abi.Pack("unpause")
}

// PackUpgradedAddress is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x26976e3f.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function upgradedAddress() view returns(address)
func (testUSDT *TestUSDT) PackUpgradedAddress() []byte {
	enc, err := testUSDT.abi.Pack("upgradedAddress")
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackUpgradedAddress is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x26976e3f.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function upgradedAddress() view returns(address)
func (testUSDT *TestUSDT) TryPackUpgradedAddress() ([]byte, error) {
	return testUSDT.abi.Pack("upgradedAddress")
}

// UnpackUpgradedAddress is the Go binding that unpacks the parameters returned
// from invoking the contract method with ID 0x26976e3f.
//
// Solidity: function upgradedAddress() view returns(address)
func (testUSDT *TestUSDT) UnpackUpgradedAddress(data []byte) (common.Address, error) {
	out, err := testUSDT.abi.Unpack("upgradedAddress", data)
	if err != nil {
		return *new(common.Address), err
	}
	out0 := *abi.ConvertType(out[0], new(common.Address)).(*common.Address)
	return out0, nil
}

// TestUSDTAddedBlackList represents a AddedBlackList event raised by the TestUSDT contract.
type TestUSDTAddedBlackList struct {
	User common.Address
	Raw  *types.Log // Blockchain specific contextual infos
}

const TestUSDTAddedBlackListEventName = "AddedBlackList"

// ContractEventName returns the user-defined event name.
func (TestUSDTAddedBlackList) ContractEventName() string {
	return TestUSDTAddedBlackListEventName
}

// UnpackAddedBlackListEvent is the Go binding that unpacks the event data emitted
// by contract.
//
// Solidity: event AddedBlackList(address user)
func (testUSDT *TestUSDT) UnpackAddedBlackListEvent(log *types.Log) (*TestUSDTAddedBlackList, error) {
	event := "AddedBlackList"
	if len(log.Topics) == 0 {
		return nil, bind.ErrNoEventSignature
	}
	if log.Topics[0] != testUSDT.abi.Events[event].ID {
		return nil, bind.ErrEventSignatureMismatch
	}
	out := new(TestUSDTAddedBlackList)
	if len(log.Data) > 0 {
		if err := testUSDT.abi.UnpackIntoInterface(out, event, log.Data); err != nil {
			return nil, err
		}
	}
	var indexed abi.Arguments
	for _, arg := range testUSDT.abi.Events[event].Inputs {
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

// TestUSDTApproval represents a Approval event raised by the TestUSDT contract.
type TestUSDTApproval struct {
	Owner   common.Address
	Spender common.Address
	Value   *big.Int
	Raw     *types.Log // Blockchain specific contextual infos
}

const TestUSDTApprovalEventName = "Approval"

// ContractEventName returns the user-defined event name.
func (TestUSDTApproval) ContractEventName() string {
	return TestUSDTApprovalEventName
}

// UnpackApprovalEvent is the Go binding that unpacks the event data emitted
// by contract.
//
// Solidity: event Approval(address indexed owner, address indexed spender, uint256 value)
func (testUSDT *TestUSDT) UnpackApprovalEvent(log *types.Log) (*TestUSDTApproval, error) {
	event := "Approval"
	if len(log.Topics) == 0 {
		return nil, bind.ErrNoEventSignature
	}
	if log.Topics[0] != testUSDT.abi.Events[event].ID {
		return nil, bind.ErrEventSignatureMismatch
	}
	out := new(TestUSDTApproval)
	if len(log.Data) > 0 {
		if err := testUSDT.abi.UnpackIntoInterface(out, event, log.Data); err != nil {
			return nil, err
		}
	}
	var indexed abi.Arguments
	for _, arg := range testUSDT.abi.Events[event].Inputs {
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

// TestUSDTDeprecate represents a Deprecate event raised by the TestUSDT contract.
type TestUSDTDeprecate struct {
	NewAddress common.Address
	Raw        *types.Log // Blockchain specific contextual infos
}

const TestUSDTDeprecateEventName = "Deprecate"

// ContractEventName returns the user-defined event name.
func (TestUSDTDeprecate) ContractEventName() string {
	return TestUSDTDeprecateEventName
}

// UnpackDeprecateEvent is the Go binding that unpacks the event data emitted
// by contract.
//
// Solidity: event Deprecate(address newAddress)
func (testUSDT *TestUSDT) UnpackDeprecateEvent(log *types.Log) (*TestUSDTDeprecate, error) {
	event := "Deprecate"
	if len(log.Topics) == 0 {
		return nil, bind.ErrNoEventSignature
	}
	if log.Topics[0] != testUSDT.abi.Events[event].ID {
		return nil, bind.ErrEventSignatureMismatch
	}
	out := new(TestUSDTDeprecate)
	if len(log.Data) > 0 {
		if err := testUSDT.abi.UnpackIntoInterface(out, event, log.Data); err != nil {
			return nil, err
		}
	}
	var indexed abi.Arguments
	for _, arg := range testUSDT.abi.Events[event].Inputs {
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

// TestUSDTDestroyedBlackFunds represents a DestroyedBlackFunds event raised by the TestUSDT contract.
type TestUSDTDestroyedBlackFunds struct {
	BlackListedUser common.Address
	Balance         *big.Int
	Raw             *types.Log // Blockchain specific contextual infos
}

const TestUSDTDestroyedBlackFundsEventName = "DestroyedBlackFunds"

// ContractEventName returns the user-defined event name.
func (TestUSDTDestroyedBlackFunds) ContractEventName() string {
	return TestUSDTDestroyedBlackFundsEventName
}

// UnpackDestroyedBlackFundsEvent is the Go binding that unpacks the event data emitted
// by contract.
//
// Solidity: event DestroyedBlackFunds(address blackListedUser, uint256 balance)
func (testUSDT *TestUSDT) UnpackDestroyedBlackFundsEvent(log *types.Log) (*TestUSDTDestroyedBlackFunds, error) {
	event := "DestroyedBlackFunds"
	if len(log.Topics) == 0 {
		return nil, bind.ErrNoEventSignature
	}
	if log.Topics[0] != testUSDT.abi.Events[event].ID {
		return nil, bind.ErrEventSignatureMismatch
	}
	out := new(TestUSDTDestroyedBlackFunds)
	if len(log.Data) > 0 {
		if err := testUSDT.abi.UnpackIntoInterface(out, event, log.Data); err != nil {
			return nil, err
		}
	}
	var indexed abi.Arguments
	for _, arg := range testUSDT.abi.Events[event].Inputs {
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

// TestUSDTIssue represents a Issue event raised by the TestUSDT contract.
type TestUSDTIssue struct {
	Amount *big.Int
	Raw    *types.Log // Blockchain specific contextual infos
}

const TestUSDTIssueEventName = "Issue"

// ContractEventName returns the user-defined event name.
func (TestUSDTIssue) ContractEventName() string {
	return TestUSDTIssueEventName
}

// UnpackIssueEvent is the Go binding that unpacks the event data emitted
// by contract.
//
// Solidity: event Issue(uint256 amount)
func (testUSDT *TestUSDT) UnpackIssueEvent(log *types.Log) (*TestUSDTIssue, error) {
	event := "Issue"
	if len(log.Topics) == 0 {
		return nil, bind.ErrNoEventSignature
	}
	if log.Topics[0] != testUSDT.abi.Events[event].ID {
		return nil, bind.ErrEventSignatureMismatch
	}
	out := new(TestUSDTIssue)
	if len(log.Data) > 0 {
		if err := testUSDT.abi.UnpackIntoInterface(out, event, log.Data); err != nil {
			return nil, err
		}
	}
	var indexed abi.Arguments
	for _, arg := range testUSDT.abi.Events[event].Inputs {
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

// TestUSDTParams represents a Params event raised by the TestUSDT contract.
type TestUSDTParams struct {
	FeeBasisPoints *big.Int
	MaxFee         *big.Int
	Raw            *types.Log // Blockchain specific contextual infos
}

const TestUSDTParamsEventName = "Params"

// ContractEventName returns the user-defined event name.
func (TestUSDTParams) ContractEventName() string {
	return TestUSDTParamsEventName
}

// UnpackParamsEvent is the Go binding that unpacks the event data emitted
// by contract.
//
// Solidity: event Params(uint256 feeBasisPoints, uint256 maxFee)
func (testUSDT *TestUSDT) UnpackParamsEvent(log *types.Log) (*TestUSDTParams, error) {
	event := "Params"
	if len(log.Topics) == 0 {
		return nil, bind.ErrNoEventSignature
	}
	if log.Topics[0] != testUSDT.abi.Events[event].ID {
		return nil, bind.ErrEventSignatureMismatch
	}
	out := new(TestUSDTParams)
	if len(log.Data) > 0 {
		if err := testUSDT.abi.UnpackIntoInterface(out, event, log.Data); err != nil {
			return nil, err
		}
	}
	var indexed abi.Arguments
	for _, arg := range testUSDT.abi.Events[event].Inputs {
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

// TestUSDTPause represents a Pause event raised by the TestUSDT contract.
type TestUSDTPause struct {
	Raw *types.Log // Blockchain specific contextual infos
}

const TestUSDTPauseEventName = "Pause"

// ContractEventName returns the user-defined event name.
func (TestUSDTPause) ContractEventName() string {
	return TestUSDTPauseEventName
}

// UnpackPauseEvent is the Go binding that unpacks the event data emitted
// by contract.
//
// Solidity: event Pause()
func (testUSDT *TestUSDT) UnpackPauseEvent(log *types.Log) (*TestUSDTPause, error) {
	event := "Pause"
	if len(log.Topics) == 0 {
		return nil, bind.ErrNoEventSignature
	}
	if log.Topics[0] != testUSDT.abi.Events[event].ID {
		return nil, bind.ErrEventSignatureMismatch
	}
	out := new(TestUSDTPause)
	if len(log.Data) > 0 {
		if err := testUSDT.abi.UnpackIntoInterface(out, event, log.Data); err != nil {
			return nil, err
		}
	}
	var indexed abi.Arguments
	for _, arg := range testUSDT.abi.Events[event].Inputs {
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

// TestUSDTRedeem represents a Redeem event raised by the TestUSDT contract.
type TestUSDTRedeem struct {
	Amount *big.Int
	Raw    *types.Log // Blockchain specific contextual infos
}

const TestUSDTRedeemEventName = "Redeem"

// ContractEventName returns the user-defined event name.
func (TestUSDTRedeem) ContractEventName() string {
	return TestUSDTRedeemEventName
}

// UnpackRedeemEvent is the Go binding that unpacks the event data emitted
// by contract.
//
// Solidity: event Redeem(uint256 amount)
func (testUSDT *TestUSDT) UnpackRedeemEvent(log *types.Log) (*TestUSDTRedeem, error) {
	event := "Redeem"
	if len(log.Topics) == 0 {
		return nil, bind.ErrNoEventSignature
	}
	if log.Topics[0] != testUSDT.abi.Events[event].ID {
		return nil, bind.ErrEventSignatureMismatch
	}
	out := new(TestUSDTRedeem)
	if len(log.Data) > 0 {
		if err := testUSDT.abi.UnpackIntoInterface(out, event, log.Data); err != nil {
			return nil, err
		}
	}
	var indexed abi.Arguments
	for _, arg := range testUSDT.abi.Events[event].Inputs {
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

// TestUSDTRemovedBlackList represents a RemovedBlackList event raised by the TestUSDT contract.
type TestUSDTRemovedBlackList struct {
	User common.Address
	Raw  *types.Log // Blockchain specific contextual infos
}

const TestUSDTRemovedBlackListEventName = "RemovedBlackList"

// ContractEventName returns the user-defined event name.
func (TestUSDTRemovedBlackList) ContractEventName() string {
	return TestUSDTRemovedBlackListEventName
}

// UnpackRemovedBlackListEvent is the Go binding that unpacks the event data emitted
// by contract.
//
// Solidity: event RemovedBlackList(address user)
func (testUSDT *TestUSDT) UnpackRemovedBlackListEvent(log *types.Log) (*TestUSDTRemovedBlackList, error) {
	event := "RemovedBlackList"
	if len(log.Topics) == 0 {
		return nil, bind.ErrNoEventSignature
	}
	if log.Topics[0] != testUSDT.abi.Events[event].ID {
		return nil, bind.ErrEventSignatureMismatch
	}
	out := new(TestUSDTRemovedBlackList)
	if len(log.Data) > 0 {
		if err := testUSDT.abi.UnpackIntoInterface(out, event, log.Data); err != nil {
			return nil, err
		}
	}
	var indexed abi.Arguments
	for _, arg := range testUSDT.abi.Events[event].Inputs {
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

// TestUSDTTransfer represents a Transfer event raised by the TestUSDT contract.
type TestUSDTTransfer struct {
	From  common.Address
	To    common.Address
	Value *big.Int
	Raw   *types.Log // Blockchain specific contextual infos
}

const TestUSDTTransferEventName = "Transfer"

// ContractEventName returns the user-defined event name.
func (TestUSDTTransfer) ContractEventName() string {
	return TestUSDTTransferEventName
}

// UnpackTransferEvent is the Go binding that unpacks the event data emitted
// by contract.
//
// Solidity: event Transfer(address indexed from, address indexed to, uint256 value)
func (testUSDT *TestUSDT) UnpackTransferEvent(log *types.Log) (*TestUSDTTransfer, error) {
	event := "Transfer"
	if len(log.Topics) == 0 {
		return nil, bind.ErrNoEventSignature
	}
	if log.Topics[0] != testUSDT.abi.Events[event].ID {
		return nil, bind.ErrEventSignatureMismatch
	}
	out := new(TestUSDTTransfer)
	if len(log.Data) > 0 {
		if err := testUSDT.abi.UnpackIntoInterface(out, event, log.Data); err != nil {
			return nil, err
		}
	}
	var indexed abi.Arguments
	for _, arg := range testUSDT.abi.Events[event].Inputs {
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

// TestUSDTUnpause represents a Unpause event raised by the TestUSDT contract.
type TestUSDTUnpause struct {
	Raw *types.Log // Blockchain specific contextual infos
}

const TestUSDTUnpauseEventName = "Unpause"

// ContractEventName returns the user-defined event name.
func (TestUSDTUnpause) ContractEventName() string {
	return TestUSDTUnpauseEventName
}

// UnpackUnpauseEvent is the Go binding that unpacks the event data emitted
// by contract.
//
// Solidity: event Unpause()
func (testUSDT *TestUSDT) UnpackUnpauseEvent(log *types.Log) (*TestUSDTUnpause, error) {
	event := "Unpause"
	if len(log.Topics) == 0 {
		return nil, bind.ErrNoEventSignature
	}
	if log.Topics[0] != testUSDT.abi.Events[event].ID {
		return nil, bind.ErrEventSignatureMismatch
	}
	out := new(TestUSDTUnpause)
	if len(log.Data) > 0 {
		if err := testUSDT.abi.UnpackIntoInterface(out, event, log.Data); err != nil {
			return nil, err
		}
	}
	var indexed abi.Arguments
	for _, arg := range testUSDT.abi.Events[event].Inputs {
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
