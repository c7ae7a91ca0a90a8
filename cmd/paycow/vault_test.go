package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"paycow/chain"
	"paycow/contracts"
	"paycow/internal/vault"
)

// The wallet of the tests is the one of every Ethereum development tool.
const (
	walletMnemonic = "test test test test test test test test test test test junk"
	walletSeed     = "0x9dfc3c64c2f8bede1533b6a79f8570e5943e0b8fd1cf77107adf7b72cef42185d564a3aee24cab43f80e3c4538087d70fc824eabbad596a23c97b6ee8322ccc0"
	treasury       = "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc"
)

func walletXPub(t *testing.T) string {
	t.Helper()
	xpub, err := chain.NewDevXPub(common.FromHex(walletSeed))
	require.NoError(t, err)
	return xpub
}

// runVaultSign runs the command with these lines as standard input.
func runVaultSign(t *testing.T, input string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	settingsOf(t, nil)
	read, write, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { _ = read.Close() })
	_, err = write.WriteString(input)
	require.NoError(t, err)
	require.NoError(t, write.Close())
	var out, errs bytes.Buffer
	err = run(t.Context(), newProgram(read, &out, &errs), append([]string{"paycow", "vault", "sign"}, args...))
	return out.String(), errs.String(), err
}

func authorizationsOf(t *testing.T, output string) (read []vault.Authorization) {
	t.Helper()
	for line := range strings.Lines(output) {
		var one vault.Authorization
		require.NoError(t, json.Unmarshal([]byte(line), &one))
		read = append(read, one)
	}
	return read
}

func TestVaultSign(t *testing.T) {
	xpub := walletXPub(t)
	wallet, err := chain.NewXPub(xpub)
	require.NoError(t, err)
	stdout, stderr, err := runVaultSign(t, walletMnemonic+"\n", "--xpub", xpub, "--treasury", treasury, "--count", "3",
		"--nonce", "0", "--nonce", "1")
	require.NoError(t, err)
	contract, err := contracts.VaultOf(common.HexToAddress(treasury), defaultSettings().Token)
	require.NoError(t, err)
	signed := authorizationsOf(t, stdout)
	require.Len(t, signed, 6)
	for i, one := range signed {
		require.NoError(t, one.Verify(wallet, 1, contract.Address))
		require.EqualValues(t, 1000+i/2, one.Index)
		require.EqualValues(t, i%2, one.Signed.Nonce)
	}
	first, err := wallet.Address(1000)
	require.NoError(t, err)
	for _, said := range []string{
		"You sign for 3 addresses of your wallet, on chain 1:", "index 1000: " + first, "to " + treasury, contract.Address.Hex(), "nonce 0 or 1",
	} {
		require.Contains(t, stderr, said)
	}
	require.NotContains(t, stdout+stderr, "junk")
}

func TestVaultSignRevokes(t *testing.T) {
	xpub := walletXPub(t)
	stdout, stderr, err := runVaultSign(t, walletMnemonic, "--xpub", xpub, "--revoke", "--count", "1", "--nonce", "1")
	require.NoError(t, err)
	require.Contains(t, stderr, "can end the addresses' delegation")
	signed := authorizationsOf(t, stdout)
	require.Len(t, signed, 1)
	require.Equal(t, common.Address{}, signed[0].Signed.Address)
}

// TestVaultSignRefuses shows that a slip signs nothing, and that the secret is not repeated.
func TestVaultSignRefuses(t *testing.T) {
	xpub := walletXPub(t)
	wallet, err := chain.NewXPub(xpub)
	require.NoError(t, err)
	deposit, err := wallet.Address(1001)
	require.NoError(t, err)
	const wrongWord = "test test test test test test test test test test junk test"
	for says, c := range map[string]struct {
		input string
		args  []string
	}{
		"--xpub is needed":                              {walletMnemonic, []string{"--treasury", treasury}},
		"one of --treasury and --revoke is needed":      {walletMnemonic, []string{"--xpub", xpub}},
		"is wrong or missing; copy the address again":   {walletMnemonic, []string{"--xpub", xpub, "--treasury", strings.ToLower(treasury)}},
		`"0x12" is not an address`:                      {walletMnemonic, []string{"--xpub", xpub, "--treasury", "0x12"}},
		"--count must be between 1 and 100000":          {walletMnemonic, []string{"--xpub", xpub, "--treasury", treasury, "--count", "0"}},
		"--revoke needs --nonce, at least 1":            {walletMnemonic, []string{"--xpub", xpub, "--revoke"}},
		"one the signature would use up the nonce":      {walletMnemonic, []string{"--xpub", xpub, "--revoke", "--nonce", "0"}},
		"--token-address is needed with --chain-id":     {walletMnemonic, []string{"--xpub", xpub, "--treasury", treasury, "--chain-id", "5"}},
		"--chain-id 0 would be valid on every chain":    {walletMnemonic, []string{"--xpub", xpub, "--treasury", treasury, "--chain-id", "0"}},
		"beyond what a public key can derive":           {walletMnemonic, []string{"--xpub", xpub, "--treasury", treasury, "--first", "2147483647"}},
		"what you typed does not belong to the xpub":    {wrongWord, []string{"--xpub", xpub, "--treasury", treasury}},
		"does not belong to the xpub; check each word":  {walletMnemonic + "\npassphrase\n", []string{"--xpub", xpub, "--treasury", treasury}},
		"this is neither a mnemonic nor an xprv":        {"", []string{"--xpub", xpub, "--treasury", treasury}},
		"and there are 13":                              {walletMnemonic + " test", []string{"--xpub", xpub, "--treasury", treasury}},
		"is the deposit address with index 1001":        {walletMnemonic, []string{"--xpub", xpub, "--treasury", deposit}},
		"the treasury " + defaultSettings().Token.Hex(): {walletMnemonic, []string{"--xpub", xpub, "--treasury", defaultSettings().Token.Hex()}},
	} {
		stdout, stderr, err := runVaultSign(t, c.input, c.args...)
		require.ErrorContains(t, err, says)
		require.Empty(t, stdout, says)
		require.NotContains(t, stderr+err.Error(), "junk", says)
	}
}
