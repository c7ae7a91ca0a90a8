//go:build !slim

package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/ethereum/go-ethereum/crypto"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"paycow/chain"
	"paycow/devstack/localchain"
	"paycow/devstack/temporal"
	"paycow/engine"
	"paycow/internal/pgtest"
	"paycow/models"
	"paycow/store"
)

// installation is what `paycow serve` needs around it, in this process: a chain, a database, an engine that can be taken away.
type installation struct {
	*shop
	t         testing.TB
	chain     *localchain.Chain
	engine    *temporal.Server
	engineDir string
	env       []string
	db        *store.Store // the program's database, to look at
}

// setupInstallation makes the parts around `paycow serve`, a database with an operator in it, and starts nothing yet but
// chain and engine. rpcURL stands between the program and the chain's own URL when it is given.
func setupInstallation(t testing.TB, rpcURL func(chainURL string) string) *installation {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	local, err := localchain.Start(t.Context(), localchain.Config{Log: quiet})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, local.Close()) })
	in := &installation{t: t, chain: local, engineDir: t.TempDir()}
	in.startEngine("127.0.0.1:0")
	t.Cleanup(func() { _ = in.engine.Stop() })
	xpub, err := chain.NewDevXPub([]byte("a seed of the tests, 32 bytes ok"))
	require.NoError(t, err)
	url := local.WSURL()
	if rpcURL != nil {
		url = rpcURL(url)
	}
	address := freeAddress(t)
	database := "sqlite:" + filepath.Join(t.TempDir(), "paycow.db")
	in.env = []string{
		"PAYCOW_DATABASE_URL=" + database, "PAYCOW_TEMPORAL_ADDRESS=" + in.engine.Address(),
		"PAYCOW_ETH_RPC_URLS=" + url, fmt.Sprintf("PAYCOW_CHAIN_ID=%d", local.ChainID()), "PAYCOW_TOKEN_ADDRESS=" + local.TokenAddress().Hex(),
		"PAYCOW_XPUB=" + xpub, "PAYCOW_HTTP_ADDR=" + address, "PAYCOW_PUBLIC_URL=http://" + address,
		"PAYCOW_MASTER_KEY=" + strings.Repeat("5a", 32), "PAYCOW_BLOCK_TIME=1s", "PAYCOW_LOG_LEVEL=warn",
	}
	in.run("migrate")
	in.db, err = store.Open(t.Context(), database, quiet)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, in.db.Close()) })
	out := in.run("operator", "create", "--email", "shop@example.com")
	in.shop = &shop{t: t, url: "http://" + address}
	_, err = fmt.Sscanf(out, "x-api-key: %s\nx-api-secret: %s\n", &in.key, &in.secret)
	require.NoError(t, err, out)
	return in
}

func (in *installation) startEngine(address string) {
	in.t.Helper()
	e, err := temporal.Start(in.t.Context(), temporal.Config{DataDir: in.engineDir, FrontendAddr: address, Log: slog.New(slog.DiscardHandler)})
	require.NoError(in.t, err)
	in.engine = e
}

// run runs a command of the program to its end and returns what it printed.
func (in *installation) run(args ...string) string {
	in.t.Helper()
	cmd := program(in.t, args...)
	cmd.Env = append(cmd.Env, in.env...)
	out, err := cmd.Output()
	require.NoError(in.t, err, string(out))
	return string(out)
}

// serve starts a long-running command, which is told to stop when the test ends.
func (in *installation) serve(args ...string) {
	in.t.Helper()
	cmd := in.serveKillable(args...)
	in.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
}

func (in *installation) awaitReady() {
	in.t.Helper()
	eventually(in.t, "the installation is ready", func() error {
		code, answer, err := in.call(http.MethodGet, "/readyz", "", nil)
		if err != nil || code == http.StatusOK || isReadyButForTheClock(answer) {
			return err
		}
		if strings.Contains(answer, "newest block read is") { // a slow start: blocks are made on request only
			require.NoError(in.t, in.chain.Mine(1))
		}
		return fmt.Errorf("%d %s", code, answer)
	})
}

