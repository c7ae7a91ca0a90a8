package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/urfave/cli/v3"

	"paycow/internal/webhooks"
	"paycow/models"
)

// settingsOf loads settings from these variables and flags alone.
func settingsOf(t *testing.T, env map[string]string, args ...string) (Settings, error) {
	t.Helper()
	for _, d := range new(Settings).table() {
		t.Setenv(d.env(), "")
		t.Setenv(d.env()+"_FILE", "")
	}
	for name, value := range env {
		t.Setenv(name, value)
	}
	var s Settings
	cmd := &cli.Command{
		Name: "test", Flags: settingFlags(), Writer: &bytes.Buffer{}, ErrWriter: &bytes.Buffer{}, OnUsageError: usageError,
		Action: func(_ context.Context, cmd *cli.Command) (err error) {
			s, err = loadSettings(cmd)
			return err
		},
	}
	err := cmd.Run(t.Context(), append([]string{"test"}, args...))
	return s, err
}

func TestSettingsOfTheNodes(t *testing.T) {
	s, err := settingsOf(t, nil)
	require.NoError(t, err)
	require.Empty(t, s.RPCURLs)
	require.Zero(t, s.RPCQuorum, "a process without nodes leaves it to those who have some")
	require.Equal(t, 10*time.Minute, s.ReconcileEvery)
	require.False(t, s.WatchMempool)
	require.Zero(t, s.FinalizedAbove)
	require.Empty(t, s.MetricsAddr)

	s, err = settingsOf(t, map[string]string{"PAYCOW_ETH_RPC_URLS": "wss://a/key"})
	require.NoError(t, err)
	require.Equal(t, 1, s.RPCQuorum)

	s, err = settingsOf(t, map[string]string{
		"PAYCOW_ETH_RPC_URLS": "wss://a/key, https://b ,http://c", "PAYCOW_FINALIZED_ABOVE": "10000.5", "PAYCOW_WATCH_MEMPOOL": "true",
		"PAYCOW_RECONCILE_EVERY": "1m", "PAYCOW_METRICS_ADDR": "127.0.0.1:9464",
	})
	require.NoError(t, err)
	require.Equal(t, []string{"wss://a/key", "https://b", "http://c"}, s.RPCURLs)
	require.Equal(t, 2, s.RPCQuorum)
	require.Equal(t, models.Amount(10_000_500_000), s.FinalizedAbove)
	require.True(t, s.WatchMempool)
	require.Equal(t, time.Minute, s.ReconcileEvery)
	require.Equal(t, "127.0.0.1:9464", s.MetricsAddr)

	s, err = settingsOf(t, map[string]string{"PAYCOW_ETH_RPC_URLS": "http://a,http://b,http://c", "PAYCOW_RPC_QUORUM": "3"})
	require.NoError(t, err)
	require.Equal(t, 3, s.RPCQuorum)
}

func TestRefusedSettingsOfTheNodes(t *testing.T) {
	for name, value := range map[string]struct{ value, says string }{
		"PAYCOW_ETH_RPC_URLS":       {"http://secret,http://secret", "names a node twice"},
		"PAYCOW_RPC_QUORUM":         {"0", `must be a whole number from 1 to 255 (not "0")`},
		"PAYCOW_FINALIZED_ABOVE":    {"-1", `must be a positive amount with at most 6 decimals (not "-1")`},
		"PAYCOW_RESERVED_ADDRESSES": {"0", `must be a whole number from 1 to 10000 (not "0")`},
		"PAYCOW_TREASURY":           {"0xdAC17F958D2ee523a2206206994597C13D831ec8", "the checksum of 0xdAC17F958D2ee523a2206206994597C13D831ec8 is wrong"},
		"PAYCOW_WATCH_MEMPOOL":      {"perhaps", `must be true or false (not "perhaps")`},
		"PAYCOW_RECONCILE_EVERY":    {"59s", `must be a duration of at least 1m0s, such as 90s or 1h (not "59s")`},
	} {
		_, err := settingsOf(t, map[string]string{name: value.value})
		require.ErrorContains(t, err, name+": "+value.says)
		require.NotContains(t, err.Error(), "secret")
	}
	for _, urls := range []string{"http://a,", ",http://a", "http://a,ftp://b", "http://a;http://b,"} {
		_, err := settingsOf(t, map[string]string{"PAYCOW_ETH_RPC_URLS": urls})
		require.ErrorContains(t, err, "must be http, https, ws or wss URLs, separated by commas", urls)
	}
	for _, other := range []string{
		"https://a.example/secret", "https://A.Example/secret", "https://a.example/secret/", "https://a.example:443/secret",
		"https://a.example./secret", "https://a.example/secret#x",
	} {
		_, err := settingsOf(t, map[string]string{"PAYCOW_ETH_RPC_URLS": "https://a.example/secret," + other})
		require.ErrorContains(t, err, "names a node twice", other)
		require.NotContains(t, err.Error(), "secret")
	}
	for _, other := range []string{
		"https://a.example/Secret", "https://a.example:8545/secret", "https://a.example/secret?x=1", "https://[::1]:8545/", "wss://a.example/secret",
	} {
		_, err := settingsOf(t, map[string]string{"PAYCOW_ETH_RPC_URLS": "https://a.example/secret," + other})
		require.NoError(t, err, other)
	}
	_, err := settingsOf(t, map[string]string{"PAYCOW_ETH_RPC_URLS": "http://a,http://b", "PAYCOW_RPC_QUORUM": "3"})
	require.ErrorContains(t, err, "PAYCOW_RPC_QUORUM: a quorum of 3 needs more nodes than the 2 configured")
	_, err = settingsOf(t, map[string]string{"PAYCOW_MIN_AMOUNT": "20.01", "PAYCOW_MAX_AMOUNT": "20"})
	require.ErrorContains(t, err, "PAYCOW_MIN_AMOUNT: must be at most PAYCOW_MAX_AMOUNT")
}

