package models

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"
)

// The task queues. Payments have one, what there is one of for a network has another, and so have webhooks: no number
// of payments can keep the chain from being followed, and no endpoint of a shop can hold up a payment.
const (
	TaskQueue         = "paycow"          // Payment and its activities
	TaskQueueChain    = "paycow-chain"    // ChainWatch, Reconciliation and their activities
	TaskQueueWebhooks = "paycow-webhooks" // WebhookDelivery and its activities
)

// Workflow types, as the Temporal UI shows them.
const (
	WorkflowPayment    = "Payment"
	WorkflowChainWatch = "ChainWatch"
	// WorkflowReconciliation compares ledger, transfers, chain and workflows on a schedule.
	WorkflowReconciliation = "Reconciliation"
	// WorkflowWebhookDelivery delivers one event to one endpoint.
	WorkflowWebhookDelivery = "WebhookDelivery"
)

// Activity types: the names of the methods of activities.Activities.
const (
	ActivityLoadPayment   = "LoadPayment"
	ActivityRecordPayment = "RecordPayment"
	ActivityExpirePayment = "ExpirePayment"
	ActivityCreditPayment = "CreditPayment"
	ActivitySettlePayment = "SettlePayment"
	ActivityFollowChain   = "FollowChain"
	ActivityReconcile     = "Reconcile"
	ActivityTryWebhook    = "TryWebhook"
	ActivityRedeliver     = "RedeliverWebhook"
)

// PaymentWorkflowID returns the workflow id of a payment. At most one workflow with an id is open at a time.
func PaymentWorkflowID(paymentID string) string { return "payment/" + paymentID }

// WebhookWorkflowID returns the workflow id of the delivery of an event to an endpoint.
func WebhookWorkflowID(endpointID, eventID string) string {
	return "webhook/" + endpointID + "/" + eventID
}

// ChainWatchWorkflowID returns the workflow id of a network's chain watch.
func ChainWatchWorkflowID(network string) string { return "chain-watch/" + network }

// ReconciliationScheduleID returns the id of the schedule that reconciles a network. The workflow ids of its runs begin
// with it.
func ReconciliationScheduleID(network string) string { return "reconciliation/" + network }

// Names of the signals and queries of the Payment workflow.
const (
	SignalTransfers   = "transfers" // TransfersSignal
	SignalReject      = "reject"    // DecisionSignal
	SignalAccept      = "accept"    // DecisionSignal
	QueryPaymentState = "state"     // answers PaymentState
	QueryTransfers    = "transfers" // answers TransfersSignal: every transfer that the run knows of
)

// SignalRedeliver asks the WebhookDelivery workflow to deliver again. Its argument, a RedeliverSignal, may be left out.
const SignalRedeliver = "redeliver"

// Names of the search attributes of the Payment workflow, for list filters in the Temporal UI.
const (
	AttributePaymentStatus    = "PaymentStatus"
	AttributePaymentException = "PaymentException" // not set in the ordinary case
	AttributeUserID           = "UserId"
	AttributeOperatorID       = "OperatorId"
	AttributeDepositAddress   = "DepositAddress"
	AttributePaymentReference = "PaymentReference"
	AttributeTxHash           = "TxHash"
)

// PaymentInput is everything that a payment's workflow needs at its start.
type PaymentInput struct {
	PaymentID       string    `json:"paymentId"`
	OperatorID      string    `json:"operatorId"`
	UserID          string    `json:"userId"`
	Reference       string    `json:"reference"`
	DepositAddress  string    `json:"depositAddress"`
	Network         string    `json:"network"`
	Currency        string    `json:"currency"`
	AmountRequested Amount    `json:"amountRequested"`
	Tolerance       Amount    `json:"tolerance,omitempty"` // as in Payment
	CreatedAt       time.Time `json:"createdAt"`
	ExpiresAt       time.Time `json:"expiresAt"`
	// Confirmations is how many confirmations a transfer needs before it is credited, in blocks.
	Confirmations uint64 `json:"confirmations"`
	// ExpiryGraceSeconds is how long after ExpiresAt the expiry timer fires, in seconds: the time that it usually takes
	// until the chain is read past it.
	ExpiryGraceSeconds int64 `json:"expiryGraceSeconds"`
	// Resume is true when there may have been an earlier run: the workflow begins by reading the payment's row.
	Resume bool `json:"resume"`
}

