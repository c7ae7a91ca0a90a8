package store

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"paycow/models"
	"paycow/rules"
	"paycow/views"
)

// testAddresses names the counter of the addresses of test payments.
const testAddresses = "test"

// termsOfTest is what the proof of a test payment's row covers: all that its creation fixes.
func termsOfTest(t models.TestPayment) []string {
	return []string{
		t.ID, t.OperatorID, t.UserID, t.Reference, t.Network, t.Currency, strconv.FormatInt(int64(t.AmountRequested), 10),
		t.DepositAddress, strconv.FormatUint(uint64(t.AddressIndex), 10), strconv.FormatUint(t.Confirmations, 10),
		t.ReturnURL, t.Description, t.Metadata.JSON(), string(t.Outcome), strconv.FormatInt(t.CreatedAt.UnixMilli(), 10),
		strconv.FormatInt(t.ExpiresAt.UnixMilli(), 10),
	}
}

// CreateTestPayment writes the row of a test payment, with the next address of its own branch: derive returns the
// address of an index there, in EIP-55 form. The payment is created at the time of the database, and expires after the
// window unless its outcome says when. It has no tolerance: half of the amount, as an underpaid one gets, is never
// enough.
//
// created is false when the idempotency key had already created a test payment; that one is returned. Returns
// models.ErrIdempotencyMismatch when the key was used with another RequestHash, and models.ErrPaymentAltered when its
// row was changed.
func (s *Store) CreateTestPayment(
	ctx context.Context, in NewPayment, outcome models.Outcome, window time.Duration,
	derive func(index uint32) (string, error),
) (t models.TestPayment, created bool, err error) {
	made := models.TestPayment{
		ID: in.ID, OperatorID: in.OperatorID, UserID: in.UserID, Reference: in.Reference, Network: in.Network,
		Currency: in.Currency, AmountRequested: in.AmountRequested,
		Confirmations: cmp.Or(in.Confirmations, models.DefaultConfirmations), ReturnURL: in.ReturnURL,
		Description: in.Description, Metadata: in.Metadata, Outcome: outcome, RequestHash: in.RequestHash,
	}
	if in.IdempotencyKey != "" {
		made.IdempotencyKey = &in.IdempotencyKey
	} else {
		made.RequestHash = []byte{}
	}
	err = s.write(ctx, func(tx *gorm.DB) error {
		t, created = models.TestPayment{}, false
		if in.IdempotencyKey != "" {
			t, err = s.testPaymentOfKey(tx, in)
			if !errors.Is(err, models.ErrNotFound) {
				return err
			}
		}
		t = made
		if t.CreatedAt, err = s.databaseTime(tx); err != nil {
			return err
		}
		t.UpdatedAt, t.ExpiresAt = t.CreatedAt, t.CreatedAt.Add(window)
		if t.AddressIndex, err = nextTestAddress(tx); err != nil {
			return err
		}
		if t.DepositAddress, err = derive(t.AddressIndex); err != nil {
			return fmt.Errorf("derive the address of a test payment: %w", err)
		}
		t = rules.BeginTest(t)
		t.MAC = s.keys.MAC(proofOfTest, termsOfTest(t)...)
		inserted := tx.Clauses(clause.OnConflict{
			Columns: []clause.Column{{Name: "operator_id"}, {Name: "idempotency_key"}}, DoNothing: true,
		}).Create(&t)
		if created = inserted.RowsAffected == 1; created || inserted.Error != nil {
			return inserted.Error
		}
		t, err = s.testPaymentOfKey(tx, in) // another call with the key was faster
		return err
	})
	return t, created, wrap(err, "create a test payment")
}

// nextTestAddress takes the next index of the addresses of test payments. It is a short queue: whoever creates one
// waits for the one before.
func nextTestAddress(tx *gorm.DB) (index uint32, err error) {
	var next int64
	err = tx.Raw(`INSERT INTO address_counters (name, next_index) VALUES (?, 1)
		ON CONFLICT (name) DO UPDATE SET next_index = (address_counters.next_index + 1) % ? RETURNING next_index`,
		testAddresses, int64(addressIndexEnd)).Scan(&next).Error
	if err != nil {
		return 0, fmt.Errorf("take an address of a test payment: %w", err)
	}
	return uint32((next + addressIndexEnd - 1) % addressIndexEnd), nil //nolint:gosec // below 2^31
}

