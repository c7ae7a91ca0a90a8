package store

import (
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"paycow/models"
)

func TestCreditBooksOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		p := f.create(t)
		f.mine(t, "main", transferTo(p, 1, 30*models.USDT, models.BlockRef{}))
		f.requireBalance(t, 0, 30*models.USDT)
		in := f.creditInput(p, []models.Transfer{f.transfer(t, p.ID)}, nil)
		stores := []*Store{f.Store, open(t, f.url)}
		var booked atomic.Int64
		together(20, func(i int) { // one call, at least once
			result, err := stores[i%2].Credit(withTimeout(t), in)
			assert.NoError(t, err)
			// One books it; the others are shown that it is booked.
			assert.True(t, result.Recorded || result.Snapshot.State == in.State && result.Snapshot.Transfers[0].CreditedAmount == 30*models.USDT)
			if result.Recorded {
				booked.Add(1)
			}
		})
		require.EqualValues(t, 1, booked.Load())
		f.requireBalance(t, 30*models.USDT, 0)
		f.requireBooked(t)
		credited := f.payment(t, p.ID)
		require.Equal(t, in.State, credited.PaymentState)
		require.Equal(t, 30*models.USDT, f.transfer(t, p.ID).CreditedAmount)

		lines, err := f.LedgerOfPayment(ctx, p.ID)
		require.NoError(t, err)
		require.Len(t, lines, 2)
		for _, line := range lines {
			require.Equal(t, "transfer:1:"+txHash(1)+":0", line.ExternalID)
			require.Equal(t, models.LedgerCredit, line.Kind)
			require.Equal(t, p.ID, line.PaymentID)
			require.Equal(t, models.LedgerTransactionID(line.ExternalID, p.ID, p.Version), line.TransactionID)
			require.False(t, line.CreatedAt.IsZero())
		}
		require.Equal(t, models.OperatorAvailableAccount(f.operator.ID), lines[0].Account)
		require.Equal(t, 30*models.USDT, lines[0].Amount)
		require.Equal(t, models.AccountChainDeposits, lines[1].Account)
		require.Equal(t, -30*models.USDT, lines[1].Amount)

		// A later version cannot credit the same transfer again.
		again := f.creditInput(credited, []models.Transfer{f.transfer(t, p.ID)}, nil)
		result, err := f.Credit(ctx, again)
		require.NoError(t, err)
		require.False(t, result.Recorded)
		require.Equal(t, 30*models.USDT, result.Snapshot.Transfers[0].CreditedAmount)
		f.requireBalance(t, 30*models.USDT, 0)
	})
}

func TestCreditRefusesWhatIsNoLongerSo(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		p := f.create(t)
		f.mine(t, "main", transferTo(p, 1, 5, models.BlockRef{}))
		row := f.transfer(t, p.ID)
		for name, change := range map[string]func(*models.CreditInput){
			"revision":        func(in *models.CreditInput) { in.Credits[0].Revision++ },
			"amount":          func(in *models.CreditInput) { in.Credits[0].Amount++ },
			"block":           func(in *models.CreditInput) { in.Credits[0].Block.Hash = "0xother" },
			"unknown":         func(in *models.CreditInput) { in.Credits[0].TxHash = txHash(9) },
			"twice":           func(in *models.CreditInput) { in.Credits = append(in.Credits, in.Credits[0]) },
			"nothing to undo": func(in *models.CreditInput) { in.Credits, in.Reversals = nil, in.Credits },
			"one of two":      func(in *models.CreditInput) { in.Credits = append(in.Credits, models.TransferNotice{}) },
			"version":         func(in *models.CreditInput) { in.State.Version++ },
		} {
			in := f.creditInput(p, []models.Transfer{row}, nil)
			change(&in)
			result, err := f.Credit(ctx, in)
			require.NoError(t, err, name)
			require.False(t, result.Recorded, name)
			require.Equal(t, p.PaymentState, result.Snapshot.State, name)
			require.Len(t, result.Snapshot.Transfers, 1, name)
		}
		in := f.creditInput(p, []models.Transfer{row}, nil)
		in.OperatorID = f.addOperator(t).ID
		_, err := f.Credit(ctx, in)
		require.Error(t, err, "another operator's payment")
		in.PaymentID = "nobody"
		_, err = f.Credit(ctx, in)
		require.ErrorIs(t, err, models.ErrNotFound)
		f.requireBalance(t, 0, 5)
		require.Equal(t, p.PaymentState, f.payment(t, p.ID).PaymentState)
	})
}

