package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"paycow/models"
)

// Progress is how far the reconciliations of a network have come. Each run compares what changed since the last one,
// and the next part of everything: a pass over everything takes about a day.
type Progress struct {
	Network string `gorm:"primaryKey"`
	// ChangedAt is when the last run began: what changed before it has been compared.
	ChangedAt time.Time
	// EntryID is the newest ledger entry that the last run but one found, NextEntryID the one that the last run found. New
	// entries are compared from the former on, because a transaction may commit after another one with a higher id.
	EntryID, NextEntryID int64
	// Where the pass over everything goes on. Each part begins again when it has come to its end.
	Payment  string
	Entry    int64
	Address  string
	Operator string
	// OperatorsAt is when the pass over the operators began.
	OperatorsAt time.Time
	// Ended holds the parts that came to their end since MustPass was set, as bits.
	Ended int
	// MustPass is true while there may be differences that no run has seen yet: until a first pass over everything.
	MustPass  bool
	UpdatedAt time.Time
}

// TableName returns the table of progress.
func (*Progress) TableName() string { return "reconciliation_progress" }

// The parts of a pass.
const (
	PassPayments = 1 << iota
	PassEntries
	PassAddresses
	PassOperators
	passComplete = 1<<iota - 1
)

// End notes that a part of the pass came to its end.
func (p *Progress) End(part int) {
	p.Ended |= part
	if p.Ended == passComplete {
		p.MustPass = false
	}
}

// StartOver makes the pass begin again, because differences may have gone unnoticed.
func (p *Progress) StartOver() {
	p.Payment, p.Entry, p.Address, p.Operator, p.Ended, p.MustPass = "", 0, "", "", 0, true
}

// Progress returns how far the reconciliations of a network have come.
func (s *Store) Progress(ctx context.Context, network string) (Progress, error) {
	var found []Progress
	err := s.read(ctx).Where("network = ?", network).Limit(1).Find(&found).Error
	if err != nil || len(found) == 0 {
		return Progress{Network: network, MustPass: true}, wrap(err, "read the progress of reconciliations")
	}
	return found[0], nil
}

// PutProgress stores how far the reconciliations of a network have come.
func (s *Store) PutProgress(ctx context.Context, p Progress) error {
	p.ChangedAt, p.OperatorsAt, p.UpdatedAt = toMillis(p.ChangedAt), toMillis(p.OperatorsAt), s.now()
	err := s.write(ctx, func(tx *gorm.DB) error {
		return tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(&p).Error
	})
	return wrap(err, "store the progress of reconciliations")
}

// FindingLimit bounds how many open differences of a network are kept. There may be more.
const FindingLimit = 1000

// finding is the row of an open difference.
type finding struct {
	Network   string `gorm:"primaryKey"`
	CheckName string `gorm:"primaryKey"`
	Subject   string `gorm:"primaryKey"`
	Detail    string
	FoundAt   time.Time
	// How often blocks were read again for a balance that differs, when last, and for which amount in micro-USDT.
	Rescans     int
	RescannedAt time.Time
	RescanUnits string
}

func (finding) TableName() string { return "reconciliation_findings" }

// Findings returns the open differences of a network: those that a run found and that no later run found gone.
func (s *Store) Findings(ctx context.Context, network string) ([]models.Difference, error) {
	return findingsOf(s.read(ctx), network)
}

func findingsOf(db *gorm.DB, network string) ([]models.Difference, error) {
	var rows []finding
	err := db.Where("network = ?", network).Order("found_at, check_name, subject").Find(&rows).Error
	differences := make([]models.Difference, len(rows))
	for i, row := range rows {
		differences[i] = models.Difference{Check: row.CheckName, Subject: row.Subject, Detail: row.Detail}
	}
	return differences, wrap(err, "read the open differences")
}

// SettleFindings makes what a run found the open differences, and returns them. Differences of checks that the run
// could not make stay as they were. full is true when there were more than FindingLimit, so that some were left out.
func (s *Store) SettleFindings(
	ctx context.Context, network string, found []models.Difference, notMade []string,
) (open []models.Difference, full bool, err error) {
	err = s.write(ctx, func(tx *gorm.DB) error {
		before, err := findingsOf(tx, network)
		if err != nil {
			return err
		}
		left, err := dropGone(tx, network, before, found, notMade)
		if err != nil {
			return err
		}
		var rows []finding
		for _, d := range found {
			// Two statements may find one difference twice.
			if slices.ContainsFunc(rows, func(r finding) bool { return r.CheckName == d.Check && r.Subject == d.Subject }) {
				continue
			}
			if !slices.ContainsFunc(before, d.IsSame) {
				left++
			}
			rows = append(rows, finding{
				Network: network, CheckName: d.Check, Subject: d.Subject, Detail: d.Detail, FoundAt: s.now(),
				RescannedAt: time.Unix(0, 0).UTC(),
			})
		}
		full = left > FindingLimit
		rows = rows[:max(0, len(rows)-max(0, left-FindingLimit))]
		if err := putFindings(tx, rows); err != nil {
			return err
		}
		open, err = findingsOf(tx, network)
		return err
	})
	return open, full, wrap(err, "settle the open differences")
}

