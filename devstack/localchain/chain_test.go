package localchain

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/rpc"
	"github.com/stretchr/testify/require"
)

func callTo(to common.Address, data []byte) ethereum.CallMsg {
	return ethereum.CallMsg{To: &to, Data: data}
}

func TestPaymentIsMinedOnDemand(t *testing.T) {
	t.Parallel()
	b := setup(t, Config{})
	require.EqualValues(t, setupBlockNumber, b.head().Number.Int64())

	hash := b.pay(recipient(1), 50_000_000)
	require.Nil(t, b.minedIn(hash), "nothing is mined before Mine is called")
	b.mine(12)

	receipt := b.minedIn(hash)
	require.NotNil(t, receipt)
	require.Equal(t, types.ReceiptStatusSuccessful, receipt.Status)
	require.EqualValues(t, setupBlockNumber+1, receipt.BlockNumber.Int64(), "the first new block contains it")
	require.Len(t, receipt.Logs, 1)
	require.Equal(t, b.TokenAddress(), receipt.Logs[0].Address)
	require.EqualValues(t, setupBlockNumber+12, b.head().Number.Int64())
	require.EqualValues(t, 50_000_000, b.balance(recipient(1)))

	logs, err := b.client.FilterLogs(b.ctx, ethereum.FilterQuery{
		BlockHash: &receipt.BlockHash, Addresses: []common.Address{b.TokenAddress()},
	})
	require.NoError(t, err)
	require.Len(t, logs, 1)
}

func TestStateSurvivesACleanRestart(t *testing.T) {
	t.Parallel()
	dataDir := t.TempDir()
	first := setup(t, Config{DataDir: dataDir})
	hash := first.pay(recipient(2), 1_000_000)
	first.mine(70)
	head := first.head()
	require.NoError(t, first.Close())

	second := setup(t, Config{DataDir: dataDir})
	require.Equal(t, head.Hash(), second.head().Hash())
	require.Equal(t, first.TokenAddress(), second.TokenAddress())
	require.EqualValues(t, 1_000_000, second.balance(recipient(2)))
	require.NotNil(t, second.minedIn(hash))
	finalized, err := second.client.HeaderByNumber(second.ctx, bigTag(rpc.FinalizedBlockNumber))
	require.NoError(t, err)
	require.Equal(t, head.Number.Uint64()-finalizedDepth, finalized.Number.Uint64())

	second.pay(recipient(2), 1_000_000)
	second.mine(1)
	require.EqualValues(t, 2_000_000, second.balance(recipient(2)))
}

func TestSafeAndFinalizedFollowTheHead(t *testing.T) {
	t.Parallel()
	b := setup(t, Config{})
	finalized, err := b.client.HeaderByNumber(b.ctx, bigTag(rpc.FinalizedBlockNumber))
	require.NoError(t, err)
	require.Zero(t, finalized.Number.Int64(), "a young chain's genesis block is final")
	b.mine(99)
	finalized, err = b.client.HeaderByNumber(b.ctx, bigTag(rpc.FinalizedBlockNumber))
	require.NoError(t, err)
	require.EqualValues(t, 100-finalizedDepth, finalized.Number.Int64())
	safe, err := b.client.HeaderByNumber(b.ctx, bigTag(rpc.SafeBlockNumber))
	require.NoError(t, err)
	require.EqualValues(t, 100-safeDepth, safe.Number.Int64())
}

func TestOnePortServesBothProtocolsAndNewHeads(t *testing.T) {
	t.Parallel()
	b := setup(t, Config{})
	require.Equal(t, strings.TrimPrefix(b.HTTPURL(), "http://"), strings.TrimPrefix(b.WSURL(), "ws://"))

	socket, err := ethclient.DialContext(b.ctx, b.WSURL())
	require.NoError(t, err)
	defer socket.Close()
	heads := make(chan *types.Header, 16)
	subscription, err := socket.SubscribeNewHead(b.ctx, heads)
	require.NoError(t, err)
	defer subscription.Unsubscribe()

	var answer HeadAnswer
	require.NoError(t, b.client.Client().CallContext(b.ctx, &answer, "dev_mine", 3))
	require.EqualValues(t, setupBlockNumber+3, answer.Number)
	for number := int64(setupBlockNumber + 1); number <= setupBlockNumber+3; number++ {
		select {
		case head := <-heads:
			require.Equal(t, number, head.Number.Int64())
		case <-time.After(5 * time.Second):
			t.Fatalf("block %d was not announced", number)
		}
	}
	for _, method := range []string{"eth_chainId", "net_version", "web3_clientVersion", "txpool_status"} {
		var answer any
		require.NoError(t, b.client.Client().CallContext(b.ctx, &answer, method), method)
	}
	var trace any
	hash := b.pay(recipient(3), 1)
	b.mine(1)
	require.NoError(t, b.client.Client().CallContext(b.ctx, &trace, "debug_traceTransaction", hash))
	require.Error(t, b.client.Client().CallContext(b.ctx, &trace, "admin_nodeInfo"),
		"only the listed namespaces are served")
}