// Enough returns the least credited amount that pays the payment, in micro-USDT.
func (in PaymentInput) Enough() Amount { return in.AmountRequested - in.Tolerance }

// NewPaymentInput returns the workflow input for a payment's row. confirmations applies when the row has no number of
// its own.
func NewPaymentInput(p Payment, confirmations uint64, expiryGrace time.Duration) PaymentInput {
	return PaymentInput{
		PaymentID:          p.ID,
		OperatorID:         p.OperatorID,
		UserID:             p.UserID,
		Reference:          p.Reference,
		DepositAddress:     p.DepositAddress,
		Network:            p.Network,
		Currency:           p.Currency,
		AmountRequested:    p.AmountRequested,
		Tolerance:          p.Tolerance,
		CreatedAt:          p.CreatedAt,
		ExpiresAt:          p.ExpiresAt,
		Confirmations:      cmp.Or(p.Confirmations, confirmations),
		ExpiryGraceSeconds: int64(expiryGrace / time.Second),
	}
}

// PaymentResult is the result of a run of the Payment workflow.
type PaymentResult struct {
	State PaymentState `json:"state"`
}

// TransfersSignal sends a payment news of transfers to its address: new ones, more confirmations, or removed by a
// reorg.
type TransfersSignal struct {
	Transfers []TransferNotice `json:"transfers"`
	// Crowd holds the sums of all transfers of a crowded payment, nil for another one. Then Transfers is empty.
	Crowd *Crowd `json:"crowd,omitempty"`
	// WindowEnd is when the payment's window really ends, as far as was known when the signal was sent; zero when it is
	// the expiry. The latest signal counts.
	WindowEnd time.Time `json:"windowEnd,omitzero"`
	// WindowAsOf is when the database held what WindowEnd was computed from; zero from a sender of an earlier version.
	WindowAsOf time.Time `json:"windowAsOf,omitzero"`
}

// DecisionSignal is an operator's or admin's decision on a payment: reject or accept.
type DecisionSignal struct {
	Reason string `json:"reason"`
	// Version is the payment's version on which the decision was made, 0 when it is not known. A workflow that has not
	// seen that version yet reads the row before it judges the decision.
	Version int64 `json:"version,omitempty"`
}

// UnmarshalJSON also accepts a bare string as the reason, for signals that are typed by hand.
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
	State     PaymentState `json:"state"` // with its new Version; the row must hold the one before
}

// ExpireInput asks to record a payment's expiry if no transfer came within its window.
type ExpireInput struct {
	PaymentID string       `json:"paymentId"`
	Network   string       `json:"network"`
	ExpiresAt time.Time    `json:"expiresAt"`
	State     PaymentState `json:"state"` // what to record
	// AwaitScan makes the activity fail, and so be retried, while the chain has not been read past ExpiresAt. Without it
	// the result says so.
	AwaitScan bool `json:"awaitScan"`
}

// CreditInput asks to book what the chain shows for a payment, together with the state that follows from it.
type CreditInput struct {
	PaymentID      string `json:"paymentId"`
	OperatorID     string `json:"operatorId"`
	DepositAddress string `json:"depositAddress"`
	Confirmations  uint64 `json:"confirmations"` // needed, in blocks
	// Credits are verified on the chain again and booked. The earlier credits of Reversals are reversed, once it is
	// verified that the transfers are gone.
	Credits   []TransferNotice `json:"credits"`
	Reversals []TransferNotice `json:"reversals"`
	State     PaymentState     `json:"state"`
	// AtStake is the requested amount or the received amount, whichever is larger, in micro-USDT.
	AtStake Amount `json:"atStake"`
	// Await makes the activity fail, and so be retried, while nothing of it can be verified. Without it the result says
	// which credit or reversal cannot be and why, and nothing is booked.
	Await bool `json:"await"`
}