// TestRefusedSettingsAreReportedTogether shows one line for each wrong setting, wherever its value comes from.
func TestRefusedSettingsAreReportedTogether(t *testing.T) {
	wrong := map[string]struct{ value, says string }{
		"PUBLIC_URL":      {"ftp://x", `must be a URL that starts with https:// or http:// (not "ftp://x")`},
		"TEMPORAL_UI_URL": {"https://x?a=b", `must be a URL that starts with https:// or http:// (not "https://x?a=b")`},
		"EXPLORER_URL":    {"http://x", `must be a URL that starts with https://, or none (not "http://x")`},
		"CHAIN_ID":        {"main", `must be a whole number from 1 to 9223372036854775807 (not "main")`},
		"TOKEN_ADDRESS":   {"0x12", `must be an address: 0x and 40 hex digits (not "0x12")`},
		"CONFIRMATIONS":   {"65536", `must be a whole number from 1 to 65535 (not "65536")`},
		"BLOCK_TIME":      {"0s", `must be a duration of at least 1ms, such as 90s or 1h (not "0s")`},
		"MAX_AMOUNT":      {"0.0000001", `must be a positive amount with at most 6 decimals (not "0.0000001")`},
		"MASTER_KEY":      {"secret", "must be 64 hex digits"},
		"TRUSTED_PROXIES": {"10.0.0.0/8,x", `must be IP addresses or CIDR ranges, separated by commas (not "10.0.0.0/8,x")`},
		"LOG_LEVEL":       {"loud", `must be debug, info, warn or error (not "loud")`},
		"LOG_FORMAT":      {"xml", `must be text or json (not "xml")`},
	}
	env := map[string]string{"PAYCOW_XPUB_FILE": filepath.Join(t.TempDir(), "missing")}
	for name, value := range wrong {
		env["PAYCOW_"+name] = value.value
	}
	_, err := settingsOf(t, env)
	require.Error(t, err)
	lines := strings.Split(err.Error(), "\n")
	require.Len(t, lines, len(wrong)+1)
	for name, value := range wrong {
		require.Contains(t, lines, "PAYCOW_"+name+": "+value.says)
	}
	require.Contains(t, err.Error(), "PAYCOW_XPUB_FILE: open ")
	require.NotContains(t, err.Error(), "secret")
}

// TestPrivateKeyIsNotRepeated shows that a private key, given instead of the public one, is not in the error, which is logged.
func TestPrivateKeyIsNotRepeated(t *testing.T) {
	const private = "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi"
	_, err := settingsOf(t, map[string]string{"PAYCOW_XPUB": private})
	require.ErrorContains(t, err, "PAYCOW_XPUB")
	require.NotContains(t, err.Error(), private)
}

// TestSettingsSources shows which value wins: the flag, the variable, the file, the default. Empty ones do not count.
func TestSettingsSources(t *testing.T) {
	file := filepath.Join(t.TempDir(), "value")
	require.NoError(t, os.WriteFile(file, []byte("14\n"), 0o600))
	env := map[string]string{}
	confirmations := func(args ...string) uint64 {
		s, err := settingsOf(t, env, args...)
		require.NoError(t, err)
		return s.Confirmations
	}
	require.EqualValues(t, models.DefaultConfirmations, confirmations())
	env["PAYCOW_CONFIRMATIONS_FILE"] = file
	require.EqualValues(t, 14, confirmations(), "an empty variable does not hide the file")
	env["PAYCOW_CONFIRMATIONS"] = "15"
	require.EqualValues(t, 15, confirmations())
	require.EqualValues(t, 16, confirmations("--confirmations", "16"))

	key := strings.Repeat("ab", 32)
	require.NoError(t, os.WriteFile(file, []byte(" "+key+"\n"), 0o600))
	s, err := settingsOf(t, map[string]string{"PAYCOW_MASTER_KEY_FILE": file})
	require.NoError(t, err)
	require.Equal(t, key, hex.EncodeToString(s.MasterKey))
	_, err = settingsOf(t, nil, "--master-key", key)
	require.ErrorContains(t, err, "flag provided but not defined", "a secret is never a flag")
}

