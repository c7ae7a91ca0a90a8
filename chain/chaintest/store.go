package chaintest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"paycow/chain"
	"paycow/models"
)

// Store keeps in memory what a follower and a cross-check store, with the promises of the real store. Its exported
// fields must be set before it is used concurrently.
type Store struct {
	Ours          map[string]bool // deposit addresses in EIP-55 form
	OldestPayment time.Time       // zero means that there is no payment
	Credited      map[models.TransferKey]bool
	Keep          int   // rows of blocks; 0 means 4096
	FailAdvance   error // returned by the next Advance

	mu        sync.Mutex
	cursor    *models.ChainCursor
	blocks    map[uint64]models.BlockRef
	transfers map[storedKey]storedTransfer
	events    map[models.TransferKey]models.TokenEvent
	upgrades  []string

	tokenStates []models.TokenState

	advances, rewinds int
}

var (
	_ chain.BlockStore = (*Store)(nil)
	_ chain.CheckStore = (*Store)(nil)
)

type storedKey struct {
	models.TransferKey
	To string
}

type storedTransfer struct {
	models.TokenTransfer
	Canonical bool
	Revision  int
}

// NewStore returns an empty store with these deposit addresses.
func NewStore(ours ...string) *Store {
	s := &Store{
		blocks:    map[uint64]models.BlockRef{},
		Ours:      map[string]bool{},
		transfers: map[storedKey]storedTransfer{},
		events:    map[models.TransferKey]models.TokenEvent{},
	}
	for _, address := range ours {
		s.Ours[address] = true
	}
	return s
}

// Cursor does what chain.BlockStore says.
func (s *Store) Cursor(context.Context, string) (models.ChainCursor, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cursor == nil {
		return models.ChainCursor{}, models.ErrNotFound
	}
	cursor := *s.cursor
	cursor.Upgrades = slices.Clone(s.upgrades)
	return cursor, nil
}

// InitCursor does what chain.BlockStore says.
func (s *Store) InitCursor(_ context.Context, network string, block models.BlockRef, head uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cursor == nil {
		s.cursor = &models.ChainCursor{
			Network: network, BlockNumber: block.Number, BlockHash: block.Hash, BlockTime: block.Time, HeadNumber: head,
			AgreedNumber: block.Number, AgreedHash: block.Hash, AgreedTime: block.Time, RecheckedNumber: block.Number,
			TokenNumber: block.Number, TokenTime: block.Time,
		}
		s.blocks[block.Number] = block
	}
	return nil
}

// OldestPaymentAt does what chain.BlockStore says.
func (s *Store) OldestPaymentAt(context.Context, string) (time.Time, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.OldestPayment, !s.OldestPayment.IsZero(), nil
}

// OurAddresses does what chain.BlockStore says.
func (s *Store) OurAddresses(_ context.Context, _ string, addresses []string) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []string
	for _, address := range addresses {
		if s.Ours[address] {
			found = append(found, address)
		}
	}
	return found, nil
}

// RecentBlock does what chain.BlockStore says.
func (s *Store) RecentBlock(_ context.Context, _ string, number uint64) (models.BlockRef, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	block, ok := s.blocks[number]
	if !ok {
		return models.BlockRef{}, models.ErrNotFound
	}
	return block, nil
}

// LowestRecentBlock does what chain.BlockStore says.
func (s *Store) LowestRecentBlock(context.Context, string) (models.BlockRef, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.blocks) == 0 {
		return models.BlockRef{}, models.ErrNotFound
	}
	return s.blocks[slices.Sorted(maps.Keys(s.blocks))[0]], nil
}

// Advance does what chain.BlockStore says.
func (s *Store) Advance(_ context.Context, _ string, batch models.BlockBatch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	from, to, head := batch.From, batch.To, batch.Head
	if err := s.FailAdvance; err != nil {
		s.FailAdvance = nil
		return err
	}
	if !s.standsAt(from) || to.Number <= from.Number || !slices.Equal(s.upgrades, batch.Upgrades) {
		return models.ErrCursorMoved
	}
	s.advances++
	s.keepTransfers(batch.Transfers)
	s.keepEvents(batch.Events)
	s.moveTo(to)
	if batch.Agreed {
		s.cursor.AgreedNumber, s.cursor.AgreedHash, s.cursor.AgreedTime = to.Number, to.Hash, to.Time
	}
	s.cursor.HeadNumber = head
	s.blocks[to.Number] = to
	keep := s.Keep
	if keep == 0 {
		keep = 4096
	}
	if numbers := slices.Sorted(maps.Keys(s.blocks)); len(numbers) > keep {
		for _, number := range numbers[:len(numbers)-keep] {
			delete(s.blocks, number)
		}
	}
	return nil
}

