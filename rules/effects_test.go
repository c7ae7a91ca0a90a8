package rules

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// The booking of a late transfer is cancelled because a reorg removes the transfer. What is known then looks like what was
// recorded before, and the booking may have been made all the same: the row must be read before the payment ends.
func TestTheRowIsReadAfterAnInterruption(t *testing.T) {
	t.Parallel()
	n := models.TransferNotice{
		TransferKey: models.TransferKey{ChainID: 1, TxHash: "0xa"}, Amount: 50 * models.USDT, Canonical: true, Revision: 3, Confirmations: 12,
		Block: models.BlockRef{Number: 400, Time: testInput.ExpiresAt.Add(time.Minute)},
	}
	p := NewPayment(testInput)
	p.ApplySnapshot(models.PaymentSnapshot{ // an earlier reorg had removed it, and it was mined again
		State:     models.PaymentState{Status: models.StatusExpired, Exception: models.ExceptionReverted, Version: 5},
		Transfers: []models.TransferNotice{n},
	})
	now := testInput.ExpiresAt.Add(time.Hour)
	require.IsType(t, Credit{}, p.Next(now))
	n.Revision, n.Canonical, n.Confirmations = 4, false, 0
	p.ApplyTransfers(models.TransfersSignal{Transfers: []models.TransferNotice{n}})
	p.ApplyInterruption()
	require.IsType(t, Load{}, p.Next(now))
}

// Signals are not applied between the question whether a payment can expire and the wait for the answer, and while the token
// is paused the payment waits although the end of its window seems to lie ahead.
func TestExpiryIsOneQuestion(t *testing.T) {
	t.Parallel()
	p := NewPayment(testInput)
	now := testInput.ExpiresAt.Add(time.Minute)
	asked, ok := p.Next(now).(Expire)
	require.True(t, ok)
	require.False(t, asked.Input.AwaitScan)
	p.ApplyExpireResult(asked, models.ExpireResult{WindowEnd: now.Add(time.Hour)}, now)
	require.True(t, p.TakesSignals(), "the window is longer, so there is nothing to wait for yet")
	require.Equal(t, Wait{Until: now.Add(time.Hour + 30*time.Second), ExpiresAt: testInput.ExpiresAt}, p.Next(now))

	now = now.Add(2 * time.Hour)
	asked, ok = p.Next(now).(Expire)
	require.True(t, ok)
	p.ApplyExpireResult(asked, models.ExpireResult{WindowEnd: now.Add(time.Hour), Paused: true, Wait: models.ExpiryWaitPaused}, now)
	require.False(t, p.TakesSignals())
	waits, ok := p.Next(now).(AwaitScan)
	require.True(t, ok)
	require.True(t, waits.Input.AwaitScan)
	require.Equal(t, asked.Input.State, waits.Input.State)
	p.ApplyScanResult(waits, models.ExpireResult{ScannedPast: true, RecordResult: models.RecordResult{Recorded: true}})
	require.True(t, p.TakesSignals())
	require.Equal(t, End{State: asked.Input.State}, p.Next(now))
}

// An answer that the chain was not read past the window does not close the window.
func TestAScanThatIsNotPastTheWindowKeepsWaiting(t *testing.T) {
	t.Parallel()
	p := NewPayment(testInput)
	now := testInput.ExpiresAt.Add(time.Minute)
	asked, ok := p.Next(now).(Expire)
	require.True(t, ok)
	p.ApplyExpireResult(asked, models.ExpireResult{}, now)
	waits, ok := p.Next(now).(AwaitScan)
	require.True(t, ok)
	p.ApplyScanResult(waits, models.ExpireResult{})
	require.Equal(t, models.StatusPending, p.state().Status)
	require.IsType(t, Expire{}, p.Next(now), "the question is asked again")
}

// confirmedTransfer is a transfer that was mined in time, and has that many confirmations.
func confirmedTransfer(txHash string, amount models.Amount, confirmations uint64) models.TransferNotice {
	return models.TransferNotice{
		TransferKey: models.TransferKey{ChainID: 1, TxHash: txHash}, Amount: amount, Canonical: true, Revision: 1,
		Confirmations: confirmations, Block: models.BlockRef{Number: 400, Time: created},
	}
}

