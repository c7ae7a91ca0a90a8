package activities

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"go.temporal.io/sdk/activity"

	"paycow/models"
	"paycow/store"
)

const (
	// scheduledAddresses is how many balances a scheduled run reads from the chain, so that its cost does not grow with
	// the number of payments. Each run begins at a random address, so over time all are read. A run by hand reads all.
	scheduledAddresses = 500
	// scheduledQueries is how many transfers a run looks for in the workflows that were signalled them.
	scheduledQueries = 100
	// graceTime and graceBlocks are how long something may be in progress before it counts as a difference.
	graceTime       = 5 * time.Minute
	graceBlocks     = 50
	paymentsPerPage = 1000
)

// Books is the database's side of a reconciliation.
type Books interface {
	Cursor(ctx context.Context, network string) (models.ChainCursor, error)
	RecentBlock(ctx context.Context, network string, number uint64) (models.BlockRef, error)
	CompareBooks(ctx context.Context, network string, belowBlock uint64, before time.Time) (store.BooksReport, error)
	ExpectedBalances(
		ctx context.Context,
		network string,
		atBlock uint64,
		after string,
		limit int,
	) ([]store.AddressBalance, error)
	OpenPayments(
		ctx context.Context,
		network string,
		createdBefore time.Time,
		after string,
		limit int,
	) ([]models.Payment, error)
	SignalledUncredited(
		ctx context.Context,
		network string,
		signalledBefore time.Time,
		limit int,
	) ([]models.Transfer, error)
	PutReconciliation(ctx context.Context, report models.Reconciliation) error
}

// Reconcile compares the ledger, the transfers, the chain and the workflows, and stores the report. Differences raise
// an alarm and are never corrected. Missing workflows of open payments are started.
func (a *Activities) Reconcile(
	ctx context.Context,
	input models.ReconciliationInput,
) (models.ReconciliationSummary, error) {
	report, err := a.reconcile(ctx, input)
	if err != nil {
		return models.ReconciliationSummary{}, err
	}
	return models.ReconciliationSummary{
		Differences:      len(report.Differences),
		WorkflowsStarted: report.WorkflowsStarted,
		Unchecked:        report.Unchecked,
	}, nil
}

// ReconcileNow does the same over all addresses and returns the whole report. It is called by hand.
func (a *Activities) ReconcileNow(
	ctx context.Context,
	input models.ReconciliationInput,
) (models.Reconciliation, error) {
	input.All = true
	return a.reconcile(ctx, input)
}

func (a *Activities) reconcile(ctx context.Context, input models.ReconciliationInput) (models.Reconciliation, error) {
	report := models.Reconciliation{Network: input.Network, StartedAt: time.Now()}
	cursor, err := a.books.Cursor(ctx, input.Network)
	if err != nil {
		return report, fmt.Errorf("read the chain cursor: %w", err)
	}
	report.BlockNumber, report.BlockHash = cursor.AgreedNumber, cursor.AgreedHash
	belowBlock := uint64(0)
	if behind := a.settings.Confirmations + graceBlocks; cursor.AgreedNumber > behind {
		belowBlock = cursor.AgreedNumber - behind
	}
	books, err := a.books.CompareBooks(ctx, input.Network, belowBlock, report.StartedAt.Add(-graceTime))
	if err != nil {
		return report, fmt.Errorf("compare the books: %w", err)
	}
	report.LedgerTransactions, report.Transfers = books.LedgerTransactions, books.Transfers
	report.Differences = books.Differences
	var unchecked []string
	for _, part := range []struct {
		name    string
		compare func(context.Context, models.ReconciliationInput, *models.Reconciliation) error
	}{
		{"balances on the chain", a.compareBalances},
		{"running workflows", a.compareWorkflows},
		{"transfers known to workflows", a.compareSignals},
	} {
		if err := part.compare(ctx, input, &report); err != nil {
			if ctx.Err() != nil {
				return report, fmt.Errorf("compare %s: %w", part.name, ctx.Err())
			}
			a.log.WarnContext(ctx, "part of the reconciliation failed", "part", part.name, "error", err)
			unchecked = append(unchecked, fmt.Sprintf("%s (%v)", part.name, err))
		}
	}
	report.Unchecked = strings.Join(unchecked, "; ")
	report.FinishedAt = time.Now()
	if err := a.books.PutReconciliation(ctx, report); err != nil {
		return report, fmt.Errorf("store the report: %w", err)
	}
	return report, a.alarmDifferences(ctx, input, report)
}

// alarmDifferences raises the alarm if there are differences, and resolves it if a comparison of everything found none.
func (a *Activities) alarmDifferences(
	ctx context.Context,
	input models.ReconciliationInput,
	report models.Reconciliation,
) error {
	if len(report.Differences) == 0 {
		if !report.OK() || !input.All {
			return nil // the address that differed may not be among those compared
		}
		err := a.alarms.Resolve(ctx, input.Network, models.AlarmBooksDiffer, "", models.ActorSystem,
			"A later reconciliation found no difference.")
		if err != nil {
			return fmt.Errorf("resolve an alarm: %w", err)
		}
		return nil
	}
	first := report.Differences[0]
	for _, d := range report.Differences {
		a.log.ErrorContext(ctx, "reconciliation found a difference",
			"check", d.Check, "subject", d.Subject, "error", d.Detail)
	}
	err := a.alarms.Raise(ctx, models.Alarm{
		Network: input.Network,
		Kind:    models.AlarmBooksDiffer,
		Message: fmt.Sprintf(
			"Reconciliation found %d differences, the first: %s, %s (%s).",
			len(report.Differences),
			first.Subject,
			first.Detail,
			first.Check,
		),
	})
	if err != nil {
		return fmt.Errorf("raise an alarm: %w", err)
	}
	return nil
}

