package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"gorm.io/gorm"

	"paycow/models"
)

// partsOfPaymentLink is what a link's proof covers: whose it is, the terms of its payments, and until when it can be
// used. What is counted needs no proof: it decides how many payments are made, not on which terms.
func partsOfPaymentLink(l models.PaymentLink) []string {
	return []string{
		l.ID, l.OperatorID, strconv.FormatInt(int64(l.Amount), 10), l.Description, l.UserID, l.ReturnURL, l.Metadata.JSON(),
		strconv.FormatInt(l.ExpiresIn, 10), millisOf(l.ActiveUntil), strconv.FormatInt(l.MaxUses, 10),
		strconv.FormatInt(l.CreatedAt.UnixMilli(), 10), millisOf(l.DisabledAt),
	}
}

// millisOf returns a time in milliseconds as text, "" for nil.
func millisOf(at *time.Time) string {
	if at == nil {
		return ""
	}
	return strconv.FormatInt(at.UnixMilli(), 10)
}

// alteredLinksLogged is how often altered links are logged: anybody can open one as often as they like.
const alteredLinksLogged = time.Minute

// checkLink notes whether this program wrote the link's row as it is. It logs it now and then if not.
func (s *Store) checkLink(ctx context.Context, l *models.PaymentLink) {
	l.Altered = !s.keys.CheckMAC(l.MAC, proofOfLink, partsOfPaymentLink(*l)...)
	if l.Altered {
		s.alteredLinks.Do(func() {
			s.log.ErrorContext(ctx,
				"a payment link was not created by this program, or its row was changed; it makes no payment",
				"link_id", l.ID, "operator_id", l.OperatorID)
		})
	}
}

// linkEnd is the time at which a link ended, or will end; NULL if it does not end by itself.
const linkEnd = `COALESCE(disabled_at, CASE WHEN max_uses > 0 AND uses >= max_uses THEN updated_at END, active_until)`

// CreatePaymentLink stores a link of an operator, and writes the audit log. maker is as in changeKeys. created is false
// when the link's idempotency key had already created one in models.IdempotencyKeyLifetime; that link is returned.
// Returns models.ErrIdempotencyMismatch when the key was used with another RequestHash, models.ErrNotFound when the
// maker is no longer valid, and models.ErrNotPossible when models.MaxPaymentLinks can be used.
func (s *Store) CreatePaymentLink(
	ctx context.Context, wanted models.PaymentLink, maker string, entry models.AuditEntry,
) (l models.PaymentLink, created bool, err error) {
	wanted.CreatedAt = s.orNow(wanted.CreatedAt)
	wanted.UpdatedAt, wanted.DisabledAt, wanted.OpenPayments, wanted.Uses = wanted.CreatedAt, nil, 0, 0
	if wanted.ActiveUntil != nil {
		until := toMillis(*wanted.ActiveUntil)
		wanted.ActiveUntil = &until
	}
	if wanted.RequestHash == nil {
		wanted.RequestHash = []byte{}
	}
	wanted.MAC = s.keys.MAC(proofOfLink, partsOfPaymentLink(wanted)...)
	err = s.changeKeys(ctx, wanted.OperatorID, maker, func(tx *gorm.DB) error {
		earlier, err := linkOfKey(tx, wanted)
		if !errors.Is(err, gorm.ErrRecordNotFound) {
			l, created = earlier, false
			s.checkLink(ctx, &l)
			return err
		}
		if earlier.ID != "" {
			freed := tx.Model(&models.PaymentLink{}).Where("id = ?", earlier.ID).UpdateColumn("idempotency_key", nil)
			if freed.Error != nil {
				return freed.Error
			}
		}
		l, created = wanted, true
		usable, err := countUsableLinks(tx, wanted.OperatorID, wanted.CreatedAt)
		if err != nil {
			return err
		}
		if usable >= models.MaxPaymentLinks {
			return models.ErrNotPossible
		}
		if err := tx.Create(&l).Error; err != nil {
			return err
		}
		return s.audit(tx, entry)
	})
	return l, created, wrap(err, "create a payment link")
}

