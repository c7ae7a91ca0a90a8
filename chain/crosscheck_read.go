package chain

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"paycow/models"
)

// forkDepth is how many blocks a node must have above a block before being alone with it counts as a contradiction: nearer
// to the head honest nodes may differ for a moment.
const forkDepth = 3

// reading is one node's word for one block.
type reading struct {
	member Member
	header Header
	logs   []types.Log // watched, ordered by index
	err    error
}

// statement is what two nodes must say alike to agree. The logs come as one text.
type statement struct {
	hash, root common.Hash
	time       int64
	logs       string
}

func (r reading) statement() statement {
	return statement{hash: r.header.Hash, root: r.header.ReceiptsRoot, time: r.header.Time.Unix(), logs: contentOf(r.logs, true)}
}

// contentOf writes watched logs down to compare them. The receipts root proves all of it but the transactions' hashes and
// the positions.
func contentOf(logs []types.Log, placed bool) string {
	var text strings.Builder
	for _, log := range logs {
		if placed {
			fmt.Fprintf(&text, "%d %x ", log.Index, log.TxHash)
		}
		fmt.Fprintf(&text, "%x %x\n", log.Topics, log.Data)
	}
	return text.String()
}

// readBlock reads one block at one node.
func (c *CrossCheck) readBlock(ctx context.Context, m Member, number uint64) reading {
	r := reading{member: m}
	if r.header, r.err = m.HeaderByNumber(ctx, number); r.err != nil {
		return r
	}
	if r.header.Number != number {
		r.err = fmt.Errorf("%w: %s: asked for block %d it gives block %d", models.ErrDoubtful, m.Name(), number, r.header.Number)
		return r
	}
	logs, err := believableLogs(ctx, m, c.config.Token, r.header, c.logger)
	r.err = err
	for _, log := range logs {
		if isWatched(log, c.config.Token) {
			r.logs = append(r.logs, log)
		}
	}
	slices.SortStableFunc(r.logs, func(a, b types.Log) int { return cmp.Compare(a.Index, b.Index) })
	return r
}

// hear asks members at once.
func hear[T any](members []Member, ask func(Member) T) []T {
	said := make([]T, len(members))
	var group sync.WaitGroup
	for i, m := range members {
		group.Go(func() { said[i] = ask(m) })
	}
	group.Wait()
	return said
}

// judge reads a block from members until the quorum of them says the same, and reports those that say other of the same
// block. With more witnesses than the quorum they are heard too, and where a quorum of one is contradicted then, the
// receipts decide. Returns errNotAgreed when nothing decides.
func (c *CrossCheck) judge(ctx context.Context, number uint64, witnesses int) (reading, []reading, error) {
	members := c.panel.Members()
	quorum := max(c.panel.Quorum(), witnesses)
	var heard []reading
	for next := 0; next < len(members); {
		most, winner := largest(heard)
		if most >= quorum {
			return winner, heard, nil
		}
		until := min(next+quorum-most, len(members))
		heard = append(heard, hear(members[next:until], func(m Member) reading { return c.readBlock(ctx, m, number) })...)
		next = until
	}
	if ctx.Err() != nil {
		return reading{}, nil, ctx.Err()
	}
	if most, winner := largest(heard); most >= c.panel.Quorum() && (c.panel.Quorum() > 1 || !contradicted(winner, heard)) {
		return winner, heard, nil
	}
	if winner, ok := c.proved(ctx, heard); ok {
		return winner, heard, nil
	}
	return reading{}, heard, fmt.Errorf("%w: block %d: %s", errNotAgreed, number, testimonies(heard))
}

// contradicted tells whether somebody says other of the same block.
func contradicted(winner reading, heard []reading) bool {
	return slices.ContainsFunc(heard, func(r reading) bool {
		return r.err == nil && r.header.Hash == winner.header.Hash && r.statement() != winner.statement()
	})
}

// largest returns how many readings say the same as the first of the most common ones.
func largest(heard []reading) (most int, winner reading) {
	votes := map[statement]int{}
	for _, r := range heard {
		if r.err == nil {
			votes[r.statement()]++
		}
	}
	for _, r := range heard {
		if r.err == nil && votes[r.statement()] > most {
			most, winner = votes[r.statement()], r
		}
	}
	return most, winner
}

