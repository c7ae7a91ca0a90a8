//go:build !slim

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/urfave/cli/v3"

	"paycow/models"
)

// devSettingsOf returns the settings that paycow dev would run with.
func devSettingsOf(t *testing.T, args ...string) (s Settings, err error) {
	t.Helper()
	cmd := devCommand()
	cmd.Action = func(_ context.Context, cmd *cli.Command) (err error) {
		s, err = devSettings(cmd)
		return err
	}
	err = cmd.Run(t.Context(), append([]string{"dev"}, args...))
	return s, err
}

// TestDevSettings shows that paycow dev runs with the defaults of the table, except for what is listed here. So a setting
// that is added to the table with a default reaches it.
func TestDevSettings(t *testing.T) {
	want := defaultSettings()
	want.HTTPAddr, want.DatabaseURL, want.ChainID = "127.0.0.1:8080", "", 0
	want.BlockTime, want.WatchMempool, want.isDev = time.Second, true, true
	want.LogLevel, want.MaxUnpaid, want.MaxOpen, want.MaxTests = slog.LevelWarn, devMaxUnpaid, 0, 0
	want.RatePerKey, want.RatePerNetwork, want.RateOfStatus = 600_000, 1_200_000, 120_000
	got, err := devSettingsOf(t)
	require.NoError(t, err)
	require.Equal(t, want, got)

	got, err = devSettingsOf(t, "--http", ":1", "--block-time", "0", "--window", "90s", "--confirmations", "3",
		"--rpc-url", "http://a,http://b", "--token", "0xdAC17F958D2ee523a2206206994597C13D831ec7", "--metrics", ":2",
		"--database", "postgres://x", "--log-level", "debug", "--max-unpaid", "0")
	require.NoError(t, err)
	want.HTTPAddr, want.BlockTime, want.PaymentWindow, want.Confirmations = ":1", 0, 90*time.Second, 3
	want.RPCURLs, want.RPCQuorum, want.MetricsAddr = []string{"http://a", "http://b"}, models.Quorum(0, 2), ":2"
	want.DatabaseURL, want.LogLevel = "postgres://x", slog.LevelDebug
	want.MaxUnpaid = 0
	require.Equal(t, want, got)
}

// TestDevRefuses shows that every wrong flag of paycow dev is reported, and no secret repeated.
func TestDevRefuses(t *testing.T) {
	_, err := devSettingsOf(t, "--block-time", "-1s", "--window", "0s", "--confirmations", "0", "--log-level", "loud",
		"--rpc-url", "ftp://secret", "--token", "0x12", "--rpc-quorum", "0", "--database", "sqlite:secret")
	require.Error(t, err)
	for _, says := range []string{
		"--block-time: must be a duration", "--window: must be a duration of at least 1s", "--confirmations: must be a whole",
		"--log-level: must be debug", "--rpc-url: must be http", "--token: must be an address", "--rpc-quorum: must be a whole",
		"--database: must be a postgres:// URL",
	} {
		require.ErrorContains(t, err, says)
	}
	require.NotContains(t, err.Error(), "secret")
	_, err = devSettingsOf(t, "--token", "0xdAC17F958D2ee523a2206206994597C13D831ec7")
	require.EqualError(t, err, "--rpc-url and --token belong together")
	_, err = devSettingsOf(t, "--rpc-url", "http://a", "--rpc-quorum", "2", "--token", "0xdAC17F958D2ee523a2206206994597C13D831ec7")
	require.EqualError(t, err, "--rpc-quorum: a quorum of 2 needs more nodes than the 1 configured")
}

// TestDevRefusesPublicChains runs paycow dev with a node that says that it is of Ethereum's main network.
func TestDevRefusesPublicChains(t *testing.T) {
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var call rpcMessage
		if err := json.NewDecoder(r.Body).Decode(&call); err != nil {
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":"0x1"}`, call.ID)
	}))
	defer node.Close()
	dir := t.TempDir()
	cmd := program(t, "dev", "--data-dir", dir, "--http", "127.0.0.1:0", "--temporal", "127.0.0.1:0", "--temporal-ui", "127.0.0.1:0",
		"--rpc-url", node.URL, "--token", "0xdAC17F958D2ee523a2206206994597C13D831ec7")
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "this is Ethereum (chain 1), where tokens are worth money")
	require.NoFileExists(t, filepath.Join(dir, devFileName))
	for _, id := range []uint64{1, 10, 56, 137, 8453, 42161, 43114, 59144, 167000, 534352, 728126428} {
		require.Error(t, refusePublicChain(id), id)
	}
	require.NoError(t, refusePublicChain(1337))
	require.NoError(t, refusePublicChain(31337), "anvil")
	require.NoError(t, refusePublicChain(11155111), "Sepolia")
}
