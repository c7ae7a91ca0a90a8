package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"paycow/models"
)

const treasury = "0xTreasury"

func move(from, to string, tx int, amount models.Amount) models.TokenTransfer {
	return models.TokenTransfer{
		TransferKey: models.TransferKey{ChainID: 1, TxHash: txHash(tx)}, From: from, To: to, Amount: amount, LogIndex: 3,
	}
}

// held is what each payment's address should hold at the tip.
func (f *fixture) held(t testing.TB) map[string]string {
	t.Helper()
	balances, err := f.ExpectedBalances(t.Context(), models.NetworkERC20, f.tip.Number, "", 100)
	require.NoError(t, err)
	units := map[string]string{}
	for _, balance := range balances {
		units[balance.Address] = balance.Units.String()
	}
	return units
}

// A transfer from one of our addresses, from a reserved one or from the treasury moves money that is ours already: it is
// never credited, whatever a reorg, a second reading or a rescan does with it, and the addresses' balances follow it.
func TestInternalMovementsAreNeverCredited(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		a, b := f.create(t), f.create(t)
		require.NoError(t, f.AddTreasury(ctx, []string{treasury}))
		require.NoError(t, f.AddReservedAddresses(ctx, "key", []string{"0xReserved"}))
		before := f.tip
		// The payer pays B and the owner sweeps B to A in the same block; treasury and a reserved address pay A, too.
		moves := []models.TokenTransfer{
			transferTo(b, 1, 50, models.BlockRef{}), move(b.DepositAddress, a.DepositAddress, 2, 50),
			move(treasury, a.DepositAddress, 3, 7), move("0xReserved", a.DepositAddress, 4, 5),
			move(a.DepositAddress, a.DepositAddress, 5, 1), move(treasury, "0xSupplier", 6, 9),
		}
		check := func() {
			t.Helper()
			transfers, err := f.Transfers(ctx, a.ID)
			require.NoError(t, err)
			require.Empty(t, transfers)
			f.requireBalance(t, 0, 50)
			require.Equal(t, map[string]string{a.DepositAddress: "62", b.DepositAddress: "0"}, f.held(t))
			internal, err := internalMovements(f.reader, a.DepositAddress)
			require.NoError(t, err)
			require.Len(t, internal, 4)
			stored, err := f.StoredTransfers(ctx, models.NetworkERC20, before.Number, f.tip.Number)
			require.NoError(t, err)
			require.Len(t, stored, 5, "the second reading finds every one that concerns our addresses")
			due, err := f.DueSignals(ctx, models.NetworkERC20, f.tip.Number, 10)
			require.NoError(t, err)
			require.Len(t, due, 1, "nobody is signalled but B")
		}
		f.mine(t, "main", moves...)
		check()
		added, err := f.Heal(ctx, models.NetworkERC20, moves)
		require.NoError(t, err)
		require.Zero(t, added, "they are known")
		check()

		f.rewind(t, before)
		require.Equal(t, map[string]string{a.DepositAddress: "0", b.DepositAddress: "0"}, f.held(t))
		f.mine(t, "side", moves...)
		check()

		f.rewind(t, before)
		f.mine(t, "third")
		for i := range moves {
			moves[i].Block = f.tip
		}
		added, err = f.Heal(ctx, models.NetworkERC20, moves)
		require.NoError(t, err)
		require.Equal(t, 1, added)
		check()
	})
}

// A transfer that was stored as a deposit before its sender was known as ours is not booked: the transaction that would
// credit it makes it an internal movement.
func TestASenderThatTurnsOutToBeOursIsNotCredited(t *testing.T) {
	for name, claim := range map[string]func(t *testing.T, f *fixture, sender string){
		"handed out later": func(t *testing.T, f *fixture, sender string) {
			_, _, err := f.CreatePayment(t.Context(), f.newPayment(), func(uint32) (string, error) { return sender, nil })
			require.NoError(t, err)
		},
		"treasury since": func(t *testing.T, f *fixture, sender string) {
			require.NoError(t, f.AddTreasury(t.Context(), []string{sender}))
		},
		"reserved since": func(t *testing.T, f *fixture, sender string) {
			require.NoError(t, f.AddReservedAddresses(t.Context(), "key", []string{sender}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, f *fixture) {
				ctx := t.Context()
				p := f.create(t)
				const sender = "0xLater"
				mined := f.mine(t, "main", move(sender, p.DepositAddress, 1, 50))
				f.confirm(t, 11)
				claim(t, f, sender)
				in := f.creditInput(p, []models.Transfer{f.transfer(t, p.ID)}, nil)
				result, err := f.Credit(ctx, in)
				require.NoError(t, err)
				require.False(t, result.Recorded)
				require.NotNil(t, result.Snapshot)
				require.Len(t, result.Snapshot.Transfers, 1)
				require.False(t, result.Snapshot.Transfers[0].Canonical, "the workflow takes it back")
				f.requireBalance(t, 0, 0)
				require.Equal(t, "50", f.held(t)[p.DepositAddress])
				internal, err := internalMovements(f.reader, p.DepositAddress)
				require.NoError(t, err)
				require.Len(t, internal, 1)
				require.Len(t, f.audited(t, "internal_movement"), 1)

				move := move(sender, p.DepositAddress, 1, 50)
				move.Block = mined
				_, err = f.Heal(ctx, models.NetworkERC20, []models.TokenTransfer{move})
				require.NoError(t, err)
				require.False(t, f.transfer(t, p.ID).Canonical, "a rescan does not bring it back")
				require.NoError(t, f.Disprove(ctx, models.NetworkERC20, []models.TokenTransfer{move}, "gone"))
				require.Equal(t, "0", f.held(t)[p.DepositAddress])
			})
		})
	}
}

