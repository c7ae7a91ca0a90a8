// Package contracttest holds contracts that only tests use: tokens and accounts that do harm, and another way to sweep
// that figures are compared with.
package contracttest

//go:generate ../../internal/solidity/generate.sh .
