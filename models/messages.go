package models

import (
	"cmp"
	"encoding/json"
	"time"
)

// TaskQueue is the one task queue of payments and the chain watcher.
const TaskQueue = "paycow"

// Workflow types, as the Temporal UI shows them.
const (
	WorkflowPayment    = "Payment"
	WorkflowChainWatch = "ChainWatch"
	// WorkflowReconciliation compares ledger, transfers, chain and workflows, on a schedule.
	WorkflowReconciliation = "Reconciliation"
)

// Activity types, which are the names of the methods of activities.Activities.
const (
	ActivityLoadPayment   = "LoadPayment"
	ActivityRecordPayment = "RecordPayment"
	ActivityExpirePayment = "ExpirePayment"
	ActivityCreditPayment = "CreditPayment"
	ActivityFollowChain   = "FollowChain"
	ActivityReconcile     = "Reconcile"
)

// PaymentWorkflowID is the workflow id of a payment. At most one workflow of an id is open at a time.
func PaymentWorkflowID(paymentID string) string { return "payment/" + paymentID }

// ChainWatchWorkflowID is the workflow id of a network's watcher.
func ChainWatchWorkflowID(network string) string { return "chain-watch/" + network }

// ReconciliationScheduleID is the id of the schedule that reconciles a network; its runs carry it as the workflow id's prefix.
func ReconciliationScheduleID(network string) string { return "reconciliation/" + network }

// Names of the signals and queries of the Payment workflow.
const (
	SignalTransfers   = "transfers" // TransfersSignal
	SignalReject      = "reject"    // DecisionSignal
	SignalAccept      = "accept"    // DecisionSignal
	QueryPaymentState = "state"     // answers PaymentState
	QueryTransfers    = "transfers" // answers TransfersSignal: every transfer that the run knows of
)

// Names of the search attributes of the Payment workflow, as list filters in the Temporal UI use them.
const (
	AttributePaymentStatus    = "PaymentStatus"
	AttributeOperatorID       = "OperatorId"
	AttributeDepositAddress   = "DepositAddress"
	AttributePaymentReference = "PaymentReference"
	AttributeTxHash           = "TxHash"
)

// PaymentInput is all that a payment's workflow needs to know at its start.
type PaymentInput struct {
	PaymentID       string    `json:"paymentId"`
	OperatorID      string    `json:"operatorId"`
	UserID          string    `json:"userId"`
	Reference       string    `json:"reference"`
	DepositAddress  string    `json:"depositAddress"`
	Network         string    `json:"network"`
	Currency        string    `json:"currency"`
	AmountRequested Amount    `json:"amountRequested"`
	CreatedAt       time.Time `json:"createdAt"`
	ExpiresAt       time.Time `json:"expiresAt"`
	// Confirmations a transfer needs before it is credited, in blocks.
	Confirmations uint64 `json:"confirmations"`
	// ExpiryGraceSeconds is how long after ExpiresAt the expiry timer fires: the time the chain usually needs to be
	// scanned past it.
	ExpiryGraceSeconds int64 `json:"expiryGraceSeconds"`
	// Resume says that an earlier run may have gone before: the workflow begins by reading the payment's row.
	Resume bool `json:"resume"`
}

// NewPaymentInput returns the workflow input for a payment's row. The row's own number of confirmations counts before the setting.
func NewPaymentInput(p Payment, confirmations uint64, expiryGrace time.Duration) PaymentInput {
	return PaymentInput{
		PaymentID: p.ID, OperatorID: p.OperatorID, UserID: p.UserID, Reference: p.Reference, DepositAddress: p.DepositAddress,
		Network: p.Network, Currency: p.Currency, AmountRequested: p.AmountRequested, CreatedAt: p.CreatedAt, ExpiresAt: p.ExpiresAt,
		Confirmations: cmp.Or(p.Confirmations, confirmations), ExpiryGraceSeconds: int64(expiryGrace / time.Second),
	}
}

// PaymentResult is what a run of the Payment workflow ends with.
type PaymentResult struct {
	State PaymentState `json:"state"`
}

// TransfersSignal tells a payment of transfers to its address: new ones, more confirmations, or taken away by a reorg.
type TransfersSignal struct {
	Transfers []TransferNotice `json:"transfers"`
	// WindowEnd is when the payment's window really ends as far as was known when this was sent; zero when it is its
	// expiry. Of several the latest counts.
	WindowEnd time.Time `json:"windowEnd,omitzero"`
}

// DecisionSignal is an operator's or admin's decision on a payment: reject or accept.
type DecisionSignal struct {
	Reason string `json:"reason"`
	// Version is the payment's version that the decision was made on, 0 when it is not known. A workflow that does not
	// know of that version yet finds out before it judges the decision.
	Version int64 `json:"version,omitempty"`
}

// UnmarshalJSON also takes a bare string as the reason, so that a signal typed by hand need not know the payload.
func (d *DecisionSignal) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '"' {
		return json.Unmarshal(text, &d.Reason)
	}
	type plain DecisionSignal
	return json.Unmarshal(text, (*plain)(d))
}

