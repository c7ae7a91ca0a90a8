package activities

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"paycow/store"
)

const (
	// comparedAtOnce is how many payments one statement compares.
	comparedAtOnce = 500
	// changesPerPage is how many changed payments are read at a time.
	changesPerPage = 10_000
	// entriesPerPage is how many ledger entries one statement checks.
	entriesPerPage = 5000
	// The least that a run compares of everything, so that a small installation is compared completely each time.
	leastPayments  = 1000
	leastEntries   = 10_000
	leastOperators = 50
	day            = 24 * time.Hour
)

// compareBooks compares ledger, payments, transfers and running totals with each other: what changed since the last run
// and what differed then, and the next part of everything. By hand it compares everything.
func (r *reconciliation) compareBooks(ctx context.Context) error {
	last, err := r.books.LastEntry(ctx)
	if err != nil {
		return err
	}
	if !r.input.All {
		if err := r.compareChanges(ctx, last); err != nil {
			return err
		}
		if err := r.compareAgain(ctx); err != nil {
			return err
		}
	}
	if err := r.passPayments(ctx); err != nil {
		return err
	}
	if err := r.passEntries(ctx, last); err != nil {
		return err
	}
	if err := r.passOperators(ctx); err != nil {
		return err
	}
	r.progress.ChangedAt = r.report.StartedAt
	r.progress.EntryID, r.progress.NextEntryID = r.progress.NextEntryID, last
	return nil
}

func (r *reconciliation) comparePayments(ctx context.Context, ids []string) error {
	for some := range slices.Chunk(ids, comparedAtOnce) {
		part, err := r.books.ComparePayments(ctx, some, r.due)
		if err != nil {
			return err
		}
		r.report.LedgerTransactions += part.LedgerTransactions
		r.report.Transfers += part.Transfers
		r.find(part.Differences)
		r.findOverdue(part.Overdue)
		r.beat(ctx, some[len(some)-1])
	}
	return nil
}

func (r *reconciliation) compareEntries(ctx context.Context, above, upTo int64) error {
	for ; above < upTo; above += entriesPerPage {
		found, err := r.books.CompareEntries(ctx, above, min(above+entriesPerPage, upTo))
		if err != nil {
			return err
		}
		r.find(found)
		r.beat(ctx, above)
	}
	return nil
}

// compareChanges compares what changed since shortly before the last run. A change whose consequences were not due then
// is compared again. The first run leaves what is older to the pass.
func (r *reconciliation) compareChanges(ctx context.Context, last int64) error {
	since, aboveEntry := r.progress.ChangedAt, r.progress.EntryID
	if since.IsZero() {
		since, aboveEntry = r.report.StartedAt, last
	}
	since = since.Add(-2 * graceTime)
	for after := ""; ; {
		ids, err := r.books.ChangedPayments(ctx, since, aboveEntry, after, changesPerPage)
		if err != nil {
			return err
		}
		if err := r.comparePayments(ctx, ids); err != nil {
			return err
		}
		if len(ids) < changesPerPage {
			break
		}
		after = ids[len(ids)-1]
	}
	return r.compareEntries(ctx, aboveEntry, last)
}

// compareAgain looks again at what differed before.
func (r *reconciliation) compareAgain(ctx context.Context) error {
	var subjects, transactions []string
	for _, d := range r.open {
		kind, id, _ := strings.Cut(d.Subject, ":")
		switch kind {
		case "ledger":
			transactions = append(transactions, id)
		case "operator":
			if err := r.compareTotals(ctx, id); err != nil {
				return err
			}
		default:
			subjects = append(subjects, d.Subject)
		}
	}
	ids, err := r.books.PaymentsOfSubjects(ctx, subjects)
	if err != nil {
		return err
	}
	if err := r.comparePayments(ctx, ids); err != nil {
		return err
	}
	found, err := r.books.CompareTransactions(ctx, transactions)
	r.find(found)
	return err
}

// part returns how many of a number this run compares: all by hand, else what is due since the last run.
func (r *reconciliation) part(total, least int64) int64 {
	if r.input.All {
		return math.MaxInt64
	}
	return max(least, int64(math.Ceil(float64(total)*r.share)))
}

func (r *reconciliation) passPayments(ctx context.Context) error {
	figures, err := r.books.NetworkFigures(ctx, r.input.Network)
	if err != nil {
		return err
	}
	if r.input.All {
		r.progress.Payment = ""
	}
	for left := r.part(figures.Payments, leastPayments); left > 0; {
		limit := int(min(left, comparedAtOnce))
		ids, err := r.books.PaymentsFrom(ctx, r.input.Network, r.progress.Payment, limit)
		if err != nil {
			return err
		}
		if err := r.comparePayments(ctx, ids); err != nil {
			return err
		}
		if len(ids) < limit {
			r.progress.Payment = ""
			r.progress.End(store.PassPayments)
			return nil
		}
		r.progress.Payment = ids[len(ids)-1]
		left -= int64(len(ids))
	}
	return nil
}

func (r *reconciliation) passEntries(ctx context.Context, last int64) error {
	if r.input.All {
		r.progress.Entry = 0
	}
	upTo := last
	if part := r.part(last, leastEntries); part < last-r.progress.Entry {
		upTo = r.progress.Entry + part
	}
	if err := r.compareEntries(ctx, r.progress.Entry, upTo); err != nil {
		return err
	}
	r.progress.Entry = upTo
	if upTo == last {
		r.progress.Entry = 0
		r.progress.End(store.PassEntries)
	}
	return nil
}

// passOperators compares running totals with what they count. That reads everything that an operator has, so each is
// looked at once a day.
func (r *reconciliation) passOperators(ctx context.Context) error {
	if err := r.compareTotals(ctx, ""); err != nil {
		return err
	}
	switch begins := r.progress.Operator == "" || r.input.All; {
	case begins && !r.input.All && r.progress.Ended&store.PassOperators != 0 &&
		r.report.StartedAt.Sub(r.progress.OperatorsAt) < day:
		return nil
	case begins:
		r.progress.Operator, r.progress.OperatorsAt = "", r.report.StartedAt
	}
	for {
		ids, err := r.books.OperatorsFrom(ctx, r.progress.Operator, leastOperators)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := r.compareTotals(ctx, id); err != nil {
				return err
			}
		}
		if len(ids) < leastOperators {
			r.progress.Operator = ""
			r.progress.End(store.PassOperators)
			return nil
		}
		r.progress.Operator = ids[len(ids)-1]
		if !r.input.All {
			return nil
		}
	}
}

func (r *reconciliation) compareTotals(ctx context.Context, operatorID string) error {
	found, err := r.books.CompareTotals(ctx, operatorID)
	r.find(found)
	r.beat(ctx, operatorID)
	return err
}
