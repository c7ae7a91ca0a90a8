package bench

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"paycow/chain/nodetest"
)

const (
	countedBlocks    = 30
	blockTransfers   = 300 // of the token in a busy block
	oursInBlock      = 10
	catchUpTransfers = 10 // transfers in each block that is caught up with
	finalBelow       = 64 // blocks below the head of the local chain, from where on they are final
)

// ofChain measures the follower: what a block costs the node, and how fast blocks are read.
func (b *bench) ofChain(s size) (figures []Figure) {
	b.t.Helper()
	address := freeAddress(b.t)
	b.startEngine(address, b.postgres.NewDatabase(b.t))
	var none float64
	for i, open := range append([]int{0}, s.callsAt...) {
		b.again(fmt.Sprintf("%d open", open), func(b *bench) {
			calls := b.watching(open, address).callsPerBlock()
			if i == 0 {
				none = calls
				figures = append(figures, Figure{Name: "RPC calls a block, none open", Unit: "calls", Value: calls})
				return
			}
			figures = append(figures, Figure{
				Name: fmt.Sprintf("RPC calls a block, %d open ÷ none", open), Unit: "calls",
				Value: calls, Floor: none, Ratio: calls / none, Goal: Goal{Limit: 1, AtMost: true},
			})
		})
	}
	b.again("a busy block", func(b *bench) { figures = append(figures, b.busyBlocks(s, address)...) })
	b.again("catching up", func(b *bench) { figures = append(figures, b.catchUp(s, address)...) })
	return figures
}

// watched is an installation whose worker reads the chain through a recorder.
type watched struct {
	*installation
	worker   process
	recorder *recorder
}

// watching runs a worker on a database with that many open payments.
func (b *bench) watching(open int, engine string) *watched {
	b.t.Helper()
	database, shop := b.filled(open)
	return b.watchingOn(database, shop, engine, true)
}

func (b *bench) watchingOn(database string, shop operator, engine string, recorded bool) *watched {
	b.t.Helper()
	in := &watched{installation: b.prepare(database)}
	in.operator = shop
	in.settings = append(in.settings, "PAYCOW_TEMPORAL_ADDRESS="+engine,
		"PAYCOW_TEMPORAL_NAMESPACE=bench-"+strings.TrimPrefix(in.url, "http://127.0.0.1:"), noReconciliation)
	if recorded {
		proxy := nodetest.Start(b.t, b.chain.HTTPURL(), b.chain.WSURL())
		in.recorder = &recorder{inBatch: map[string]bool{}}
		proxy.Play(in.recorder.pass)
		in.recorder.url = proxy.WebSocketURL()
		in.settings = append(in.settings, "PAYCOW_ETH_RPC_URLS="+in.recorder.url)
	}
	in.worker = in.start("worker")
	in.mineOneByOne(2)
	return in
}

// head returns the number of the chain's newest block.
func (b *bench) head() uint64 {
	b.t.Helper()
	node, err := ethclient.DialContext(b.t.Context(), b.chain.HTTPURL())
	require.NoError(b.t, err)
	defer node.Close()
	number, err := node.BlockNumber(b.t.Context())
	require.NoError(b.t, err)
	return number
}

// awaitRead waits until the block that many below the newest one is read. It asks a thousand times a second.
func (in *installation) awaitRead(below uint64) {
	in.t.Helper()
	in.awaitCursor(in.head() - below)
}

func (in *installation) awaitCursor(number uint64) {
	in.t.Helper()
	for deadline := time.Now().Add(startWithin); ; time.Sleep(time.Millisecond) {
		var read uint64
		err := in.db.QueryRow(in.t.Context(), `SELECT COALESCE(max(block_number), 0) FROM chain_cursors`).Scan(&read)
		require.NoError(in.t, err)
		if read >= number {
			return
		}
		require.True(in.t, time.Now().Before(deadline), "block %d is not read, only %d", number, read)
	}
}

// callsPerBlock counts the calls that follow from blocks. What follows the clock is left out: polls of an idle
// subscription, and the token's state. So are the logs of ranges, of which there is one for 32 blocks at most.
func (in *watched) callsPerBlock() float64 {
	in.t.Helper()
	in.recorder.take()
	in.mineOneByOne(countedBlocks)
	count := 0
	for _, m := range in.recorder.take() {
		count += len(slices.DeleteFunc(m.calls, followsClock))
	}
	return float64(count) / countedBlocks
}

// recorder notes what is sent to the node, in its order.
type recorder struct {
	url string

	mu       sync.Mutex
	messages []message
	inBatch  map[string]bool // ids of calls whose batch was noted
}

// message is one call or a batch of them.
type message struct {
	at    time.Time
	calls []nodetest.Call
	body  []byte
}

func followsClock(call nodetest.Call) bool {
	switch call.Method {
	case "eth_call":
		return true
	case "eth_getBlockByNumber":
		return call.Param(0) == `"latest"`
	default:
		return call.Method == "eth_getLogs" && strings.Contains(call.Param(0), `"fromBlock"`)
	}
}

