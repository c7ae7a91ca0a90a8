package models

import "time"

// Difference is one thing that reconciliation found wrong. It is reported and never patched.
type Difference struct {
	Check   string `json:"check"`   // which comparison: see the Check constants
	Subject string `json:"subject"` // "payment:<id>", "transfer:<key>", "address:<address>", "ledger:<transaction id>"
	Detail  string `json:"detail"`  // both sides in a sentence, amounts in USDT
}

// The comparisons of a reconciliation.
const (
	CheckLedgerBalances     = "ledger_balances"     // every ledger transaction sums to zero, and so does the whole
	CheckLedgerTransfers    = "ledger_transfers"    // the ledger holds for each transfer what its row says is credited
	CheckPaymentCredited    = "payment_credited"    // a payment's row says what its transfers were credited
	CheckCreditedCanonical  = "credited_canonical"  // what is credited is in the chain
	CheckTransfersCredited  = "transfers_credited"  // what has its confirmations long since is credited
	CheckChainBalances      = "chain_balances"      // balanceOf of our addresses = transfers in - transfers out
	CheckWorkflowsRunning   = "workflows_running"   // every open payment has a running workflow; a missing one is started
	CheckTransfersSignalled = "transfers_signalled" // every transfer that was signalled is known to its workflow
)

// Reconciliation is the report of one run.
type Reconciliation struct {
	ID         int64     `gorm:"primaryKey" json:"id"`
	Network    string    `json:"network"`
	StartedAt  time.Time `json:"startedAt"`
	FinishedAt time.Time `json:"finishedAt"`
	// Block is the block at which the chain was asked.
	BlockNumber uint64 `json:"blockNumber"`
	BlockHash   string `json:"blockHash"`
	// Counts of what was compared.
	LedgerTransactions int64 `json:"ledgerTransactions"`
	Transfers          int64 `json:"transfers"`
	Addresses          int64 `json:"addresses"` // whose balance was asked of the chain
	OpenPayments       int64 `json:"openPayments"`
	WorkflowsStarted   int64 `json:"workflowsStarted"` // that were missing
	// Unchecked says in a sentence what could not be compared, "" when everything was.
	Unchecked   string       `json:"unchecked"`
	Differences []Difference `gorm:"serializer:json" json:"differences"`
}

// OK tells whether everything was compared and nothing differed.
func (r Reconciliation) OK() bool { return len(r.Differences) == 0 && r.Unchecked == "" }
