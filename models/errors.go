package models

import "errors"

// Errors that callers tell apart. Every package of the product returns these and declares none of its own.

// Errors of the database.
var (
	// ErrNotFound means that there is no such row, or that it belongs to another operator.
	ErrNotFound = errors.New("not found")
	// ErrAlreadyExists means that a unique value is taken.
	ErrAlreadyExists = errors.New("already exists")
	// ErrIdempotencyMismatch means that the idempotency key was used with another request body.
	ErrIdempotencyMismatch = errors.New("idempotency key was used with another body")
	// ErrCursorMoved means that another follower has moved the chain cursor since it was read.
	ErrCursorMoved = errors.New("the chain cursor was moved by another follower")
	// ErrLedgerUnbalanced means that the entries of a booking do not sum to zero.
	ErrLedgerUnbalanced = errors.New("ledger entries do not sum to zero")
	// ErrCreditingHalted means that an open alarm stops every credit and every expiry until an admin resolves it.
	ErrCreditingHalted = errors.New("crediting is halted until an alarm is resolved")
	// ErrBadCursor means that a paging cursor was not issued by the store.
	ErrBadCursor = errors.New("malformed paging cursor")
	// ErrRestored means that the database was restored to an earlier moment, so addresses might be handed out again.
	ErrRestored = errors.New("the database was restored to an earlier moment; run `" + RecoverCommand + "`")
	// ErrClockBehind means that a clock of ours is behind the chain's.
	ErrClockBehind = errors.New("the clock is behind the chain's")
	// ErrDatabaseFull means that the database has no room to write.
	ErrDatabaseFull = errors.New("the database has no room to write")
	// ErrDatabaseReadOnly means that the database takes no writes.
	ErrDatabaseReadOnly = errors.New("the database is read-only: it is a standby, or it was closed for writing")
	// ErrSchemaBehind means that the database lacks migrations.
	ErrSchemaBehind = errors.New("the database schema is older than this program: run `paycow migrate`")
	// ErrReserveFixed means that the database was first used with another number of reserved addresses.
	ErrReserveFixed = errors.New("the number of reserved addresses was fixed")
	// ErrPaymentAltered means that a payment's row was changed or planted by somebody else.
	ErrPaymentAltered = errors.New("the payment's row was not written by this program")
	// ErrStepsAltered means that an operator's confirmation steps were changed by somebody else.
	ErrStepsAltered = errors.New("the operator's confirmation steps were not written by this program")
	// ErrEndpointAltered means that a webhook endpoint's row was changed or planted by somebody else.
	ErrEndpointAltered = errors.New("the webhook endpoint's row was not written by this program")
	// ErrOverlapRunning means that the secret before the last rotation still signs.
	ErrOverlapRunning = errors.New("the overlap of the last rotation is still running")
	// ErrMasterKey means that the database belongs to another master key.
	ErrMasterKey = errors.New("the master key is not the one that this database was used with")
	// ErrProofsGone means that what the database knew about its master key was removed.
	ErrProofsGone = errors.New("the table master_keys has lost its rows, so nobody can tell planted rows from ours; " +
		"restore it from a backup")
	// ErrChangedMeanwhile means that what somebody decided about is no longer what they have seen.
	ErrChangedMeanwhile = errors.New("changed in the meantime")
	// ErrNotPossible means that an operator's status does not allow the change.
	ErrNotPossible = errors.New("not possible in this status")
)

// Errors of reading the chain. All of them are worth a retry; ErrReorgTooDeep, ErrWrongChain and ErrReorgBelowFinality
// usually need a person.
var (
	// ErrBlockNotFound means that the node does not have the block, or not yet.
	ErrBlockNotFound = errors.New("the node does not have this block")
	// ErrReorgTooDeep means that the node's chain holds none of the blocks that are remembered.
	ErrReorgTooDeep = errors.New(
		"the node's chain shares no block with what was read before; " +
			"the node is on another chain, or a reorg went deeper than the blocks kept",
	)
	// ErrWrongChain means that the node follows another chain than the one configured.
	ErrWrongChain = errors.New("the node follows another chain")
	// ErrReorgBelowFinality means that the quorum's chain differs below a block that was final. Nothing is taken back
	// until an admin has decided.
	ErrReorgBelowFinality = errors.New("the nodes' chain contradicts a finalized block")
	// ErrBelowAgreed means that one node's branch would take back a block that the quorum has agreed on.
	ErrBelowAgreed = errors.New("only a quorum of nodes takes back a block that was agreed on")
	// ErrDoubtful means that a node's answers contradict each other or themselves.
	ErrDoubtful = errors.New("the node's answer is doubtful")
	// ErrNoSubscriptions means that the node offers no subscriptions, so its head must be polled.
	ErrNoSubscriptions = errors.New("the node offers no subscriptions")
)

// Reasons why a log of the token is not taken as a transfer.
var (
	// ErrAmountTooLarge means that the value does not fit 64 bits. No supply of USDT comes near that.
	ErrAmountTooLarge = errors.New("the transfer's value does not fit 64 bits")
	// ErrMalformedLog means that the log does not have the form of Transfer(address,address,uint256) (ERC-20).
	ErrMalformedLog = errors.New("the log is not a well-formed Transfer")
	// ErrForeignLog means that the log belongs to another block, was removed by a reorg, or appears twice.
	ErrForeignLog = errors.New("the log does not belong to this block")
)

// Reasons why a transfer is not verified. Any other error of a verification means that no node could be asked.
var (
	// ErrNotConfirmedYet means that the transfer's block is not deep enough yet.
	ErrNotConfirmedYet = errors.New("the transfer has too few confirmations")
	// ErrNotCanonical means that the canonical chain does not hold the transfer in the block in which it is known.
	ErrNotCanonical = errors.New("the transfer is not in the canonical chain")
	// ErrTransferDiffers means that the transaction exists but does not contain this transfer.
	ErrTransferDiffers = errors.New("the transaction does not contain this transfer")
	// ErrStillCanonical means that a node's canonical chain holds a transfer whose credit is to be reversed.
	ErrStillCanonical = errors.New("the transfer is still in the canonical chain")
	// ErrNotFinalYet means that an amount this large waits until its block is final.
	ErrNotFinalYet = errors.New("the transfer's block is not final yet")
	// ErrQuorumMissing means that fewer nodes than the quorum agree.
	ErrQuorumMissing = errors.New("too few nodes agree")
)

// Errors of what people type and of sealed secrets.
var (
	// ErrEmail means that a text is not an e-mail address.
	ErrEmail = errors.New("not an e-mail address")
	// ErrSealBroken means that a sealed secret was changed, moved to another API key, or sealed with another master key.
	ErrSealBroken = errors.New("the sealed secret does not open with this master key")
	// ErrPasswordHash means that a stored password hash is not an Argon2id hash in PHC string form.
	ErrPasswordHash = errors.New("the stored password hash is not an Argon2id PHC string")
)

// Errors of reading an amount.
var (
	// ErrAmountSyntax means that a text is not a decimal number.
	ErrAmountSyntax = errors.New("amount is not a decimal number")
	// ErrAmountPrecision means that a number has more decimals than the token.
	ErrAmountPrecision = errors.New("amount has more than 6 decimals")
	// ErrAmountRange means that a number of micro-USDT does not fit 64 bits.
	ErrAmountRange = errors.New("amount is out of range")
)
