package chain

// What the tests in package chain_test may change and look at besides the exported names.

// SetRanges sets from which distance to the head ranges are read, and the longest range, both in blocks.
func (f *Follower) SetRanges(from, longest uint64) {
	f.rangesFrom, f.rangeMax, f.rangeNow = from, longest, min(rangeFirst, longest)
}

// The defaults of SetRanges.
const (
	RangesFrom = rangesFrom
	RangeMax   = rangeMax
)

// Quarantine is how long a contradicted node is left out at least.
const Quarantine = quarantine