// Rewind does what chain.BlockStore says.
func (s *Store) Rewind(_ context.Context, _ string, from, to models.BlockRef) error {
	return s.rewind(from, to, func(cursor models.ChainCursor) error {
		if to.Number < max(cursor.AgreedNumber, cursor.FinalizedNumber) {
			return models.ErrBelowAgreed
		}
		return nil
	})
}

// RewindAgreed does what chain.BlockStore says.
func (s *Store) RewindAgreed(_ context.Context, _ string, from, to, branch models.BlockRef) error {
	return s.rewind(from, to, func(cursor models.ChainCursor) error {
		if to.Number < cursor.FinalizedNumber && !cursor.HasAccepted(branch) {
			return models.ErrReorgBelowFinality
		}
		return nil
	})
}

func (s *Store) rewind(from, to models.BlockRef, allowed func(cursor models.ChainCursor) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.standsAt(from) || to.Number >= from.Number {
		return models.ErrCursorMoved
	}
	if err := allowed(*s.cursor); err != nil {
		return err
	}
	s.rewinds++
	for key, transfer := range s.transfers {
		if transfer.Canonical && transfer.Block.Number > to.Number {
			transfer.Canonical = false
			transfer.Revision++
			s.transfers[key] = transfer
		}
	}
	for key, event := range s.events {
		if event.BlockNumber > to.Number {
			event.Canonical = false
			s.events[key] = event
		}
	}
	for number := range s.blocks {
		if number > to.Number {
			delete(s.blocks, number)
		}
	}
	s.moveTo(to)
	if s.cursor.AgreedNumber > to.Number {
		s.cursor.AgreedNumber, s.cursor.AgreedHash, s.cursor.AgreedTime = to.Number, to.Hash, to.Time
	}
	s.cursor.RecheckedNumber = min(s.cursor.RecheckedNumber, to.Number)
	if s.cursor.FinalizedNumber > to.Number {
		s.cursor.FinalizedNumber, s.cursor.FinalizedHash = to.Number, to.Hash
	}
	return nil
}

// keepTransfers stores transfers to and from our addresses. The lock must be held.
func (s *Store) keepTransfers(transfers []models.TokenTransfer) (added int) {
	for _, transfer := range transfers {
		key := storedKey{transfer.TransferKey, transfer.To}
		if !s.Ours[transfer.To] && !s.Ours[transfer.From] || transfer.Amount == 0 {
			continue
		}
		old, known := s.transfers[key]
		if known && old.Canonical && old.Block.Hash == transfer.Block.Hash && old.Amount == transfer.Amount &&
			old.LogIndex == transfer.LogIndex {
			continue
		}
		s.transfers[key] = storedTransfer{TokenTransfer: transfer, Canonical: true, Revision: old.Revision + 1}
		added++
	}
	return added
}

// keepEvents stores the token's events that concern us. The lock must be held.
func (s *Store) keepEvents(events []models.TokenEvent) {
	for _, event := range events {
		if !event.Kind.OnlyIfOurs() || s.Ours[event.Address] {
			event.Canonical = true
			s.events[event.TransferKey] = event
		}
	}
}

// Events returns the stored canonical events in chain order.
func (s *Store) Events() []models.TokenEvent {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := []models.TokenEvent{}
	for _, event := range s.events {
		if event.Canonical {
			found = append(found, event)
		}
	}
	slices.SortFunc(found, func(a, b models.TokenEvent) int {
		return cmp.Or(cmp.Compare(a.BlockNumber, b.BlockNumber), cmp.Compare(a.LogIndex, b.LogIndex))
	})
	return found
}

// StoredEvents does what chain.CheckStore says.
func (s *Store) StoredEvents(_ context.Context, _ string, from, to uint64) ([]models.TokenEvent, error) {
	return slices.DeleteFunc(s.Events(), func(event models.TokenEvent) bool {
		return event.BlockNumber < from || event.BlockNumber > to
	}), nil
}

// HealEvents does what chain.CheckStore says.
func (s *Store) HealEvents(_ context.Context, _ string, found []models.TokenEvent) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keepEvents(found)
	return nil
}

// DisproveEvents does what chain.CheckStore says.
func (s *Store) DisproveEvents(_ context.Context, _ string, wrong []models.TokenEvent, _ string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, event := range wrong {
		if known := s.events[event.TransferKey]; known.BlockHash == event.BlockHash {
			known.Canonical = false
			s.events[event.TransferKey] = known
		}
	}
	return nil
}