func signal(notices ...models.TransferNotice) models.TransfersSignal {
	return models.TransfersSignal{Transfers: notices}
}

// A transfer is booked with the last confirmation that it needs, and not before. At stake is what was received, if that is
// more than what was asked for.
func TestATransferIsBookedWithItsLastConfirmation(t *testing.T) {
	t.Parallel()
	p := NewPayment(testInput)
	p.ApplyTransfers(signal(confirmedTransfer("0xa", 90*models.USDT, testInput.Confirmations-1)))
	require.IsType(t, Record{}, p.Next(created))
	p.ApplyTransfers(signal(confirmedTransfer("0xa", 90*models.USDT, testInput.Confirmations)))
	credit, ok := p.Next(created).(Credit)
	require.True(t, ok)
	require.Equal(t, 90*models.USDT, credit.Input.AtStake)
	require.False(t, credit.Input.Await)
}

// A signal cannot mark a known transfer as credited. Only the database's snapshot can.
func TestASignalDoesNotCredit(t *testing.T) {
	t.Parallel()
	p := NewPayment(testInput)
	n := confirmedTransfer("0xa", 50*models.USDT, 1)
	p.ApplyTransfers(signal(n))
	n.Revision, n.Confirmations, n.CreditedAmount = 2, 12, 50*models.USDT
	p.ApplyTransfers(signal(n))
	require.IsType(t, Credit{}, p.Next(created))
}

// Of several ends of the window the latest counts, whether a signal or a snapshot brought it, and in whatever order.
func TestTheLatestWindowEndCounts(t *testing.T) {
	t.Parallel()
	later := testInput.ExpiresAt.Add(time.Hour)
	for name, apply := range map[string]func(*Payment){
		"by a signal":   func(p *Payment) { p.ApplyTransfers(models.TransfersSignal{WindowEnd: later}) },
		"by a snapshot": func(p *Payment) { p.ApplySnapshot(models.PaymentSnapshot{State: p.Recorded(), WindowEnd: later}) },
		"out of order": func(p *Payment) {
			p.ApplyTransfers(models.TransfersSignal{WindowEnd: later})
			p.ApplyTransfers(models.TransfersSignal{WindowEnd: testInput.ExpiresAt.Add(time.Minute)})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := NewPayment(testInput)
			apply(p)
			require.Equal(t, later, p.windowEnd())
		})
	}
}

// A transfer that no quorum confirms is held. The others are booked without it, it is awaited alone, and news of it makes it
// an ordinary one again.
func TestAHeldTransferHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	keys := func(notices []models.TransferNotice) (hashes []string) {
		for _, n := range notices {
			hashes = append(hashes, n.TxHash)
		}
		return hashes
	}
	nextCredit := func(p *Payment) Credit {
		effect, ok := p.Next(created).(Credit)
		require.True(t, ok)
		return effect
	}
	p := NewPayment(testInput)
	a, b := confirmedTransfer("0xa", 10*models.USDT, 12), confirmedTransfer("0xb", 20*models.USDT, 12)
	p.ApplyTransfers(signal(a, b))
	both := nextCredit(p)
	require.Equal(t, []string{"0xa", "0xb"}, keys(both.Input.Credits))
	p.ApplyCreditResult(both, models.CreditResult{
		Unverified: []models.UnverifiedTransfer{{TransferKey: a.TransferKey, Reason: "too few nodes agree"}},
	})
	other := nextCredit(p)
	require.Equal(t, []string{"0xb"}, keys(other.Input.Credits))
	require.False(t, other.Input.Await)
	p.ApplyCreditResult(other, models.CreditResult{RecordResult: models.RecordResult{Recorded: true}})
	held := nextCredit(p)
	require.Equal(t, []string{"0xa"}, keys(held.Input.Credits))
	require.True(t, held.Input.Await)

	a.Revision = 2
	p.ApplyTransfers(signal(a))
	p.ApplyInterruption()
	again := nextCredit(p)
	require.Equal(t, []string{"0xa"}, keys(again.Input.Credits))
	require.False(t, again.Input.Await, "news of a held transfer is tried at once")
}