func TestTickerMinesEmptyBlocksWithIncreasingTimes(t *testing.T) {
	t.Parallel()
	b := setup(t, Config{BlockTime: 20 * time.Millisecond})
	require.Eventually(t, func() bool { return b.head().Number.Uint64() >= 10 }, 20*time.Second, 20*time.Millisecond)
	for number := uint64(2); number <= 10; number++ {
		require.Greater(t, b.header(number).Time, b.header(number-1).Time)
	}
}

// TestManyBlocksAtOnceMoveTheClockByOneSecondEach mines faster than one block per second, so the chain's clock runs
// ahead of the wall clock. It must not run further ahead than the protocol requires.
func TestManyBlocksAtOnceMoveTheClockByOneSecondEach(t *testing.T) {
	t.Parallel()
	b := setup(t, Config{})
	before := time.Now().Unix()
	b.mine(13)
	after := time.Now().Unix()
	require.GreaterOrEqual(t, int64(b.head().Time), before+12)
	require.LessOrEqual(t, int64(b.head().Time), after+13+1)
}

func TestConcurrentPaymentsAllArrive(t *testing.T) {
	t.Parallel()
	const payers, paymentsEach = 8, 5
	b := setup(t, Config{BlockTime: 50 * time.Millisecond})
	var group sync.WaitGroup
	hashes := make(chan common.Hash, payers*paymentsEach)
	for range payers {
		group.Go(func() {
			for range paymentsEach {
				hash, err := Pay(b.ctx, b.HTTPURL(), b.TokenAddress(), b.FaucetKey(), recipient(4), 10)
				if err != nil {
					t.Error(err)
					return
				}
				hashes <- hash
			}
		})
	}
	group.Wait()
	close(hashes)
	distinct := map[common.Hash]bool{}
	for hash := range hashes {
		distinct[hash] = true
	}
	require.Len(t, distinct, payers*paymentsEach)
	require.Eventually(t, func() bool { return b.balance(recipient(4)) == 10*payers*paymentsEach },
		20*time.Second, 50*time.Millisecond)
}

func TestPayReturnsTheNodesReason(t *testing.T) {
	t.Parallel()
	b := setup(t, Config{})
	_, err := Pay(b.ctx, b.HTTPURL(), b.TokenAddress(), TestKey(0), recipient(5), 1)
	require.ErrorContains(t, err, "the balance is too small")
	_, err = Pay(b.ctx, b.HTTPURL(), b.TokenAddress(), b.FaucetKey(), recipient(5), -1)
	require.ErrorContains(t, err, "negative")
}

func TestMineRefusesNumbersOutOfRange(t *testing.T) {
	t.Parallel()
	b := setup(t, Config{})
	for _, blocks := range []int{-1, 0, maxBlocksAtOnce + 1} {
		require.ErrorIs(t, b.Mine(blocks), ErrTooManyBlocks)
	}
	require.Error(t, b.client.Client().CallContext(b.ctx, nil, "dev_mine", "0xffffffffffffffff"))
	require.EqualValues(t, setupBlockNumber, b.head().Number.Int64())
}

func TestStartRefusesABadAddress(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"nonsense", "127.0.0.1:port", "127.0.0.1:70000"} {
		_, err := Start(t.Context(), Config{ListenAddr: address})
		require.Error(t, err, address)
	}
}

func TestAPortInUseIsAnErrorAndLeavesNothingOpen(t *testing.T) {
	t.Parallel()
	b := setup(t, Config{})
	dataDir := t.TempDir()
	_, err := Start(t.Context(), Config{DataDir: dataDir, ListenAddr: strings.TrimPrefix(b.HTTPURL(), "http://")})
	require.Error(t, err)
	require.NotErrorIs(t, err, ErrOtherChain)
	setup(t, Config{DataDir: dataDir}) // the directory is free again
}
