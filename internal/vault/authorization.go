package vault

import (
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/holiman/uint256"
)

// ErrNotValid means that an authorization is not what it should be.
var ErrNotValid = errors.New("the authorization is not valid")

// Authorization lets anybody delegate one account to one contract, once, while the account's nonce is the signed one.
// In JSON it is one line of what "paycow vault sign" writes.
type Authorization struct {
	// Index is the account's in the wallet: m/44'/60'/0'/0/index.
	Index   uint32         `json:"index"`
	Account common.Address `json:"account"`
	// Signed is the tuple of a transaction of type 4, in the form of Ethereum's JSON-RPC.
	Signed types.SetCodeAuthorization `json:"authorization"`
}

// Sign authorizes the delegation of the account with an index, on one chain, to a contract. The address 0 ends a
// delegation.
func (a *Account) Sign(index uint32, chainID uint64, contract common.Address, nonce uint64) (Authorization, error) {
	key, err := a.key(index)
	if err != nil {
		return Authorization{}, err
	}
	signed, err := types.SignSetCode(key, types.SetCodeAuthorization{
		ChainID: *uint256.NewInt(chainID), Address: contract, Nonce: nonce,
	})
	if err != nil {
		return Authorization{}, fmt.Errorf("sign for address %d: %w", index, err)
	}
	return Authorization{Index: index, Account: crypto.PubkeyToAddress(key.PublicKey), Signed: signed}, nil
}

// Addresses derives the deposit addresses of a wallet, in EIP-55 form.
type Addresses interface {
	Address(index uint32) (string, error)
}

// Verify checks that the authorization was signed by the wallet's account with that index, for this chain and contract
// and no other. A chain of 0 would be valid on every chain, and is refused as any other wrong one. Returns ErrNotValid.
func (a Authorization) Verify(wallet Addresses, chainID uint64, contract common.Address) error {
	expected, err := wallet.Address(a.Index)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotValid, err)
	}
	signer, err := a.Signed.Authority()
	switch {
	case err != nil:
		return fmt.Errorf("%w: the signature of address %d: %w", ErrNotValid, a.Index, err)
	case a.Account.Hex() != expected:
		return fmt.Errorf("%w: address %d of the wallet is %s, not %s", ErrNotValid, a.Index, expected, a.Account)
	case signer != a.Account:
		return fmt.Errorf("%w: address %d is %s, and %s signed", ErrNotValid, a.Index, a.Account, signer)
	case !a.Signed.ChainID.Eq(uint256.NewInt(chainID)):
		return fmt.Errorf("%w: address %d signed for chain %s instead of %d",
			ErrNotValid, a.Index, &a.Signed.ChainID, chainID)
	case a.Signed.Address != contract:
		return fmt.Errorf("%w: address %d signed for the contract %s instead of %s",
			ErrNotValid, a.Index, a.Signed.Address, contract)
	default:
		return nil
	}
}
