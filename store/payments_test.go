package store

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"paycow/models"
)

func TestCreatedPaymentEqualsWhatIsRead(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		in := f.newPayment()
		in.CreatedAt = time.Date(2026, 11, 23, 13, 0, 0, 123_999_999, time.FixedZone("somewhere", 3600))
		in.ExpiresAt = in.CreatedAt.Add(time.Hour)
		in.UserID = "ü 用户 '; DROP TABLE payments --"
		in.Description = "<b>Größe</b> 用户 '; DROP TABLE payments --"
		in.Metadata = models.Metadata{"order": "A-17", "__proto__": "", "ü\" '": "<&\u2028>"}
		p, created, err := f.CreatePayment(t.Context(), in, derive)
		require.NoError(t, err)
		require.True(t, created)
		require.Equal(t, time.Date(2026, 11, 23, 12, 0, 0, 123_000_000, time.UTC), p.CreatedAt)
		require.Equal(t, models.PaymentState{Status: models.StatusPending, Version: 1}, p.PaymentState)
		require.Equal(t, p, f.payment(t, p.ID))

		events, err := timelineOf(f.reader, p.ID)
		require.NoError(t, err)
		require.Equal(t, []models.PaymentEvent{{PaymentID: p.ID, Version: 1, Status: models.StatusPending, CreatedAt: p.CreatedAt}}, events)

		own, err := f.OperatorPayment(t.Context(), f.operator.ID, p.ID)
		require.NoError(t, err)
		require.Equal(t, p, own)
		_, err = f.OperatorPayment(t.Context(), f.addOperator(t).ID, p.ID)
		require.ErrorIs(t, err, models.ErrNotFound)
		_, err = f.Payment(t.Context(), models.NewID())
		require.ErrorIs(t, err, models.ErrNotFound)
		nobodys := f.newPayment()
		nobodys.OperatorID = "nobody"
		_, _, err = f.CreatePayment(t.Context(), nobodys, derive)
		require.Error(t, err, "an operator must exist")
	})
}

// The timeline tells when a payment became PAID, and the last transaction even after a reorg has removed it.
func TestWhatATimelineTells(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		p := f.create(t)
		tells := func() (time.Time, string) {
			at, err := f.PaidAt(t.Context(), p.ID)
			require.NoError(t, err)
			hash, err := f.LastTransaction(t.Context(), p.ID)
			require.NoError(t, err)
			return at, hash
		}
		at, hash := tells()
		require.True(t, at.IsZero())
		require.Empty(t, hash)
		start := p.CreatedAt.Add(time.Minute)
		for i, line := range []models.PaymentEvent{
			{Status: models.StatusDetected, TxHash: "0xa"},
			{Status: models.StatusConfirming, TxHash: "0xb"},
			{Status: models.StatusPending, Exception: models.ExceptionReverted},
			{Status: models.StatusPaid, TxHash: "0xc"},
			{Status: models.StatusPaid, Exception: models.ExceptionOverpaid, TxHash: "0xc"},
			{Status: models.StatusPending, Exception: models.ExceptionReverted},
			{Status: models.StatusPaid, TxHash: "0xd"},
			{Status: models.StatusPaid, Exception: models.ExceptionOverpaid, TxHash: "0xd"},
		} {
			line.PaymentID, line.Version, line.CreatedAt = p.ID, int64(i+2), start.Add(time.Duration(i)*time.Second)
			require.NoError(t, f.writer.Create(&line).Error)
			switch at, hash = tells(); i {
			case 2:
				require.True(t, at.IsZero())
				require.Equal(t, "0xb", hash)
			case 4:
				require.Equal(t, start.Add(3*time.Second), at)
				require.Equal(t, "0xc", hash)
			}
		}
		at, _ = tells()
		require.Equal(t, start.Add(6*time.Second), at, "it was paid again")
	})
}

func TestOneIdempotencyKeyAHundredTimesAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		second := open(t, f.url) // another process beside this one
		in := f.newPayment()
		in.IdempotencyKey, in.RequestHash = "order-1", []byte("body")
		const callers = 100
		var made atomic.Int64
		payments := make([]models.Payment, callers)
		together(callers, func(i int) {
			s := []*Store{f.Store, second}[i%2]
			p, created, err := s.CreatePayment(withTimeout(t), renamed(in), derive)
			assert.NoError(t, err)
			payments[i] = p
			if created {
				made.Add(1)
			}
		})
		require.EqualValues(t, 1, made.Load())
		for _, p := range payments {
			require.Equal(t, payments[0], p)
		}
		list, _, err := f.ListPayments(t.Context(), PaymentFilter{OperatorID: f.operator.ID})
		require.NoError(t, err)
		require.Len(t, list, 1)
	})
}

