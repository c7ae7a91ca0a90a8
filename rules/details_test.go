package rules

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
	"paycow/rules/rulestest"
)

// TestDetails shows what an admin reads in the Temporal UI.
func TestDetails(t *testing.T) {
	t.Parallel()
	p := NewPayment(rulestest.Input())
	require.Contains(t, p.Details(Wait{}), "**PENDING**: received **0.00** of **50.00 USDT**")
	require.Contains(t, p.Details(Wait{}), "Waiting for a transfer until 2026-03-12T22:30:00Z.")
	n := models.TransferNotice{
		TransferKey: models.TransferKey{ChainID: 1, TxHash: "0x" + strings.Repeat("a", 64)}, Amount: 20 * models.USDT, Canonical: true,
		Revision: 1, Confirmations: 1, Block: models.BlockRef{Number: 100, Time: rulestest.Created.Add(time.Minute)},
	}
	p.ApplyTransfers(models.TransfersSignal{Transfers: []models.TransferNotice{n}})
	details := p.Details(Wait{})
	require.Contains(t, details, "**DETECTED**: received **20.00** of **50.00 USDT**")
	require.Contains(t, details, n.TxHash)
	require.Contains(t, details, "Waiting for 12 confirmations, reached at block 111.")
	require.Contains(t, p.Details(Expire{}), "expires only then")
	require.Contains(t, p.Details(End{}), "Ended.")
}

// TestDetailsOfAnExpiryThatWaits walks every reason, and the text that older histories hold instead of one.
func TestDetailsOfAnExpiryThatWaits(t *testing.T) {
	t.Parallel()
	p := NewPayment(rulestest.Input())
	seen := map[string]bool{}
	for _, wait := range models.ExpiryWaits() {
		details := p.Details(AwaitScan{Answer: models.ExpireResult{Wait: wait, WaitBlock: 4711}})
		require.Contains(t, details, "expires only then")
		require.Greater(t, len(details), len(p.Details(Expire{})), "%s has no sentence", wait)
		require.False(t, seen[details], "%s has the sentence of another reason", wait)
		seen[details] = true
	}
	old := models.ExpireResult{Waits: "The chain is not read past the window's end yet: it is up to block 7."}
	require.Contains(t, p.Details(AwaitScan{Answer: old}), old.Waits)
	require.Contains(t, p.Details(AwaitScan{}), "expires only then")
}
