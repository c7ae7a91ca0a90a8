package store

import (
	"bytes"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"paycow/models"
)

// link creates a link of the fixture's operator.
func (f *fixture) link(t testing.TB, change func(*models.PaymentLink)) models.PaymentLink {
	t.Helper()
	l := models.PaymentLink{
		ID: models.NewID(), OperatorID: f.operator.ID, Amount: 50 * models.USDT, Description: "Invoice 7", CreatedAt: epoch,
	}
	change(&l)
	l, created, err := f.CreatePaymentLink(t.Context(), l, "", did("payment_link_created"))
	require.NoError(t, err)
	require.True(t, created)
	return l
}

func (f *fixture) linkNow(t testing.TB, id string) models.PaymentLink {
	t.Helper()
	l, err := f.PaymentLink(t.Context(), id)
	require.NoError(t, err)
	return l
}

// through makes a payment through a link.
func (f *fixture) through(t testing.TB, l models.PaymentLink) (models.Payment, error) {
	t.Helper()
	in := f.newPayment()
	in.LinkID = l.ID
	p, _, err := f.CreatePayment(t.Context(), in, derive)
	return p, err
}

func (f *fixture) requireLink(t testing.TB, id string, open, uses int64) {
	t.Helper()
	l := f.linkNow(t, id)
	require.Equal(t, []int64{open, uses}, []int64{l.OpenPayments, l.Uses}, "open payments and uses")
}

// end records that a payment has ended, with what it received.
func (f *fixture) end(t testing.TB, p models.Payment, change func(*models.PaymentState)) models.Payment {
	t.Helper()
	result, err := f.Record(t.Context(), models.RecordInput{PaymentID: p.ID, State: next(p, change)})
	require.NoError(t, err)
	require.True(t, result.Recorded, result.Refused)
	return f.payment(t, p.ID)
}

func rejected(s *models.PaymentState) {
	s.Status, s.Decision = models.StatusRejected, models.DecisionReject
}

func once(l *models.PaymentLink) { l.MaxUses = 1 }

func TestPaymentLinks(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx, until := t.Context(), epoch.Add(48*time.Hour)
		l := f.link(t, func(l *models.PaymentLink) {
			l.UserID, l.ReturnURL, l.Metadata = "user", "https://shop.example/", models.Metadata{"order": "7"}
			l.ExpiresIn, l.ActiveUntil, l.MaxUses, l.RequestHash = 600, &until, 3, []byte("hash")
		})
		require.Equal(t, l, f.linkNow(t, l.ID))
		other := f.addOperator(t)
		_, err := f.OperatorPaymentLink(ctx, other.ID, l.ID)
		require.ErrorIs(t, err, models.ErrNotFound)
		_, err = f.DisablePaymentLink(ctx, other.ID, l.ID, "", did("payment_link_disabled"))
		require.ErrorIs(t, err, models.ErrNotFound)

		newer := f.link(t, func(l *models.PaymentLink) { l.CreatedAt = epoch.Add(time.Second) })
		page, cursor, err := f.ListPaymentLinks(ctx, f.operator.ID, "", 1)
		require.NoError(t, err)
		require.Equal(t, newer.ID, page[0].ID)
		page, cursor, err = f.ListPaymentLinks(ctx, f.operator.ID, cursor, 1)
		require.NoError(t, err)
		require.Equal(t, []models.PaymentLink{l}, page)
		require.Empty(t, cursor)

		p, err := f.through(t, l)
		require.NoError(t, err)
		require.Equal(t, l.ID, f.payment(t, p.ID).LinkID)
		require.NoError(t, f.CheckTerms(f.payment(t, p.ID)))
		require.ErrorContains(t, f.writer.Exec("UPDATE payments SET link_id = ? WHERE id = ?", newer.ID, p.ID).Error, "terms")
		forged := f.payment(t, p.ID)
		forged.LinkID = newer.ID
		require.ErrorIs(t, f.CheckTerms(forged), models.ErrPaymentAltered)

		disabled, err := f.DisablePaymentLink(ctx, f.operator.ID, l.ID, "", did("payment_link_disabled"))
		require.NoError(t, err)
		require.Equal(t, models.LinkDisabled, disabled.Status(epoch))
		require.Equal(t, disabled, f.linkNow(t, l.ID))
		again, err := f.DisablePaymentLink(ctx, f.operator.ID, l.ID, "", did("payment_link_disabled"))
		require.NoError(t, err)
		require.Equal(t, disabled, again)
		require.Len(t, f.audited(t, "payment_link_disabled"), 1)
		_, err = f.through(t, l)
		require.ErrorIs(t, err, models.ErrNotPossible)
		require.Equal(t, models.StatusPending, f.payment(t, p.ID).Status, "its payment goes on")
		err = f.writer.Exec("UPDATE payment_links SET disabled_at = NULL, mac = ? WHERE id = ?", l.MAC, l.ID).Error
		require.ErrorContains(t, err, "cannot be enabled again", "with its old proof")
	})
}