func TestIdempotencyKey(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		in := f.newPayment()
		in.IdempotencyKey, in.RequestHash = "k", []byte("body")
		// The process ends between the commit and the answer; another one gets the client's second try.
		first, created, err := f.CreatePayment(ctx, in, derive)
		require.NoError(t, err)
		require.True(t, created)
		restarted := open(t, f.url)
		again := renamed(in)
		again.CreatedAt, again.ExpiresAt = in.CreatedAt.Add(time.Minute), in.ExpiresAt.Add(time.Minute)
		p, created, err := restarted.CreatePayment(ctx, again, derive)
		require.NoError(t, err)
		require.False(t, created)
		require.Equal(t, first, p)

		other := again
		other.RequestHash = []byte("another body")
		_, _, err = f.CreatePayment(ctx, other, derive)
		require.ErrorIs(t, err, models.ErrIdempotencyMismatch)

		stranger := renamed(in)
		stranger.OperatorID = f.addOperator(t).ID
		_, created, err = f.CreatePayment(ctx, stranger, derive)
		require.NoError(t, err)
		require.True(t, created, "keys of operators are apart")

		lastMoment := other
		lastMoment.CreatedAt = in.CreatedAt.Add(models.IdempotencyKeyLifetime)
		_, _, err = f.CreatePayment(ctx, lastMoment, derive)
		require.ErrorIs(t, err, models.ErrIdempotencyMismatch, "still in force")

		expired := other
		expired.CreatedAt = in.CreatedAt.Add(models.IdempotencyKeyLifetime + time.Millisecond)
		ids := make([]string, 20)
		var made atomic.Int64
		together(len(ids), func(i int) {
			p, created, err := f.CreatePayment(withTimeout(t), renamed(expired), derive)
			assert.NoError(t, err)
			if created {
				made.Add(1)
			}
			ids[i] = p.ID
		})
		require.EqualValues(t, 1, made.Load(), "one takes the old key over")
		for _, id := range ids {
			require.Equal(t, ids[0], id)
			require.NotEqual(t, first.ID, id)
		}
	})
}

func TestFailedCreateLeavesNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		in := f.newPayment()
		in.IdempotencyKey, in.RequestHash = "k", []byte("body")
		broken := errors.New("no address")
		_, _, err := f.CreatePayment(t.Context(), in, func(uint32) (string, error) { return "", broken })
		require.ErrorIs(t, err, broken)

		taken := f.create(t).DepositAddress
		_, _, err = f.CreatePayment(t.Context(), in, func(uint32) (string, error) { return taken, nil })
		require.ErrorIs(t, err, models.ErrAlreadyExists, "no address twice")
		list, _, err := f.ListPayments(t.Context(), PaymentFilter{OperatorID: f.operator.ID})
		require.NoError(t, err)
		require.Len(t, list, 1)

		ended, cancel := context.WithCancel(t.Context())
		cancel()
		_, _, err = f.CreatePayment(ended, in, derive)
		require.Error(t, err)
		_, created, err := f.CreatePayment(t.Context(), in, derive)
		require.NoError(t, err)
		require.True(t, created, "the key was not used up")
	})
}

func TestIDAndReferenceBelongToOnePayment(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		first := f.create(t)
		for name, take := range map[string]func(in *NewPayment){
			"id":        func(in *NewPayment) { in.ID = first.ID },
			"reference": func(in *NewPayment) { in.Reference = first.Reference },
		} {
			in := f.newPayment()
			in.IdempotencyKey, in.RequestHash = name, []byte("body")
			take(&in)
			_, _, err := f.CreatePayment(t.Context(), in, derive)
			require.ErrorIs(t, err, models.ErrAlreadyExists, name)
			_, err = f.PaymentOfKey(t.Context(), in)
			require.ErrorIs(t, err, models.ErrNotFound, "the key of a payment that was not made is free: %s", name)
		}
		list, _, err := f.ListPayments(t.Context(), PaymentFilter{OperatorID: f.operator.ID})
		require.NoError(t, err)
		require.Equal(t, []models.Payment{first}, list)
	})
}

