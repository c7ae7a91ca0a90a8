package chain

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/rpc"

	"paycow/models"
)

// VerifierConfig is what a verifier has to know.
type VerifierConfig struct {
	Token common.Address
	// FinalizedAbove is the amount in micro-USDT above which a transfer's block must be final; 0 = never.
	FinalizedAbove models.Amount
}

// Verification is one transfer to be verified.
type Verification struct {
	DepositAddress string // EIP-55 form
	Notice         models.TransferNotice
	Confirmations  uint64 // needed, in blocks
	// AtStake is what the payment is about in micro-USDT.
	AtStake models.Amount
}

// Verifier reads a transfer from the chain again before it is credited, at as many nodes as the quorum asks for.
type Verifier struct {
	panel  Panel
	config VerifierConfig

	mu     sync.Mutex
	proved map[common.Hash][]models.TokenTransfer // of blocks whose receipts make up their root
}

// NewVerifier returns a verifier that asks the nodes of the panel.
func NewVerifier(panel Panel, config VerifierConfig) *Verifier {
	return &Verifier{panel: panel, config: config, proved: map[common.Hash][]models.TokenTransfer{}}
}

// testimony is what one node says of a transfer.
type testimony struct {
	member Member
	header Header // of the transfer's block, when err is nil
	err    error
}

// VerifyTransfer checks that the noticed transfer of the token pays the deposit address exactly the noticed amount, in the
// noticed block, which is canonical and has the required confirmations, and that as many nodes as the quorum say so.
// Returns ErrNotConfirmedYet, ErrNotCanonical, ErrTransferDiffers, ErrNotFinalYet, ErrQuorumMissing, or an error of the node.
func (v *Verifier) VerifyTransfer(ctx context.Context, wanted Verification) error {
	if err := v.verify(ctx, wanted); err != nil {
		return fmt.Errorf("verify transfer %s: %w", wanted.Notice.TransferKey, err)
	}
	return nil
}