// TestCreditRefusesARemovedTransfer credits a transfer that a reorg removed, naming it exactly as its row stands. Whoever can
// schedule activities could send that.
func TestCreditRefusesARemovedTransfer(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		p := f.create(t)
		before := f.tip
		f.mine(t, "main", transferTo(p, 1, 5, models.BlockRef{}))
		f.rewind(t, before)
		in := f.creditInput(p, []models.Transfer{f.transfer(t, p.ID)}, nil)
		result, err := f.Credit(t.Context(), in)
		require.NoError(t, err)
		require.False(t, result.Recorded)
		f.requireBalance(t, 0, 0)
		f.requireBooked(t)
	})
}

// TestReversalAndSecondGeneration takes a credited transfer away, reverses it, brings it back and credits it again, twice.
func TestReversalAndSecondGeneration(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		p := f.create(t)
		mined := f.tip
		credit := func(credits, reversals []models.Transfer) {
			in := f.creditInput(f.payment(t, p.ID), credits, reversals)
			result, err := f.Credit(ctx, in)
			require.NoError(t, err)
			require.Equal(t, models.CreditResult{RecordResult: models.RecordResult{Recorded: true}}, result)
			result, err = f.Credit(ctx, in) // a repeat changes nothing and tells how it is
			require.NoError(t, err)
			require.Equal(t, in.State, result.Snapshot.State)
		}
		for generation := range 3 {
			f.mine(t, "main"+string(rune('a'+generation)), transferTo(p, 1, 8, models.BlockRef{}))
			credit([]models.Transfer{f.transfer(t, p.ID)}, nil)
			f.requireBalance(t, 8, 0)
			f.rewind(t, mined)
			f.requireBalance(t, 8, 0)
			removed := f.transfer(t, p.ID)
			require.False(t, removed.Canonical)
			require.EqualValues(t, 8, removed.CreditedAmount, "a reorg does not touch the ledger")
			credit(nil, []models.Transfer{removed})
			f.requireBalance(t, 0, 0)
			f.requireBooked(t)
		}
		lines, _, err := f.Ledger(ctx, f.operator.ID, "", 100)
		require.NoError(t, err)
		var ids []string
		for _, line := range lines {
			ids = append([]string{line.ExternalID}, ids...)
		}
		key := "1:" + txHash(1) + ":0"
		require.Equal(t, []string{
			"transfer:" + key, "reversal:" + key, "transfer:" + key + "#1", "reversal:" + key + "#1", "transfer:" + key + "#2", "reversal:" + key + "#2",
		}, ids)
	})
}

func TestReversalOfAChangedAmount(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		p := f.create(t)
		before := f.tip
		f.mine(t, "main", transferTo(p, 1, 8, models.BlockRef{}))
		in := f.creditInput(p, []models.Transfer{f.transfer(t, p.ID)}, nil)
		result, err := f.Credit(ctx, in)
		require.NoError(t, err)
		require.True(t, result.Recorded)

		unchanged := f.creditInput(f.payment(t, p.ID), nil, []models.Transfer{f.transfer(t, p.ID)})
		result, err = f.Credit(ctx, unchanged)
		require.NoError(t, err)
		require.False(t, result.Recorded, "a credit of what stands on the chain is not reversed")

		f.rewind(t, before)
		f.mine(t, "side", transferTo(p, 1, 5, models.BlockRef{}))
		row := f.transfer(t, p.ID)
		require.EqualValues(t, 3, row.Revision)
		result, err = f.Credit(ctx, f.creditInput(f.payment(t, p.ID), []models.Transfer{row}, []models.Transfer{row}))
		require.NoError(t, err)
		require.True(t, result.Recorded, "reversed and credited anew in one call")
		f.requireBalance(t, 5, 0)
		f.requireBooked(t)
	})
}

// TestTransferThatChangesItsRecipient mines a contract call again that now pays another payment: its credit waits until
// the first one's is reversed.
func TestTransferThatChangesItsRecipient(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		first, second := f.create(t), f.create(t)
		before := f.tip
		f.mine(t, "main", transferTo(first, 1, 8, models.BlockRef{}))
		_, err := f.Credit(ctx, f.creditInput(first, []models.Transfer{f.transfer(t, first.ID)}, nil))
		require.NoError(t, err)
		f.rewind(t, before)
		f.mine(t, "side", transferTo(second, 1, 8, models.BlockRef{}))

		tooEarly := f.creditInput(second, []models.Transfer{f.transfer(t, second.ID)}, nil)
		_, err = f.Credit(ctx, tooEarly)
		require.ErrorIs(t, err, models.ErrAlreadyExists)
		f.requireBalance(t, 8, 8)

		_, err = f.Credit(ctx, f.creditInput(f.payment(t, first.ID), nil, []models.Transfer{f.transfer(t, first.ID)}))
		require.NoError(t, err)
		result, err := f.Credit(ctx, tooEarly)
		require.NoError(t, err)
		require.True(t, result.Recorded)
		f.requireBalance(t, 8, 0)
		f.requireBooked(t)
	})
}

