package chain_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/chain"
	"paycow/chain/chaintest"
	"paycow/models"
)

// TestANodeWithAnotherGenesisIsOfAnotherChain: the chain id alone does not say that a node follows the same chain.
func TestANodeWithAnotherGenesisIsOfAnotherChain(t *testing.T) {
	t.Parallel()
	ours, restarted := chaintest.NewChain(), chaintest.NewChainBefore(time.Now(), 5)
	ours.Mine()
	config := configOf(1)
	config.Genesis = ours.Blocks()[0].Header.Hash
	alarms := &chaintest.Alarms{}
	pool := chain.NewPool([]chain.Endpoint{
		chaintest.NewNode(restarted, "restarted", 0), chaintest.NewNode(ours, "ours", 0),
	}, config, alarms, quiet())
	head, err := pool.HeadHeader(t.Context())
	require.NoError(t, err)
	require.Equal(t, ours.Blocks()[1].Header.Hash, head.Hash, "the preferred node follows a chain that began anew")
	require.Equal(t, models.NodeWrongChain, pool.Health()[0].State)
	require.Contains(t, pool.Health()[0].Reason, "its chain begins with block")
	require.True(t, alarms.IsOpen(models.AlarmNodeWrongChain))

	// Without a known genesis block each of them is believed.
	config.Genesis = [32]byte{}
	pool = chain.NewPool([]chain.Endpoint{chaintest.NewNode(restarted, "restarted", 0)}, config, alarms, quiet())
	_, err = pool.HeadHeader(t.Context())
	require.NoError(t, err)
}
