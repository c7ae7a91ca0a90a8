//go:build !slim

package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // to plant errors where no function of the program would

	"paycow/chain"
	"paycow/chain/nodetest"
	"paycow/devstack/token"
	"paycow/models"
)

// attempt runs a command of the program to its end and returns its exit code and what it printed.
func (in *installation) attempt(args ...string) (code int, stdout, stderr string) {
	in.t.Helper()
	cmd := program(in.t, args...)
	cmd.Env = append(cmd.Env, in.env...)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if err != nil {
		_, isExit := err.(*exec.ExitError) //nolint:errorlint // of Run itself
		require.True(in.t, isExit, "%v", err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// plant changes the database behind the program's back.
func (in *installation) plant(statement string, values ...any) {
	in.t.Helper()
	var path string
	for _, variable := range in.env {
		if rest, ok := strings.CutPrefix(variable, "PAYCOW_DATABASE_URL=sqlite:"); ok {
			path = rest
		}
	}
	db, err := sql.Open("sqlite", path+"?_pragma=busy_timeout(10000)")
	require.NoError(in.t, err)
	defer db.Close()
	result, err := db.ExecContext(in.t.Context(), statement, values...)
	require.NoError(in.t, err)
	rows, err := result.RowsAffected()
	require.NoError(in.t, err)
	require.EqualValues(in.t, 1, rows, statement)
}

// readiness reads /readyz.
func (s *shop) readiness() (code int, answer string) {
	s.t.Helper()
	code, answer, err := s.call(http.MethodGet, "/readyz", "", nil)
	require.NoError(s.t, err)
	return code, answer
}

// TestRescanHeals deletes a transfer that was read, so that its payment never hears of it. Reading the blocks again adds it,
// and the payment becomes PAID; doing so again adds nothing.
func TestRescanHeals(t *testing.T) {
	t.Parallel()
	in := setupInstallation(t, nil)
	in.serve("serve")
	in.awaitReady()
	payment := in.create("50.00")
	in.pay(payment.DepositAddress, 50*models.USDT)
	require.NoError(t, in.chain.Mine(1))
	in.await(payment.SessionID, "DETECTED")
	cursor, err := in.db.Cursor(t.Context(), models.NetworkERC20)
	require.NoError(t, err)
	in.plant("DELETE FROM transfers WHERE payment_id = ?", payment.SessionID)
	require.NoError(t, in.chain.Mine(14))
	in.awaitRead()
	require.Zero(t, in.available())

	rescan := []string{"rescan", "--from", fmt.Sprint(cursor.BlockNumber - 1), "--to", fmt.Sprint(cursor.BlockNumber + 3)}
	code, out, errs := in.attempt(rescan...)
	require.Zero(t, code, errs)
	require.Equal(t, fmt.Sprintf("Read 5 blocks from %d to %d: found 1 of our transfers, added 1 that were missing.\n", cursor.BlockNumber-1, cursor.BlockNumber+3), out)
	require.NoError(t, in.chain.Mine(1))
	in.await(payment.SessionID, "PAID")
	require.Equal(t, 50*models.USDT, in.available())
	code, out, errs = in.attempt(rescan...)
	require.Zero(t, code, errs)
	require.Contains(t, out, "found 1 of our transfers, added 0")
	require.Equal(t, 50*models.USDT, in.available())

	code, _, errs = in.attempt("rescan", "--from", "1", "--to", "1000000")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "--to 1000000 is above block")
	code, _, errs = in.attempt("rescan", "--from", "9", "--to", "8")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "--from 9 is above --to 8")
}

// TestALostDepositIsFoundWithoutAPerson has the only node leave a deposit out, in a way that nothing shows. Reconciliation
// finds that the address holds more than is known, and has the blocks read again, first while the node still leaves it
// out and then when it is honest again. The payment becomes PAID, and the alarm of the books ends.
func TestALostDepositIsFoundWithoutAPerson(t *testing.T) {
	t.Parallel()
	in := setupInstallation(t, nil)
	wild := nodetest.Start(t, in.chain.HTTPURL(), in.chain.WSURL())
	in.env = append(in.env, "PAYCOW_ETH_RPC_URLS="+wild.URL(), "PAYCOW_RECONCILE_EVERY=1m")
	in.serve("serve")
	in.awaitReady()
	payment := in.create("50.00")
	wild.Play(nodetest.CutsBlocks)
	in.pay(payment.DepositAddress, 50*models.USDT)
	in.pay("0x00000000000000000000000000000000000000Aa", models.USDT)
	require.NoError(t, in.chain.Mine(14))
	in.awaitRead()
	require.Equal(t, "PENDING", in.status(payment.SessionID).Status)

	// By hand only so that the test knows when it was.
	code, out, errs := in.attempt("reconcile")
	require.Equal(t, 1, code, errs)
	require.Contains(t, out, models.CheckChainBalances)
	rescanned := func() error {
		cursor, err := in.db.Cursor(t.Context(), models.NetworkERC20)
		if err == nil && cursor.RescanTo != 0 {
			err = fmt.Errorf("blocks %d to %d are still to be read", cursor.RescanFrom, cursor.RescanTo)
		}
		return err
	}
	eventually(t, "the blocks are read again", rescanned)
	require.Equal(t, "PENDING", in.status(payment.SessionID).Status, "the node still leaves it out")

	wild.Play(nil)
	in.plant("UPDATE reconciliation_findings SET rescanned_at = 0") // the pause is over
	eventually(t, "a scheduled run has the blocks read again", func() error {
		transfers, err := in.db.Transfers(t.Context(), payment.SessionID)
		if err == nil && len(transfers) == 0 {
			err = errors.New("it is not known")
		}
		return err
	})
	in.await(payment.SessionID, "PAID")
	require.Equal(t, 50*models.USDT, in.available())
	eventually(t, "the books agree", func() error {
		alarms, err := in.db.OpenAlarms(t.Context(), models.NetworkERC20)
		for _, alarm := range alarms {
			if alarm.Kind == models.AlarmBooksDiffer {
				err = errors.New(alarm.Message)
			}
		}
		return err
	})
	_, out, _ = in.attempt("alarms", "--all")
	require.Contains(t, out, string(models.AlarmTransferMissed))
	require.Contains(t, out, "A later reconciliation found no difference.")
}

// TestReconcileFindsOneMicroUSDT compares the books while all is well, and after one micro-USDT was added to a payment's row.
func TestReconcileFindsOneMicroUSDT(t *testing.T) {
	t.Parallel()
	in := setupInstallation(t, nil)
	in.serve("serve")
	in.awaitReady()
	payment := in.create("50.00")
	in.create("10.00") // stays open
	in.pay(payment.DepositAddress, 50*models.USDT)
	require.NoError(t, in.chain.Mine(13))
	in.await(payment.SessionID, "PAID")
	in.awaitRead()
	var code int
	var out, errs string
	eventually(t, "the books agree", func() error {
		if code, out, errs = in.attempt("reconcile"); code != 0 {
			return fmt.Errorf("%d %s %s", code, out, errs)
		}
		return nil
	})
	require.Contains(t, out, "Nothing differs.")

	in.plant("UPDATE payments SET amount_credited = amount_credited + 1 WHERE id = ?", payment.SessionID)
	code, out, errs = in.attempt("reconcile", "--json")
	require.Equal(t, 1, code, errs)
	require.Contains(t, errs, "differences")
	var report models.Reconciliation
	require.NoError(t, json.Unmarshal([]byte(out), &report), out)
	require.NotEmpty(t, report.Differences)
	require.Contains(t, out, payment.SessionID)
	_, out, _ = in.attempt("alarms")
	require.Contains(t, out, string(models.AlarmBooksDiffer))
	row, err := in.db.Payment(t.Context(), payment.SessionID)
	require.NoError(t, err)
	require.Equal(t, 50*models.USDT+1, row.AmountCredited, "reported, not patched")
}

// TestTokenPause pauses the token: an alarm tells of it and windows grow; when it ends, the alarm is resolved.
func TestTokenPause(t *testing.T) {
	s := startStack(t, "--block-time", "0s", "--window", "1h")
	in := &installation{t: t, shop: s.shop, env: []string{"PAYCOW_DATABASE_URL=sqlite:" + s.dir + "/" + devDatabaseName}}
	payment := s.create("50.00")
	expiresAt := func() string {
		var out struct{ ExpiresAt string }
		s.must(http.MethodGet, "/payment/data/"+payment.SessionID, "", &out)
		return out.ExpiresAt
	}
	before := expiresAt()
	s.mine(1) // a block whose time is after the payment's creation
	s.callToken(s.file.TokenOwnerKey, token.NewTestUSDT().PackPause())
	s.mine(2) // the window grows by the time that the chain was read past the block of the pause
	eventually(t, "the alarm is open", func() error {
		if _, out, _ := in.attempt("alarms"); !strings.Contains(out, "TOKEN_PAUSED") {
			return fmt.Errorf("alarms: %s", out)
		}
		return nil
	})
	eventually(t, "the window grows", func() error {
		if is := expiresAt(); is <= before {
			return fmt.Errorf("it ends at %s as before", is)
		}
		return nil
	})
	s.mine(3)
	s.callToken(s.file.TokenOwnerKey, token.NewTestUSDT().PackUnpause())
	s.mine(1)
	eventually(t, "the alarm is resolved", func() error {
		if _, out, _ := in.attempt("alarms"); !strings.Contains(out, "There are no alarms.") {
			return fmt.Errorf("alarms: %s", out)
		}
		return nil
	})
	_, out, _ := in.attempt("alarms", "--all")
	require.Contains(t, out, "by system")
	require.Greater(t, expiresAt(), before)
	s.send(payment.DepositAddress, 50*models.USDT)
	s.mine(12)
	s.await(payment.SessionID, "PAID")
}

// TestCreditingWaitsForAnAdmin opens the alarm of a reorg below finality: nothing is credited and /readyz is red until it is
// resolved, also across a kill.
func TestCreditingWaitsForAnAdmin(t *testing.T) {
	t.Parallel()
	in := setupInstallation(t, nil)
	serving := in.serveKillable("serve")
	in.awaitReady()
	payment := in.create("50.00")
	require.NoError(t, in.db.Raise(t.Context(), models.Alarm{Network: models.NetworkERC20, Kind: models.AlarmReorgBelowFinality, Message: "Planted by a test."}))
	in.pay(payment.DepositAddress, 50*models.USDT)
	require.NoError(t, in.chain.Mine(11))
	in.await(payment.SessionID, "CONFIRMING")
	require.NoError(t, in.chain.Mine(3))
	in.awaitRead()
	require.NoError(t, serving.Process.Kill())
	_ = serving.Wait()
	in.serve("serve")
	eventually(t, "the API is back", func() error {
		code, answer, err := in.call(http.MethodGet, "/readyz", "", nil)
		if err == nil && !strings.Contains(answer, "REORG_BELOW_FINALITY") {
			err = fmt.Errorf("%d %s", code, answer)
		}
		return err
	})
	code, answer := in.readiness()
	require.Equal(t, http.StatusServiceUnavailable, code)
	require.NotContains(t, answer, "127.0.0.1")
	require.Equal(t, "CONFIRMING", in.status(payment.SessionID).Status)
	require.Zero(t, in.available())

	_, out, _ := in.attempt("alarms")
	require.Contains(t, out, "Nothing is credited until this is resolved.")
	var id int
	_, err := fmt.Sscan(strings.SplitN(out, "\n", 3)[1], &id)
	require.NoError(t, err, out)
	exit, _, errs := in.attempt("alarms", "resolve", fmt.Sprint(id))
	require.Equal(t, 1, exit)
	require.Contains(t, errs, "note")
	exit, out, errs = in.attempt("alarms", "resolve", "--note", "looked at both chains", fmt.Sprint(id))
	require.Zero(t, exit, errs)
	require.Contains(t, out, "is resolved")
	exit, _, errs = in.attempt("alarms", "resolve", "--note", "again", fmt.Sprint(id))
	require.Equal(t, 1, exit)
	require.Contains(t, errs, "there is no open alarm")
	require.NoError(t, in.chain.Mine(1))
	in.await(payment.SessionID, "PAID")
	in.awaitReady()
	require.Equal(t, 50*models.USDT, in.available())
}

// serveKillable starts a long-running command that the test may kill.
func (in *installation) serveKillable(args ...string) *exec.Cmd {
	in.t.Helper()
	cmd := program(in.t, args...)
	cmd.Env = append(cmd.Env, in.env...)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	require.NoError(in.t, cmd.Start())
	in.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if in.t.Failed() {
			in.t.Logf("%v said:\n%s", args, log.String())
		}
	})
	return cmd
}

// TestServeRefusesATokenThatIsNone starts with an address at which the node shows no contract, and with a node that is away.
func TestServeRefusesATokenThatIsNone(t *testing.T) {
	in := setupInstallation(t, nil)
	nobody := common.HexToAddress("0x1111111111111111111111111111111111111111").Hex()
	in.env = append(in.env, "PAYCOW_TOKEN_ADDRESS="+nobody)
	code, _, errs := in.attempt("serve")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "PAYCOW_TOKEN_ADDRESS: there is no contract at "+nobody)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	require.NoError(t, chain.CheckTokenContract(ctx, []string{"http://" + freeAddress(t)}, chain.Config{}, slog.New(slog.DiscardHandler)))
}
