package temporal

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	sdkpb "go.temporal.io/api/sdk/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"paycow/internal/pgtest"
)

func TestListFiltersOnSQLite(t *testing.T) {
	testListFilters(t, Config{})
}

func TestListFiltersOnPostgres(t *testing.T) {
	url := pgtest.Start(t).NewDatabase(t)
	testListFilters(t, Config{PostgresURL: url})
	// A second start keeps the schema and the data.
	c := dial(t, startEngine(t, Config{PostgresURL: url}))
	ensure(t, c)
	require.Equal(t, int64(2), count(t, c, `OperatorId="op-1"`))
	_, err := Start(t.Context(), Config{PostgresURL: url})
	require.ErrorIs(t, err, ErrInUse)
}

func testListFilters(t *testing.T, cfg Config) {
	e := startEngine(t, cfg)
	c := dial(t, e)
	ensure(t, c)
	w := newWorker(c)
	require.NoError(t, w.Start())
	for id, operator := range map[string]string{"a": "op-1", "b": "op-1", "c": "op-2"} {
		_, err := c.ExecuteWorkflow(t.Context(), startOptions(id, operator), probe, id)
		require.NoError(t, err)
	}
	for query, wanted := range map[string]int64{
		`PaymentStatus="CONFIRMING"`:                                   3,
		`PaymentStatus="AWAITING_PAYMENT"`:                             0,
		`PaymentStatus IN ("CONFIRMING","PAID") AND OperatorId="op-1"`: 2,
		`PaymentReference="ref-a" AND OperatorId="op-1"`:               1,
		`PaymentReference="ref-a" AND OperatorId="op-2"`:               0,
		`TxHash="0xabc"`:                  3,
		`TxHash="0xdef-b"`:                1,
		`TxHash IN ("0xdef-b","0xdef-c")`: 2,
		`TxHash="0xnone"`:                 0,
		`DepositAddress="0xdead" AND ExecutionStatus="Running"`: 3,
		`WorkflowType="probe"`: 3,
	} {
		require.Eventually(t, func() bool { return count(t, c, query) == wanted }, 10*time.Second, 50*time.Millisecond,
			"%s should find %d", query, wanted)
	}
	checkWhatTheUIShows(t, c, "a")
	w.Stop()
	c.Close()
	require.NoError(t, e.Stop())
}

// checkWhatTheUIShows checks the texts about a workflow that an admin reads in the UI.
func checkWhatTheUIShows(t *testing.T, c client.Client, id string) {
	t.Helper()
	description, err := c.DescribeWorkflow(t.Context(), id, "")
	require.NoError(t, err)
	summary, err := description.GetStaticSummary()
	require.NoError(t, err)
	require.Equal(t, "USDT 50.00 for user_123456", summary)

	answer, err := c.QueryWorkflow(t.Context(), id, "", "__temporal_workflow_metadata")
	require.NoError(t, err)
	var metadata sdkpb.WorkflowMetadata
	require.NoError(t, answer.Get(&metadata))
	require.Equal(t, "**waiting** for `finish`", metadata.GetCurrentDetails())

	summaries := map[enumspb.EventType]string{}
	events := 0
	history := c.GetWorkflowHistory(t.Context(), id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for history.HasNext() {
		event, err := history.Next()
		require.NoError(t, err)
		events++
		summaries[event.GetEventType()] = summaryOf(t, event)
		t.Logf("%2d %s %s", event.GetEventId(), event.GetEventType(), summaryOf(t, event))
	}
	require.Equal(t, "ordinary summary", summaries[enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED])
	require.Equal(t, "local summary", summaries[enumspb.EVENT_TYPE_MARKER_RECORDED])
}

func summaryOf(t *testing.T, event *historypb.HistoryEvent) string {
	t.Helper()
	payload := event.GetUserMetadata().GetSummary()
	if payload == nil {
		return ""
	}
	var text string
	require.NoError(t, converter.GetDefaultDataConverter().FromPayload(payload, &text))
	return text
}
