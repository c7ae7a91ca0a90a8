package activities

import (
	"context"
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
	// scheduledAddresses is how many balances a scheduled run reads from the chain, beside those that differed before, so
	// that its cost does not grow with the number of payments. Each run goes on where the last one ended. A run by hand
	// reads all.
	scheduledAddresses = 500
	// scheduledQueries is how many transfers a run looks for in the workflows that were signalled them.
	scheduledQueries = 100
	// graceTime and graceBlocks are how long something may be in progress before it counts as a difference. The time is
	// one in which PayCow works: see findOverdue.
	graceTime   = 5 * time.Minute
	graceBlocks = 50
	// epochBlocks is how many blocks become final at a time. A transfer so far below the finalized block was final by the
	// time of the one before.
	epochBlocks     = 32
	paymentsPerPage = 1000
	// largestShare is how much of everything a scheduled run compares at most.
	largestShare = 1.0 / 12
)

// Books is the database's side of a reconciliation.
type Books interface {
	Cursor(ctx context.Context, network string) (models.ChainCursor, error)
	RecentBlock(ctx context.Context, network string, number uint64) (models.BlockRef, error)
	OpenAlarms(ctx context.Context, network string) ([]models.Alarm, error)
	NetworkFigures(ctx context.Context, network string) (store.Figures, error)
	Progress(ctx context.Context, network string) (store.Progress, error)
	PutProgress(ctx context.Context, progress store.Progress) error
	Findings(ctx context.Context, network string) ([]models.Difference, error)
	SettleFindings(
		ctx context.Context, network string, found []models.Difference, notMade []string,
	) (open []models.Difference, full bool, err error)
	PaymentsFrom(ctx context.Context, network, after string, limit int) ([]string, error)
	ChangedPayments(ctx context.Context, since time.Time, aboveEntry int64, after string, limit int) ([]string, error)
	PaymentsOfSubjects(ctx context.Context, subjects []string) ([]string, error)
	ComparePayments(ctx context.Context, ids []string, due store.BooksDue) (store.BooksReport, error)
	CompareUncredited(ctx context.Context, network string, due store.BooksDue) ([]models.Difference, error)
	LastEntry(ctx context.Context) (int64, error)
	CompareEntries(ctx context.Context, above, upTo int64) ([]models.Difference, error)
	CompareTransactions(ctx context.Context, ids []string) ([]models.Difference, error)
	OperatorsFrom(ctx context.Context, after string, limit int) ([]string, error)
	CompareTotals(ctx context.Context, operatorID string) ([]models.Difference, error)
	ExpectedBalances(
		ctx context.Context, network string, atBlock uint64, after string, limit int,
	) ([]store.AddressBalance, error)
	ExpectedBalancesOf(
		ctx context.Context, network string, atBlock uint64, addresses []string,
	) ([]store.AddressBalance, error)
	// AskForRescan has blocks read again that may hold what differs. It returns them, or 0 and 0 when nothing is due.
	AskForRescan(
		ctx context.Context, network string, differing []store.BalanceDifference, atBlock uint64,
	) (from, to uint64, err error)
	OpenPayments(
		ctx context.Context, network string, createdBefore time.Time, after string, limit int,
	) ([]models.Payment, error)
	SignalledUncredited(
		ctx context.Context, network string, signalledBefore time.Time, limit int,
	) ([]models.Transfer, error)
	PutReconciliation(ctx context.Context, report models.Reconciliation) error
	DropOld(ctx context.Context, ages store.Ages, onBatch func(table string)) error
	// ReviveDeliveries has the workflows of webhook deliveries started again that may be lost.
	ReviveDeliveries(ctx context.Context) (int64, error)
}

// reconciliation is one run.
type reconciliation struct {
	*Activities
	input     models.ReconciliationInput
	report    models.Reconciliation
	cursor    models.ChainCursor
	due       store.BooksDue
	progress  store.Progress
	share     float64             // of everything that this run compares, besides what changed
	open      []models.Difference // found by earlier runs
	found     []models.Difference // found by this one, at most store.FindingLimit
	overflow  bool
	notMade   []string                  // checks that this run could not make
	differing []store.BalanceDifference // balances that differ from the chain
	rescan    string                    // what is read again for them, in a sentence; "" when nothing is
}

