package simulate

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"paycow/chain/chaintest"
	"paycow/internal/secrets"
	"paycow/models"
	"paycow/rules"
	"paycow/store"
)

var (
	seedsFlag = flag.Int("seeds", 0, "how many seeds to simulate; 0 = PAYCOW_SEEDS of the environment, or 25")
	seedFlag  = flag.Int64("seed", -1, "repeat this seed only")
)

// defaultSeeds are few, for every day. make test sets PAYCOW_SEEDS to more.
const defaultSeeds = 25

// The events by which the token's owner pauses it.
const (
	pauseEvent   = "Pause()"
	unpauseEvent = "Unpause()"
)

// The size of a simulation.
const (
	finalLag = 40 // blocks between the head and the finalized block; deeper than any fork

	payments    = 3
	faultySteps = 40 // blocks during which things go wrong
	quietSteps  = 40 // blocks during which nothing does
)

const operatorID = "0123456789abcdef01234567"

// The topics of the token's own events.
var (
	pauseTopic   = chaintest.EventTopic(pauseEvent)
	unpauseTopic = chaintest.EventTopic(unpauseEvent)
	// stranger pays, and is paid now and then.
	stranger = common.HexToAddress("0x5742A96E4")
)

type simulation struct {
	t       testing.TB
	seed    uint64
	mutant  mutant
	quorum  int
	world   *chaintest.Chain
	nodes   []*chaintest.Node
	db      *fragileStore
	process *process
	trouble uint64
	runs    []*run
	trace   []string
	failed  string
	step    int
	former  []formerChain
	own     *chaintest.Chain // the branch that the first node is on alone, nil while it is on the honest one
	views   []seenViews
	again   again
}

// formerChain is a branch that died at a step.
type formerChain struct {
	chain    []*chaintest.Block
	step     int
	hadPause bool
}

// seenViews is what the honest nodes showed at a step.
type seenViews struct {
	step   int
	chains [][]*chaintest.Block
}

// The first node, if it lies, is on a branch of its own for whole epochs of ownSteps blocks, longer than its quarantine
// lasts. The branch begins up to ownDepth blocks below its head, and so below what is final.
const (
	ownSteps = 10
	ownDepth = finalLag + 10
)

// formerSteps is how long a node may still be on a dead branch: nodes go away for eight steps.
const formerSteps = 16

func (sim *simulation) rnd(parts ...any) uint64 {
	return chaintest.Draw(sim.seed, fmt.Sprint(sim.step), fmt.Sprint(parts...))
}

func (sim *simulation) tracef(format string, args ...any) {
	sim.trace = append(sim.trace, fmt.Sprintf("%4d %s ", sim.step, time.Now().Format("15:04:05"))+fmt.Sprintf(format, args...))
}

func (sim *simulation) failf(format string, args ...any) {
	if sim.failed == "" {
		sim.failed = fmt.Sprintf(format, args...)
		sim.tracef("WRONG: %s", sim.failed)
	}
}

func (sim *simulation) required() uint64 {
	if sim.mutant == elevenConfirmations {
		return 11
	}
	return 12
}

// stepsOf draws the confirmation steps of a payment's operator at its creation: for a third of the payments none counts.
func (sim *simulation) stepsOf(number int) models.ConfirmationSteps {
	draw := func(what string) uint64 { return chaintest.Draw(sim.seed, "steps", what, fmt.Sprint(number)) }
	return models.ConfirmationSteps{{
		From: models.Amount(35+draw("from")%23) * models.USDT, Confirmations: 13 + draw("confirmations")%9,
	}}
}

// confirmationsOf returns how many confirmations a new payment requires.
func (sim *simulation) confirmationsOf(number int) uint64 {
	if sim.mutant == stepsIgnored {
		return sim.required()
	}
	return sim.stepsOf(number).Of(asked, sim.required())
}

// asked is what each payment asks for.
const asked = 50 * models.USDT

