package api

import (
	"context"
	"fmt"
	"time"

	"paycow/models"
	"paycow/store"
)

// instant is a time that prints in UTC with exactly three decimals of a second.
type instant time.Time

const instantLayout = "2006-01-02T15:04:05.000Z"

// String returns the instant as the API writes it.
func (i instant) String() string { return time.Time(i).UTC().Format(instantLayout) }

// MarshalJSON writes the instant as a JSON string.
func (i instant) MarshalJSON() ([]byte, error) { return []byte(`"` + i.String() + `"`), nil }

// paymentView holds the public fields of a payment, in the order of the published example.
type paymentView struct {
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
	ExpiresAt        instant          `json:"expiresAt"`
	CreatedAt        instant          `json:"createdAt"`
	Exception        models.Exception `json:"exception"`
	// RequiredConfirmations is the number needed for PAID.
	RequiredConfirmations uint64 `json:"requiredConfirmations"`
}

// publicView is what anyone who knows a payment's id can read.
type publicView struct {
	paymentView
	ServerTime instant `json:"serverTime"`
}

// shopView is what the shop attached to a payment. Of these, payers see the description.
type shopView struct {
	Description *string         `json:"description"`
	Metadata    models.Metadata `json:"metadata"`
}

func newShopView(p models.Payment) shopView {
	view := shopView{Description: textOrNull(p.Description), Metadata: p.Metadata}
	if view.Metadata == nil {
		view.Metadata = models.Metadata{}
	}
	return view
}

// operatorView adds what only the payment's operator and admins can read.
type operatorView struct {
	paymentView
	ServerTime     instant       `json:"serverTime"`
	AmountCredited models.Amount `json:"amountCredited"`
	Decision       *string       `json:"decision"`
	Reason         *string       `json:"reason"`
	PaymentURL     string        `json:"paymentUrl"`
	UpdatedAt      instant       `json:"updatedAt"`
	shopView
	// Transfers and Ledger hold the largest, at most maxShownTransfers of each.
	Transfers      []transferView `json:"transfers"`
	TransfersTotal int64          `json:"transfersTotal"` // how many transfers there are
	Timeline       []eventView    `json:"timeline"`
	Ledger         []ledgerView   `json:"ledger"`
}

// transferView is a transfer to the payment's address.
type transferView struct {
	TxHash         string        `json:"txHash"`
	LogIndex       uint          `json:"logIndex"`
	BlockNumber    uint64        `json:"blockNumber"`
	BlockHash      string        `json:"blockHash"`
	BlockTime      instant       `json:"blockTime"`
	From           string        `json:"from"`
	Amount         models.Amount `json:"amount"`
	AmountCredited models.Amount `json:"amountCredited"`
	Confirmations  uint64        `json:"confirmations"`
	State          transferState `json:"state"`
}

// transferState is the state of a transfer.
type transferState string

const (
	transferConfirming transferState = "CONFIRMING" // in a block, not yet credited
	transferCredited   transferState = "CREDITED"   // in the operator's balance
	transferInternal   transferState = "INTERNAL"   // from an address of this installation; never credited
	transferRemoved    transferState = "REMOVED"    // removed from the chain by a reorganisation
)

// eventView is an entry in a payment's timeline.
type eventView struct {
	At             instant          `json:"at"`
	Status         models.Status    `json:"status"`
	Exception      models.Exception `json:"exception"`
	AmountReceived models.Amount    `json:"amountReceived"`
	AmountCredited models.Amount    `json:"amountCredited"`
	TxHash         *string          `json:"txHash"`
	Reason         *string          `json:"reason"`
}

// newPaymentView returns the view of a payment whose state is already the one to show.
func (s *Server) newPaymentView(ctx context.Context, p models.Payment, head uint64) paymentView {
	required := s.requiredConfirmations(p)
	return paymentView{
		ID: p.ID, UserID: p.UserID, AmountRequested: p.AmountRequested, AmountReceived: p.AmountReceived,
		CurrencyInfo:   p.Currency,
		DepositAddress: &p.DepositAddress, DepositNetwork: p.Network, Status: p.Status,
		Confirmations:    min(models.Confirmations(head, p.LastBlock), required),
		PaymentReference: p.Reference, TxHash: textOrNull(p.TxHash), ExpiresAt: instant(s.windowEnd(ctx, p)),
		CreatedAt: instant(p.CreatedAt),
		Exception: p.Exception, RequiredConfirmations: required,
	}
}

// maxShownTransfers bounds the transfers and ledger entries of one payment in an answer: anybody can send thousands of
// tiny transfers to an address.
const maxShownTransfers = 100

// maxConsistentReads is how often the full view is read at most, if the payment changes in between.
const maxConsistentReads = 3

