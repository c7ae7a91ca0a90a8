package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"paycow/models"
)

// crowd is the row of a payment with more than models.CrowdedAbove transfers, once it was due to be signalled. Its
// transfers have no time of their own at which they are due.
type crowd struct {
	PaymentID string  `gorm:"primaryKey"`
	DueAt     *uint64 // block number of the head at which to look whether there is news, nil for never
	Told      string  // the models.Crowd that was signalled last, as JSON; "" for none
	Tellings  int64   // how often it was signalled although nothing was news
}

// crowdsAtOnce bounds how many crowded payments one DueSignals returns.
const crowdsAtOnce = 20

// Crowd returns the sums of the transfers of a payment, nil unless it is crowded. It is one reading: what is committed
// meanwhile shows in the next one.
func (s *Store) Crowd(ctx context.Context, p models.Payment) (*models.Crowd, error) {
	crowd, _, err := readCrowd(s.read(ctx), p)
	return crowd, wrap(err, "sum up a payment's transfers")
}

// readCrowd returns the sums with the cursor that they were counted to, nil unless the payment is crowded.
func readCrowd(db *gorm.DB, p models.Payment) (*models.Crowd, models.ChainCursor, error) {
	var cursor models.ChainCursor
	crowded, err := crowdedOf(db, []string{p.ID})
	if err != nil || len(crowded) == 0 {
		return nil, cursor, err
	}
	// The cursor comes first, so no confirmation is counted that the transfers that are read do not have.
	err = db.Where("network = ?", p.Network).Take(&cursor).Error
	if err != nil && !errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, cursor, fmt.Errorf("read the chain cursor: %w", err)
	}
	end, _, err := windowEnd(db, p)
	if err != nil {
		return nil, cursor, err
	}
	before, err := lastBefore(db, p)
	if err != nil {
		return nil, cursor, err
	}
	var found models.Crowd
	err = db.Raw(sumOfCrowd, map[string]any{
		"payment": p.ID, "end": toMillis(end), "before": before,
		"step": models.CrowdStep(p.Enough()), "enough": p.Enough(),
		"confirmed":  lastWith(cursor.BlockNumber, p.Confirmations),
		"confirming": lastWith(cursor.BlockNumber, min(models.ConfirmingFrom, p.Confirmations)),
	}).Scan(&found).Error
	found.Head, found.WindowEnd = cursor.BlockNumber, end
	return &found, cursor, err
}

// lastWith returns the number of the newest block that has so many confirmations, -1 for none.
func lastWith(head, confirmations uint64) int64 {
	return int64(head) - int64(confirmations) + 1 //nolint:gosec // block numbers are far below 2^63
}

