package main

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/urfave/cli/v3"

	"paycow/models"
)

// settingsOf loads settings from these variables alone.
func settingsOf(t *testing.T, env map[string]string) (Settings, error) {
	t.Helper()
	for _, d := range allSettings {
		t.Setenv(d.env(), "")
		t.Setenv(d.env()+"_FILE", "")
	}
	for name, value := range env {
		t.Setenv(name, value)
	}
	var s Settings
	var wrong error
	cmd := &cli.Command{Name: "test", Flags: settingFlags(), Writer: &bytes.Buffer{}, Action: func(_ context.Context, cmd *cli.Command) error {
		s, wrong = loadSettings(cmd)
		return nil
	}}
	require.NoError(t, cmd.Run(t.Context(), []string{"test"}))
	return s, wrong
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
		"PAYCOW_ETH_RPC_URLS":    {"http://secret,http://secret", "names a node twice"},
		"PAYCOW_RPC_QUORUM":      {"0", "must be a whole number from 1 to 255"},
		"PAYCOW_FINALIZED_ABOVE": {"-1", "must be a positive amount"},
		"PAYCOW_WATCH_MEMPOOL":   {"perhaps", "must be true or false"},
		"PAYCOW_RECONCILE_EVERY": {"59s", "PAYCOW_RECONCILE_EVERY"},
	} {
		_, err := settingsOf(t, map[string]string{name: value.value})
		require.ErrorContains(t, err, name)
		require.ErrorContains(t, err, value.says)
		require.NotContains(t, err.Error(), "secret")
	}
	for _, urls := range []string{"http://a,", ",http://a", "http://a,ftp://b", "http://a;http://b,"} {
		_, err := settingsOf(t, map[string]string{"PAYCOW_ETH_RPC_URLS": urls})
		require.ErrorContains(t, err, "must be http, https, ws or wss URLs, by comma", urls)
	}
	_, err := settingsOf(t, map[string]string{"PAYCOW_ETH_RPC_URLS": "http://a,http://b", "PAYCOW_RPC_QUORUM": "3"})
	require.ErrorContains(t, err, "PAYCOW_RPC_QUORUM: 3 nodes cannot agree when PAYCOW_ETH_RPC_URLS names 2")
}