// Of several payers who use a link for the last time, one gets a payment.
func TestALinkForOnePaymentMakesOne(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		l := f.link(t, once)
		stores := []*fixture{f, {Store: open(t, f.url), url: f.url, operator: f.operator}}
		var made, refused atomic.Int64
		together(12, func(i int) {
			in := f.newPayment()
			in.LinkID = l.ID
			if _, _, err := stores[i%2].CreatePayment(withTimeout(t), in, derive); err == nil {
				made.Add(1)
			} else if assert.ErrorIs(t, err, models.ErrNotPossible) {
				refused.Add(1)
			}
		})
		require.EqualValues(t, 1, made.Load())
		require.EqualValues(t, 11, refused.Load())
		f.requireLink(t, l.ID, 1, 0)
		var used int64
		require.NoError(t, f.reader.Model(&models.Payment{}).Where("link_id = ?", l.ID).Count(&used).Error)
		require.EqualValues(t, 1, used)
	})
}

// A payment that ends without money frees its link. One that received something uses it, also if a reorg takes all of
// that away: the transfer may come again.
func TestUsesOfALink(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		l := f.link(t, once)
		unpaid, err := f.through(t, l)
		require.NoError(t, err)
		_, err = f.through(t, l)
		require.ErrorIs(t, err, models.ErrNotPossible)
		f.end(t, unpaid, rejected)
		f.requireLink(t, l.ID, 0, 0)

		paid, err := f.through(t, l)
		require.NoError(t, err, "the link is free again")
		f.mine(t, "main", transferTo(paid, 1, paid.AmountRequested, models.BlockRef{}))
		credited, err := f.Credit(t.Context(), f.creditInput(paid, []models.Transfer{f.transfer(t, paid.ID)}, nil))
		require.NoError(t, err)
		require.True(t, credited.Recorded, credited.Refused)
		require.Equal(t, models.StatusPaid, f.payment(t, paid.ID).Status)
		f.requireLink(t, l.ID, 0, 1)
		require.Equal(t, models.LinkUsedUp, f.linkNow(t, l.ID).Status(epoch))
		_, err = f.through(t, l)
		require.ErrorIs(t, err, models.ErrNotPossible)
		require.NoError(t, f.writer.Exec("UPDATE payments SET amount_received = 0 WHERE id = ?", paid.ID).Error)
		f.requireLink(t, l.ID, 0, 1)
		require.True(t, f.payment(t, paid.ID).UsesLink(), "the credit stands, also while a reorg hides its transfer")

		part := f.link(t, once)
		short, err := f.through(t, part)
		require.NoError(t, err)
		at := f.mine(t, "main", transferTo(short, 2, 7, models.BlockRef{}))
		short = f.end(t, short, func(s *models.PaymentState) {
			rejected(s)
			s.AmountReceived, s.TxHash, s.LastBlock = 7, txHash(2), at.Number
		})
		f.requireLink(t, part.ID, 0, 1)
		f.rewind(t, block(at.Number-1, "main"))
		f.end(t, short, func(s *models.PaymentState) {
			s.AmountReceived, s.TxHash, s.LastBlock, s.Exception = 0, "", 0, models.ExceptionReverted
		})
		f.requireLink(t, part.ID, 0, 1)
		require.True(t, f.payment(t, short.ID).UsesLink())
		_, err = f.through(t, part)
		require.ErrorIs(t, err, models.ErrNotPossible)

		free := f.link(t, once)
		late, err := f.through(t, free)
		require.NoError(t, err)
		late = f.expired(t, late, models.ExceptionNone)
		f.requireLink(t, free.ID, 0, 0)
		require.False(t, late.UsesLink())
		require.Equal(t, late.UpdatedAt, f.linkNow(t, free.ID).UpdatedAt)
	})
}