// SetTokenState notes the state and corrects nothing.
func (s *Store) SetTokenState(
	_ context.Context, _ string, block models.BlockRef, states []models.TokenState,
) ([]models.TokenEvent, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cursor.TokenNumber, s.cursor.TokenTime = block.Number, block.Time
	s.tokenStates = slices.Clone(states)
	return nil, nil
}

// TokenStates returns what was noted last.
func (s *Store) TokenStates() []models.TokenState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.tokenStates)
}

// DeprecatedAt does what chain.CheckStore says.
func (s *Store) DeprecatedAt(_ context.Context, token, upgrade string) (uint64, error) {
	for _, event := range s.Events() {
		if event.Kind == models.TokenDeprecate && event.Token == token && event.Address == upgrade {
			return event.BlockNumber, nil
		}
	}
	return 0, models.ErrNotFound
}

// FollowUpgrade does what chain.CheckStore says.
func (s *Store) FollowUpgrade(_ context.Context, _ string, upgrade models.TokenUpgrade) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Contains(s.upgrades, upgrade.Address) {
		return nil
	}
	s.upgrades = append(s.upgrades, upgrade.Address)
	if to := upgrade.From; to.Number < s.cursor.BlockNumber {
		s.moveTo(to)
		s.blocks[to.Number] = to
		if s.cursor.AgreedNumber > to.Number {
			s.cursor.AgreedNumber, s.cursor.AgreedHash, s.cursor.AgreedTime = to.Number, to.Hash, to.Time
		}
		s.cursor.RecheckedNumber = min(s.cursor.RecheckedNumber, to.Number)
		s.cursor.TokenNumber = min(s.cursor.TokenNumber, to.Number)
	}
	return nil
}

// KnownBlockAbove does what chain.CheckStore says.
func (s *Store) KnownBlockAbove(_ context.Context, _ string, above, atMost uint64) (models.BlockRef, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, number := range slices.Sorted(maps.Keys(s.blocks)) {
		if number > above && number <= atMost {
			return s.blocks[number], nil
		}
	}
	return models.BlockRef{}, models.ErrNotFound
}

// StoredTransfers does what chain.CheckStore says.
func (s *Store) StoredTransfers(_ context.Context, _ string, from, to uint64) ([]models.TokenTransfer, error) {
	var found []models.TokenTransfer
	for _, transfer := range s.Canonical() {
		if transfer.Block.Number >= from && transfer.Block.Number <= to {
			found = append(found, transfer)
		}
	}
	return found, nil
}

// Heal does what chain.CheckStore says.
func (s *Store) Heal(_ context.Context, _ string, found []models.TokenTransfer) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, transfer := range found {
		known, kept := s.blocks[transfer.Block.Number]
		if transfer.Block.Number > s.cursor.BlockNumber || kept && known.Hash != transfer.Block.Hash {
			return 0, models.ErrCursorMoved
		}
	}
	return s.keepTransfers(found), nil
}

// Disprove does what chain.CheckStore says.
func (s *Store) Disprove(_ context.Context, _ string, wrong []models.TokenTransfer, _ string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, transfer := range s.transfers {
		judged := slices.ContainsFunc(wrong, func(t models.TokenTransfer) bool {
			return t.TransferKey == key.TransferKey && t.Block.Hash == transfer.Block.Hash
		})
		if transfer.Canonical && judged {
			transfer.Canonical = false
			transfer.Revision++
			s.transfers[key] = transfer
		}
	}
	return nil
}

// CreditedTransfers does what chain.CheckStore says.
func (s *Store) CreditedTransfers(_ context.Context, keys []models.TransferKey) ([]models.TransferKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(keys), func(key models.TransferKey) bool { return !s.Credited[key] }), nil
}

// SetAgreed does what chain.CheckStore says.
func (s *Store) SetAgreed(_ context.Context, _ string, block models.BlockRef) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if block.Number > s.cursor.AgreedNumber && block.Number <= s.cursor.BlockNumber {
		s.cursor.AgreedNumber, s.cursor.AgreedHash, s.cursor.AgreedTime = block.Number, block.Hash, block.Time
	}
	return nil
}

// AskForRescan has blocks read again, both included.
func (s *Store) AskForRescan(from, to uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cursor.RescanFrom, s.cursor.RescanTo = from, to
}

