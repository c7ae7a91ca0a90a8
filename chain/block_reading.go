package chain

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"paycow/models"
)

// blockReading is what one node answers about one block.
type blockReading struct {
	node   *member
	header Header
	logs   []types.Log // watched, ordered by index
	err    error
}

// blockContent is what the answers of two nodes must have in common to agree.
type blockContent struct {
	hash, receiptsRoot common.Hash
	time               int64
	logs               string // all logs as one text
}

func (r blockReading) content() blockContent {
	return blockContent{
		hash:         r.header.Hash,
		receiptsRoot: r.header.ReceiptsRoot,
		time:         r.header.Time.Unix(),
		logs:         logsText(r.logs, true),
	}
}

// disagreesWith reports whether the node answers with the same block and different content.
func (r blockReading) disagreesWith(other blockReading) bool {
	return r.err == nil && r.header.Hash == other.header.Hash && r.content() != other.content()
}

// logsText writes watched logs as one text, to compare them. The receipts root proves all of it except the hashes of
// the transactions, which are included only if placed is true: then the logs are in the order of their transactions'
// hashes, and of each transaction, because nodes number them differently.
func logsText(logs []types.Log, placed bool) string {
	var text strings.Builder
	if placed {
		logs = slices.Clone(logs)
		slices.SortStableFunc(logs, func(a, b types.Log) int {
			return cmp.Or(a.TxHash.Cmp(b.TxHash), cmp.Compare(a.Index, b.Index))
		})
	}
	for _, log := range logs {
		if placed {
			fmt.Fprintf(&text, "%x ", log.TxHash)
		}
		fmt.Fprintf(&text, "%x %x %x\n", log.Address, log.Topics, log.Data)
	}
	return text.String()
}

// readBlock reads one block from one node. It may still run when the step that asked for it has ended, so it reads
// nothing that the next step changes.
func (c *CrossCheck) readBlock(ctx context.Context, node *member, contracts Contracts, number uint64) blockReading {
	r := blockReading{node: node}
	if r.header, r.err = node.HeaderByNumber(ctx, number); r.err != nil {
		return r
	}
	if r.header.Number != number {
		r.err = fmt.Errorf("%w: %s: asked for block %d, it returned block %d", models.ErrDoubtful, node.Name(), number,
			r.header.Number)
		return r
	}
	logs, err := believableLogs(ctx, node, contracts, r.header, c.log)
	r.err = err
	for _, log := range logs {
		if isWatched(log, contracts) {
			r.logs = append(r.logs, log)
		}
	}
	slices.SortStableFunc(r.logs, byPosition)
	return r
}

// readBlockFrom reads one block from all the nodes at once.
func (c *CrossCheck) readBlockFrom(ctx context.Context, nodes []*member, number uint64) []blockReading {
	return askEach(nodes, func(node *member) blockReading { return c.readBlock(ctx, node, c.contracts, number) })
}

// decide reads a block from several nodes until a quorum of them agrees on its content, and from at least the given
// number of readers. It returns the reading that counts and all readings. When one node is enough and another one
// contradicts it, or when no content has a quorum, the receipts decide. Returns errNotAgreed when nothing decides.
func (c *CrossCheck) decide(ctx context.Context, number uint64, readers int) (blockReading, []blockReading, error) {
	nodes := c.pool.usable()
	quorum := c.config.quorum()
	wanted := max(quorum, readers)
	var readings []blockReading
	contracts := c.contracts
	read := func(ctx context.Context, node *member) blockReading { return c.readBlock(ctx, node, contracts, number) }
	gather(ctx, nodes, wanted, read, func(r blockReading) (missing int) {
		readings = append(readings, r)
		votes, _ := mostCommon(readings)
		return wanted - votes
	})
	if ctx.Err() != nil {
		return blockReading{}, nil, ctx.Err()
	}
	votes, winner := mostCommon(readings)
	if votes >= wanted {
		return winner, readings, nil
	}
	if votes >= quorum &&
		(quorum > 1 || !slices.ContainsFunc(readings, func(r blockReading) bool { return r.disagreesWith(winner) })) {
		return winner, readings, nil
	}
	if winner, ok := c.provedReading(ctx, readings); ok {
		return winner, readings, nil
	}
	return blockReading{}, readings, fmt.Errorf("%w: block %d: %s", errNotAgreed, number, describe(readings))
}

// mostCommon returns the first reading with the most common content, and how many readings have that content.
func mostCommon(readings []blockReading) (votes int, winner blockReading) {
	count := map[blockContent]int{}
	for _, r := range readings {
		if r.err == nil {
			count[r.content()]++
		}
	}
	for _, r := range readings {
		if r.err == nil && count[r.content()] > votes {
			votes, winner = count[r.content()], r
		}
	}
	return votes, winner
}

// provedReading resolves a contradiction about one block: when a quorum of nodes states one receipts root, the receipts
// with that root show whose logs are right.
func (c *CrossCheck) provedReading(ctx context.Context, readings []blockReading) (blockReading, bool) {
	headerOf := func(r blockReading) blockContent {
		content := r.content()
		content.logs = ""
		return content
	}
	byHeader := map[blockContent][]blockReading{}
	for _, r := range readings {
		if r.err == nil {
			byHeader[headerOf(r)] = append(byHeader[headerOf(r)], r)
		}
	}
	for _, first := range readings {
		header := headerOf(first)
		alike := byHeader[header]
		if first.err != nil || len(alike) < c.config.quorum() {
			continue
		}
		nodes := make([]*member, len(alike))
		for i, r := range alike {
			nodes[i] = r.node
		}
		receipts, err := c.pool.proveReceipts(ctx, nodes, first.header)
		if err != nil || receipts == nil {
			continue
		}
		if winner, ok := withLogs(alike, logsText(watchedLogs(receipts, c.contracts), false)); ok {
			return winner, true
		}
	}
	return blockReading{}, false
}

// withLogs returns the reading with these logs. ok is false when there is none, or several that differ in anything
// else.
func withLogs(readings []blockReading, logs string) (found blockReading, ok bool) {
	for _, r := range readings {
		if logsText(r.logs, false) != logs {
			continue
		}
		if ok && r.content() != found.content() {
			return blockReading{}, false
		}
		if !ok {
			found, ok = r, true
		}
	}
	return found, ok
}

// describe lists the readings for an error.
func describe(readings []blockReading) string {
	var texts []string
	for _, r := range readings {
		if r.err != nil {
			texts = append(texts, fmt.Sprintf("%s: %v", r.node.Name(), r.err))
			continue
		}
		texts = append(texts, fmt.Sprintf("%s: block %s with %d logs", r.node.Name(), r.header.Hash, len(r.logs)))
	}
	return fmt.Sprintf("%d nodes asked (%s)", len(readings), strings.Join(texts, "; "))
}