// UnverifiedTransfer is a transfer whose credit or reversal cannot be booked now, with the reason in a sentence.
type UnverifiedTransfer struct {
	TransferKey
	Reason string `json:"reason"`
}

// CreditResult is the outcome of CreditInput.
type CreditResult struct {
	RecordResult
	// Unverified holds the credits and reversals that cannot be booked now. Unless it is empty, nothing was booked.
	Unverified []UnverifiedTransfer `json:"unverified,omitempty"`
}

// SettleInput asks to book what is confirmed or no longer right among the transfers of a crowded payment.
type SettleInput struct {
	PaymentID string `json:"paymentId"`
	// Credited is what the caller knows as credited, in micro-USDT. When that is less than the requested amount and the
	// row holds as much or more, or the other way round, nothing is booked, so that the state that follows is recorded
	// first.
	Credited Amount `json:"credited,omitempty"`
	// Await makes the activity fail, and so be retried, while it can book nothing of what there is to book.
	Await bool `json:"await"`
}

// SettleResult is the outcome of SettleInput.
type SettleResult struct {
	// Snapshot is the payment after the bookings.
	Snapshot PaymentSnapshot `json:"snapshot"`
	Booked   int64           `json:"booked"` // transfers
	// Held is why the rest cannot be booked now, "" when the activity stopped for another reason.
	Held string `json:"held,omitempty"`
}

// RecordResult is the outcome of RecordInput.
type RecordResult struct {
	// Recorded is true when the row now holds the wanted state. Otherwise the row had moved on, and Snapshot holds it.
	Recorded bool             `json:"recorded"`
	Snapshot *PaymentSnapshot `json:"snapshot"`
	// Refused is why the row does not hold the wanted state although it had not moved on: the rows contradict the state.
	// Snapshot holds what they say.
	Refused Refusal `json:"refused,omitempty"`
}

// ExpireResult is the outcome of ExpireInput.
type ExpireResult struct {
	RecordResult
	// ScannedPast is true when every block up to the end of the payment's window has been read and the quorum agrees on
	// it.
	ScannedPast bool `json:"scannedPast"`
	// WindowEnd is when the payment's window really ends, zero when that is its expiry. It is not known while Paused is
	// true.
	WindowEnd  time.Time `json:"windowEnd,omitzero"`
	WindowAsOf time.Time `json:"windowAsOf,omitzero"` // as in TransfersSignal
	Paused     bool      `json:"paused,omitempty"`
	// Wait is why the payment cannot expire yet, "" when it could or when a transfer came in time.
	Wait ExpiryWait `json:"wait,omitempty"`
	// WaitBlock is the number of the newest block that was read (ExpiryWaitScan), agreed on (ExpiryWaitQuorum) or whose
	// state of the token is agreed on (ExpiryWaitToken), else 0.
	WaitBlock uint64 `json:"waitBlock,omitempty"`
	// Waits is the reason in a sentence, as results recorded before Wait existed carry it. It is no longer written.
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
	ExpiryWaitToken  ExpiryWait = "TOKEN_UNKNOWN"    // the nodes have not agreed on whether the token is paused
)

// ExpiryWaits returns every reason why an expiry waits.
func ExpiryWaits() []ExpiryWait {
	return []ExpiryWait{ExpiryWaitHalted, ExpiryWaitPaused, ExpiryWaitQuorum, ExpiryWaitScan, ExpiryWaitToken}
}

// String returns the reason as results carry it.
func (w ExpiryWait) String() string { return string(w) }

