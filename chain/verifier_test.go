package chain

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/stretchr/testify/require"

	"paycow/models"
)

func toVerify(address common.Address, notice models.TransferNotice) Verification {
	return Verification{DepositAddress: address.Hex(), Notice: notice, Confirmations: 12, AtStake: notice.Amount}
}

// TestQuorumOfTheVerifier lets each of three nodes agree, disagree or be away, in every combination.
func TestQuorumOfTheVerifier(t *testing.T) {
	t.Parallel()
	const (
		agrees = iota
		otherLog
		otherBlock
		away
		kinds
	)
	for quorum := 1; quorum <= 3; quorum++ {
		for combination := range kinds * kinds * kinds {
			synctest.Test(t, func(t *testing.T) {
				transferTx := common.Hash{7}
				receipt := &types.Receipt{
					Status:            types.ReceiptStatusSuccessful,
					TxHash:            transferTx,
					CumulativeGasUsed: 1,
				}
				log := transferLog(pay(ourAddress1, 50))
				log.TxHash, log.BlockNumber = transferTx, 80
				block := Header{Number: 100, Time: time.Now(), Hash: common.Hash{9}}
				log.BlockHash = block.Hash
				receipt.Logs, receipt.BlockHash = []*types.Log{&log}, block.Hash
				block.ReceiptsRoot = receiptsRoot([]*types.Receipt{receipt})

				var nodes []*faultyNode
				agreeing := 0
				for i, rest := 0, combination; i < 3; i, rest = i+1, rest/kinds {
					node := newFaultyNode(fmt.Sprint("node", i), 100)
					node.head, node.receipt, node.receipts = block, receipt, []*types.Receipt{receipt}
					switch rest % kinds {
					case agrees:
						agreeing++
					case otherLog:
						other := *receipt
						other.Logs = nil
						node.receipt = &other
					case otherBlock:
						node.head.Hash = common.Hash{8}
					case away:
						node.err = errAway
					}
					nodes = append(nodes, node)
				}
				alarms := &alarmList{}
				pool := poolOf(quorum, alarms, nodes...)
				notice := models.TransferNotice{
					TransferKey: models.TransferKey{
						ChainID: testChainID,
						TxHash:  transferTx.Hex(),
					},
					Amount:    50,
					Canonical: true,
					Block:     models.BlockRef{Number: 80, Hash: block.Hash.Hex(), Time: block.Time},
				}
				err := NewVerifier(pool.config, pool).VerifyTransfer(t.Context(), toVerify(ourAddress1, notice))
				if agreeing >= quorum {
					require.NoError(t, err, "quorum %d, combination %d", quorum, combination)
				} else {
					require.Error(t, err, "quorum %d, combination %d", quorum, combination)
					if quorum > 1 {
						require.ErrorIs(t, err, models.ErrQuorumMissing)
					}
				}
			})
		}
	}
}

// nodeWithTransfer returns a node with one transfer of 50 micro-USDT to our address in block 80, and the notice of it.
func nodeWithTransfer() (*faultyNode, models.TransferNotice) {
	log := transferLog(pay(ourAddress1, 50))
	log.TxHash, log.BlockHash, log.BlockNumber = common.Hash{7}, common.Hash{9}, 80
	receipt := &types.Receipt{
		Status: types.ReceiptStatusSuccessful, TxHash: log.TxHash, BlockHash: log.BlockHash, CumulativeGasUsed: 1,
		Logs: []*types.Log{&log},
	}
	node := newFaultyNode("node", 100)
	node.head.Hash, node.receipt, node.receipts = log.BlockHash, receipt, []*types.Receipt{receipt}
	node.head.ReceiptsRoot = receiptsRoot(node.receipts)
	return node, models.TransferNotice{
		TransferKey: models.TransferKey{ChainID: testChainID, TxHash: log.TxHash.Hex()}, Amount: 50, Canonical: true,
		Block: models.BlockRef{Number: 80, Hash: log.BlockHash.Hex(), Time: node.head.Time},
	}
}

