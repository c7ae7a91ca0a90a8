package models

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLedgerTransactionIDFollowsFromTheFact(t *testing.T) {
	t.Parallel()
	id := LedgerTransactionID("transfer:1:0xa:0", "p", 3)
	require.Equal(t, id, LedgerTransactionID("transfer:1:0xa:0", "p", 3))
	require.Regexp(t, "^[0-9a-f]{24}$", id)
	for _, other := range []string{
		LedgerTransactionID("reversal:1:0xa:0", "p", 3),
		LedgerTransactionID("transfer:1:0xa:0", "q", 3),
		LedgerTransactionID("transfer:1:0xa:0", "p", 4),
	} {
		require.NotEqual(t, id, other)
	}
}
