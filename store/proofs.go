package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"gorm.io/gorm"

	"paycow/models"
)

// Keys makes and checks the proofs (MACs) that this program wrote a row, so that an INSERT or an UPDATE by anybody else
// is recognised. It also seals and opens what is stored encrypted. *secrets.Keyring implements it.
type Keys interface {
	MAC(purpose string, parts ...string) []byte
	CheckMAC(mac []byte, purpose string, parts ...string) bool
	// IsCurrent reports whether the current master key made a MAC or a sealed secret.
	IsCurrent(made []byte) bool
	// Opens reports whether a sealed secret opens with one of the master keys.
	Opens(owner string, sealed []byte) bool
	// Open returns what was sealed for an owner. Returns models.ErrSealBroken.
	Open(owner string, sealed []byte) (string, error)
	// Reseal returns a sealed secret, sealed with the current master key. Returns models.ErrSealBroken.
	Reseal(owner string, sealed []byte) ([]byte, error)
}

// noKeys is what a store works with before UseMasterKey. It proves nothing, so what needs a proof is refused.
type noKeys struct{}

func (noKeys) MAC(string, ...string) []byte                   { return []byte{} }
func (noKeys) CheckMAC([]byte, string, ...string) bool        { return false }
func (noKeys) IsCurrent([]byte) bool                          { return false }
func (noKeys) Opens(string, []byte) bool                      { return false }
func (noKeys) Open(string, []byte) (string, error)            { return "", models.ErrSealBroken }
func (noKeys) Reseal(_ string, sealed []byte) ([]byte, error) { return sealed, models.ErrSealBroken }

// The purposes of proofs. A proof for one is none for another.
const (
	proofOfPayment      = "payment"
	proofOfDecision     = "decision"
	proofOfCredential   = "credential"
	proofOfSession      = "session"
	proofOfPasswordLink = "password link row"
	proofOfMember       = "member"
	proofOfKeyState     = "master key"
	proofOfOwnAddress   = "own address"
	proofOfEndpoint     = "webhook endpoint"
	proofOfDelivery     = "webhook delivery"
	proofOfTolerance    = "tolerance"
	proofOfSteps        = "confirmation steps"
	proofOfTest         = "test payment"
	proofOfNotice       = "notice"
	proofOfMail         = "mail"
	proofOfLink         = "payment link"
	proofOfNotify       = "notifications"
)

// termsOf is what a payment's proof covers: whose money the address receives, how much is owed, how much less is
// enough, until when, how many confirmations its transfers need, where the payer goes from the checkout page, what the
// payment is for in the words that the payer reads, by what the shop knows the order, after which block it was created,
// and through which link. What was added later is left out where it is empty, so that the proofs of older rows hold.
func termsOf(p models.Payment) []string {
	terms := []string{
		p.ID, p.OperatorID, p.Network, p.Currency, strconv.FormatUint(uint64(p.AddressIndex), 10), p.DepositAddress,
		strconv.FormatInt(int64(p.AmountRequested), 10), strconv.FormatInt(p.ExpiresAt.UnixMilli(), 10),
		strconv.FormatUint(p.Confirmations, 10), p.ReturnURL,
	}
	if p.Description != "" {
		terms = append(terms, "description", p.Description)
	}
	if p.Tolerance > 0 {
		terms = append(terms, "tolerance", strconv.FormatInt(int64(p.Tolerance), 10))
	}
	if len(p.Metadata) > 0 {
		terms = append(terms, "metadata")
		for _, name := range p.Metadata.Keys() {
			terms = append(terms, name, p.Metadata[name])
		}
	}
	if p.CreatedAfter > 0 {
		terms = append(terms, "created after", strconv.FormatUint(p.CreatedAfter, 10),
			strconv.FormatUint(p.CreatedRewinds, 10))
	}
	if p.LinkID != "" {
		terms = append(terms, "link", p.LinkID)
	}
	return terms
}

func partsOfDecision(d models.PaymentDecision) []string {
	return []string{
		d.PaymentID, string(d.Kind), strconv.FormatInt(d.Version, 10), d.Actor, d.Via,
		strconv.FormatInt(int64(d.AmountCredited), 10),
	}
}