// A node that hangs at the moment of crediting, from the beginning or from the question for the receipts on, costs no more
// than the time after which another one is asked. The proof may come from a node that is behind.
func TestAHangingNodeDoesNotDelayACredit(t *testing.T) {
	t.Parallel()
	everything := func(n *faultyNode) { n.delay = time.Hour }
	receipts := func(n *faultyNode) { n.hideReceipts = true }
	for name, test := range map[string]struct {
		quorum         int
		hang           func(*faultyNode)
		othersAreStale bool
	}{
		"one decides, at everything":                    {1, everything, false},
		"two decide, at everything":                     {2, everything, false},
		"one decides, at the receipts":                  {1, receipts, false},
		"two decide, at the receipts":                   {2, receipts, false},
		"one decides, at the receipts, others are late": {1, receipts, true},
	} {
		for position := range 3 {
			synctest.Test(t, func(t *testing.T) {
				var nodes []*faultyNode
				var notice models.TransferNotice
				for i := range 3 {
					node, n := nodeWithTransfer()
					node.name, notice = fmt.Sprint("node", i), n
					nodes = append(nodes, node)
				}
				test.hang(nodes[position])
				pool := poolOf(test.quorum, nil, nodes...)
				if test.othersAreStale {
					pool.members[position].noteHead(Header{Number: 100, Time: time.Now()})
					for i, m := range pool.members {
						if i != position {
							m.noteHead(Header{Number: 90, Time: time.Now()})
							require.Equal(t, models.NodeStale, pool.stateOf(i))
						}
					}
				}
				began := time.Now()
				require.NoError(t, NewVerifier(pool.config, pool).VerifyTransfer(t.Context(), toVerify(ourAddress1, notice)))
				require.LessOrEqual(t, time.Since(began), gatherHedge, "%s, node %d hangs", name, position)
			})
		}
	}
}

func TestReceiptsThatDoNotMakeUpTheirRootAreNoProof(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		node, notice := nodeWithTransfer()
		node.head.ReceiptsRoot = common.Hash{1} // the log is made up, the header is the chain's
		pool := poolOf(1, nil, node)
		verifier := NewVerifier(pool.config, pool)
		require.ErrorIs(t, verifier.VerifyTransfer(t.Context(), toVerify(ourAddress1, notice)), models.ErrDoubtful)
		node.set(func(n *faultyNode) { n.head.ReceiptsRoot = receiptsRoot(n.receipts) })
		require.NoError(t, verifier.VerifyTransfer(t.Context(), toVerify(ourAddress1, notice)))
		// What was proved once stays proved, for the logs of that block and no others.
		notice.Ordinal = 1
		require.Error(t, verifier.VerifyTransfer(t.Context(), toVerify(ourAddress1, notice)))
	})
}

func TestVerifierWaitsForTheLastConfirmation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		node, notice := nodeWithTransfer() // in block 80 of 100, which makes 21 confirmations
		pool := poolOf(1, nil, node)
		wanted := toVerify(ourAddress1, notice)
		wanted.Confirmations = 21
		require.NoError(t, NewVerifier(pool.config, pool).VerifyTransfer(t.Context(), wanted))
		wanted.Confirmations = 22
		require.ErrorIs(t, NewVerifier(pool.config, pool).VerifyTransfer(t.Context(), wanted), models.ErrNotConfirmedYet)
	})
}

func TestLargeAmountsWaitForFinality(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		node, notice := nodeWithTransfer()
		pool := poolOf(1, nil, node)
		config := pool.config
		config.FinalizedAbove = 100
		verifier := NewVerifier(config, pool)
		wanted := toVerify(ourAddress1, notice)
		wanted.AtStake = 100
		require.NoError(t, verifier.VerifyTransfer(t.Context(), wanted), "not above")
		wanted.AtStake = 101
		require.ErrorIs(t, verifier.VerifyTransfer(t.Context(), wanted), models.ErrNotFinalYet, "no finality known")
		node.set(func(n *faultyNode) { n.finalized = 79 })
		require.ErrorIs(t, verifier.VerifyTransfer(t.Context(), wanted), models.ErrNotFinalYet)
		node.set(func(n *faultyNode) { n.finalized = 80 })
		require.NoError(t, verifier.VerifyTransfer(t.Context(), wanted))
	})
}
