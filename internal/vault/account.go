// Package vault signs and verifies the authorizations (EIP-7702) with which deposit addresses are delegated to the
// contract that sends their money to the treasury. Signing needs the wallet's secret and runs on a machine without a
// network.
package vault

import (
	"crypto/ecdsa"
	"crypto/pbkdf2"
	"crypto/sha512"
	"errors"
	"fmt"
	"strings"

	"github.com/btcsuite/btcd/btcutil/hdkeychain"
	"github.com/btcsuite/btcd/chaincfg"
	"golang.org/x/text/unicode/norm"
)

// The way from a wallet's master key to its deposit addresses (BIP-44): m/44'/60'/0'/0/index.
const (
	purpose        = hdkeychain.HardenedKeyStart + 44
	coinType       = hdkeychain.HardenedKeyStart + 60
	firstAccount   = hdkeychain.HardenedKeyStart
	externalBranch = 0
	accountDepth   = 3
)

// seedIterations and seedBytes are BIP-39's.
const (
	seedIterations = 2048
	seedBytes      = 64
)

// ErrSecret means that a mnemonic or a private key cannot be used. The text never repeats the secret.
var ErrSecret = errors.New("this is neither a mnemonic nor an xprv")

// Account is the private key of the deposit addresses.
type Account struct{ branch *hdkeychain.ExtendedKey }

// NewAccount reads a wallet's secret: a mnemonic (BIP-39) with its passphrase, "" for none, or an extended private key
// (xprv), which is the master key or the one of the account m/44'/60'/0'. A mnemonic's checksum is not looked at:
// whoever signs compares the addresses with the xpub, which tells every wrong word. Returns ErrSecret.
func NewAccount(secret, passphrase string) (*Account, error) {
	words := strings.Fields(norm.NFKD.String(secret))
	if len(words) == 1 {
		return fromExtendedKey(words[0])
	}
	if len(words) < 12 || len(words) > 24 || len(words)%3 != 0 {
		return nil, fmt.Errorf("%w: a mnemonic has 12, 15, 18, 21 or 24 words, and there are %d", ErrSecret, len(words))
	}
	salt := []byte("mnemonic" + norm.NFKD.String(passphrase))
	seed, err := pbkdf2.Key(sha512.New, strings.Join(words, " "), salt, seedIterations, seedBytes)
	if err != nil {
		return nil, fmt.Errorf("make the seed of the mnemonic: %w", err)
	}
	master, err := hdkeychain.NewMaster(seed, &chaincfg.MainNetParams)
	if err != nil {
		return nil, fmt.Errorf("make the master key: %w", err)
	}
	return fromMaster(master)
}

func fromExtendedKey(text string) (*Account, error) {
	key, err := hdkeychain.NewKeyFromString(text)
	switch {
	case err != nil:
		return nil, ErrSecret
	case !key.IsPrivate():
		return nil, fmt.Errorf("%w: it is an xpub, which cannot sign", ErrSecret)
	case key.Depth() == 0:
		return fromMaster(key)
	case key.Depth() == accountDepth:
		return fromAccount(key)
	default:
		return nil, fmt.Errorf("%w of a wallet or of its account m/44'/60'/0': the key is at depth %d",
			ErrSecret, key.Depth())
	}
}

func fromMaster(key *hdkeychain.ExtendedKey) (*Account, error) {
	var err error
	for _, step := range []uint32{purpose, coinType, firstAccount} {
		if key, err = key.Derive(step); err != nil {
			return nil, fmt.Errorf("derive the account key: %w", err)
		}
	}
	return fromAccount(key)
}

func fromAccount(key *hdkeychain.ExtendedKey) (*Account, error) {
	branch, err := key.Derive(externalBranch)
	if err != nil {
		return nil, fmt.Errorf("derive the branch of deposit addresses: %w", err)
	}
	return &Account{branch: branch}, nil
}

// key returns the private key of m/44'/60'/0'/0/index.
func (a *Account) key(index uint32) (*ecdsa.PrivateKey, error) {
	if index >= hdkeychain.HardenedKeyStart {
		return nil, fmt.Errorf("there is no address with index %d", index)
	}
	child, err := a.branch.Derive(index)
	if err != nil {
		return nil, fmt.Errorf("derive address %d: %w", index, err)
	}
	private, err := child.ECPrivKey()
	if err != nil {
		return nil, fmt.Errorf("derive address %d: %w", index, err)
	}
	return private.ToECDSA(), nil
}
