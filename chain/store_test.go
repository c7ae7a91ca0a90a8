package chain

import (
	"context"
	"slices"
	"sync"
	"time"

	"paycow/models"
)

// memoryStore keeps what a follower stores, with the promises of the real store.
type memoryStore struct {
	mu            sync.Mutex
	cursor        *models.ChainCursor
	blocks        map[uint64]models.BlockRef
	ours          map[string]bool
	oldestPayment time.Time // zero: there is none
	transfers     map[storedKey]storedTransfer
	credited      map[models.TransferKey]bool
	keep          int // rows of blocks; 0 means 4096

	advances, rewinds, asked int
	failAdvance              error // returned by the next Advance
}

type storedKey struct {
	models.TransferKey
	To string
}

type storedTransfer struct {
	models.TokenTransfer
	Canonical bool
	Revision  int
}

func newMemoryStore(ours ...string) *memoryStore {
	s := &memoryStore{blocks: map[uint64]models.BlockRef{}, ours: map[string]bool{}, transfers: map[storedKey]storedTransfer{}}
	for _, address := range ours {
		s.ours[address] = true
	}
	return s
}

func (s *memoryStore) Cursor(context.Context, string) (models.ChainCursor, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cursor == nil {
		return models.ChainCursor{}, models.ErrNotFound
	}
	return *s.cursor, nil
}

func (s *memoryStore) InitCursor(_ context.Context, network string, block models.BlockRef, head uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cursor == nil {
		s.cursor = &models.ChainCursor{
			Network: network, BlockNumber: block.Number, BlockHash: block.Hash, BlockTime: block.Time, HeadNumber: head,
			AgreedNumber: block.Number, AgreedHash: block.Hash, AgreedTime: block.Time, RecheckedNumber: block.Number,
		}
		s.blocks[block.Number] = block
	}
	return nil
}

func (s *memoryStore) OldestPaymentAt(context.Context, string) (time.Time, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.oldestPayment, !s.oldestPayment.IsZero(), nil
}

func (s *memoryStore) OurAddresses(_ context.Context, _ string, addresses []string) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	var found []string
	for _, address := range addresses {
		if s.ours[address] {
			found = append(found, address)
		}
	}
	return found, nil
}

func (s *memoryStore) RecentBlock(_ context.Context, _ string, number uint64) (models.BlockRef, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	block, ok := s.blocks[number]
	if !ok {
		return models.BlockRef{}, models.ErrNotFound
	}
	return block, nil
}

func (s *memoryStore) LowestRecentBlock(context.Context, string) (models.BlockRef, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.blocks) == 0 {
		return models.BlockRef{}, models.ErrNotFound
	}
	return s.blocks[sortedKeys(s.blocks)[0]], nil
}

func (s *memoryStore) Advance(_ context.Context, _ string, batch models.BlockBatch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	from, to, head := batch.From, batch.To, batch.Head
	if err := s.failAdvance; err != nil {
		s.failAdvance = nil
		return err
	}
	if !s.standsAt(from) || to.Number <= from.Number {
		return models.ErrCursorMoved
	}
	s.advances++
	s.keepTransfers(batch.Transfers)
	s.moveTo(to)
	if batch.Agreed {
		s.cursor.AgreedNumber, s.cursor.AgreedHash, s.cursor.AgreedTime = to.Number, to.Hash, to.Time
	}
	s.cursor.HeadNumber = head
	s.blocks[to.Number] = to
	keep := s.keep
	if keep == 0 {
		keep = 4096
	}
	if numbers := sortedKeys(s.blocks); len(numbers) > keep {
		for _, number := range numbers[:len(numbers)-keep] {
			delete(s.blocks, number)
		}
	}
	return nil
}

