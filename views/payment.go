package views

import (
	"strings"
	"time"

	"paycow/models"
)

// Payment holds the public fields of a payment, in the order of the published example.
type Payment struct {
	ID              string        `json:"_id"`
	UserID          string        `json:"userId"`
	AmountRequested models.Amount `json:"amountRequested"`
	AmountReceived  models.Amount `json:"amountReceived"`
	CurrencyInfo    string        `json:"currencyInfo"`
	// DepositAddress is null in a list if the row's address does not match the one derived from its index.
	DepositAddress   *string          `json:"depositAddress"`
	DepositNetwork   string           `json:"depositNetwork"`
	Status           models.Status    `json:"status"`
	Confirmations    uint64           `json:"confirmations"` // of the newest transfer, at most what is required
	PaymentReference string           `json:"paymentReference"`
	TxHash           *string          `json:"txHash"`
	ExpiresAt        Instant          `json:"expiresAt"`
	CreatedAt        Instant          `json:"createdAt"`
	Exception        models.Exception `json:"exception"`
	// RequiredConfirmations is the number needed for PAID.
	RequiredConfirmations uint64 `json:"requiredConfirmations"`
	// Test is true for a test payment, and not there for a real one.
	Test bool `json:"test,omitzero"`
}

// PublicPayment is what anyone who knows a payment's id can read.
type PublicPayment struct {
	Payment
	ServerTime Instant `json:"serverTime"`
}

// Shop is what the shop attached to a payment. Of these, payers see the description.
type Shop struct {
	Description *string         `json:"description"`
	Metadata    models.Metadata `json:"metadata"`
	LinkID      *string         `json:"linkId"` // the payment link through which the payment was made
}

// NewShop returns what the shop attached to a payment.
func NewShop(p models.Payment) Shop {
	view := Shop{Description: textOrNull(p.Description), Metadata: p.Metadata, LinkID: textOrNull(p.LinkID)}
	if view.Metadata == nil {
		view.Metadata = models.Metadata{}
	}
	return view
}

// OperatorPayment adds what only the payment's operator and admins can read.
type OperatorPayment struct {
	Payment
	ServerTime     Instant       `json:"serverTime"`
	AmountCredited models.Amount `json:"amountCredited"`
	Decision       *string       `json:"decision"`
	Reason         *string       `json:"reason"`
	PaymentURL     string        `json:"paymentUrl"`
	UpdatedAt      Instant       `json:"updatedAt"`
	Shop
	// Transfers and Ledger hold the largest, at most MaxRows of each.
	Transfers      []Transfer      `json:"transfers"`
	TransfersTotal int64           `json:"transfersTotal"` // how many transfers there are
	Timeline       []TimelineEntry `json:"timeline"`
	Ledger         []LedgerLine    `json:"ledger"`
}

// Transfer is a transfer to the payment's address.
type Transfer struct {
	TxHash         string        `json:"txHash"`
	LogIndex       uint          `json:"logIndex"`
	BlockNumber    uint64        `json:"blockNumber"`
	BlockHash      string        `json:"blockHash"`
	BlockTime      Instant       `json:"blockTime"`
	From           string        `json:"from"`
	Amount         models.Amount `json:"amount"`
	AmountCredited models.Amount `json:"amountCredited"`
	Confirmations  uint64        `json:"confirmations"`
	State          TransferState `json:"state"`
	// BeforePayment is true for a transfer that was mined before the payment was created: it is credited and never pays.
	BeforePayment bool `json:"beforePayment"`
}

// TransferState is the state of a transfer.
type TransferState string

// The states of a transfer.
const (
	TransferConfirming TransferState = "CONFIRMING" // in a block, not yet credited
	TransferCredited   TransferState = "CREDITED"   // in the operator's balance
	TransferInternal   TransferState = "INTERNAL"   // from an address of this installation; never credited
	TransferRemoved    TransferState = "REMOVED"    // removed from the chain by a reorganisation
)

