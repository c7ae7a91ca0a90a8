package localchain

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAdopt lets two nodes part ways for longer than finality lasts and agree again.
func TestAdopt(t *testing.T) {
	first, second := setup(t, Config{}).Chain, setup(t, Config{}).Chain
	head := func(c *Chain) string { return c.blocks.head().Hash().Hex() }
	require.NotEqual(t, head(first), head(second), "each has deployed the token in a block of its own")

	require.NoError(t, second.Adopt(first))
	require.Equal(t, head(first), head(second))
	require.NoError(t, second.Adopt(first), "once more")

	require.NoError(t, first.Mine(finalizedDepth+6))
	require.NoError(t, second.Mine(finalizedDepth+3))
	require.NotEqual(t, head(first), head(second))
	require.NoError(t, second.Adopt(first))
	require.Equal(t, head(first), head(second))

	require.NoError(t, second.Mine(1), "it goes on from there")
	require.NoError(t, first.Adopt(second))
	require.Equal(t, head(first), head(second))
}
