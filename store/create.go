package store

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"paycow/models"
)

// NewPayment is what a payment is made from.
type NewPayment struct {
	ID              string // models.NewID
	Reference       string // models.NewReference
	OperatorID      string
	UserID          string
	Network         string
	Currency        string
	AmountRequested models.Amount // micro-USDT
	Tolerance       models.Amount // by how much less pays it, in micro-USDT
	Confirmations   uint64        // that its transfers need, in blocks; 0 for the default
	CreatedAt       time.Time
	ExpiresAt       time.Time
	ReturnURL       string // "" for none
	Description     string // "" for none
	Metadata        models.Metadata
	LinkID          string // of the payment link through which it is made; "" for none
	IdempotencyKey  string // "" for none
	RequestHash     []byte // SHA-256 over the meaning of the request's body; only with a key
}

// CreatePayment gives a payment the next address and writes its row, its first event, its deposit address and its
// idempotency key in one transaction. derive returns the address of an index in EIP-55 form. An address that was handed
// out before, or that is known to have received something, is passed over.
//
// created is false when the idempotency key had already created a payment; that payment is returned. Any number of
// calls with one key may run at once: the key is inserted first, so all but one wait at its unique index and then read
// the payment of the call that won. Returns models.ErrIdempotencyMismatch when the key was used with another
// RequestHash, models.ErrAlreadyExists when the id or the reference belongs to another payment, models.ErrRestored, and
// models.ErrNotPossible when the payment's link allows no other one now.
func (s *Store) CreatePayment(
	ctx context.Context, in NewPayment, derive func(index uint32) (string, error),
) (p models.Payment, created bool, err error) {
	in.CreatedAt, in.ExpiresAt = toMillis(in.CreatedAt), toMillis(in.ExpiresAt)
	if in.IdempotencyKey != "" { // look first, so that a repeated call costs neither an address nor a write
		p, err := paymentOfKey(s.read(ctx), in)
		if !errors.Is(err, models.ErrNotFound) {
			return p, false, err
		}
	}
	passed := ""
	for {
		p, created, err = s.createAtNextAddress(ctx, in, derive)
		used, isUsed := errors.AsType[*addressUsedError](err)
		if !isUsed {
			return p, created, err
		}
		if used.address == passed {
			return p, false, fmt.Errorf("two indexes have address %s: %w", passed, models.ErrAlreadyExists)
		}
		passed = used.address
		s.log.WarnContext(ctx, "an address is passed over", "address", used.address, "index", used.index, "error", err)
	}
}

// addressUsedError means that an address must not be given to a new payment.
type addressUsedError struct {
	address string
	index   uint32
}

func (e *addressUsedError) Error() string {
	return fmt.Sprintf("address %s was handed out before or has received something", e.address)
}

// createAtNextAddress does what CreatePayment does, with the next address. Returns an *addressUsedError.
func (s *Store) createAtNextAddress(
	ctx context.Context, in NewPayment, derive func(index uint32) (string, error),
) (p models.Payment, created bool, err error) {
	index, accountKey, err := s.addresses.take(ctx)
	if err != nil {
		return models.Payment{}, false, err
	}
	address, err := derive(index) // when it fails, the index stays unused: the next call gets another one
	if err != nil {
		return models.Payment{}, false, fmt.Errorf("derive the deposit address: %w", err)
	}
	made := models.Payment{
		ID: in.ID, OperatorID: in.OperatorID, UserID: in.UserID, Reference: in.Reference, Network: in.Network,
		Currency: in.Currency, AmountRequested: in.AmountRequested, Tolerance: in.Tolerance,
		DepositAddress: address, AddressIndex: index,
		CreatedAt: in.CreatedAt, ExpiresAt: in.ExpiresAt, UpdatedAt: in.CreatedAt,
		Confirmations: cmp.Or(in.Confirmations, models.DefaultConfirmations), ReturnURL: in.ReturnURL,
		Description: in.Description, Metadata: in.Metadata, LinkID: in.LinkID,
		PaymentState: models.PaymentState{Status: models.StatusPending, Version: 1},
	}
	if p, created, err = s.createAtOnce(ctx, made, accountKey, in); created || err != nil {
		return p, created, err
	}
	err = s.write(ctx, func(tx *gorm.DB) error {
		created = true
		if in.IdempotencyKey != "" {
			first, err := insertKey(tx, in)
			if err != nil {
				return err
			}
			if !first {
				created = false
				p, err = paymentOfKey(tx, in)
				return err
			}
		}
		if err := useLink(tx, made); err != nil {
			return err
		}
		p, err = s.insertPayment(tx, made, accountKey)
		return err
	})
	if errors.Is(err, models.ErrIdempotencyMismatch) || errors.Is(err, models.ErrNotPossible) || (err == nil && !created) {
		s.addresses.putBack(index)
	}
	if err != nil {
		return models.Payment{}, false, wrap(err, "create a payment")
	}
	return p, created, nil
}

