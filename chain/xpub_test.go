package chain

import (
	"crypto/pbkdf2"
	"crypto/sha512"
	"strings"
	"sync"
	"testing"

	"github.com/btcsuite/btcd/btcutil/hdkeychain"
	"github.com/btcsuite/btcd/chaincfg"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/stretchr/testify/require"
)

// testSeed is the BIP-39 seed of the mnemonic that Ethereum's development tools share.
func testSeed(t *testing.T) []byte {
	t.Helper()
	seed, err := pbkdf2.Key(sha512.New, "test test test test test test test test test test test junk",
		[]byte("mnemonic"), 2048, 64)
	require.NoError(t, err)
	return seed
}

func TestAddressesOfTheKnownMnemonic(t *testing.T) {
	t.Parallel()
	xpub, err := NewDevXPub(testSeed(t))
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(xpub, "xpub"))
	source, err := NewXPub("  " + xpub + "\n")
	require.NoError(t, err)
	for index, want := range []string{
		"0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
		"0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
		"0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
		"0x90F79bf6EB2c4f870365E785982E1f101E93b906",
		"0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65",
	} {
		address, err := source.Address(uint32(index))
		require.NoError(t, err)
		require.Equal(t, want, address)
	}
	_, err = source.Address(1<<31 - 1)
	require.NoError(t, err)
	_, err = source.Address(1 << 31)
	require.Error(t, err, "hardened indexes need the private key")
}

// The wallet finds money at m/44'/60'/0'/1/index with its private key, and no payment has such an address.
func TestInternalAddresses(t *testing.T) {
	t.Parallel()
	xpub, err := NewDevXPub(testSeed(t))
	require.NoError(t, err)
	source, err := NewXPub(xpub)
	require.NoError(t, err)
	internal, err := source.Internal()
	require.NoError(t, err)
	require.Equal(t, source.Fingerprint(), internal.Fingerprint())
	external := map[string]bool{}
	for index := range uint32(50) {
		address, err := source.Address(index)
		require.NoError(t, err)
		external[address] = true
	}
	for index := range uint32(50) {
		address, err := internal.Address(index)
		require.NoError(t, err)
		require.False(t, external[address])
		key, err := hdkeychain.NewMaster(testSeed(t), &chaincfg.MainNetParams)
		for _, step := range []uint32{hardened + 44, hardened + 60, hardened, 1, index} {
			require.NoError(t, err)
			key, err = key.Derive(step)
		}
		require.NoError(t, err)
		private, err := key.ECPrivKey()
		require.NoError(t, err)
		require.Equal(t, crypto.PubkeyToAddress(*private.PubKey().ToECDSA()).Hex(), address)
	}
}

const hardened = hdkeychain.HardenedKeyStart

func TestAddressesFromManyGoroutines(t *testing.T) {
	t.Parallel()
	xpub, err := NewDevXPub(testSeed(t))
	require.NoError(t, err)
	source, err := NewXPub(xpub)
	require.NoError(t, err)
	var mu sync.Mutex
	seen := map[string]uint32{}
	var group sync.WaitGroup
	for worker := range uint32(4) {
		group.Go(func() {
			for i := range uint32(50) {
				address, err := source.Address(worker*50 + i)
				mu.Lock()
				if _, taken := seen[address]; taken || err != nil {
					t.Errorf("index %d: %s %v", worker*50+i, address, err)
				}
				seen[address] = worker*50 + i
				mu.Unlock()
			}
		})
	}
	group.Wait()
	require.Len(t, seen, 200)
}

func TestKeysThatAreRefused(t *testing.T) {
	t.Parallel()
	master, err := hdkeychain.NewMaster(testSeed(t), &chaincfg.MainNetParams)
	require.NoError(t, err)
	at := func(path ...uint32) *hdkeychain.ExtendedKey {
		key := master
		for _, step := range path {
			key, err = key.Derive(step)
			require.NoError(t, err)
		}
		return key
	}
	public := func(key *hdkeychain.ExtendedKey) string {
		neutered, err := key.Neuter()
		require.NoError(t, err)
		return neutered.String()
	}
	const hardened = hdkeychain.HardenedKeyStart
	account := at(hardened+44, hardened+60, hardened)
	neutered, err := account.Neuter()
	require.NoError(t, err)
	tpub, err := neutered.CloneWithVersion(chaincfg.TestNet3Params.HDPublicKeyID[:])
	require.NoError(t, err)
	valid := public(account)
	for name, test := range map[string]struct{ key, says string }{
		"nothing":               {"", "not a BIP-32"},
		"no key":                {"hello", "not a BIP-32"},
		"an address":            {"0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", "not a BIP-32"},
		"a letter wrong":        {valid[:len(valid)-1] + "1", "not a BIP-32"},
		"cut off":               {valid[:100], "not a BIP-32"},
		"private account":       {account.String(), "private key"},
		"private master":        {master.String(), "private key"},
		"master":                {public(master), "depth 0"},
		"coin":                  {public(at(hardened+44, hardened+60)), "depth 2"},
		"external chain":        {public(at(hardened+44, hardened+60, hardened, 0)), "depth 4"},
		"address":               {public(at(hardened+44, hardened+60, hardened, 0, 0)), "depth 5"},
		"another coin's prefix": {tpub.String(), "xpub"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := NewXPub(test.key)
			require.ErrorContains(t, err, test.says)
			if len(test.key) > 20 {
				require.NotContains(t, err.Error(), test.key[:20], "keys do not belong into errors")
			}
		})
	}
	_, err = NewDevXPub(make([]byte, 15))
	require.Error(t, err)
}
