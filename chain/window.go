package chain

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"paycow/models"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/rpc"
)

const (
	// windowLogs is how many logs in an answer are enough: it bounds the memory, and the next range is shorter.
	windowLogs = 5000
	// emptyWindow is how much of a range without logs is taken at a time: each of its headers is looked at.
	emptyWindow = 100
	// addressBatch is how many addresses the store is asked about at a time; databases limit a statement's parameters.
	addressBatch = 500
	// finalityMaxAge is how long the finalized block's number is taken as it was heard.
	finalityMaxAge = 10 * time.Second
)

// windowEnd returns the last block of the next range; ok is false when the next block is not finalized.
func (f *Follower) windowEnd(ctx context.Context, head Header) (to uint64, ok bool, err error) {
	next := f.cursor.BlockNumber + 1
	if (!f.finalized.known || f.finalized.number < next) && time.Since(f.finalized.askedAt) > finalityMaxAge {
		number, known, err := f.source.FinalizedNumber(ctx)
		if err != nil {
			return 0, false, fmt.Errorf("the finalized block: %w", err)
		}
		f.finalized = finality{known: known, number: number, askedAt: time.Now()}
		if known {
			if err := f.keepFinality(ctx, number); err != nil {
				return 0, false, err
			}
		}
	}
	if !f.finalized.known || f.finalized.number < next {
		return 0, false, nil
	}
	return min(next+f.window-1, f.finalized.number, head.Number), true, nil
}

// stepWindow reads a range of finalized blocks in one go.
func (f *Follower) stepWindow(ctx context.Context, head Header, to uint64) (Progress, error) {
	cursor := f.cursor.Block()
	first, err := f.source.HeaderByNumber(ctx, cursor.Number+1)
	if err != nil {
		return Progress{}, err
	}
	if !first.follows(cursor) {
		return f.walkBack(ctx, head)
	}
	logs, to, err := f.windowLogs(ctx, first.Number, to)
	if err != nil {
		return Progress{}, err
	}
	last := first
	if to != first.Number {
		if last, err = f.source.HeaderByNumber(ctx, to); err != nil {
			return Progress{}, err
		}
	}
	if len(logs) == 0 {
		err = f.checkEmptyRange(ctx, first, last)
	} else {
		err = f.checkEdges(ctx, first, last, logs)
	}
	if err != nil {
		return Progress{}, err
	}
	read, err := f.windowContent(ctx, first, last, logs)
	if err != nil {
		return Progress{}, err
	}
	return f.advance(ctx, last.Ref(), head.Number, read)
}

// windowLogs asks for the logs of a range, and for ever shorter ones while the node refuses. It returns the end of the
// range it got.
func (f *Follower) windowLogs(ctx context.Context, from, to uint64) ([]types.Log, uint64, error) {
	for {
		logs, err := f.source.RangeLogs(ctx, from, to)
		if err == nil {
			if len(logs) == 0 {
				to = min(to, from+emptyWindow-1)
			}
			f.adaptWindow(len(logs))
			return logs, to, nil
		}
		blocks := to - from + 1
		// Whatever the reason was, a shorter range can only help; at once only if the range may have been the reason.
		f.window = max(blocks/2, 1)
		if ctx.Err() != nil || blocks == 1 || !mayBeTooLong(err) {
			return nil, 0, fmt.Errorf("transfers of blocks %d to %d: %w", from, to, err)
		}
		f.logger.Info("the node refuses the range; asking for a shorter one", "block", from, "blocks", f.window, "error", err)
		to = from + f.window - 1
	}
}

// adaptWindow chooses the next range's length after an answer with so many logs.
func (f *Follower) adaptWindow(logs int) {
	switch {
	case logs > windowLogs:
		f.window = max(f.window/2, 1)
	case logs < windowLogs/2:
		f.window = min(f.window+f.window/4+1, f.config.WindowMax)
	}
}

// mayBeTooLong tells whether an error may mean that the range or its answer is too large. Nodes word that in many ways, so
// every refusal counts but those that plainly mean something else.
func mayBeTooLong(err error) bool {
	if status, ok := errors.AsType[rpc.HTTPError](err); ok {
		switch status.StatusCode {
		case http.StatusBadRequest, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity, http.StatusGatewayTimeout:
			return true
		}
		return false
	}
	var refusal rpc.Error
	return errors.As(err, &refusal) || errors.Is(err, context.DeadlineExceeded)
}

// checkEdges doubts an answer that holds nothing of the range's first or last block although its bloom filter does.
func (f *Follower) checkEdges(ctx context.Context, first, last Header, logs []types.Log) error {
	for _, edge := range []Header{first, last} {
		if slices.ContainsFunc(logs, func(log types.Log) bool { return log.BlockNumber == edge.Number }) {
			continue
		}
		if err := f.checkEmptyBlock(ctx, edge); err != nil {
			return err
		}
	}
	return nil
}

