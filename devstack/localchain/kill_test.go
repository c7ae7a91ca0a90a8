package localchain

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"
)

// childDataDirVariable is the environment variable that makes this test binary the process to be killed.
const childDataDirVariable = "PAYCOW_TEST_LOCALCHAIN_DATA_DIR"

func TestMain(m *testing.M) {
	if dataDir := os.Getenv(childDataDirVariable); dataDir != "" {
		makeBlocksUntilKilled(dataDir)
	}
	os.Exit(m.Run())
}

// makeBlocksUntilKilled pays, mines and reorganizes. It prints each head after the call that created it has returned.
func makeBlocksUntilKilled(dataDir string) {
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	chain, err := Start(background(), Config{DataDir: dataDir})
	fail(err)
	for count := 1; ; count++ {
		_, err := Pay(background(), chain.HTTPURL(), chain.TokenAddress(), chain.FaucetKey(), recipient(50), 1)
		fail(err)
		fail(chain.Mine(1 + count%3))
		if count%10 == 0 {
			fail(chain.Reorg(5, count%20 == 0))
		}
		head := chain.blocks.head()
		fmt.Println(head.Number, head.Hash())
	}
}

// TestKillLosesNothingThatHasReturned kills a process. The database it leaves can be opened and contains every block for
// which Mine had returned.
func TestKillLosesNothingThatHasReturned(t *testing.T) {
	t.Parallel()
	dataDir := t.TempDir()
	rounds := 6
	if testing.Short() {
		rounds = 2
	}
	for round := range rounds {
		runsFor := 300*time.Millisecond + rand.N(900*time.Millisecond)
		number, hash := killAfter(t, dataDir, runsFor)

		b := setup(t, Config{DataDir: dataDir})
		head := b.head()
		t.Logf("round %d: killed after %s, last reported head %d, head after the restart %d",
			round, runsFor, number, head.Number)
		require.GreaterOrEqual(t, head.Number.Uint64(), number)
		if head.Number.Uint64() <= number+2 {
			// Further ahead, the child may have been reorganizing, so that another block has this number.
			require.Equal(t, hash, b.header(number).Hash())
		}
		before := b.balance(recipient(51))
		b.pay(recipient(51), 3)
		b.mine(1)
		require.Equal(t, before+3, b.balance(recipient(51)), "the chain continues")
		require.NoError(t, b.Close())
	}
}

// killAfter starts a child on the data directory, kills it, and returns the last head that it reported.
func killAfter(t *testing.T, dataDir string, runsFor time.Duration) (uint64, common.Hash) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childDataDirVariable+"="+dataDir)
	child.Stderr = os.Stderr
	output, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())

	var number uint64
	var hash common.Hash
	lines := bufio.NewScanner(output)
	var killTimer *time.Timer
	for lines.Scan() {
		var text string
		_, err := fmt.Sscan(lines.Text(), &number, &text)
		require.NoError(t, err, lines.Text())
		hash = common.HexToHash(text)
		if killTimer == nil {
			// The time starts with the first block, so that a child on a slow machine is not killed before it has any.
			killTimer = time.AfterFunc(runsFor, func() { _ = child.Process.Kill() })
		}
	}
	require.Error(t, child.Wait(), "only the kill ends the child")
	require.NotZero(t, number, "the child reported no block")
	return number, hash
}
