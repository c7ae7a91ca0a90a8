package store

import (
	"fmt"
	"strings"
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

// A row that was planted to make a payer's address look like one of ours hides no deposit. It is stored and shown, and it
// waits with an alarm: if the row were simply passed over, a changed row would make a sweep a deposit. Once the row is as
// it was, the deposit is credited.
func TestAPlantedAddressHidesNoDeposit(t *testing.T) {
	for name, attack := range map[string]struct{ plant, restore string }{
		"own address": {
			"INSERT INTO own_addresses (address, kind, xpub, created_at) VALUES ('0xPayer', 'TREASURY', '', @now)",
			"DELETE FROM own_addresses WHERE address = '0xPayer'",
		},
		"with the proof of another address": {
			"INSERT INTO own_addresses (address, kind, xpub, created_at, mac) SELECT '0xPayer', kind, xpub, created_at, mac FROM own_addresses",
			"DELETE FROM own_addresses WHERE address = '0xPayer'",
		},
		"deposit address": {
			plant: `INSERT INTO payments (id, operator_id, user_id, reference, network, currency, amount_requested, deposit_address, address_index,
				created_at, expires_at, status, exception, amount_received, amount_credited, tx_hash, last_block, decision, reason, version, updated_at,
				confirmations, mac)
				SELECT 'planted', operator_id, user_id, 'planted', network, currency, amount_requested, '0xPayer', 7000, created_at, expires_at,
				status, exception, 0, 0, '', 0, '', '', 1, updated_at, confirmations, mac FROM payments WHERE id = @other;
				INSERT INTO deposit_addresses (payment_id, address, address_index, created_at) VALUES ('planted', '0xPayer', 7000, @now)`,
		},
	} {
		for kind, crowded := range map[string]bool{"crowded": true, "ordinary": false} {
			t.Run(name+", "+kind, func(t *testing.T) {
				onBoth(t, func(t *testing.T, f *fixture) {
					ctx := t.Context()
					require.NoError(t, f.AddTreasury(ctx, []string{treasury}))
					p, other := f.create(t), f.create(t)
					f.unguard(t)
					exec := func(statement string) {
						t.Helper()
						var values []any
						if strings.Contains(statement, "@") {
							values = []any{map[string]any{"now": epoch, "other": other.ID, "address": other.DepositAddress}}
						}
						require.NoError(t, f.writer.Exec(statement, values...).Error)
					}
					for statement := range strings.SplitSeq(attack.plant, ";") {
						exec(statement)
					}
					f.mine(t, "main", transferTo(p, 1, 50*models.USDT, models.BlockRef{}))
					f.confirm(t, 12)
					seen, _, err := f.TransfersToCredit(ctx, p, 0, 1)
					require.NoError(t, err)
					require.Len(t, seen, 1, "it is a deposit")
					credit := func() error {
						if crowded {
							_, _, err := f.Settle(ctx, p.ID, seen, nil)
							return err
						}
						_, err := f.Credit(ctx, f.creditInput(p, seen, nil))
						return err
					}
					require.ErrorIs(t, credit(), models.ErrPaymentAltered)
					require.Contains(t, f.openAlarms(t), models.AlarmPaymentAltered)
					f.requireBalance(t, 0, 50*models.USDT)

					if attack.restore == "" {
						return // the table is append-only
					}
					exec(attack.restore)
					require.NoError(t, credit())
					f.requireBalance(t, 50*models.USDT, 0)
				})
			})
		}
	}
}

// The reserved addresses of an account key are stored again when planted rows stand in for them.
func TestPlantedReservedAddressesDoNotCount(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		for i := range 3 {
			require.NoError(t, f.writer.Exec("INSERT INTO own_addresses (address, kind, xpub, created_at) VALUES (?, 'RESERVED', 'key', ?)",
				fmt.Sprint("0x", i), epoch).Error)
		}
		has, err := f.HasReservedAddresses(ctx, "key", 3)
		require.NoError(t, err)
		require.False(t, has)
		require.NoError(t, f.AddReservedAddresses(ctx, "key", []string{"0x0", "0x1", "0xReserved"}))
		has, err = f.HasReservedAddresses(ctx, "key", 3)
		require.NoError(t, err)
		require.True(t, has)
	})
}