// TestPaymentOfKey returns the test payment that the idempotency key created, without creating one. Returns
// models.ErrNotFound when the key is not in force, models.ErrIdempotencyMismatch when it was used with another
// RequestHash, and models.ErrPaymentAltered when the row was changed.
func (s *Store) TestPaymentOfKey(ctx context.Context, in NewPayment) (models.TestPayment, error) {
	return s.testPaymentOfKey(s.read(ctx), in)
}

func (s *Store) testPaymentOfKey(db *gorm.DB, in NewPayment) (models.TestPayment, error) {
	var t models.TestPayment
	err := db.Where("operator_id = ? AND idempotency_key = ?", in.OperatorID, in.IdempotencyKey).Take(&t).Error
	if err != nil {
		return models.TestPayment{}, wrap(err, "read a test payment's idempotency key")
	}
	if !bytes.Equal(t.RequestHash, in.RequestHash) {
		return models.TestPayment{}, models.ErrIdempotencyMismatch
	}
	if !s.isProvenTest(db.Statement.Context, t) {
		return models.TestPayment{}, fmt.Errorf("test payment %s: %w", t.ID, models.ErrPaymentAltered)
	}
	return t, nil
}

// TestPayment returns a test payment, whichever operator's it is. Returns models.ErrNotFound, also for a row that this
// program did not write.
func (s *Store) TestPayment(ctx context.Context, id string) (models.TestPayment, error) {
	t, err := s.provenTest(s.read(ctx).Where("id = ?", id))
	return t, wrap(err, "read a test payment")
}

// OperatorTestPayment returns a test payment of an operator. Returns models.ErrNotFound also when it is another
// operator's, or when this program did not write the row.
func (s *Store) OperatorTestPayment(ctx context.Context, operatorID, id string) (models.TestPayment, error) {
	t, err := s.provenTest(s.read(ctx).Where("id = ? AND operator_id = ?", id, operatorID))
	return t, wrap(err, "read an operator's test payment")
}

func (s *Store) provenTest(query *gorm.DB) (models.TestPayment, error) {
	var t models.TestPayment
	if err := query.Take(&t).Error; err != nil {
		return models.TestPayment{}, err
	}
	if !s.isProvenTest(query.Statement.Context, t) {
		return models.TestPayment{}, models.ErrNotFound
	}
	return t, nil
}

// isProvenTest reports whether this program wrote the row's terms as they are. It logs it if not.
func (s *Store) isProvenTest(ctx context.Context, t models.TestPayment) bool {
	if s.keys.CheckMAC(t.MAC, proofOfTest, termsOfTest(t)...) {
		return true
	}
	s.log.ErrorContext(ctx, "a test payment was not created by this program, or its row was changed; it is not shown",
		"payment_id", t.ID, "operator_id", t.OperatorID)
	return false
}

// TestPaymentsByID returns the test payments with these ids, in no particular order.
func (s *Store) TestPaymentsByID(ctx context.Context, ids []string) ([]models.TestPayment, error) {
	found, err := byID[models.TestPayment](s.read(ctx), ids)
	return found, wrap(err, "read test payments")
}

// TestCountOfDay returns how many test payments the operator has created in 24 hours. It counts no further than limit.
func (s *Store) TestCountOfDay(ctx context.Context, operatorID string, limit int) (int, error) {
	count, err := countUpTo(s.read(ctx).Model(&models.TestPayment{}).
		Where("operator_id = ? AND created_at > ?", operatorID, s.now().Add(-24*time.Hour)), limit)
	return count, wrap(err, "count an operator's test payments of a day")
}

// testOrder is paymentOrder for test payments.
var testOrder = pageOrder[models.TestPayment]{
	timeColumn("payments.created_at", func(t models.TestPayment) time.Time { return t.CreatedAt }),
	hexColumn("payments.id", func(t models.TestPayment) string { return t.ID }),
}

