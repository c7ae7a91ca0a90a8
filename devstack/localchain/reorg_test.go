package localchain

import (
	"fmt"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/rpc"
	"github.com/stretchr/testify/require"

	"paycow/devstack/token"
)

func bigTag(number rpc.BlockNumber) *big.Int { return big.NewInt(number.Int64()) }

var reorgDepths = []int{1, 13, 40, 64}

func TestReorgMinesTheTransactionsAgain(t *testing.T) {
	t.Parallel()
	for _, depth := range reorgDepths {
		t.Run(fmt.Sprint(depth), func(t *testing.T) {
			t.Parallel()
			b := setup(t, Config{})
			b.mine(3)
			old := b.pay(recipient(10), 7) // stays below the fork
			b.mine(1)
			hash := b.pay(recipient(11), 5_000_000)
			b.mine(depth)
			waiting := b.pay(recipient(12), 9) // stays in the pool
			oldReceipt, oldHead := b.minedIn(hash), b.head()
			fork := oldHead.Number.Uint64() - uint64(depth)
			oldHashes := b.hashesFrom(fork)

			require.NoError(t, b.Reorg(depth, false))

			newHashes := b.hashesFrom(fork)
			require.Len(t, newHashes, depth+2, "one block more than before")
			require.Equal(t, oldHashes[0], newHashes[0], "the fork's block stays")
			for i := 1; i <= depth; i++ {
				require.NotEqual(t, oldHashes[i], newHashes[i])
			}
			receipt := b.minedIn(hash)
			require.NotNil(t, receipt)
			require.NotEqual(t, oldReceipt.BlockHash, receipt.BlockHash)
			require.Equal(t, oldReceipt.BlockNumber.Uint64()+1, receipt.BlockNumber.Uint64())
			require.EqualValues(t, 5_000_000, b.balance(recipient(11)))
			require.NotNil(t, b.minedIn(old))
			require.LessOrEqual(t, b.head().Time, max(oldHead.Time+1, uint64(time.Now().Unix())),
				"the clock moves by a second at most")

			require.Nil(t, b.minedIn(waiting))
			b.mine(1)
			require.NotNil(t, b.minedIn(waiting))
		})
	}
}

func TestReorgCanLoseTheTransactions(t *testing.T) {
	t.Parallel()
	for _, depth := range reorgDepths {
		t.Run(fmt.Sprint(depth), func(t *testing.T) {
			t.Parallel()
			b := setup(t, Config{})
			b.mine(3)
			lost := b.sendFromFaucet(recipient(20), 5_000_000)
			b.mine(depth)
			stranger := b.fundedStranger() // its transaction does not depend on a lost one
			require.True(t, b.isKnown(stranger))

			require.NoError(t, b.Reorg(depth, true))

			require.Nil(t, b.minedIn(lost.Hash()))
			require.False(t, b.isKnown(lost.Hash()), "not in the pool either")
			require.True(t, b.isKnown(stranger), "a transaction in the pool stays there")
			b.mine(2)
			require.Nil(t, b.minedIn(lost.Hash()))
			require.NotNil(t, b.minedIn(stranger))
			require.EqualValues(t, 0, b.balance(recipient(20)))

			// The payer's wallet sends the same transaction again.
			require.NoError(t, Rebroadcast(b.ctx, b.HTTPURL(), lost))
			require.NoError(t, Rebroadcast(b.ctx, b.HTTPURL(), lost), "it may be sent twice")
			b.mine(1)
			require.NotNil(t, b.minedIn(lost.Hash()))
			require.EqualValues(t, 5_000_000, b.balance(recipient(20)))
			require.NoError(t, Rebroadcast(b.ctx, b.HTTPURL(), lost), "it may be sent after it was mined")
		})
	}
}

func TestPayContinuesAfterALoss(t *testing.T) {
	t.Parallel()
	b := setup(t, Config{})
	b.mine(3)
	b.pay(recipient(21), 1)
	b.pay(recipient(21), 1)
	b.mine(1)
	require.NoError(t, b.Reorg(1, true))
	b.pay(recipient(21), 100)
	b.mine(1)
	require.EqualValues(t, 100, b.balance(recipient(21)))
}