// insertPayment proves a new payment and writes it. Returns an *addressUsedError.
func (s *Store) insertPayment(tx *gorm.DB, p models.Payment, accountKey string) (models.Payment, error) {
	var known struct {
		After              createdAfter `gorm:"embedded"`
		IsUsed, IsRestored bool
	}
	err := tx.Raw(knownAtCreation, knownArguments(p, accountKey)...).Scan(&known).Error
	if err != nil {
		return p, fmt.Errorf("read the chain cursor and what is known of the address: %w", err)
	}
	s.createdAfter.Store(&known.After)
	if known.IsRestored {
		return p, models.ErrRestored
	}
	if known.IsUsed {
		return p, &addressUsedError{p.DepositAddress, p.AddressIndex}
	}
	p = s.proven(p, known.After)
	line, address := timelineLine(p.ID, p.PaymentState, p.CreatedAt), depositAddressOf(p, accountKey)
	for _, row := range []any{&p, &line, &address} {
		if err := tx.Create(row).Error; err != nil {
			return p, err
		}
	}
	return p, insertMetadata(tx, p)
}

// proven returns a new payment with its place in the chain and its proof.
func (s *Store) proven(p models.Payment, after createdAfter) models.Payment {
	p.CreatedAfter, p.CreatedRewinds = after.BlockNumber, after.Rewinds
	p.MAC = s.keys.MAC(proofOfPayment, termsOf(p)...)
	return p
}

func depositAddressOf(p models.Payment, accountKey string) models.DepositAddress {
	return models.DepositAddress{
		Address: p.DepositAddress, PaymentID: p.ID, Index: p.AddressIndex, XPub: accountKey, CreatedAt: p.CreatedAt,
	}
}

// insertMetadata makes a payment's metadata searchable.
func insertMetadata(tx *gorm.DB, p models.Payment) error {
	if len(p.Metadata) == 0 {
		return nil
	}
	entries := make([]models.MetadataEntry, 0, len(p.Metadata))
	for _, name := range p.Metadata.Keys() {
		entries = append(entries, models.MetadataEntry{
			OperatorID: p.OperatorID, Name: name, Value: p.Metadata[name], CreatedAt: p.CreatedAt, PaymentID: p.ID,
		})
	}
	return tx.Create(&entries).Error
}

// insertKey claims an idempotency key for the new payment. first is false when the key is already in force. A key past
// its lifetime counts as absent and is taken over; the row's lock lets one of several callers succeed.
func insertKey(tx *gorm.DB, in NewPayment) (first bool, err error) {
	key := idempotencyKeyOf(in)
	result := tx.Clauses(clause.OnConflict{
		Columns:   []clause.Column{{Name: "operator_id"}, {Name: "idempotency_key"}},
		DoUpdates: clause.AssignmentColumns([]string{"request_hash", "payment_id", "created_at"}),
		Where: clause.Where{Exprs: []clause.Expression{
			gorm.Expr("idempotency_keys.created_at < ?", keysInForceSince(in)),
		}},
	}).Create(&key)
	return result.RowsAffected == 1, result.Error
}

func idempotencyKeyOf(in NewPayment) models.IdempotencyKey {
	return models.IdempotencyKey{
		OperatorID: in.OperatorID, Key: in.IdempotencyKey, RequestHash: in.RequestHash, PaymentID: in.ID,
		CreatedAt: in.CreatedAt,
	}
}

// PaymentOfKey returns the payment that the idempotency key created, without creating one. Returns models.ErrNotFound
// when the key is not in force, and models.ErrIdempotencyMismatch when it was used with another RequestHash.
func (s *Store) PaymentOfKey(ctx context.Context, in NewPayment) (models.Payment, error) {
	in.CreatedAt = toMillis(in.CreatedAt)
	return paymentOfKey(s.read(ctx), in)
}

func paymentOfKey(db *gorm.DB, in NewPayment) (models.Payment, error) {
	var key models.IdempotencyKey
	err := db.Where("operator_id = ? AND idempotency_key = ? AND created_at >= ?",
		in.OperatorID, in.IdempotencyKey, keysInForceSince(in)).Take(&key).Error
	if err != nil {
		return models.Payment{}, wrap(err, "read an idempotency key")
	}
	if !bytes.Equal(key.RequestHash, in.RequestHash) {
		return models.Payment{}, models.ErrIdempotencyMismatch
	}
	var p models.Payment
	if err := db.Where("id = ?", key.PaymentID).Take(&p).Error; err != nil {
		return models.Payment{}, fmt.Errorf("read the payment of an idempotency key: %w", err)
	}
	return p, nil
}

func keysInForceSince(in NewPayment) time.Time {
	return in.CreatedAt.Add(-models.IdempotencyKeyLifetime)
}