// ListTestPayments is ListPayments for the test payments of one operator. Rows that this program did not write are left
// out.
func (s *Store) ListTestPayments(
	ctx context.Context, f PaymentFilter,
) (payments []models.TestPayment, nextCursor string, err error) {
	query := s.read(ctx).Table("test_payments AS payments").Where("payments.operator_id = ?", f.OperatorID)
	if f.MetadataKey != "" {
		entries := map[engine]string{
			enginePostgres: "jsonb_each_text(metadata::jsonb)", engineSQLite: "json_each(metadata)",
		}[s.engine]
		named := s.read(ctx).Table(entries+" AS entry").Select("1").Where("entry.key = ?", f.MetadataKey)
		if f.MetadataValue != nil {
			named = named.Where("entry.value = ?", *f.MetadataValue)
		}
		query = query.Where("EXISTS (?)", named)
	}
	query = f.restrict(query, "payments.created_at")
	var rows []models.TestPayment
	if f.Search != "" && f.Part == "" {
		query = query.Where("payments.id IN (?)", s.searchedTests(ctx, f))
	}
	if f.Part == "" {
		rows, nextCursor, err = readPage(query, testOrder, newestFirst, f.Cursor, f.Limit)
	} else {
		rows, nextCursor, err = paymentSearch[models.TestPayment]{
			filter: f, query: query, order: testOrder, complete: s.searchedTests(ctx, f), payment: models.TestPayment.Payment,
			load: func(ids []string) ([]models.TestPayment, error) { return byID[models.TestPayment](s.read(ctx), ids) },
		}.page()
	}
	for _, t := range rows {
		if s.isProvenTest(ctx, t) {
			payments = append(payments, t)
		}
	}
	return payments, nextCursor, wrap(err, "list test payments")
}

// searchedTests selects the ids of an operator's test payments that a search finds. Each branch uses an index of its
// own.
func (s *Store) searchedTests(ctx context.Context, f PaymentFilter) *gorm.DB {
	return s.read(ctx).Raw(`SELECT id FROM test_payments WHERE id = @search
		UNION SELECT id FROM test_payments WHERE reference = @search
		UNION SELECT id FROM test_payments WHERE operator_id = @operator AND user_id = @search
		UNION SELECT id FROM test_payments WHERE operator_id = @operator AND tx_hash = @search
		UNION SELECT id FROM test_payments WHERE operator_id = @operator AND deposit_address = @search`,
		map[string]any{"search": f.Search, "operator": f.OperatorID})
}

// TestFacts returns what the view of a test payment shows. Nothing of it is money, so there is no entry of the ledger.
func TestFacts(t models.TestPayment) views.PaymentFacts {
	transfers, head := rules.TestTransfers(t)
	return views.PaymentFacts{
		Payment: t.Payment(), Required: t.Confirmations, WindowEnd: t.ExpiresAt, Head: head, Transfers: transfers,
		Total: int64(len(transfers)), Timeline: rules.TestTimeline(t),
	}
}

// DueTestPayments returns the ids of the test payments whose next step is due, the longest due ones first.
func (s *Store) DueTestPayments(ctx context.Context, limit int) (ids []string, err error) {
	now, err := s.databaseTime(s.read(ctx))
	if err == nil {
		err = s.read(ctx).Model(&models.TestPayment{}).Where("next_at <= ?", now).Order("next_at, id").Limit(limit).
			Pluck("id", &ids).Error
	}
	return ids, wrap(err, "read the test payments whose next step is due")
}

// unprovenPause is when a test payment is looked at again whose row has no proof that this process can check. It must
// not be found again every second.
const unprovenPause = 10 * time.Minute

