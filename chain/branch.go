package chain

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"paycow/models"
)

// outsidersInterval is how often the nodes that are left out are asked for their branch.
const outsidersInterval = 3 * time.Second

// branchChecks is when the nodes' branches were compared with the quorum's.
type branchChecks struct {
	// enabled is true when somebody calls checkOutsiders. Without that, a quarantine ends with its time.
	enabled atomic.Bool

	mu   sync.Mutex
	last time.Time
}

// due reports whether it is time to ask again, and notes that it is done.
func (b *branchChecks) due() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if time.Since(b.last) < outsidersInterval {
		return false
	}
	b.last = time.Now()
	return true
}

// branchReading is what one node has in place of the agreed block, and of the finalized one if it was asked for that.
type branchReading struct {
	node      *member
	header    Header
	finalized common.Hash
	err       error
}

// CheckBranch returns the header that a quorum of nodes has in place of the agreed block, and leaves out the nodes that
// have another one there until they have that one. A node whose quarantine is over is asked too: it comes back once it
// has the quorum's block there and the finalized block below. Returns models.ErrQuorumMissing when no header, or more
// than one, has a quorum. With a quorum of one it is the header of the node that is preferred, and no node is left out.
func (p *Pool) CheckBranch(ctx context.Context, marks models.ChainCursor) (Header, error) {
	if p.config.quorum() == 1 {
		return p.HeaderByNumber(ctx, marks.AgreedNumber)
	}
	var asked []*member
	for _, m := range p.members {
		if m.isHeard() {
			asked = append(asked, m)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, slowAfter)
	defer cancel()
	readings := askEach(asked, func(m *member) branchReading { return m.readBranch(ctx, marks) })
	winner, err := p.quorumOf(readings, marks)
	if err != nil {
		return Header{}, err
	}
	for _, r := range readings {
		switch {
		case r.err != nil:
		case r.header.Hash != winner.Hash:
			p.leaveOut(ctx, r, winner)
		case winner.Hash.Hex() != marks.AgreedHash || marks.FinalizedHash == "" || r.finalized.Hex() == marks.FinalizedHash:
			r.node.takeBack()
		}
	}
	return winner, nil
}

// quorumOf returns the header that a quorum of the nodes has.
func (p *Pool) quorumOf(readings []branchReading, marks models.ChainCursor) (Header, error) {
	votes := map[common.Hash]int{}
	var winners []Header
	for _, r := range readings {
		if r.err != nil {
			continue
		}
		if votes[r.header.Hash]++; votes[r.header.Hash] == p.config.quorum() {
			winners = append(winners, r.header)
		}
	}
	if len(winners) != 1 {
		return Header{}, fmt.Errorf("%w: %d blocks %d that %d of %d nodes have", models.ErrQuorumMissing, len(winners),
			marks.AgreedNumber, p.config.quorum(), len(readings))
	}
	return winners[0], nil
}

// leaveOut leaves out a node that has another block than the quorum: for as long as that lasts and, when it has had the
// time to change its mind, for the time of the quarantine at least.
func (p *Pool) leaveOut(ctx context.Context, r branchReading, winner Header) {
	reason := fmt.Sprintf("block %d is %s for it and %s for the quorum", winner.Number, r.header.Hash, winner.Hash)
	if head, known := r.node.lastHead(); known && head.Number >= winner.Number+forkDepth {
		p.reportLying(ctx, r.node, reason)
		return
	}
	r.node.noteForked(reason)
}

// checkOutsiders compares the branches of all nodes when one of them is left out and may come back.
func (p *Pool) checkOutsiders(ctx context.Context, marks models.ChainCursor) {
	if p.config.quorum() == 1 || !slices.ContainsFunc(p.members, (*member).isOutside) || !p.branches.due() {
		return
	}
	if _, err := p.CheckBranch(ctx, marks); err != nil && ctx.Err() == nil {
		p.log.WarnContext(ctx, "cannot compare the branches of the nodes", "error", err)
	}
}

// isHeard reports whether the node's branch counts: it is usable, or would be if it were on the quorum's branch.
func (m *member) isHeard() bool {
	state, _ := m.state()
	return state.IsUsable() || m.isOutside()
}

// isOutside reports whether the node is left out for its branch and may come back now.
func (m *member) isOutside() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.wrongChain == "" && !time.Now().Before(m.lyingUntil) && (m.returning || m.forked != "")
}

// readBranch returns what the node has in place of the agreed block and, if it is left out, of the finalized one. The
// head is read to know how long it has had that.
func (m *member) readBranch(ctx context.Context, marks models.ChainCursor) branchReading {
	r := branchReading{node: m, finalized: common.HexToHash(marks.FinalizedHash)}
	if _, r.err = m.HeadHeader(ctx); r.err != nil {
		return r
	}
	if m.isOutside() && marks.FinalizedHash != "" {
		var header Header
		if header, r.err = m.HeaderByNumber(ctx, marks.FinalizedNumber); r.err != nil {
			return r
		}
		r.finalized = header.Hash
	}
	r.header, r.err = m.HeaderByNumber(ctx, marks.AgreedNumber)
	return r
}

func (m *member) lastHead() (Header, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.head, !m.headAt.IsZero()
}

func (m *member) noteForked(reason string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.returning { // otherwise it is left out already, for more
		m.forked = reason
	}
}

func (m *member) takeBack() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.returning, m.forked = false, ""
}