// TimelineEntry is an entry in a payment's timeline.
type TimelineEntry struct {
	At             Instant          `json:"at"`
	Status         models.Status    `json:"status"`
	Exception      models.Exception `json:"exception"`
	AmountReceived models.Amount    `json:"amountReceived"`
	AmountCredited models.Amount    `json:"amountCredited"`
	TxHash         *string          `json:"txHash"`
	Reason         *string          `json:"reason"`
	// DecidedBy says who rejected or accepted the payment with this entry: DecidedInDashboard, DecidedInTemporal or an API
	// key. It is null for any other entry, and for a test payment.
	DecidedBy *string `json:"decidedBy"`
}

// Who decides about a payment, if it is not an API key.
const (
	DecidedInDashboard = "dashboard" // a person who is logged in
	DecidedInTemporal  = "temporal"  // a person who signals the workflow by hand
)

// MaxRows is how many transfers, ledger entries and lines of the timeline the full view of one payment holds: anybody
// can send thousands of tiny transfers to an address.
const MaxRows = 100

// PaymentFacts are the rows behind the views of one payment.
type PaymentFacts struct {
	Payment   models.Payment
	Required  uint64    // confirmations that the payment's transfers need
	WindowEnd time.Time // the real end of the payment's window
	Head      uint64    // number of the newest block read
	// LastBefore is the number of the last block from before the payment's creation, 0 when that is not known.
	LastBefore uint64
	Transfers  []models.Transfer
	// Total is how many transfers there are. Transfers holds the largest of them.
	Total    int64
	Internal []models.Transfer // from addresses of this installation; never credited
	Timeline []models.PaymentEvent
	Ledger   []models.LedgerLine
	// Decisions are what was decided about the payment, oldest first. Via is "" where it is not known who decided.
	Decisions []models.PaymentDecision
}

// NewPayment returns the public fields of a payment.
func NewPayment(p models.Payment, required, head uint64, windowEnd time.Time) Payment {
	return Payment{
		ID: p.ID, UserID: p.UserID, AmountRequested: p.AmountRequested, AmountReceived: p.AmountReceived,
		CurrencyInfo:   p.Currency,
		DepositAddress: &p.DepositAddress, DepositNetwork: p.Network, Status: p.Status,
		Confirmations:    min(models.Confirmations(head, p.LastBlock), required),
		PaymentReference: p.Reference, TxHash: textOrNull(p.TxHash), ExpiresAt: Instant(windowEnd),
		CreatedAt: Instant(p.CreatedAt),
		Exception: p.Exception, RequiredConfirmations: required, Test: p.IsTest,
	}
}

// NewOperatorPayment returns the full view of a payment at the given time.
func NewOperatorPayment(facts PaymentFacts, publicURL string, now time.Time) OperatorPayment {
	p := facts.Payment
	view := OperatorPayment{
		Payment:    NewPayment(p, facts.Required, facts.Head, facts.WindowEnd),
		ServerTime: Instant(now), AmountCredited: p.AmountCredited,
		Decision: textOrNull(string(p.Decision)), Reason: textOrNull(p.Reason), PaymentURL: CheckoutURL(publicURL, p),
		UpdatedAt: Instant(p.UpdatedAt), Shop: NewShop(p),
		Transfers: make([]Transfer, 0, len(facts.Transfers)), Timeline: make([]TimelineEntry, 0, len(facts.Timeline)),
		TransfersTotal: facts.Total + int64(len(facts.Internal)),
		Ledger:         make([]LedgerLine, 0, len(facts.Ledger)),
	}
	for _, transfer := range facts.Transfers {
		view.Transfers = append(view.Transfers, newTransfer(transfer, facts))
	}
	for _, movement := range facts.Internal {
		view.Transfers = append(view.Transfers, newMovement(movement, facts))
	}
	for _, entry := range facts.Timeline {
		view.Timeline = append(view.Timeline, newTimelineEntry(entry))
	}
	for at, by := range facts.deciders() {
		view.Timeline[at].DecidedBy = &by
	}
	for _, line := range facts.Ledger {
		view.Ledger = append(view.Ledger, NewLedgerLine(line))
	}
	return view
}

