//go:build !slim

package main

import (
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// TestARestoredDatabaseIsNoticed goes back to a copy of the database from before two payments. Their addresses are not
// handed out again: the program says what to do, and one command mends everything.
func TestARestoredDatabaseIsNoticed(t *testing.T) {
	t.Parallel()
	in := setupInstallation(t, nil)
	serving := in.serveKillable("serve")
	in.awaitReady()
	kept := in.create("50.00")
	path := ""
	for _, setting := range in.env {
		if url, ok := strings.CutPrefix(setting, "PAYCOW_DATABASE_URL=sqlite:"); ok {
			path = url
		}
	}
	copied := filepath.Join(t.TempDir(), "copy.db")
	file, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	_, err = file.Exec("VACUUM INTO ?", copied)
	require.NoError(t, err)

	paid, waiting := in.create("50.00"), in.create("50.00")
	in.pay(paid.DepositAddress, 50*models.USDT)
	require.NoError(t, in.chain.Mine(13))
	in.await(paid.SessionID, "PAID")
	eventually(t, "the engine knows both payments", func() error {
		var starts int
		if err := file.QueryRow("SELECT count(*) FROM payment_starts").Scan(&starts); err != nil || starts > 0 {
			return errors.Join(err, fmt.Errorf("%d wait for their start", starts))
		}
		return nil
	})
	require.NoError(t, file.Close())
	require.NoError(t, serving.Process.Signal(syscall.SIGTERM))
	_ = serving.Wait()

	in.env = append(in.env, "PAYCOW_DATABASE_URL=sqlite:"+copied)
	in.serve("serve")
	const body = `{"amount":50.00,"userId":"again","network":"ERC20"}`
	eventually(t, "the restore is noticed", func() error {
		code, answer, err := in.call(http.MethodPost, "/api/payment/create", body, nil)
		require.NotEqual(t, http.StatusOK, code, "an address may be handed out again: %s", answer)
		if err == nil && !strings.Contains(answer, "`paycow addresses recover`") {
			err = fmt.Errorf("%d %s", code, answer)
		}
		return err
	})
	code, answer, err := in.call(http.MethodGet, "/readyz", "", nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusServiceUnavailable, code)
	require.Contains(t, answer, "`paycow addresses recover`")
	require.Contains(t, in.run("alarms"), "DATABASE_RESTORED")

	out := in.run("addresses", "recover")
	require.Contains(t, out, "2 payments that the engine knows are not in this database.")
	require.Contains(t, out, paid.SessionID)
	require.Contains(t, out, "1 addresses that no payment has hold USDT 50.00")
	require.NotContains(t, out, waiting.SessionID, "its address holds nothing")
	require.Contains(t, in.run("alarms"), "There are no alarms.")
	in.awaitReady()
	again := in.create("50.00")
	require.NotContains(t, []string{paid.DepositAddress, waiting.DepositAddress, kept.DepositAddress}, again.DepositAddress)
	in.pay(kept.DepositAddress, 50*models.USDT)
	in.pay(again.DepositAddress, 50*models.USDT)
	require.NoError(t, in.chain.Mine(13))
	in.await(kept.SessionID, "PAID")
	in.await(again.SessionID, "PAID")
	require.Contains(t, in.run("reconcile"), "Nothing differs.")

	// Money that comes to a forgotten address later shows in the books, until the command has shown it.
	in.pay(waiting.DepositAddress, 7*models.USDT)
	require.NoError(t, in.chain.Mine(3))
	eventually(t, "reconciliation finds the deposit", func() error {
		cmd := program(t, "reconcile")
		cmd.Env = append(cmd.Env, in.env...)
		report, _ := cmd.Output()
		if !strings.Contains(string(report), waiting.DepositAddress) {
			return fmt.Errorf("%s", report)
		}
		return nil
	})
	out = in.run("addresses", "recover")
	require.Contains(t, out, "2 addresses that no payment has hold USDT 57.00")
	require.Contains(t, out, waiting.SessionID)
	eventually(t, "nothing differs", func() error {
		cmd := program(t, "reconcile")
		cmd.Env = append(cmd.Env, in.env...)
		report, _ := cmd.Output()
		if !strings.Contains(string(report), "Nothing differs.") {
			return fmt.Errorf("%s", report)
		}
		return nil
	})
}