// dropGone drops the open differences that a run looked for and did not find. It returns how many are left.
func dropGone(
	tx *gorm.DB, network string, before, found []models.Difference, notMade []string,
) (left int, err error) {
	for _, b := range before {
		if slices.Contains(notMade, b.Check) || slices.ContainsFunc(found, b.IsSame) {
			left++
			continue
		}
		err := tx.Where("network = ? AND check_name = ? AND subject = ?", network, b.Check, b.Subject).
			Delete(&finding{}).Error
		if err != nil {
			return 0, fmt.Errorf("drop a difference: %w", err)
		}
	}
	return left, nil
}

func putFindings(tx *gorm.DB, rows []finding) error {
	if len(rows) == 0 {
		return nil
	}
	err := tx.Clauses(clause.OnConflict{
		Columns:   []clause.Column{{Name: "network"}, {Name: "check_name"}, {Name: "subject"}},
		DoUpdates: clause.AssignmentColumns([]string{"detail"}),
	}).CreateInBatches(rows, batchRows).Error
	if err != nil {
		return fmt.Errorf("write the differences: %w", err)
	}
	return nil
}

// OperatorsFrom returns ids of operators, in order, after the given one.
func (s *Store) OperatorsFrom(ctx context.Context, after string, limit int) ([]string, error) {
	var ids []string
	err := s.read(ctx).Model(&models.Operator{}).Where("id > ?", after).Order("id").Limit(limit).Pluck("id", &ids).Error
	return ids, wrap(err, "read the operators to compare")
}

// CompareTotals compares the running totals of an operator with what they count. With "" it compares the totals of all
// accounts with each other: they sum to zero, as every booking does.
func (s *Store) CompareTotals(ctx context.Context, operatorID string) ([]models.Difference, error) {
	db := s.read(ctx)
	if operatorID == "" {
		return runComparisons([]comparison{{
			models.CheckRunningTotals, "ledger", func(d differing) string {
				return fmt.Sprintf("the balances of all accounts sum to %s instead of zero", d.Left)
			}, db.Raw(`SELECT 'balances' AS id, CAST(SUM(balance) AS bigint) AS "left", 0 AS "right" FROM account_balances
				HAVING SUM(balance) <> 0`),
		}})
	}
	account := models.OperatorAvailableAccount(operatorID)
	differences, err := runComparisons([]comparison{{
		models.CheckRunningTotals, "operator", func(d differing) string {
			return fmt.Sprintf("its balance is kept as %s, its ledger entries sum to %s", d.Left, d.Right)
		}, db.Raw(`SELECT id, "left", "right" FROM (SELECT CAST(? AS text) AS id,
			(SELECT CAST(COALESCE(SUM(balance), 0) AS bigint) FROM account_balances WHERE account = ?) AS "left",
			(SELECT CAST(COALESCE(SUM(amount), 0) AS bigint) FROM ledger_entries WHERE account = ?) AS "right") sums
			WHERE "left" <> "right"`, operatorID, account, account),
	}})
	if err != nil {
		return nil, err
	}
	var wrong []string
	for _, status := range models.Statuses() {
		var count struct{ Kept, Counted int64 }
		err := db.Raw(`SELECT (SELECT CAST(COALESCE(SUM(count), 0) AS bigint) FROM payment_counts
				WHERE operator_id = ? AND status = ?) AS kept,
			(SELECT count(*) FROM payments WHERE operator_id = ? AND status = ?) AS counted`,
			operatorID, status, operatorID, status).Scan(&count).Error
		if err != nil {
			return nil, wrap(err, "compare "+models.CheckRunningTotals)
		}
		if count.Kept != count.Counted {
			wrong = append(wrong, fmt.Sprintf("%d instead of %d payments are counted as %s", count.Kept, count.Counted, status))
		}
	}
	if len(wrong) > 0 {
		differences = append(differences, models.Difference{
			Check: models.CheckRunningTotals, Subject: "operator:" + operatorID, Detail: strings.Join(wrong, ", "),
		})
	}
	return differences, nil
}
