package workflows

import (
	"context"
	"errors"
	"sync"
	"time"

	"paycow/models"
)

// modelStore is the database's side of one payment in memory, with the same rules as package store: writes compare the
// version, and the ledger books only what the rows confirm. It also stands in for the activities' methods.
type modelStore struct {
	mu         sync.Mutex
	state      models.PaymentState
	transfers  map[models.TransferKey]models.TransferNotice
	scanned    bool // the chain has been read past the window
	unscanned  int  // how often ExpirePayment still answers that it has not
	unverified int  // how many of the next credits the chain does not show
	failures   int  // how many of the next calls fail
	// unverifiable are the transfers that the nodes do not confirm for now.
	unverifiable map[models.TransferKey]bool
	booked       map[string]models.Amount
	states       []models.PaymentState
}

func newModelStore() *modelStore {
	return &modelStore{
		state:        models.PaymentState{Status: models.StatusPending, Version: 1},
		transfers:    map[models.TransferKey]models.TransferNotice{},
		booked:       map[string]models.Amount{},
		unverifiable: map[models.TransferKey]bool{},
	}
}

var (
	errModelAway       = errors.New("the model database is away")
	errModelUnverified = errors.New("the model chain confirms none of them")
)

func (m *modelStore) fail() error {
	if m.failures > 0 {
		m.failures--
		return errModelAway
	}
	return nil
}

// put changes a transfer's row as the follower does and returns the notice for it.
func (m *modelStore) put(n models.TransferNotice) models.TransferNotice {
	m.mu.Lock()
	defer m.mu.Unlock()
	n.CreditedAmount = m.transfers[n.TransferKey].CreditedAmount
	m.transfers[n.TransferKey] = n
	return n
}

func (m *modelStore) snapshot() *models.PaymentSnapshot {
	s := &models.PaymentSnapshot{State: m.state}
	for _, n := range m.transfers {
		s.Transfers = append(s.Transfers, n)
	}
	return s
}

func (m *modelStore) write(state models.PaymentState) models.RecordResult {
	switch {
	case m.state.Version == state.Version-1:
		m.state = state
		m.states = append(m.states, state)
		return models.RecordResult{Recorded: true}
	case m.state == state:
		return models.RecordResult{Recorded: true}
	default:
		return models.RecordResult{Snapshot: m.snapshot()}
	}
}

// LoadPayment stands in for the activity.
func (m *modelStore) LoadPayment(context.Context, string) (models.PaymentSnapshot, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return *m.snapshot(), m.fail()
}

// RecordPayment stands in for the activity.
func (m *modelStore) RecordPayment(_ context.Context, input models.RecordInput) (models.RecordResult, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.fail(); err != nil {
		return models.RecordResult{}, err
	}
	return m.write(input.State), nil
}

// ExpirePayment stands in for the activity.
func (m *modelStore) ExpirePayment(_ context.Context, input models.ExpireInput) (models.ExpireResult, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.fail(); err != nil {
		return models.ExpireResult{}, err
	}
	if m.unscanned > 0 {
		m.unscanned--
		if m.unscanned == 0 {
			m.scanned = true
		}
	}
	if !m.scanned {
		if input.AwaitScan {
			return models.ExpireResult{}, errors.New("not scanned past")
		}
		return models.ExpireResult{}, nil
	}
	for _, n := range m.transfers {
		if n.Canonical && !n.Block.Time.After(input.ExpiresAt) {
			return models.ExpireResult{ScannedPast: true, RecordResult: models.RecordResult{Snapshot: m.snapshot()}}, nil
		}
	}
	return models.ExpireResult{ScannedPast: true, RecordResult: m.write(input.State)}, nil
}

// CreditPayment stands in for the activity.
func (m *modelStore) CreditPayment(_ context.Context, input models.CreditInput) (models.CreditResult, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.fail(); err != nil {
		return models.CreditResult{}, err
	}
	if m.unverified > 0 {
		m.unverified--
		return models.CreditResult{}, errors.New("the chain does not show it")
	}
	var unverified []models.UnverifiedTransfer
	for _, n := range input.Credits {
		if m.unverifiable[n.TransferKey] {
			unverified = append(unverified, models.UnverifiedTransfer{TransferKey: n.TransferKey, Reason: "too few nodes agree"})
		}
	}
	if input.Await && len(unverified) == len(input.Credits) && len(unverified) > 0 {
		return models.CreditResult{}, errModelUnverified // the activity is tried again until that changes
	}
	if len(unverified) > 0 {
		return models.CreditResult{Unverified: unverified}, nil
	}
	stale := m.state.Version != input.State.Version-1
	for _, n := range input.Credits {
		row := m.transfers[n.TransferKey]
		stale = stale || !row.Canonical || row.Revision != n.Revision || row.CreditedAmount != 0
	}
	for _, n := range input.Reversals {
		row := m.transfers[n.TransferKey]
		stale = stale || row.CreditedAmount == 0 || (row.Canonical && row.Amount == row.CreditedAmount)
	}
	if stale {
		return models.CreditResult{RecordResult: models.RecordResult{Snapshot: m.snapshot()}}, nil
	}
	for _, n := range input.Reversals {
		row := m.transfers[n.TransferKey]
		m.booked[n.TransferKey.String()] -= row.CreditedAmount
		row.CreditedAmount = 0
		m.transfers[n.TransferKey] = row
	}
	for _, n := range input.Credits {
		row := m.transfers[n.TransferKey]
		m.booked[n.TransferKey.String()] += n.Amount
		row.CreditedAmount = n.Amount
		m.transfers[n.TransferKey] = row
	}
	return models.CreditResult{RecordResult: m.write(input.State)}, nil
}

// The payment of the tests: 50 USDT within an hour.
var (
	created   = time.Date(2026, 3, 12, 21, 30, 0, 0, time.UTC)
	testInput = models.PaymentInput{
		PaymentID: "648f3a0c9d1e2b3a4c5d6e7f", OperatorID: "0123456789abcdef01234567", UserID: "user_123456", Reference: "a1b2c3d4e5f6a7b8",
		DepositAddress: "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", Network: models.NetworkERC20, Currency: models.CurrencyUSDT,
		AmountRequested: 50 * models.USDT, CreatedAt: created, ExpiresAt: created.Add(time.Hour), Confirmations: 12, ExpiryGraceSeconds: 30,
	}
)
