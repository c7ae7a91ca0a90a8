package models

import (
	"strings"
	"time"
)

// TokenEventKind is a kind of event that changes the token itself.
type TokenEventKind string

// The events of USDT's contract that are watched besides Transfer (TetherToken
// 0xdAC17F958D2ee523a2206206994597C13D831ec7).
const (
	TokenPause          TokenEventKind = "PAUSE"
	TokenUnpause        TokenEventKind = "UNPAUSE"
	TokenParams         TokenEventKind = "PARAMS" // the fee
	TokenDeprecate      TokenEventKind = "DEPRECATE"
	TokenBlacklisted    TokenEventKind = "BLACKLISTED"
	TokenUnblacklisted  TokenEventKind = "UNBLACKLISTED"
	TokenFundsDestroyed TokenEventKind = "FUNDS_DESTROYED"
	// TokenUndeprecate is no event of the contract: it corrects a deprecation that the contract knows nothing of.
	TokenUndeprecate TokenEventKind = "UNDEPRECATE"
)

// TokenState is what a contract of the token says about itself at a block. A contract that has no such function cannot
// be paused, deprecated or charge a fee.
type TokenState struct {
	Token      string // the contract, as TransferKey names it
	Paused     bool
	Deprecated bool
	Upgrade    string // the contract in favour of which it is deprecated, in EIP-55 form; "" while it is not
	HasFee     bool   // false when the fee was not asked for, or there is none to ask for
	Fee        string // as the event PARAMS states it: basis points/maximum in micro-USDT
}

// TokenCondition is what a quorum has last agreed on about the token, all its watched contracts together.
type TokenCondition struct {
	Paused bool
	// Unfollowed is the contract in favour of which the token is deprecated while it is not watched, in EIP-55 form; ""
	// when there is none.
	Unfollowed string
}

// TokenUpgrade is a contract that the token was upgraded to.
type TokenUpgrade struct {
	Address string   // EIP-55 form
	From    BlockRef // the block before the upgrade: everything above it is read again
	At      BlockRef // the agreed block at which the token's contract said so
}

// TokenCorrection is the prefix of TokenEvent.TxHash in events that no transaction made: they were written because the
// state of the contract contradicts the events that were read. The rest of it is the hash of the block.
const TokenCorrection = "state:"

// TokenEvent is one log of the token that is not a transfer. It is identified as a transfer is; its ordinal counts the
// transaction's watched logs of one contract that are not transfers.
type TokenEvent struct {
	TransferKey `gorm:"embedded"`
	Kind        TokenEventKind
	// Address is the address that was blacklisted or lost funds, or the new contract (EIP-55 form); "" for other kinds.
	Address string
	// Value is the fee in basis points and its maximum in micro-USDT ("10/5000000"), or the destroyed micro-USDT; "" for
	// other kinds.
	Value       string
	BlockNumber uint64
	BlockHash   string
	BlockTime   time.Time
	LogIndex    uint
	Canonical   bool
}

// Block returns the block that holds the event.
func (e TokenEvent) Block() BlockRef {
	return BlockRef{Number: e.BlockNumber, Hash: e.BlockHash, Time: e.BlockTime}
}

// IsCorrection reports whether no transaction made the event; see TokenCorrection.
func (e TokenEvent) IsCorrection() bool { return strings.HasPrefix(e.TxHash, TokenCorrection) }

// IsSame reports whether two events are the same log of the same block. The time counts too: it decides how long a
// pause lasted.
func (e TokenEvent) IsSame(other TokenEvent) bool {
	return e.IsSameInRange(other) && e.BlockTime.Equal(other.BlockTime)
}

// IsSameInRange compares what a range of logs says about two events. It says nothing about the block's time.
func (e TokenEvent) IsSameInRange(other TokenEvent) bool {
	return e.TransferKey == other.TransferKey && e.Kind == other.Kind && e.Address == other.Address &&
		e.Value == other.Value && e.LogIndex == other.LogIndex && e.BlockNumber == other.BlockNumber &&
		e.BlockHash == other.BlockHash
}

// OnlyIfOurs reports whether an event of this kind matters only when its address is one of our deposit addresses.
func (k TokenEventKind) OnlyIfOurs() bool {
	return k == TokenBlacklisted || k == TokenUnblacklisted || k == TokenFundsDestroyed
}

// Pause is a time in which nobody could transfer the token. To is zero while it lasts.
type Pause struct {
	From time.Time
	To   time.Time
}

// WindowEnd returns when a payment's window really ends: at its expiry plus the time in which the token was paused.
// While a pause that touches the window lasts, open is true and the end is as if the pause ended now. The pauses must
// be in order of time and must not overlap.
func WindowEnd(createdAt, expiresAt time.Time, pauses []Pause, now time.Time) (end time.Time, open bool) {
	end = expiresAt
	for _, pause := range pauses {
		from := pause.From
		if from.Before(createdAt) {
			from = createdAt
		}
		if !from.Before(end) {
			continue // it began after the window had ended
		}
		to := pause.To
		if to.IsZero() {
			open = true
			to = now
		}
		if to.After(from) {
			end = end.Add(to.Sub(from))
		}
	}
	return end, open
}
