package chain

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"paycow/models"
)

// Verification describes one transfer to verify.
type Verification struct {
	DepositAddress string // EIP-55 form
	Notice         models.TransferNotice
	Confirmations  uint64 // needed, in blocks
	// AtStake is the amount of the payment in micro-USDT. It decides whether finality is needed.
	AtStake models.Amount
}

// Verifier reads a transfer from the chain again before it is credited, from as many nodes as the quorum needs. It is
// safe for concurrent use.
type Verifier struct {
	config Config
	pool   *Pool

	mu     sync.Mutex
	proved map[provedBlock][]models.TokenTransfer
	// upgrades are the contracts to which the token was upgraded, as a quorum has said.
	upgrades map[common.Address]bool

	shared sharedVerifications
}

// provedBlock is a block whose receipts were checked against its root, with the contract that was looked for in it.
type provedBlock struct {
	hash  common.Hash
	token string // as models.TransferKey names it
}

// NewVerifier returns a verifier that asks the nodes of the pool.
func NewVerifier(config Config, pool *Pool) *Verifier {
	return &Verifier{
		config: config, pool: pool, proved: map[provedBlock][]models.TokenTransfer{}, upgrades: map[common.Address]bool{},
		shared: sharedVerifications{done: map[verificationKey]time.Time{}},
	}
}

// transferReading is what one node answers about a transfer. It confirms the transfer when err is nil.
type transferReading struct {
	node   *member
	header Header // of the transfer's block
	err    error
}

// VerifyTransfer returns nil when a quorum of nodes confirms that the transfer pays the deposit address exactly the
// stated amount, in the stated block, and that this block is canonical and has the required confirmations. Returns
// models.ErrNotConfirmedYet, ErrNotCanonical, ErrTransferDiffers, ErrNotFinalYet, ErrQuorumMissing, ErrDoubtful, or an
// error of a node.
//
// A verification goes on when its caller gives up, and what it confirmed is remembered: then only whether the block is
// still canonical is asked again. So slow nodes delay a credit and cannot keep it from ever being verified.
func (v *Verifier) VerifyTransfer(ctx context.Context, wanted Verification) error {
	key := v.keyOf(wanted)
	if _, known := v.shared.when(key); known && v.stillCanonical(ctx, wanted.Notice.Block) == nil {
		return nil
	}
	err := v.shared.do(ctx, key, func(ctx context.Context) error { return v.verify(ctx, wanted) })
	if err != nil {
		return fmt.Errorf("verify transfer %s: %w", wanted.Notice.TransferKey, err)
	}
	return nil
}

