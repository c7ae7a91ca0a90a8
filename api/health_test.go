package api

import (
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// reportNodes reports nodes like the watching worker does. Their names must never be shown.
// nodesSaid is what readiness says of nodes that have the trouble that reportNodes reports.
const nodesSaid = " Of node 1: its calls fail: eth_getLogs: no connection."

func (f *fixture) reportNodes(at time.Time, states ...models.NodeState) {
	f.Helper()
	var nodes []models.NodeHealth
	for i, state := range states {
		name := "https://node.internal"
		if i > 0 {
			name += string(rune('a' + i))
		}
		nodes = append(nodes, models.NodeHealth{
			Name: name, Position: i, State: state, Reason: "its calls fail: eth_getLogs: no connection", Since: at, UpdatedAt: at,
		})
	}
	require.NoError(f, f.store.PutNodeHealth(f.Context(), models.NetworkERC20, nodes))
}

func (f *fixture) ready() (status int, view readyView, body string) {
	f.Helper()
	f.server.ready.mutex.Lock()
	f.server.ready.at = time.Time{}
	f.server.ready.mutex.Unlock()
	got := f.call(f.account, http.MethodGet, "/readyz", "")
	return got.status, parse[readyView](f, got.body), got.body
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	clock := time.Now()
	f := setup(t, func(c *Config) {
		c.Clock, c.LagLimit, c.BlockTime = func() time.Time { return clock }, time.Minute, 12*time.Second
	})
	ready := func() (int, readyView) {
		f.server.ready.at = time.Time{}
		got := f.call(f.account, http.MethodGet, "/readyz", "")
		return got.status, parse[readyView](t, got.body)
	}
	status, view := ready()
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.True(t, view.Checks.Database.OK)
	require.Equal(t, "The chain watcher has not read a block yet.", *view.Checks.Chain.Reason)

	f.startChain(100)
	_, view = ready()
	require.True(t, view.Checks.Chain.OK)
	require.Equal(t, "No worker has reported its Ethereum nodes yet.", *view.Checks.Nodes.Reason)
	f.reportNodes(clock, models.NodeOK)
	status, view = ready()
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "ready", view.Status)

	require.NoError(t, f.store.SetHead(t.Context(), models.NetworkERC20, 105))
	status, _ = ready()
	require.Equal(t, http.StatusOK, status, "a lag within the limit")
	require.NoError(t, f.store.SetHead(t.Context(), models.NetworkERC20, 106))
	status, view = ready()
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Contains(t, *view.Checks.Chain.Reason, "is 100, the chain is at 106")

	require.NoError(t, f.store.SetHead(t.Context(), models.NetworkERC20, 100))
	clock = clock.Add(2 * time.Minute)
	_, view = ready()
	require.Equal(t, "No worker has reported its Ethereum nodes for 2m0s.", *view.Checks.Nodes.Reason)
	require.Contains(t, *view.Checks.Chain.Reason, "the limit is 1m0s")

	f.engine.pingErr = errors.New("dial tcp 10.0.0.7:7233")
	_, view = ready()
	require.False(t, view.Checks.Temporal.OK)
	require.NotContains(t, *view.Checks.Temporal.Reason, "10.0.0.7")
}

func TestReadinessCountsTheQuorum(t *testing.T) {
	t.Parallel()
	f := setup(t)
	require.NoError(t, f.store.InitCursor(t.Context(), models.NetworkERC20,
		models.BlockRef{Number: 100, Hash: "0x64", Time: time.Now()}, 100))
	for _, c := range []struct {
		quorum int
		states []models.NodeState
		says   string
	}{
		{0, []models.NodeState{models.NodeSlow}, ""},
		{
			0,
			[]models.NodeState{models.NodeErroring},
			"0 of 1 Ethereum nodes are usable, and 1 must agree before anything is credited or expires." + nodesSaid,
		},
		{0, []models.NodeState{models.NodeOK, models.NodeErroring, models.NodeOK}, ""},
		{
			0,
			[]models.NodeState{models.NodeOK, models.NodeErroring, models.NodeLying},
			"1 of 3 Ethereum nodes are usable, and 2 must agree before anything is credited or expires." + nodesSaid,
		},
		{
			3,
			[]models.NodeState{models.NodeOK, models.NodeStale, models.NodeOK},
			"2 of 3 Ethereum nodes are usable, and 3 must agree before anything is credited or expires." + nodesSaid,
		},
		{1, []models.NodeState{models.NodeWrongChain, models.NodeSyncing, models.NodeOK}, ""},
	} {
		f.server.Quorum = c.quorum
		f.reportNodes(time.Now(), c.states...)
		status, view, body := f.ready()
		if c.says == "" {
			require.Equal(t, http.StatusOK, status, body)
			continue
		}
		require.Equal(t, http.StatusServiceUnavailable, status)
		require.Equal(t, c.says, *view.Checks.Nodes.Reason)
		require.NotContains(t, body, "internal")
	}
}

