// Package contracts holds the contracts through which deposits reach the treasury: their Solidity sources, what the
// compiler made of them, the Go bindings, and their addresses. docs/vault.md says what each party can do with them.
package contracts

//go:generate ../internal/solidity/generate.sh .
