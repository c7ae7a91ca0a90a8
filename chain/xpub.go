package chain

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/btcsuite/btcd/btcutil/hdkeychain"
	"github.com/btcsuite/btcd/chaincfg"
	"github.com/ethereum/go-ethereum/crypto"
)

// accountDepth is how deep m/44'/60'/0' lies below the master key.
const accountDepth = 3

// XPub derives addresses from a BIP-32 public account key (m/44'/60'/0'), on one of its branches: first the external
// one. No private key is involved. It is safe for concurrent use.
type XPub struct {
	account     *hdkeychain.ExtendedKey // m/44'/60'/0'
	branch      *hdkeychain.ExtendedKey // m/44'/60'/0'/0
	fingerprint string
}

// The branches of an account (BIP-44).
const (
	externalBranch = 0 // deposit addresses
	internalBranch = 1 // addresses of test payments
)

// NewXPub parses a public account key. Each error is one sentence and never repeats the key.
func NewXPub(xpub string) (*XPub, error) {
	account, err := hdkeychain.NewKeyFromString(strings.TrimSpace(xpub))
	if err != nil {
		return nil, errors.New(
			"the key is not a BIP-32 extended key; export the xpub of the account m/44'/60'/0' from your wallet",
		)
	}
	if account.IsPrivate() {
		return nil, errors.New(
			"the key is a private key (xprv), which must never be on this machine; " +
				"use the public xpub of the account m/44'/60'/0'",
		)
	}
	if !account.IsForNet(&chaincfg.MainNetParams) {
		return nil, errors.New("the key does not begin with xpub; export the account m/44'/60'/0' as an xpub")
	}
	if account.Depth() != accountDepth {
		return nil, fmt.Errorf("the key is at depth %d instead of %d; use the xpub of the account m/44'/60'/0'",
			account.Depth(), accountDepth)
	}
	external, err := account.Derive(externalBranch)
	if err != nil {
		return nil, fmt.Errorf("derive the external chain of the xpub: %w", err)
	}
	sum := sha256.Sum256([]byte("paycow xpub " + account.String()))
	return &XPub{account: account, branch: external, fingerprint: hex.EncodeToString(sum[:8])}, nil
}

// Internal returns the account key for addresses m/44'/60'/0'/1/index. The wallet owns them like all others, and no
// payment gets one.
func (x *XPub) Internal() (*XPub, error) {
	internal, err := x.account.Derive(internalBranch)
	if err != nil {
		return nil, fmt.Errorf("derive the internal chain of the xpub: %w", err)
	}
	return &XPub{account: x.account, branch: internal, fingerprint: x.fingerprint}, nil
}

// Fingerprint returns 16 hex digits that tell account keys apart and disclose nothing of them.
func (x *XPub) Fingerprint() string { return x.fingerprint }

// Address returns the address m/44'/60'/0'/0/index in EIP-55 form, or that of the branch that Internal returned.
func (x *XPub) Address(index uint32) (string, error) {
	if index >= hdkeychain.HardenedKeyStart {
		return "", fmt.Errorf("address index %d is beyond what a public key can derive", index)
	}
	child, err := x.branch.Derive(index)
	if err != nil {
		return "", fmt.Errorf("derive address %d: %w", index, err)
	}
	public, err := child.ECPubKey()
	if err != nil {
		return "", fmt.Errorf("derive address %d: %w", index, err)
	}
	return crypto.PubkeyToAddress(*public.ToECDSA()).Hex(), nil
}

// NewDevXPub derives the xpub of the account m/44'/60'/0' from a BIP-32 seed of 16 to 64 bytes. It is for development
// and tests only: no other server may know a seed.
func NewDevXPub(seed []byte) (string, error) {
	key, err := hdkeychain.NewMaster(seed, &chaincfg.MainNetParams)
	if err != nil {
		return "", fmt.Errorf("make the master key: %w", err)
	}
	for _, step := range []uint32{44, 60, 0} {
		if key, err = key.Derive(hdkeychain.HardenedKeyStart + step); err != nil {
			return "", fmt.Errorf("derive the account key: %w", err)
		}
	}
	public, err := key.Neuter()
	if err != nil {
		return "", fmt.Errorf("make the account key public: %w", err)
	}
	return public.String(), nil
}
