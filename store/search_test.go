package store

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// A search finds a part of a word in any case. Complete matches come first, and every page leads on.
func TestSearchByPartsOfWords(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		add := func(minutes int, change func(*NewPayment)) models.Payment {
			t.Helper()
			in := f.newPayment()
			in.CreatedAt, in.UserID = epoch.Add(time.Duration(minutes)*time.Minute), fmt.Sprintf("payer-%d", minutes)
			change(&in)
			p, _, err := f.CreatePayment(ctx, in, derive)
			require.NoError(t, err)
			return p
		}
		user := add(1, func(in *NewPayment) { in.UserID = "anna" })
		longer := add(2, func(in *NewPayment) { in.UserID = "Hannah@example.org" })
		described := add(3, func(in *NewPayment) { in.Description = "Größe XL für ANNA" })
		noted := add(4, func(in *NewPayment) { in.Metadata = models.Metadata{"customer": "Joanna"} })
		other := add(5, func(in *NewPayment) { in.Description = "of " + txHash(8) })
		f.mine(t, "main", transferTo(other, 7, 50*models.USDT, models.BlockRef{}), transferTo(other, 8, models.USDT, models.BlockRef{}))

		search := func(filter PaymentFilter) (ids []string) {
			t.Helper()
			filter.OperatorID, filter.Part = f.operator.ID, filter.Search
			for range 20 {
				page, next, err := f.ListPayments(ctx, filter)
				require.NoError(t, err)
				ids = append(ids, pluck(page, func(p models.Payment) string { return p.ID })...)
				if filter.Cursor = next; next == "" {
					return ids
				}
			}
			require.Fail(t, "the pages do not end")
			return nil
		}
		for limit := range 5 {
			require.Equal(t, []string{user.ID, noted.ID, described.ID, longer.ID}, search(PaymentFilter{Search: "anna", Limit: limit}), limit)
		}
		require.Equal(t, []string{described.ID}, search(PaymentFilter{Search: "größe xl"}))
		require.Equal(t, []string{described.ID}, search(PaymentFilter{Search: "GRÖßE"}))
		require.Equal(t, []string{other.ID}, search(PaymentFilter{Search: other.Reference[3:12]}))
		require.Equal(t, []string{other.ID}, search(PaymentFilter{Search: other.DepositAddress[2:]}))
		require.Equal(t, []string{longer.ID}, search(PaymentFilter{Search: "ANNAH", Status: models.StatusPending}))
		require.Empty(t, search(PaymentFilter{Search: "anna", Status: models.StatusPaid}))
		require.Equal(t, []string{noted.ID}, search(PaymentFilter{Search: "ann", MetadataKey: "customer"}))
		require.Equal(t, []string{noted.ID, described.ID}, search(PaymentFilter{Search: "anna", From: described.CreatedAt}))
		require.Empty(t, search(PaymentFilter{Search: other.ID[1:]}), "an id is found as a whole only")
		for limit := range 3 {
			require.Equal(t, []string{other.ID}, search(PaymentFilter{Search: txHash(8), Limit: limit}), "a complete match is no part")
		}
		everybody, _, err := f.ListPayments(ctx, PaymentFilter{EveryOperator: true, Search: "hannah", Part: "hannah"})
		require.NoError(t, err)
		require.Len(t, everybody, 1)
		exact, next, err := f.ListPayments(ctx, PaymentFilter{OperatorID: f.operator.ID, Search: "anna"})
		require.NoError(t, err)
		require.Equal(t, []string{user.ID}, pluck(exact, func(p models.Payment) string { return p.ID }), "no parts unless asked")
		require.Empty(t, next)
	})
}

// One request looks at a bounded number of payments. Its cursor leads further back, and says how far it has looked.
func TestASearchLooksAtABoundedNumber(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		old := f.create(t)
		rows := make([]models.Payment, maxSearched+searchedBatch)
		for i := range rows {
			rows[i] = old
			rows[i].ID, rows[i].Reference = models.NewID(), models.NewReference()
			rows[i].AddressIndex, rows[i].DepositAddress = uint32(100_000+i), fmt.Sprintf("0x%040d", i)
			rows[i].CreatedAt = old.CreatedAt.Add(time.Duration(i+1) * time.Second)
			rows[i].UserID = "other"
		}
		require.NoError(t, f.writer.CreateInBatches(&rows, 200).Error)
		filter := PaymentFilter{OperatorID: f.operator.ID, Search: old.Reference[:10], Part: old.Reference[:10]}
		page, next, err := f.ListPayments(ctx, filter)
		require.NoError(t, err)
		require.Empty(t, page)
		at, ok := SearchedTo(next)
		require.True(t, ok)
		require.Equal(t, rows[searchedBatch].CreatedAt.UTC(), at)
		filter.Cursor = next
		page, next, err = f.ListPayments(ctx, filter)
		require.NoError(t, err)
		require.Len(t, page, 1)
		require.Empty(t, next)
		whole, _, err := f.ListPayments(ctx, PaymentFilter{OperatorID: f.operator.ID, Search: old.Reference})
		require.NoError(t, err)
		require.Equal(t, old.ID, whole[0].ID, "a complete match is found at once, however old")
	})
}

// Long texts count too: a page looks at fewer payments then.
func TestASearchReadsABoundedNumberOfBytes(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		old := f.create(t)
		metadata := models.Metadata{}
		for i := range 20 {
			metadata[fmt.Sprint("key-", i)] = strings.Repeat("x", 500)
		}
		rows := make([]models.Payment, 3*searchedBatch)
		for i := range rows {
			rows[i] = old
			rows[i].ID, rows[i].Reference, rows[i].Metadata = models.NewID(), models.NewReference(), metadata
			rows[i].AddressIndex, rows[i].DepositAddress = uint32(100_000+i), fmt.Sprintf("0x%040d", i)
			rows[i].CreatedAt = old.CreatedAt.Add(time.Duration(i+1) * time.Second)
		}
		require.NoError(t, f.writer.CreateInBatches(&rows, 50).Error)
		_, next, err := f.ListPayments(t.Context(), PaymentFilter{OperatorID: f.operator.ID, Search: "nothing", Part: "nothing"})
		require.NoError(t, err)
		at, ok := SearchedTo(next)
		require.True(t, ok)
		require.Equal(t, rows[searchedBatch].CreatedAt.UTC(), at)
	})
}

// Totals cost no more than they are worth.
func TestTotalsAreBounded(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		old := f.create(t)
		rows := make([]models.Payment, maxTotalled+10)
		for i := range rows {
			rows[i] = old
			rows[i].ID, rows[i].Reference = models.NewID(), models.NewReference()
			rows[i].AddressIndex, rows[i].DepositAddress = uint32(100_000+i), fmt.Sprintf("0x%040d", i)
			rows[i].CreatedAt = old.CreatedAt.Add(time.Duration(i+1) * time.Second)
		}
		require.NoError(t, f.writer.CreateInBatches(&rows, 200).Error)
		totals, ok, err := f.TotalPayments(ctx, PaymentFilter{OperatorID: f.operator.ID})
		require.NoError(t, err)
		require.False(t, ok)
		require.EqualValues(t, maxTotalled+1, totals.Payments, "no more are read")
		totals, ok, err = f.TotalPayments(ctx, PaymentFilter{OperatorID: f.operator.ID, From: rows[10].CreatedAt})
		require.NoError(t, err)
		require.True(t, ok)
		require.EqualValues(t, maxTotalled, totals.Payments)
		require.Equal(t, models.Amount(maxTotalled)*old.AmountRequested, totals.AmountRequested)
	})
}