// proved settles a contradiction about one block: when enough nodes state one receipts root, the receipts that make up this
// root say who is right.
func (c *CrossCheck) proved(ctx context.Context, heard []reading) (reading, bool) {
	stated := map[statement][]reading{}
	for _, r := range heard {
		if r.err == nil {
			s := r.statement()
			s.logs = ""
			stated[s] = append(stated[s], r)
		}
	}
	for _, first := range heard {
		s := first.statement()
		s.logs = ""
		readings := stated[s]
		if first.err != nil || len(readings) < c.panel.Quorum() {
			continue
		}
		for _, r := range readings {
			receipts, err := r.member.ReceiptsByBlockHash(ctx, s.hash)
			if err != nil || receiptsRoot(receipts) != s.root {
				continue
			}
			if winner, ok := matching(readings, contentOf(watchedLogs(receipts, c.config.Token), false)); ok {
				return winner, true
			}
		}
	}
	return reading{}, false
}

// matching returns the reading with that content, if those that have it agree on everything else too.
func matching(readings []reading, content string) (reading, bool) {
	var right []reading
	for _, r := range readings {
		if contentOf(r.logs, false) == content {
			right = append(right, r)
		}
	}
	for _, r := range right {
		if r.statement() != right[0].statement() {
			return reading{}, false
		}
	}
	if len(right) == 0 {
		return reading{}, false
	}
	return right[0], true
}

func testimonies(heard []reading) string {
	var said []string
	for _, r := range heard {
		if r.err != nil {
			said = append(said, fmt.Sprintf("%s: %v", r.member.Name(), r.err))
			continue
		}
		said = append(said, fmt.Sprintf("%s: block %s with %d logs", r.member.Name(), r.header.Hash, len(r.logs)))
	}
	return fmt.Sprintf("%d nodes asked (%s)", len(heard), strings.Join(said, "; "))
}

// reportLiars reports who says other of the winner's block than the winner.
func (c *CrossCheck) reportLiars(winner reading, heard []reading) {
	if c.panel.Quorum() < 2 {
		return // one node's word against another's
	}
	for _, r := range heard {
		if r.err == nil && r.header.Hash == winner.header.Hash && r.statement() != winner.statement() {
			c.panel.Report(r.member.Name(), models.NodeLying, fmt.Sprintf("block %d (%s): it gives %d logs, the quorum gives %d, or they differ",
				winner.header.Number, winner.header.Hash, len(r.logs), len(winner.logs)))
		}
	}
}

// reportBranch reports who claims another block in the place of the quorum's, once that is no matter of a moment. The
// follower reads elsewhere then, and walks back if it must.
func (c *CrossCheck) reportBranch(ctx context.Context, winner reading, heard []reading) {
	if c.panel.Quorum() < 2 {
		return
	}
	for _, r := range heard {
		if r.header.Hash == (common.Hash{}) || r.header.Hash == winner.header.Hash {
			continue
		}
		head, err := r.member.HeadHeader(ctx)
		if err != nil || head.Number < winner.header.Number+forkDepth {
			continue
		}
		again, err := r.member.HeaderByNumber(ctx, winner.header.Number)
		if err != nil || again.Hash == winner.header.Hash {
			continue // it has changed its mind
		}
		c.panel.Report(r.member.Name(), models.NodeLying, fmt.Sprintf("block %d is %s for it and %s for the quorum", winner.header.Number, again.Hash, winner.header.Hash))
	}
}

// everyone also asks the members that a quorum did not need.
func (c *CrossCheck) everyone(ctx context.Context, number uint64, heard []reading) []reading {
	asked := map[string]bool{}
	for _, r := range heard {
		asked[r.member.Name()] = true
	}
	var rest []Member
	for _, m := range c.panel.Members() {
		if !asked[m.Name()] {
			rest = append(rest, m)
		}
	}
	return append(slices.Clone(heard), hear(rest, func(m Member) reading { return c.readBlock(ctx, m, number) })...)
}

// judged is a block that the quorum agrees on and what it holds for us.
type judged struct {
	block     models.BlockRef
	transfers []models.TokenTransfer
}