// checkEmptyRange doubts an answer without any log: that is also what a node says that is not ready. USDT's ranges are
// never empty, so asking for all the headers costs only those who wait for a token that is seldom used.
func (f *Follower) checkEmptyRange(ctx context.Context, first, last Header) error {
	header := first
	for {
		if err := f.checkEmptyBlock(ctx, header); err != nil {
			return err
		}
		if header.Number >= last.Number {
			return nil
		}
		next, err := f.windowHeader(ctx, header.Number+1, first, last)
		if err != nil {
			return err
		}
		if !next.follows(header.Ref()) {
			return fmt.Errorf("%w: block %d is not the child of the one before", models.ErrDoubtful, next.Number)
		}
		header = next
	}
}

// checkEmptyBlock doubts that a block holds no transfers when its bloom filter and its receipts say that it does.
func (f *Follower) checkEmptyBlock(ctx context.Context, header Header) error {
	if !header.mayHoldLogs(f.config.Token) {
		return nil
	}
	receipts, err := f.source.ReceiptsByBlockHash(ctx, header.Hash)
	if err != nil {
		return fmt.Errorf("%w: nothing in block %d although its bloom filter speaks of something, and its receipts cannot be had: %w", models.ErrDoubtful, header.Number, err)
	}
	missing, err := logsOfReceipts(receipts, f.config.Token, header)
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		return fmt.Errorf("%w: the range left out the transfers of block %d", models.ErrDoubtful, header.Number)
	}
	return nil
}

// windowContent decodes what a range holds for us. A block's time and hash come from its header, and only the blocks that
// hold something for us are worth asking for theirs.
func (f *Follower) windowContent(ctx context.Context, first, last Header, logs []types.Log) (Decoded, error) {
	var found Decoded
	byBlock := make(map[uint64][]types.Log)
	for _, log := range logs {
		if log.BlockNumber < first.Number || log.BlockNumber > last.Number || log.Removed {
			return found, fmt.Errorf("%w: logs of blocks %d to %d hold one of block %d", models.ErrDoubtful, first.Number, last.Number, log.BlockNumber)
		}
		byBlock[log.BlockNumber] = append(byBlock[log.BlockNumber], log)
	}
	ours, err := f.ourAddresses(ctx, logs)
	if err != nil {
		return found, err
	}
	for _, number := range sortedKeys(byBlock) {
		blockLogs := byBlock[number]
		if !slices.ContainsFunc(blockLogs, func(log types.Log) bool { return concerns(log, ours) }) {
			continue
		}
		header, err := f.windowHeader(ctx, number, first, last)
		if err != nil {
			return found, err
		}
		for _, log := range blockLogs {
			if log.BlockHash != header.Hash {
				return found, fmt.Errorf("%w: logs of block %d are of another block", models.ErrDoubtful, number)
			}
		}
		decoded := DecodeLogs(f.config.ChainID, f.config.Token, header.Ref(), blockLogs)
		f.reportRejected(decoded.Rejected)
		for _, transfer := range decoded.Transfers {
			if ours[transfer.To] || ours[transfer.From] {
				found.Transfers = append(found.Transfers, transfer)
			}
		}
		found.Events = append(found.Events, decoded.Events...)
		found.Oversized = append(found.Oversized, decoded.Oversized...)
	}
	return found, nil
}

// windowHeader returns a block's header, which for the edges of the range is at hand.
func (f *Follower) windowHeader(ctx context.Context, number uint64, first, last Header) (Header, error) {
	switch number {
	case first.Number:
		return first, nil
	case last.Number:
		return last, nil
	default:
		return f.source.HeaderByNumber(ctx, number)
	}
}

// concerns tells whether a log moves money of ours, or says something of the token itself.
func concerns(log types.Log, ours map[string]bool) bool {
	if len(log.Topics) > 0 && log.Topics[0] != transferTopic {
		return true
	}
	parties := transferParties(log)
	return ours[parties[0]] || ours[parties[1]]
}

// ourAddresses returns which of the addresses that the logs move money between are ours.
func (f *Follower) ourAddresses(ctx context.Context, logs []types.Log) (map[string]bool, error) {
	paid := make(map[string]bool)
	for _, log := range logs {
		for _, address := range transferParties(log) {
			if address != "" {
				paid[address] = true
			}
		}
	}
	ours := make(map[string]bool)
	for batch := range slices.Chunk(sortedKeys(paid), addressBatch) {
		found, err := f.store.OurAddresses(ctx, f.config.Network, batch)
		if err != nil {
			return nil, fmt.Errorf("look for our addresses: %w", err)
		}
		for _, address := range found {
			ours[address] = true
		}
	}
	return ours, nil
}

// transferParties returns who pays and who is paid by a Transfer log in EIP-55 form, or "" when it is malformed.
func transferParties(log types.Log) [2]string {
	if len(log.Topics) != 3 || len(log.Data) != common.HashLength {
		return [2]string{}
	}
	from, _ := topicAddress(log.Topics[1])
	to, _ := topicAddress(log.Topics[2])
	return [2]string{from, to}
}

// sortedKeys returns a map's keys in order.
func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	return slices.Sorted(maps.Keys(m))
}