// AdvanceTestPayment makes the next step of a test payment, with its events and their deliveries, if it is due. Any
// number of processes may try at once: one of them makes it.
func (s *Store) AdvanceTestPayment(ctx context.Context, id string) error {
	err := s.write(ctx, func(tx *gorm.DB) error {
		now, err := s.databaseTime(tx)
		if err != nil {
			return err
		}
		var due []models.TestPayment
		free := clause.Locking{Strength: rowLock.Strength, Options: clause.LockingOptionsSkipLocked}
		if err := tx.Clauses(free).Where("id = ? AND next_at <= ?", id, now).Find(&due).Error; err != nil {
			return err
		}
		for _, before := range due {
			after, ok := rules.AdvanceTest(before)
			switch again := now.Add(unprovenPause); {
			case !s.isProvenTest(ctx, before): // by the keys of this process
				after, after.NextAt = before, &again
			case !ok:
				after, after.NextAt = before, nil
			}
			after.UpdatedAt = now
			if err := s.saveTest(tx, before, after); err != nil {
				return err
			}
		}
		return nil
	})
	return wrap(err, "make the next step of a test payment")
}

// DecideTest rejects or accepts an operator's test payment, and writes the audit log. Returns models.ErrNotFound, and
// models.ErrNotPossible with the payment as it is when its state does not allow that.
func (s *Store) DecideTest(
	ctx context.Context, operatorID string, d models.PaymentDecision,
) (decided models.TestPayment, err error) {
	err = s.write(ctx, func(tx *gorm.DB) error {
		before, err := s.provenTest(tx.Clauses(rowLock).Where("id = ? AND operator_id = ?", d.PaymentID, operatorID))
		if err != nil {
			return err
		}
		now, err := s.databaseTime(tx)
		if err != nil {
			return err
		}
		var ok bool
		if decided, ok = rules.DecideTest(before, d.Kind, d.Reason, now); !ok {
			return models.ErrNotPossible
		}
		decided.UpdatedAt = now
		if err := s.saveTest(tx, before, decided); err != nil {
			return err
		}
		action, detail := wordsOfDecision(d.Kind)
		return s.audit(tx, models.AuditEntry{
			Actor: d.Actor, Action: action, Subject: "payment:" + decided.ID, Address: d.Address,
			Detail: fmt.Sprintf("%s a test payment at version %d, by %s.", detail, before.Version, d.Via),
		})
	})
	return decided, wrap(err, "decide on a test payment")
}

// saveTest writes what changed in a test payment that the transaction holds locked, and its events. They go to the
// operator's test side.
func (s *Store) saveTest(tx *gorm.DB, before, after models.TestPayment) error {
	err := tx.Model(&models.TestPayment{}).Where("id = ?", after.ID).UpdateColumns(map[string]any{
		"status": after.Status, "exception": after.Exception, "amount_received": after.AmountReceived,
		"amount_credited": after.AmountCredited, "tx_hash": after.TxHash, "last_block": after.LastBlock,
		"decision": after.Decision, "reason": after.Reason, "version": after.Version, "step": after.Step,
		"next_at": after.NextAt, "decided_at": after.DecidedAt, "updated_at": after.UpdatedAt,
	}).Error
	if err != nil {
		return fmt.Errorf("write test payment %s: %w", after.ID, err)
	}
	return s.tellSide(tx, models.TestSide(after.OperatorID), before.PaymentState, after.Payment(),
		func() (views.PaymentFacts, error) { return TestFacts(after), nil })
}

// rekeyTestPayments proves the test payments anew.
func (s *Store) rekeyTestPayments(ctx context.Context) (changed, left int, err error) {
	for after := ""; ; {
		var rows []models.TestPayment
		if err := s.read(ctx).Where("id > ?", after).Order("id").Limit(batchRows).Find(&rows).Error; err != nil {
			return changed, left, fmt.Errorf("read test payments: %w", err)
		}
		if len(rows) == 0 {
			return changed, left, nil
		}
		after = rows[len(rows)-1].ID
		for _, t := range rows {
			mac, ok, broken := s.remac(t.MAC, proofOfTest, termsOfTest(t))
			if broken {
				left++
			}
			if !ok {
				continue
			}
			changed++
			err := s.writer.WithContext(ctx).Model(&models.TestPayment{}).Where("id = ?", t.ID).UpdateColumn("mac", mac).Error
			if err != nil {
				return changed, left, fmt.Errorf("prove test payment %s: %w", t.ID, err)
			}
		}
	}
}