// RecordInput asks for one change of a payment's recorded state.
type RecordInput struct {
	PaymentID string       `json:"paymentId"`
	State     PaymentState `json:"state"` // its Version is the new one; the row must hold the one before
}

// ExpireInput asks whether nothing came within a payment's window and, if so, records its expiry.
type ExpireInput struct {
	PaymentID string       `json:"paymentId"`
	Network   string       `json:"network"`
	ExpiresAt time.Time    `json:"expiresAt"`
	State     PaymentState `json:"state"` // what to record when nothing came
	// AwaitScan makes the activity fail, to be tried again, while the chain has not been read past ExpiresAt. Without it the
	// answer says so.
	AwaitScan bool `json:"awaitScan"`
}

// CreditInput asks to book what the chain shows for a payment, together with the state that follows from it.
type CreditInput struct {
	PaymentID      string `json:"paymentId"`
	OperatorID     string `json:"operatorId"`
	DepositAddress string `json:"depositAddress"`
	Confirmations  uint64 `json:"confirmations"` // needed, in blocks
	// Credits are verified on the chain again and booked; Reversals have their earlier credit taken back.
	Credits   []TransferNotice `json:"credits"`
	Reversals []TransferNotice `json:"reversals"`
	State     PaymentState     `json:"state"`
	// AtStake is what the payment is about in micro-USDT: the requested amount or, if that is more, what was received.
	AtStake Amount `json:"atStake"`
	// Await makes the activity fail, to be tried again, while a credit cannot be verified. Without it the answer says which
	// and why, and nothing is booked.
	Await bool `json:"await"`
}

// UnverifiedTransfer is a transfer that cannot be credited now, and the reason in a sentence.
type UnverifiedTransfer struct {
	TransferKey
	Reason string `json:"reason"`
}

// CreditResult tells how a booking went.
type CreditResult struct {
	RecordResult
	// Unverified holds the credits that cannot be booked now; when there are any, nothing was booked.
	Unverified []UnverifiedTransfer `json:"unverified,omitempty"`
}

// RecordResult tells how a change of state went.
type RecordResult struct {
	// Recorded is true when the row now holds the wanted state. Otherwise the row had moved on: Snapshot has it.
	Recorded bool             `json:"recorded"`
	Snapshot *PaymentSnapshot `json:"snapshot"`
}

// ExpireResult is the outcome of an attempt to expire a payment.
type ExpireResult struct {
	RecordResult
	// ScannedPast is true when every block up to the end of the payment's window has been read and agreed on.
	ScannedPast bool `json:"scannedPast"`
	// WindowEnd is when the payment's window really ends. While the token is paused it is not known, and Paused is true.
	WindowEnd time.Time `json:"windowEnd,omitzero"`
	Paused    bool      `json:"paused,omitempty"`
	// Wait is why the payment cannot expire yet, "" when it could or when a transfer came in time.
	Wait ExpiryWait `json:"wait,omitempty"`
	// WaitBlock is the number of the newest block that was read (ExpiryWaitScan) or agreed on (ExpiryWaitQuorum), else 0.
	WaitBlock uint64 `json:"waitBlock,omitempty"`
	// Waits is the reason in a sentence, as results recorded before Wait existed carry it. Nothing writes it any more.
	Waits string `json:"waits,omitempty"`
}

// ExpiryWait is why a payment whose window has ended cannot expire yet.
type ExpiryWait string

// The reasons why an expiry waits.
const (
	ExpiryWaitHalted ExpiryWait = "CREDITING_HALTED" // an open alarm stops crediting and expiry
	ExpiryWaitPaused ExpiryWait = "TOKEN_PAUSED"     // nobody can pay; the window goes on after the pause
	ExpiryWaitQuorum ExpiryWait = "QUORUM_BEHIND"    // the chain is read past the window, but too few nodes agree on it
	ExpiryWaitScan   ExpiryWait = "SCAN_BEHIND"      // the chain is not read past the window
)

// ExpiryWaits lists every reason why an expiry waits.
func ExpiryWaits() []ExpiryWait {
	return []ExpiryWait{ExpiryWaitHalted, ExpiryWaitPaused, ExpiryWaitQuorum, ExpiryWaitScan}
}

// String returns the reason as results carry it.
func (w ExpiryWait) String() string { return string(w) }

// ChainWatchInput starts the watcher of a network.
type ChainWatchInput struct {
	Network string `json:"network"`
	// RunSeconds is how long one run follows the chain before it continues as new, which bounds its history.
	RunSeconds int64 `json:"runSeconds"`
	// HeartbeatSeconds is how long a silent follower is believed to be alive.
	HeartbeatSeconds int64 `json:"heartbeatSeconds"`
}

// ReconciliationInput starts a reconciliation.
type ReconciliationInput struct {
	Network string `json:"network"`
	// All asks the chain for the balances of all addresses instead of a part of them.
	All bool `json:"all,omitempty"`
}