// pass notes a call and passes it on.
func (r *recorder) pass(call nodetest.Call, next func() nodetest.Answer) nodetest.Answer {
	r.note(call)
	return next()
}

func (r *recorder) note(call nodetest.Call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := message{at: time.Now()}
	switch id := string(call.ID); {
	case strings.HasSuffix(call.Method, "subscribe"):
		return
	case call.Method == nodetest.BatchMethod:
		m.body = call.Params[0]
		if json.Unmarshal(m.body, &m.calls) != nil {
			return
		}
		for _, part := range m.calls {
			r.inBatch[string(part.ID)] = true
		}
	case r.inBatch[id]:
		delete(r.inBatch, id)
		return
	default:
		body, err := json.Marshal(call)
		if err != nil {
			return
		}
		m.calls, m.body = []nodetest.Call{call}, body
	}
	r.messages = append(r.messages, m)
}

// take returns the messages since it was called last.
func (r *recorder) take() []message {
	r.mu.Lock()
	defer r.mu.Unlock()
	messages := r.messages
	r.messages = nil
	return messages
}

// busyBlocks measures how long after a block's head was announced the block is stored, when it holds as many transfers
// of the token as a busy block does.
func (b *bench) busyBlocks(s size, engine string) []Figure {
	b.t.Helper()
	database, shop := b.withAddresses(s.open, s.addresses)
	in := b.watchingOn(database, shop, engine, false)
	ours := in.openAddresses(oursInBlock * s.blocks)
	node, err := ethclient.DialContext(b.t.Context(), b.chain.WSURL())
	require.NoError(b.t, err)
	defer node.Close()
	heads := make(chan *types.Header, 16)
	subscription, err := node.SubscribeNewHead(b.t.Context(), heads)
	require.NoError(b.t, err)
	defer subscription.Unsubscribe()
	var took, calls []time.Duration
	for mine := range slices.Chunk(ours, oursInBlock) {
		in.pay(append(mine, strangers(blockTransfers-oursInBlock)...)...)
		in.awaitPending(node, blockTransfers)
		require.NoError(b.t, b.chain.Mine(1))
		head := <-heads
		begin := time.Now()
		in.awaitCursor(head.Number.Uint64())
		took = append(took, time.Since(begin))
		calls = append(calls, in.readBare(node, head))
		time.Sleep(time.Second) // the payments of this block are signalled
	}
	name := fmt.Sprintf("block with %d transfers, %d of them ours, %d addresses", blockTransfers, oursInBlock, s.addresses)
	return []Figure{
		{
			Name: name + ": head → stored", Unit: "ms", Value: milliseconds(median(took)), Goal: Goal{Limit: 20, AtMost: true},
		},
		{Name: name + ": its header and logs, bare", Unit: "ms", Value: milliseconds(median(calls))},
	}
}

// awaitPending waits until the chain's pool would mine that many transactions of the faucet: it takes them in by itself.
func (in *installation) awaitPending(node *ethclient.Client, count uint64) {
	in.t.Helper()
	faucet := crypto.PubkeyToAddress(in.chain.FaucetKey().PublicKey)
	mined, err := node.NonceAt(in.t.Context(), faucet, nil)
	require.NoError(in.t, err)
	require.Eventually(in.t, func() bool {
		next, err := node.PendingNonceAt(in.t.Context(), faucet)
		return err == nil && next >= mined+count
	}, startWithin, time.Millisecond)
}

// readBare reads what the follower needs of a block, and returns how long that took.
func (in *installation) readBare(node *ethclient.Client, head *types.Header) time.Duration {
	in.t.Helper()
	begin, hash := time.Now(), head.Hash()
	_, err := node.HeaderByNumber(in.t.Context(), head.Number)
	require.NoError(in.t, err)
	logs, err := node.FilterLogs(in.t.Context(), ethereum.FilterQuery{
		BlockHash: &hash, Addresses: []common.Address{in.chain.TokenAddress()},
	})
	require.NoError(in.t, err)
	require.Len(in.t, logs, blockTransfers)
	return time.Since(begin)
}

// openAddresses returns deposit addresses of open payments that the program made.
func (in *installation) openAddresses(n int) (addresses []common.Address) {
	in.t.Helper()
	rows, err := in.db.Query(in.t.Context(), `SELECT p.deposit_address FROM payments p
		JOIN payment_events e ON e.payment_id = p.id WHERE p.status = 'PENDING' ORDER BY p.id LIMIT $1`, n)
	require.NoError(in.t, err)
	defer rows.Close()
	for rows.Next() {
		var address string
		require.NoError(in.t, rows.Scan(&address))
		addresses = append(addresses, common.HexToAddress(address))
	}
	require.NoError(in.t, rows.Err())
	require.Len(in.t, addresses, n)
	return addresses
}