func TestReadinessReportsBlocksThatTheNodesDoNotAgreeOn(t *testing.T) {
	t.Parallel()
	f := setup(t, func(c *Config) { c.LagLimit, c.BlockTime = time.Minute, 12*time.Second })
	at := func(number uint64) models.BlockRef {
		return models.BlockRef{Number: number, Hash: hexHash(number), Time: time.Now()}
	}
	require.NoError(t, f.store.InitCursor(t.Context(), models.NetworkERC20, at(100), 100))
	f.reportNodes(time.Now(), models.NodeOK, models.NodeOK)
	for number := uint64(101); number <= 105; number++ {
		require.NoError(t, f.store.Advance(t.Context(), models.NetworkERC20, models.BlockBatch{
			From: at(number - 1), To: at(number), Head: number,
		}))
	}
	status, _, body := f.ready()
	require.Equal(t, http.StatusOK, status, body)
	require.NoError(t, f.store.Advance(t.Context(), models.NetworkERC20,
		models.BlockBatch{From: at(105), To: at(106), Head: 106}))
	status, view, _ := f.ready()
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Equal(t, "The newest block read is 106, the nodes agree up to 100; the limit is 5 blocks."+nodesSaid,
		*view.Checks.Chain.Reason)
}

func TestReadinessIsRedWhileAnAlarmStopsCrediting(t *testing.T) {
	t.Parallel()
	f := setup(t)
	require.NoError(t, f.store.InitCursor(t.Context(), models.NetworkERC20,
		models.BlockRef{Number: 100, Hash: "0x64", Time: time.Now()}, 100))
	f.reportNodes(time.Now(), models.NodeOK)
	raise := func(kind models.AlarmKind) {
		require.NoError(t, f.store.Raise(t.Context(), models.Alarm{
			Network: models.NetworkERC20, Kind: kind, Subject: "node.internal", Message: "From node.internal.",
		}))
	}
	raise(models.AlarmNodeLying)
	status, _, body := f.ready()
	require.Equal(t, http.StatusOK, status, body)
	raise(models.AlarmReorgBelowFinality)
	status, view, body := f.ready()
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Equal(t, "Crediting is halted by alarm 2 (REORG_BELOW_FINALITY) until an admin resolves it.",
		*view.Checks.Crediting.Reason)
	require.NotContains(t, body, "node.internal")
	require.NoError(t, f.store.ResolveAlarm(t.Context(), 2, models.ActorCLI, "", "looked at"))
	status, _, body = f.ready()
	require.Equal(t, http.StatusOK, status, body)
}

func TestReadinessSaysWhyTheDatabaseTakesNoWrites(t *testing.T) {
	t.Parallel()
	for err, says := range map[error]string{
		models.ErrDatabaseFull:      "The database has no room to write; its disk is full.",
		models.ErrDatabaseReadOnly:  "The database is read-only: it is a standby, or it was closed for writing.",
		errors.New("dial 10.0.0.7"): "The database is unavailable at the moment; please try again.",
	} {
		require.Equal(t, says, reasonOf(databaseFailure(fmt.Errorf("try to write: %w", err))))
	}
}

func TestReadinessTriesToWrite(t *testing.T) {
	t.Parallel()
	f := setup(t)
	_, view, _ := f.ready()
	require.True(t, view.Checks.Database.OK)

	g := setup(t)
	db, err := sql.Open("sqlite", "file:"+g.path+"?_pragma=busy_timeout(10000)")
	require.NoError(t, err)
	defer db.Close()
	_, err = db.Exec("CREATE TRIGGER no_room BEFORE INSERT ON space_probe BEGIN SELECT raise(ABORT, 'no room'); END")
	require.NoError(t, err)
	status, view, _ := g.ready()
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.False(t, view.Checks.Database.OK)
}
