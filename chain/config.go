package chain

import (
	"time"

	"github.com/ethereum/go-ethereum/common"

	"paycow/models"
)

// Config describes the network that is followed and how it is judged. Everything else that the package decides, such as
// intervals, range lengths and time limits, is a constant beside the code that uses it.
type Config struct {
	Network string
	ChainID uint64
	// Genesis is the hash of the chain's first block. Another chain may have the same id. Zero means not known yet.
	Genesis common.Hash
	Token   common.Address
	// Quorum is how many nodes must agree before anything is credited or expires. Values below 1 count as 1: then one
	// node is believed, and the agreed block moves with the cursor.
	Quorum int
	// BlockTime is the usual time between two blocks. Zero means that blocks are mined on demand, so the age of a head
	// says nothing.
	BlockTime time.Duration
	// FinalizedAbove is the amount in micro-USDT above which a transfer's block must be finalized before it is
	// credited. Zero means that no amount needs finality.
	FinalizedAbove models.Amount
	// WatchMempool makes a Watcher look for transfers that are not mined yet, too.
	WatchMempool bool
	// OwnClock says that the chain's clock is not the world's, as that of a local chain, so the worker's clock is not
	// compared with it.
	OwnClock bool
}

// quorum returns how many nodes must agree, at least 1.
func (c Config) quorum() int { return max(c.Quorum, 1) }

// pollInterval returns how often the head is asked for without a subscription: twice in a block's time, within bounds.
func (c Config) pollInterval() time.Duration {
	const shortest, longest, onDemand = 100 * time.Millisecond, 4 * time.Second, 250 * time.Millisecond
	if c.BlockTime <= 0 {
		return onDemand
	}
	return min(max(c.BlockTime/2, shortest), longest)
}

// silencePoll returns how long a subscription may be silent before the head is asked for: a little longer than a block
// takes, because the node that offers it may stand still.
func (c Config) silencePoll() time.Duration {
	const longest, shortest = 15 * time.Second, time.Second
	if c.BlockTime <= 0 {
		return longest
	}
	return min(max(c.BlockTime+c.BlockTime/16, shortest), longest)
}

// A head is stale when so many usual block times, and at least so much time, have passed since it was mined.
const (
	staleBlockTimes = 20
	staleAtLeast    = 3 * time.Minute
)

// staleAfter returns how long a chain with a usual block time may go without a new block.
func (c Config) staleAfter() time.Duration { return max(staleBlockTimes*c.BlockTime, staleAtLeast) }
