//go:build !slim

package main

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	sdkpb "go.temporal.io/api/sdk/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/encoding/protojson"

	"paycow/models"
)

// historiesDir, when given, is where the histories of TestEveryEnding are written for the replay test of package workflows.
var historiesDir = flag.String("write-histories", "", "folder to write the recorded histories to")

// Limits of a history, in events, which are what an installation pays for.
const (
	maxEventsPaid    = 22
	maxEventsExpired = 7
)

// TestEveryEnding brings payments to each of their ends on the real stack, with real transfers, timers, signals and reorgs,
// and looks at what an admin sees of them in the workflow engine.
func TestEveryEnding(t *testing.T) {
	s := startStack(t, "--block-time", "1s", "--window", "8s")
	temporal := s.temporal()
	paid, over, under, expired := s.create("50.00"), s.create("50.00"), s.create("50.00"), s.create("50.00")
	late, rejected, afterReject, accepted := s.create("50.00"), s.create("50.00"), s.create("50.00"), s.create("50.00")
	fee := s.send(paid.DepositAddress, 50*models.USDT)
	s.send(over.DepositAddress, 51*models.USDT)
	s.send(under.DepositAddress, 20*models.USDT)
	s.send(accepted.DepositAddress, 49*models.USDT)

	s.must(http.MethodPost, "/api/payment/"+afterReject.SessionID+"/reject", `{"reason":"out of stock"}`, nil)
	s.send(afterReject.DepositAddress, 50*models.USDT)
	// The same by hand: a signal with no payload at all, which waits for the end of the window since nothing has arrived.
	_, err := temporal.WorkflowService().SignalWorkflowExecution(t.Context(), &workflowservice.SignalWorkflowExecutionRequest{
		Namespace: s.file.TemporalNamespace, SignalName: models.SignalReject,
		WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: models.PaymentWorkflowID(rejected.SessionID)},
	})
	require.NoError(t, err)
	s.await(paid.SessionID, "CONFIRMING")
	t.Run("the engine shows an open payment", func(t *testing.T) {
		id := models.PaymentWorkflowID(paid.SessionID)
		details, err := currentDetails(t, temporal, id)
		require.NoError(t, err)
		require.Contains(t, details, "**CONFIRMING**: received **50.00** of **50.00 USDT**")
		require.Contains(t, details, fee.Hash().Hex())
		require.Contains(t, details, "Waiting for 12 confirmations, reached at block ")
		described, err := temporal.DescribeWorkflowExecution(t.Context(), id, "")
		require.NoError(t, err)
		var summary string
		require.NoError(t, converter.GetDefaultDataConverter().FromPayload(described.ExecutionConfig.UserMetadata.Summary, &summary))
		require.Equal(t, "USDT 50.00 for user_123456", summary)
		awaitFound(t, temporal, fmt.Sprintf(`PaymentStatus="CONFIRMING" AND TxHash=%q`, fee.Hash().Hex()), id)
		awaitFound(t, temporal, fmt.Sprintf(`DepositAddress=%q`, paid.DepositAddress), id)
		awaitFound(t, temporal, fmt.Sprintf(`PaymentReference=%q`, paid.Reference), id)
		awaitFound(t, temporal, `UserId="user_123456" AND PaymentStatus="CONFIRMING" AND PaymentException IS NULL AND TxHash IN (`+
			fmt.Sprintf("%q)", fee.Hash().Hex()), id)
	})

	for id, want := range map[string]string{
		paid.SessionID: "PAID", over.SessionID: "PAID OVERPAID", under.SessionID: "EXPIRED UNDERPAID", expired.SessionID: "EXPIRED",
		late.SessionID: "EXPIRED", rejected.SessionID: "REJECTED", accepted.SessionID: "EXPIRED UNDERPAID", afterReject.SessionID: "REJECTED AFTER_REJECT",
	} {
		s.await(id, want)
	}
	code, answer, err := s.call(http.MethodPost, "/api/payment/"+rejected.SessionID+"/reject", `{"reason":"again"}`, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusConflict, code, answer)
	s.send(late.DepositAddress, 50*models.USDT)
	s.must(http.MethodPost, "/api/payment/"+accepted.SessionID+"/accept", `{"reason":"close enough"}`, nil)
	s.await(accepted.SessionID, "PAID ACCEPTED")
	s.await(late.SessionID, "EXPIRED PAID_LATE")
	require.Equal(t, (50+51+20+49+50+50)*models.USDT, s.available())
	for exception, id := range map[models.Exception]string{
		models.ExceptionOverpaid: over.SessionID, models.ExceptionPaidLate: late.SessionID,
		models.ExceptionAccepted: accepted.SessionID, models.ExceptionAfterReject: afterReject.SessionID,
	} {
		awaitFound(t, temporal, fmt.Sprintf("PaymentException=%q", exception), models.PaymentWorkflowID(id))
	}

	examine(t, temporal, map[string]created{
		"paid": paid, "overpaid": over, "underpaid": under, "expired": expired, "paid_late": late, "rejected": rejected,
		"after_reject": afterReject, "accepted": accepted,
	})
}