// TestCreditRacesRewind lets a credit and a reorg meet: either the credit comes first and can be reversed, or it is refused.
func TestCreditRacesRewind(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		other := open(t, f.url)
		before := f.tip
		var creditsWon atomic.Int64
		for round := range 20 {
			p := f.create(t)
			var transfers []models.TokenTransfer
			for i := range 5 {
				transfers = append(transfers, transferTo(p, round*10+i+1, 3, models.BlockRef{}))
			}
			f.mine(t, "b"+string(rune('a'+round)), transfers...)
			rows, err := f.Transfers(t.Context(), p.ID)
			require.NoError(t, err)
			in := f.creditInput(p, rows, nil)
			var result models.CreditResult
			together(2, func(i int) {
				if i == 0 {
					var err error
					result, err = other.Credit(withTimeout(t), in)
					assert.NoError(t, err)
				} else {
					assert.NoError(t, f.RewindAgreed(withTimeout(t), models.NetworkERC20, f.tip, before, models.BlockRef{}))
				}
			})
			f.tip = before
			rows, err = f.Transfers(t.Context(), p.ID)
			require.NoError(t, err)
			require.Len(t, rows, 5)
			for _, row := range rows {
				require.False(t, row.Canonical)
				require.Equal(t, result.Recorded, row.CreditedAmount == 3, "all of them or none")
			}
			if result.Recorded {
				creditsWon.Add(1)
				reversed, err := f.Credit(t.Context(), f.creditInput(f.payment(t, p.ID), nil, rows))
				require.NoError(t, err)
				require.True(t, reversed.Recorded)
			} else {
				for _, notice := range result.Snapshot.Transfers {
					require.False(t, notice.Canonical)
				}
			}
			f.requireBalance(t, 0, 0)
			f.requireBooked(t)
		}
		t.Logf("the credit came first in %d of 20 rounds", creditsWon.Load())
	})
}

func TestLedgerPages(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		for i := range 7 {
			p := f.create(t)
			f.mine(t, "main", transferTo(p, i+1, models.Amount(i+1), models.BlockRef{}))
			_, err := f.Credit(ctx, f.creditInput(p, []models.Transfer{f.transfer(t, p.ID)}, nil))
			require.NoError(t, err)
		}
		for _, limit := range []int{1, 3, 7, 8, 0} {
			var amounts []models.Amount
			cursor := ""
			for {
				lines, next, err := f.Ledger(ctx, f.operator.ID, cursor, limit)
				require.NoError(t, err)
				for _, line := range lines {
					amounts = append(amounts, line.Amount)
				}
				if next == "" {
					break
				}
				cursor = next
			}
			require.Equal(t, []models.Amount{7, 6, 5, 4, 3, 2, 1}, amounts, "limit %d", limit)
		}
		lines, _, err := f.Ledger(ctx, f.addOperator(t).ID, "", 10)
		require.NoError(t, err)
		require.Empty(t, lines)
	})
}

// A reversal names what was verified to be gone. If the row says anything else by then, nothing is booked.
func TestAReversalIsOfWhatWasVerified(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		p := f.create(t)
		ancestor := f.tip
		f.mine(t, "main", transferTo(p, 1, 50*models.USDT, models.BlockRef{}))
		f.confirm(t, 11)
		result, err := f.Credit(ctx, f.creditInput(p, []models.Transfer{f.transfer(t, p.ID)}, nil))
		require.NoError(t, err)
		require.True(t, result.Recorded)
		f.rewind(t, ancestor)
		gone := f.transfer(t, p.ID)
		for name, change := range map[string]func(n *models.TransferNotice){
			"another amount":   func(n *models.TransferNotice) { n.CreditedAmount = 1 },
			"another block":    func(n *models.TransferNotice) { n.Block.Hash = "0xother" },
			"another sender":   func(n *models.TransferNotice) { n.From = "0xOther" },
			"an older reading": func(n *models.TransferNotice) { n.Revision-- },
		} {
			input := f.creditInput(f.payment(t, p.ID), nil, []models.Transfer{gone})
			change(&input.Reversals[0])
			result, err = f.Credit(ctx, input)
			require.NoError(t, err, name)
			require.False(t, result.Recorded, name)
			require.NotNil(t, result.Snapshot, name)
			f.requireBalance(t, 50*models.USDT, 0)
		}
		result, err = f.Credit(ctx, f.creditInput(f.payment(t, p.ID), nil, []models.Transfer{gone}))
		require.NoError(t, err)
		require.True(t, result.Recorded)
		f.requireBooked(t)
	})
}
