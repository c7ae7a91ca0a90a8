package store

import (
	"testing"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// While the alarm of a restore is open no payment is created, and afterwards none gets an address that was closed, also
// from a process that had reserved its index.
func TestAfterARestoreNoClosedAddressIsHandedOut(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		known := f.create(t)
		missing := models.NewID()
		unknown, err := f.UnknownPayments(t.Context(), []string{known.ID, missing})
		require.NoError(t, err)
		require.Equal(t, []string{missing}, unknown)
		in := f.newPayment()
		in.IdempotencyKey, in.RequestHash = "key", []byte("hash")
		before, _, err := f.CreatePayment(t.Context(), in, derive)
		require.NoError(t, err)

		require.NoError(t, f.NoteRestore(t.Context(), models.NetworkERC20, "The database was restored."))
		require.NoError(t, f.NoteRestore(t.Context(), models.NetworkERC20, "The database was restored."))
		_, _, err = f.CreatePayment(t.Context(), f.newPayment(), derive)
		require.ErrorIs(t, err, models.ErrRestored)
		repeated, created, err := f.CreatePayment(t.Context(), renamed(in), derive)
		require.NoError(t, err, "what was answered stays answered")
		require.False(t, created)
		require.Equal(t, before.ID, repeated.ID)
		alarms, err := f.OpenAlarms(t.Context(), models.NetworkERC20)
		require.NoError(t, err)
		require.Len(t, alarms, 1)
		require.EqualValues(t, 1, alarms[0].Count)

		index := before.AddressIndex + 3
		address, err := derive(index)
		require.NoError(t, err)
		free, err := f.UnusedIndexes(t.Context(), "", known.AddressIndex, index+1)
		require.NoError(t, err)
		require.Equal(t, []uint32{index - 2, index - 1, index}, free)
		forgotten := models.ForgottenAddress{
			Address: address, Index: index, PaymentID: missing, OperatorID: f.operator.ID, Units: 7, BlockNumber: 100,
		}
		next := map[string]uint32{"": index + 10}
		require.NoError(t, f.PutForgotten(t.Context(), models.NetworkERC20, []models.ForgottenAddress{forgotten}, next, "Mended."))
		unknown, err = f.UnknownPayments(t.Context(), []string{known.ID, missing})
		require.NoError(t, err)
		require.Empty(t, unknown)
		again, err := f.WithForgotten(t.Context(), []models.ForgottenAddress{{Address: address, Index: index}})
		require.NoError(t, err)
		require.Equal(t, missing, again[0].PaymentID)
		require.Equal(t, index+10, f.create(t).AddressIndex, "the indexes that were reserved before are passed over")
		reserved, err := f.NextAddressIndex(t.Context(), "")
		require.NoError(t, err)
		require.GreaterOrEqual(t, reserved, index+10)
		alarms, err = f.OpenAlarms(t.Context(), models.NetworkERC20)
		require.NoError(t, err)
		require.Empty(t, alarms)

		// The books expect what the address held when it was shown.
		balances, err := f.ExpectedBalancesOf(t.Context(), models.NetworkERC20, 100, []string{address, known.DepositAddress})
		require.NoError(t, err)
		require.Len(t, balances, 2)
		for _, b := range balances {
			want := int64(0)
			if b.Address == address {
				want = 7
			}
			require.Equal(t, want, b.Units.Int64(), b.Address)
		}
		balances, err = f.ExpectedBalancesOf(t.Context(), models.NetworkERC20, 99, []string{address})
		require.NoError(t, err)
		require.Empty(t, balances, "not known for an older block")
		name, err := f.KeyName(t.Context(), "another key")
		require.NoError(t, err)
		require.Equal(t, "another key", name)
	})
}