// countUsableLinks returns how many links of an operator can be used at a time. Each of the two counts reads a range of
// one index. Neither counts further than models.MaxPaymentLinks.
func countUsableLinks(tx *gorm.DB, operatorID string, now time.Time) (usable int, err error) {
	for _, end := range []*gorm.DB{tx.Where("active_until IS NULL"), tx.Where("active_until > ?", now)} {
		count, err := countUpTo(end.Model(&models.PaymentLink{}).Where("operator_id = ?", operatorID).
			Where("disabled_at IS NULL AND (max_uses = 0 OR uses < max_uses)"), models.MaxPaymentLinks)
		if err != nil {
			return 0, fmt.Errorf("count the links that can be used: %w", err)
		}
		usable += count
	}
	return usable, nil
}

// PaymentLinkOfKey returns the link that the idempotency key created, without creating one. Returns models.ErrNotFound
// when the key is not in force, and models.ErrIdempotencyMismatch when it was used with another RequestHash.
func (s *Store) PaymentLinkOfKey(ctx context.Context, wanted models.PaymentLink) (models.PaymentLink, error) {
	l, err := linkOfKey(s.read(ctx), wanted)
	if err != nil {
		return models.PaymentLink{}, wrap(err, "read the payment link of an idempotency key")
	}
	s.checkLink(ctx, &l)
	return l, nil
}

// linkOfKey returns the link that the idempotency key of a new one created. Returns gorm.ErrRecordNotFound when there
// is none, and also with a link when its key is no longer in force.
func linkOfKey(db *gorm.DB, wanted models.PaymentLink) (models.PaymentLink, error) {
	var earlier models.PaymentLink
	if wanted.IdempotencyKey == nil {
		return earlier, gorm.ErrRecordNotFound
	}
	query := db.Where("operator_id = ? AND idempotency_key = ?", wanted.OperatorID, *wanted.IdempotencyKey)
	switch err := query.Take(&earlier).Error; {
	case err != nil:
		return earlier, err
	case earlier.CreatedAt.Before(wanted.CreatedAt.Add(-models.IdempotencyKeyLifetime)):
		return earlier, gorm.ErrRecordNotFound
	case !bytes.Equal(earlier.RequestHash, wanted.RequestHash):
		return earlier, models.ErrIdempotencyMismatch
	}
	return earlier, nil
}

// PaymentLink returns a link, whichever operator's it is. Returns models.ErrNotFound.
func (s *Store) PaymentLink(ctx context.Context, id string) (models.PaymentLink, error) {
	return s.readLink(ctx, s.read(ctx).Where("id = ?", id))
}

// OperatorPaymentLink returns a link of an operator. Returns models.ErrNotFound also when it is another operator's.
func (s *Store) OperatorPaymentLink(ctx context.Context, operatorID, id string) (models.PaymentLink, error) {
	return s.readLink(ctx, s.read(ctx).Where("id = ? AND operator_id = ?", id, operatorID))
}

func (s *Store) readLink(ctx context.Context, query *gorm.DB) (l models.PaymentLink, err error) {
	if err := query.Take(&l).Error; err != nil {
		return l, wrap(err, "read a payment link")
	}
	s.checkLink(ctx, &l)
	return l, nil
}

var linkOrder = pageOrder[models.PaymentLink]{
	timeColumn("created_at", func(l models.PaymentLink) time.Time { return l.CreatedAt }),
	hexColumn("id", func(l models.PaymentLink) string { return l.ID }),
}

// ListPaymentLinks returns a page of an operator's links, newest first. nextCursor is "" on the last page. Returns
// models.ErrBadCursor.
func (s *Store) ListPaymentLinks(
	ctx context.Context, operatorID, cursor string, limit int,
) (links []models.PaymentLink, nextCursor string, err error) {
	query := s.read(ctx).Model(&models.PaymentLink{}).Where("operator_id = ?", operatorID)
	links, nextCursor, err = readPage(query, linkOrder, newestFirst, cursor, limit)
	for i := range links {
		s.checkLink(ctx, &links[i])
	}
	return links, nextCursor, wrap(err, "list payment links")
}