func (v *Verifier) verify(ctx context.Context, wanted Verification) error {
	ctx = urgently(ctx)
	quorum := v.config.quorum()
	nodes := v.pool.usable()
	if len(nodes) < quorum {
		return fmt.Errorf("%w: %d of %d needed nodes are usable", models.ErrQuorumMissing, len(nodes), quorum)
	}
	contracts, err := v.contractsOf(ctx, wanted.Notice)
	if err != nil {
		return err
	}
	var confirming, others []transferReading
	read := func(ctx context.Context, node *member) transferReading { return v.read(ctx, node, contracts, wanted) }
	gather(ctx, nodes, quorum, read, func(r transferReading) (missing int) {
		switch {
		case r.err == nil && (len(confirming) == 0 || r.header.ReceiptsRoot == confirming[0].header.ReceiptsRoot):
			confirming = append(confirming, r)
		case r.err == nil:
			r.err = fmt.Errorf("%w: it states another receipts root for block %d", models.ErrDoubtful,
				wanted.Notice.Block.Number)
			fallthrough
		default:
			others = append(others, r)
		}
		return quorum - len(confirming)
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if len(confirming) < quorum {
		return v.notConfirmed(len(confirming), others)
	}
	for _, r := range others {
		// A block hash allows only one set of logs, so this node contradicts the quorum.
		if quorum > 1 && errors.Is(r.err, models.ErrTransferDiffers) {
			key := wanted.Notice.TransferKey
			v.pool.reportLying(ctx, r.node, fmt.Sprintf("it disagrees with %d nodes about transfer %s: %v", quorum, key, r.err))
		}
	}
	return v.prove(ctx, confirming, contracts, wanted)
}

// contractsOf returns the contracts that the transfer may be of. Returns models.ErrTransferDiffers when its contract is
// not watched, or is said to be of another chain: the same transfer under a second name would be credited twice.
//
// What the database says about that does not count: the first contract itself must say that it was upgraded to the
// other one, at the transfer's block or, where the nodes no longer keep that state, at the newest block.
func (v *Verifier) contractsOf(ctx context.Context, n models.TransferNotice) (Contracts, error) {
	if n.ChainID != v.config.ChainID {
		return nil, fmt.Errorf("%w: it is said to be of chain %d", models.ErrTransferDiffers, n.ChainID)
	}
	if n.Token == "" {
		return Contracts{v.config.Token}, nil
	}
	upgrade := common.HexToAddress(n.Token)
	if upgrade.Hex() != n.Token || upgrade == v.config.Token {
		return nil, fmt.Errorf("%w: %q is not how a contract is named", models.ErrTransferDiffers, n.Token)
	}
	contracts := Contracts{v.config.Token, upgrade}
	v.mu.Lock()
	known := v.upgrades[upgrade]
	v.mu.Unlock()
	if known {
		return contracts, nil
	}
	err := v.pool.isUpgradeOf(ctx, v.config.Token, upgrade, common.HexToHash(n.Block.Hash))
	if errors.Is(err, models.ErrQuorumMissing) {
		if head, ok := v.pool.agreedHead(); ok {
			var header Header
			if header, err = v.pool.AgreedHeader(ctx, head-min(head, 1)); err == nil {
				err = v.pool.isUpgradeOf(ctx, v.config.Token, upgrade, header.Hash)
			}
		}
	}
	if err != nil {
		return nil, err
	}
	v.mu.Lock()
	v.upgrades[upgrade] = true
	v.mu.Unlock()
	return contracts, nil
}

// notConfirmed returns the error for too few confirming nodes. The error of a single node is returned as it is.
func (v *Verifier) notConfirmed(confirming int, others []transferReading) error {
	if v.config.quorum() == 1 && len(others) == 1 {
		return others[0].err
	}
	var reasons []string
	sentinel := models.ErrQuorumMissing
	definite := confirming == 0
	for _, r := range others {
		reasons = append(reasons, fmt.Sprintf("%s: %v", r.node.Name(), r.err))
		definite = definite &&
			(errors.Is(r.err, models.ErrNotConfirmedYet) || errors.Is(r.err, models.ErrNotCanonical) ||
				errors.Is(r.err, models.ErrTransferDiffers) || errors.Is(r.err, models.ErrNotFinalYet))
	}
	if definite && len(others) > 0 {
		sentinel = fmt.Errorf("%w: %w", models.ErrQuorumMissing, others[0].err)
	}
	return fmt.Errorf("%w: %d of %d needed nodes confirm it (%s)", sentinel, confirming, v.config.quorum(),
		strings.Join(reasons, "; "))
}

// read reads a transfer from one node.
func (v *Verifier) read(
	ctx context.Context, node *member, contracts Contracts, wanted Verification,
) transferReading {
	header, err := v.confirm(ctx, node, contracts, wanted)
	return transferReading{node: node, header: header, err: err}
}

// confirm returns the header of the transfer's block when the node confirms the transfer.
func (v *Verifier) confirm(
	ctx context.Context, node Endpoint, contracts Contracts, wanted Verification,
) (Header, error) {
	n := wanted.Notice
	head, err := node.HeadHeader(ctx)
	if err != nil {
		return Header{}, err
	}
	if have := models.Confirmations(head.Number, n.Block.Number); have < wanted.Confirmations {
		return Header{}, fmt.Errorf("%w: %d of %d", models.ErrNotConfirmedYet, have, wanted.Confirmations)
	}
	if v.needsFinality(wanted) {
		finalized, ok, err := node.FinalizedNumber(ctx)
		if err != nil {
			return Header{}, err
		}
		if !ok || finalized < n.Block.Number {
			return Header{}, fmt.Errorf("%w: it is in block %d, final is block %d", models.ErrNotFinalYet,
				n.Block.Number, finalized)
		}
	}
	receipt, ok, err := node.Receipt(ctx, common.HexToHash(n.TxHash))
	if err != nil {
		return Header{}, err
	}
	if !ok {
		return Header{}, fmt.Errorf("%w: there is no receipt", models.ErrNotCanonical)
	}
	if receipt.BlockHash.Hex() != n.Block.Hash {
		return Header{}, fmt.Errorf("%w: its receipt is of block %s", models.ErrNotCanonical, receipt.BlockHash.Hex())
	}
	if err := checkReceipt(receipt, contracts, wanted.DepositAddress, n); err != nil {
		return Header{}, err
	}
	// A block is canonical when its number leads to its hash: nodes serve receipts and logs of abandoned blocks too.
	// This comes last, so that nothing that was read before is of a branch that was abandoned meanwhile.
	canonical, err := node.HeaderByNumber(ctx, n.Block.Number)
	if err != nil {
		return Header{}, err
	}
	if canonical.Hash.Hex() != n.Block.Hash {
		return Header{}, fmt.Errorf("%w: block %d is %s", models.ErrNotCanonical, n.Block.Number, canonical.Hash.Hex())
	}
	if !canonical.Time.Equal(n.Block.Time) { // it decides whether the payment came in time
		return Header{}, fmt.Errorf("%w: block %d is of %s", models.ErrTransferDiffers, n.Block.Number,
			canonical.Time.UTC().Format(time.RFC3339))
	}
	return canonical, nil
}

// checkReceipt returns models.ErrTransferDiffers unless the transaction's logs contain the stated transfer.
func checkReceipt(receipt *types.Receipt, contracts Contracts, depositAddress string, n models.TransferNotice) error {
	if receipt.Status != types.ReceiptStatusSuccessful {
		return fmt.Errorf("%w: the transaction failed", models.ErrTransferDiffers)
	}
	logs := make([]types.Log, 0, len(receipt.Logs))
	for _, log := range receipt.Logs {
		if log.TxHash.Hex() == n.TxHash {
			logs = append(logs, *log)
		}
	}
	transfers, _ := DecodeTransfers(n.ChainID, contracts, n.Block, logs)
	for _, transfer := range transfers {
		if transfer.Ordinal != n.Ordinal || transfer.Token != n.Token {
			continue
		}
		if transfer.To != depositAddress || transfer.Amount != n.Amount || !isSender(n, transfer) {
			return fmt.Errorf("%w: it transfers %s USDT from %s to %s", models.ErrTransferDiffers, transfer.Amount,
				transfer.From, transfer.To)
		}
		return nil
	}
	return fmt.Errorf("%w: it has no such log", models.ErrTransferDiffers)
}

// provedBlocks is how many proved blocks are remembered at most.
const provedBlocks = 1024

// prove looks for the transfer in the receipts of its block, which must have the root that the confirming nodes
// state. Where no node offers the receipts, every usable node must confirm the transfer: nodes that invent it alike
// could otherwise be a quorum.
func (v *Verifier) prove(
	ctx context.Context, confirming []transferReading, contracts Contracts, wanted Verification,
) error {
	n := wanted.Notice
	block := provedBlock{common.HexToHash(n.Block.Hash), n.Token}
	v.mu.Lock()
	transfers, known := v.proved[block]
	v.mu.Unlock()
	if known {
		return holds(transfers, wanted)
	}
	nodes := make([]*member, len(confirming))
	for i, r := range confirming {
		nodes[i] = r.node
	}
	receipts, err := v.pool.proveReceipts(ctx, nodes, confirming[0].header)
	if errors.Is(err, errNoReceipts) {
		return v.confirmByAll(ctx, confirming, contracts, wanted)
	}
	if err != nil || receipts == nil {
		return err
	}
	transfers, _ = DecodeTransfers(n.ChainID, contracts, n.Block, watchedLogs(receipts, contracts))
	v.mu.Lock()
	if len(v.proved) >= provedBlocks {
		clear(v.proved)
	}
	v.proved[block] = transfers
	v.mu.Unlock()
	return holds(transfers, wanted)
}

// confirmByAll returns nil when the usable nodes that have not confirmed the transfer yet confirm it as well. Returns
// models.ErrQuorumMissing.
func (v *Verifier) confirmByAll(
	ctx context.Context, confirming []transferReading, contracts Contracts, wanted Verification,
) error {
	remaining := slices.DeleteFunc(v.pool.usable(), func(m *member) bool {
		return slices.ContainsFunc(confirming, func(r transferReading) bool { return r.node == m })
	})
	missing := len(remaining)
	var reason error
	read := func(ctx context.Context, node *member) transferReading { return v.read(ctx, node, contracts, wanted) }
	gather(ctx, remaining, missing, read, func(r transferReading) int {
		if r.err == nil && r.header.ReceiptsRoot == confirming[0].header.ReceiptsRoot {
			missing--
		} else {
			reason = cmp.Or(r.err, models.ErrDoubtful)
		}
		return missing
	})
	if missing > 0 {
		return fmt.Errorf("%w: no node offers the receipts of block %d, so every usable node must confirm the transfer, "+
			"and %d of %d do not: %w", models.ErrQuorumMissing, wanted.Notice.Block.Number, missing,
			len(confirming)+len(remaining), cmp.Or(reason, ctx.Err()))
	}
	return nil
}

// holds returns models.ErrTransferDiffers unless the proved transfers of a block contain the wanted one.
func holds(transfers []models.TokenTransfer, wanted Verification) error {
	for _, t := range transfers {
		if t.TransferKey == wanted.Notice.TransferKey && t.To == wanted.DepositAddress &&
			t.Amount == wanted.Notice.Amount && t.Block.Time.Equal(wanted.Notice.Block.Time) &&
			isSender(wanted.Notice, t) {
			return nil
		}
	}
	return fmt.Errorf("%w: the block's receipts do not contain it", models.ErrTransferDiffers)
}

// isSender reports whether a transfer has the sender that the notice states, if it states one. The booking compares the
// stated one with the row: what our own addresses send is never credited.
func isSender(n models.TransferNotice, t models.TokenTransfer) bool {
	return n.From == "" || n.From == t.From
}
