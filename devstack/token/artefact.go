// Package token contains the test token: its Solidity sources, the compiler's output and the Go bindings. The token
// behaves like USDT on mainnet, oddities included; see TestUSDT.sol.
package token

import (
	"embed"
	"encoding/json"
	"fmt"
)

//go:generate ./generate.sh

//go:embed *.sol artefacts/*.json
var files embed.FS

// Artefact is the compiler's output for one contract. Its ABI and bytecode are the same as in the Go bindings; clients
// in other languages read them from artefacts/.
type Artefact struct {
	ContractName string          `json:"contractName"`
	Compiler     string          `json:"compiler"`
	EVMVersion   string          `json:"evmVersion"`
	SourceSHA256 string          `json:"sourceSha256"`
	ABI          json.RawMessage `json:"abi"`
	Bytecode     string          `json:"bytecode"`
}

// ReadArtefact returns the artefact of a contract: TestUSDT or TestUSDTUpgrade.
func ReadArtefact(contractName string) (*Artefact, error) {
	text, err := files.ReadFile("artefacts/" + contractName + ".json")
	if err != nil {
		return nil, fmt.Errorf("read the artefact of contract %q: %w", contractName, err)
	}
	var artefact Artefact
	if err := json.Unmarshal(text, &artefact); err != nil {
		return nil, fmt.Errorf("parse the artefact of contract %q: %w", contractName, err)
	}
	return &artefact, nil
}