// find notes differences.
func (r *reconciliation) find(differences []models.Difference) {
	room := store.FindingLimit - len(r.found)
	r.overflow = r.overflow || len(differences) > room || len(differences) >= store.DifferenceLimit
	r.found = append(r.found, differences[:min(room, len(differences))]...)
}

// findOverdue notes differences that are none while their consequence may still come. After a stop, an outage or a
// halt, what was due meanwhile comes in the next moments. So until PayCow has worked for graceTime again, only those
// that an earlier run found are noted.
func (r *reconciliation) findOverdue(differences []models.Difference) {
	if r.cursor.HasWorkedFor(graceTime, r.report.StartedAt) {
		r.find(differences)
		return
	}
	r.find(slices.DeleteFunc(differences, func(d models.Difference) bool {
		return !slices.ContainsFunc(r.open, d.IsSame)
	}))
}

// beat tells Temporal that the run goes on.
func (r *reconciliation) beat(ctx context.Context, position any) {
	if activity.IsActivity(ctx) {
		activity.RecordHeartbeat(ctx, position)
	}
}

// Reconcile compares the ledger, the transfers, the chain and the workflows, and stores the report: what changed since
// the last run, what differed then, and a part of everything, so that all is compared about once a day. Differences
// raise an alarm and are never corrected here; for balances that differ, blocks are read again. Missing workflows of
// open payments and of webhook deliveries are started, and old rows are dropped.
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
	r := &reconciliation{
		Activities: a, input: input,
		report: models.Reconciliation{Network: input.Network, StartedAt: time.Now()},
	}
	if err := r.prepare(ctx); err != nil {
		return r.report, err
	}
	if err := r.compareBooks(ctx); err != nil {
		return r.report, fmt.Errorf("compare the books: %w", err)
	}
	var unchecked []string
	for _, part := range []struct {
		name    string
		check   string
		compare func(context.Context) error
	}{
		{"transfers that wait for their credit", models.CheckTransfersCredited, r.compareUncredited},
		{"balances on the chain", models.CheckChainBalances, r.compareBalances},
		{"running workflows", "", r.compareWorkflows},
		{"transfers known to workflows", models.CheckTransfersSignalled, r.compareSignals},
	} {
		if err := part.compare(ctx); err != nil {
			if ctx.Err() != nil {
				return r.report, fmt.Errorf("compare %s: %w", part.name, ctx.Err())
			}
			a.log.WarnContext(ctx, "part of the reconciliation failed", "part", part.name, "error", err)
			unchecked = append(unchecked, fmt.Sprintf("%s (%v)", part.name, err))
			r.notMade = append(r.notMade, part.check)
		}
	}
	r.report.Unchecked = strings.Join(unchecked, "; ")
	return r.report, r.finish(ctx)
}

// prepare reads where the chain and the earlier runs stand.
func (r *reconciliation) prepare(ctx context.Context) (err error) {
	if r.cursor, err = r.books.Cursor(ctx, r.input.Network); err != nil {
		return fmt.Errorf("read the chain cursor: %w", err)
	}
	if r.progress, err = r.books.Progress(ctx, r.input.Network); err != nil {
		return err
	}
	if r.open, err = r.books.Findings(ctx, r.input.Network); err != nil {
		return err
	}
	r.report.BlockNumber, r.report.BlockHash = r.cursor.AgreedNumber, r.cursor.AgreedHash
	r.due = store.BooksDue{
		Block: lessOrZero(r.cursor.AgreedNumber, graceBlocks), FinalizedAbove: r.settings.FinalizedAbove,
		FinalBlock: lessOrZero(r.cursor.FinalizedNumber, epochBlocks), Before: r.report.StartedAt.Add(-graceTime),
	}
	// After a pause, and at first, runs of the usual length come to the end a little later.
	r.share = min(float64(r.report.StartedAt.Sub(r.progress.UpdatedAt))/float64(day), largestShare)
	return nil
}

func lessOrZero(number, less uint64) uint64 { return number - min(number, less) }

