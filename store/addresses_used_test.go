package store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// TestUnpaidRun counts what an operator created after its last payment that received money, and lists the addresses.
func TestUnpaidRun(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		begin := time.Now().Add(-time.Hour)
		var payments []models.Payment
		for i := range 7 {
			in := f.newPayment()
			in.CreatedAt = begin.Add(time.Duration(i) * time.Second)
			in.ExpiresAt = in.CreatedAt.Add(time.Hour)
			p, _, err := f.CreatePayment(t.Context(), in, derive)
			require.NoError(t, err)
			payments = append(payments, p)
		}
		run := func(operatorID string, limit, want int) {
			t.Helper()
			count, err := f.UnpaidRun(t.Context(), operatorID, limit)
			require.NoError(t, err)
			require.Equal(t, want, count)
		}
		run(f.operator.ID, 100, 7)
		run(f.operator.ID, 5, 5)
		run(f.addOperator(t).ID, 100, 0)
		err := f.writer.Model(&models.Payment{}).Where("id = ?", payments[3].ID).UpdateColumn("amount_received", 1).Error
		require.NoError(t, err)
		run(f.operator.ID, 100, 3)
		run(f.operator.ID, 2, 2)
		all, err := f.unpaidRunOfAll(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 3, all)

		var used []UsedAddress
		for {
			var last *UsedAddress
			if len(used) > 0 {
				last = &used[len(used)-1]
			}
			page, err := f.UsedAddresses(t.Context(), last, 3)
			require.NoError(t, err)
			used = append(used, page...)
			if len(page) < 3 {
				break
			}
		}
		require.Len(t, used, len(payments))
		for i, p := range payments {
			require.Equal(t, p.DepositAddress, used[i].Address)
			require.Equal(t, p.AddressIndex, used[i].Index)
			require.Equal(t, p.OperatorID, used[i].OperatorID)
		}
		require.Equal(t, models.Amount(1), used[3].AmountReceived)
	})
}

// An address that was handed out before, that is ours otherwise, or that received something is passed over, whatever the
// counter says.
func TestAUsedAddressIsNotHandedOutAgain(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		first, second := f.create(t), f.create(t)
		received, err := derive(second.AddressIndex + 1)
		require.NoError(t, err)
		ours, err := derive(second.AddressIndex + 2)
		require.NoError(t, err)
		moved := transferTo(second, 1, models.USDT, models.BlockRef{})
		moved.From, moved.To = first.DepositAddress, received
		f.mine(t, "main", moved)
		require.NoError(t, f.AddTreasury(t.Context(), []string{ours}))
		// As after a restore of the counter alone: another process reserves the same indexes again.
		require.NoError(t, f.writer.Exec("UPDATE address_counters SET next_index = ?", first.AddressIndex).Error)
		restarted := open(t, f.url)
		in := f.newPayment()
		in.IdempotencyKey, in.RequestHash = "key", []byte("hash")
		p, created, err := restarted.CreatePayment(t.Context(), in, derive)
		require.NoError(t, err)
		require.True(t, created)
		require.Equal(t, second.AddressIndex+3, p.AddressIndex)
		again, created, err := restarted.CreatePayment(t.Context(), renamed(in), derive)
		require.NoError(t, err)
		require.False(t, created)
		require.Equal(t, p.ID, again.ID)
		_, created, err = restarted.CreatePayment(t.Context(), f.newPayment(), derive)
		require.NoError(t, err)
		require.True(t, created)
	})
}
