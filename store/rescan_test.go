package store

import (
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"paycow/models"
)

// Blocks are read again a few times for each difference, with pauses that grow, and then no more unless the amount
// changes. What is asked is bounded by the age of the address or by a number of blocks.
func TestARescanIsAskedForAFewTimes(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		p, other := f.create(t), f.create(t)
		difference := func(p models.Payment, units int64) BalanceDifference {
			return BalanceDifference{Address: p.DepositAddress, Units: big.NewInt(units)}
		}
		settle := func(payments ...models.Payment) {
			t.Helper()
			var open []models.Difference
			for _, p := range payments {
				open = append(open, models.Difference{Check: models.CheckChainBalances, Subject: models.AddressSubject(p.DepositAddress), Detail: fmt.Sprint(time.Now())})
			}
			_, _, err := f.SettleFindings(ctx, models.NetworkERC20, open, nil)
			require.NoError(t, err)
		}
		ask := func(atBlock uint64, differing ...BalanceDifference) (from, to uint64) {
			t.Helper()
			from, to, err := f.AskForRescan(ctx, models.NetworkERC20, differing, atBlock)
			require.NoError(t, err)
			return from, to
		}
		done := func() {
			t.Helper()
			cursor, err := f.Cursor(ctx, models.NetworkERC20)
			require.NoError(t, err)
			require.NotZero(t, cursor.RescanTo)
			require.NoError(t, f.NoteRescanned(ctx, models.NetworkERC20, cursor.RescanFrom+1, cursor.RescanTo), "it is no more the first")
			require.NoError(t, f.NoteRescanned(ctx, models.NetworkERC20, cursor.RescanFrom, cursor.RescanFrom))
			cursor, err = f.Cursor(ctx, models.NetworkERC20)
			require.NoError(t, err)
			require.NoError(t, f.NoteRescanned(ctx, models.NetworkERC20, cursor.RescanFrom, cursor.RescanTo))
			cursor, err = f.Cursor(ctx, models.NetworkERC20)
			require.NoError(t, err)
			require.Zero(t, cursor.RescanFrom)
			require.Zero(t, cursor.RescanTo)
		}
		age := func(by time.Duration) {
			t.Helper()
			require.NoError(t, f.writer.Exec("UPDATE reconciliation_findings SET rescanned_at = ?", f.now().Add(-by)).Error)
		}
		const at = 100_000
		older := models.BlockRef{Number: at - 10, Hash: "0x1", Time: p.CreatedAt.Add(-time.Hour)}
		require.NoError(t, f.writer.Transaction(func(tx *gorm.DB) error { return putBlock(tx, models.NetworkERC20, older) }))

		_, to := ask(at, difference(p, 5))
		require.Zero(t, to, "it is no open difference")
		settle(p)
		from, to := ask(at, difference(p, 5))
		require.Equal(t, []uint64{at - 10, at}, []uint64{from, to}, "since the address was handed out")
		age(time.Hour)
		_, to = ask(at+10, difference(p, 5))
		require.Zero(t, to, "it is under way")
		settle(p, other)
		_, to = ask(at+10, difference(p, 6), difference(other, -7))
		require.Zero(t, to, "no difference begins it anew")
		done()
		from, to = ask(at+10, difference(other, -7))
		require.Equal(t, []uint64{at - 10, at + 10}, []uint64{from, to})
		done()
		forgotten := models.Payment{DepositAddress: "0x00000000000000000000000000000000000000fF"}
		settle(p, other, forgotten)
		_, to = ask(at, difference(forgotten, 1))
		require.Zero(t, to, "nothing would be stored for it")
		settle(p, other)

		tries := 1
		for ; tries < 100; tries++ {
			age(9 * time.Minute)
			_, to = ask(at, difference(p, 5))
			require.Zero(t, to, "too early")
			age(1000 * time.Hour)
			settle(p, other)
			from, to = ask(at, difference(p, 5))
			if to == 0 {
				break
			}
			require.Equal(t, []uint64{at - rescanBlocks, at}, []uint64{from, to})
			done()
		}
		require.Equal(t, rescanTries, tries)
		_, to = ask(at, difference(p, 6))
		require.NotZero(t, to, "another amount")
		done()
		settle()
		settle(p)
		_, to = ask(at, difference(p, 6))
		require.NotZero(t, to, "it was gone and came back")
		done()
		_, to = ask(at, difference(p, 7))
		require.Zero(t, to, "too early, also for another amount")
		age(rescanPause)
		_, to = ask(at, difference(p, 7))
		require.NotZero(t, to)
	})
}
