package chain

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"paycow/models"
)

// However slow the nodes are, as long as their calls succeed, attempts that are cut off get there.
func TestAVerificationSurvivesAnAttemptThatRunsOutOfTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		node, notice := nodeWithTransfer()
		pool := poolOf(1, nil, node)
		verifier := NewVerifier(pool.config, pool)
		node.set(func(n *faultyNode) { n.delay = 9 * time.Second })
		attempt := func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
			defer cancel()
			return verifier.VerifyTransfer(ctx, toVerify(ourAddress1, notice))
		}
		require.ErrorIs(t, attempt(t.Context()), context.DeadlineExceeded)
		attempts := 1
		for ; attempt(t.Context()) != nil; attempts++ {
			require.Less(t, attempts, 5, "it starts from nothing each time")
			time.Sleep(time.Second)
		}
		before := node.calls
		require.NoError(t, attempt(t.Context()))
		require.Equal(t, before+1, node.calls, "only whether the block is still canonical is asked again")

		wanted := notice
		wanted.Amount++
		require.Error(t, verifier.VerifyTransfer(t.Context(), toVerify(ourAddress1, wanted)), "another transfer")
		node.set(func(n *faultyNode) { n.delay, n.head.Hash = 0, common.Hash{8} })
		require.ErrorIs(t, verifier.VerifyTransfer(t.Context(), toVerify(ourAddress1, notice)), models.ErrNotCanonical)
	})
}

// Two attempts at once ask the nodes once.
func TestVerificationsAreShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		node, notice := nodeWithTransfer()
		pool := poolOf(1, nil, node)
		verifier := NewVerifier(pool.config, pool)
		require.NoError(t, verifier.VerifyTransfer(t.Context(), toVerify(ourAddress1, notice)))
		alone := node.calls
		node.set(func(n *faultyNode) { n.delay, n.calls = time.Second, 0 })
		verifier = NewVerifier(pool.config, pool)
		results := make(chan error, 3)
		for range 3 {
			go func() { results <- verifier.VerifyTransfer(t.Context(), toVerify(ourAddress1, notice)) }()
		}
		for range 3 {
			require.NoError(t, <-results)
		}
		require.LessOrEqual(t, node.calls, alone)
	})
}

// A removal that was verified counts for a minute, however the deposit and the amount are the same.
func TestAVerifiedRemovalIsRememberedShortly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		node, notice := nodeWithTransfer()
		notice.CreditedAmount = notice.Amount
		pool := poolOf(1, nil, node)
		verifier := NewVerifier(pool.config, pool)
		credited := toVerify(ourAddress1, notice)
		require.ErrorIs(t, verifier.VerifyRemoval(t.Context(), credited), models.ErrDoubtful, "the receipt names no block")
		receipt := node.receipt
		node.set(func(n *faultyNode) { n.receipt, n.head.Hash = nil, common.Hash{8} })
		require.NoError(t, verifier.VerifyRemoval(t.Context(), credited))
		require.Error(t, verifier.VerifyTransfer(t.Context(), credited), "a removal is no confirmation")
		node.set(func(n *faultyNode) { n.receipt, n.head.Hash = receipt, receipt.BlockHash })
		require.NoError(t, verifier.VerifyRemoval(t.Context(), credited))
		time.Sleep(2 * time.Minute)
		require.Error(t, verifier.VerifyRemoval(t.Context(), credited))
	})
}
