package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"

	"paycow/models"
)

// DifferenceLimit bounds how many differences one statement reports: a hundred are enough to begin with. When there are
// as many, there may be more.
const DifferenceLimit = 100

// BooksReport is the result of comparing a part of the database with itself.
type BooksReport struct {
	LedgerTransactions int64
	Transfers          int64
	Differences        []models.Difference
	// Overdue are differences that are none while their consequence may still come: it was due BooksDue.Before.
	Overdue []models.Difference
}

// BooksDue says what must have happened by now; what is still on its way is no difference.
type BooksDue struct {
	// Block is the newest block whose transfers must be credited, given the confirmations that their payment needs.
	Block uint64
	// A transfer of a payment above FinalizedAbove must be credited only up to FinalBlock. 0 = no payment waits for that.
	FinalizedAbove models.Amount // micro-USDT
	FinalBlock     uint64
	// Before is when a change must have been made for its consequences to be due.
	Before time.Time
}

// comparison finds rows that disagree with each other. Its query is one statement, so it sees everything at the same
// moment.
type comparison struct {
	check   string // one of the Check constants of models
	subject string // what the id of a difference names
	detail  func(d differing) string
	query   *gorm.DB
}

// differing is one difference: two amounts in micro-USDT that should be equal.
type differing struct {
	ID    string
	Left  models.Amount
	Right models.Amount
	Named string // what else the sentence names
}

func runComparisons(comparisons []comparison) ([]models.Difference, error) {
	var differences []models.Difference
	for _, c := range comparisons {
		var found []differing
		if err := c.query.Scan(&found).Error; err != nil {
			return nil, wrap(err, "compare "+c.check)
		}
		for _, d := range found {
			differences = append(differences, models.Difference{
				Check: c.check, Subject: c.subject + ":" + d.ID, Detail: c.detail(d),
			})
		}
	}
	return differences, nil
}

// ComparePayments compares these payments with their transfers and with the ledger. Its cost follows from what belongs
// to the payments, never from the size of a table.
func (s *Store) ComparePayments(ctx context.Context, ids []string, due BooksDue) (BooksReport, error) {
	var report BooksReport
	if len(ids) == 0 {
		return report, nil
	}
	list, err := jsonList(ids)
	if err != nil {
		return report, err
	}
	db := s.read(ctx)
	var counts struct{ Transactions, Transfers int64 }
	err = db.Raw(`SELECT (SELECT count(*) FROM ledger_transactions WHERE payment_id IN (`+s.unfold()+`)) AS transactions,
		(SELECT count(*) FROM transfers WHERE payment_id IN (`+s.unfold()+`)) AS transfers`, list, list).Scan(&counts).Error
	if err != nil {
		return report, wrap(err, "count what is compared")
	}
	report.LedgerTransactions, report.Transfers = counts.Transactions, counts.Transfers
	if err := s.compareSums(db, list, due, &report); err != nil {
		return report, err
	}
	of := "t.payment_id IN (" + s.unfold() + ")"
	found, err := runComparisons([]comparison{
		{models.CheckLedgerTransfers, "transfer", func(d differing) string {
			return fmt.Sprintf("the ledger has %s, but its row says %s", d.Left, d.Right)
		}, db.Raw(`SELECT k.id AS id, COALESCE(l.total, 0) AS "left", k.credited_amount AS "right" FROM
			(SELECT t.payment_id, `+keyOfTransfer+` AS id, t.credited_amount FROM transfers t WHERE `+of+`) k
			LEFT JOIN (SELECT h.payment_id, `+s.keyOfExternalID("h.external_id")+` AS id,
					CAST(SUM(e.amount) AS bigint) AS total `+s.entriesOfPayments()+` GROUP BY 1, 2) l
				ON l.payment_id = k.payment_id AND l.id = k.id
			WHERE COALESCE(l.total, 0) <> k.credited_amount ORDER BY k.id LIMIT ?`, list, list, DifferenceLimit)},
		{models.CheckInternalCredited, "transfer", func(d differing) string {
			return fmt.Sprintf("%s is credited, but its sender %s is an address of ours", d.Left, d.Named)
		}, db.Raw(`SELECT `+keyOfTransfer+` AS id, t.credited_amount AS "left", 0 AS "right", t.from_address AS named
				FROM transfers t
			WHERE `+of+` AND t.credited_amount <> 0 AND t.canonical AND `+fromOurselves("t.from_address")+`
			ORDER BY t.tx_hash, t.ordinal LIMIT ?`, list, DifferenceLimit)},
	})
	report.Differences = append(report.Differences, found...)
	if err != nil {
		return report, err
	}
	found, err = runComparisons([]comparison{{
		models.CheckCreditedCanonical, "transfer", func(d differing) string {
			return fmt.Sprintf("%s is credited, but the chain holds %s", d.Left, d.Right)
		}, db.Raw(`SELECT `+keyOfTransfer+` AS id, t.credited_amount AS "left",
				CASE WHEN t.canonical THEN t.amount ELSE 0 END AS "right" FROM transfers t
			WHERE `+of+` AND t.credited_amount <> 0
				AND t.credited_amount <> (CASE WHEN t.canonical THEN t.amount ELSE 0 END) AND t.updated_at < ?
			ORDER BY t.tx_hash, t.ordinal LIMIT ?`, list, due.Before, DifferenceLimit),
	}})
	report.Overdue = append(report.Overdue, found...)
	return report, err
}