// settle lets the quorum judge one block and mends what the store says of it. ourHash is the block we have there, or "".
func (c *CrossCheck) settle(ctx context.Context, number uint64, ourHash string, witnesses int) (judged, RescanReport, error) {
	winner, heard, err := c.judge(ctx, number, witnesses)
	if err != nil {
		return judged{}, RescanReport{}, err
	}
	c.reportLiars(winner, heard)
	block := winner.header.Ref()
	if ourHash != "" && block.Hash != ourHash {
		c.reportBranch(ctx, winner, c.everyone(ctx, number, heard))
		return judged{}, RescanReport{}, fmt.Errorf("%w: block %d is %s here and %s for the quorum", errNotAgreed, number, ourHash, block.Hash)
	}
	c.reportBranch(ctx, winner, heard)
	verdict := judged{block: block}
	decoded := DecodeLogs(c.config.ChainID, c.config.Token, block, winner.logs)
	if verdict.transfers, err = c.onlyOurs(ctx, decoded.Transfers); err != nil {
		return judged{}, RescanReport{}, err
	}
	report, err := c.mend(ctx, verdict)
	return verdict, report, err
}

// onlyOurs keeps the transfers to and from our addresses.
func (c *CrossCheck) onlyOurs(ctx context.Context, transfers []models.TokenTransfer) ([]models.TokenTransfer, error) {
	parties := map[string]bool{}
	for _, t := range transfers {
		parties[t.From], parties[t.To] = true, true
	}
	ours := map[string]bool{}
	for batch := range slices.Chunk(sortedKeys(parties), addressBatch) {
		found, err := c.store.OurAddresses(ctx, c.config.Network, batch)
		if err != nil {
			return nil, fmt.Errorf("look for our addresses: %w", err)
		}
		for _, address := range found {
			ours[address] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(transfers), func(t models.TokenTransfer) bool { return !ours[t.From] && !ours[t.To] }), nil
}

// sameTransfer compares all there is to a transfer. The time counts too: it decides whether a payment was late.
func sameTransfer(a, b models.TokenTransfer) bool {
	return sameInRange(a, b) && a.Block.Time.Equal(b.Block.Time)
}

// sameInRange compares what a range of logs tells of a transfer.
func sameInRange(a, b models.TokenTransfer) bool {
	return a.TransferKey == b.TransferKey && a.From == b.From && a.To == b.To && a.Amount == b.Amount && a.LogIndex == b.LogIndex &&
		a.Block.Number == b.Block.Number && a.Block.Hash == b.Block.Hash
}

// without returns the transfers that are not among the others.
func without(transfers, others []models.TokenTransfer, same func(a, b models.TokenTransfer) bool) []models.TokenTransfer {
	var rest []models.TokenTransfer
	for _, t := range transfers {
		if !slices.ContainsFunc(others, func(other models.TokenTransfer) bool { return same(t, other) }) {
			rest = append(rest, t)
		}
	}
	return rest
}

// mend makes the store say of a block what the quorum says.
func (c *CrossCheck) mend(ctx context.Context, verdict judged) (RescanReport, error) {
	report := RescanReport{Blocks: 1, Found: len(verdict.transfers)}
	stored, err := c.store.StoredTransfers(ctx, c.config.Network, verdict.block.Number, verdict.block.Number)
	if err != nil {
		return report, fmt.Errorf("read the stored transfers of block %d: %w", verdict.block.Number, err)
	}
	missing := without(verdict.transfers, stored, sameTransfer)
	wrong := without(stored, verdict.transfers, sameTransfer)
	if len(missing) == 0 && len(wrong) == 0 {
		return report, nil
	}
	if err := c.stillOurs(ctx, verdict.block); err != nil {
		return report, err
	}
	// Alarms come first: what is mended and not told of would never be told of.
	if err := c.disprove(ctx, verdict, wrong); err != nil {
		return report, err
	}
	report.Disproved = len(without(wrong, verdict.transfers, func(a, b models.TokenTransfer) bool { return a.TransferKey == b.TransferKey }))
	for _, t := range missing {
		c.raise(ctx, models.AlarmTransferMissed, t.String(),
			fmt.Sprintf("Reading block %d again found a transfer of %s USDT from %s to %s that was not stored so.", t.Block.Number, t.Amount, t.From, t.To))
	}
	added, err := c.store.Heal(ctx, c.config.Network, missing)
	if err != nil {
		return report, fmt.Errorf("store what was missing of block %d: %w", verdict.block.Number, err)
	}
	report.Added = added
	return report, nil
}

// stillOurs returns models.ErrCursorMoved when the follower stands below the block or has another one in its place.
func (c *CrossCheck) stillOurs(ctx context.Context, block models.BlockRef) error {
	cursor, err := c.store.Cursor(ctx, c.config.Network)
	if err != nil {
		return fmt.Errorf("read the chain cursor: %w", err)
	}
	hash, err := c.knownHash(ctx, block.Number)
	if err != nil {
		return err
	}
	if cursor.BlockNumber < block.Number || (hash != "" && hash != block.Hash) {
		return models.ErrCursorMoved
	}
	return nil
}

// knownHash returns the hash of the block that the follower read, or "" when it is not kept.
func (c *CrossCheck) knownHash(ctx context.Context, number uint64) (string, error) {
	if number == 0 {
		return "", nil
	}
	known, err := c.store.KnownBlockAbove(ctx, c.config.Network, number-1, number)
	if errors.Is(err, models.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("look for block %d: %w", number, err)
	}
	return known.Hash, nil
}

// disprove takes stored transfers away that the quorum does not know in this form.
func (c *CrossCheck) disprove(ctx context.Context, verdict judged, wrong []models.TokenTransfer) error {
	if len(wrong) == 0 {
		return nil
	}
	keys := make([]models.TransferKey, len(wrong))
	for i, t := range wrong {
		keys[i] = t.TransferKey
	}
	credited, err := c.store.CreditedTransfers(ctx, keys)
	if err != nil {
		return fmt.Errorf("look for credits of block %d: %w", verdict.block.Number, err)
	}
	for _, t := range wrong {
		message := fmt.Sprintf("Reading block %d again did not find the stored transfer of %s USDT from %s to %s.", t.Block.Number, t.Amount, t.From, t.To)
		c.raise(ctx, models.AlarmTransferDisproved, t.String(), message)
		if slices.Contains(credited, t.TransferKey) {
			c.raise(ctx, models.AlarmCreditedWithoutNode, t.String(), message+" It was credited.")
		}
	}
	reason := fmt.Sprintf("block %d (%s) does not hold it so, say %d nodes", verdict.block.Number, verdict.block.Hash, c.panel.Quorum())
	if err := c.store.Disprove(ctx, c.config.Network, keys, reason); err != nil {
		return fmt.Errorf("take away what block %d does not hold: %w", verdict.block.Number, err)
	}
	return nil
}

// rangeReading is one node's word for a range of blocks.
type rangeReading struct {
	member Member
	top    common.Hash
	found  []models.TokenTransfer // to and from anybody, without the blocks' times
	err    error
}

// readRange reads a range at one node. The header of its end shows that the node is that far.
func (c *CrossCheck) readRange(ctx context.Context, m Member, from, to uint64) rangeReading {
	r := rangeReading{member: m}
	header, err := m.HeaderByNumber(ctx, to)
	if err != nil {
		r.err = err
		return r
	}
	r.top = header.Hash
	logs, err := m.TokenLogsInRange(ctx, c.config.Token, from, to)
	if err != nil {
		r.err = err
		return r
	}
	byBlock := map[uint64][]types.Log{}
	for _, log := range logs {
		if log.Removed || log.BlockNumber < from || log.BlockNumber > to {
			r.err = fmt.Errorf("%w: %s: logs of blocks %d to %d hold one of block %d", models.ErrDoubtful, m.Name(), from, to, log.BlockNumber)
			return r
		}
		byBlock[log.BlockNumber] = append(byBlock[log.BlockNumber], log)
	}
	for _, number := range sortedKeys(byBlock) {
		ofBlock := byBlock[number]
		for part := range slices.Values(splitByHash(ofBlock)) {
			transfers, _ := DecodeTransfers(c.config.ChainID, c.config.Token, models.BlockRef{Number: number, Hash: part[0].BlockHash.Hex()}, part)
			r.found = append(r.found, transfers...)
		}
	}
	return r
}

// splitByHash parts one block's logs by the hash that they name. An honest answer has one.
func splitByHash(logs []types.Log) [][]types.Log {
	ordered := slices.Clone(logs)
	slices.SortStableFunc(ordered, func(a, b types.Log) int { return bytes.Compare(a.BlockHash[:], b.BlockHash[:]) })
	var parts [][]types.Log
	for i, log := range ordered {
		if i == 0 || log.BlockHash != ordered[i-1].BlockHash {
			parts = append(parts, nil)
		}
		parts[len(parts)-1] = append(parts[len(parts)-1], log)
	}
	return parts
}

// checkRange compares the blocks from one number to another, both included, in ranges. A block in which any node's answer
// differs from the store is judged by itself, so a range answered badly costs calls and never decides anything.
func (c *CrossCheck) checkRange(ctx context.Context, from, to uint64, witnesses int, progress func(done uint64)) (RescanReport, error) {
	var report RescanReport
	for start := from; start <= to && to > 0; {
		until := min(to, start+c.window-1)
		said, err := c.hearRange(ctx, start, until, witnesses)
		if err != nil {
			if blocks := until - start + 1; blocks > 1 && ctx.Err() == nil && mayBeTooLong(err) {
				c.window = max(blocks/2, 1)
				continue
			}
			return report, err
		}
		part, err := c.compareRange(ctx, start, until, said)
		if err != nil {
			return report, err
		}
		report.Blocks += until - start + 1
		report.Found += part.Found
		report.Added += part.Added
		report.Disproved += part.Disproved
		c.window = min(c.window+c.window/4+1, c.config.RangeMax)
		start = until + 1
		if progress != nil {
			progress(start - from)
		}
	}
	return report, nil
}

// hearRange reads a range at as many nodes of one branch as are wanted, or at least at the quorum of them.
func (c *CrossCheck) hearRange(ctx context.Context, from, to uint64, witnesses int) ([]rangeReading, error) {
	byTop := map[common.Hash][]rangeReading{}
	var best []rangeReading
	var failure error
	for next, members := 0, c.panel.Members(); next < len(members) && len(best) < witnesses; {
		until := min(next+witnesses-len(best), len(members))
		for _, r := range hear(members[next:until], func(m Member) rangeReading { return c.readRange(ctx, m, from, to) }) {
			if r.err != nil {
				failure = cmp.Or(failure, r.err)
				continue
			}
			byTop[r.top] = append(byTop[r.top], r)
			if len(byTop[r.top]) > len(best) {
				best = byTop[r.top]
			}
		}
		next = until
	}
	if len(best) >= c.panel.Quorum() {
		return best, nil
	}
	if failure != nil {
		return nil, fmt.Errorf("%w: %d of %d needed nodes answer for blocks %d to %d: %w", errNotAgreed, len(best), c.panel.Quorum(), from, to, failure)
	}
	return nil, fmt.Errorf("%w: %d of %d needed nodes answer alike for blocks %d to %d", errNotAgreed, len(best), c.panel.Quorum(), from, to)
}

// compareRange finds the blocks in which a node's answer differs from the store, and settles them.
func (c *CrossCheck) compareRange(ctx context.Context, from, to uint64, said []rangeReading) (RescanReport, error) {
	var report RescanReport
	stored, err := c.store.StoredTransfers(ctx, c.config.Network, from, to)
	if err != nil {
		return report, fmt.Errorf("read the stored transfers of blocks %d to %d: %w", from, to, err)
	}
	doubted := map[uint64]bool{}
	for _, r := range said {
		found, err := c.onlyOurs(ctx, r.found)
		if err != nil {
			return report, err
		}
		for _, t := range without(found, stored, sameInRange) {
			doubted[t.Block.Number] = true
		}
		for _, t := range without(stored, found, sameInRange) {
			doubted[t.Block.Number] = true
		}
	}
	report.Found = len(stored)
	for _, number := range sortedKeys(doubted) {
		hash, err := c.knownHash(ctx, number)
		if err != nil {
			return report, err
		}
		_, part, err := c.settle(ctx, number, hash, len(said))
		if err != nil {
			return report, err
		}
		report.Found += part.Added - part.Disproved
		report.Added += part.Added
		report.Disproved += part.Disproved
	}
	return report, nil
}
