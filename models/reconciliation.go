package models

import (
	"strings"
	"time"
)

// Difference is one thing that a reconciliation found wrong. Differences are reported, never corrected.
type Difference struct {
	Check string `json:"check"` // one of the Check constants
	// Subject is "payment:<id>", "transfer:<key>", "address:<address>", "ledger:<transaction id>" or "operator:<id>".
	Subject string `json:"subject"`
	Detail  string `json:"detail"` // both sides, in a sentence
}

// IsSame reports whether two runs found the same difference, whatever the amounts are now.
func (d Difference) IsSame(other Difference) bool {
	return d.Check == other.Check && d.Subject == other.Subject
}

// AddressSubject is the subject of a difference about one of our addresses.
func AddressSubject(address string) string { return addressSubject + address }

const addressSubject = "address:"

// Address returns the address that the difference is about, if it is about one.
func (d Difference) Address() (address string, ok bool) {
	return strings.CutPrefix(d.Subject, addressSubject)
}

// The comparisons of a reconciliation.
const (
	CheckLedgerBalances     = "ledger_balances"     // every ledger transaction sums to zero
	CheckLedgerTransfers    = "ledger_transfers"    // the ledger and a transfer's row agree on what is credited
	CheckPaymentCredited    = "payment_credited"    // a payment's row and its transfers agree on what is credited
	CheckCreditedCanonical  = "credited_canonical"  // every credited transfer is in the chain
	CheckTransfersCredited  = "transfers_credited"  // every transfer that was confirmed long ago is credited
	CheckInternalCredited   = "internal_credited"   // no transfer from an address of ours is credited
	CheckPaidCovered        = "paid_covered"        // PAID: covered by the ledger, or accepted by the operator
	CheckRunningTotals      = "running_totals"      // balances and counts that are kept are the sums of what they count
	CheckChainBalances      = "chain_balances"      // balanceOf = transfers in - transfers out - destroyed
	CheckTransfersSignalled = "transfers_signalled" // the workflow knows every transfer that was signalled to it
)

// Reconciliation is the report of one run.
type Reconciliation struct {
	ID         int64     `gorm:"primaryKey" json:"id"`
	Network    string    `json:"network"`
	StartedAt  time.Time `json:"startedAt"`
	FinishedAt time.Time `json:"finishedAt"`
	// BlockNumber and BlockHash name the block at which the chain was asked.
	BlockNumber uint64 `json:"blockNumber"`
	BlockHash   string `json:"blockHash"`
	// How many rows were compared.
	LedgerTransactions int64 `json:"ledgerTransactions"`
	Transfers          int64 `json:"transfers"`
	Addresses          int64 `json:"addresses"` // whose balance was compared with the chain
	OpenPayments       int64 `json:"openPayments"`
	WorkflowsStarted   int64 `json:"workflowsStarted"` // because they were missing
	// Unchecked says in a sentence what could not be compared; "" when everything was.
	Unchecked   string       `json:"unchecked"`
	Differences []Difference `gorm:"serializer:json" json:"differences"`
}

// OK reports whether everything was compared and nothing differed.
func (r Reconciliation) OK() bool { return len(r.Differences) == 0 && r.Unchecked == "" }