// CheckoutURL returns the address of a payment's checkout page.
func CheckoutURL(publicURL string, p models.Payment) string { return publicURL + "/payment/" + p.ID }

func newTransfer(t models.Transfer, facts PaymentFacts) Transfer {
	view := Transfer{
		TxHash: t.TxHash, LogIndex: t.LogIndex, BlockNumber: t.BlockNumber, BlockHash: t.BlockHash,
		BlockTime: Instant(t.BlockTime),
		From:      t.FromAddress, Amount: t.Amount, AmountCredited: t.CreditedAmount, State: TransferConfirming,
		BeforePayment: t.IsEarly(facts.LastBefore),
	}
	switch {
	case !t.Canonical:
		view.State = TransferRemoved
		return view // a removed transfer has no confirmations
	case t.CreditedAmount > 0:
		view.State = TransferCredited
	}
	view.Confirmations = models.Confirmations(facts.Head, t.BlockNumber)
	return view
}

// newMovement shows a transfer from an address of ours among the payment's transfers.
func newMovement(t models.Transfer, facts PaymentFacts) Transfer {
	view := newTransfer(t, facts)
	if t.Canonical {
		view.State = TransferInternal
	}
	return view
}

func newTimelineEntry(e models.PaymentEvent) TimelineEntry {
	return TimelineEntry{
		At: Instant(e.CreatedAt), Status: e.Status, Exception: e.Exception, AmountReceived: e.AmountReceived,
		AmountCredited: e.AmountCredited, TxHash: textOrNull(e.TxHash), Reason: textOrNull(e.Reason),
	}
}

// deciders returns who rejected or accepted the payment, by the index of the entry of the timeline with which that took
// effect. Entries of which it is not known are left out.
func (f PaymentFacts) deciders() map[int]string {
	deciders := map[int]string{}
	last := int64(0) // version with which an earlier decision took effect
	for i := 1; i < len(f.Timeline) && !f.Payment.IsTest; i++ {
		if !f.isDecided(f.Timeline[i]) || f.isDecided(f.Timeline[i-1]) {
			continue
		}
		version := f.Timeline[i].Version
		if by := f.decider(last, version); by != "" {
			deciders[i] = by
		}
		last = version
	}
	return deciders
}

// isDecided reports whether an entry of the timeline shows the payment's decision.
func (f PaymentFacts) isDecided(e models.PaymentEvent) bool {
	switch f.Payment.Decision {
	case models.DecisionReject:
		return e.Status == models.StatusRejected
	case models.DecisionAccept:
		return e.Exception == models.ExceptionAccepted
	default:
		return false
	}
}

// decider returns who made the newest decision on a version from one on and before another; "" if that is not known.
func (f PaymentFacts) decider(from, before int64) (by string) {
	isStored := false
	for _, d := range f.Decisions {
		if d.Kind != f.Payment.Decision {
			continue
		}
		isStored = true
		if d.Version < from || d.Version >= before {
			continue
		}
		if key, isKey := strings.CutPrefix(d.Via, models.ViaKey); isKey {
			by = key
		} else if by = ""; d.Via != "" {
			by = DecidedInDashboard
		}
	}
	if !isStored && f.Payment.Decision == models.DecisionReject {
		return DecidedInTemporal // only a rejection takes effect without a stored decision
	}
	return by
}

// LedgerLine is an entry in the operator's account.
type LedgerLine struct {
	ID            int64             `json:"id"`
	TransactionID string            `json:"transactionId"`
	Kind          models.LedgerKind `json:"kind"`
	Amount        models.Amount     `json:"amount"`
	PaymentID     string            `json:"paymentId"`
	ExternalID    string            `json:"externalId"`
	CreatedAt     Instant           `json:"createdAt"`
}

// NewLedgerLine returns the view of an entry on the operator's account.
func NewLedgerLine(line models.LedgerLine) LedgerLine {
	return LedgerLine{
		ID: line.ID, TransactionID: line.TransactionID, Kind: line.Kind, Amount: line.Amount, PaymentID: line.PaymentID,
		ExternalID: line.ExternalID, CreatedAt: Instant(line.CreatedAt),
	}
}

func textOrNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