func (v *Verifier) verify(ctx context.Context, wanted Verification) error {
	quorum := v.panel.Quorum()
	members := v.panel.Members()
	if len(members) < quorum {
		return fmt.Errorf("%w: %d of %d needed nodes can be asked", models.ErrQuorumMissing, len(members), quorum)
	}
	var agreeing, others []testimony
	for next := 0; next < len(members) && len(agreeing) < quorum; {
		// As many as are still needed at a time: the next are asked only when some of these do not agree.
		until := min(next+quorum-len(agreeing), len(members))
		for _, said := range v.hear(ctx, members[next:until], wanted) {
			if said.err == nil && (len(agreeing) == 0 || said.header.ReceiptsRoot == agreeing[0].header.ReceiptsRoot) {
				agreeing = append(agreeing, said)
				continue
			}
			if said.err == nil {
				said.err = fmt.Errorf("%w: it states another receipts root for block %d", models.ErrDoubtful, wanted.Notice.Block.Number)
			}
			others = append(others, said)
		}
		next = until
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if len(agreeing) < quorum {
		return v.notAgreed(agreeing, others)
	}
	for _, said := range others {
		// The same block hash cannot hold two different sets of logs: a node that says so was contradicted.
		if quorum > 1 && errors.Is(said.err, models.ErrTransferDiffers) {
			v.panel.Report(said.member.Name(), models.NodeLying, fmt.Sprintf("of transfer %s it says other than %d nodes: %v", wanted.Notice.TransferKey, quorum, said.err))
		}
	}
	return v.proveReceipts(ctx, agreeing, wanted)
}

// hear asks the members at once.
func (v *Verifier) hear(ctx context.Context, members []Member, wanted Verification) []testimony {
	said := make([]testimony, len(members))
	var group sync.WaitGroup
	for i, m := range members {
		group.Go(func() {
			header, err := v.ask(ctx, m, wanted)
			said[i] = testimony{member: m, header: header, err: err}
		})
	}
	group.Wait()
	return said
}

// notAgreed words why there is no agreement. A single node's word is passed on as it is.
func (v *Verifier) notAgreed(agreeing, others []testimony) error {
	if v.panel.Quorum() == 1 && len(others) == 1 {
		return others[0].err
	}
	var reasons []string
	sentinel := models.ErrQuorumMissing
	definite := len(agreeing) == 0
	for _, said := range others {
		reasons = append(reasons, fmt.Sprintf("%s: %v", said.member.Name(), said.err))
		definite = definite && (errors.Is(said.err, models.ErrNotConfirmedYet) || errors.Is(said.err, models.ErrNotCanonical) || errors.Is(said.err, models.ErrTransferDiffers) || errors.Is(said.err, models.ErrNotFinalYet))
	}
	if definite && len(others) > 0 {
		sentinel = fmt.Errorf("%w: %w", models.ErrQuorumMissing, others[0].err)
	}
	return fmt.Errorf("%w: %d of %d needed nodes confirm it (%s)", sentinel, len(agreeing), v.panel.Quorum(), strings.Join(reasons, "; "))
}

// ask lets one node testify. It returns the header of the transfer's block as the node has it.
func (v *Verifier) ask(ctx context.Context, node Endpoint, wanted Verification) (Header, error) {
	n := wanted.Notice
	head, err := node.HeadHeader(ctx)
	if err != nil {
		return Header{}, err
	}
	if have := models.Confirmations(head.Number, n.Block.Number); have < wanted.Confirmations {
		return Header{}, fmt.Errorf("%w: %d of %d", models.ErrNotConfirmedYet, have, wanted.Confirmations)
	}
	if v.config.FinalizedAbove > 0 && max(wanted.AtStake, n.Amount) > v.config.FinalizedAbove {
		finalized, ok, err := node.FinalizedNumber(ctx)
		if err != nil {
			return Header{}, err
		}
		if !ok || finalized < n.Block.Number {
			return Header{}, fmt.Errorf("%w: it is in block %d and block %d is final", models.ErrNotFinalYet, n.Block.Number, finalized)
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
	if err := receiptMakes(receipt, v.config.Token, wanted.DepositAddress, n); err != nil {
		return Header{}, err
	}
	// Canonical means that the number leads to the hash: a node can serve receipts and logs of dead blocks too. This comes
	// last, so that nothing read before it is of a branch that died meanwhile.
	canonical, err := node.HeaderByNumber(ctx, n.Block.Number)
	if err != nil {
		return Header{}, err
	}
	if canonical.Hash.Hex() != n.Block.Hash {
		return Header{}, fmt.Errorf("%w: block %d is %s", models.ErrNotCanonical, n.Block.Number, canonical.Hash.Hex())
	}
	return canonical, nil
}

// receiptMakes checks that the transaction's logs hold the noticed transfer.
func receiptMakes(receipt *types.Receipt, token common.Address, depositAddress string, n models.TransferNotice) error {
	if receipt.Status != types.ReceiptStatusSuccessful {
		return fmt.Errorf("%w: the transaction failed", models.ErrTransferDiffers)
	}
	logs := make([]types.Log, 0, len(receipt.Logs))
	for _, log := range receipt.Logs {
		if log.TxHash.Hex() == n.TxHash {
			logs = append(logs, *log)
		}
	}
	transfers, _ := DecodeTransfers(n.ChainID, token, n.Block, logs)
	for _, transfer := range transfers {
		if transfer.Ordinal != n.Ordinal {
			continue
		}
		if transfer.To != depositAddress || transfer.Amount != n.Amount {
			return fmt.Errorf("%w: it pays %s %s", models.ErrTransferDiffers, transfer.To, transfer.Amount)
		}
		return nil
	}
	return fmt.Errorf("%w: it has no such log", models.ErrTransferDiffers)
}

// provedBlocks bounds how many blocks are remembered as proved.
const provedBlocks = 1024

// proveReceipts recomputes the receipts root of the transfer's block from its receipts, at the first of the agreeing nodes
// that offers them, and looks for the transfer in them. A node whose receipts do not make up the root it states is
// contradicted by itself.
func (v *Verifier) proveReceipts(ctx context.Context, agreeing []testimony, wanted Verification) error {
	n := wanted.Notice
	hash := common.HexToHash(n.Block.Hash)
	v.mu.Lock()
	transfers, known := v.proved[hash]
	v.mu.Unlock()
	if known {
		return holds(transfers, wanted)
	}
	for _, said := range agreeing {
		receipts, err := said.member.ReceiptsByBlockHash(ctx, hash)
		if _, refused := errors.AsType[rpc.Error](err); refused {
			continue // it does not offer them
		}
		if err != nil {
			return err
		}
		if root := receiptsRoot(receipts); root != said.header.ReceiptsRoot {
			err := fmt.Errorf("%w: the receipts of block %d make up the root %s, its header states %s", models.ErrDoubtful, n.Block.Number, root, said.header.ReceiptsRoot)
			if v.panel.Quorum() > 1 {
				v.panel.Report(said.member.Name(), models.NodeLying, err.Error())
			}
			return fmt.Errorf("%s: %w", said.member.Name(), err)
		}
		v.mu.Lock()
		if len(v.proved) >= provedBlocks {
			clear(v.proved)
		}
		transfers, _ = DecodeTransfers(n.ChainID, v.config.Token, n.Block, watchedLogs(receipts, v.config.Token))
		v.proved[hash] = transfers
		v.mu.Unlock()
		return holds(transfers, wanted)
	}
	return nil
}

// watchedLogs returns the token's watched logs in the receipts.
func watchedLogs(receipts []*types.Receipt, token common.Address) []types.Log {
	var logs []types.Log
	for _, receipt := range receipts {
		for _, log := range receipt.Logs {
			if isWatched(*log, token) {
				logs = append(logs, *log)
			}
		}
	}
	return logs
}

// holds returns ErrTransferDiffers unless the proved transfers of a block hold the wanted one.
func holds(transfers []models.TokenTransfer, wanted Verification) error {
	for _, t := range transfers {
		if t.TransferKey == wanted.Notice.TransferKey && t.To == wanted.DepositAddress && t.Amount == wanted.Notice.Amount {
			return nil
		}
	}
	return fmt.Errorf("%w: the block's receipts do not hold it", models.ErrTransferDiffers)
}