// finish stores the report, with all open differences, and raises or resolves the alarm.
func (r *reconciliation) finish(ctx context.Context) error {
	open, full, err := r.books.SettleFindings(ctx, r.input.Network, r.found, r.notMade)
	if err != nil {
		return err
	}
	if full || r.overflow {
		r.progress.StartOver()
	}
	if err := r.askForRescan(ctx); err != nil {
		return err
	}
	r.report.Differences = open
	r.report.FinishedAt = time.Now()
	if err := r.books.PutReconciliation(ctx, r.report); err != nil {
		return fmt.Errorf("store the report: %w", err)
	}
	if err := r.books.PutProgress(ctx, r.progress); err != nil {
		return err
	}
	if err := r.alarmDifferences(ctx); err != nil {
		return err
	}
	if r.input.All {
		return nil
	}
	if revived, err := r.books.ReviveDeliveries(ctx); err != nil {
		return err
	} else if revived > 0 {
		r.log.WarnContext(ctx, "webhook deliveries were overdue; their workflows are started again", "count", revived)
	}
	return r.books.DropOld(ctx, r.settings.Ages, func(table string) { r.beat(ctx, table) })
}

// askForRescan has the watcher read blocks again that may hold what the chain has and the database does not know, or
// the other way round. That repairs what a node left out or made up; the next runs find out whether it did.
func (r *reconciliation) askForRescan(ctx context.Context) error {
	from, to, err := r.books.AskForRescan(ctx, r.input.Network, r.differing, r.report.BlockNumber)
	if err != nil || to == 0 {
		return err
	}
	r.rescan = fmt.Sprintf(" Blocks %d to %d are read again for balances that differ.", from, to)
	r.log.WarnContext(ctx, "balances differ from the chain; blocks are read again", "from", from, "to", to)
	return nil
}

// alarmDifferences raises the alarm while differences are open. It resolves the alarm when everything was compared and
// none is: a difference that an earlier run found was looked at again by this one.
func (r *reconciliation) alarmDifferences(ctx context.Context) error {
	report := r.report
	if len(report.Differences) == 0 {
		if !report.OK() || r.progress.MustPass {
			return nil
		}
		err := r.alarms.Resolve(ctx, r.input.Network, models.AlarmBooksDiffer, "", models.ActorSystem,
			"A later reconciliation found no difference.")
		if err != nil {
			return fmt.Errorf("resolve an alarm: %w", err)
		}
		return nil
	}
	first := report.Differences[0]
	for _, d := range report.Differences {
		r.log.ErrorContext(ctx, "reconciliation found a difference",
			"check", d.Check, "subject", d.Subject, "error", d.Detail)
	}
	err := r.alarms.Raise(ctx, models.Alarm{
		Network: r.input.Network,
		Kind:    models.AlarmBooksDiffer,
		Message: fmt.Sprintf("Reconciliation found %d differences, the first: %s, %s (%s).%s",
			len(report.Differences), first.Subject, first.Detail, first.Check, r.rescan),
	})
	if err != nil {
		return fmt.Errorf("raise an alarm: %w", err)
	}
	return nil
}

// compareUncredited looks for transfers that were confirmed long ago and are not credited.
func (r *reconciliation) compareUncredited(ctx context.Context) error {
	alarms, err := r.books.OpenAlarms(ctx, r.input.Network)
	if err != nil {
		return err
	}
	for _, alarm := range alarms {
		if alarm.Kind.HaltsCrediting() {
			return models.ErrCreditingHalted
		}
	}
	found, err := r.books.CompareUncredited(ctx, r.input.Network, r.due)
	r.findOverdue(found)
	return err
}

// compareBalances compares what our addresses hold at the agreed block, by the chain and by the database: those that
// differed before, and the next ones of the pass.
func (r *reconciliation) compareBalances(ctx context.Context) error {
	var differed []string
	for _, d := range r.open {
		if address, ok := d.Address(); ok {
			differed = append(differed, address)
		}
	}
	expected, err := r.books.ExpectedBalancesOf(ctx, r.input.Network, r.report.BlockNumber, differed)
	if err != nil {
		return fmt.Errorf("sum up the balances that differed: %w", err)
	}
	after := r.progress.Address
	if r.input.All {
		after = ""
	}
	seen := map[string]bool{}
	for {
		next, err := r.books.ExpectedBalances(ctx, r.input.Network, r.report.BlockNumber, after, scheduledAddresses)
		if err != nil {
			return fmt.Errorf("sum up the expected balances: %w", err)
		}
		expected = slices.DeleteFunc(append(expected, next...), func(e store.AddressBalance) bool {
			known := seen[e.Address]
			seen[e.Address] = true
			return known
		})
		if err := r.compareWithChain(ctx, expected); err != nil {
			return err
		}
		isEnd := len(next) < scheduledAddresses
		if !isEnd {
			after = next[len(next)-1].Address
		}
		if !r.input.All {
			r.progress.Address = after
		}
		if isEnd {
			r.progress.Address = ""
			r.progress.End(store.PassAddresses)
		}
		if isEnd || !r.input.All {
			return nil
		}
		expected = nil
		r.beat(ctx, after)
	}
}

