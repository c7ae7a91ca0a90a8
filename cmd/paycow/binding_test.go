package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/stretchr/testify/require"

	"paycow/chain"
	"paycow/models"
	"paycow/store"
)

// stateGenesis is a node that states a chain id and a genesis block.
func stateGenesis(t *testing.T, chainID uint64, genesis byte) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var request struct {
			ID     json.RawMessage
			Method string
		}
		body, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(body, &request)
		var result any = fmt.Sprintf("0x%x", chainID)
		if request.Method == "eth_getBlockByNumber" {
			result = map[string]any{
				"number": "0x0", "hash": common.Hash{genesis}, "parentHash": common.Hash{}, "timestamp": "0x1",
				"logsBloom": types.Bloom{}, "receiptsRoot": common.Hash{},
			}
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"jsonrpc": "2.0", "id": request.ID, "result": result})
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func devXPub(t *testing.T, seed string) *chain.XPub {
	t.Helper()
	text, err := chain.NewDevXPub([]byte(strings.Repeat(seed, 16)))
	require.NoError(t, err)
	key, err := chain.NewXPub(text)
	require.NoError(t, err)
	return key
}

// TestADatabaseRefusesOtherSettings starts an installation with settings that its database does not belong to. Each is refused
// with a sentence that says what to do; nothing is changed by a refusal.
func TestADatabaseRefusesOtherSettings(t *testing.T) {
	t.Parallel()
	quiet := slog.New(slog.DiscardHandler)
	url := "sqlite:" + filepath.Join(t.TempDir(), "paycow.db")
	db, err := store.Open(t.Context(), url, quiet)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	require.NoError(t, db.Migrate(t.Context()))
	start := func(change func(s *Settings)) error {
		s := defaultSettings()
		s.ChainID, s.RPCURLs, s.RPCQuorum = 7, []string{stateGenesis(t, 7, 1)}, 1
		s.XPub = devXPub(t, "a")
		change(&s)
		return s.bindDatabase(t.Context(), db, quiet)
	}
	same := func(*Settings) {}
	require.NoError(t, start(same))
	for name, c := range map[string]struct {
		change func(s *Settings)
		says   []string
	}{
		"chain id": {func(s *Settings) { s.ChainID, s.RPCURLs = 8, nil }, []string{"PAYCOW_CHAIN_ID", "chain id 7, not to 8", "set it back"}},
		"token": {
			func(s *Settings) { s.Token = common.Address{1} },
			[]string{"PAYCOW_TOKEN_ADDRESS", "set it back", "follows it by itself"},
		},
		"another chain with the id": {func(s *Settings) { s.RPCURLs = []string{stateGenesis(t, 7, 2)} }, []string{"same chain id", "PAYCOW_ETH_RPC_URLS"}},
		"a chain that was restarted under paycow dev": {
			func(s *Settings) { s.RPCURLs, s.dataDir = []string{stateGenesis(t, 7, 2)}, ".paycow" },
			[]string{"the chain was restarted", "--fresh", "--data-dir"},
		},
		"xpub": {func(s *Settings) { s.XPub = devXPub(t, "b") }, []string{"PAYCOW_XPUB", "set it back", "PAYCOW_PREVIOUS_XPUBS"}},
		"xpub of the wrong previous one": {
			func(s *Settings) { s.XPub, s.PreviousXPubs = devXPub(t, "b"), []*chain.XPub{devXPub(t, "c")} },
			[]string{"PAYCOW_XPUB"},
		},
	} {
		err := start(c.change)
		require.Error(t, err, name)
		for _, text := range c.says {
			require.Contains(t, err.Error(), text, name)
		}
		require.NotContains(t, err.Error(), "xpub6", "a key is not printed")
		require.NoError(t, start(same), name)
	}
	// One node of another chain among three is left out later; it stops nobody.
	require.NoError(t, start(func(s *Settings) {
		s.RPCURLs, s.RPCQuorum = []string{stateGenesis(t, 7, 1), stateGenesis(t, 7, 1), stateGenesis(t, 7, 2)}, 2
	}))
	require.NoError(t, start(func(s *Settings) { s.RPCURLs = []string{"http://127.0.0.1:1"} }), "a node that is down")

	// A second key, as the sentence says.
	require.NoError(t, start(func(s *Settings) { s.XPub, s.PreviousXPubs = devXPub(t, "b"), []*chain.XPub{devXPub(t, "a")} }))
	require.ErrorContains(t, start(same), "PAYCOW_PREVIOUS_XPUBS")
	var refused *models.BindingError
	require.ErrorAs(t, start(same), &refused)
}

// The number of reserved addresses is fixed at the first start; the addresses are known as ours from then on.
func TestReservedAddressesAreFixedAtFirstUse(t *testing.T) {
	t.Parallel()
	db, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "paycow.db"), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	require.NoError(t, db.Migrate(t.Context()))
	s := defaultSettings()
	s.Reserved, s.XPub, s.Treasury = 3, devXPub(t, "a"), []common.Address{{7}}
	require.NoError(t, s.nameOwnAddresses(t.Context(), db), "without a master key, they are stored without a proof")
	s.MasterKey = make([]byte, 32)
	require.NoError(t, s.useMasterKey(t.Context(), db))
	for range 2 {
		require.NoError(t, s.nameOwnAddresses(t.Context(), db))
	}
	known, err := db.HasReservedAddresses(t.Context(), s.XPub.Fingerprint(), 3)
	require.NoError(t, err)
	require.True(t, known)
	s.Reserved = 4
	require.EqualError(t, s.nameOwnAddresses(t.Context(), db), "PAYCOW_RESERVED_ADDRESSES: reserve addresses: the number of "+
		"reserved addresses was fixed to 3 when the database was first used, so it cannot become 4")
	s.XPub = nil
	require.NoError(t, s.nameOwnAddresses(t.Context(), db), "a worker hands out none")
}