// Sentence returns the reason as a sentence for people, "" for an unknown one. The block is the result's WaitBlock.
func (w ExpiryWait) Sentence(block uint64) string {
	switch w {
	case ExpiryWaitHalted:
		return "An open alarm stops crediting and expiry until an admin resolves it."
	case ExpiryWaitPaused:
		return "The token is paused, so nobody can pay. The window is extended by the length of the pause."
	case ExpiryWaitQuorum:
		return fmt.Sprintf(
			"The chain has been read past the end of the window, but too few nodes agree on it: so far up to block %d.", block)
	case ExpiryWaitScan:
		return fmt.Sprintf("The chain has been read up to block %d, which is before the end of the window.", block)
	case ExpiryWaitToken:
		return fmt.Sprintf("Too few nodes agree on whether the token was paused within the window: so far up to block %d.",
			block)
	default:
		return ""
	}
}

// ChainWatchInput is the input of a network's chain watch.
type ChainWatchInput struct {
	Network string `json:"network"`
	// RunSeconds is how long one run follows the chain before it continues as new, in seconds. It bounds the history.
	RunSeconds int64 `json:"runSeconds"`
	// HeartbeatSeconds is how long a follower may be silent before it counts as dead, in seconds.
	HeartbeatSeconds int64 `json:"heartbeatSeconds"`
}

// ReconciliationSummary is the part of a report that a workflow's history keeps. The whole report is in the database.
type ReconciliationSummary struct {
	Differences      int    `json:"differences"`
	WorkflowsStarted int64  `json:"workflowsStarted"`
	Unchecked        string `json:"unchecked,omitempty"` // the parts that could not be compared, and why
}

// ReconciliationInput is the input of a reconciliation.
type ReconciliationInput struct {
	Network string `json:"network"`
	// All compares the balances of all addresses with the chain, instead of a part of them.
	All bool `json:"all,omitempty"`
}

// DeliveryInput is the input of a delivery's workflow. The texts are for Temporal's UI.
type DeliveryInput struct {
	DeliveryID string    `json:"deliveryId"`
	EndpointID string    `json:"endpointId"`
	EventID    string    `json:"eventId"`
	EventType  EventType `json:"eventType"`
}

// NewDeliveryInput returns the workflow input for a delivery's row.
func NewDeliveryInput(d WebhookDelivery) DeliveryInput {
	return DeliveryInput{DeliveryID: d.ID, EndpointID: d.EndpointID, EventID: d.EventID, EventType: d.EventType}
}

// DeliveryState is what a delivery's row says after a step. It is the result of its activities and of its workflow.
type DeliveryState struct {
	Status DeliveryStatus `json:"status"` // "" when there is no such row any more
	Round  int            `json:"round,omitempty"`
	Tries  int            `json:"tries,omitempty"`
	// NextTryAt is when to try again; zero unless the status is DeliveryPending.
	NextTryAt time.Time `json:"nextTryAt,omitzero"`
	Reason    string    `json:"reason,omitempty"` // why it is parked, in a sentence
}

// NewDeliveryState returns what a delivery's row says.
func NewDeliveryState(d WebhookDelivery) DeliveryState {
	state := DeliveryState{Status: d.Status, Round: d.Round, Tries: d.Tries, Reason: d.ParkedReason}
	if d.NextTryAt != nil {
		state.NextTryAt = *d.NextTryAt
	}
	return state
}

// RedeliverSignal asks for a delivery to be made again.
type RedeliverSignal struct {
	// Round is the round that was begun in the delivery's row together with the signal; 0 when none was, as by hand.
	Round int `json:"round,omitempty"`
}

// UnmarshalJSON takes whatever somebody typed in Temporal's UI, as a signal by hand.
func (r *RedeliverSignal) UnmarshalJSON(text []byte) error {
	type plain RedeliverSignal
	if err := json.Unmarshal(text, (*plain)(r)); err != nil {
		*r = RedeliverSignal{}
	}
	return nil
}
