package chain

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"paycow/models"
)

const (
	// verifyTimeout bounds one verification: a few calls to slow nodes, one after another.
	verifyTimeout = 2 * time.Minute
	// rememberedVerifications is how many verifications are remembered at most.
	rememberedVerifications = 4096
)

// verificationKey is everything that the outcome of a verification depends on besides the chain.
type verificationKey struct {
	transfer       models.TransferKey
	from           string
	depositAddress string
	amount         models.Amount
	block          uint64
	blockHash      string
	blockTime      int64
	confirmations  uint64
	final          bool // the amount at stake needs finality
	removal        bool
}

func (v *Verifier) keyOf(wanted Verification) verificationKey {
	n := wanted.Notice
	return verificationKey{
		transfer: n.TransferKey, from: n.From, depositAddress: wanted.DepositAddress, amount: n.Amount,
		block: n.Block.Number, blockHash: n.Block.Hash, blockTime: n.Block.Time.Unix(),
		confirmations: wanted.Confirmations, final: v.needsFinality(wanted),
	}
}

// needsFinality reports whether the amount at stake is so large that the transfer's block must be final.
func (v *Verifier) needsFinality(wanted Verification) bool {
	return v.config.FinalizedAbove > 0 && max(wanted.AtStake, wanted.Notice.Amount) > v.config.FinalizedAbove
}

// sharedVerifications lets callers share the verifications that are under way, and remembers those that succeeded.
type sharedVerifications struct {
	inFlight singleflight.Group

	mu   sync.Mutex
	done map[verificationKey]time.Time
}

// when returns when a verification last succeeded.
func (s *sharedVerifications) when(key verificationKey) (at time.Time, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, known = s.done[key]
	return at, known
}

// do verifies, or waits for the same verification that is under way. When ctx ends first, it returns ctx's error and
// the verification goes on.
func (s *sharedVerifications) do(ctx context.Context, key verificationKey, verify func(context.Context) error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	outcome := s.inFlight.DoChan(fmt.Sprintf("%+v", key), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), verifyTimeout)
		defer cancel()
		err := verify(ctx)
		if err == nil {
			s.remember(key)
		}
		return nil, err
	})
	select {
	case result := <-outcome:
		return result.Err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *sharedVerifications) remember(key verificationKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.done) >= rememberedVerifications {
		clear(s.done)
	}
	s.done[key] = time.Now()
}

// stillCanonical returns nil when a quorum of nodes has the block in its chain.
func (v *Verifier) stillCanonical(ctx context.Context, block models.BlockRef) error {
	have, quorum := 0, v.config.quorum()
	read := func(ctx context.Context, node *member) bool {
		header, err := node.HeaderByNumber(ctx, block.Number)
		return err == nil && header.Hash.Hex() == block.Hash
	}
	gather(urgently(ctx), v.pool.usable(), quorum, read, func(has bool) (missing int) {
		if has {
			have++
		}
		return quorum - have
	})
	if have < quorum {
		return fmt.Errorf("%w: %d of %d needed nodes have block %s", models.ErrQuorumMissing, have, quorum, block)
	}
	return nil
}
