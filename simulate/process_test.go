package simulate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"paycow/activities"
	"paycow/chain"
	"paycow/chain/chaintest"
	"paycow/models"
	"paycow/rules"
	"paycow/store"
)

var (
	errKilled = errors.New("the process was killed")
	errLost   = errors.New("the database is away")
)

// fragileStore is the real store. Its writes fail before or after the commit, or the process is killed there.
type fragileStore struct {
	*store.Store
	seed    uint64
	trouble func() uint64                                     // of 1000 writes, how many go wrong
	settled func(p models.Payment, credits []models.Transfer) // judges what was credited
	mutant  mutant
	// rewound is called after the cursor was moved back, with the cursor as it was.
	rewound  func(before models.ChainCursor, to models.BlockRef)
	wentBack func(to models.BlockRef) // is called after the cursor was moved back, by whichever call
	// raised is called with each alarm.
	raised func(alarm models.Alarm)

	mu     sync.Mutex
	calls  map[string]int
	life   int // of which process
	killed bool
	kills  int
}

// write runs one transaction and lets it fail, or the process die, before or after it.
func (s *fragileStore) write(op string, do func() error) error {
	s.mu.Lock()
	s.calls[op]++
	fate := chaintest.Draw(s.seed, "store", op, fmt.Sprint(s.calls[op]))
	if s.killed {
		s.mu.Unlock()
		return errKilled
	}
	trouble := s.trouble()
	s.mu.Unlock()
	what := uint64(9)
	if fate%1000 < trouble {
		what = fate / 1000 % 4
	}
	switch what {
	case 0:
		return errLost
	case 1:
		s.kill()
		return errKilled
	}
	err := do()
	switch what {
	case 2:
		return errLost
	case 3:
		s.kill()
		return errKilled
	}
	return err
}

func (s *fragileStore) kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.killed {
		s.kills++
	}
	s.killed = true
}

func (s *fragileStore) isKilled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.killed
}

func (s *fragileStore) InitCursor(ctx context.Context, network string, block models.BlockRef, head uint64) error {
	return s.write("init", func() error { return s.Store.InitCursor(ctx, network, block, head) })
}

func (s *fragileStore) Advance(ctx context.Context, network string, batch models.BlockBatch) error {
	switch s.mutant { //nolint:exhaustive // the others break something else
	case pauseIgnored:
		batch.Events = nil
	case dedupeByTxHash:
		seen := map[string]bool{}
		var kept []models.TokenTransfer
		for _, t := range batch.Transfers {
			if !seen[t.TxHash] {
				kept = append(kept, t)
			}
			seen[t.TxHash] = true
		}
		batch.Transfers = kept
	case cursorFirst:
		empty := batch
		empty.Transfers = nil
		err := s.write("advance", func() error { return s.Store.Advance(ctx, network, empty) })
		if err != nil || len(batch.Transfers) == 0 {
			return err
		}
		return s.write("transfers", func() error {
			_, err := s.Store.Heal(ctx, network, batch.Transfers)
			return err
		})
	}
	return s.write("advance", func() error { return s.Store.Advance(ctx, network, batch) })
}

func (s *fragileStore) Rewind(ctx context.Context, network string, from, to models.BlockRef) error {
	return s.write("rewind", func() error {
		err := s.Store.Rewind(ctx, network, from, to)
		if err == nil {
			s.wentBack(to)
		}
		return err
	})
}

func (s *fragileStore) RewindAgreed(ctx context.Context, network string, from, to, branch models.BlockRef) error {
	return s.write("rewind", func() error {
		before, err := s.Store.Cursor(ctx, network)
		if err == nil {
			err = s.Store.RewindAgreed(ctx, network, from, to, branch)
		}
		if err == nil {
			s.rewound(before, to)
			s.wentBack(to)
		}
		return err
	})
}

func (s *fragileStore) Raise(ctx context.Context, alarm models.Alarm) error {
	s.raised(alarm)
	return s.Store.Raise(ctx, alarm)
}

func (s *fragileStore) Heal(ctx context.Context, network string, found []models.TokenTransfer) (added int, err error) {
	err = s.write("heal", func() error { added, err = s.Store.Heal(ctx, network, found); return err })
	return added, err
}

func (s *fragileStore) Disprove(ctx context.Context, network string, wrong []models.TokenTransfer, reason string) error {
	return s.write("disprove", func() error { return s.Store.Disprove(ctx, network, wrong, reason) })
}