// entriesOfPayments is SQL for the ledger entries of payments in the accounts of their operators, the only operator
// account that a booking for a payment may touch. Its parameter is a list of payments.
func (s *Store) entriesOfPayments() string {
	// The order of the joins, and an account that is no plain column, keep SQLite from reading all entries of the account.
	return `FROM ledger_transactions h CROSS JOIN payments q CROSS JOIN ledger_entries e
		WHERE q.id = h.payment_id AND e.transaction_id = h.id
			AND e.account || '' = 'operator:' || q.operator_id || ':available'
			AND h.payment_id IN (` + s.unfold() + `)`
}

// compareSums compares what the row of each payment says, what its transfers say, and what the ledger holds. It adds to
// the report.
func (s *Store) compareSums(db *gorm.DB, list string, due BooksDue, report *BooksReport) error {
	var found []struct {
		ID                                    string
		Requested, Credited, Ledger, Transfer models.Amount
		IsUncovered, IsUnpaid                 bool
	}
	const uncovered = `(p.status = 'PAID' AND COALESCE(l.total, 0) < p.amount_requested - p.tolerance
		AND NOT (COALESCE(l.total, 0) > 0
			AND EXISTS (SELECT 1 FROM payment_decisions a WHERE a.payment_id = p.id AND a.kind = 'ACCEPT')))`
	// A crowded payment's credits are booked before the state that follows from them.
	const unpaid = `(p.status NOT IN ('PAID', 'REJECTED') AND p.exception <> 'PAID_LATE' AND p.updated_at < ?
		AND COALESCE(l.total, 0) - COALESCE((SELECT SUM(b.credited_amount) FROM transfers b WHERE b.payment_id = p.id
			AND b.block_number <= p.created_after), 0) >= p.amount_requested - p.tolerance)`
	err := db.Raw(`SELECT p.id, p.amount_requested AS requested, p.amount_credited AS credited,
			COALESCE(l.total, 0) AS ledger, COALESCE(t.total, 0) AS transfer, `+uncovered+` AS is_uncovered,
			`+unpaid+` AS is_unpaid
		FROM payments p
		LEFT JOIN (SELECT h.payment_id, CAST(SUM(e.amount) AS bigint) AS total `+s.entriesOfPayments()+`
			GROUP BY h.payment_id) l ON l.payment_id = p.id
		LEFT JOIN (SELECT payment_id, CAST(SUM(credited_amount) AS bigint) AS total FROM transfers
			WHERE payment_id IN (`+s.unfold()+`) GROUP BY payment_id) t ON t.payment_id = p.id
		WHERE p.id IN (`+s.unfold()+`) AND (COALESCE(l.total, 0) <> COALESCE(t.total, 0)
			OR p.amount_credited <> COALESCE(t.total, 0) OR `+uncovered+` OR `+unpaid+`)
		ORDER BY p.id LIMIT ?`, due.Before, list, list, list, due.Before, DifferenceLimit).Scan(&found).Error
	if err != nil {
		return wrap(err, "compare payments with the ledger")
	}
	for _, d := range found {
		note := func(list *[]models.Difference, differs bool, check, detail string, a, b models.Amount) {
			if differs {
				*list = append(*list, models.Difference{
					Check: check, Subject: "payment:" + d.ID, Detail: fmt.Sprintf(detail, a, b),
				})
			}
		}
		note(&report.Differences, d.Ledger != d.Transfer, models.CheckLedgerTransfers,
			"the ledger has %s, but its transfers say %s", d.Ledger, d.Transfer)
		note(&report.Differences, d.Credited != d.Transfer, models.CheckPaymentCredited,
			"its row says that %s is credited, its transfers say %s", d.Credited, d.Transfer)
		note(&report.Overdue, d.IsUnpaid, models.CheckPaidCovered,
			"the ledger has %s of %s, but it is not PAID", d.Ledger, d.Requested)
		note(&report.Differences, d.IsUncovered, models.CheckPaidCovered,
			"it is PAID, but the ledger has %s of %s and nobody accepted that", d.Ledger, d.Requested)
	}
	return nil
}

