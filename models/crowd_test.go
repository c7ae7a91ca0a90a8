package models

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What a reorg takes from a crowd after everything else is booked is told once, however little it is: nothing else would
// ever correct the row.
func TestTheLastWordOfACrowdIsTold(t *testing.T) {
	t.Parallel()
	told := Crowd{Head: 100, Transfers: 21, Removed: 1, Unconfirmed: 11, Received: 50*USDT + 20, Credited: 50 * USDT}
	now := told
	now.Head, now.Removed, now.Unconfirmed, now.Received = 101, 12, 0, 50*USDT+4
	news := CrowdNews{Requested: 50 * USDT, Enough: 50 * USDT, Confirmations: 12, Told: &told, Now: now, Recorded: told.Received}
	require.True(t, news.IsNews())
	again := now
	news.Told = &again
	require.False(t, news.IsNews(), "told already")
	news.Told, news.Recorded = &told, now.Received
	require.False(t, news.IsNews(), "the row is right")
	news.Recorded, news.Now.Unconfirmed = told.Received, 1
	require.False(t, news.IsNews(), "the rest will be told")
}
