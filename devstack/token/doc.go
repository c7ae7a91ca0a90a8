// Package token holds the test token: its Solidity sources, what the compiler made of them, and the Go bindings.
// The token behaves as USDT does on mainnet, odd parts included, see TestUSDT.sol.
package token

//go:generate ../../internal/solidity/generate.sh .