// CompareUncredited returns the transfers that should have been credited by now. The index transfers_uncredited holds
// the few that wait, however many were credited. Tiny transfers of a crowded payment may wait much longer than others.
func (s *Store) CompareUncredited(ctx context.Context, network string, due BooksDue) ([]models.Difference, error) {
	above := due.FinalizedAbove
	waits := "(CAST(? AS bigint) > 0 AND (p.amount_requested > ? OR p.amount_received > ? OR t.amount > ?))"
	crowded := "EXISTS (SELECT 1 FROM crowds c WHERE c.payment_id = p.id)"
	return runComparisons([]comparison{{
		models.CheckTransfersCredited, "transfer", func(d differing) string {
			return fmt.Sprintf("%s was confirmed long ago but is not credited", d.Left)
		}, s.read(ctx).Raw(`SELECT `+keyOfTransfer+` AS id, t.amount AS "left", 0 AS "right"
				FROM transfers t`+s.uncredited()+` CROSS JOIN payments p
			WHERE p.id = t.payment_id AND p.network = ? AND t.canonical AND t.credited_amount = 0 AND t.created_at < ?
				AND t.block_number + p.confirmations + (CASE WHEN `+crowded+` THEN ? ELSE 0 END) <= ?
				AND (NOT `+waits+` OR t.block_number <= ?)
			ORDER BY t.block_number, t.tx_hash, t.ordinal LIMIT ?`, network, due.Before, models.MaxCrowdPause, due.Block,
			above, above, above, above, due.FinalBlock, DifferenceLimit),
	}})
}

// LastEntry returns the id of the newest ledger entry, 0 when there is none.
func (s *Store) LastEntry(ctx context.Context) (int64, error) {
	var last int64
	err := s.read(ctx).Raw("SELECT COALESCE(MAX(id), 0) FROM ledger_entries").Scan(&last).Error
	return last, wrap(err, "read the newest ledger entry")
}

// CompareEntries checks the ledger transactions whose entries have ids above one and up to another.
func (s *Store) CompareEntries(ctx context.Context, above, upTo int64) ([]models.Difference, error) {
	db := s.read(ctx)
	const of = "(SELECT transaction_id FROM ledger_entries WHERE id > ? AND id <= ?)"
	return runComparisons([]comparison{
		{models.CheckLedgerBalances, "ledger", func(d differing) string {
			return fmt.Sprintf("its entries sum to %s instead of zero", d.Left)
		}, db.Raw(`SELECT transaction_id AS id, CAST(SUM(amount) AS bigint) AS "left", 0 AS "right" FROM ledger_entries
			WHERE transaction_id IN `+of+`
			GROUP BY transaction_id HAVING SUM(amount) <> 0 OR COUNT(*) < 2 ORDER BY transaction_id LIMIT ?`,
			above, upTo, DifferenceLimit)},
		{models.CheckLedgerBalances, "ledger", func(d differing) string {
			return fmt.Sprintf(
				"%s is booked to an account that belongs neither to the payment's operator nor to deposits, "+
					"or its transaction header is missing",
				d.Left,
			)
		}, db.Raw(`SELECT e.transaction_id AS id, CAST(SUM(ABS(e.amount)) AS bigint) AS "left", 0 AS "right"
				FROM ledger_entries e
			LEFT JOIN ledger_transactions h ON h.id = e.transaction_id LEFT JOIN payments q ON q.id = h.payment_id
			WHERE e.id > ? AND e.id <= ?
				AND (h.id IS NULL OR (e.account <> ? AND e.account <> 'operator:' || q.operator_id || ':available'))
			GROUP BY e.transaction_id ORDER BY e.transaction_id LIMIT ?`,
			above, upTo, models.AccountChainDeposits, DifferenceLimit)},
	})
}