func TestAddressIndexesAreUnique(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		stores := []*Store{f.Store, open(t, f.url), open(t, f.url)}
		const creates = 3 * addressBlockSize
		indexes := make([]uint32, creates)
		together(creates, func(i int) {
			p, _, err := stores[i%len(stores)].CreatePayment(withTimeout(t), f.newPayment(), derive)
			assert.NoError(t, err)
			indexes[i] = p.AddressIndex
		})
		seen := map[uint32]bool{}
		for _, index := range indexes {
			require.False(t, seen[index], "index %d twice", index)
			seen[index] = true
			require.Less(t, index, uint32(models.DefaultReservedAddresses+creates+len(stores)*addressBlockSize), "indexes stay dense")
		}

		require.NoError(t, f.writer.Exec("UPDATE address_counters SET next_index = ?", int64(addressIndexEnd-addressBlockSize)).Error)
		last := open(t, f.url)
		for range addressBlockSize {
			_, _, err := last.CreatePayment(t.Context(), f.newPayment(), derive)
			require.NoError(t, err)
		}
		_, _, err := last.CreatePayment(t.Context(), f.newPayment(), derive)
		require.ErrorIs(t, err, errAddressesUsedUp)
	})
}

func TestListPages(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		want := map[string]bool{}
		for i := range 23 { // several share each moment
			in := f.newPayment()
			in.CreatedAt = epoch.Add(time.Duration(i/6) * time.Millisecond)
			p, _, err := f.CreatePayment(ctx, in, derive)
			require.NoError(t, err)
			want[p.ID] = true
		}
		stranger := f.newPayment()
		stranger.OperatorID = f.addOperator(t).ID
		_, _, err := f.CreatePayment(ctx, stranger, derive)
		require.NoError(t, err)

		for _, limit := range []int{1, 2, 5, 22, 23, 24, 0, 100_000} {
			got := map[string]bool{}
			filter := PaymentFilter{OperatorID: f.operator.ID, Limit: limit}
			var last models.Payment
			for {
				page, cursor, err := f.ListPayments(ctx, filter)
				require.NoError(t, err)
				for _, p := range page {
					require.False(t, got[p.ID], "a payment twice with limit %d", limit)
					got[p.ID] = true
					if last.ID != "" {
						require.True(t, p.CreatedAt.Before(last.CreatedAt) || (p.CreatedAt.Equal(last.CreatedAt) && p.ID < last.ID), "newest first")
					}
					last = p
				}
				if cursor == "" {
					break
				}
				require.Len(t, page, limit)
				filter.Cursor = cursor
			}
			require.Equal(t, want, got, "limit %d", limit)
		}
		none, cursor, err := f.ListPayments(ctx, PaymentFilter{})
		require.NoError(t, err)
		require.Empty(t, none, "no operator, no payments")
		require.Empty(t, cursor)
	})
}

func TestListFilters(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		in := f.newPayment()
		in.UserID = "bob"
		bob, _, err := f.CreatePayment(ctx, in, derive)
		require.NoError(t, err)
		in = f.newPayment()
		in.CreatedAt = epoch.Add(time.Second)
		late, _, err := f.CreatePayment(ctx, in, derive)
		require.NoError(t, err)
		f.expired(t, f.paidBy(t, late, 1), models.ExceptionUnderpaid)

		for name, c := range map[string]struct {
			filter PaymentFilter
			want   []string
		}{
			"all":                         {PaymentFilter{}, []string{late.ID, bob.ID}},
			"status":                      {PaymentFilter{Status: models.StatusExpired}, []string{late.ID}},
			"status without any":          {PaymentFilter{Status: models.StatusPaid}, nil},
			"exception":                   {PaymentFilter{Exception: models.ExceptionUnderpaid}, []string{late.ID}},
			"user":                        {PaymentFilter{UserID: "bob"}, []string{bob.ID}},
			"user in another case":        {PaymentFilter{UserID: "Bob"}, nil},
			"reference":                   {PaymentFilter{Reference: bob.Reference}, []string{bob.ID}},
			"all at once":                 {PaymentFilter{Reference: bob.Reference, UserID: "bob", Status: models.StatusPending, From: epoch, To: epoch.Add(time.Hour)}, []string{bob.ID}},
			"from is inclusive":           {PaymentFilter{From: epoch.Add(time.Second)}, []string{late.ID}},
			"from just after":             {PaymentFilter{From: epoch.Add(time.Second + 1)}, nil},
			"to is exclusive":             {PaymentFilter{To: epoch.Add(time.Second)}, []string{bob.ID}},
			"to just after":               {PaymentFilter{To: epoch.Add(time.Second + 1)}, []string{late.ID, bob.ID}},
			"from in another time zone":   {PaymentFilter{From: epoch.Add(time.Second).In(time.FixedZone("x", -7200))}, []string{late.ID}},
			"nothing between to and from": {PaymentFilter{From: epoch.Add(time.Second), To: epoch}, nil},
		} {
			c.filter.OperatorID = f.operator.ID
			page, _, err := f.ListPayments(ctx, c.filter)
			require.NoError(t, err, name)
			var ids []string
			for _, p := range page {
				ids = append(ids, p.ID)
			}
			require.Equal(t, c.want, ids, name)
		}
	})
}

