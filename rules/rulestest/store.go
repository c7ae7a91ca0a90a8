// Package rulestest holds a model of the database for tests of package rules and of the workflows that carry its
// decisions out.
package rulestest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"paycow/models"
)

// Created is when the payment of the tests was created.
var Created = time.Date(2026, 3, 12, 21, 30, 0, 0, time.UTC)

// Input returns the payment of the tests: 50 USDT within an hour.
func Input() models.PaymentInput {
	return models.PaymentInput{
		PaymentID:          "648f3a0c9d1e2b3a4c5d6e7f",
		OperatorID:         "0123456789abcdef01234567",
		UserID:             "user_123456",
		Reference:          "a1b2c3d4e5f6a7b8",
		DepositAddress:     "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
		Network:            models.NetworkERC20,
		Currency:           models.CurrencyUSDT,
		AmountRequested:    50 * models.USDT,
		CreatedAt:          Created,
		ExpiresAt:          Created.Add(time.Hour),
		Confirmations:      12,
		ExpiryGraceSeconds: 30,
	}
}

// ErrUnverified is what CreditPayment fails with while the model chain confirms none of the transfers and it is to
// wait.
var ErrUnverified = errors.New("the model chain confirms none of them")

var errAway = errors.New("the model database is away")

// Store is the database's side of one payment in memory, with the rules of package store: a write compares the version,
// and the ledger books only what the rows confirm. Its methods also stand in for the activities. Fields may be set
// while nothing calls a method.
type Store struct {
	mu        sync.Mutex
	State     models.PaymentState
	Transfers map[models.TransferKey]models.TransferNotice
	Scanned   bool      // the chain has been read past the window
	Unscanned int       // how often ExpirePayment still answers that it has not
	WindowEnd time.Time // when the window really ends, zero when it has not moved
	Paused    bool      // the token is paused

	Unverified int // how many of the next credits the chain does not show
	Failures   int // how many of the next calls fail
	// Unverifiable are the transfers that the nodes do not confirm for now.
	Unverifiable map[models.TransferKey]bool
	Booked       map[string]models.Amount // what the ledger holds, by transfer
	// Reversed counts the reversals.
	Reversed int
	States   []models.PaymentState // every recorded state

	// CrowdedAbove is how many transfers the payment may have before its workflow gets only their sums; 0 for any number.
	CrowdedAbove int
	SettleLimit  int    // how many transfers one SettlePayment books; 0 for any number
	changes      uint64 // of rows, as the block number of the head that sums are counted to
}

// NewStore returns the database of a payment that was just created.
func NewStore() *Store {
	return &Store{
		State:        models.PaymentState{Status: models.StatusPending, Version: 1},
		Transfers:    map[models.TransferKey]models.TransferNotice{},
		Booked:       map[string]models.Amount{},
		Unverifiable: map[models.TransferKey]bool{},
	}
}

// Describe names a state by its status and exception.
func Describe(state models.PaymentState) string {
	if state.Exception == models.ExceptionNone {
		return state.Status.String()
	}
	return fmt.Sprintf("%s (%s)", state.Status, state.Exception)
}

// Timeline returns the recorded states as Describe names them.
func (s *Store) Timeline() []string {
	timeline := make([]string, 0, len(s.States))
	for _, state := range s.States {
		timeline = append(timeline, Describe(state))
	}
	return timeline
}

// Put changes a transfer's row as the follower does and returns the notice for it.
func (s *Store) Put(n models.TransferNotice) models.TransferNotice {
	s.mu.Lock()
	defer s.mu.Unlock()
	n.CreditedAmount = s.Transfers[n.TransferKey].CreditedAmount
	s.Transfers[n.TransferKey] = n
	s.changes++
	return n
}

// News returns the signal about a transfer: the notice or, for a crowded payment, the sums of all transfers.
func (s *Store) News(n models.TransferNotice) models.TransfersSignal {
	s.mu.Lock()
	defer s.mu.Unlock()
	if crowd := s.crowd(); crowd != nil {
		return models.TransfersSignal{Crowd: crowd, WindowEnd: s.WindowEnd}
	}
	return models.TransfersSignal{Transfers: []models.TransferNotice{n}, WindowEnd: s.WindowEnd}
}

// crowd returns the sums of the transfers, nil unless they are too many.
func (s *Store) crowd() *models.Crowd {
	if s.CrowdedAbove == 0 || len(s.Transfers) <= s.CrowdedAbove {
		return nil
	}
	input := Input()
	end := input.ExpiresAt
	if s.WindowEnd.After(end) {
		end = s.WindowEnd
	}
	crowd := SumUp(slices.Collect(maps.Values(s.Transfers)), end, input.Enough(), input.Confirmations)
	crowd.Version, crowd.Head = s.State.Version, s.changes
	return &crowd
}

