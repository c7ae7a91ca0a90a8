package workflows

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"paycow/models"
)

// endings are the ways in which a payment can end. Each has a recorded history in every version's folder.
var endings = []string{"paid", "expired", "underpaid", "overpaid", "paid_late", "rejected", "after_reject", "accepted", "remined", "lost", "reverted"}

// incidents are the paths that no ordinary ending takes: activities that wait, fail, or are cancelled by a signal, and
// windows that are extended. Each has a recorded history in every version's folder, too.
var incidents = []string{
	"scan_awaited", "scan_interrupted", "token_paused", "window_extended", "credit_interrupted", "credit_held",
	"held_interrupted", "database_away",
}

// TestRecordedHistoriesReplay replays the histories that earlier versions recorded on a real Temporal server. A change of the
// workflow that would break payments that are open during an upgrade fails here. The folders are never removed.
func TestRecordedHistoriesReplay(t *testing.T) {
	t.Parallel()
	replayer := worker.NewWorkflowReplayer()
	replayer.RegisterWorkflowWithOptions(Payment, workflow.RegisterOptions{Name: models.WorkflowPayment})
	versions, err := filepath.Glob(filepath.Join("testdata", "histories", "*"))
	require.NoError(t, err)
	require.NotEmpty(t, versions)
	for _, version := range versions {
		for _, path := range slices.Concat(endings, incidents) {
			files, err := filepath.Glob(filepath.Join(version, path+"_[0-9].json"))
			require.NoError(t, err)
			require.NotEmpty(t, files, "no history of %s in %s", path, version)
			for _, file := range files {
				require.NoError(t, replayer.ReplayWorkflowHistoryFromJSONFile(log.NewStructuredLogger(slog.New(slog.DiscardHandler)), file), file)
			}
		}
	}
}

// TestHistoriesStaySmall counts the events of the recorded histories of the newest version.
func TestHistoriesStaySmall(t *testing.T) {
	t.Parallel()
	versions, err := filepath.Glob(filepath.Join("testdata", "histories", "*"))
	require.NoError(t, err)
	newest := versions[len(versions)-1]
	for file, limit := range map[string]int{"paid_1.json": 22, "expired_1.json": 7} {
		content, err := os.ReadFile(filepath.Join(newest, file))
		require.NoError(t, err)
		history, err := client.HistoryFromJSON(strings.NewReader(string(content)), client.HistoryJSONOptions{})
		require.NoError(t, err)
		require.LessOrEqual(t, len(history.Events), limit, file)
		t.Logf("%s: %d events", file, len(history.Events))
		require.Equal(t, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED, history.Events[len(history.Events)-1].EventType)
	}
}