// DisablePaymentLink ends an operator's link for good, and writes the audit log unless it was disabled before. Its
// payments go on. maker is as in changeKeys. Returns models.ErrNotFound when there is no such link or the maker is no
// longer valid.
func (s *Store) DisablePaymentLink(
	ctx context.Context, operatorID, id, maker string, entry models.AuditEntry,
) (l models.PaymentLink, err error) {
	err = s.changeKeys(ctx, operatorID, maker, func(tx *gorm.DB) error {
		l = models.PaymentLink{}
		if err := tx.Clauses(rowLock).Where("id = ? AND operator_id = ?", id, operatorID).Take(&l).Error; err != nil {
			return err
		}
		s.checkLink(ctx, &l)
		if l.DisabledAt != nil {
			return nil
		}
		now := s.now()
		l.DisabledAt, l.UpdatedAt = &now, now
		if !l.Altered {
			l.MAC = s.keys.MAC(proofOfLink, partsOfPaymentLink(l)...)
		}
		err := tx.Model(&models.PaymentLink{}).Where("id = ?", id).
			UpdateColumns(map[string]any{"disabled_at": now, "updated_at": now, "mac": l.MAC}).Error
		if err != nil {
			return err
		}
		return s.audit(tx, entry)
	})
	return l, wrap(err, "disable a payment link")
}

// useLink counts a new payment among the open ones of its link. The statement locks the link's row, so that of several
// payers who use a link for the last time one gets a payment. Returns models.ErrNotPossible when the link is unknown,
// has ended or allows no other payment now, also because too many of its latest ones have received nothing.
func useLink(tx *gorm.DB, p models.Payment) error {
	if p.LinkID == "" {
		return nil
	}
	used := tx.Model(&models.PaymentLink{}).
		Where("id = ? AND operator_id = ? AND disabled_at IS NULL", p.LinkID, p.OperatorID).
		Where("(active_until IS NULL OR active_until > ?)", p.CreatedAt).
		Where("open_payments < ? AND (max_uses = 0 OR open_payments + uses < max_uses)", models.MaxOpenOfLink).
		UpdateColumn("open_payments", gorm.Expr("open_payments + 1"))
	if used.Error != nil {
		return fmt.Errorf("count the payment of a link: %w", used.Error)
	}
	if used.RowsAffected == 0 {
		return models.ErrNotPossible
	}
	// The row's lock is held, so this sees every payment that was made through the link before.
	unpaid, err := unpaidOfLink(tx, p)
	if err == nil && unpaid >= models.MaxUnpaidOfLink {
		return models.ErrNotPossible
	}
	return err
}

// unpaidOfLink returns how many payments the link of a new one has made in models.UnpaidOfLinkPeriod that have received
// nothing. It reads the user's payments of that time in an index, and counts no further than models.MaxUnpaidOfLink.
func unpaidOfLink(tx *gorm.DB, p models.Payment) (int, error) {
	count, err := countUpTo(tx.Model(&models.Payment{}).Where("operator_id = ? AND user_id = ? AND created_at > ?",
		p.OperatorID, p.UserID, p.CreatedAt.Add(-models.UnpaidOfLinkPeriod)).
		Where("link_id = ? AND amount_received = 0", p.LinkID), models.MaxUnpaidOfLink)
	if err != nil {
		return 0, fmt.Errorf("count the unpaid payments of a link: %w", err)
	}
	return count, nil
}

// rekeyPaymentLinks proves the links anew. One that was disabled meanwhile has a current proof already.
func (s *Store) rekeyPaymentLinks(ctx context.Context) (changed, left int, err error) {
	for after := ""; ; {
		var rows []models.PaymentLink
		if err := s.read(ctx).Where("id > ?", after).Order("id").Limit(batchRows).Find(&rows).Error; err != nil {
			return changed, left, fmt.Errorf("read payment links: %w", err)
		}
		if len(rows) == 0 {
			return changed, left, nil
		}
		after = rows[len(rows)-1].ID
		for _, l := range rows {
			mac, ok, broken := s.remac(l.MAC, proofOfLink, partsOfPaymentLink(l))
			if broken {
				left++
			}
			if !ok {
				continue
			}
			changed++
			err := s.writer.WithContext(ctx).Model(&models.PaymentLink{}).Where("id = ? AND mac = ?", l.ID, l.MAC).
				UpdateColumn("mac", mac).Error
			if err != nil {
				return changed, left, fmt.Errorf("prove payment link %s: %w", l.ID, err)
			}
		}
	}
}