func TestDefaultSettings(t *testing.T) {
	s := defaultSettings()
	require.EqualValues(t, models.DefaultConfirmations, s.Confirmations)
	require.Equal(t, models.DefaultMaxAmount, s.MaxAmount)
	require.Equal(t, models.DefaultPaymentWindow, s.PaymentWindow)
	require.Equal(t, models.DefaultBlockTime, s.BlockTime)
	require.Equal(t, models.DefaultReconcileInterval, s.ReconcileEvery)
	loaded, err := settingsOf(t, nil)
	require.NoError(t, err)
	require.Equal(t, "https://etherscan.io", loaded.ExplorerURL)
	loaded.ExplorerURL = ""
	require.Equal(t, s, loaded)
	names := map[string]bool{}
	for _, d := range s.table() {
		require.NotEmpty(t, d.help, d.name)
		require.False(t, names[d.name], d.name)
		names[d.name] = true
	}
	for d, text := range map[time.Duration]string{
		time.Hour: "1h", 10 * time.Minute: "10m", 12 * time.Second: "12s", 90 * time.Minute: "1h30m", 70 * time.Second: "1m10s",
	} {
		require.Equal(t, text, durationText(d))
	}
}

// TestPublicURLIsHTTPS shows that a public URL with http is accepted for this machine only, unless a setting says so.
func TestPublicURLIsHTTPS(t *testing.T) {
	for address, accepted := range map[string]bool{
		"https://pay.example.com": true, "http://localhost:8080": true, "http://127.0.0.1:8080": true, "http://[::1]:8080": true,
		"http://shop.localhost": true, "http://pay.example.com": false, "http://192.168.1.5:8080": false, "http://0.0.0.0:8080": false,
		"https://user:secret@pay.example.com": false, "http://localhost.example.com": false, "HTTP://pay.example.com": false,
		"https://pay.example.com/": true, "https://example.com/pay": false, "https://example.com//": true,
	} {
		_, err := settingsOf(t, map[string]string{"PAYCOW_PUBLIC_URL": address})
		require.Equal(t, accepted, err == nil, "%s: %v", address, err)
	}
	_, err := settingsOf(t, map[string]string{"PAYCOW_PUBLIC_URL": "http://192.168.1.5:8080", "PAYCOW_ALLOW_HTTP": "true"})
	require.NoError(t, err)
	_, err = settingsOf(t, map[string]string{"PAYCOW_PUBLIC_URL": "https://example.com/pay"})
	require.ErrorContains(t, err, "PAYCOW_PUBLIC_URL: must have no path")
}

// TestTrustedProxiesAreNotEverybody refuses ranges that hold every address.
func TestTrustedProxiesAreNotEverybody(t *testing.T) {
	for _, value := range []string{
		"0.0.0.0/0", "::/0", "10.0.0.0/8, ::/0", "192.0.2.1/0", "0.0.0.0/1, 128.0.0.0/1", "2000::/3",
		"::ffff:0.0.0.0/96", "::ffff:10.0.0.0/80", "64.0.0.0/7",
	} {
		_, err := settingsOf(t, map[string]string{"PAYCOW_TRUSTED_PROXIES": value})
		require.ErrorContains(t, err, "whole Internet", value)
	}
	s, err := settingsOf(t, map[string]string{"PAYCOW_TRUSTED_PROXIES": "10.1.2.3/8, fc00::/7, ::ffff:172.16.0.0/108, 192.0.2.1"})
	require.NoError(t, err)
	var texts []string
	for _, prefix := range s.TrustedProxies {
		texts = append(texts, prefix.String())
	}
	require.Equal(t, []string{"10.0.0.0/8", "fc00::/7", "172.16.0.0/12", "192.0.2.1/32"}, texts)
}

// TestSecretsHaveNoFlags: other users of the machine can read command lines.
func TestSecretsHaveNoFlags(t *testing.T) {
	for _, d := range new(Settings).table() {
		switch d.name {
		case "MASTER_KEY", "DATABASE_URL", "ETH_RPC_URLS", "XPUB", "PREVIOUS_XPUBS":
			require.True(t, d.secret, d.name)
		}
		require.False(t, !d.secret && strings.HasSuffix(d.name, "_KEYS"), d.name)
	}
}

func TestWebhookHosts(t *testing.T) {
	s, err := settingsOf(t, nil)
	require.NoError(t, err)
	require.Empty(t, s.webhookURLs())
	s, err = settingsOf(t, map[string]string{"PAYCOW_WEBHOOK_HOSTS": "ERP.internal, 10.0.0.1:8443"})
	require.NoError(t, err)
	require.Equal(t, webhooks.URLRules{Exempt: []string{"erp.internal", "10.0.0.1:8443"}}, s.webhookURLs())
	s.isDev = true
	require.Equal(t, webhooks.URLRules{
		Exempt: []string{"erp.internal", "10.0.0.1:8443", "localhost", "127.0.0.1", "::1"}, AllowHTTP: true,
	}, s.webhookURLs())
	for _, value := range []string{"https://erp.internal", "10.0.0.0/8", "*", "erp.internal,,x"} {
		_, err = settingsOf(t, map[string]string{"PAYCOW_WEBHOOK_HOSTS": value})
		require.ErrorContains(t, err, "PAYCOW_WEBHOOK_HOSTS: must be host names", value)
	}
}