// sumOfCrowd sums up the transfers of a payment in one statement, so everything is of the same moment. What is credited
// counts as it was credited until the credit is reversed.
const sumOfCrowd = `WITH own AS (
	SELECT tx_hash, block_number, log_index, ordinal, token, revision, credited_amount, canonical,
		block_number <= @before AS early,
		block_number > @before AND block_time <= @end AS in_time,
		canonical OR credited_amount <> 0 AS counts,
		CASE WHEN credited_amount <> 0 THEN credited_amount ELSE amount END AS amount,
		canonical AND credited_amount = 0 AS open,
		credited_amount <> 0 AND (NOT canonical OR credited_amount <> amount) AS outdated
	FROM transfers WHERE payment_id = @payment
), completing AS (
	SELECT tx_hash, block_number FROM (
		SELECT tx_hash, block_number, log_index, ordinal, token,
			SUM(amount) OVER (ORDER BY block_number, log_index, tx_hash, ordinal, token
				ROWS UNBOUNDED PRECEDING) - amount AS before
		FROM own WHERE counts AND NOT early) AS running
	WHERE before < @enough
	ORDER BY block_number DESC, log_index DESC, tx_hash DESC, ordinal DESC, token DESC LIMIT 1
) SELECT COUNT(*) AS transfers,
	(SELECT version FROM payments WHERE id = @payment) AS version,
	CAST(SUM(revision) AS bigint) AS changes,
	SUM(CASE WHEN counts THEN 0 ELSE 1 END) AS removed,
	SUM(CASE WHEN open AND in_time THEN 1 ELSE 0 END) AS uncredited_in_time,
	SUM(CASE WHEN open AND block_number > @confirmed THEN 1 ELSE 0 END) AS unconfirmed,
	SUM(CASE WHEN open AND block_number <= @confirmed THEN 1 ELSE 0 END) AS confirmed,
	SUM(CASE WHEN outdated THEN 1 ELSE 0 END) AS outdated,
	CAST(SUM(CASE WHEN open AND block_number <= @confirmed THEN amount ELSE 0 END) AS bigint) AS confirmed_amount,
	CAST(SUM(CASE WHEN counts AND NOT early THEN amount ELSE 0 END) AS bigint) AS received,
	CAST(SUM(CASE WHEN counts AND in_time THEN amount ELSE 0 END) AS bigint) AS mined_in_time,
	CAST(SUM(CASE WHEN counts AND in_time AND block_number <= @confirming THEN amount ELSE 0 END) AS bigint) AS confirming,
	CAST(SUM(credited_amount) AS bigint) AS credited,
	CAST(SUM(CASE WHEN in_time THEN credited_amount ELSE 0 END) AS bigint) AS credited_in_time,
	CAST(SUM(CASE WHEN in_time OR early THEN 0 ELSE credited_amount END) AS bigint) AS credited_late,
	CAST(SUM(CASE WHEN early THEN credited_amount ELSE 0 END) AS bigint) AS credited_early,
	COALESCE((SELECT tx_hash FROM completing), '') AS tx_hash,
	COALESCE((SELECT block_number FROM completing), 0) AS last_block,
	COALESCE(MAX(CASE WHEN open AND block_number > @confirmed THEN block_number END), 0) AS newest_unconfirmed,
	COALESCE(MAX(CASE WHEN open AND in_time THEN block_number END), 0) AS newest_in_time,
	COALESCE(MIN(CASE WHEN open AND NOT early AND block_number > @confirmed AND amount >= @step
			THEN block_number END), 0) AS oldest_large
FROM own`

// crowdedOf returns those of the payments that are crowded.
func crowdedOf(db *gorm.DB, paymentIDs []string) ([]string, error) {
	var crowded []string
	if len(paymentIDs) == 0 {
		return nil, nil
	}
	err := db.Model(&models.Transfer{}).Where("payment_id IN ?", paymentIDs).
		Group("payment_id").Having("COUNT(*) > ?", models.CrowdedAbove).Order("payment_id").
		Pluck("payment_id", &crowded).Error
	if err != nil {
		return nil, fmt.Errorf("count the payments' transfers: %w", err)
	}
	return crowded, nil
}

// gatherCrowd takes over what is due of a crowded payment's transfers: from now on the payment is looked at as a whole.
func (s *Store) gatherCrowd(ctx context.Context, paymentID string, head uint64) error {
	return s.write(ctx, func(tx *gorm.DB) error {
		now := uint64(0)
		// This locks the row against MarkCrowdSignalled, so that news that comes meanwhile stays due.
		err := tx.Clauses(clause.OnConflict{
			Columns: []clause.Column{{Name: "payment_id"}}, DoUpdates: clause.AssignmentColumns([]string{"due_at"}),
		}).Create(&crowd{PaymentID: paymentID, DueAt: &now}).Error
		if err != nil {
			return fmt.Errorf("note the crowded payment %s: %w", paymentID, err)
		}
		due := tx.Where("payment_id = ? AND signal_due_at <= ?", paymentID, head).Session(&gorm.Session{})
		var locked []models.Transfer
		if err := due.Clauses(rowLock).Select("chain_id").Order(lockOrder).Find(&locked).Error; err != nil {
			return fmt.Errorf("lock the due transfers of payment %s: %w", paymentID, err)
		}
		if err := due.Model(&models.Transfer{}).UpdateColumn("signal_due_at", nil).Error; err != nil {
			return fmt.Errorf("take over the due transfers of payment %s: %w", paymentID, err)
		}
		return nil
	})
}

// dueCrowds returns the crowded payments that are due to be signalled when the head is at the given block number,
// longest due first. What is no news is looked at again later.
func (s *Store) dueCrowds(ctx context.Context, network string, head uint64) ([]DueSignal, error) {
	for {
		var rows []crowd
		err := s.read(ctx).Where(
			"due_at <= ? AND EXISTS (SELECT 1 FROM payments p WHERE p.id = payment_id AND p.network = ?)",
			head, network).Order("due_at, payment_id").Limit(crowdsAtOnce).Find(&rows).Error
		if err != nil || len(rows) == 0 {
			return nil, err
		}
		var signals []DueSignal
		for _, row := range rows {
			signal, err := s.lookAtCrowd(ctx, network, row.PaymentID, head)
			if err != nil {
				return nil, err
			}
			if signal != nil {
				signals = append(signals, *signal)
			}
		}
		if len(signals) > 0 {
			return signals, nil
		}
	}
}

