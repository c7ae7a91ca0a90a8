package models

import (
	"cmp"
	"time"
)

// The defaults of an installation. A setting may replace each of them; nothing else states them.
const (
	// DefaultConfirmations is how many confirmations a transfer needs before it is credited, in blocks.
	DefaultConfirmations = 12
	// DefaultMaxAmount is the largest amount of one payment, in micro-USDT.
	DefaultMaxAmount = 1_000_000 * USDT
	// DefaultPaymentWindow is the time from a payment's creation to its expiry.
	DefaultPaymentWindow = time.Hour
	// DefaultBlockTime is the usual time between two blocks: a slot of Ethereum's consensus layer
	// (SECONDS_PER_SLOT in the consensus specifications).
	DefaultBlockTime = 12 * time.Second
	// MaxClockSkew is how far a clock may be from the database's or the chain's before it is wrong. Nothing sets it.
	MaxClockSkew = time.Minute
	// MaxHeadAhead is how far a block may be in the future before the clock that says so is wrong. Blocks come late, never
	// early. Nothing sets it.
	MaxHeadAhead = 30 * time.Second
	// DefaultKeepAudit is how long lines of the audit log are kept.
	DefaultKeepAudit = 5 * 365 * 24 * time.Hour
	// DefaultKeepReports is how long reports of reconciliations are kept.
	DefaultKeepReports = 90 * 24 * time.Hour
	// DefaultKeepAlarms is how long resolved alarms are kept.
	DefaultKeepAlarms = 365 * 24 * time.Hour
	// DefaultKeepEvents is how long events are kept.
	DefaultKeepEvents = 365 * 24 * time.Hour
	// DefaultKeepDeliveries is how long webhook deliveries are kept that are not to be tried any more.
	DefaultKeepDeliveries = 30 * 24 * time.Hour
	// DefaultReservedAddresses is how many of the first indexes of each account key are never handed out.
	DefaultReservedAddresses = 1000
	// DefaultRatePerKey, DefaultRatePerNetwork and DefaultRateOfStatus are how many requests a minute are admitted: of one
	// API key, of one network address, and of one network address for the public status of payments.
	DefaultRatePerKey     = 6000
	DefaultRatePerNetwork = 12_000
	DefaultRateOfStatus   = 1200
	// DefaultMinAmount is the smallest amount of one payment, in micro-USDT.
	DefaultMinAmount = USDT / 100
	// DefaultMaxOpen is how many payments of an operator can be open at a time.
	DefaultMaxOpen = 10_000
	// DefaultMaxTests is how many test payments an operator can create in 24 hours, and how many test events each of its
	// sides, real and test, can ask for.
	DefaultMaxTests = 10_000
	// DefaultMaxUnpaid is how many payments in a row an operator may create of which none receives anything.
	DefaultMaxUnpaid = 1000
	// DefaultReconcileInterval is the time from one scheduled reconciliation to the next.
	DefaultReconcileInterval = 10 * time.Minute
)

// Quorum returns how many of the given number of Ethereum nodes must agree before anything is credited or expires: the
// configured number or, if that is 0, the default. By default one node decides alone, and of several nodes two must
// agree.
func Quorum(configured, nodes int) int { return cmp.Or(configured, min(nodes, 2)) }
