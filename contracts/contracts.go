package contracts

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/crypto"
)

// Deployer is the deterministic deployer that is at this address on nearly every Ethereum chain. It takes a salt of 32
// bytes and a contract's creation code as call data and creates the contract by CREATE2.
// Source: https://github.com/Arachnid/deterministic-deployment-proxy
var Deployer = common.HexToAddress("0x4e59b44847b379578588920cA78FbF26c0B4956C")

// salt is the same for every contract: an address follows from the creation code alone.
var salt [32]byte

// ErrBadAddress means that a treasury or token address can only be a mistake.
var ErrBadAddress = errors.New("bad address")

//go:embed artefacts/Vault.json
var vaultArtefact []byte

//go:embed artefacts/Sweeper.json
var sweeperArtefact []byte

// Contract is a contract that anybody can deploy through Deployer.
type Contract struct {
	Address common.Address
	// DeployData is what a transaction to Deployer carries to create the contract.
	DeployData []byte
	// Code is what the chain holds at Address after that.
	Code []byte
}

// VaultOf returns the contract to which deposit addresses are delegated so that their money reaches the treasury.
// Returns ErrBadAddress for addresses with which its constructor reverts.
func VaultOf(treasury, token common.Address) (Contract, error) {
	switch {
	case treasury == (common.Address{}):
		return Contract{}, fmt.Errorf("%w: the treasury is not set", ErrBadAddress)
	case token == (common.Address{}):
		return Contract{}, fmt.Errorf("%w: the token is not set", ErrBadAddress)
	case treasury == token:
		return Contract{}, fmt.Errorf("%w: the treasury %s is the token's contract", ErrBadAddress, treasury)
	}
	arguments := NewVault().PackConstructor(treasury, token)
	return deployed(vaultArtefact, arguments, map[string]common.Address{"TREASURY": treasury, "TOKEN": token}), nil
}

// TheSweeper returns the contract that sweeps many accounts in one transaction.
func TheSweeper() Contract { return deployed(sweeperArtefact, nil, nil) }

// deployed returns the contract of an artefact. Its immutable values stand in the code where the compiler said.
func deployed(artefact []byte, arguments []byte, immutables map[string]common.Address) Contract {
	var made struct {
		Bytecode         hexutil.Bytes    `json:"bytecode"`
		DeployedBytecode hexutil.Bytes    `json:"deployedBytecode"`
		Immutables       map[string][]int `json:"immutables"`
	}
	if err := json.Unmarshal(artefact, &made); err != nil {
		panic(fmt.Sprintf("contracts: an embedded artefact is damaged: %v", err))
	}
	creation := slices.Concat(made.Bytecode, arguments)
	for name, offsets := range made.Immutables {
		for _, offset := range offsets {
			copy(made.DeployedBytecode[offset:], common.LeftPadBytes(immutables[name].Bytes(), 32))
		}
	}
	return Contract{
		Address:    crypto.CreateAddress2(Deployer, salt, crypto.Keccak256(creation)),
		DeployData: slices.Concat(salt[:], creation),
		Code:       made.DeployedBytecode,
	}
}