// Whatever the rows say of an ended payment, the database and the program agree on whether it uses its link.
func TestTheRuleOfUses(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		l := f.link(t, func(*models.PaymentLink) {})
		p, err := f.through(t, l)
		require.NoError(t, err)
		for _, at := range []struct {
			status    models.Status
			received  models.Amount
			exception models.Exception
			use       int64
		}{
			{models.StatusExpired, 0, "", 0},
			{models.StatusExpired, 0, models.ExceptionReverted, 1},
			{models.StatusExpired, 0, "", 0},
			{models.StatusRejected, 0, models.ExceptionReverted, 1},
			{models.StatusRejected, 7, "", 1},
			{models.StatusPending, 0, models.ExceptionReverted, 0},
			{models.StatusExpired, 7, "", 1},
		} {
			require.NoError(t, f.writer.Exec("UPDATE payments SET status = ?, amount_received = ?, exception = ?, version = version + 1 WHERE id = ?",
				at.status, at.received, at.exception, p.ID).Error)
			require.Equal(t, at.use, f.linkNow(t, l.ID).Uses, at)
			require.Equal(t, at.use == 1, f.payment(t, p.ID).UsesLink(), at)
		}
	})
}

// Whoever has a link can make payments through it that nobody pays. They stop that link for a while, and neither the
// operator's other links nor its own server.
func TestUnpaidPaymentsStopOnlyTheirLink(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx, now := t.Context(), epoch
		abused, other := f.link(t, once), f.link(t, once)
		try := func(l models.PaymentLink) error {
			in := f.newPayment()
			in.LinkID, in.CreatedAt, in.ExpiresAt = l.ID, now, now.Add(time.Hour)
			_, _, err := f.CreatePayment(ctx, in, derive)
			require.NoError(t, f.writer.Exec("UPDATE payment_links SET open_payments = 0").Error)
			return err
		}
		f.create(t)
		for range models.MaxUnpaidOfLink {
			require.NoError(t, try(abused))
		}
		require.ErrorIs(t, try(abused), models.ErrNotPossible)
		require.NoError(t, try(other))
		run, err := f.UnpaidRun(ctx, f.operator.ID, 100)
		require.NoError(t, err)
		require.Equal(t, 1, run, "strangers do not use up what its server may create")
		require.NoError(t, f.writer.Exec("UPDATE payments SET amount_received = 1 WHERE id = (SELECT MIN(id) FROM payments WHERE link_id = ?)",
			abused.ID).Error)
		require.NoError(t, try(abused), "a payment that received something does not count")
		require.ErrorIs(t, try(abused), models.ErrNotPossible)
		now = epoch.Add(models.UnpaidOfLinkPeriod)
		require.NoError(t, try(abused), "it recovers by itself")
	})
}

func TestALinkThatHasEndedMakesNoPayment(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		past := epoch
		over := f.link(t, func(l *models.PaymentLink) { l.ActiveUntil = &past })
		require.Equal(t, models.LinkExpired, over.Status(epoch))
		theirs := f.addOperator(t)
		foreign := f.link(t, func(l *models.PaymentLink) { l.OperatorID = theirs.ID })
		full := f.link(t, func(*models.PaymentLink) {})
		require.NoError(t, f.writer.Exec("UPDATE payment_links SET open_payments = ? WHERE id = ?", models.MaxOpenOfLink, full.ID).Error)
		require.True(t, f.linkNow(t, full.ID).IsFull())
		before := f.create(t).AddressIndex
		for _, l := range []models.PaymentLink{over, foreign, full, {ID: models.NewID()}} {
			_, err := f.through(t, l)
			require.ErrorIs(t, err, models.ErrNotPossible)
		}
		require.Equal(t, before+1, f.create(t).AddressIndex, "a refused payer uses up no address")
	})
}

// A link whose row somebody else changed or planted is recognised. What is counted is not proven.
func TestAnAlteredLink(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		var log bytes.Buffer
		f.log = slog.New(slog.NewTextHandler(&log, nil))
		for column, value := range map[string]any{
			"amount": 1, "description": "Other", "user_id": "other", "return_url": "https://evil.example/", "metadata": `{"order":"8"}`,
			"expires_in": 86400, "created_at": epoch.Add(time.Second), "active_until": epoch.Add(time.Hour), "max_uses": 0, "operator_id": f.addOperator(t).ID, "disabled_at": epoch,
		} {
			l := f.link(t, once)
			require.NoError(t, f.writer.Exec("UPDATE payment_links SET "+column+" = ? WHERE id = ?", value, l.ID).Error)
			require.Equal(t, models.LinkAltered, f.linkNow(t, l.ID).Status(epoch), column)
		}
		require.Equal(t, 1, strings.Count(log.String(), "a payment link was not created by this program"), "anybody can open it again and again")
		l := f.link(t, once)
		require.NoError(t, f.writer.Exec("UPDATE payment_links SET uses = 5 WHERE id = ?", l.ID).Error)
		require.Equal(t, models.LinkUsedUp, f.linkNow(t, l.ID).Status(epoch))

		f.keys = ringOf(9, 7)
		_, left, err := f.Rekey(t.Context())
		require.NoError(t, err)
		require.Equal(t, 11, left, "what was altered stays so")
		f.keys = ringOf(9)
		require.Equal(t, models.LinkUsedUp, f.linkNow(t, l.ID).Status(epoch))
	})
}