func (s *memoryStore) Rewind(_ context.Context, _ string, from, to models.BlockRef) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.standsAt(from) || to.Number >= from.Number {
		return models.ErrCursorMoved
	}
	s.rewinds++
	for key, transfer := range s.transfers {
		if transfer.Canonical && transfer.Block.Number > to.Number {
			transfer.Canonical = false
			transfer.Revision++
			s.transfers[key] = transfer
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
func (s *memoryStore) keepTransfers(transfers []models.TokenTransfer) (added int) {
	for _, transfer := range transfers {
		key := storedKey{transfer.TransferKey, transfer.To}
		if !s.ours[transfer.To] && !s.ours[transfer.From] || transfer.Amount == 0 {
			continue
		}
		old, known := s.transfers[key]
		if known && old.Canonical && old.Block.Hash == transfer.Block.Hash && old.Amount == transfer.Amount && old.LogIndex == transfer.LogIndex {
			continue
		}
		s.transfers[key] = storedTransfer{TokenTransfer: transfer, Canonical: true, Revision: old.Revision + 1}
		added++
	}
	return added
}

func (s *memoryStore) KnownBlockAbove(_ context.Context, _ string, above, atMost uint64) (models.BlockRef, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, number := range sortedKeys(s.blocks) {
		if number > above && number <= atMost {
			return s.blocks[number], nil
		}
	}
	return models.BlockRef{}, models.ErrNotFound
}

func (s *memoryStore) StoredTransfers(_ context.Context, _ string, from, to uint64) ([]models.TokenTransfer, error) {
	var found []models.TokenTransfer
	for _, transfer := range s.canonical() {
		if transfer.Block.Number >= from && transfer.Block.Number <= to {
			found = append(found, transfer)
		}
	}
	return found, nil
}

func (s *memoryStore) Heal(_ context.Context, _ string, found []models.TokenTransfer) (int, error) {
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

func (s *memoryStore) Disprove(_ context.Context, _ string, keys []models.TransferKey, _ string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, transfer := range s.transfers {
		if transfer.Canonical && slices.Contains(keys, key.TransferKey) {
			transfer.Canonical = false
			transfer.Revision++
			s.transfers[key] = transfer
		}
	}
	return nil
}

func (s *memoryStore) CreditedTransfers(_ context.Context, keys []models.TransferKey) ([]models.TransferKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(keys), func(key models.TransferKey) bool { return !s.credited[key] }), nil
}

func (s *memoryStore) SetAgreed(_ context.Context, _ string, block models.BlockRef) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if block.Number > s.cursor.AgreedNumber && block.Number <= s.cursor.BlockNumber {
		s.cursor.AgreedNumber, s.cursor.AgreedHash, s.cursor.AgreedTime = block.Number, block.Hash, block.Time
	}
	return nil
}

func (s *memoryStore) SetRechecked(_ context.Context, _ string, number uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cursor.RecheckedNumber = max(s.cursor.RecheckedNumber, number)
	return nil
}

func (s *memoryStore) SetFinalized(_ context.Context, _ string, block models.BlockRef) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if block.Number > s.cursor.FinalizedNumber {
		s.cursor.FinalizedNumber, s.cursor.FinalizedHash = block.Number, block.Hash
	}
	return nil
}

// memoryAlarms keeps the open alarms.
type memoryAlarms struct {
	mu     sync.Mutex
	raised map[models.AlarmKind]int
	open   map[models.AlarmKind]bool
}

func (a *memoryAlarms) Raise(_ context.Context, alarm models.Alarm) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.open == nil {
		a.open, a.raised = map[models.AlarmKind]bool{}, map[models.AlarmKind]int{}
	}
	a.open[alarm.Kind] = true
	a.raised[alarm.Kind]++
	return nil
}

func (a *memoryAlarms) Resolve(_ context.Context, _ string, kind models.AlarmKind, _, _, _ string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.open, kind)
	return nil
}

func (a *memoryAlarms) isOpen(kind models.AlarmKind) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.open[kind]
}

func (a *memoryAlarms) count(kind models.AlarmKind) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.raised[kind]
}

func (s *memoryStore) SetHead(_ context.Context, _ string, head uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cursor.HeadNumber = head
	return nil
}

func (s *memoryStore) standsAt(block models.BlockRef) bool {
	return s.cursor != nil && s.cursor.BlockNumber == block.Number && s.cursor.BlockHash == block.Hash
}

func (s *memoryStore) moveTo(block models.BlockRef) {
	s.cursor.BlockNumber, s.cursor.BlockHash, s.cursor.BlockTime = block.Number, block.Hash, block.Time
}

// canonical returns the stored canonical transfers in chain order.
func (s *memoryStore) canonical() []models.TokenTransfer {
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
		return int(a.LogIndex) - int(b.LogIndex)
	})
}

func (s *memoryStore) counts() (advances, rewinds, asked int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.advances, s.rewinds, s.asked
}

func (s *memoryStore) block() models.BlockRef {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cursor == nil {
		return models.BlockRef{}
	}
	return s.cursor.Block()
}

func (s *memoryStore) head() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cursor.HeadNumber
}
