package simulate

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"paycow/models"
	"paycow/rules"
	"paycow/store"
)

var (
	// defaultSeeds is less with the race detector.
	defaultSeeds = 500
	seedsFlag    = flag.Int("seeds", 0, "how many seeds to simulate; 0 = 500, or 25 with the race detector")
	seedFlag     = flag.Int64("seed", -1, "repeat this seed only")
)

// mutant is a thing that is broken on purpose.
type mutant string

const (
	sound               mutant = ""
	elevenConfirmations mutant = "eleven confirmations"
	noWalkBack          mutant = "no walk-back"
	dedupeByTxHash      mutant = "dedupe by transaction hash"
	cursorFirst         mutant = "cursor before commit"
	emptyBelieved       mutant = "empty list believed"
	unverified          mutant = "credit without verification"
	quorumIgnored       mutant = "quorum ignored"
	expiryByClock       mutant = "expiry by the clock"
)

type simulation struct {
	t       testing.TB
	seed    uint64
	mutant  mutant
	quorum  int
	world   *world
	nodes   []*fakeNode
	db      *fragileStore
	process *process
	trouble uint64
	runs    map[string]*run
	order   []string
	trace   []string
	failed  string
	step    int
	former  []formerChain
}

// formerChain is a branch that died at a step.
type formerChain struct {
	chain []*modelBlock
	step  int
}

// formerSteps is how long a dead branch may still be what somebody knows: nodes go away for eight steps.
const formerSteps = 16

// run is one payment's workflow. It survives the process; when it was terminated, the next signal starts it again.
type run struct {
	payment models.Payment
	rules   *rules.Payment
	alive   bool
}