// isReadyButForTheClock reports whether nothing is wrong but that the chain's clock is ahead of ours. The local chain's is
// once many blocks were mined.
func isReadyButForTheClock(answer string) bool {
	var health struct {
		Checks map[string]struct {
			OK     bool
			Reason string
		}
	}
	if json.Unmarshal([]byte(answer), &health) != nil {
		return false
	}
	for name, check := range health.Checks {
		if !check.OK && (name != "chain" || !strings.Contains(check.Reason, "clock")) {
			return false
		}
	}
	return len(health.Checks) > 0
}

func (in *installation) pay(to string, amount models.Amount) {
	in.t.Helper()
	_, err := transferToken(in.t, in.chain.HTTPURL(), in.chain.TokenAddress().Hex(), in.faucetKey(), to, amount)
	require.NoError(in.t, err)
}

func (in *installation) faucetKey() string {
	return "0x" + hex.EncodeToString(crypto.FromECDSA(in.chain.FaucetKey()))
}

// nextPort is where freeAddress looks next. It begins somewhere below the ports that the system gives to listeners and
// connections without a port of their own, so that none of these takes a port before the program listens on it.
var nextPort = func() *atomic.Int32 {
	var port atomic.Int32
	port.Store(15_000 + rand.Int32N(15_000))
	return &port
}()

func freeAddress(t testing.TB) string {
	t.Helper()
	for range 1000 {
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", nextPort.Add(1)))
		if err == nil {
			require.NoError(t, listener.Close())
			return listener.Addr().String()
		}
	}
	t.Fatal("no free port was found")
	return ""
}

// TestEngineAway takes the workflow engine away from a running API and worker: payments can be made and read all the same,
// and when it is back their workflows start and a transfer made meanwhile is credited.
func TestEngineAway(t *testing.T) {
	t.Parallel()
	in := setupInstallation(t, nil)
	in.serve("api")
	in.serve("worker")
	in.awaitReady()
	before := in.create("50.00")
	in.pay(before.DepositAddress, 20*models.USDT)
	require.NoError(t, in.chain.Mine(1))
	in.await(before.SessionID, "DETECTED")

	address := in.engine.Address()
	require.NoError(t, in.engine.Stop())
	during := in.create("30.00", "Idempotency-Key", "made without an engine")
	require.Equal(t, "PENDING", in.status(during.SessionID).Status)
	require.Equal(t, "DETECTED", in.status(before.SessionID).Status)
	require.Equal(t, "PENDING", in.view(during.SessionID).Status)
	unwanted := in.create("10.00")
	code, answer, err := in.call(http.MethodPost, "/api/payment/"+unwanted.SessionID+"/reject", `{"reason":"changed my mind"}`, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusServiceUnavailable, code, answer)
	require.Contains(t, answer, "decision_pending", "it is stored and carried out later")
	require.Equal(t, "PENDING", in.status(unwanted.SessionID).Status)
	code, answer, err = in.call(http.MethodGet, "/readyz", "", nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusServiceUnavailable, code, answer)
	in.pay(during.DepositAddress, 30*models.USDT)
	in.pay(before.DepositAddress, 30*models.USDT)
	require.NoError(t, in.chain.Mine(13))
	require.Zero(t, in.available())

	in.startEngine(address)
	in.await(during.SessionID, "PAID")
	in.await(before.SessionID, "PAID")
	in.await(unwanted.SessionID, "REJECTED")
	require.Equal(t, 80*models.USDT, in.available())
	in.awaitReady()
}

