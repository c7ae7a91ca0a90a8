package store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"paycow/models"
)

// A call that creates a payment is one statement on Postgres, and writes what the several statements do.
func TestACreationIsOneStatement(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		f.create(t) // which learns where the cursor is
		kept := &sqlKeeper{}
		f.writer = f.writer.Session(&gorm.Session{Logger: kept})
		create := func(in NewPayment) (models.Payment, bool) {
			p, created, err := f.CreatePayment(ctx, in, derive)
			require.NoError(t, err)
			return p, created
		}
		in := f.newPayment()
		in.IdempotencyKey, in.RequestHash = "one", []byte("body")
		in.Metadata, in.Description, in.ReturnURL = models.Metadata{"a": `"1" \ ü`, "b": ""}, "what?", "https://shop.example/?a=?"
		p, created := create(in)
		require.True(t, created)
		if f.engine == enginePostgres {
			require.Len(t, kept.statements, 1, kept.statements)
		}
		require.Equal(t, p, f.payment(t, p.ID))
		require.NoError(t, f.CheckTerms(p))
		require.NoError(t, f.CheckAddress(ctx, p))
		lines, err := timelineOf(f.read(ctx), p.ID)
		require.NoError(t, err)
		require.Equal(t, []models.PaymentEvent{timelineLine(p.ID, p.PaymentState, p.CreatedAt)}, lines)
		entries := map[string]string{}
		var rows []models.MetadataEntry
		require.NoError(t, f.read(ctx).Where("payment_id = ? AND operator_id = ? AND created_at = ?", p.ID, p.OperatorID,
			p.CreatedAt).Find(&rows).Error)
		for _, row := range rows {
			entries[row.Name] = row.Value
		}
		require.Equal(t, map[string]string(in.Metadata), entries)

		again := in
		again.ID, again.Reference = models.NewID(), models.NewReference()
		found, created := create(again)
		require.False(t, created)
		require.Equal(t, p, found)
		again.CreatedAt = in.CreatedAt.Add(models.IdempotencyKeyLifetime + time.Millisecond)
		kept.statements = nil
		later, created := create(again)
		require.True(t, created, "the key is past its lifetime")
		require.Equal(t, again.ID, later.ID)
		if f.engine == enginePostgres {
			require.Len(t, kept.statements, 1, kept.statements)
		}
		same := f.newPayment()
		same.Reference = p.Reference
		_, _, err = f.CreatePayment(ctx, same, derive)
		require.ErrorIs(t, err, models.ErrAlreadyExists)
	})
}

// A payment is created after the newest block, also when another process has read that since the last creation.
func TestACreationLearnsOfANewBlock(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		before := f.create(t)
		for range 3 {
			block := f.mine(t, "main")
			p := f.create(t)
			require.Equal(t, block.Number, p.CreatedAfter)
			require.Greater(t, p.CreatedAfter, before.CreatedAfter)
			require.NoError(t, f.CheckTerms(f.payment(t, p.ID)))
		}
	})
}

// Two calls with one key that both find it free make one payment.
func TestACreationDoesNotTakeAKeyInForce(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		f.create(t)
		in := f.newPayment()
		in.IdempotencyKey, in.RequestHash = "one", []byte("body")
		_, created, err := f.CreatePayment(t.Context(), in, derive)
		require.NoError(t, err)
		require.True(t, created)
		for range 2 { // as if the first look had not found it
			made := models.Payment{ID: models.NewID(), DepositAddress: "0xfree", Network: in.Network}
			_, created, err := f.createAtOnce(t.Context(), made, "", in)
			require.NoError(t, err)
			require.False(t, created)
		}
	})
}

// What stands against a payment is found by the one statement, too.
func TestACreationIsRefusedInItsStatement(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		taken := f.create(t)
		made := taken
		made.ID, made.Reference = models.NewID(), models.NewReference()
		_, created, err := f.createAtOnce(t.Context(), made, "", f.newPayment())
		require.NoError(t, err)
		require.False(t, created, "its address was handed out")
		require.NoError(t, f.Raise(t.Context(), models.Alarm{
			Network: models.NetworkERC20, Kind: models.AlarmDatabaseRestored, Message: "m",
		}))
		_, _, err = f.CreatePayment(t.Context(), f.newPayment(), derive)
		require.ErrorIs(t, err, models.ErrRestored)
	})
}
