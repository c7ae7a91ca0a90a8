package vault

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcutil/hdkeychain"
	"github.com/btcsuite/btcd/chaincfg"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/holiman/uint256"
	"github.com/stretchr/testify/require"

	"paycow/chain"
)

// testMnemonic is the one of every Ethereum development tool; its first address is well known.
const (
	testMnemonic = "test test test test test test test test test test test junk"
	firstAddress = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
	chainID      = 1
)

var contract = common.HexToAddress("0x00000000000000000000000000000000000c0de0")

func testAccount(t *testing.T) *Account {
	t.Helper()
	account, err := NewAccount(testMnemonic, "")
	require.NoError(t, err)
	return account
}

func address(t *testing.T, account *Account, index uint32) string {
	t.Helper()
	key, err := account.key(index)
	require.NoError(t, err)
	return crypto.PubkeyToAddress(key.PublicKey).Hex()
}

// wallet returns the public key of the test mnemonic's account, derived step by step.
func wallet(t *testing.T) (xpub *chain.XPub, master, account string) {
	t.Helper()
	// The seed of the test mnemonic without a passphrase.
	seed := common.FromHex("0x9dfc3c64c2f8bede1533b6a79f8570e5943e0b8fd1cf77107adf7b72cef42185d564a3aee24cab43f80e3c4538087d70fc824eabbad596a23c97b6ee8322ccc0")
	key, err := hdkeychain.NewMaster(seed, &chaincfg.MainNetParams)
	require.NoError(t, err)
	master = key.String()
	for _, step := range []uint32{purpose, coinType, firstAccount} {
		key, err = key.Derive(step)
		require.NoError(t, err)
	}
	public, err := key.Neuter()
	require.NoError(t, err)
	xpub, err = chain.NewXPub(public.String())
	require.NoError(t, err)
	return xpub, master, key.String()
}

func TestEachFormOfTheSecretGivesTheSameAddresses(t *testing.T) {
	t.Parallel()
	xpub, master, accountKey := wallet(t)
	for _, secret := range []string{testMnemonic, "  " + strings.ReplaceAll(testMnemonic, " ", "\n\t") + "\n", master, accountKey} {
		account, err := NewAccount(secret, "")
		require.NoError(t, err)
		require.Equal(t, firstAddress, address(t, account, 0))
		expected, err := xpub.Address(1000)
		require.NoError(t, err)
		require.Equal(t, expected, address(t, account, 1000))
	}
}

// TestPassphrase uses a vector of BIP-39: https://github.com/trezor/python-mnemonic/blob/master/vectors.json
func TestPassphrase(t *testing.T) {
	t.Parallel()
	words := strings.Repeat("abandon ", 11) + "about"
	account, err := NewAccount(words, "TREZOR")
	require.NoError(t, err)
	fromVector, err := NewAccount("xprv9s21ZrQH143K3h3fDYiay8mocZ3afhfULfb5GX8kCBdno77K4HiA15Tg23wpbeF1pLfs1c5SPmYHrEpTuuRhxMwvKDwqdKiGJS9XFKzUsAF", "")
	require.NoError(t, err)
	require.Equal(t, address(t, fromVector, 7), address(t, account, 7))
	other, err := NewAccount(words, "")
	require.NoError(t, err)
	require.NotEqual(t, address(t, other, 7), address(t, account, 7))
}

func TestSecretsThatCannotSign(t *testing.T) {
	t.Parallel()
	xpub, err := chain.NewDevXPub(make([]byte, 32))
	require.NoError(t, err)
	_, master, _ := wallet(t)
	key, err := hdkeychain.NewKeyFromString(master)
	require.NoError(t, err)
	child, err := key.Derive(purpose)
	require.NoError(t, err)
	for name, secret := range map[string]string{
		"nothing": "", "a word": "test", "eleven words": strings.Repeat("test ", 11), "27 words": strings.Repeat("test ", 27),
		"an xpub": xpub, "a key between": child.String(), "a key with a wrong digit": master[:len(master)-1] + "1",
	} {
		_, err := NewAccount(secret, "")
		require.ErrorIs(t, err, ErrSecret, name)
		if secret != "" && name != "a word" {
			require.NotContains(t, err.Error(), strings.TrimSpace(secret), "%s: the text repeats it", name)
		}
	}
}

func TestSignedAuthorizationIsVerified(t *testing.T) {
	t.Parallel()
	xpub, _, _ := wallet(t)
	signed, err := testAccount(t).Sign(1000, chainID, contract, 0)
	require.NoError(t, err)
	line, err := json.Marshal(signed)
	require.NoError(t, err)
	var read Authorization
	require.NoError(t, json.Unmarshal(line, &read))
	require.Equal(t, signed, read)
	require.NoError(t, read.Verify(xpub, chainID, contract))
}

// TestEveryChangeOfAnAuthorizationIsNoticed changes each field by itself, as somebody who carries the file might.
func TestEveryChangeOfAnAuthorizationIsNoticed(t *testing.T) {
	t.Parallel()
	xpub, _, _ := wallet(t)
	account := testAccount(t)
	for name, change := range map[string]func(a *Authorization){
		"index":             func(a *Authorization) { a.Index++ },
		"index of no key":   func(a *Authorization) { a.Index = hdkeychain.HardenedKeyStart },
		"account":           func(a *Authorization) { a.Account[0] ^= 1 },
		"chain":             func(a *Authorization) { a.Signed.ChainID.SetUint64(5) },
		"every chain":       func(a *Authorization) { a.Signed.ChainID.Clear() },
		"contract":          func(a *Authorization) { a.Signed.Address[19] ^= 1 },
		"nonce":             func(a *Authorization) { a.Signed.Nonce++ },
		"r":                 func(a *Authorization) { a.Signed.R.AddUint64(&a.Signed.R, 1) },
		"s":                 func(a *Authorization) { a.Signed.S.AddUint64(&a.Signed.S, 1) },
		"y parity":          func(a *Authorization) { a.Signed.V ^= 1 },
		"y parity of 27":    func(a *Authorization) { a.Signed.V += 27 },
		"the other s":       func(a *Authorization) { otherS(a) },
		"another's account": func(a *Authorization) { *a, _ = account.Sign(1001, chainID, contract, 0); a.Index = 1000 },
		"signed for another contract": func(a *Authorization) {
			*a, _ = account.Sign(1000, chainID, common.HexToAddress("0xbad"), 0)
		},
		"signed for every chain": func(a *Authorization) { *a, _ = account.Sign(1000, 0, contract, 0) },
	} {
		changed, err := account.Sign(1000, chainID, contract, 0)
		require.NoError(t, err)
		change(&changed)
		require.ErrorIs(t, changed.Verify(xpub, chainID, contract), ErrNotValid, name)
	}
}

// otherS replaces a signature by its other form, which Ethereum does not accept (EIP-2).
func otherS(a *Authorization) {
	order := uint256.MustFromBig(crypto.S256().Params().N)
	a.Signed.S.Sub(order, &a.Signed.S)
	a.Signed.V ^= 1
}
