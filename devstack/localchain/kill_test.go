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

// childDataDirVariable makes this test binary the process that is going to be killed.
const childDataDirVariable = "PAYCOW_TEST_LOCALCHAIN_DATA_DIR"

func TestMain(m *testing.M) {
	if dataDir := os.Getenv(childDataDirVariable); dataDir != "" {
		makeBlocksUntilKilled(dataDir)
	}
	os.Exit(m.Run())
}

// makeBlocksUntilKilled pays, mines and reorganises, and reports each head after the call that made it has returned.
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

// A killed process leaves a database that opens, and no block is lost that Mine had answered for.
func TestNothingAnsweredIsLostByAKill(t *testing.T) {
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
		t.Logf("round %d: killed after %s, last head answered for %d, head after the restart %d", round, runsFor, number, head.Number)
		require.GreaterOrEqual(t, head.Number.Uint64(), number)
		if head.Number.Uint64() <= number+2 {
			// Beyond that the child may have been reorganising, and then another block has this number.
			require.Equal(t, hash, b.header(number).Hash())
		}
		before := b.balance(recipient(51))
		b.pay(recipient(51), 3)
		b.mine(1)
		require.Equal(t, before+3, b.balance(recipient(51)), "the chain goes on")
		require.NoError(t, b.Close())
	}
}

// killAfter starts a child on the data directory, kills it without warning, and returns the last head it reported.
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
			// The clock starts at the first block, so that a slow machine does not kill a process that has done nothing.
			killTimer = time.AfterFunc(runsFor, func() { _ = child.Process.Kill() })
		}
	}
	require.Error(t, child.Wait(), "the child ends by the kill only")
	require.NotZero(t, number, "the child reported no block")
	return number, hash
}