// A credit that was booked on the quorum's word stays, and the payment stays as it is, until the quorum confirms that the
// transfer is gone. Meanwhile the other transfers are booked, and news of the transfer is tried at once.
func TestACreditStandsUntilItsRemovalIsVerified(t *testing.T) {
	t.Parallel()
	for name, gone := range map[string]func(n *models.TransferNotice){
		"removed":              func(n *models.TransferNotice) { n.Canonical = false },
		"with another amount":  func(n *models.TransferNotice) { n.Amount = 1 },
		"removed and far away": func(n *models.TransferNotice) { n.Canonical, n.Block.Time = false, testInput.CreatedAt },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			recorded := models.CreditResult{RecordResult: models.RecordResult{Recorded: true}}
			p := NewPayment(testInput)
			a := confirmedTransfer("0xa", 50*models.USDT, 12)
			p.ApplyTransfers(signal(a))
			credit, ok := p.Next(created).(Credit)
			require.True(t, ok)
			p.ApplyCreditResult(credit, recorded)
			paid := p.Recorded()
			require.Equal(t, models.StatusPaid, paid.Status)
			require.IsType(t, End{}, p.Next(created))

			a.Revision = 2
			gone(&a)
			p.ApplyTransfers(signal(a))
			reversal, ok := p.Next(created).(Credit)
			require.True(t, ok)
			require.Len(t, reversal.Input.Reversals, 1)
			p.ApplyCreditResult(reversal, models.CreditResult{
				Unverified: []models.UnverifiedTransfer{{TransferKey: a.TransferKey, Reason: "one node says so"}},
			})
			held, ok := p.Next(created).(Credit)
			require.True(t, ok, "no change of state before")
			require.True(t, held.Input.Await)
			require.Len(t, held.Input.Reversals, 1)
			require.Equal(t, paid, p.state())
			require.Contains(t, p.Details(held), "one node says so")
			require.Contains(t, p.Details(held), "its removal is not verified yet")

			b := confirmedTransfer("0xb", 20*models.USDT, 12)
			p.ApplyTransfers(signal(b))
			p.ApplyInterruption()
			other, ok := p.Next(created).(Credit)
			require.True(t, ok)
			require.Empty(t, other.Input.Reversals)
			require.Len(t, other.Input.Credits, 1)
			require.Equal(t, models.StatusPaid, other.Input.State.Status)
			require.Equal(t, 70*models.USDT, other.Input.State.AmountCredited)
			p.ApplyCreditResult(other, recorded)

			p.ApplyTransfers(signal(a)) // a repeat says nothing new
			a.Revision = 3
			p.ApplyTransfers(signal(a))
			again, ok := p.Next(created).(Credit)
			require.True(t, ok)
			require.False(t, again.Input.Await, "news of it is tried at once")
			p.ApplyCreditResult(again, recorded)
			require.NotEqual(t, models.StatusPaid, p.Recorded().Status)
			require.Equal(t, 20*models.USDT, p.Recorded().AmountCredited)
		})
	}
}

// While a transfer of the window lacks confirmations, it decides how the payment ends, and the expiry is not asked for.
func TestATransferInTimeDefersTheExpiry(t *testing.T) {
	t.Parallel()
	p := NewPayment(testInput)
	p.ApplyTransfers(signal(confirmedTransfer("0xa", 50*models.USDT, 1)))
	record, ok := p.Next(created).(Record)
	require.True(t, ok)
	p.ApplyRecordResult(record, models.RecordResult{Recorded: true})
	require.Equal(t, Wait{ExpiresAt: testInput.ExpiresAt}, p.Next(testInput.ExpiresAt.Add(time.Hour)))
}