func TestReorgByRPCAndItsLimits(t *testing.T) {
	t.Parallel()
	b := setup(t, Config{})
	require.ErrorIs(t, b.Reorg(1, false), ErrReorgDepth, "the token's block stays")
	b.mine(80)
	for _, depth := range []int{-1, 0, finalizedDepth + 1} {
		require.ErrorIs(t, b.Reorg(depth, true), ErrReorgDepth)
	}
	var answer HeadAnswer
	require.NoError(t, b.client.Client().CallContext(b.ctx, &answer, "dev_reorg", 13, true))
	require.Equal(t, b.head().Hash(), answer.Hash)
	require.EqualValues(t, 82, answer.Number)
	require.NoError(t, b.client.Client().CallContext(b.ctx, &answer, "dev_reorg", 2))
	require.EqualValues(t, 83, answer.Number)
}

// TestConcurrentChangesOfTheChain runs the ticker, miners, reorgs and payers at once. Nothing fails, and the blocks form
// one chain afterwards.
func TestConcurrentChangesOfTheChain(t *testing.T) {
	t.Parallel()
	b := setup(t, Config{BlockTime: 15 * time.Millisecond})
	b.mine(20)
	var group sync.WaitGroup
	run := func(times int, action func(i int) error) {
		group.Go(func() {
			for i := range times {
				if err := action(i); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	run(10, func(int) error { return b.Mine(2) })
	run(10, func(i int) error { return b.Reorg(1+i, i%2 == 0) })
	run(10, func(i int) error { return b.Reorg(3, i%2 == 1) })
	run(15, func(int) error {
		_, err := Pay(b.ctx, b.HTTPURL(), b.TokenAddress(), b.FaucetKey(), recipient(30), 1)
		return err
	})
	group.Wait()
	b.stopTicking()
	b.ticking.Wait()

	parent := b.blocks.backend.BlockChain().GetHeaderByNumber(0)
	for number := uint64(1); number <= b.blocks.head().Number.Uint64(); number++ {
		header := b.blocks.backend.BlockChain().GetHeaderByNumber(number)
		require.Equal(t, parent.Hash(), header.ParentHash)
		require.Greater(t, header.Time, parent.Time)
		parent = header
	}
}

func (b *bundle) hashesFrom(number uint64) []common.Hash {
	var hashes []common.Hash
	for head := b.head().Number.Uint64(); number <= head; number++ {
		hashes = append(hashes, b.header(number).Hash())
	}
	return hashes
}

func (b *bundle) sendFromFaucet(to common.Address, amountUnits int64) *types.Transaction {
	b.t.Helper()
	data := token.NewTestUSDT().PackTransfer(to, big.NewInt(amountUnits))
	transaction, err := SendCall(b.ctx, b.HTTPURL(), b.FaucetKey(), b.TokenAddress(), data)
	require.NoError(b.t, err)
	return transaction
}

// fundedStranger sends a transaction of a test account, which waits in the pool.
func (b *bundle) fundedStranger() common.Hash {
	b.t.Helper()
	data := token.NewTestUSDT().PackApprove(recipient(22), big.NewInt(1))
	transaction, err := SendCall(b.ctx, b.HTTPURL(), TestKey(0), b.TokenAddress(), data)
	require.NoError(b.t, err)
	return transaction.Hash()
}

// TestReplaceDecidesTheNewBranch mines a transaction after another one, which changes the index of its log, and replaces
// one with another that has the same nonce.
func TestReplaceDecidesTheNewBranch(t *testing.T) {
	t.Parallel()
	b := setup(t, Config{})
	b.mine(3)
	first := b.sendFromFaucet(recipient(40), 5)
	b.mine(1)
	second := b.sendFromFaucet(recipient(41), 6)
	b.mine(1)
	require.ErrorIs(t, b.Replace(2, [][]*types.Transaction{{first, second}, {}}), ErrReorgDepth,
		"the new branch must be longer")
	require.NoError(t, b.Replace(2, [][]*types.Transaction{{}, {first, second}, {}}))
	require.Equal(t, b.minedIn(first.Hash()).BlockHash, b.minedIn(second.Hash()).BlockHash)
	require.EqualValues(t, 0, b.minedIn(first.Hash()).Logs[0].Index)
	require.EqualValues(t, 1, b.minedIn(second.Hash()).Logs[0].Index)

	require.NoError(t, b.Replace(2, [][]*types.Transaction{{}, {}, {first}}))
	require.False(t, b.isKnown(second.Hash()), "a transaction that is not in the new branch is lost")
	instead := b.sendFromFaucet(recipient(41), 7)
	require.Equal(t, second.Nonce(), instead.Nonce())
	b.mine(1)
	require.EqualValues(t, 5, b.balance(recipient(40)))
	require.EqualValues(t, 7, b.balance(recipient(41)))
}
