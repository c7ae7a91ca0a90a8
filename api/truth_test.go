package api

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// tellOfNodes does what a watching worker does: it tells of its nodes, whose names must never be shown.
func (f *fixture) tellOfNodes(at time.Time, states ...models.NodeState) {
	f.Helper()
	var nodes []models.NodeHealth
	for i, state := range states {
		name := "https://node.internal"
		if i > 0 {
			name += string(rune('a' + i))
		}
		nodes = append(nodes, models.NodeHealth{Name: name, Position: i, State: state, Reason: "dial tcp 10.0.0.7:8545", Since: at, UpdatedAt: at})
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

func TestReadinessCountsTheQuorum(t *testing.T) {
	t.Parallel()
	f := setup(t)
	require.NoError(t, f.store.InitCursor(t.Context(), models.NetworkERC20, models.BlockRef{Number: 100, Hash: "0x64", Time: time.Now()}, 100))
	for _, c := range []struct {
		quorum int
		states []models.NodeState
		says   string
	}{
		{0, []models.NodeState{models.NodeSlow}, ""},
		{0, []models.NodeState{models.NodeErroring}, "0 of 1 Ethereum nodes can be used, and 1 must agree before anything is credited or expires."},
		{0, []models.NodeState{models.NodeOK, models.NodeErroring, models.NodeOK}, ""},
		{0, []models.NodeState{models.NodeOK, models.NodeErroring, models.NodeLying}, "1 of 3 Ethereum nodes can be used, and 2 must agree before anything is credited or expires."},
		{3, []models.NodeState{models.NodeOK, models.NodeStale, models.NodeOK}, "2 of 3 Ethereum nodes can be used, and 3 must agree before anything is credited or expires."},
		{1, []models.NodeState{models.NodeWrongChain, models.NodeSyncing, models.NodeOK}, ""},
	} {
		f.server.Quorum = c.quorum
		f.tellOfNodes(time.Now(), c.states...)
		status, view, body := f.ready()
		if c.says == "" {
			require.Equal(t, http.StatusOK, status, body)
			continue
		}
		require.Equal(t, http.StatusServiceUnavailable, status)
		require.Equal(t, c.says, *view.Checks.Nodes.Reason)
		require.NotContains(t, body, "internal")
		require.NotContains(t, body, "10.0.0.7")
	}
}

func TestReadinessTellsOfBlocksThatTheNodesDoNotAgreeOn(t *testing.T) {
	t.Parallel()
	f := setup(t, func(c *Config) { c.LagLimit, c.BlockTime = time.Minute, 12*time.Second })
	at := func(number uint64) models.BlockRef {
		return models.BlockRef{Number: number, Hash: hexHash(number), Time: time.Now()}
	}
	require.NoError(t, f.store.InitCursor(t.Context(), models.NetworkERC20, at(100), 100))
	f.tellOfNodes(time.Now(), models.NodeOK, models.NodeOK)
	for number := uint64(101); number <= 105; number++ {
		require.NoError(t, f.store.Advance(t.Context(), models.NetworkERC20, models.BlockBatch{From: at(number - 1), To: at(number), Head: number}))
	}
	status, _, body := f.ready()
	require.Equal(t, http.StatusOK, status, body)
	require.NoError(t, f.store.Advance(t.Context(), models.NetworkERC20, models.BlockBatch{From: at(105), To: at(106), Head: 106}))
	status, view, _ := f.ready()
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Equal(t, "The newest block read is 106, the nodes agree up to 100; the limit is 5 blocks.", *view.Checks.Chain.Reason)
}

func TestReadinessIsRedWhileAnAlarmStopsCrediting(t *testing.T) {
	t.Parallel()
	f := setup(t)
	require.NoError(t, f.store.InitCursor(t.Context(), models.NetworkERC20, models.BlockRef{Number: 100, Hash: "0x64", Time: time.Now()}, 100))
	f.tellOfNodes(time.Now(), models.NodeOK)
	raise := func(kind models.AlarmKind) {
		require.NoError(t, f.store.Raise(t.Context(), models.Alarm{Network: models.NetworkERC20, Kind: kind, Subject: "node.internal", Message: "From node.internal."}))
	}
	raise(models.AlarmNodeLying)
	status, _, body := f.ready()
	require.Equal(t, http.StatusOK, status, body)
	raise(models.AlarmReorgBelowFinality)
	status, view, body := f.ready()
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Equal(t, "Crediting is stopped by alarm 2 (REORG_BELOW_FINALITY) until an admin resolves it.", *view.Checks.Crediting.Reason)
	require.NotContains(t, body, "node.internal")
	require.NoError(t, f.store.ResolveAlarm(t.Context(), 2, models.ActorCLI, "", "looked at"))
	status, _, body = f.ready()
	require.Equal(t, http.StatusOK, status, body)
}

// A lowered maximum concerns new payments only: what was made before is answered again.
func TestRepeatedCreateAboveALoweredMaximum(t *testing.T) {
	t.Parallel()
	f := setup(t)
	create := func(amount, key string) answer {
		return f.call(f.account, http.MethodPost, "/api/payment/create", `{"amount":`+amount+`,"userId":"u","network":"ERC20"}`, "Idempotency-Key", key)
	}
	first := create("900", "k")
	require.Equal(t, http.StatusOK, first.status)
	f.server.MaxAmount = 100 * models.USDT
	again := create("900.00", "k")
	require.Equal(t, http.StatusOK, again.status, again.body)
	require.Equal(t, first.body, again.body)
	require.Equal(t, "true", again.header.Get("Idempotent-Replayed"))
	require.Equal(t, http.StatusUnprocessableEntity, create("901", "k").status, "another body")
	for _, refused := range []answer{create("900", "new"), f.call(f.account, http.MethodPost, "/api/payment/create", `{"amount":900,"userId":"u","network":"ERC20"}`)} {
		require.Equal(t, http.StatusBadRequest, refused.status)
		require.Equal(t, "amount must be at most 100.00 USDT.", parse[errorBody](t, refused.body).Msg)
	}
	require.EqualValues(t, 1, f.payment(f.account).AddressIndex, "a refused amount uses no address up")
}

// A payment keeps the confirmations it was made with, whatever the setting says later.
func TestConfirmationsAreThePaymentsOwn(t *testing.T) {
	t.Parallel()
	f := setup(t, func(c *Config) { c.Confirmations = 20 })
	p := f.payment(f.account)
	f.server.Confirmations = 3
	require.EqualValues(t, 20, parse[publicView](t, f.call(f.account, http.MethodGet, "/payment/data/"+p.ID, "").body).RequiredConfirmations)
	require.EqualValues(t, 3, parse[publicView](t, f.call(f.account, http.MethodGet, "/payment/data/"+f.payment(f.account).ID, "").body).RequiredConfirmations)
}

// While the token is paused the end that is shown moves with the clock, and afterwards it stays where the pause has put it.
func TestExpiryShownIsMovedByAPause(t *testing.T) {
	t.Parallel()
	clock := time.Now().UTC().Truncate(time.Second)
	f := setup(t, func(c *Config) { c.Clock = func() time.Time { return clock } })
	p := f.payment(f.account)
	require.NoError(t, f.store.InitCursor(t.Context(), models.NetworkERC20, models.BlockRef{Number: 100, Hash: hexHash(100), Time: clock}, 100))
	from := models.BlockRef{Number: 100, Hash: hexHash(100)}
	event := func(kind models.TokenEventKind, number uint64, at time.Time) {
		to := models.BlockRef{Number: number, Hash: hexHash(number), Time: at}
		require.NoError(t, f.store.Advance(t.Context(), models.NetworkERC20, models.BlockBatch{From: from, To: to, Head: number, Agreed: true, Events: []models.TokenEvent{{
			TransferKey: models.TransferKey{ChainID: 1, TxHash: hexHash(number)}, Kind: kind, BlockNumber: number, BlockHash: to.Hash, BlockTime: at, Canonical: true,
		}}}))
		from = to
	}
	shown := func() time.Time {
		f.server.pauses.mutex.Lock()
		f.server.pauses.byName = nil
		f.server.pauses.mutex.Unlock()
		return time.Time(parse[publicView](t, f.call(f.account, http.MethodGet, "/payment/data/"+p.ID, "").body).ExpiresAt)
	}
	require.True(t, p.ExpiresAt.Equal(shown()))
	event(models.TokenPause, 101, clock.Add(10*time.Minute))
	clock = clock.Add(15 * time.Minute)
	require.True(t, p.ExpiresAt.Add(5*time.Minute).Equal(shown()))
	event(models.TokenUnpause, 102, clock)
	clock = clock.Add(time.Hour)
	require.True(t, p.ExpiresAt.Add(5*time.Minute).Equal(shown()))
}

// What is on its way is told of on the page, and nowhere counted.
func TestCheckoutTellsOfATransferOnItsWay(t *testing.T) {
	t.Parallel()
	f := setup(t)
	p := f.payment(f.account)
	require.NoError(t, f.store.NoteSeen(t.Context(), models.NetworkERC20, []models.SeenTransfer{{TxHash: hexHash(1), To: p.DepositAddress, Amount: 50 * models.USDT}}))
	page := f.call(f.account, http.MethodGet, "/payment/"+p.ID, "").body
	require.Contains(t, page, "A transfer of 50.00 USDT was seen in the network. It counts once it is in a block.")
	view := parse[publicView](t, f.call(f.account, http.MethodGet, "/payment/data/"+p.ID, "").body)
	require.Equal(t, models.StatusPending, view.Status)
	require.Zero(t, view.AmountReceived)
}