func (s *fragileStore) SetAgreed(ctx context.Context, network string, block models.BlockRef) error {
	return s.write("agreed", func() error { return s.Store.SetAgreed(ctx, network, block) })
}

func (s *fragileStore) SetFinalized(ctx context.Context, network string, block models.BlockRef) error {
	return s.write("finalized", func() error { return s.Store.SetFinalized(ctx, network, block) })
}

func (s *fragileStore) MarkSignalled(ctx context.Context, transfers []models.Transfer, head, required uint64) error {
	return s.write("signalled", func() error { return s.Store.MarkSignalled(ctx, transfers, head, required) })
}

func (s *fragileStore) Record(ctx context.Context, in models.RecordInput) (result models.RecordResult, err error) {
	err = s.write("record", func() error { result, err = s.Store.Record(ctx, in); return err })
	return result, err
}

func (s *fragileStore) Expire(ctx context.Context, in models.ExpireInput) (result models.ExpireResult, err error) {
	err = s.write("expire", func() error { result, err = s.Store.Expire(ctx, in); return err })
	return result, err
}

func (s *fragileStore) Credit(ctx context.Context, in models.CreditInput) (result models.CreditResult, err error) {
	err = s.write("credit", func() error { result, err = s.Store.Credit(ctx, in); return err })
	return result, err
}

func (s *fragileStore) MarkCrowdSignalled(ctx context.Context, paymentID string, told models.Crowd) error {
	return s.write("crowd signalled", func() error { return s.Store.MarkCrowdSignalled(ctx, paymentID, told) })
}

func (s *fragileStore) Settle(
	ctx context.Context, paymentID string, credits, reversals []models.Transfer,
) (p models.Payment, booked int, err error) {
	err = s.write("settle", func() error {
		p, booked, err = s.Store.Settle(ctx, paymentID, credits, reversals)
		if err == nil {
			s.settled(p, credits[:min(booked, len(credits))])
		}
		return err
	})
	return p, booked, err
}

// process is all that is lost when a process dies.
type process struct {
	pool       *chain.Pool
	follower   *chain.Follower
	check      *chain.CrossCheck
	activities *activities.Activities
}

// believing is a verifier that confirms every transfer.
type believing struct{}

func (believing) VerifyTransfer(context.Context, chain.Verification) error { return nil }

func (believing) VerifyRemoval(context.Context, chain.Verification) error { return nil }

// hasty is a verifier that takes back what is asked for.
type hasty struct{ *chain.Verifier }

func (hasty) VerifyRemoval(context.Context, chain.Verification) error { return nil }

// single is a source for which one node's branch is the quorum's.
type single struct{ chain.BlockSource }

func (s single) AgreedHeader(ctx context.Context, number uint64) (chain.Header, error) {
	return s.HeaderByNumber(ctx, number)
}

func (s single) CheckBranch(ctx context.Context, marks models.ChainCursor) (chain.Header, error) {
	return s.HeaderByNumber(ctx, marks.AgreedNumber)
}

// impatient is a verifier that requires one confirmation fewer than it should.
type impatient struct{ *chain.Verifier }

func (v impatient) VerifyTransfer(ctx context.Context, wanted chain.Verification) error {
	wanted.Confirmations = min(wanted.Confirmations, 11)
	return v.Verifier.VerifyTransfer(ctx, wanted)
}

// oneByOne is a verifier that verifies one transfer at a time, in an order that follows from the seed. Several at once would ask
// the nodes in an order that the scheduler decides, and which of them meets a node's fault would differ from run to run.
type oneByOne struct {
	activities.TransferVerifier
	seed uint64
	turn chan struct{}
}

func (v oneByOne) VerifyTransfer(ctx context.Context, wanted chain.Verification) error {
	time.Sleep(time.Duration(chaintest.Draw(v.seed, "verify", wanted.Notice.TransferKey.String()) % uint64(time.Millisecond)))
	v.turn <- struct{}{}
	defer func() { <-v.turn }()
	return v.TransferVerifier.VerifyTransfer(ctx, wanted)
}

func (v oneByOne) VerifyRemoval(ctx context.Context, credited chain.Verification) error {
	time.Sleep(time.Duration(chaintest.Draw(v.seed, "verify", credited.Notice.TransferKey.String()) % uint64(time.Millisecond)))
	v.turn <- struct{}{}
	defer func() { <-v.turn }()
	return v.TransferVerifier.VerifyRemoval(ctx, credited)
}