// partsOfCredential is what the proof of an API key covers: whose it is, its secret, and what limits it. A key without
// limits has the proof that keys had before there were any, and so has a key that is not for tests.
func partsOfCredential(c models.Credential) []string {
	if c.Name == "" && c.Scopes == "" && c.Networks == "" && c.ExpiresAt == nil && !c.Test {
		return []string{c.APIKey, c.OperatorID, string(c.SecretHash)}
	}
	end := ""
	if c.ExpiresAt != nil {
		end = strconv.FormatInt(c.ExpiresAt.UnixMilli(), 10)
	}
	parts := []string{c.APIKey, c.OperatorID, string(c.SecretHash), c.Name, c.Scopes, c.Networks, end}
	if c.Test {
		parts = append(parts, "test")
	}
	return parts
}

// partsOfWebhookEndpoint is what an endpoint's proof covers: who is told of what, where, and signed with which secrets.
func partsOfWebhookEndpoint(e models.WebhookEndpoint) []string {
	oldUntil := ""
	if e.OldSecretUntil != nil {
		oldUntil = strconv.FormatInt(e.OldSecretUntil.UnixMilli(), 10)
	}
	return []string{
		e.ID, e.OperatorID, e.URL, e.EventTypes, strconv.FormatBool(e.Enabled), string(e.SecretSealed),
		string(e.OldSecretSealed), oldUntil, strconv.FormatInt(e.CreatedAt.UnixMilli(), 10),
	}
}

func partsOfSession(session models.Session) []string {
	return []string{string(session.TokenHash), string(session.Role), session.AccountID}
}

// CheckTerms returns models.ErrPaymentAltered unless this program wrote the payment's row: its address, index, amount,
// operator, window, confirmations, return URL, description, metadata, link and the block that it was created after
// belong together.
func (s *Store) CheckTerms(p models.Payment) error {
	if s.keys.CheckMAC(p.MAC, proofOfPayment, termsOf(p)...) {
		return nil
	}
	return fmt.Errorf("payment %s: address %s, index %d, amount %s, tolerance %s, end %s, %d confirmations, return URL, "+
		"description, metadata, link and block %d are not those it was created with: %w", p.ID, p.DepositAddress,
		p.AddressIndex, p.AmountRequested, p.Tolerance, p.ExpiresAt.UTC().Format(time.RFC3339), p.Confirmations,
		p.CreatedAfter, models.ErrPaymentAltered)
}

// CheckAddress returns models.ErrPaymentAltered unless the payment passes CheckTerms and its address is the one that
// the append-only table of addresses says was handed out for it. It raises an alarm if not.
func (s *Store) CheckAddress(ctx context.Context, p models.Payment) error {
	return s.alarmIfAltered(ctx, p, s.checkAddress(s.read(ctx), p))
}

// alarmIfAltered raises an alarm if the error says that a payment was altered. It returns the error.
func (s *Store) alarmIfAltered(ctx context.Context, p models.Payment, err error) error {
	if errors.Is(err, models.ErrPaymentAltered) {
		return errors.Join(err, s.Raise(ctx, alarmOfAltered(p, err)))
	}
	return err
}

func (s *Store) checkAddress(db *gorm.DB, p models.Payment) error {
	if err := s.CheckTerms(p); err != nil {
		return err
	}
	var handedOut []models.DepositAddress
	if err := db.Where("payment_id = ?", p.ID).Limit(1).Find(&handedOut).Error; err != nil {
		return fmt.Errorf("read the address that was handed out: %w", err)
	}
	if len(handedOut) == 1 && handedOut[0].Address == p.DepositAddress && handedOut[0].Index == p.AddressIndex {
		return nil
	}
	return fmt.Errorf("payment %s: address %s with index %d was not handed out for it: %w",
		p.ID, p.DepositAddress, p.AddressIndex, models.ErrPaymentAltered)
}

func alarmOfAltered(p models.Payment, err error) models.Alarm {
	return models.Alarm{Network: p.Network, Kind: models.AlarmPaymentAltered, Subject: p.ID, Message: err.Error()}
}

// reportAltered raises an alarm for each of the payments whose row was changed or planted. A process without keys
// cannot tell.
func (s *Store) reportAltered(tx *gorm.DB, paymentIDs []string) error {
	if _, none := s.keys.(noKeys); none || len(paymentIDs) == 0 {
		return nil
	}
	var payments []models.Payment
	for batch := range slices.Chunk(slices.Compact(slices.Sorted(slices.Values(paymentIDs))), batchRows) {
		var some []models.Payment
		if err := tx.Where("id IN ?", batch).Find(&some).Error; err != nil {
			return fmt.Errorf("read the payments that were paid: %w", err)
		}
		payments = append(payments, some...)
	}
	for _, p := range payments {
		err := s.checkAddress(tx, p)
		if errors.Is(err, models.ErrPaymentAltered) {
			err = s.raise(tx, alarmOfAltered(p, err))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
