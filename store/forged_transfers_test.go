package store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// forgeries change the row of a credited transfer so that its credit seems to be wrong. The nodes confirm that the chain
// does not contain what such a row says.
func forgeries(thief models.Payment) map[string]string {
	return map[string]string{
		"less is credited":        "UPDATE transfers SET credited_amount = 1 WHERE tx_hash = @tx",
		"more is credited":        "UPDATE transfers SET credited_amount = 400000000 WHERE tx_hash = @tx",
		"another transaction":     "UPDATE transfers SET tx_hash = '" + txHash(999) + "', canonical = false WHERE tx_hash = @tx",
		"another log":             "UPDATE transfers SET ordinal = 7, canonical = false WHERE tx_hash = @tx",
		"another contract":        "UPDATE transfers SET token = '0xOther', canonical = false WHERE tx_hash = @tx",
		"moved to another":        "UPDATE transfers SET payment_id = '" + thief.ID + "', canonical = false WHERE tx_hash = @tx",
		"another chain":           "UPDATE transfers SET chain_id = 2, canonical = false WHERE tx_hash = @tx",
		"moved, with less for it": "UPDATE transfers SET payment_id = '" + thief.ID + "', credited_amount = 1 WHERE tx_hash = @tx",
	}
}

// A reversal takes back what the ledger holds for that transfer and that payment, whatever the transfer's row was made to
// say. Otherwise one changed row would pay a transfer twice, or take the money of a payment that is PAID.
func TestAForgedTransferReversesNothing(t *testing.T) {
	for name, crowded := range map[string]bool{"crowded": true, "ordinary": false} {
		for forgery := range forgeries(models.Payment{}) {
			t.Run(name+", "+forgery, func(t *testing.T) {
				onBoth(t, func(t *testing.T, f *fixture) {
					ctx := t.Context()
					p, thief := f.create(t), f.create(t)
					f.mine(t, "main", transferTo(p, 1, 50*models.USDT, models.BlockRef{}))
					if crowded {
						f.mine(t, "main", dust(p, 10, 9, 1)...)
						f.mine(t, "main", dust(thief, 30, 9, 1)...)
					}
					f.confirm(t, 12)
					f.settleAll(t, p, 100)
					f.settleAll(t, thief, 100)
					available, _, err := f.Balance(ctx, f.operator.ID)
					require.NoError(t, err)
					changed := f.writer.Exec(forgeries(thief)[forgery], map[string]any{"tx": txHash(1)})
					require.NoError(t, changed.Error)
					require.EqualValues(t, 1, changed.RowsAffected)

					for _, owner := range []models.Payment{f.payment(t, p.ID), f.payment(t, thief.ID)} {
						reversals, err := f.TransfersToReverse(ctx, owner.ID, 0, 100)
						require.NoError(t, err)
						if len(reversals) == 0 {
							continue
						}
						if crowded {
							_, _, err = f.Settle(ctx, owner.ID, nil, reversals)
						} else {
							_, err = f.Credit(ctx, f.creditInput(owner, nil, reversals))
						}
						require.ErrorIs(t, err, models.ErrPaymentAltered)
						require.Contains(t, f.openAlarms(t), models.AlarmPaymentAltered)
					}
					after, _, err := f.Balance(ctx, f.operator.ID)
					require.NoError(t, err)
					require.Equal(t, available, after)
				})
			})
		}
	}
}

// What is credited is what was verified: a row that was changed after that, or that names no sender, is not booked.
func TestAForgedTransferIsNotCredited(t *testing.T) {
	for forgery, change := range map[string]string{
		"another time": "UPDATE transfers SET block_time = @time WHERE tx_hash = @tx",
		"no sender":    "UPDATE transfers SET from_address = '' WHERE tx_hash = @tx",
	} {
		for name, crowded := range map[string]bool{"crowded": true, "ordinary": false} {
			t.Run(name+", "+forgery, func(t *testing.T) {
				onBoth(t, func(t *testing.T, f *fixture) {
					ctx := t.Context()
					p := f.create(t)
					f.mine(t, "main", transferTo(p, 1, 50*models.USDT, models.BlockRef{}))
					if crowded {
						f.mine(t, "main", dust(p, 10, 9, 1)...)
					}
					f.confirm(t, 12)
					seen, _, err := f.TransfersToCredit(ctx, p, 0, 1)
					require.NoError(t, err)
					forged := map[string]any{"tx": txHash(1), "time": epoch.Add(time.Minute)}
					require.NoError(t, f.writer.Exec(change, forged).Error)
					if seen[0].FromAddress = ""; forgery != "no sender" { // as the notices of an early version name none
						seen[0].FromAddress = "0xPayer"
					}
					if crowded {
						_, _, err = f.Settle(ctx, p.ID, seen, nil)
					} else {
						_, err = f.Credit(ctx, f.creditInput(p, seen, nil))
					}
					if forgery == "no sender" {
						require.ErrorIs(t, err, models.ErrPaymentAltered)
					} else {
						require.NoError(t, err)
					}
					available, _, err := f.Balance(ctx, f.operator.ID)
					require.NoError(t, err)
					require.Zero(t, available)
				})
			})
		}
	}
}