// TestServeOnPostgres runs the whole program, engine included, on one PostgreSQL, as a shop with one machine would.
func TestServeOnPostgres(t *testing.T) {
	t.Parallel()
	in := setupInstallation(t, nil)
	require.NoError(t, in.engine.Stop())
	temporalAddress := freeAddress(t)
	in.env = append(in.env, "PAYCOW_DATABASE_URL="+pgtest.Start(t).NewDatabase(t), "PAYCOW_TEMPORAL_ADDRESS="+temporalAddress)
	in.run("migrate")
	in.run("migrate") // safe to repeat
	out := in.run("operator", "create", "--email", "shop@example.com")
	_, err := fmt.Sscanf(out, "x-api-key: %s\nx-api-secret: %s\n", &in.key, &in.secret)
	require.NoError(t, err, out)
	in.serve("serve", "--embedded", "--data-dir", t.TempDir(), "--temporal-ui", freeAddress(t))
	in.awaitReady()
	open, err := engine.Dial(engine.Settings{Address: temporalAddress, Namespace: "paycow"}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer open.Close()
	_, err = open.CheckHealth(t.Context(), &client.CheckHealthRequest{})
	require.Error(t, err, "the engine's port is closed to clients without a certificate")
	payment := in.create("50.00")
	in.pay(payment.DepositAddress, 50*models.USDT)
	require.NoError(t, in.chain.Mine(2))
	in.await(payment.SessionID, "CONFIRMING")
	require.NoError(t, in.chain.Mine(9))
	in.awaitConfirmations(payment.SessionID, 11)
	require.Equal(t, "CONFIRMING", in.status(payment.SessionID).Status)
	require.NoError(t, in.chain.Mine(1))
	in.await(payment.SessionID, "PAID")
	require.Equal(t, 50*models.USDT, in.available())
}

// TestRefusedSettings shows that wrong settings are named, one sentence each, before anything starts.
func TestRefusedSettings(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		env  []string
		says []string
	}{
		"nothing is set": {args: []string{"serve"}, says: []string{"PAYCOW_PUBLIC_URL must be set", "PAYCOW_XPUB must be set", "PAYCOW_MASTER_KEY must be set", "PAYCOW_ETH_RPC_URLS must be set"}},
		"several at once": {
			args: []string{"worker"}, env: []string{"PAYCOW_ETH_RPC_URLS=ftp://x", "PAYCOW_CONFIRMATIONS=0", "PAYCOW_TOKEN_ADDRESS=0x12", "PAYCOW_PAYMENT_WINDOW=soon"},
			says: []string{"PAYCOW_ETH_RPC_URLS: must be http, https, ws or wss URLs, separated by commas", "PAYCOW_CONFIRMATIONS: must be a whole number from 1 to 65535 (not \"0\")", "PAYCOW_TOKEN_ADDRESS", "PAYCOW_PAYMENT_WINDOW"},
		},
		"a private key is no xpub": {
			args: []string{"api"}, env: []string{"PAYCOW_PUBLIC_URL=http://x", "PAYCOW_XPUB=xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi"},
			says: []string{"PAYCOW_XPUB"},
		},
		"no schema":             {args: []string{"worker"}, env: []string{"PAYCOW_PUBLIC_URL=http://127.0.0.1", "PAYCOW_ETH_RPC_URLS=http://127.0.0.1:1", "PAYCOW_MASTER_KEY=" + strings.Repeat("5a", 32)}, says: []string{"paycow migrate"}},
		"dev with half a chain": {args: []string{"dev", "--rpc-url", "http://127.0.0.1:1"}, says: []string{"--rpc-url and --token belong together"}},
		"fresh spares what is not ours": {
			args: []string{"dev", "--fresh", "--data-dir", "."}, says: []string{"--fresh deletes only a directory that paycow dev has made"},
		},
		"pay without a stack": {args: []string{"pay", "648f3a0c9d1e2b3a4c5d6e7f"}, says: []string{"is `paycow dev` running?"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "precious"), nil, 0o600))
			cmd := program(t, c.args...)
			cmd.Dir = dir
			cmd.Env = append(cmd.Env, c.env...)
			out, err := cmd.CombinedOutput()
			require.Error(t, err, string(out))
			for _, sentence := range c.says {
				require.Contains(t, string(out), sentence)
			}
			require.FileExists(t, filepath.Join(dir, "precious"))
		})
	}
}