// compareBalances compares what our addresses hold at the agreed block, by the chain and by the database.
func (a *Activities) compareBalances(
	ctx context.Context,
	input models.ReconciliationInput,
	report *models.Reconciliation,
) error {
	limit, after, wrapped := scheduledAddresses, "", true
	if !input.All {
		after, wrapped = randomAddress(), false
	}
	begin := after
	for {
		expected, err := a.books.ExpectedBalances(ctx, input.Network, report.BlockNumber, after, limit)
		if err != nil {
			return fmt.Errorf("sum up the expected balances: %w", err)
		}
		if begin != "" && wrapped { // addresses above the first one were compared before
			expected = slices.DeleteFunc(expected, func(e store.AddressBalance) bool { return e.Address > begin })
		}
		if err := a.compareWithChain(ctx, input, report, expected); err != nil {
			return err
		}
		switch {
		case input.All && len(expected) == limit:
			after = expected[len(expected)-1].Address
		case !wrapped && len(expected) < limit: // continue from the lowest address
			wrapped, after, limit = true, "", limit-len(expected)
		default:
			return nil
		}
	}
}

func (a *Activities) compareWithChain(
	ctx context.Context,
	input models.ReconciliationInput,
	report *models.Reconciliation,
	expected []store.AddressBalance,
) error {
	if len(expected) == 0 {
		return nil
	}
	addresses := make([]common.Address, len(expected))
	for i, e := range expected {
		addresses[i] = common.HexToAddress(e.Address)
	}
	actual, err := a.balances.Balances(ctx, addresses, common.HexToHash(report.BlockHash))
	if err != nil {
		return err
	}
	var differences []models.Difference
	for i, e := range expected {
		if e.Units.Cmp(actual[i]) != 0 {
			differences = append(differences, models.Difference{
				Check:   models.CheckChainBalances,
				Subject: "address:" + e.Address,
				Detail: fmt.Sprintf("the token says %s micro-USDT, transfers in minus transfers out make %s (block %d)",
					actual[i], e.Units, report.BlockNumber),
			})
		}
	}
	report.Addresses += int64(len(expected))
	if len(differences) == 0 {
		return nil
	}
	// A reorg between the two reads would look like a difference.
	block, err := a.books.RecentBlock(ctx, input.Network, report.BlockNumber)
	if err != nil || block.Hash != report.BlockHash {
		return errors.New("a reorg happened meanwhile; the next run compares again")
	}
	report.Differences = append(report.Differences, differences...)
	return nil
}

// compareWorkflows starts a workflow for each open payment that has none running.
func (a *Activities) compareWorkflows(
	ctx context.Context,
	input models.ReconciliationInput,
	report *models.Reconciliation,
) error {
	running, err := a.engine.RunningPayments(ctx)
	if err != nil {
		return fmt.Errorf("list the running workflows: %w", err)
	}
	after := ""
	for {
		open, err := a.books.OpenPayments(ctx, input.Network, report.StartedAt.Add(-graceTime), after, paymentsPerPage)
		if err != nil {
			return err
		}
		for _, p := range open {
			report.OpenPayments++
			if running[p.ID] {
				continue
			}
			// The list may lag behind, so ask about this workflow before starting one.
			if runs, err := a.engine.IsRunning(ctx, p.ID); err != nil || runs {
				if err != nil {
					return fmt.Errorf("check the workflow of payment %s: %w", p.ID, err)
				}
				continue
			}
			if err := a.engine.Resume(ctx, p); err != nil {
				return fmt.Errorf("start the workflow of payment %s: %w", p.ID, err)
			}
			report.WorkflowsStarted++
			a.log.WarnContext(ctx, "started the missing workflow of an open payment", "payment_id", p.ID, "status", p.Status)
		}
		if len(open) < paymentsPerPage {
			return nil
		}
		after = open[len(open)-1].ID
		if activity.IsActivity(ctx) {
			activity.RecordHeartbeat(ctx, after)
		}
	}
}

// compareSignals checks that workflows know the transfers that were signalled to them.
func (a *Activities) compareSignals(
	ctx context.Context,
	input models.ReconciliationInput,
	report *models.Reconciliation,
) error {
	transfers, err := a.books.SignalledUncredited(ctx, input.Network, report.StartedAt.Add(-graceTime), scheduledQueries)
	if err != nil {
		return err
	}
	known := map[string]map[models.TransferKey]bool{}
	for _, t := range transfers {
		if known[t.PaymentID] == nil {
			notices, err := a.engine.KnownTransfers(ctx, t.PaymentID)
			if errors.Is(err, models.ErrNotFound) {
				continue // past its retention; the transfer is signalled again when it is due
			}
			if err != nil {
				return fmt.Errorf("query the workflow of payment %s: %w", t.PaymentID, err)
			}
			known[t.PaymentID] = map[models.TransferKey]bool{}
			for _, n := range notices {
				known[t.PaymentID][n.TransferKey] = true
			}
		}
		if !known[t.PaymentID][t.TransferKey] {
			report.Differences = append(report.Differences, models.Difference{
				Check: models.CheckTransfersSignalled, Subject: "transfer:" + t.TransferKey.String(),
				Detail: fmt.Sprintf("the workflow of payment %s was sent this transfer but does not know it", t.PaymentID),
			})
		}
	}
	return nil
}

func randomAddress() string {
	var address common.Address
	_, _ = rand.Read(address[:]) // never fails
	return address.Hex()
}

var _ Books = (*store.Store)(nil)

// BalanceReader reads balances of the token from the chain.
type BalanceReader interface {
	// Balances returns what each address holds at the block with that hash, in micro-USDT.
	Balances(ctx context.Context, addresses []common.Address, block common.Hash) ([]*big.Int, error)
}