// withAddresses returns a database with that many addresses. Those above the number of open payments belong to copies
// of payments in the database, which nobody pays: their proofs do not hold, and the running totals do not count them.
func (b *bench) withAddresses(open, addresses int) (database string, shop operator) {
	b.t.Helper()
	database, shop = b.filled(open)
	in := b.prepare(database)
	defer in.db.Close()
	begin := time.Now()
	columns := in.columns("payments")
	values := slices.Clone(columns)
	for i, column := range columns {
		values[i] = "p." + column
		if value, replaced := map[string]string{
			"id": "substr(md5(p.id || n), 1, 24)", "reference": "upper(substr(md5(p.reference || n), 1, 20))",
			"deposit_address": "'0x' || substr(md5(p.id || n) || md5(p.reference || n), 1, 40)",
			"address_index":   fmt.Sprintf("p.address_index + %d * n", 2*open+1000),
		}[column]; replaced {
			values[i] = value
		}
	}
	for _, statement := range []string{
		"ALTER TABLE payments DISABLE TRIGGER payments_count",
		fmt.Sprintf("INSERT INTO payments (%s) SELECT %s FROM payments p, generate_series(1, %d) n",
			strings.Join(columns, ", "), strings.Join(values, ", "), addresses/open-1),
		"ALTER TABLE payments ENABLE TRIGGER payments_count",
		`INSERT INTO deposit_addresses (address, payment_id, address_index, xpub, created_at)
			SELECT p.deposit_address, p.id, p.address_index, (SELECT min(xpub) FROM deposit_addresses), p.created_at
			FROM payments p WHERE NOT EXISTS (SELECT FROM deposit_addresses d WHERE d.payment_id = p.id)`,
		"VACUUM ANALYZE payments, deposit_addresses",
	} {
		_, err := in.db.Exec(b.t.Context(), statement)
		require.NoError(b.t, err, statement)
	}
	b.t.Logf("%d addresses were added in %s", addresses-open, time.Since(begin).Round(time.Second))
	return database, shop
}

func (in *installation) columns(table string) (columns []string) {
	in.t.Helper()
	rows, err := in.db.Query(in.t.Context(),
		`SELECT column_name FROM information_schema.columns WHERE table_name = $1 AND is_generated = 'NEVER'`, table)
	require.NoError(in.t, err)
	defer rows.Close()
	for rows.Next() {
		var column string
		require.NoError(in.t, rows.Scan(&column))
		columns = append(columns, column)
	}
	require.NoError(in.t, rows.Err())
	return columns
}

// catchUp measures how fast a worker reads the final blocks that were made while none ran, against the same calls
// without anything else.
func (b *bench) catchUp(s size, engine string) (figures []Figure) {
	b.t.Helper()
	in := b.watching(s.callsAt[0], engine)
	some := s.catchUp / 10
	ours := in.openAddresses(3 * some)
	kinds := []struct {
		name           string
		blocks         int
		others, toOurs int // transfers in a block
	}{
		{"empty blocks", s.catchUp, 0, 0},
		{fmt.Sprintf("blocks of %d transfers, none ours", catchUpTransfers), some, catchUpTransfers, 0},
		{fmt.Sprintf("blocks of %d transfers, 1 ours", catchUpTransfers), some, catchUpTransfers - 1, 1},
	}
	for _, kind := range kinds {
		var values, floors, ratios []float64
		for range 3 {
			in.worker.stop()
			for range kind.blocks {
				if kind.others > 0 {
					in.pay(append(strangers(kind.others), ours[:kind.toOurs]...)...)
					ours = ours[kind.toOurs:]
				}
				require.NoError(b.t, b.chain.Mine(1))
			}
			require.NoError(b.t, b.chain.Mine(finalBelow))
			value, floor := in.catchUpOnce(kind.blocks)
			values, floors, ratios = append(values, value), append(floors, floor), append(ratios, value/floor)
		}
		figures = append(figures, Figure{
			Name: "catching up, " + kind.name + " ÷ the same calls bare", Unit: "blocks/s",
			Value: median(values), Floor: median(floors), Ratio: median(ratios),
		})
	}
	return figures
}

func (in *watched) catchUpOnce(blocks int) (value, floor float64) {
	in.t.Helper()
	in.recorder.take()
	in.worker = in.start("worker")
	in.awaitRead(finalBelow)
	end := time.Now()
	sent := in.recorder.take()
	first := slices.IndexFunc(sent, func(m message) bool { return m.calls[0].Method == "eth_getLogs" })
	require.GreaterOrEqual(in.t, first, 0)
	value = float64(blocks) / end.Sub(sent[first].at).Seconds()
	in.awaitRead(0)
	return value, float64(blocks) / in.replay(sent[first:]).Seconds()
}

// replay sends messages again, one after the other, and returns how long their answers took.
func (in *watched) replay(messages []message) time.Duration {
	in.t.Helper()
	node, response, err := websocket.DefaultDialer.DialContext(in.t.Context(), in.recorder.url, nil)
	require.NoError(in.t, err)
	defer func() { _ = node.Close(); _ = response.Body.Close() }()
	begin := time.Now()
	for _, m := range messages {
		require.NoError(in.t, node.WriteMessage(websocket.TextMessage, m.body))
		_, _, err = node.ReadMessage()
		require.NoError(in.t, err)
	}
	return time.Since(begin)
}
