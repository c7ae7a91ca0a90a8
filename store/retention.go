package store

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"paycow/models"
)

// Ages say how long rows are kept that nothing needs any more. 0 = for ever.
type Ages struct {
	Audit   time.Duration // lines of the audit log; the database itself keeps each for a year
	Reports time.Duration // reconciliations; the last one stays
	Alarms  time.Duration // resolved alarms, from their end
	Events  time.Duration // events for shops; the database itself keeps each for 30 days
	// Deliveries are webhook deliveries that are not to be tried any more, with their attempts.
	Deliveries time.Duration
}

const (
	// dropBatch is how many rows one transaction drops, and dropBatches how many of them one call makes of a table.
	dropBatch   = 1000
	dropBatches = 20
	// figuresKept is how long the figures of a day are kept; statistics show a year.
	figuresKept = 400 * 24 * time.Hour
	// requestsKept is how long the counts of requests are kept. Their windows are shorter.
	requestsKept = time.Hour
	// clockSlack is how much longer than it need be a row is kept that the database itself protects for a time: it goes by
	// its own clock and time zone, in which a day may have 25 hours.
	clockSlack = 24 * time.Hour
	// endedKept is how long sessions and login attempts are kept after they mean nothing any more.
	endedKept = 24 * time.Hour
)

// DropOld drops rows that are older than they are needed, in batches; what is left over is for the next call. A table
// that keeps its rows holds up no other one. Payments, their timelines, transfers and the ledger are kept for ever.
// onBatch is called after each batch.
func (s *Store) DropOld(ctx context.Context, ages Ages, onBatch func(table string)) error {
	now := s.now()
	var failures []error
	oldDay := now.Add(-figuresKept).Format(time.DateOnly)
	protected := func(keep time.Duration) time.Time { return now.Add(-keep - clockSlack) }
	for _, part := range []struct {
		table string
		which string // selects the keys of the oldest rows, at most a batch
		key   string
		keep  time.Duration
		bound any
	}{
		{"idempotency_keys", "created_at < ?", "operator_id, idempotency_key", models.IdempotencyKeyLifetime, nil},
		{"reconciliations", "finished_at < ? AND id < (SELECT MAX(id) FROM reconciliations)", "id", ages.Reports, nil},
		{"audit_log", "at < ?", "id", ages.Audit, protected(ages.Audit)},
		{"webhook_deliveries", "status <> 'PENDING' AND created_at < ?", "id", ages.Deliveries, nil},
		{"events", "created_at < ?", "id", ages.Events, protected(ages.Events)},
		{
			"events", "operator_id LIKE '%:test' AND created_at < ?", "id", models.TestPaymentLifetime,
			protected(models.TestPaymentLifetime),
		},
		{"notices", "at < ?", "id", noticesKept, nil},
		{"mails", "created_at < ?", "id", mailsKept, nil},
		{"test_payments", "created_at < ?", "id", models.TestPaymentLifetime, nil},
		{"payment_links", "open_payments = 0 AND " + linkEnd + " < ?", "id", models.PaymentLinkLifetime, nil},
		{"alarms", "resolved_at IS NOT NULL AND resolved_at < ?", "id", ages.Alarms, nil},
		{
			"operators", "email_verified_at IS NULL AND status IN ('PENDING', 'REJECTED') AND created_at < ?", "id",
			models.RegistrationLifetime, nil,
		},
		{"members", "password_hash = '' AND updated_at < ?", "id", models.PasswordLinkLifetime, nil},
		{"sessions", "expires_at < ?", "token_hash", endedKept, nil},
		{"login_attempts", "begun_at < ?", "subject", endedKept, nil},
		{"request_counts", "begun_at < ?", "subject", requestsKept, nil},
		{"health_samples", "minute < ?", "network, minute, node", models.HealthKept, minuteOf(now.Add(-models.HealthKept))},
		{"seen_transactions", "seen_at < ?", "payment_id, tx_hash", seenFor, nil},
		{"account_days", "day < ?", "account, day, shard", figuresKept, oldDay},
		{"payment_days", "day < ?", "operator_id, day, status, shard", figuresKept, oldDay},
	} {
		if part.keep == 0 {
			continue
		}
		bound := part.bound
		if bound == nil {
			bound = now.Add(-part.keep)
		}
		for range dropBatches {
			var dropped int64
			err := s.write(ctx, func(tx *gorm.DB) error {
				done := tx.Exec("DELETE FROM "+part.table+" WHERE ("+part.key+") IN (SELECT "+part.key+" FROM "+part.table+
					" WHERE "+part.which+" LIMIT ?)", bound, dropBatch)
				dropped = done.RowsAffected
				return done.Error
			})
			if err != nil {
				failures = append(failures, wrap(err, "drop old rows of "+part.table))
				break
			}
			if part.table == "notices" && dropped > 0 {
				s.log.ErrorContext(ctx, "notices were in no mail for three days; they are dropped", "count", dropped)
			}
			onBatch(part.table)
			if dropped < dropBatch {
				break
			}
		}
	}
	return errors.Join(failures...)
}
