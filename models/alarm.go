package models

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// AlarmKind says what an alarm is about.
type AlarmKind string

// The kinds of alarms.
const (
	AlarmNodeLying           AlarmKind = "NODE_LYING"           // a node contradicted the quorum or a receipts root
	AlarmNodeWrongChain      AlarmKind = "NODE_WRONG_CHAIN"     // a node follows another chain; it is no longer used
	AlarmQuorumMissing       AlarmKind = "QUORUM_MISSING"       // too few nodes agree: no credit, no expiry
	AlarmBlockDoubtful       AlarmKind = "BLOCK_DOUBTFUL"       // no node gives a credible answer for a block
	AlarmTransferMissed      AlarmKind = "TRANSFER_MISSED"      // the second reading found a missing transfer
	AlarmTransferDisproved   AlarmKind = "TRANSFER_DISPROVED"   // the second reading disproved a stored transfer
	AlarmReorgBelowFinality  AlarmKind = "REORG_BELOW_FINALITY" // the chain changed below a final block; no crediting
	AlarmReceiptsUndecodable AlarmKind = "RECEIPTS_UNDECODABLE" // our decoder fails on receipts that the nodes agree on
	AlarmAmountTooLarge      AlarmKind = "AMOUNT_TOO_LARGE"     // a transfer to us does not fit 64 bits and is quarantined
	AlarmTokenPaused         AlarmKind = "TOKEN_PAUSED"         // the token is paused; nobody can transfer it
	AlarmTokenFeeChanged     AlarmKind = "TOKEN_FEE_CHANGED"    // the token now keeps part of each transfer
	AlarmTokenDeprecated     AlarmKind = "TOKEN_DEPRECATED"     // the token moved to another contract
	AlarmAddressBlacklisted  AlarmKind = "ADDRESS_BLACKLISTED"  // one of our addresses can no longer send
	AlarmFundsDestroyed      AlarmKind = "FUNDS_DESTROYED"      // the token's owner destroyed a balance of ours
	AlarmBooksDiffer         AlarmKind = "BOOKS_DIFFER"         // reconciliation found a difference
	AlarmPaymentAltered      AlarmKind = "PAYMENT_ALTERED"      // a payment's row was changed or planted; it is not used
	AlarmCreditedWithoutNode AlarmKind = "CREDIT_CONTRADICTED"  // a credited transfer is not in the quorum's chain
	AlarmEarlyTransfer       AlarmKind = "EARLY_TRANSFER"       // credited to a payment that was created after it
	AlarmDatabaseRestored    AlarmKind = "DATABASE_RESTORED"    // the engine knows payments that the database lacks
	AlarmClockSkew           AlarmKind = "CLOCK_SKEW"           // the worker's clock is not the database's or the chain's
)

// AlarmKinds returns every kind.
func AlarmKinds() []AlarmKind {
	return []AlarmKind{
		AlarmNodeLying, AlarmNodeWrongChain, AlarmQuorumMissing, AlarmBlockDoubtful, AlarmTransferMissed,
		AlarmTransferDisproved, AlarmReorgBelowFinality, AlarmReceiptsUndecodable, AlarmAmountTooLarge, AlarmTokenPaused,
		AlarmTokenFeeChanged, AlarmTokenDeprecated, AlarmAddressBlacklisted, AlarmFundsDestroyed, AlarmBooksDiffer,
		AlarmCreditedWithoutNode, AlarmPaymentAltered, AlarmEarlyTransfer,
		AlarmDatabaseRestored, AlarmClockSkew,
	}
}

// HaltsCrediting reports whether nothing is credited and nothing expires while an alarm of this kind is open.
func (k AlarmKind) HaltsCrediting() bool { return k == AlarmReorgBelowFinality }

// BranchSubject returns the subject of an alarm REORG_BELOW_FINALITY: the block that the quorum has in place of the
// finalized one, as its number and hash.
func BranchSubject(block BlockRef) string { return fmt.Sprintf("%d:%s", block.Number, block.Hash) }

// BranchOf returns the block that BranchSubject wrote, without its time. ok is false for any other subject.
func BranchOf(subject string) (block BlockRef, ok bool) {
	number, hash, ok := strings.Cut(subject, ":")
	parsed, err := strconv.ParseUint(number, 10, 64)
	return BlockRef{Number: parsed, Hash: hash}, ok && err == nil && hash != ""
}

// Alarm is a problem that a person must look at. At most one alarm of a kind and subject is open; raising it again
// counts it.
type Alarm struct {
	ID      int64 `gorm:"primaryKey"`
	Network string
	Kind    AlarmKind
	// Subject is a node's name, a block as BranchSubject writes it, an address or a transfer's key; "" for the network
	// itself.
	Subject    string
	Message    string // one sentence
	Count      int64  // how often it was raised
	RaisedAt   time.Time
	LastAt     time.Time // when it was last raised
	ResolvedAt *time.Time
	ResolvedBy string // "admin:<e-mail>", "cli" or "system"
	Resolution string // the note of whoever resolved it
}