// newOperatorView reads a payment in full. Rows, timeline and ledger are separate reads, so they are repeated if the
// payment's version changes in between.
func (s *Server) newOperatorView(ctx context.Context, operatorID, paymentID string) (operatorView, error) {
	for attempt := 1; ; attempt++ {
		row, err := s.Store.OperatorPayment(ctx, operatorID, paymentID)
		if err != nil {
			return operatorView{}, fmt.Errorf("read the payment: %w", err)
		}
		view, err := s.readOperatorView(ctx, row)
		if err != nil {
			return operatorView{}, err
		}
		after, err := s.Store.OperatorPayment(ctx, operatorID, paymentID)
		if err != nil {
			return operatorView{}, fmt.Errorf("read the payment again: %w", err)
		}
		if after.Version == row.Version || attempt == maxConsistentReads {
			return view, nil
		}
	}
}

func (s *Server) readOperatorView(ctx context.Context, row models.Payment) (operatorView, error) {
	transfers, total, err := s.Store.LargestTransfers(ctx, row.ID, maxShownTransfers)
	if err != nil {
		return operatorView{}, fmt.Errorf("read the transfers: %w", err)
	}
	internal, err := s.Store.InternalMovements(ctx, row.DepositAddress)
	if err != nil {
		return operatorView{}, fmt.Errorf("read the internal movements: %w", err)
	}
	events, err := s.Store.Events(ctx, row.ID)
	if err != nil {
		return operatorView{}, fmt.Errorf("read the timeline: %w", err)
	}
	lines, err := s.Store.LargestOfPayment(ctx, row, maxShownTransfers)
	if err != nil {
		return operatorView{}, fmt.Errorf("read the ledger entries: %w", err)
	}
	p, head, err := s.live(ctx, row)
	if err != nil {
		return operatorView{}, err
	}
	view := operatorView{
		paymentView: s.newPaymentView(ctx, p, head), ServerTime: instant(s.Clock()), AmountCredited: p.AmountCredited,
		Decision: textOrNull(string(p.Decision)), Reason: textOrNull(p.Reason), PaymentURL: s.checkoutURL(p),
		UpdatedAt: instant(p.UpdatedAt), shopView: newShopView(p),
		Transfers: make([]transferView, 0, len(transfers)), Timeline: make([]eventView, 0, len(events)),
		TransfersTotal: total + int64(len(internal)),
		Ledger:         make([]ledgerView, 0, len(lines)),
	}
	for _, transfer := range transfers {
		view.Transfers = append(view.Transfers, newTransferView(transfer, head))
	}
	for _, movement := range internal {
		view.Transfers = append(view.Transfers, newMovementView(movement, head))
	}
	for _, event := range events {
		view.Timeline = append(view.Timeline, newEventView(event))
	}
	for _, line := range lines {
		view.Ledger = append(view.Ledger, newLedgerView(line))
	}
	return view, nil
}

func newTransferView(t models.Transfer, head uint64) transferView {
	view := transferView{
		TxHash: t.TxHash, LogIndex: t.LogIndex, BlockNumber: t.BlockNumber, BlockHash: t.BlockHash,
		BlockTime: instant(t.BlockTime),
		From:      t.FromAddress, Amount: t.Amount, AmountCredited: t.CreditedAmount, State: transferConfirming,
	}
	switch {
	case !t.Canonical:
		view.State = transferRemoved
		return view // a removed transfer has no confirmations
	case t.CreditedAmount > 0:
		view.State = transferCredited
	}
	view.Confirmations = models.Confirmations(head, t.BlockNumber)
	return view
}

// newMovementView shows a transfer from an address of ours among the payment's transfers.
func newMovementView(t models.Transfer, head uint64) transferView {
	view := newTransferView(t, head)
	if t.Canonical {
		view.State = transferInternal
	}
	return view
}

func newEventView(e models.PaymentEvent) eventView {
	return eventView{
		At: instant(e.CreatedAt), Status: e.Status, Exception: e.Exception, AmountReceived: e.AmountReceived,
		AmountCredited: e.AmountCredited, TxHash: textOrNull(e.TxHash), Reason: textOrNull(e.Reason),
	}
}

// ledgerView is an entry in the operator's account.
type ledgerView struct {
	ID            int64             `json:"id"`
	TransactionID string            `json:"transactionId"`
	Kind          models.LedgerKind `json:"kind"`
	Amount        models.Amount     `json:"amount"`
	PaymentID     string            `json:"paymentId"`
	ExternalID    string            `json:"externalId"`
	CreatedAt     instant           `json:"createdAt"`
}

func newLedgerView(line store.LedgerLine) ledgerView {
	return ledgerView{
		ID: line.ID, TransactionID: line.TransactionID, Kind: line.Kind, Amount: line.Amount, PaymentID: line.PaymentID,
		ExternalID: line.ExternalID, CreatedAt: instant(line.CreatedAt),
	}
}

func textOrNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
