package rules

import (
	"cmp"
	"maps"
	"slices"

	"paycow/models"
)

// transferSet holds one notice for each transfer. It is never iterated by its map, so every result is deterministic.
type transferSet struct {
	notices []models.TransferNotice // in the order in which the transfers became known
	index   map[models.TransferKey]int
}

func newTransferSet() *transferSet { return &transferSet{index: map[models.TransferKey]int{}} }

func (s *transferSet) clone() *transferSet {
	return &transferSet{notices: slices.Clone(s.notices), index: maps.Clone(s.index)}
}

// get returns the notice of a transfer, and false if the transfer is not known.
func (s *transferSet) get(key models.TransferKey) (models.TransferNotice, bool) {
	i, ok := s.index[key]
	if !ok {
		return models.TransferNotice{}, false
	}
	return s.notices[i], true
}

// put replaces the notice of a transfer, or adds it.
func (s *transferSet) put(notice models.TransferNotice) {
	if i, ok := s.index[notice.TransferKey]; ok {
		s.notices[i] = notice
		return
	}
	s.index[notice.TransferKey] = len(s.notices)
	s.notices = append(s.notices, notice)
}

// all returns every notice in the order of the chain.
func (s *transferSet) all() []models.TransferNotice {
	return s.matching(func(models.TransferNotice) bool { return true })
}

// matching returns the notices that match, in the order of the chain: block, transaction hash, ordinal, contract.
func (s *transferSet) matching(match func(models.TransferNotice) bool) []models.TransferNotice {
	var found []models.TransferNotice
	for _, n := range s.notices {
		if match(n) {
			found = append(found, n)
		}
	}
	slices.SortFunc(found, func(a, b models.TransferNotice) int {
		return cmp.Or(cmp.Compare(a.Block.Number, b.Block.Number), a.Compare(b.TransferKey))
	})
	return found
}