func TestIdempotencyKeysOfLinks(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		key := "key"
		wanted := models.PaymentLink{
			OperatorID: f.operator.ID, Amount: 1, Description: "x", CreatedAt: epoch, IdempotencyKey: &key, RequestHash: []byte("a"),
		}
		create := func(change func(*models.PaymentLink)) (models.PaymentLink, bool, error) {
			l := wanted
			l.ID = models.NewID()
			change(&l)
			return f.CreatePaymentLink(withTimeout(t), l, "", did("payment_link_created"))
		}
		var ids [8]string
		together(len(ids), func(i int) {
			l, _, err := create(func(*models.PaymentLink) {})
			require.NoError(t, err)
			ids[i] = l.ID
		})
		for _, id := range ids {
			require.Equal(t, ids[0], id)
		}
		require.Len(t, f.audited(t, "payment_link_created"), 1)
		_, _, err := create(func(l *models.PaymentLink) { l.RequestHash = []byte("b") })
		require.ErrorIs(t, err, models.ErrIdempotencyMismatch)
		later, created, err := create(func(l *models.PaymentLink) {
			l.CreatedAt, l.RequestHash = epoch.Add(models.IdempotencyKeyLifetime+time.Millisecond), []byte("b")
		})
		require.NoError(t, err)
		require.True(t, created)
		require.NotEqual(t, ids[0], later.ID)
	})
}

// The links of an operator that can be used are bounded, and one that has ended is dropped after a year.
func TestTheNumberOfLinksIsBounded(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ended := f.link(t, once)
		require.NoError(t, f.writer.Exec("UPDATE payment_links SET uses = 1 WHERE id = ?", ended.ID).Error)
		open := f.link(t, func(*models.PaymentLink) {})
		require.NoError(t, f.writer.Exec("UPDATE payment_links SET disabled_at = ?, open_payments = 1 WHERE id = ?", epoch, open.ID).Error)
		endless := f.link(t, once)
		require.NoError(t, f.writer.Exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
			INSERT INTO payment_links (id, operator_id, amount, description, user_id, return_url, metadata, expires_in, max_uses, open_payments,
				uses, request_hash, created_at, updated_at, mac)
			SELECT 'n' || i, operator_id, amount, description, user_id, return_url, metadata, expires_in, max_uses, 0, 0, request_hash,
				created_at, updated_at, mac FROM payment_links, n WHERE id = ?`, models.MaxPaymentLinks-1, endless.ID).Error)
		one := models.PaymentLink{ID: models.NewID(), OperatorID: f.operator.ID, Amount: 1, Description: "x", CreatedAt: epoch}
		_, _, err := f.CreatePaymentLink(t.Context(), one, "", did("payment_link_created"))
		require.ErrorIs(t, err, models.ErrNotPossible)
		require.NoError(t, f.writer.Exec("UPDATE payment_links SET disabled_at = ? WHERE id = 'n1'", epoch).Error)
		_, _, err = f.CreatePaymentLink(t.Context(), one, "", did("payment_link_created"))
		require.NoError(t, err)

		count := func() (n int64) {
			require.NoError(t, f.reader.Model(&models.PaymentLink{}).Count(&n).Error)
			return n
		}
		f.now = func() time.Time { return epoch.Add(models.PaymentLinkLifetime) }
		require.NoError(t, f.DropOld(t.Context(), Ages{}, func(string) {}))
		require.EqualValues(t, models.MaxPaymentLinks+3, count())
		f.now = func() time.Time { return epoch.Add(models.PaymentLinkLifetime + time.Second) }
		require.NoError(t, f.DropOld(t.Context(), Ages{}, func(string) {}))
		require.EqualValues(t, models.MaxPaymentLinks+1, count(), "the one that was disabled and the one that was used up are gone")
		require.Equal(t, open.ID, f.linkNow(t, open.ID).ID, "a payment of it is open")
	})
}
