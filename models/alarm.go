package models

import "time"

// AlarmKind says what an alarm is about.
type AlarmKind string

// The kinds of alarms.
const (
	AlarmNodeLying           AlarmKind = "NODE_LYING"           // a node contradicted the quorum or a block's own receipts root
	AlarmNodeWrongChain      AlarmKind = "NODE_WRONG_CHAIN"     // a node follows another chain; it is not asked again
	AlarmQuorumMissing       AlarmKind = "QUORUM_MISSING"       // for some time too few nodes agreed to credit or expire anything
	AlarmBlockDoubtful       AlarmKind = "BLOCK_DOUBTFUL"       // no node gives a believable answer for a block; reading waits at it
	AlarmTransferMissed      AlarmKind = "TRANSFER_MISSED"      // reading again found a transfer that the first reading left out
	AlarmTransferDisproved   AlarmKind = "TRANSFER_DISPROVED"   // reading again found that a stored transfer does not exist
	AlarmReorgBelowFinality  AlarmKind = "REORG_BELOW_FINALITY" // the chain changed where it must not; crediting stands still
	AlarmAmountTooLarge      AlarmKind = "AMOUNT_TOO_LARGE"     // a transfer to us does not fit 64 bits and is in quarantine
	AlarmTokenPaused         AlarmKind = "TOKEN_PAUSED"         // nobody can transfer the token
	AlarmTokenFeeChanged     AlarmKind = "TOKEN_FEE_CHANGED"    // the token keeps a part of each transfer
	AlarmTokenDeprecated     AlarmKind = "TOKEN_DEPRECATED"     // the token moved to another contract
	AlarmAddressBlacklisted  AlarmKind = "ADDRESS_BLACKLISTED"  // one of our addresses cannot send any more
	AlarmFundsDestroyed      AlarmKind = "FUNDS_DESTROYED"      // the token's owner took what stood at one of our addresses
	AlarmBooksDiffer         AlarmKind = "BOOKS_DIFFER"         // reconciliation found a difference
	AlarmCreditedWithoutNode AlarmKind = "CREDIT_CONTRADICTED"  // a credited transfer is not in the chain that the quorum agrees on
)

// AlarmKinds lists every kind.
func AlarmKinds() []AlarmKind {
	return []AlarmKind{
		AlarmNodeLying, AlarmNodeWrongChain, AlarmQuorumMissing, AlarmBlockDoubtful, AlarmTransferMissed,
		AlarmTransferDisproved, AlarmReorgBelowFinality, AlarmAmountTooLarge, AlarmTokenPaused, AlarmTokenFeeChanged,
		AlarmTokenDeprecated, AlarmAddressBlacklisted, AlarmFundsDestroyed, AlarmBooksDiffer, AlarmCreditedWithoutNode,
	}
}

// HaltsCrediting tells whether nothing is credited and nothing expires while an alarm of this kind is open.
func (k AlarmKind) HaltsCrediting() bool { return k == AlarmReorgBelowFinality }

// Alarm is something that a person must know of. Of one kind and subject at most one is open; raising it again counts.
type Alarm struct {
	ID         int64 `gorm:"primaryKey"`
	Network    string
	Kind       AlarmKind
	Subject    string // what it is about: a node's name, a block, an address, a transfer's key; "" for the network itself
	Message    string // one sentence
	Count      int64  // how often it was raised
	RaisedAt   time.Time
	LastAt     time.Time // of the last time it was raised
	ResolvedAt *time.Time
	ResolvedBy string // who cleared it: "admin:<e-mail>", "cli" or "system"
	Resolution string // in the words of who cleared it
}

// AuditEntry is one line of the append-only record of who did what.
type AuditEntry struct {
	ID      int64 `gorm:"primaryKey"`
	At      time.Time
	Actor   string // "system", "cli", "admin:<e-mail>" or "operator:<id>"
	Action  string // a word such as "alarm_raised", "alarm_resolved", "credit_reversed", "token_paused"
	Subject string // what was acted on: "payment:<id>", "alarm:<id>", "token"
	Detail  string // one sentence
	Address string // the network address of the actor, "" when it acted on the machine itself
}

// ActorSystem is who acts when no person does, ActorCLI is whoever may run the program's commands.
const (
	ActorSystem = "system"
	ActorCLI    = "cli"
)
