package localchain

import (
	"crypto/ecdsa"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
)

// TestKeyCount is the number of accounts that own ether from the first block on, besides the token's owner and the
// faucet.
const TestKeyCount = 10

// accountKey derives a private key from a public label, so that the accounts and the token's address are the same on
// every machine and on every new chain. Anybody can derive the same keys, which is acceptable because the chain's money
// is worth nothing.
func accountKey(label string) *ecdsa.PrivateKey {
	key, err := crypto.ToECDSA(crypto.Keccak256([]byte("paycow local chain / " + label)))
	if err != nil {
		// This needs a hash that is not below the curve's order, and the labels are fixed.
		panic(fmt.Sprintf("localchain: derive a key from the label %q: %v", label, err))
	}
	return key
}

func tokenOwnerKey() *ecdsa.PrivateKey { return accountKey("token owner") }

func faucetKey() *ecdsa.PrivateKey { return accountKey("faucet") }

// TestKey returns the key of an account that owns ether but no tokens, for an index from 0 to TestKeyCount-1. For other
// indexes it returns keys of accounts that own nothing.
func TestKey(index int) *ecdsa.PrivateKey { return accountKey(fmt.Sprintf("test account %d", index)) }

func addressOf(key *ecdsa.PrivateKey) common.Address { return crypto.PubkeyToAddress(key.PublicKey) }