func (r *reconciliation) compareWithChain(ctx context.Context, expected []store.AddressBalance) error {
	if len(expected) == 0 {
		return nil
	}
	addresses := make([]common.Address, len(expected))
	for i, e := range expected {
		addresses[i] = common.HexToAddress(e.Address)
	}
	actual, err := r.balances.Balances(ctx, addresses, common.HexToHash(r.report.BlockHash))
	if err != nil {
		return err
	}
	var differences []models.Difference
	var balances []store.BalanceDifference
	for i, e := range expected {
		if e.Units.Cmp(actual[i]) != 0 {
			balances = append(balances, store.BalanceDifference{Address: e.Address, Units: new(big.Int).Sub(actual[i], e.Units)})
			differences = append(differences, models.Difference{
				Check:   models.CheckChainBalances,
				Subject: models.AddressSubject(e.Address),
				Detail: fmt.Sprintf("the token says %s micro-USDT, transfers in minus transfers out make %s (block %d)",
					actual[i], e.Units, r.report.BlockNumber),
			})
		}
	}
	r.report.Addresses += int64(len(expected))
	if len(differences) == 0 {
		return nil
	}
	// A reorg between the two reads would look like a difference.
	block, err := r.books.RecentBlock(ctx, r.input.Network, r.report.BlockNumber)
	if err != nil || block.Hash != r.report.BlockHash {
		return errors.New("a reorg happened meanwhile; the next run compares again")
	}
	r.find(differences)
	r.differing = append(r.differing, balances...)
	return nil
}

// compareWorkflows starts a workflow for each open payment that has none running.
func (r *reconciliation) compareWorkflows(ctx context.Context) error {
	running, err := r.engine.RunningPayments(ctx)
	if err != nil {
		return fmt.Errorf("list the running workflows: %w", err)
	}
	after := ""
	for {
		open, err := r.books.OpenPayments(ctx, r.input.Network, r.report.StartedAt.Add(-graceTime), after, paymentsPerPage)
		if err != nil {
			return err
		}
		for _, p := range open {
			r.report.OpenPayments++
			if running[p.ID] {
				continue
			}
			// The list may lag behind, so ask about this workflow before starting one.
			if runs, err := r.engine.IsRunning(ctx, p.ID); err != nil || runs {
				if err != nil {
					return fmt.Errorf("check the workflow of payment %s: %w", p.ID, err)
				}
				continue
			}
			if err := r.engine.Resume(ctx, p); err != nil {
				return fmt.Errorf("start the workflow of payment %s: %w", p.ID, err)
			}
			r.report.WorkflowsStarted++
			r.log.WarnContext(ctx, "started the missing workflow of an open payment", "payment_id", p.ID, "status", p.Status)
		}
		if len(open) < paymentsPerPage {
			return nil
		}
		after = open[len(open)-1].ID
		r.beat(ctx, after)
	}
}

// compareSignals checks that workflows know the transfers that were signalled to them.
func (r *reconciliation) compareSignals(ctx context.Context) error {
	before := r.report.StartedAt.Add(-graceTime)
	transfers, err := r.books.SignalledUncredited(ctx, r.input.Network, before, scheduledQueries)
	if err != nil {
		return err
	}
	known := map[string]map[models.TransferKey]bool{}
	for _, t := range transfers {
		if known[t.PaymentID] == nil {
			notices, err := r.engine.KnownTransfers(ctx, t.PaymentID)
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
			r.find([]models.Difference{{
				Check: models.CheckTransfersSignalled, Subject: "transfer:" + t.TransferKey.String(),
				Detail: fmt.Sprintf("the workflow of payment %s was sent this transfer but does not know it", t.PaymentID),
			}})
		}
	}
	return nil
}

var _ Books = (*store.Store)(nil)

// BalanceReader reads balances of the token from the chain.
type BalanceReader interface {
	// Balances returns what each address holds at the block with that hash, in micro-USDT.
	Balances(ctx context.Context, addresses []common.Address, block common.Hash) ([]*big.Int, error)
}