func simulate(t testing.TB, template string, seed uint64, broken mutant) *simulation {
	sim := &simulation{t: t, seed: seed, mutant: broken}
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "db")
	content, err := os.ReadFile(template)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(ctx, "sqlite:"+path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	keys, err := secrets.NewKeyring(make([]byte, secrets.MasterKeyBytes))
	if err != nil {
		t.Fatal(err)
	}
	if err := db.UseMasterKey(ctx, keys, nil); err != nil {
		t.Fatal(err)
	}
	operator := models.Operator{ID: operatorID, Email: "shop@example.com", Status: models.OperatorActive}
	if err := db.CreateOperator(ctx, operator, nil); err != nil {
		t.Fatal(err)
	}
	sim.world = chaintest.NewChainBefore(time.Now(), 3)
	count := 1 + int(sim.rnd("nodes")%4)
	sim.quorum = min(count, 1+int(sim.rnd("quorum")%2))
	if broken == quorumIgnored || broken == unverified || broken == oneNodeTakesBack {
		count, sim.quorum = 3, 2
	}
	for i := range count {
		node := chaintest.NewNode(sim.world, fmt.Sprintf("fake%d", i), seed)
		node.FinalizeBehind(finalLag)
		node.Set(func(b *chaintest.Behaviour) {
			b.Liar, b.Blank = i == 0 && sim.quorum > 1 && count >= 3, broken == emptyBelieved
		})
		sim.nodes = append(sim.nodes, node)
	}
	sim.db = &fragileStore{
		Store: db, seed: seed, mutant: broken, calls: map[string]int{}, trouble: func() uint64 { return sim.trouble },
		rewound: sim.judgeRewind, wentBack: sim.wentBack, raised: sim.judgeAlarm,
	}
	sim.db.settled = func(p models.Payment, credits []models.Transfer) {
		input := models.CreditInput{DepositAddress: p.DepositAddress}
		for _, credit := range credits {
			input.Credits = append(input.Credits, credit.Notice(0, 0))
		}
		sim.judgeCredits(input)
	}
	for i := range payments {
		p, _, err := db.CreatePayment(ctx, store.NewPayment{
			ID: fmt.Sprintf("%024x", sim.rnd("id", i)), Reference: fmt.Sprintf("%016x", sim.rnd("reference", i)),
			OperatorID: operator.ID, UserID: "user", Network: models.NetworkERC20, Currency: models.CurrencyUSDT, AmountRequested: asked,
			Tolerance: models.Amount(sim.rnd("tolerance", i)%3) * 10 * models.USDT, Confirmations: sim.confirmationsOf(i), CreatedAt: time.Now(), ExpiresAt: time.Now().Add(time.Duration(3+sim.rnd("window", i)%4) * time.Minute),
		}, func(index uint32) (string, error) {
			return common.BigToAddress(big.NewInt(int64(seed)*100 + int64(index) + 0x1000)).Hex(), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		sim.runs = append(sim.runs, &run{
			payment: p, number: i, rules: rules.NewPayment(models.NewPaymentInput(p, sim.required(), chaintest.BlockTime)), alive: true,
		})
	}
	sim.again.at = 8 + int(sim.rnd("again")%16)
	sim.again.address = common.BigToAddress(big.NewInt(int64(seed)*100 + 0x1000 + 99))
	var deposits []common.Address
	for _, r := range sim.runs {
		deposits = append(deposits, common.HexToAddress(r.payment.DepositAddress))
	}
	for _, node := range sim.nodes {
		node.Pretend(deposits...)
	}
	sim.see(true)
	sim.startProcess()
	for sim.step = range faultySteps + quietSteps {
		sim.turn(ctx, sim.step >= faultySteps)
		if sim.failed != "" {
			return sim
		}
	}
	for sim.waitsForCrowds(ctx) {
		sim.step++
		if sim.turn(ctx, true); sim.failed != "" {
			return sim
		}
	}
	sim.judgeEnd(ctx)
	for _, r := range sim.runs {
		p, err := db.Payment(ctx, r.payment.ID)
		sim.tracef("payment %d ends as %+v (%v)", r.number, p.PaymentState, err)
	}
	return sim
}

// see shows the nodes the chain, to some of them late.
func (sim *simulation) see(calm bool) {
	for i, node := range sim.nodes {
		lag := 0
		if !calm && sim.rnd("lags", i)%4 == 0 {
			lag = int(sim.rnd("lag", i) % 4)
		}
		if calm || sim.rnd("stuck", i)%6 != 0 {
			blocks := sim.world.Blocks()
			node.See(blocks[:max(len(blocks)-lag, 1)])
		}
		node.Set(func(b *chaintest.Behaviour) {
			b.Down = !calm && chaintest.Draw(sim.seed, node.Name(), "gone", fmt.Sprint(sim.step/8))%7 == 0
			b.Trouble = 120
			if calm {
				b.Trouble = 0
			}
		})
	}
}

// fork lets the first node, if it lies, be on a branch of its own now and then, and come back. Its branch holds payments
// that nobody made.
func (sim *simulation) fork(calm bool) {
	node := sim.nodes[0]
	epoch := fmt.Sprint(sim.step / ownSteps)
	if calm || !node.IsLiar() || chaintest.Draw(sim.seed, "own branch", epoch)%3 != 0 {
		if sim.own != nil {
			sim.tracef("%s is back on the honest chain", node.Name())
			node.Follow(sim.world)
		}
		sim.own = nil
		return
	}
	if sim.own == nil {
		depth := 1 + int(sim.rnd("own depth")%ownDepth)
		sim.tracef("%s is on a branch of its own, %d blocks deep", node.Name(), depth)
		sim.own = sim.world.Branch(depth)
	}
	// It is never behind the others, so that it is read.
	for height := sim.world.Height(); sim.own.Height() <= height; {
		var txs []chaintest.Transaction
		if number := sim.own.Height() + 1; sim.rnd("made up", number)%4 == 0 {
			to := common.HexToAddress(sim.runs[sim.rnd("made up to", number)%payments].payment.DepositAddress)
			txs = append(txs, chaintest.Transaction{
				Hash:    common.BigToHash(new(big.Int).SetUint64(sim.rnd("made up tx", number))),
				Outputs: []chaintest.Output{chaintest.Transfer(chaintest.Token, stranger, to, big.NewInt(50_000_000))},
			})
		}
		sim.own.MineAt(time.Now().Add(-time.Second), txs)
	}
	node.Follow(sim.own)
}

// remember keeps what the honest nodes show, for as long as a node's word may be used.
func (sim *simulation) remember() {
	seen := seenViews{step: sim.step}
	for _, node := range sim.nodes {
		if !node.IsLiar() {
			seen.chains = append(seen.chains, node.View())
		}
	}
	sim.views = append(sim.views, seen)
	for sim.views[0].step+formerSteps < sim.step {
		sim.views = sim.views[1:]
	}
}

// turn simulates the time of one block.
func (sim *simulation) turn(ctx context.Context, calm bool) {
	sim.trouble = 60
	if calm {
		sim.trouble = 0
	}
	time.Sleep(chaintest.BlockTime)
	sim.createAgain(ctx)
	sim.mine(calm)
	sim.see(calm)
	sim.fork(calm)
	sim.remember()
	sim.decide(ctx, calm)
	for range 8 {
		if sim.db.isKilled() {
			sim.tracef("the process was killed and starts again")
			sim.startProcess()
		}
		callCtx, cancel := context.WithTimeout(ctx, time.Minute)
		progress, err := sim.process.follower.Step(callCtx)
		if err != nil {
			sim.tracef("follower: %v", err)
		}
		for range 3 {
			if worked, err := sim.process.check.Step(callCtx); (!worked || err != nil) || sim.mutant == emptyBelieved {
				break
			}
		}
		cancel()
		sim.sendSignals(ctx)
		if progress.CaughtUp && err == nil {
			break
		}
	}
	for _, r := range sim.runs {
		for range 2 {
			callCtx, cancel := context.WithTimeout(ctx, time.Minute)
			sim.drive(callCtx, r)
			cancel()
		}
	}
}

// mine mines a block, or a fork.
func (sim *simulation) mine(calm bool) {
	var txs []chaintest.Transaction
	if !calm {
		txs = append(sim.pay(), sim.paidBefore()...)
	}
	txs = append(txs, sim.pause(calm)...)
	if calm || sim.rnd("fork")%7 != 0 {
		sim.world.MineAt(time.Now(), txs)
		return
	}
	depth := 1 + int(sim.rnd("depth")%15)
	sim.tracef("a fork of depth %d", depth)
	before := slices.Clone(sim.world.Blocks())
	sim.world.Fork(depth, time.Now(), func(hash common.Hash) int { return int(sim.rnd("place", hash)%5) - 1 })
	sim.former = append(sim.former, formerChain{before, sim.step, !slices.Equal(pausesIn(before), pausesIn(sim.world.Blocks()))})
}

// pause lets the token's owner pause it now and then, and end the pause some blocks later. There are no pauses where a node
// lies: no second reading finds an event that was left out.
func (sim *simulation) pause(calm bool) []chaintest.Transaction {
	pauses := pausesIn(sim.world.Blocks())
	lasts := len(pauses) > 0 && pauses[len(pauses)-1].to.IsZero()
	event := pauseEvent
	switch {
	case sim.nodes[0].IsLiar():
		return nil
	case lasts && (calm || sim.rnd("unpause")%3 == 0):
		event = unpauseEvent
	case lasts || calm || sim.rnd("pause")%25 != 0:
		return nil
	}
	sim.tracef("the token: paused %t", event == pauseEvent)
	return []chaintest.Transaction{{
		Hash: common.BigToHash(new(big.Int).SetUint64(sim.rnd("pause tx"))), Outputs: []chaintest.Output{chaintest.Event(event)},
	}}
}

// decide lets an admin end runs by hand, operators reject and accept payments, and reconciliation start the runs that are
// missing.
func (sim *simulation) decide(ctx context.Context, calm bool) {
	if !calm && sim.rnd("terminate")%15 == 0 {
		r := sim.runs[sim.rnd("whom")%payments]
		sim.tracef("payment %d: its run is terminated", r.number)
		r.alive, r.acceptedAt = false, 0
	}
	if r := sim.runs[sim.rnd("rejected")%payments]; !calm && sim.rnd("reject")%80 == 0 {
		sim.tracef("payment %d is rejected", r.number)
		r.rejected = true
		sim.signal(r, func(p *rules.Payment) { p.ApplyReject("the operator's will") })
	}
	for i, r := range sim.runs {
		p, err := sim.db.Payment(ctx, r.payment.ID)
		if err != nil {
			sim.t.Fatalf("read payment %d: %v", i, err)
		}
		if p.Status == models.StatusExpired && p.Exception.IsAcceptable() && sim.step < faultySteps+quietSteps/2 && sim.rnd("accept", i)%8 == 0 {
			sim.tracef("payment %d is accepted at version %d", i, p.Version)
			r.accepted, r.acceptedAt = true, p.Version
			_, err := sim.db.Decide(ctx, operatorID, models.PaymentDecision{
				PaymentID: p.ID, Kind: models.DecisionAccept, Version: p.Version, Reason: "fine", Actor: "operator:" + operatorID,
			})
			if err != nil {
				sim.t.Fatalf("store the acceptance of payment %d: %v", i, err)
			}
			if sim.mutant != acceptanceLost {
				sim.signal(r, func(payment *rules.Payment) {
					payment.ApplyAccept(models.DecisionSignal{Reason: "fine", Version: p.Version})
				})
			}
		}
		if calm && !p.Status.IsFinal() {
			sim.start(r)
		}
	}
}

// crowdSteps is how many blocks tiny transfers may wait for their credits.
const crowdSteps = 300

// waitsForCrowds reports whether transfers of a crowded payment wait for their credits, as they may without news.
func (sim *simulation) waitsForCrowds(ctx context.Context) bool {
	for _, r := range sim.runs {
		crowd, err := sim.db.Crowd(ctx, r.payment)
		if err != nil {
			sim.t.Fatalf("read the crowd of payment %d: %v", r.number, err)
		}
		if crowd != nil && crowd.IsUnsettled() && sim.step < faultySteps+quietSteps+crowdSteps {
			return true
		}
	}
	return false
}

// dust makes a transaction with many tiny transfers to a payment's address, now and then.
func (sim *simulation) dust(number int, to common.Address) []chaintest.Transaction {
	if sim.rnd("dust", number)%200 != 0 {
		return nil
	}
	tx := chaintest.Transaction{Hash: common.BigToHash(new(big.Int).SetUint64(sim.rnd("dust tx", number)))}
	for n := range 3 + sim.rnd("dust logs", number)%10 {
		tx.Outputs = append(tx.Outputs, chaintest.Transfer(chaintest.Token, stranger, to, new(big.Int).SetUint64(1+n%2)))
	}
	sim.tracef("transaction %s with %d tiny transfers for payment %d", tx.Hash.Hex(), len(tx.Outputs), number)
	return []chaintest.Transaction{tx}
}

// pay makes the transactions of one block.
func (sim *simulation) pay() []chaintest.Transaction {
	var txs []chaintest.Transaction
	for i, r := range sim.runs {
		txs = append(txs, sim.dust(i, common.HexToAddress(r.payment.DepositAddress))...)
		if sim.rnd("pays", i)%9 != 0 {
			continue
		}
		to := common.HexToAddress(r.payment.DepositAddress)
		other := common.HexToAddress(sim.runs[(i+1)%payments].payment.DepositAddress)
		value := func(units uint64) *big.Int { return new(big.Int).SetUint64(units * 1_000_000) }
		tx := chaintest.Transaction{Hash: common.BigToHash(new(big.Int).SetUint64(sim.rnd("tx", i)))}
		pay := func(to common.Address, units uint64) chaintest.Output {
			return chaintest.Transfer(chaintest.Token, stranger, to, value(units))
		}
		full := pay(to, 50)
		switch sim.rnd("kind", i) % 8 {
		case 0:
			tx.Outputs = []chaintest.Output{pay(to, 1+sim.rnd("v", i)%49)}
		case 1:
			tx.Outputs = []chaintest.Output{pay(to, 51+sim.rnd("v", i)%49)}
		case 2:
			tx.Outputs = []chaintest.Output{full, pay(other, 20)}
		case 3:
			tx.Outputs = []chaintest.Output{full, full}
		case 4:
			tx.Outputs, tx.Again = []chaintest.Output{full}, []chaintest.Output{pay(to, 30)}
		case 5:
			tx.Outputs = []chaintest.Output{chaintest.Transfer(chaintest.ForeignToken, stranger, to, value(50)), pay(to, 0)}
		default:
			tx.Outputs = []chaintest.Output{pay(stranger, 3), full}
		}
		sim.tracef("transaction %s with %d logs for payment %d", tx.Hash.Hex(), len(tx.Outputs), i)
		txs = append(txs, tx)
	}
	return txs
}

func template(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "template")
	db, err := store.Open(t.Context(), "sqlite:"+path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// one runs one seed in a synctest bubble of its own.
func one(t *testing.T, template string, seed uint64, broken mutant) (sim *simulation) {
	synctest.Test(t, func(t *testing.T) { sim = simulate(t, template, seed, broken) })
	return sim
}

// seeds returns how many seeds to simulate: what the flag says, else what the environment says, else a few.
func seeds(t *testing.T) int {
	t.Helper()
	if *seedsFlag > 0 {
		return *seedsFlag
	}
	text := os.Getenv("PAYCOW_SEEDS")
	if text == "" {
		return defaultSeeds
	}
	count, err := strconv.Atoi(text)
	if err != nil || count < 1 {
		t.Fatalf("PAYCOW_SEEDS is %q and must be a number from 1", text)
	}
	return count
}

func TestSimulation(t *testing.T) {
	file := template(t)
	first, count := uint64(0), seeds(t)
	if *seedFlag >= 0 {
		first, count = uint64(*seedFlag), 1
	}
	shards := min(runtime.GOMAXPROCS(0), count)
	for shard := range shards {
		t.Run(fmt.Sprintf("shard %d of %d", shard+1, shards), func(t *testing.T) {
			t.Parallel()
			for i := shard; i < count; i += shards {
				seed := first + uint64(i)
				if sim := one(t, file, seed, sound); sim.failed != "" {
					t.Fatalf("seed %d: %s\nrepeat: go test ./simulate -run TestSimulation -args -seed %d\n%s", seed, sim.failed, seed, strings.Join(sim.trace, "\n"))
				}
			}
		})
	}
}

// TestSeedsRepeat shows that everything that happens follows from the seed: two runs of one leave the same trace, byte for
// byte.
func TestSeedsRepeat(t *testing.T) {
	file := template(t)
	for _, seed := range []uint64{0, 5, 11, 80, 185} {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			first, second := one(t, file, seed, sound).trace, one(t, file, seed, sound).trace
			require.NotEmpty(t, first)
			require.Equal(t, strings.Join(first, "\n"), strings.Join(second, "\n"))
		})
	}
}