func TestGarbageCursors(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		id := models.NewID()
		for _, cursor := range []string{
			"x", "!", "====", "AAAA", "\x00", "ü", encodeCursor("."), encodeCursor("1"), encodeCursor("1."),
			encodeCursor("." + id), encodeCursor("+1." + id), encodeCursor("01." + id), encodeCursor("-1." + id), encodeCursor("1.." + id),
			encodeCursor("1." + id + " "), encodeCursor("1." + id[:23] + "G"), encodeCursor("99999999999999999999." + id),
			encodeCursor("9223372036854775807." + id), encodeCursor("1.' OR 1=1 --aaaaaaaaaaa"), encodeCursor("1."+id) + "=",
			string(make([]byte, 10_000)),
		} {
			_, _, err := f.ListPayments(t.Context(), PaymentFilter{OperatorID: f.operator.ID, Cursor: cursor})
			require.ErrorIs(t, err, models.ErrBadCursor, "%q", cursor)
			_, _, err = f.Ledger(t.Context(), f.operator.ID, cursor, 10)
			if cursor != encodeCursor("1") {
				require.ErrorIs(t, err, models.ErrBadCursor, "%q", cursor)
			}
		}
		_, _, err := f.ListPayments(t.Context(), PaymentFilter{OperatorID: f.operator.ID, Cursor: encodeCursor("1." + id)})
		require.NoError(t, err)
	})
}

// What an operator looks for is found among its own payments only; admins find everybody's.
func TestSearchStaysWithTheOperator(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		mine := f.create(t)
		f.mine(t, "main", transferTo(mine, 7, 50*models.USDT, models.BlockRef{}))
		stranger := f.addOperator(t)
		for _, search := range []string{mine.ID, mine.Reference, mine.UserID, mine.DepositAddress, txHash(7)} {
			for operator, want := range map[string]int{f.operator.ID: 1, stranger.ID: 0, "": 0} {
				found, _, err := f.ListPayments(ctx, PaymentFilter{OperatorID: operator, Search: search})
				require.NoError(t, err)
				require.Len(t, found, want, "%s for %q", search, operator)
			}
			found, _, err := f.ListPayments(ctx, PaymentFilter{EveryOperator: true, Search: search})
			require.NoError(t, err)
			require.Len(t, found, 1, search)
		}
		for _, search := range []string{"%", mine.ID[:23], mine.Reference + "0", "' OR '1'='1"} {
			found, _, err := f.ListPayments(ctx, PaymentFilter{EveryOperator: true, Search: search})
			require.NoError(t, err)
			require.Empty(t, found, search)
		}
	})
}

func TestOldestPayment(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		_, ok, err := f.OldestPaymentAt(t.Context(), models.NetworkERC20)
		require.NoError(t, err)
		require.False(t, ok)
		for _, hours := range []int{3, -2, 1} {
			in := f.newPayment()
			in.CreatedAt = epoch.Add(time.Duration(hours) * time.Hour)
			_, _, err := f.CreatePayment(t.Context(), in, derive)
			require.NoError(t, err)
		}
		at, ok, err := f.OldestPaymentAt(t.Context(), models.NetworkERC20)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, epoch.Add(-2*time.Hour), at)
	})
}
