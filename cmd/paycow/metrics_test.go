package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
	"paycow/store"
)

// scrape returns a function that reads the metrics of a database as Prometheus would.
func scrape(t *testing.T, db *store.Store) func() string {
	t.Helper()
	handler := metricsHandler(db, Settings{}, slog.New(slog.DiscardHandler))
	return func() string {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		require.Equal(t, http.StatusOK, answer.Code)
		return answer.Body.String()
	}
}

func newTestStore(t *testing.T) *store.Store {
	t.Helper()
	path := filepath.Join(t.TempDir(), "paycow.db")
	db, err := store.Open(t.Context(), "sqlite:"+path, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	require.NoError(t, db.Migrate(t.Context()))
	return db
}

// TestMetricsNameEverything shows that a scrape has every node state, alarm kind and status, even those that count 0. One
// that is added to models is there at once.
func TestMetricsNameEverything(t *testing.T) {
	text := scrape(t, newTestStore(t))()
	for _, state := range models.NodeStates() {
		require.Contains(t, text, fmt.Sprintf("paycow_rpc_nodes{network=\"ERC20\",state=%q} 0\n", state))
	}
	for _, kind := range models.AlarmKinds() {
		require.Contains(t, text, fmt.Sprintf("paycow_alarms_open{kind=%q,network=\"ERC20\"} 0\n", kind))
	}
	for _, status := range models.Statuses() {
		require.Contains(t, text, fmt.Sprintf("paycow_payments{network=\"ERC20\",status=%q} 0\n", status))
	}
}

// TestMetrics shows the metrics of an empty database, of one with data, and of one that cannot be read.
func TestMetrics(t *testing.T) {
	db := newTestStore(t)
	scrape := scrape(t, db)
	text := scrape()
	require.Contains(t, text, "paycow_up{network=\"ERC20\"} 1\n")
	require.Contains(t, text, "paycow_payments{network=\"ERC20\",status=\"PENDING\"} 0\n")
	require.Contains(t, text, "go_goroutines")
	for _, name := range []string{"waiting", "unstarted", "late_seconds"} {
		require.Contains(t, text, "paycow_webhook_deliveries_"+name+"{network=\"ERC20\"} 0\n")
	}
	require.NotContains(t, text, "paycow_chain_cursor_block")

	now := time.Now()
	require.NoError(t, db.InitCursor(t.Context(), models.NetworkERC20, models.BlockRef{Number: 100, Hash: "0x64", Time: now.Add(-time.Minute)}, 103))
	require.NoError(t, db.PutNodeHealth(t.Context(), models.NetworkERC20, []models.NodeHealth{
		{Name: "https://secret-host", State: models.NodeOK, Since: now, UpdatedAt: now},
		{Name: "https://other", Position: 1, State: models.NodeLying, Since: now, UpdatedAt: now},
	}))
	require.NoError(t, db.Raise(t.Context(), models.Alarm{Network: models.NetworkERC20, Kind: models.AlarmReorgBelowFinality, Message: "It changed."}))
	require.NoError(t, db.PutReconciliation(t.Context(), models.Reconciliation{
		Network: models.NetworkERC20, StartedAt: now, FinishedAt: now, Differences: []models.Difference{{Check: models.CheckLedgerBalances}},
	}))
	text = scrape()
	for _, line := range []string{
		"paycow_chain_cursor_block{network=\"ERC20\"} 100", "paycow_chain_head_block{network=\"ERC20\"} 103", "paycow_chain_agreed_block{network=\"ERC20\"} 100",
		"paycow_rpc_nodes{network=\"ERC20\",state=\"LYING\"} 1", "paycow_rpc_nodes{network=\"ERC20\",state=\"SLOW\"} 0",
		"paycow_rpc_quorum_needed{network=\"ERC20\"} 2", "paycow_rpc_quorum_usable{network=\"ERC20\"} 1",
		"paycow_alarms_open{kind=\"REORG_BELOW_FINALITY\",network=\"ERC20\"} 1", "paycow_crediting_halted{network=\"ERC20\"} 1",
		"paycow_reconciliation_differences{network=\"ERC20\"} 1", "paycow_reconciliation_incomplete{network=\"ERC20\"} 0",
	} {
		require.Contains(t, text, line+"\n")
	}
	require.Regexp(t, `paycow_chain_lag_seconds\{network="ERC20"\} 6\d\.`, text)
	require.NotContains(t, text, "secret-host")

	require.NoError(t, db.Close())
	require.Contains(t, scrape(), "paycow_up{network=\"ERC20\"} 0\n")
}
