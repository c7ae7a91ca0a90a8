package chain

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ethereum/go-ethereum/rpc"
	"github.com/stretchr/testify/require"

	"paycow/models"
)

var err429 = rpc.HTTPError{StatusCode: http.StatusTooManyRequests, Status: "429 Too Many Requests"}

// limitedNode refuses calls beyond a rate, as a provider with a bucket of tokens does.
type limitedNode struct {
	*faultyNode
	mu      sync.Mutex
	rate    float64 // tokens a second
	tokens  float64
	last    time.Time
	refused int
	calls   int
}

func (n *limitedNode) HeadHeader(ctx context.Context) (Header, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	n.calls++
	n.tokens = min(n.rate, n.tokens+n.rate*now.Sub(n.last).Seconds())
	n.last = now
	if n.tokens < 1 {
		n.refused++
		return Header{}, err429
	}
	n.tokens--
	return n.faultyNode.HeadHeader(ctx)
}

// A single node that limits the rate of calls is asked more slowly and answers every call: it is not given up.
func TestASingleNodeThatLimitsCallsIsAskedMoreSlowly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		node := &limitedNode{faultyNode: newFaultyNode("limited", 100), rate: 5, last: time.Now()}
		pool := NewPool([]Endpoint{node}, Config{ChainID: testChainID}, nil, quiet())
		var group sync.WaitGroup
		var failed, done int
		var mu sync.Mutex
		ends := time.Now().Add(2 * time.Minute)
		for range 8 { // as many as work at once
			group.Go(func() {
				for time.Now().Before(ends) {
					_, err := pool.HeadHeader(t.Context())
					mu.Lock()
					if err != nil {
						failed++
					} else {
						done++
					}
					mu.Unlock()
				}
			})
		}
		group.Wait()
		require.Greater(t, done, 300, "more than half of what the node allows")
		require.Less(t, failed, done/20)
		require.Less(t, node.refused, node.calls/2)
		require.Contains(t, []models.NodeState{models.NodeOK, models.NodeSlow, models.NodeRateLimited}, pool.stateOf(0))
	})
}

// Calls that decide about money overtake the others while a node is slow.
func TestCallsAboutMoneyGoFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var p pacer
		for range 3 {
			p.refused(err429)
		}
		var mu sync.Mutex
		var order []string
		var group sync.WaitGroup
		ask := func(ctx context.Context, who string) {
			group.Go(func() {
				if p.wait(ctx, false) == nil {
					mu.Lock()
					order = append(order, who)
					mu.Unlock()
				}
			})
		}
		for range 5 {
			ask(t.Context(), "reading")
		}
		for range 5 {
			ask(urgently(t.Context()), "money")
		}
		group.Wait()
		require.Len(t, order, 10)
		for i, who := range order[:5] {
			require.Equal(t, "money", who, "%d: %v", i, order)
		}
	})
}

// The pause that a node asks for is kept by every caller, and nobody waits for ever.
func TestThePauseIsKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var p pacer
		p.refused(&NodeError{Meaning: MeansRefused, After: 20 * time.Second, cause: err429})
		began := time.Now()
		require.NoError(t, p.wait(t.Context(), false))
		require.GreaterOrEqual(t, time.Since(began), 20*time.Second)

		p.refused(&NodeError{Meaning: MeansRefused, After: 9 * time.Minute, cause: err429})
		began = time.Now()
		err := p.wait(t.Context(), false)
		require.Equal(t, MeansRefused, MeaningOf(err))
		require.ErrorContains(t, err, "429")
		require.Zero(t, time.Since(began), "too far away to wait for")

		var q pacer
		q.refused(&NodeError{Meaning: MeansRefused, After: 20 * time.Second, cause: err429})
		require.Error(t, q.wait(t.Context(), true), "another node can be asked")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.Error(t, q.wait(ctx, false), "the caller has no time")
		require.NoError(t, ctx.Err(), "it is told at once")
	})
}