// lookAtCrowd returns the signal of a crowded payment if it is due, and otherwise notes when to look again.
func (s *Store) lookAtCrowd(
	ctx context.Context, network, paymentID string, head uint64,
) (signal *DueSignal, err error) {
	err = s.write(ctx, func(tx *gorm.DB) error {
		signal = nil
		asOf, err := windowAsOf(tx, network)
		if err != nil {
			return err
		}
		row, news, p, err := s.newsOf(tx, paymentID)
		if err != nil {
			return err
		}
		if !news.IsDue() {
			// The cursor may have moved back since.
			news.Now.Head = max(news.Now.Head, head)
			return noteLook(tx, row, news)
		}
		signal = &DueSignal{
			Payment: p, Crowd: &news.Now, WindowEnd: movedEnd(p, news.Now.WindowEnd), WindowAsOf: asOf,
		}
		return nil
	})
	return signal, err
}

// newsOf locks the row of a crowded payment and reads what there is to say about it.
func (s *Store) newsOf(tx *gorm.DB, paymentID string) (crowd, models.CrowdNews, models.Payment, error) {
	var row crowd
	var news models.CrowdNews
	var p models.Payment
	if err := tx.Clauses(rowLock).Where("payment_id = ?", paymentID).Take(&row).Error; err != nil {
		return row, news, p, fmt.Errorf("lock the crowded payment %s: %w", paymentID, err)
	}
	if err := tx.Where("id = ?", paymentID).Take(&p).Error; err != nil {
		return row, news, p, fmt.Errorf("read payment %s: %w", paymentID, err)
	}
	now, cursor, err := readCrowd(tx, p)
	if err != nil {
		return row, news, p, err
	}
	if now == nil {
		return row, news, p, fmt.Errorf("payment %s is not crowded", paymentID)
	}
	news = models.CrowdNews{
		Requested: p.AmountRequested, Enough: p.Enough(), Confirmations: required(p), BlockTime: cursor.BlockTime, Now: *now,
		Tellings: row.Tellings, Recorded: p.AmountReceived,
	}
	if row.Told != "" {
		if err := json.Unmarshal([]byte(row.Told), &news.Told); err != nil {
			return row, news, p, fmt.Errorf("read what was signalled to payment %s: %w", paymentID, err)
		}
	}
	return row, news, p, nil
}

// noteLook stores when to look at a crowded payment again, and what was signalled.
func noteLook(tx *gorm.DB, row crowd, news models.CrowdNews) error {
	row.DueAt = nil
	if at, ok := news.NextLook(); ok {
		row.DueAt = &at
	}
	if err := tx.Save(&row).Error; err != nil {
		return fmt.Errorf("note the crowded payment %s: %w", row.PaymentID, err)
	}
	return nil
}

// MarkCrowdSignalled notes that a crowded payment was signalled these sums. If its transfers have changed since they
// were read, it stays due.
func (s *Store) MarkCrowdSignalled(ctx context.Context, paymentID string, told models.Crowd) error {
	err := s.write(ctx, func(tx *gorm.DB) error {
		row, news, _, err := s.newsOf(tx, paymentID)
		if err != nil {
			return err
		}
		text, err := json.Marshal(told)
		if err != nil {
			return fmt.Errorf("encode the sums: %w", err)
		}
		if !news.IsNews() {
			row.Tellings++
			news.Tellings++
		}
		row.Told, news.Told = string(text), &told
		if !news.IsDue() {
			return noteLook(tx, row, news)
		}
		return tx.Save(&row).Error // it is still due
	})
	return wrap(err, "note a crowded payment's signal")
}

// DeferCrowd puts a crowded payment that could not be signalled behind the others, until the head reaches a block
// number.
func (s *Store) DeferCrowd(ctx context.Context, paymentID string, until uint64) error {
	err := s.writer.WithContext(ctx).Model(&crowd{}).Where("payment_id = ? AND due_at < ?", paymentID, until).
		UpdateColumn("due_at", until).Error
	return wrap(err, "defer a crowded payment's signal")
}
