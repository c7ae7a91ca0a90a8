package localchain

import (
	"crypto/ecdsa"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
)

// TestKeyCount is the number of accounts, beside the token's owner and the faucet, that own ether from the first block
// on.
const TestKeyCount = 10

// accountKey derives a private key from a public label. Everybody can do the same, which is right for a chain whose
// money is worth nothing: the accounts and the token's address are the same on every machine and after every fresh
// start.
func accountKey(label string) *ecdsa.PrivateKey {
	key, err := crypto.ToECDSA(crypto.Keccak256([]byte("paycow local chain / " + label)))
	if err != nil {
		// Only a hash outside the curve's order gets here, and the labels are fixed.
		panic(fmt.Sprintf("localchain: no key can be derived from label %q: %v", label, err))
	}
	return key
}

func tokenOwnerKey() *ecdsa.PrivateKey { return accountKey("token owner") }

func faucetKey() *ecdsa.PrivateKey { return accountKey("faucet") }

// TestKey returns the key of a funded account (ether, no token) for index 0 to TestKeyCount-1. Other indexes give keys
// of accounts that own nothing.
func TestKey(index int) *ecdsa.PrivateKey { return accountKey(fmt.Sprintf("test account %d", index)) }

func addressOf(key *ecdsa.PrivateKey) common.Address { return crypto.PubkeyToAddress(key.PublicKey) }