// What was credited before it was known to be ours is left to a person: reconciliation names it and changes nothing.
func TestOldCreditsOfInternalMovementsAreReported(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		a, b := f.create(t), f.create(t)
		moved := move(b.DepositAddress, a.DepositAddress, 2, 50*models.USDT)
		f.mine(t, "main", transferTo(b, 1, 50*models.USDT, models.BlockRef{}), moved)
		// As the versions before stored it: a deposit, and the sweep that it is.
		deposit := transferTo(a, 2, 50*models.USDT, f.tip)
		require.NoError(t, f.write(ctx, func(tx *gorm.DB) error {
			at := f.tip.Number
			return storeTransfers(tx, []models.Transfer{{
				TransferKey: deposit.TransferKey, PaymentID: a.ID, FromAddress: "0xForNow", Amount: 50 * models.USDT, LogIndex: 3,
				BlockNumber: at, BlockHash: f.tip.Hash, BlockTime: f.tip.Time, Canonical: true, Revision: 1, SignalDueAt: &at,
				CreatedAt: epoch, UpdatedAt: epoch,
			}})
		}))
		_, err := f.Credit(ctx, f.creditInput(a, []models.Transfer{f.transfer(t, a.ID)}, nil))
		require.NoError(t, err)
		require.NoError(t, f.writer.Exec("UPDATE transfers SET from_address = ? WHERE payment_id = ?", b.DepositAddress, a.ID).Error)

		require.Equal(t, map[string]string{a.DepositAddress: "50000000", b.DepositAddress: "0"}, f.held(t), "it is counted once")
		report, err := f.ComparePayments(ctx, []string{a.ID, b.ID}, BooksDue{Before: time.Now()})
		require.NoError(t, err)
		require.Len(t, report.Differences, 1)
		require.Equal(t, models.CheckInternalCredited, report.Differences[0].Check)
		require.Contains(t, report.Differences[0].Detail, b.DepositAddress)
		f.requireBalance(t, 50*models.USDT, 50*models.USDT)
	})
}

// The first addresses of an account key are the wallet's own: none of them is ever handed out.
func TestReservedIndexesAreNeverHandedOut(t *testing.T) {
	t.Run("by default", func(t *testing.T) {
		onBoth(t, func(t *testing.T, f *fixture) {
			ctx := t.Context()
			require.EqualValues(t, models.DefaultReservedAddresses, f.create(t).AddressIndex, "without a word")
			require.NoError(t, f.ReserveAddresses(ctx, models.DefaultReservedAddresses))
			err := f.ReserveAddresses(ctx, 5)
			require.ErrorIs(t, err, models.ErrReserveFixed)
			require.ErrorContains(t, err, "1000")
			require.NoError(t, f.ReserveAddresses(ctx, models.DefaultReservedAddresses))
		})
	})
	for counter, want := range map[int]uint32{0: 20, 7: 20, 20: 20, 128: 128} {
		t.Run(fmt.Sprint("counter at ", counter), func(t *testing.T) {
			onBoth(t, func(t *testing.T, f *fixture) {
				require.NoError(t, f.writer.Exec("UPDATE address_counters SET next_index = ?", counter).Error)
				require.NoError(t, f.ReserveAddresses(t.Context(), 20))
				require.Equal(t, want, f.create(t).AddressIndex)
				require.NoError(t, f.ReserveAddresses(t.Context(), 20))
				require.ErrorIs(t, f.ReserveAddresses(t.Context(), 21), models.ErrReserveFixed)
				f.addresses.useKey("second")
				require.NoError(t, f.writer.Exec("INSERT INTO address_counters (name, next_index) VALUES (?, 0)", counterOf("second")).Error)
				index, _, err := f.addresses.take(t.Context())
				require.NoError(t, err)
				require.EqualValues(t, 20, index, "nor of a second key")
			})
		})
	}
}

// A node that names another sender cannot make a deposit of a sweep: the quorum's reading corrects the row, and the
// booking compares the sender that was verified with the row.
func TestALieAboutTheSenderIsCorrected(t *testing.T) {
	t.Run("a sweep", func(t *testing.T) {
		onBoth(t, func(t *testing.T, f *fixture) {
			ctx := t.Context()
			a, b := f.create(t), f.create(t)
			truth := move(b.DepositAddress, a.DepositAddress, 1, 50)
			lie := truth
			lie.From = "0xPayer"
			truth.Block = f.mine(t, "main", lie)
			f.confirm(t, 11)
			in := f.creditInput(a, []models.Transfer{f.transfer(t, a.ID)}, nil)
			in.Credits[0].From = b.DepositAddress // as the nodes confirm it
			result, err := f.Credit(ctx, in)
			require.NoError(t, err)
			require.False(t, result.Recorded)
			_, err = f.Heal(ctx, models.NetworkERC20, []models.TokenTransfer{truth})
			require.NoError(t, err)
			require.False(t, f.transfer(t, a.ID).Canonical)
			stored, err := f.StoredTransfers(ctx, models.NetworkERC20, truth.Block.Number, truth.Block.Number)
			require.NoError(t, err)
			require.Len(t, stored, 1)
			require.Equal(t, b.DepositAddress, stored[0].From)
		})
	})
	t.Run("among payers", func(t *testing.T) {
		onBoth(t, func(t *testing.T, f *fixture) {
			p := f.create(t)
			truth, lie := move("0xPayer", p.DepositAddress, 1, 50), move("0xOther", p.DepositAddress, 1, 50)
			truth.Block = f.mine(t, "main", lie)
			_, err := f.Heal(t.Context(), models.NetworkERC20, []models.TokenTransfer{truth})
			require.NoError(t, err)
			require.Equal(t, "0xPayer", f.transfer(t, p.ID).FromAddress)
		})
	})
}
