package models

import (
	"cmp"
	"time"
)

// CrowdedAbove is how many transfers a payment may have before its workflow is sent their sums instead of each of them.
// A payer needs one; anybody can send thousands of tiny ones to an address, and each signal is kept in a history.
const CrowdedAbove = 5

// SettleTime is how long one run of the activity that books the transfers of a crowded payment takes at most. What is
// left then is for the next run.
const SettleTime = 2 * time.Minute

const (
	// crowdStep is the part of the requested amount by which a crowd must change to be news in itself: a tenth.
	crowdStep = 10
	// MaxCrowdPause bounds the time between two signals about a crowd of which nothing is news, in blocks: 6 hours. Tiny
	// transfers are credited no later than that after their last confirmation.
	MaxCrowdPause = 1800
)

// Crowd sums up the transfers of a crowded payment, as the database holds them. A transfer whose credit is no longer
// right counts as it was credited until that is reversed. Amounts are in micro-USDT.
type Crowd struct {
	// Version is that of the payment's row, and Changes the number of changes of its transfers, when the sums were read.
	// They only grow: see Supersedes.
	Version   int64     `json:"version"`
	Changes   int64     `json:"changes"`
	Head      uint64    `json:"head"`      // block number that the confirmations are counted from
	WindowEnd time.Time `json:"windowEnd"` // the real end of the payment's window, which decides what is in time

	Transfers        int64  `json:"transfers"`        // all that are known, with those that a reorg removed
	Removed          int64  `json:"removed"`          // by a reorg
	UncreditedInTime int64  `json:"uncreditedInTime"` // mined within the window and not credited
	Unconfirmed      int64  `json:"unconfirmed"`      // not credited, without the required confirmations
	Confirmed        int64  `json:"confirmed"`        // not credited, with the required confirmations
	Outdated         int64  `json:"outdated"`         // credited, and a reorg removed or changed them: to be reversed
	ConfirmedAmount  Amount `json:"confirmedAmount"`  // the sum of the confirmed ones
	Received         Amount `json:"received"`         // in the chain, mined since the payment's creation
	MinedInTime      Amount `json:"minedInTime"`
	Confirming       Amount `json:"confirming"` // the part of MinedInTime with ConfirmingFrom or more confirmations
	Credited         Amount `json:"credited"`
	CreditedInTime   Amount `json:"creditedInTime"`
	CreditedLate     Amount `json:"creditedLate"`
	CreditedEarly    Amount `json:"creditedEarly,omitempty"` // mined before the payment's creation: it never pays

	// TxHash and LastBlock are those of PaymentState.
	TxHash    string `json:"txHash"`
	LastBlock uint64 `json:"lastBlock"`
	// NewestUnconfirmed is the block number of the newest unconfirmed transfer, NewestInTime that of the newest one that
	// was mined in time and is not credited, OldestLarge that of the oldest unconfirmed one of a tenth of the requested
	// amount or more; 0 for none.
	NewestUnconfirmed uint64 `json:"newestUnconfirmed"`
	NewestInTime      uint64 `json:"newestInTime"`
	OldestLarge       uint64 `json:"oldestLarge"`
}

// Supersedes reports whether this crowd replaces another one of the same payment: it was read from newer rows or, with
// the same rows, gives them more confirmations.
func (c Crowd) Supersedes(other Crowd) bool {
	order := cmp.Or(cmp.Compare(c.Version, other.Version), cmp.Compare(c.Changes, other.Changes),
		cmp.Compare(c.Head, other.Head), c.WindowEnd.Compare(other.WindowEnd))
	return order > 0
}

// IsUnsettled reports whether a booking is due or will be.
func (c Crowd) IsUnsettled() bool { return c.Unconfirmed > 0 || c.HasBookings() }

// HasBookings reports whether there is something to credit or to reverse now.
func (c Crowd) HasBookings() bool { return c.Confirmed > 0 || c.Outdated > 0 }

// CrowdStep returns the change of a crowd that is news in itself, for a payment of the requested amount.
func CrowdStep(requested Amount) Amount { return max(requested/crowdStep, 1) }