// NoteRescanned does what chain.CheckStore says.
func (s *Store) NoteRescanned(_ context.Context, _ string, from, upTo uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.cursor.RescanFrom != from:
	case upTo >= s.cursor.RescanTo:
		s.cursor.RescanFrom, s.cursor.RescanTo = 0, 0
	default:
		s.cursor.RescanFrom = upTo + 1
	}
	return nil
}

// SetRechecked does what chain.CheckStore says.
func (s *Store) SetRechecked(_ context.Context, _ string, number uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cursor.RecheckedNumber = max(s.cursor.RecheckedNumber, number)
	return nil
}

// SetFinalized does what chain.BlockStore says.
func (s *Store) SetFinalized(_ context.Context, _ string, block models.BlockRef) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if block.Number > s.cursor.FinalizedNumber {
		s.cursor.FinalizedNumber, s.cursor.FinalizedHash = block.Number, block.Hash
	}
	return nil
}

// Alarms keeps alarms in memory.
type Alarms struct {
	mu     sync.Mutex
	raised map[models.AlarmKind]int
	open   map[models.AlarmKind]bool
	latest map[models.AlarmKind]models.Alarm
}

// Raise does what chain.Alarms says.
func (a *Alarms) Raise(_ context.Context, alarm models.Alarm) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.open == nil {
		a.open, a.raised = map[models.AlarmKind]bool{}, map[models.AlarmKind]int{}
		a.latest = map[models.AlarmKind]models.Alarm{}
	}
	a.latest[alarm.Kind] = alarm
	a.open[alarm.Kind] = true
	a.raised[alarm.Kind]++
	return nil
}

// Resolve does what chain.Alarms says.
func (a *Alarms) Resolve(_ context.Context, _ string, kind models.AlarmKind, _, _, _ string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.open, kind)
	return nil
}

// Latest returns the alarm of that kind that was raised last.
func (a *Alarms) Latest(kind models.AlarmKind) models.Alarm {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.latest[kind]
}

// IsOpen reports whether an alarm of that kind is open.
func (a *Alarms) IsOpen(kind models.AlarmKind) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.open[kind]
}

// Count returns how often an alarm of that kind was raised.
func (a *Alarms) Count(kind models.AlarmKind) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.raised[kind]
}

// SetHead does what chain.BlockStore says.
func (s *Store) SetHead(_ context.Context, _ string, head uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cursor.HeadNumber = head
	return nil
}

func (s *Store) standsAt(block models.BlockRef) bool {
	return s.cursor != nil && s.cursor.BlockNumber == block.Number && s.cursor.BlockHash == block.Hash
}

func (s *Store) moveTo(block models.BlockRef) {
	s.cursor.BlockNumber, s.cursor.BlockHash, s.cursor.BlockTime = block.Number, block.Hash, block.Time
}

// Canonical returns the stored canonical transfers in chain order.
func (s *Store) Canonical() []models.TokenTransfer {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := []models.TokenTransfer{}
	for _, transfer := range s.transfers {
		if transfer.Canonical {
			found = append(found, transfer.TokenTransfer)
		}
	}
	sortTransfers(found)
	return found
}

func sortTransfers(transfers []models.TokenTransfer) {
	slices.SortFunc(transfers, func(a, b models.TokenTransfer) int {
		if a.Block.Number != b.Block.Number {
			return int(a.Block.Number) - int(b.Block.Number)
		}
		return cmp.Or(int(a.LogIndex)-int(b.LogIndex), a.Compare(b.TransferKey))
	})
}

// Counts returns how often the cursor was advanced and rewound.
func (s *Store) Counts() (advances, rewinds int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.advances, s.rewinds
}

// Block returns the block that the cursor is at; the zero block if there is no cursor.
func (s *Store) Block() models.BlockRef {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cursor == nil {
		return models.BlockRef{}
	}
	return s.cursor.Block()
}

// Head returns the stored head.
func (s *Store) Head() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cursor.HeadNumber
}

// Accept accepts the branch that an alarm REORG_BELOW_FINALITY names, as resolving it does.
func (s *Store) Accept(subject string) {
	branch, ok := models.BranchOf(subject)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cursor.AcceptedNumber, s.cursor.AcceptedHash = branch.Number, branch.Hash
}

// HighestRevision returns how often at most a transfer was changed.
func (s *Store) HighestRevision() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	highest := 0
	for _, transfer := range s.transfers {
		highest = max(highest, transfer.Revision)
	}
	return highest
}

// BindGenesis does what chain.Store says of a database that is not bound yet.
func (s *Store) BindGenesis(context.Context, string) error { return nil }