// steadfast is a source whose headers always follow one another, so that no reorg is noticed.
type steadfast struct {
	chain.BlockSource
	store *fragileStore
}

func (s steadfast) patch(ctx context.Context, header chain.Header) chain.Header {
	if parent, err := s.store.Store.RecentBlock(ctx, models.NetworkERC20, header.Number-1); err == nil {
		_ = header.ParentHash.UnmarshalText([]byte(parent.Hash))
	}
	return header
}

func (s steadfast) HeadHeader(ctx context.Context) (chain.Header, error) {
	header, err := s.BlockSource.HeadHeader(ctx)
	return s.patch(ctx, header), err
}

func (s steadfast) HeaderByNumber(ctx context.Context, number uint64) (chain.Header, error) {
	header, err := s.BlockSource.HeaderByNumber(ctx, number)
	return s.patch(ctx, header), err
}

func (sim *simulation) startProcess() {
	s := sim.db
	s.mu.Lock()
	s.killed = false
	s.life++
	s.mu.Unlock()
	quiet := slog.New(slog.DiscardHandler)
	endpoints := make([]chain.Endpoint, len(sim.nodes))
	for i, node := range sim.nodes {
		endpoints[i] = newPunctual(node, sim.seed)
	}
	quorum := sim.quorum
	if sim.mutant == quorumIgnored {
		quorum = 1
	}
	p := &process{}
	config := chain.Config{Network: models.NetworkERC20, ChainID: chaintest.ChainID, Token: chaintest.Token, Quorum: quorum, BlockTime: chaintest.BlockTime}
	p.pool = chain.NewPool(endpoints, config, s, quiet, chain.WithQuarantine(time.Minute))
	var source chain.BlockSource = p.pool
	switch sim.mutant { //nolint:exhaustive // the others break something else
	case noWalkBack:
		source = steadfast{p.pool, s}
	case oneNodeTakesBack:
		source = single{p.pool}
	}
	p.follower = chain.NewFollower(config, source, s, s, quiet, chain.WithRangesFrom(8))
	p.check = chain.NewCrossCheck(config, p.pool, s, s, quiet)
	verifier := chain.NewVerifier(config, p.pool)
	var verifying activities.TransferVerifier = verifier
	switch sim.mutant { //nolint:exhaustive // the others break something else
	case unverified:
		verifying = believing{}
	case elevenConfirmations:
		verifying = impatient{verifier}
	case oneNodeTakesBack:
		verifying = hasty{verifier}
	}
	verifying = oneByOne{verifying, sim.seed, make(chan struct{}, 1)}
	p.activities = activities.New(activities.Dependencies{Payments: s, Crowds: s, Signals: s, Verifier: verifying}, activities.Settings{Network: models.NetworkERC20}, quiet)
	sim.process = p
}

// sendSignals signals every payment what is due, as activities.FollowChain does after each commit.
func (sim *simulation) sendSignals(ctx context.Context) {
	cursor, err := sim.db.Cursor(ctx, models.NetworkERC20)
	if err != nil {
		return
	}
	due, err := sim.db.DueSignals(ctx, models.NetworkERC20, cursor.BlockNumber, 500)
	if err != nil {
		sim.t.Fatalf("read what is due: %v", err)
	}
	for _, d := range due {
		r := sim.runs[slices.IndexFunc(sim.runs, func(r *run) bool { return r.payment.ID == d.Payment.ID })]
		signal := models.TransfersSignal{Crowd: d.Crowd, WindowEnd: d.WindowEnd, WindowAsOf: d.WindowAsOf}
		for _, transfer := range d.Transfers {
			signal.Transfers = append(signal.Transfers, transfer.Notice(cursor.BlockNumber, d.LastBefore))
		}
		sim.tracef("payment %d is signalled %d transfers at block %d", r.number, len(signal.Transfers), cursor.BlockNumber)
		var err error
		if d.Crowd != nil {
			sim.tracef("payment %d is signalled the sums %+v", r.number, *d.Crowd)
		}
		sim.signal(r, func(p *rules.Payment) { p.ApplyTransfers(signal) })
		if d.Crowd != nil {
			err = sim.db.MarkCrowdSignalled(ctx, d.Payment.ID, *d.Crowd)
		} else {
			err = sim.db.MarkSignalled(ctx, d.Transfers, cursor.BlockNumber, d.Payment.Confirmations)
		}
		if err != nil {
			sim.tracef("payment %d: the signal was sent and not noted: %v", r.number, err)
		}
		if sim.db.isKilled() {
			return
		}
	}
}