// The newest end of the window counts, also when it is the earlier one: a pause that had moved the end may turn out not to
// have been. An end whose age is not known, or an older one, never brings the end forward.
func TestAnEndOfTheWindowCanBeTakenBack(t *testing.T) {
	t.Parallel()
	expires := testInput.ExpiresAt
	at := func(seconds int) time.Time { return created.Add(time.Duration(seconds) * time.Second) }
	move := func(p *Payment, end time.Time, asOf time.Time) {
		p.ApplyTransfers(models.TransfersSignal{WindowEnd: end, WindowAsOf: asOf})
	}
	p := NewPayment(testInput)
	move(p, expires.Add(5*time.Hour), at(10))
	require.Equal(t, expires.Add(5*time.Hour), p.windowEnd())
	move(p, expires.Add(time.Hour), at(20))
	require.Equal(t, expires.Add(time.Hour), p.windowEnd(), "a shorter pause")
	move(p, expires.Add(30*time.Minute), at(15))
	require.Equal(t, expires.Add(time.Hour), p.windowEnd(), "older news")
	move(p, expires.Add(30*time.Minute), time.Time{})
	require.Equal(t, expires.Add(time.Hour), p.windowEnd(), "news of unknown age, from an earlier version")
	move(p, time.Time{}, at(30))
	require.Equal(t, expires, p.windowEnd(), "no pause at all")
	n := confirmedTransfer("0xa", 50*models.USDT, 1)
	n.Block.Time = expires.Add(time.Minute)
	p.ApplyTransfers(signal(n))
	require.True(t, p.isLate(n))

	move(p, expires.Add(5*time.Hour), at(40))
	p.ApplySnapshot(models.PaymentSnapshot{State: p.Recorded(), WindowAsOf: at(50)})
	require.Equal(t, expires, p.windowEnd(), "by a snapshot")
	move(p, expires.Add(5*time.Hour), at(60))
	asked := Expire{models.ExpireInput{PaymentID: "p"}}
	p.ApplyExpireResult(asked, models.ExpireResult{WindowAsOf: at(70), Wait: models.ExpiryWaitScan}, expires.Add(time.Hour))
	require.Equal(t, expires, p.windowEnd(), "by the question for the expiry")
	require.IsType(t, AwaitScan{}, p.Next(expires.Add(time.Hour)))
}

// A late transfer that is credited proves that the chain is past the window: a clock that is two hours slow does not keep the
// payment PENDING. A question that has no answer yet is not asked in a circle.
func TestALateCreditIsAskedAboutAtOnce(t *testing.T) {
	t.Parallel()
	p := NewPayment(testInput)
	now := testInput.ExpiresAt.Add(-2 * time.Hour)
	late := models.TransferNotice{
		TransferKey: models.TransferKey{ChainID: 1, TxHash: "0x01"}, Amount: testInput.AmountRequested, Canonical: true, Revision: 1,
		Block: models.BlockRef{Number: 9, Hash: "0x09", Time: testInput.ExpiresAt.Add(time.Second)}, Confirmations: testInput.Confirmations,
	}
	p.ApplyTransfers(models.TransfersSignal{Transfers: []models.TransferNotice{late}})
	credit, ok := p.Next(now).(Credit)
	require.True(t, ok, "%#v", p.Next(now))
	p.ApplyCreditResult(credit, models.CreditResult{RecordResult: models.RecordResult{Recorded: true}})
	asked, ok := p.Next(now).(Expire)
	require.True(t, ok, "%#v", p.Next(now))
	require.Equal(t, models.StatusExpired, asked.Input.State.Status)
	require.Equal(t, models.ExceptionPaidLate, asked.Input.State.Exception)
	p.ApplyExpireResult(asked, models.ExpireResult{Wait: models.ExpiryWaitToken}, now)
	waits, ok := p.Next(now).(AwaitScan)
	require.True(t, ok)

	// A pause turns out to have moved the window's end: the transfer was in time after all.
	moved := NewPayment(testInput)
	moved.ApplyTransfers(models.TransfersSignal{Transfers: []models.TransferNotice{late}})
	moved.ApplyCreditResult(credit, models.CreditResult{RecordResult: models.RecordResult{Recorded: true}})
	moved.ApplyExpireResult(asked, models.ExpireResult{WindowEnd: testInput.ExpiresAt.Add(time.Hour)}, now)
	require.True(t, moved.TakesSignals())

	p.ApplyScanResult(waits, models.ExpireResult{ScannedPast: true, RecordResult: models.RecordResult{Recorded: true}})
	require.Equal(t, End{State: asked.Input.State}, p.Next(now))
}