// SumUp returns the sums of a crowded payment's transfers, transfer by transfer. It leaves out Version and Head.
func SumUp(
	notices []models.TransferNotice, end time.Time, requested models.Amount, confirmations uint64,
) models.Crowd {
	crowd := models.Crowd{WindowEnd: end, Transfers: int64(len(notices))}
	slices.SortFunc(notices, func(a, b models.TransferNotice) int {
		return cmp.Or(cmp.Compare(a.Block.Number, b.Block.Number), a.Compare(b.TransferKey))
	})
	for _, n := range notices {
		crowd.Changes += n.Revision
		inTime := !n.Block.Time.After(end)
		if n.CreditedAmount != 0 && (!n.Canonical || n.CreditedAmount != n.Amount) {
			crowd.Outdated++
			n.Canonical, n.Amount = true, n.CreditedAmount
		}
		if !n.Canonical {
			crowd.Removed++
			continue
		}
		crowd.Credited += n.CreditedAmount
		inTime = inTime && !n.IsEarly
		if n.IsEarly {
			crowd.CreditedEarly += n.CreditedAmount
		} else if crowd.Received < requested {
			crowd.TxHash, crowd.LastBlock = n.TxHash, n.Block.Number
		}
		if !n.IsEarly {
			crowd.Received += n.Amount
		}
		if inTime {
			crowd.MinedInTime += n.Amount
			crowd.CreditedInTime += n.CreditedAmount
		} else if !n.IsEarly {
			crowd.CreditedLate += n.CreditedAmount
		}
		if inTime && n.Confirmations >= min(models.ConfirmingFrom, confirmations) {
			crowd.Confirming += n.Amount
		}
		if n.CreditedAmount != 0 {
			continue
		}
		if inTime {
			crowd.UncreditedInTime++
			crowd.NewestInTime = max(crowd.NewestInTime, n.Block.Number)
		}
		if n.Confirmations >= confirmations {
			crowd.Confirmed++
			crowd.ConfirmedAmount += n.Amount
			continue
		}
		crowd.Unconfirmed++
		crowd.NewestUnconfirmed = max(crowd.NewestUnconfirmed, n.Block.Number)
		if !n.IsEarly && n.Amount >= models.CrowdStep(requested) && crowd.OldestLarge == 0 {
			crowd.OldestLarge = n.Block.Number
		}
	}
	return crowd
}

// SettlePayment stands in for the activity.
func (s *Store) SettlePayment(_ context.Context, input models.SettleInput) (models.SettleResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fail(); err != nil {
		return models.SettleResult{}, err
	}
	var result models.SettleResult
	isCovered := func(credited models.Amount) bool { return credited >= Input().Enough() }
	notices := slices.SortedFunc(maps.Values(s.Transfers), func(a, b models.TransferNotice) int {
		return cmp.Or(cmp.Compare(b.Amount, a.Amount), a.Compare(b.TransferKey))
	})
	for _, n := range notices {
		outdated := n.CreditedAmount != 0 && (!n.Canonical || n.CreditedAmount != n.Amount)
		toCredit := n.CreditedAmount == 0 && n.Canonical && n.Confirmations >= Input().Confirmations
		switch {
		case !outdated && !toCredit, s.SettleLimit > 0 && int(result.Booked) >= s.SettleLimit,
			isCovered(s.State.AmountCredited) != isCovered(input.Credited):
			continue
		case s.Unverifiable[n.TransferKey]:
			result.Held = "too few nodes agree"
			continue
		case outdated:
			s.Reversed++
			n.Amount = 0
			row := s.Transfers[n.TransferKey]
			row.CreditedAmount = 0
			s.Transfers[n.TransferKey] = row
		default:
			row := s.Transfers[n.TransferKey]
			row.CreditedAmount = n.Amount
			s.Transfers[n.TransferKey] = row
		}
		change := n.Amount - n.CreditedAmount
		s.Booked[n.TransferKey.String()] += change
		s.State.AmountCredited += change
		result.Booked++
	}
	if result.Booked > 0 {
		s.State.Version++
	}
	if input.Await && result.Booked == 0 && result.Held != "" {
		return models.SettleResult{}, ErrUnverified
	}
	result.Snapshot = *s.Snapshot()
	return result, nil
}

// EndPause ends a pause that made the window longer, to the given end. The chain has not been read past that yet.
func (s *Store) EndPause(end time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Paused, s.WindowEnd, s.Scanned = false, end, false
}

// Snapshot returns the row with its transfers.
func (s *Store) Snapshot() *models.PaymentSnapshot {
	snapshot := &models.PaymentSnapshot{State: s.State, WindowEnd: s.WindowEnd}
	if snapshot.Crowd = s.crowd(); snapshot.Crowd != nil {
		return snapshot
	}
	for _, n := range s.Transfers {
		snapshot.Transfers = append(snapshot.Transfers, n)
	}
	return snapshot
}