// TestEveryReorg takes transfers away in real reorgs: one is mined again, one is lost, and one was credited before.
func TestEveryReorg(t *testing.T) {
	// Each block moves the chain's clock by a second at least, so the window is longer than all blocks together.
	s := startStack(t, "--block-time", "0s", "--window", "45s")
	temporal := s.temporal()
	remined, lost, reverted := s.create("50.00"), s.create("50.00"), s.create("50.00")
	s.send(remined.DepositAddress, 50*models.USDT)
	s.mine(2)
	s.await(remined.SessionID, "CONFIRMING")
	s.reorg(2, false)
	eventually(t, "the transfer is in another block", func() error {
		if v := s.view(remined.SessionID); v.Status != "DETECTED" && v.Status != "CONFIRMING" || v.Transfers[0].State != "CONFIRMING" {
			return fmt.Errorf("%+v", v)
		}
		return nil
	})
	require.Zero(t, s.available())
	s.mine(11)
	s.await(remined.SessionID, "PAID")
	require.Equal(t, 50*models.USDT, s.available())

	s.send(lost.DepositAddress, 50*models.USDT)
	s.mine(2)
	s.await(lost.SessionID, "CONFIRMING")
	s.reorg(2, true)
	s.await(lost.SessionID, "PENDING REVERTED")

	s.send(reverted.DepositAddress, 50*models.USDT)
	s.mine(12)
	s.await(reverted.SessionID, "PAID")
	require.Equal(t, 100*models.USDT, s.available())
	s.reorg(12, true)
	s.await(reverted.SessionID, "PENDING REVERTED")
	require.Equal(t, 50*models.USDT, s.available())
	v := s.view(reverted.SessionID)
	require.Len(t, v.Ledger, 2)
	require.Contains(t, v.Ledger[0].ExternalID+v.Ledger[1].ExternalID, "reversal:")

	for _, payment := range []created{lost, reverted} {
		eventually(t, "payment "+payment.SessionID+" has expired", func() error {
			s.mine(1) // nothing expires before the chain was read past its window
			if is := joined(s.status(payment.SessionID)); is != "EXPIRED REVERTED" {
				return fmt.Errorf("it is %s", is)
			}
			return nil
		})
	}
	examine(t, temporal, map[string]created{"remined": remined, "lost": lost, "reverted": reverted})
}

// examine counts the events of the payments' histories and writes the histories down when that is asked for.
func examine(t *testing.T, c client.Client, payments map[string]created) {
	t.Helper()
	for name, payment := range payments {
		for run, history := range histories(t, c, models.PaymentWorkflowID(payment.SessionID)) {
			t.Logf("%s, run %d: %d events", name, run+1, len(history.Events))
			switch name {
			case "paid":
				require.LessOrEqual(t, len(history.Events), maxEventsPaid)
			case "expired":
				require.LessOrEqual(t, len(history.Events), maxEventsExpired)
			}
			if *historiesDir != "" {
				writeHistory(t, filepath.Join(*historiesDir, fmt.Sprintf("%s_%d.json", name, run+1)), history)
			}
		}
	}
}

// currentDetails reads what the engine's UI shows as the current details of an open workflow.
func currentDetails(t *testing.T, c client.Client, id string) (string, error) {
	t.Helper()
	value, err := c.QueryWorkflow(t.Context(), id, "", "__temporal_workflow_metadata")
	if err != nil {
		return "", err
	}
	var metadata sdkpb.WorkflowMetadata
	err = value.Get(&metadata)
	return metadata.CurrentDetails, err
}

// awaitFound waits until a list filter finds exactly this workflow.
func awaitFound(t *testing.T, c client.Client, filter, id string) {
	t.Helper()
	eventually(t, filter+" finds "+id, func() error {
		found, err := c.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{Query: filter})
		if err != nil {
			return err
		}
		if len(found.Executions) != 1 || found.Executions[0].Execution.WorkflowId != id {
			return fmt.Errorf("found %d", len(found.Executions))
		}
		return nil
	})
}

// histories returns the history of each run of a workflow, the first run first, once all have ended.
func histories(t *testing.T, c client.Client, id string) []*historypb.History {
	t.Helper()
	var runs []string
	eventually(t, "every run of "+id+" is listed as ended", func() error {
		found, err := c.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{Query: fmt.Sprintf("WorkflowId=%q", id)})
		if err != nil {
			return err
		}
		runs = nil
		for _, execution := range found.Executions { // newest first
			if execution.Status != enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED {
				return fmt.Errorf("a run is %s", execution.Status)
			}
			runs = append([]string{execution.Execution.RunId}, runs...)
		}
		if len(runs) == 0 {
			return fmt.Errorf("none is listed")
		}
		return nil
	})
	var all []*historypb.History
	for _, run := range runs {
		history := &historypb.History{}
		events := c.GetWorkflowHistory(t.Context(), id, run, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for events.HasNext() {
			event, err := events.Next()
			require.NoError(t, err)
			history.Events = append(history.Events, event)
		}
		all = append(all, history)
	}
	return all
}

func writeHistory(t *testing.T, path string, history *historypb.History) {
	t.Helper()
	content, err := protojson.MarshalOptions{Indent: " "}.Marshal(history)
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	// protojson varies its white space on purpose; the files should differ only where the histories do.
	text := strings.ReplaceAll(string(content), ":  ", ": ")
	require.NoError(t, os.WriteFile(path, []byte(text+"\n"), 0o644))
}
