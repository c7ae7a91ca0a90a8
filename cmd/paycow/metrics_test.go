package main

import (
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

// TestMetrics reads what the database holds as Prometheus would, before anything is there and after.
func TestMetrics(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	db, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "metrics.db"), quiet)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	require.NoError(t, db.Migrate(t.Context()))
	handler := metricsHandler(db, Settings{}, quiet)
	scrape := func() string {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		require.Equal(t, http.StatusOK, answer.Code)
		return answer.Body.String()
	}
	text := scrape()
	require.Contains(t, text, "paycow_up{network=\"ERC20\"} 1\n")
	require.Contains(t, text, "paycow_payments{network=\"ERC20\",status=\"PENDING\"} 0\n")
	require.Contains(t, text, "go_goroutines")
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
