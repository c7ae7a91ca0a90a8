package realnode

import (
	"context"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/stretchr/testify/require"

	"paycow/chain"
	"paycow/chain/chaintest"
	"paycow/models"
)

// noticeOf returns the first real transfer to the address that has the ordinal.
func noticeOf(t *testing.T, geth *gethChain, ours common.Address, ordinal int) models.TransferNotice {
	t.Helper()
	for _, transfer := range geth.truth(map[string]bool{ours.Hex(): true}, 0) {
		if transfer.Ordinal == ordinal {
			return models.TransferNotice{
				TransferKey: transfer.TransferKey,
				From:        transfer.From,
				Amount:      transfer.Amount,
				Block:       transfer.Block,
				Canonical:   true,
				Revision:    1,
			}
		}
	}
	require.Fail(t, "no such transfer")
	return models.TransferNotice{}
}

// verifierOf returns a verifier with these nodes and a quorum of one.
func verifierOf(token common.Address, nodes ...chain.Endpoint) *chain.Verifier {
	config := chain.Config{ChainID: chaintest.ChainID, Token: token}
	return chain.NewVerifier(config, chain.NewPool(nodes, config, nil, quiet()))
}

func toVerify(address common.Address, notice models.TransferNotice) chain.Verification {
	return chain.Verification{DepositAddress: address.Hex(), Notice: notice, Confirmations: 12, AtStake: notice.Amount}
}

func TestVerifyTransfer(t *testing.T) {
	t.Parallel()
	geth := newGethChain(t)
	geth.mineEmpty(2)
	geth.mine(
		geth.transaction(pay(chaintest.Stranger, 9)),
		geth.transaction(pay(chaintest.Stranger, 1), pay(chaintest.Payee1, 50), pay(chaintest.Payee1, 0),
			pay(chaintest.Payee1, 60)),
	)
	geth.mineEmpty(10)
	verifier := verifierOf(chaintest.Token, dial(t, geth.httpURL()))
	notice := noticeOf(t, geth, chaintest.Payee1, 1)
	verify := func(n models.TransferNotice) error {
		return verifier.VerifyTransfer(t.Context(), toVerify(chaintest.Payee1, n))
	}

	require.ErrorIs(t, verify(notice), models.ErrNotConfirmedYet, "11 confirmations")
	geth.mineEmpty(1)
	require.NoError(t, verify(notice), "12 confirmations")
	require.NoError(t, verify(noticeOf(t, geth, chaintest.Payee1, 3)))

	change := func(f func(*models.TransferNotice)) models.TransferNotice {
		changed := notice
		f(&changed)
		return changed
	}
	for name, test := range map[string]struct {
		notice models.TransferNotice
		want   error
	}{
		"more than it pays":         {change(func(n *models.TransferNotice) { n.Amount++ }), models.ErrTransferDiffers},
		"less than it pays":         {change(func(n *models.TransferNotice) { n.Amount-- }), models.ErrTransferDiffers},
		"another's log":             {change(func(n *models.TransferNotice) { n.Ordinal = 0 }), models.ErrTransferDiffers},
		"the log without value":     {change(func(n *models.TransferNotice) { n.Ordinal = 2 }), models.ErrTransferDiffers},
		"no such log":               {change(func(n *models.TransferNotice) { n.Ordinal = 4 }), models.ErrTransferDiffers},
		"no such transaction":       {change(func(n *models.TransferNotice) { n.TxHash = common.Hash{5}.Hex() }), models.ErrNotCanonical},
		"another block":             {change(func(n *models.TransferNotice) { n.Block.Hash = geth.ref(2).Hash }), models.ErrNotCanonical},
		"another number":            {change(func(n *models.TransferNotice) { n.Block.Number-- }), models.ErrNotCanonical},
		"block above the head":      {change(func(n *models.TransferNotice) { n.Block.Number += 100 }), models.ErrNotConfirmedYet},
		"no block at all":           {change(func(n *models.TransferNotice) { n.Block = models.BlockRef{} }), models.ErrNotConfirmedYet},
		"an unknown block's number": {change(func(n *models.TransferNotice) { n.Block = models.BlockRef{Number: 1} }), models.ErrNotCanonical},
	} {
		t.Run(name, func(t *testing.T) { require.ErrorIs(t, verify(test.notice), test.want) })
	}
	require.ErrorIs(t, verifier.VerifyTransfer(t.Context(), toVerify(chaintest.Payee2, notice)),
		models.ErrTransferDiffers, "another address")
	otherToken := verifierOf(chaintest.Stranger, dial(t, geth.httpURL()))
	require.ErrorIs(t, otherToken.VerifyTransfer(t.Context(), toVerify(chaintest.Payee1, notice)),
		models.ErrTransferDiffers, "another token")
}

func TestVerifyTransferAfterAReorg(t *testing.T) {
	t.Parallel()
	geth := newGethChain(t)
	geth.mineEmpty(2)
	tx := geth.transaction(pay(chaintest.Payee1, 50))
	geth.mine(tx)
	geth.mineEmpty(14)
	verifier := verifierOf(chaintest.Token, dial(t, geth.wsURL()))
	verify := func(n models.TransferNotice) error {
		return verifier.VerifyTransfer(t.Context(), toVerify(chaintest.Payee1, n))
	}
	before := noticeOf(t, geth, chaintest.Payee1, 0)
	require.NoError(t, verify(before))

	geth.reorg(15, func(int) []*types.Transaction { return nil })
	require.ErrorIs(t, verify(before), models.ErrNotCanonical, "gone")

	geth.mine(tx)
	geth.mineEmpty(11)
	require.ErrorIs(t, verify(before), models.ErrNotCanonical, "mined again elsewhere")
	require.NoError(t, verify(noticeOf(t, geth, chaintest.Payee1, 0)))
}

// deadReceipts returns the receipt of a block that is no longer canonical, as some nodes do.
type deadReceipts struct {
	chain.Endpoint
	receipt *types.Receipt
}

func (r deadReceipts) Receipt(context.Context, common.Hash) (*types.Receipt, bool, error) {
	return r.receipt, true, nil
}

func TestVerifyTransferInADeadBlockOrAFailedTransaction(t *testing.T) {
	t.Parallel()
	geth := newGethChain(t)
	geth.mine()
	tx := geth.transaction(pay(chaintest.Payee1, 50))
	geth.mine(tx)
	geth.mineEmpty(11)
	node := dial(t, geth.httpURL())
	notice := noticeOf(t, geth, chaintest.Payee1, 0)
	receipt, ok, err := node.Receipt(t.Context(), tx.Hash())
	require.NoError(t, err)
	require.True(t, ok)

	failed := *receipt
	failed.Status = types.ReceiptStatusFailed
	verify := func(node chain.Endpoint) error {
		return verifierOf(chaintest.Token, node).VerifyTransfer(t.Context(), toVerify(chaintest.Payee1, notice))
	}
	require.ErrorIs(t, verify(deadReceipts{node, &failed}), models.ErrTransferDiffers)

	geth.reorg(12, func(int) []*types.Transaction { return nil })
	require.ErrorIs(t, verify(deadReceipts{node, receipt}), models.ErrNotCanonical)

	node.Close()
	require.NoError(t, geth.stack.Close())
	err = verify(node)
	require.Error(t, err)
	for _, sentinel := range []error{models.ErrNotCanonical, models.ErrNotConfirmedYet, models.ErrTransferDiffers} {
		require.NotErrorIs(t, err, sentinel, "a node that is away says nothing about the transfer")
	}
}