// PaymentsFrom returns ids of a network's payments, in order, after the given one.
func (s *Store) PaymentsFrom(ctx context.Context, network, after string, limit int) ([]string, error) {
	var ids []string
	err := s.read(ctx).Model(&models.Payment{}).Where("network = ? AND id > ?", network, after).
		Order("id").Limit(limit).Pluck("id", &ids).Error
	return ids, wrap(err, "read the payments to compare")
}

// ChangedPayments returns ids of payments that changed at that time or later, or of which a transfer did, or for which
// the ledger has entries with ids above the given one. They come in order, after the given id.
func (s *Store) ChangedPayments(
	ctx context.Context, since time.Time, aboveEntry int64, after string, limit int,
) ([]string, error) {
	var ids []string
	// An id that is no plain column keeps SQLite from reading in the order of the ids.
	err := s.read(ctx).Raw(`SELECT id || '' AS id FROM payments WHERE updated_at >= ? AND id || '' > ?
		UNION SELECT payment_id || '' FROM transfers WHERE updated_at >= ? AND payment_id || '' > ?
		UNION SELECT h.payment_id || '' FROM ledger_entries e JOIN ledger_transactions h ON h.id = e.transaction_id
			WHERE e.id > ? AND h.payment_id || '' > ?
		ORDER BY 1 LIMIT ?`, since, after, since, after, aboveEntry, after, limit).Scan(&ids).Error
	return ids, wrap(err, "read the changed payments")
}

// PaymentsOfSubjects returns the ids of the payments that differences are about.
func (s *Store) PaymentsOfSubjects(ctx context.Context, subjects []string) ([]string, error) {
	var ids, hashes []string
	for _, subject := range subjects {
		kind, id, _ := strings.Cut(subject, ":")
		switch kind {
		case "payment":
			ids = append(ids, id)
		case "transfer":
			if parts := strings.Split(id, ":"); len(parts) > 1 {
				hashes = append(hashes, parts[1])
			}
		}
	}
	if len(hashes) == 0 {
		return ids, nil
	}
	list, err := jsonList(hashes)
	if err != nil {
		return nil, err
	}
	var more []string
	err = s.read(ctx).Raw("SELECT DISTINCT payment_id FROM transfers WHERE tx_hash IN ("+s.unfold()+")", list).
		Scan(&more).Error
	return append(ids, more...), wrap(err, "find the payments of differences")
}

// CompareTransactions checks single ledger transactions, by their ids.
func (s *Store) CompareTransactions(ctx context.Context, ids []string) ([]models.Difference, error) {
	var differences []models.Difference
	for _, id := range ids {
		var entries []int64
		err := s.read(ctx).Model(&models.LedgerEntry{}).Where("transaction_id = ?", id).Order("id").
			Pluck("id", &entries).Error
		if err != nil {
			return nil, wrap(err, "read the entries of a transaction")
		}
		for _, entry := range entries {
			found, err := s.CompareEntries(ctx, entry-1, entry)
			if err != nil {
				return nil, err
			}
			differences = append(differences, found...)
		}
	}
	return differences, nil
}

// keyOfTransfer is SQL for the key of a transfer t, as models.TransferKey writes it.
const keyOfTransfer = "CAST(t.chain_id AS text) || ':' || t.tx_hash || ':' || CAST(t.ordinal AS text) || " +
	"CASE WHEN t.token = '' THEN '' ELSE ':' || t.token END"

// keyOfExternalID is SQL for the transfer's key in the external id of its booking: the text between the first colon and
// the number of the generation.
func (s *Store) keyOfExternalID(column string) string {
	if s.engine == enginePostgres {
		return "split_part(substr(" + column + ", strpos(" + column + ", ':') + 1), '#', 1)"
	}
	key := "substr(" + column + ", instr(" + column + ", ':') + 1)"
	return "CASE WHEN instr(" + key + ", '#') > 0 THEN substr(" + key + ", 1, instr(" + key + ", '#') - 1) " +
		"ELSE " + key + " END"
}
