//go:build !slim

package main

import (
	"fmt"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/proto"

	"paycow/models"
)

// The flood of TestAFloodHoldsUpNoPayment: in 31 blocks, as many tiny transfers as once froze a payment.
const (
	floodTransfers = 6200
	floodPerBlock  = 200
)

// TestAFloodHoldsUpNoPayment sends thousands of tiny transfers to a payment's address, then the real one, on a real
// engine and chain. The payment is PAID with its 12th confirmation, and so is another one beside it; the histories stay
// small; and in the end every tiny transfer is credited.
func TestAFloodHoldsUpNoPayment(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes about a minute")
	}
	c := &reorgChain{installation: setupInstallation(t, nil)}
	c.signer = types.LatestSignerForChainID(new(big.Int).SetUint64(c.chain.ChainID()))
	node, err := ethclient.Dial(c.chain.HTTPURL())
	require.NoError(t, err)
	defer node.Close()
	c.client = node
	faucet := c.chain.FaucetKey()
	c.nonce, err = node.PendingNonceAt(t.Context(), crypto.PubkeyToAddress(faucet.PublicKey))
	require.NoError(t, err)
	c.serve("serve")
	c.awaitReady()
	send := func(to string, amount models.Amount) {
		c.submit(c.transfer(faucet, c.nonce, to, amount))
		c.nonce++
	}

	flooded, other := c.create("50.00"), c.create("50.00")
	for sent := 0; sent < floodTransfers; sent += floodPerBlock {
		for range floodPerBlock {
			send(flooded.DepositAddress, 1)
		}
		c.mine(1)
	}
	send(flooded.DepositAddress, 50*models.USDT)
	send(other.DepositAddress, 50*models.USDT)
	c.mine(11)
	c.awaitRead()
	require.NotEqual(t, models.StatusPaid, c.row(flooded).Status)
	c.mine(1)
	confirmed := time.Now()
	c.await(other.SessionID, "PAID")
	paidBeside := time.Since(confirmed)
	c.awaitRow(flooded, func(p models.Payment) bool { return p.Status == models.StatusPaid })
	t.Logf("PAID %s after the 12th confirmation, the payment beside it after %s", time.Since(confirmed), paidBeside)
	timeline := c.view(flooded.SessionID).Timeline
	paid := slices.IndexFunc(timeline, func(s timelineEntry) bool { return s.Status == string(models.StatusPaid) })
	require.GreaterOrEqual(t, paid, 0)
	require.Less(t, timeline[paid].AmountCredited, 50*models.USDT+floodTransfers, "it waits for no tiny transfer")

	c.mine(60) // longer than the tiny ones may wait for their first credits
	c.awaitRow(flooded, func(p models.Payment) bool { return p.AmountCredited == 50*models.USDT+floodTransfers })
	t.Logf("all %d credited %s after the 12th confirmation", floodTransfers+1, time.Since(confirmed))
	require.Equal(t, 100*models.USDT+floodTransfers, c.available())
	code, out, errs := c.attempt("reconcile")
	require.Zero(t, code, out+errs)

	events, bytes, largest := c.histories(models.PaymentWorkflowID(flooded.SessionID))
	t.Logf("%d history events in all runs, %d bytes, the largest %d bytes", events, bytes, largest)
	require.LessOrEqual(t, events, 100)
	require.Less(t, largest, 10_000)
	view := c.view(flooded.SessionID)
	require.Equal(t, models.StatusPaid, models.Status(view.Status))
}

func (in *installation) row(p created) models.Payment {
	in.t.Helper()
	row, err := in.db.Payment(in.t.Context(), p.SessionID)
	require.NoError(in.t, err)
	return row
}

func (in *installation) awaitRow(p created, is func(models.Payment) bool) (row models.Payment) {
	in.t.Helper()
	eventually(in.t, "the row changes", func() error {
		if row = in.row(p); !is(row) {
			return fmt.Errorf("it is %+v", row.PaymentState)
		}
		return nil
	})
	return row
}

// histories returns how many events the runs of a workflow have, and the bytes of all and of the largest.
func (in *installation) histories(id string) (events, bytes, largest int) {
	in.t.Helper()
	c, err := client.Dial(client.Options{HostPort: in.engine.Address(), Namespace: "paycow"})
	require.NoError(in.t, err)
	defer c.Close()
	eventually(in.t, "the runs are listed", func() error {
		found, err := c.ListWorkflow(in.t.Context(), &workflowservice.ListWorkflowExecutionsRequest{Query: fmt.Sprintf("WorkflowId=%q", id)})
		if err != nil {
			return err
		}
		events, bytes, largest = 0, 0, 0
		for _, execution := range found.Executions {
			history := c.GetWorkflowHistory(in.t.Context(), id, execution.Execution.RunId, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
			for history.HasNext() {
				event, err := history.Next()
				if err != nil {
					return err
				}
				events++
				bytes += proto.Size(event)
				largest = max(largest, proto.Size(event))
			}
		}
		if events == 0 {
			return fmt.Errorf("none is listed")
		}
		return nil
	})
	return events, bytes, largest
}
