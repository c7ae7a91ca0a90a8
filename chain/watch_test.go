package chain_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/stretchr/testify/require"

	"paycow/chain"
	"paycow/chain/chaintest"
	"paycow/models"
)

// watchStore is all that a Watcher needs.
type watchStore struct {
	*chaintest.Store
	*chaintest.Alarms

	mu     sync.Mutex
	health []models.NodeHealth
	seen   []models.SeenTransfer
}

func (s *watchStore) PutNodeHealth(_ context.Context, _ string, health []models.NodeHealth) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.health = health
	return nil
}

func (s *watchStore) NoteSeen(_ context.Context, _ string, seen []models.SeenTransfer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, seen...)
	return nil
}

// transferCall is a pending transfer of the token.
func transferCall(n int, contract, to common.Address, units byte) chain.PendingTransaction {
	input := crypto.Keccak256([]byte("transfer(address,uint256)"))[:4]
	input = append(append(input, common.LeftPadBytes(to[:], 32)...), common.LeftPadBytes([]byte{units}, 32)...)
	return chain.PendingTransaction{Hash: chaintest.TxHash(n), To: &contract, Input: input}
}

// TestWatcherDoesEverything has one watcher follow the chain, check it, store the nodes' health and the pending
// transfers.
func TestWatcherDoesEverything(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newModel()
		second := chaintest.NewNode(m.Chain, "second", 0)
		config := configOf(2)
		config.WatchMempool = true
		second.Set(func(b *chaintest.Behaviour) { b.Mempool = true })
		store := &watchStore{Store: ourStore(), Alarms: &chaintest.Alarms{}}
		pool := chain.NewPool([]chain.Endpoint{m.node, second}, config, store, quiet())
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		reported := uint64(0)
		go func() {
			ended <- chain.NewWatcher(config, pool, store, quiet()).Watch(ctx, func(_ context.Context, progress chain.Progress) error {
				reported = progress.Cursor.Number
				return nil
			})
		}()
		time.Sleep(time.Second) // the first block is chosen
		synctest.Wait()
		m.Mine(chaintest.Tx(1, chaintest.Pay(chaintest.Payee1, 5)))
		second.Announce(transferCall(2, chaintest.Token, chaintest.Payee2, 7))
		second.Announce(transferCall(3, chaintest.Token, chaintest.Stranger, 7))
		second.Announce(transferCall(4, chaintest.ForeignToken, chaintest.Payee2, 7))
		time.Sleep(10 * time.Second)
		synctest.Wait()

		require.Equal(t, m.Truth(store.Ours, 0), store.Canonical())
		require.EqualValues(t, 1, reported)
		cursor, err := store.Cursor(ctx, "")
		require.NoError(t, err)
		require.EqualValues(t, 1, cursor.AgreedNumber, "the second node has confirmed it")
		require.Equal(t,
			[]models.SeenTransfer{{TxHash: chaintest.TxHash(2).Hex(), To: chaintest.Payee2.Hex(), Amount: 7}},
			store.seen)
		require.Len(t, store.health, 2)
		for _, health := range store.health {
			require.Equal(t, models.NodeOK, health.State)
			require.Equal(t, models.NetworkERC20, health.Network)
		}
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
	})
}

// TestMempoolWatchSubscribesAgain has the only node offer its mempool later than the watch first asks for it.
func TestMempoolWatchSubscribesAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newModel()
		store := &watchStore{Store: ourStore(), Alarms: &chaintest.Alarms{}}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- chain.NewMempoolWatch(configOf(1), m.pool, store, quiet()).Run(ctx) }()
		time.Sleep(5 * time.Second)
		m.node.Set(func(b *chaintest.Behaviour) { b.Mempool = true })
		time.Sleep(time.Minute)
		m.node.Announce(transferCall(2, chaintest.Token, chaintest.Payee2, 7))
		time.Sleep(time.Second)
		synctest.Wait()
		require.Len(t, store.seen, 1)
		cancel()
		require.Equal(t, context.Canceled, <-ended)
	})
}

// TestCheckTokenContract asks a node that has no code at the token's address, one that has, one of another chain and
// one that is down.
func TestCheckTokenContract(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		chainID, code string
		says          string
	}{
		"no contract":   {"0x539", "0x", "there is no contract at " + chaintest.Token.Hex() + " on chain 1337"},
		"a contract":    {"0x539", "0x60", ""},
		"another chain": {"0x1", "0x", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			calls := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				calls++ // Dial asks for the chain id, the check asks for it again, then for the code
				result := test.chainID
				if calls > 2 {
					result = test.code
				}
				_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%d,"result":%q}`, calls, result)
			}))
			t.Cleanup(server.Close)
			err := chain.CheckTokenContract(
				t.Context(),
				[]string{"http://127.0.0.1:1", server.URL},
				configOf(1),
				quiet(),
			)
			if test.says == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, test.says)
			}
		})
	}
}