func (sim *simulation) rnd(parts ...any) uint64 {
	return draw(sim.seed, fmt.Sprint(sim.step), fmt.Sprint(parts...))
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

func (sim *simulation) signalWithStart(p models.Payment, signal models.TransfersSignal) {
	r := sim.runs[p.ID]
	if !r.alive {
		snapshot, err := sim.db.Snapshot(context.Background(), p.ID)
		if err != nil {
			sim.t.Fatalf("read payment %s: %v", p.ID, err)
		}
		r.alive, r.rules = true, rules.NewPayment(models.NewPaymentInput(p, sim.required(), blockTime))
		r.rules.ApplySnapshot(snapshot)
	}
	r.rules.ApplyTransfers(signal)
}

// drive does what the payment's rules want, through the activities, as the Payment workflow does. An effect whose answer
// was lost is tried again at the next turn, whether it took place or not.
func (sim *simulation) drive(ctx context.Context, r *run) {
	act := sim.process.activities
	for range 8 {
		if !r.alive {
			return
		}
		switch effect := r.rules.Next(time.Now()).(type) {
		case rules.Wait:
			r.rules.ApplyWake(false)
			return
		case rules.End:
			r.alive = false
		case rules.Load:
			snapshot, err := act.LoadPayment(ctx, effect.PaymentID)
			if err != nil {
				return
			}
			r.rules.ApplySnapshot(snapshot)
		case rules.Record:
			result, err := act.RecordPayment(ctx, effect.Input)
			if err != nil {
				return
			}
			r.rules.ApplyRecordResult(effect, result)
		case rules.Credit:
			result, err := act.CreditPayment(ctx, effect.Input)
			if err != nil {
				return
			}
			if result.Recorded {
				sim.tracef("payment %s: credited %d, reversed %d, %s", r.payment.ID, len(effect.Input.Credits), len(effect.Input.Reversals), effect.Input.State.Status)
				sim.judgeCredits(effect.Input)
			}
			r.rules.ApplyCreditResult(effect, result)
		case rules.Expire:
			result, err := sim.expire(ctx, effect.Input)
			sim.judgeExpired(r.payment, result)
			if err != nil {
				result = models.ExpireResult{}
			}
			r.rules.ApplyExpireResult(effect, result, time.Now())
		case rules.AwaitScan:
			result, err := sim.expire(ctx, effect.Input)
			sim.judgeExpired(r.payment, result)
			if err != nil {
				return
			}
			r.rules.ApplyScanResult(effect, result)
		}
	}
}

func (sim *simulation) judgeExpired(p models.Payment, result models.ExpireResult) {
	if result.Recorded {
		sim.tracef("payment %s: expired", p.ID)
		sim.judgeExpiry(p)
	}
}

func (sim *simulation) expire(ctx context.Context, input models.ExpireInput) (models.ExpireResult, error) {
	if sim.mutant != expiryByClock {
		return sim.process.activities.ExpirePayment(ctx, input)
	}
	result, err := sim.process.activities.RecordPayment(ctx, models.RecordInput{PaymentID: input.PaymentID, State: input.State})
	return models.ExpireResult{RecordResult: result, ScannedPast: true}, err
}

// judgeState compares how a payment ended with what follows from the chain alone.
func (sim *simulation) judgeState(p models.Payment, state models.PaymentState, all []models.TokenTransfer) {
	inTime, late := models.Amount(0), models.Amount(0)
	for _, t := range all {
		switch {
		case t.To != p.DepositAddress:
		case t.Block.Time.After(p.ExpiresAt):
			late += t.Amount
		default:
			inTime += t.Amount
		}
	}
	status, exceptions := models.StatusExpired, []models.Exception{models.ExceptionNone, models.ExceptionReverted}
	switch {
	case state.Decision == models.DecisionReject:
		status = models.StatusRejected
		if inTime+late > 0 {
			exceptions = []models.Exception{models.ExceptionAfterReject}
		}
	case inTime >= p.AmountRequested:
		status, exceptions = models.StatusPaid, []models.Exception{models.ExceptionNone}
		if inTime+late > p.AmountRequested {
			exceptions = []models.Exception{models.ExceptionOverpaid}
		}
	case late > 0:
		exceptions = []models.Exception{models.ExceptionPaidLate}
	case inTime > 0:
		exceptions = []models.Exception{models.ExceptionUnderpaid}
	}
	if state.Status != status || !slices.Contains(exceptions, state.Exception) {
		sim.failf("payment %s ends %s (%s); %s in time and %s late make it %s %v", p.ID, state.Status, state.Exception, inTime, late, status, exceptions)
	}
	if state.AmountReceived != inTime+late || state.AmountCredited != inTime+late {
		sim.failf("payment %s: received %s, credited %s, the truth is %s", p.ID, state.AmountReceived, state.AmountCredited, inTime+late)
	}
}

// judgeCredits checks that an honest node's chain holds each credited transfer deep enough.
func (sim *simulation) judgeCredits(input models.CreditInput) {
	for _, n := range input.Credits {
		found := false
		for _, node := range sim.nodes {
			if node.liar {
				continue
			}
			view := node.chain()
			for _, t := range truth(view) {
				found = found || t.TransferKey == n.TransferKey && t.To == input.DepositAddress && t.Amount == n.Amount &&
					t.Block.Hash == n.Block.Hash && models.Confirmations(uint64(len(view)-1), t.Block.Number) >= 12
			}
		}
		if !found {
			sim.failf("credited %s of block %s, which no honest node holds with 12 confirmations", n.TransferKey, n.Block)
		}
	}
}

// judgeExpiry checks that an honest node's chain has passed the window and holds nothing of it for the payment.
func (sim *simulation) judgeExpiry(p models.Payment) {
	views := [][]*modelBlock{sim.world.main} // a node may have fallen behind again what it showed
	for _, node := range sim.nodes {
		if !node.liar {
			views = append(views, node.chain())
		}
	}
	// Nodes and database may stand on a branch that died a moment ago. What a reorg brings into the window later is PAID then.
	for _, former := range sim.former {
		if former.step+formerSteps >= sim.step {
			views = append(views, former.chain)
		}
	}
	for _, view := range views {
		if !view[len(view)-1].header.Time.After(p.ExpiresAt) {
			continue
		}
		paid := false
		for _, t := range truth(view) {
			paid = paid || t.To == p.DepositAddress && !t.Block.Time.After(p.ExpiresAt)
		}
		if !paid {
			return
		}
	}
	cursor, _ := sim.db.Cursor(context.Background(), models.NetworkERC20)
	snapshot, _ := sim.db.Snapshot(context.Background(), p.ID)
	sim.tracef("quorum %d of %d; cursor %d at %s, agreed %d at %s; window to %s; known %+v", sim.quorum, len(sim.nodes), cursor.BlockNumber, cursor.BlockTime, cursor.AgreedNumber, cursor.AgreedTime, p.ExpiresAt, snapshot.Transfers)
	for i, view := range views {
		for _, t := range truth(view) {
			if t.To == p.DepositAddress {
				sim.tracef("view %d up to %s: %s of %s in %s at %s", i, view[len(view)-1].header.Time, t.TransferKey, t.Amount, t.Block, t.Block.Time)
			}
		}
	}
	sim.failf("payment %s expired although no honest node's chain has passed its window without a payment", p.ID)
}

// judgeEnd compares the books with the truth when all is over.
func (sim *simulation) judgeEnd(ctx context.Context) {
	total := models.Amount(0)
	all := truth(sim.world.main)
	for _, id := range sim.order {
		r := sim.runs[id]
		want := map[models.TransferKey]models.Amount{}
		for _, t := range all {
			if t.To == r.payment.DepositAddress {
				want[t.TransferKey] = t.Amount
				total += t.Amount
			}
		}
		snapshot, err := sim.db.Snapshot(ctx, id)
		if err != nil {
			sim.failf("read payment %s: %v", id, err)
		}
		for _, n := range snapshot.Transfers {
			if n.CreditedAmount != want[n.TransferKey] {
				sim.failf("transfer %s is credited with %s, the truth is %s", n.TransferKey, n.CreditedAmount, want[n.TransferKey])
			}
			delete(want, n.TransferKey)
		}
		if len(want) > 0 {
			sim.failf("payment %s: %d transfers are not known: %v", id, len(want), want)
		}
		sim.judgeState(r.payment, snapshot.State, all)
	}
	balance, _, err := sim.db.Balance(ctx, sim.runs[sim.order[0]].payment.OperatorID)
	if err != nil || balance != total {
		sim.failf("the balance is %s, the truth is %s (%v)", balance, total, err)
	}
}

func simulate(t testing.TB, template string, seed uint64, broken mutant) *simulation {
	sim := &simulation{t: t, seed: seed, mutant: broken, runs: map[string]*run{}}
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
	operator := models.Operator{ID: models.NewID(), Email: "shop@example.com", Status: models.OperatorActive}
	if err := db.CreateOperator(ctx, operator, nil); err != nil {
		t.Fatal(err)
	}
	sim.world = newWorld(time.Now())
	count := 1 + int(sim.rnd("nodes")%4)
	sim.quorum = min(count, 1+int(sim.rnd("quorum")%2))
	if broken == quorumIgnored || broken == unverified {
		count, sim.quorum = 3, 2
	}
	for i := range count {
		sim.nodes = append(sim.nodes, &fakeNode{
			seed: seed, name: fmt.Sprintf("fake%d", i), calls: map[string]int{}, byHash: sim.world.byHash,
			liar: i == 0 && sim.quorum > 1 && count >= 3, blanking: broken == emptyBelieved,
		})
	}
	sim.db = &fragileStore{Store: db, seed: seed, mutant: broken, calls: map[string]int{}, trouble: func() uint64 { return sim.trouble }}
	for i := range 3 {
		p, _, err := db.CreatePayment(ctx, store.NewPayment{
			ID: models.NewID(), Reference: models.NewReference(),
			OperatorID: operator.ID, UserID: "user", Network: models.NetworkERC20, Currency: models.CurrencyUSDT, AmountRequested: 50 * models.USDT,
			Confirmations: sim.required(), CreatedAt: time.Now(), ExpiresAt: time.Now().Add(time.Duration(3+sim.rnd("window", i)%4) * time.Minute),
		}, func(index uint32) (string, error) {
			return common.BigToAddress(big.NewInt(int64(seed)*100 + int64(index) + 0x1000)).Hex(), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		sim.runs[p.ID] = &run{payment: p, rules: rules.NewPayment(models.NewPaymentInput(p, sim.required(), blockTime)), alive: true}
		sim.order = append(sim.order, p.ID)
	}
	for _, node := range sim.nodes {
		for _, id := range sim.order {
			node.victims = append(node.victims, common.HexToAddress(sim.runs[id].payment.DepositAddress))
		}
	}
	sim.see(true)
	sim.startProcess()
	const faulty, quiet = 40, 40
	for sim.step = range faulty + quiet {
		sim.turn(ctx, sim.step >= faulty)
		if sim.failed != "" {
			return sim
		}
	}
	sim.judgeEnd(ctx)
	return sim
}

// see lets the nodes see the chain.
func (sim *simulation) see(calm bool) {
	for i, node := range sim.nodes {
		lag := 0
		if !calm && sim.rnd("lags", i)%4 == 0 {
			lag = int(sim.rnd("lag", i) % 4)
		}
		node.mu.Lock()
		if calm || sim.rnd("stuck", i)%6 != 0 {
			node.view = sim.world.main[:max(len(sim.world.main)-lag, 1)]
		}
		node.gone = !calm && draw(sim.seed, node.name, "gone", fmt.Sprint(sim.step/8))%7 == 0
		node.trouble = 120
		if calm {
			node.trouble = 0
		}
		node.mu.Unlock()
	}
}

// turn is one block's time.
func (sim *simulation) turn(ctx context.Context, calm bool) {
	sim.trouble = 60
	if calm {
		sim.trouble = 0
	}
	time.Sleep(blockTime)
	var txs []transaction
	if !calm {
		txs = sim.pay()
	}
	depth := 0
	if !calm && sim.rnd("fork")%7 == 0 {
		depth = 1 + int(sim.rnd("depth")%15)
	}
	if depth > 0 {
		sim.tracef("a fork of depth %d", depth)
		sim.former = append(sim.former, formerChain{slices.Clone(sim.world.main), sim.step})
		sim.world.fork(depth, time.Now(), func(hash common.Hash) int { return int(sim.rnd("place", hash)%5) - 1 })
	} else {
		sim.world.mine(time.Now(), txs)
	}
	sim.see(calm)
	if !calm && sim.rnd("terminate")%15 == 0 {
		sim.runs[sim.order[sim.rnd("whom")%3]].alive = false
	}
	if r := sim.runs[sim.order[sim.rnd("rejected")%3]]; !calm && sim.rnd("reject")%80 == 0 && r.alive && r.rules.ApplyReject("the operator's will") {
		sim.tracef("payment %s is rejected", r.payment.ID)
	}
	if calm { // what reconciliation does
		for _, id := range sim.order {
			sim.signalWithStart(sim.runs[id].payment, models.TransfersSignal{})
		}
	}
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
		sim.tell(ctx)
		if progress.CaughtUp && err == nil {
			break
		}
	}
	for _, id := range sim.order {
		for range 2 {
			callCtx, cancel := context.WithTimeout(ctx, time.Minute)
			sim.drive(callCtx, sim.runs[id])
			cancel()
		}
	}
}

// pay makes the transactions of one block.
func (sim *simulation) pay() []transaction {
	var txs []transaction
	for i, id := range sim.order {
		if sim.rnd("pays", i)%9 != 0 {
			continue
		}
		to := common.HexToAddress(sim.runs[id].payment.DepositAddress)
		other := common.HexToAddress(sim.runs[sim.order[(i+1)%3]].payment.DepositAddress)
		value := func(units uint64) *big.Int { return new(big.Int).SetUint64(units * 1_000_000) }
		tx := transaction{hash: common.BigToHash(new(big.Int).SetUint64(sim.rnd("tx", i)))}
		full := output{tokenAddress, to, value(50), transferTopic}
		switch sim.rnd("kind", i) % 8 {
		case 0:
			tx.outputs = []output{{tokenAddress, to, value(1 + sim.rnd("v", i)%49), transferTopic}}
		case 1:
			tx.outputs = []output{{tokenAddress, to, value(51 + sim.rnd("v", i)%49), transferTopic}}
		case 2:
			tx.outputs = []output{full, {tokenAddress, other, value(20), transferTopic}}
		case 3:
			tx.outputs = []output{full, full}
		case 4:
			tx.outputs, tx.again = []output{full}, []output{{tokenAddress, to, value(30), transferTopic}}
		case 5:
			tx.outputs = []output{{foreignToken, to, value(50), transferTopic}, {tokenAddress, to, new(big.Int), transferTopic}}
		default:
			tx.outputs = []output{{tokenAddress, stranger, value(3), transferTopic}, full}
		}
		sim.tracef("transaction %s with %d logs for payment %s", tx.hash.Hex(), len(tx.outputs), id)
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

// one runs one seed in a bubble of its own.
func one(t *testing.T, template string, seed uint64, broken mutant) (sim *simulation) {
	synctest.Test(t, func(t *testing.T) { sim = simulate(t, template, seed, broken) })
	return sim
}

func TestSimulation(t *testing.T) {
	file := template(t)
	first, count := uint64(0), cmp.Or(*seedsFlag, defaultSeeds)
	if *seedFlag >= 0 {
		first, count = uint64(*seedFlag), 1
	}
	for i := range count {
		seed := first + uint64(i)
		if sim := one(t, file, seed, sound); sim.failed != "" {
			t.Fatalf("seed %d: %s\nrepeat: go test ./simulate -run TestSimulation -args -seed %d\n%s", seed, sim.failed, seed, strings.Join(sim.trace, "\n"))
		}
	}
}

func TestMutantsAreCaught(t *testing.T) {
	file := template(t)
	const seeds = 200
	for _, broken := range []mutant{elevenConfirmations, noWalkBack, dedupeByTxHash, cursorFirst, emptyBelieved, unverified, quorumIgnored, expiryByClock} {
		caught := false
		for seed := uint64(0); seed < seeds && !caught; seed++ {
			if sim := one(t, file, seed, broken); sim.failed != "" {
				t.Logf("%s: caught at seed %d: %s", broken, seed, sim.failed)
				caught = true
			}
		}
		if !caught {
			t.Errorf("%s: not caught in %d seeds", broken, seeds)
		}
	}
}
