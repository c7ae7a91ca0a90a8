//go:build !slim

package main

import (
	"encoding/hex"
	"fmt"
	"log/slog"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/stretchr/testify/require"

	"paycow/devstack/localchain"
	"paycow/models"
)

// threeNodes are three real nodes of one chain. Nodes that are connected have the same blocks; a node that is cut off goes
// on alone, on a branch of its own.
type threeNodes struct {
	t     testing.TB
	nodes [3]*localchain.Chain
}

// startThreeNodes starts two more nodes of the first one's chain.
func startThreeNodes(t testing.TB, first *localchain.Chain) *threeNodes {
	t.Helper()
	n := &threeNodes{t: t}
	n.nodes[0] = first
	for i := 1; i < len(n.nodes); i++ {
		node, err := localchain.Start(t.Context(), localchain.Config{Log: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, node.Close()) })
		n.nodes[i] = node
	}
	n.connect(0, 1, 2)
	return n
}

// mine makes blocks on the first of the nodes; the others adopt each of them.
func (n *threeNodes) mine(blocks int, nodes ...int) {
	n.t.Helper()
	for range blocks {
		require.NoError(n.t, n.nodes[nodes[0]].Mine(1))
		n.connect(nodes...)
		time.Sleep(50 * time.Millisecond)
	}
}

// connect makes the others adopt the chain of the first.
func (n *threeNodes) connect(nodes ...int) {
	n.t.Helper()
	for _, node := range nodes[1:] {
		require.NoError(n.t, n.nodes[node].Adopt(n.nodes[nodes[0]]))
	}
}

// pay sends tokens from the faucet to one node. They are in its next block.
func (n *threeNodes) pay(node int, to string, amount models.Amount) {
	n.t.Helper()
	chain := n.nodes[node]
	key := "0x" + hex.EncodeToString(crypto.FromECDSA(chain.FaucetKey()))
	_, err := transferToken(n.t, chain.HTTPURL(), chain.TokenAddress().Hex(), key, to, amount)
	require.NoError(n.t, err)
}

// TestThreeNodesOnBranchesOfTheirOwn runs the program on three real nodes, two of which must agree. The preferred one is
// cut off and goes on alone: on a branch that lacks payments that were credited, then on one that parts below the
// finalized block. What the two others have stays credited, nothing that only the third has is, and nothing stands still.
// What the two take back themselves is taken back.
func TestThreeNodesOnBranchesOfTheirOwn(t *testing.T) {
	in := setupInstallation(t, nil)
	chains := startThreeNodes(t, in.chain)
	var urls []string
	for _, node := range chains.nodes {
		urls = append(urls, node.HTTPURL())
	}
	in.env = append(in.env, "PAYCOW_ETH_RPC_URLS="+strings.Join(urls, ","), "PAYCOW_PAYMENT_WINDOW=24h")
	serving := in.serveKillable("serve")
	in.awaitReady()
	restart := func() *exec.Cmd {
		require.NoError(t, serving.Process.Kill())
		_ = serving.Wait()
		next := in.serveKillable("serve")
		in.awaitReady()
		return next
	}
	owed := models.Amount(0)
	paid := func(p created) {
		in.await(p.SessionID, "PAID")
		owed += 50 * models.USDT
		require.Equal(t, owed, in.available(), "credited against paid")
	}
	// never watches for a while that no payment leaves its state, and that nothing was ever taken back.
	never := func(d time.Duration, what string, payments ...created) {
		t.Helper()
		for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
			require.Equal(t, owed, in.available(), what)
			for _, p := range payments {
				require.Equal(t, "PAID", joined(in.status(p.SessionID)), what)
			}
		}
		for _, p := range payments {
			for _, change := range in.view(p.SessionID).Timeline {
				require.NotEqual(t, "REVERTED", change.Exception, "%s: payment %s", what, p.SessionID)
			}
		}
	}

	// All are connected.
	first := in.create("50.00")
	chains.pay(0, first.DepositAddress, 50*models.USDT)
	chains.mine(25, 0, 1, 2)
	paid(first)

	// The preferred node is alone on a branch that is 25 blocks deep, longer than the others' chain, and holds no payment.
	require.NoError(t, chains.nodes[0].Reorg(25, true))
	onBoth, onOne := in.create("50.00"), in.create("50.00")
	chains.pay(0, onOne.DepositAddress, 50*models.USDT)
	chains.mine(14, 0)
	never(5*time.Second, "the preferred node is on a branch of its own", first)
	chains.pay(1, onBoth.DepositAddress, 50*models.USDT)
	chains.mine(14, 1, 2)
	paid(onBoth)
	chains.mine(6, 0)
	never(5*time.Second, "the preferred node is on a branch of its own", first, onBoth)
	require.NotEqual(t, "PAID", in.status(onOne.SessionID).Status, "one node of three has it")

	// It comes back.
	chains.connect(1, 0)
	chains.mine(3, 1, 0, 2)
	never(3*time.Second, "the preferred node is back", first, onBoth)

	// It misses a fork and goes on alone until its branch parts below the finalized block, on either side.
	chains.mine(80, 0)
	chains.mine(76, 1, 2)
	in.awaitBlockOf(chains.nodes[1])
	// A killed program forgets what it knew about the nodes; the preferred one is asked first again.
	serving = restart()
	deep := in.create("50.00")
	chains.pay(1, deep.DepositAddress, 50*models.USDT)
	for range 14 {
		chains.mine(1, 0)
		chains.mine(1, 1, 2)
	}
	paid(deep)
	never(3*time.Second, "the preferred node is on a fork from below the finalized block", first, onBoth, deep)
	alarms, err := in.db.OpenAlarms(t.Context(), models.NetworkERC20)
	require.NoError(t, err)
	for _, alarm := range alarms {
		require.False(t, alarm.Kind.HaltsCrediting(), "%s: %s", alarm.Kind, alarm.Message)
	}

	// What the two take back, with the third still elsewhere, was never paid.
	gone := in.create("50.00")
	chains.pay(1, gone.DepositAddress, 50*models.USDT)
	chains.mine(3, 1, 2)
	in.await(gone.SessionID, "CONFIRMING")
	require.NoError(t, chains.nodes[1].Reorg(3, true))
	chains.connect(1, 2)
	chains.mine(2, 1, 2)
	in.await(gone.SessionID, "PENDING REVERTED")

	// All are connected again, and the payer pays once more.
	chains.connect(1, 0)
	chains.pay(0, gone.DepositAddress, 50*models.USDT)
	chains.mine(14, 0, 1, 2)
	paid(gone)
	never(2*time.Second, "all are connected again", first, onBoth, deep)
}

// awaitBlockOf waits until the newest block of a node is read.
func (in *installation) awaitBlockOf(node *localchain.Chain) {
	in.t.Helper()
	head := headOf(in.t, node)
	eventually(in.t, "the node's newest block is read", func() error {
		cursor, err := in.db.Cursor(in.t.Context(), models.NetworkERC20)
		if err == nil && cursor.BlockHash != head.Hex() {
			err = fmt.Errorf("read up to block %d, %s", cursor.BlockNumber, cursor.BlockHash)
		}
		return err
	})
}

func headOf(t testing.TB, node *localchain.Chain) common.Hash {
	t.Helper()
	client, err := ethclient.Dial(node.HTTPURL())
	require.NoError(t, err)
	defer client.Close()
	header, err := client.HeaderByNumber(t.Context(), nil)
	require.NoError(t, err)
	return header.Hash()
}