func (s *Store) fail() error {
	if s.Failures > 0 {
		s.Failures--
		return errAway
	}
	return nil
}

func (s *Store) write(state models.PaymentState) models.RecordResult {
	switch {
	case s.State.Version == state.Version-1:
		s.State = state
		s.States = append(s.States, state)
		return models.RecordResult{Recorded: true}
	case s.State == state:
		return models.RecordResult{Recorded: true}
	default:
		return models.RecordResult{Snapshot: s.Snapshot()}
	}
}

// LoadPayment stands in for the activity.
func (s *Store) LoadPayment(context.Context, string) (models.PaymentSnapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *s.Snapshot(), s.fail()
}

// RecordPayment stands in for the activity.
func (s *Store) RecordPayment(_ context.Context, input models.RecordInput) (models.RecordResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fail(); err != nil {
		return models.RecordResult{}, err
	}
	return s.write(input.State), nil
}

// ExpirePayment stands in for the activity.
func (s *Store) ExpirePayment(_ context.Context, input models.ExpireInput) (models.ExpireResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fail(); err != nil {
		return models.ExpireResult{}, err
	}
	if s.Unscanned > 0 {
		s.Unscanned--
		s.Scanned = s.Scanned || s.Unscanned == 0
	}
	result := models.ExpireResult{ScannedPast: s.Scanned && !s.Paused, WindowEnd: s.WindowEnd, Paused: s.Paused}
	switch {
	case s.Paused:
		result.Wait = models.ExpiryWaitPaused
	case !s.Scanned:
		result.Wait, result.WaitBlock = models.ExpiryWaitScan, 100
	}
	switch {
	case s.State.Version != input.State.Version-1:
		result.RecordResult = s.write(input.State)
		result.ScannedPast = result.ScannedPast || result.Recorded
	case s.isPaid(input.ExpiresAt):
		result.Snapshot = s.Snapshot()
	case result.ScannedPast:
		result.RecordResult = s.write(input.State)
	}
	if !result.ScannedPast && input.AwaitScan {
		return models.ExpireResult{}, errors.New(result.Wait.String())
	}
	return result, nil
}

// isPaid reports whether a transfer came within the window.
func (s *Store) isPaid(expiresAt time.Time) bool {
	end := expiresAt
	if s.WindowEnd.After(end) {
		end = s.WindowEnd
	}
	for _, n := range s.Transfers {
		if n.Canonical && !n.IsEarly && !n.Block.Time.After(end) {
			return true
		}
	}
	return false
}

// CreditPayment stands in for the activity.
func (s *Store) CreditPayment(_ context.Context, input models.CreditInput) (models.CreditResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fail(); err != nil {
		return models.CreditResult{}, err
	}
	if s.Unverified > 0 {
		s.Unverified--
		return models.CreditResult{}, errors.New("the chain does not show it")
	}
	var unverified []models.UnverifiedTransfer
	for _, n := range slices.Concat(input.Credits, input.Reversals) {
		if s.Unverifiable[n.TransferKey] {
			unverified = append(unverified, models.UnverifiedTransfer{TransferKey: n.TransferKey, Reason: "too few nodes agree"})
		}
	}
	if input.Await && len(unverified) == len(input.Credits)+len(input.Reversals) && len(unverified) > 0 {
		return models.CreditResult{}, ErrUnverified // the activity is repeated until that changes
	}
	if len(unverified) > 0 {
		return models.CreditResult{Unverified: unverified}, nil
	}
	if s.isStale(input) {
		return models.CreditResult{RecordResult: models.RecordResult{Snapshot: s.Snapshot()}}, nil
	}
	for _, n := range input.Reversals {
		row := s.Transfers[n.TransferKey]
		s.Booked[n.TransferKey.String()] -= row.CreditedAmount
		s.Reversed++
		row.CreditedAmount = 0
		s.Transfers[n.TransferKey] = row
	}
	for _, n := range input.Credits {
		row := s.Transfers[n.TransferKey]
		s.Booked[n.TransferKey.String()] += n.Amount
		row.CreditedAmount = n.Amount
		s.Transfers[n.TransferKey] = row
	}
	return models.CreditResult{RecordResult: s.write(input.State)}, nil
}

// isStale reports whether the rows say otherwise than the input.
func (s *Store) isStale(input models.CreditInput) bool {
	stale := s.State.Version != input.State.Version-1
	for _, n := range input.Credits {
		row := s.Transfers[n.TransferKey]
		stale = stale || !row.Canonical || row.Revision != n.Revision || row.CreditedAmount != 0
	}
	for _, n := range input.Reversals {
		row := s.Transfers[n.TransferKey]
		stale = stale || row.CreditedAmount == 0 || (row.Canonical && row.Amount == row.CreditedAmount) ||
			row.CreditedAmount != n.CreditedAmount || row.Revision != n.Revision
	}
	return stale
}