// CrowdNews decides when the workflow of a crowded payment is signalled. Tiny transfers alone are no news: they wait
// for the next signal, with pauses that grow.
type CrowdNews struct {
	Requested     Amount // of the payment
	Enough        Amount // the least that pays the payment
	Confirmations uint64 // that the payment requires
	BlockTime     time.Time
	Now           Crowd
	Told          *Crowd // what was signalled last, nil for nothing
	Tellings      int64  // how often the payment was signalled although nothing was news
	Recorded      Amount // what the payment's row says was received, in micro-USDT
}

// IsDue reports whether the workflow is due to be signalled now: there is news, or the rest has waited long enough.
func (n CrowdNews) IsDue() bool {
	return n.IsNews() || n.Now.HasBookings() && n.Now.Head >= n.Told.Head+n.pause()
}

// IsNews reports whether the workflow is to know the sums at once.
func (n CrowdNews) IsNews() bool {
	now := n.Now
	if n.Told == nil {
		return true
	}
	told := *n.Told
	step := CrowdStep(n.Enough)
	differs := func(said func(Crowd) bool) bool { return said(now) != said(told) }
	begins := func(said func(Crowd) bool) bool { return said(now) && !said(told) }
	switch {
	case differs(func(c Crowd) bool { return c.Removed > 0 }),
		differs(func(c Crowd) bool { return c.MinedInTime >= n.Enough }),
		differs(func(c Crowd) bool { return c.MinedInTime >= n.Requested }),
		differs(func(c Crowd) bool { return c.Confirming >= n.Enough }),
		now.Received >= told.Received && now.Received-told.Received >= step,
		now.Received < told.Received && told.Received-now.Received >= step,
		// No later signal would tell of what a reorg removed, however little it is: nothing is left to book.
		!now.IsUnsettled() && now.Received != told.Received && now.Received != n.Recorded,
		begins(func(c Crowd) bool { return c.Outdated > 0 }),
		begins(func(c Crowd) bool { return c.ConfirmedAmount >= step }),
		told.OldestLarge > 0 && now.Confirmed > 0 && n.isConfirmedSince(told, told.OldestLarge),
		// The confirmed transfers complete the amount.
		now.MinedInTime >= n.Enough && now.CreditedInTime < n.Enough && n.isConfirmedSince(told, now.LastBlock),
		// The window is over and all that came within it is confirmed, so the payment can end.
		n.BlockTime.After(now.WindowEnd) && now.UncreditedInTime > 0 && n.isConfirmedSince(told, now.NewestInTime):
		return true
	}
	return false
}

// isConfirmedSince reports whether a transfer in that block has the required confirmations now and did not have them
// when the workflow was signalled last.
func (n CrowdNews) isConfirmedSince(told Crowd, block uint64) bool {
	at := n.confirmedAt(block)
	return told.Head < at && at <= n.Now.Head
}

// confirmedAt returns the block number of the head at which a transfer in that block has the required confirmations.
func (n CrowdNews) confirmedAt(block uint64) uint64 { return block + max(n.Confirmations, 1) - 1 }

// pause returns how many blocks pass between two signals without news.
func (n CrowdNews) pause() uint64 {
	pause := max(n.Confirmations, 1)
	for range n.Tellings + 1 {
		if pause *= 4; pause >= MaxCrowdPause {
			return MaxCrowdPause
		}
	}
	return pause
}

// NextLook returns the block number of the head at which IsDue is to be asked again, and false when there is nothing
// left to say.
func (n CrowdNews) NextLook() (head uint64, ok bool) {
	now := n.Now
	if !now.IsUnsettled() {
		return 0, false
	}
	// While the window may end, the end is not known as a block number.
	next := now.Head + max(n.Confirmations, 1)
	for _, at := range []uint64{
		now.LastBlock + ConfirmingFrom - 1, n.confirmedAt(now.LastBlock), n.confirmedAt(now.OldestLarge),
		n.confirmedAt(now.NewestInTime),
	} {
		if at > now.Head {
			next = min(next, at)
		}
	}
	return next, true
}
