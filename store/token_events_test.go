package store

import (
	"testing"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// event advances the cursor by a block that holds an event of the token.
func (f *fixture) event(t testing.TB, tx int, kind models.TokenEventKind, address, value string) models.TokenEvent {
	t.Helper()
	to := block(f.tip.Number+1, "main")
	event := models.TokenEvent{
		TransferKey: models.TransferKey{ChainID: 1, TxHash: txHash(tx)}, Kind: kind, Address: address, Value: value,
		BlockNumber: to.Number, BlockHash: to.Hash, BlockTime: to.Time,
	}
	b := batch(f.tip, to, to.Number, nil)
	b.Events = []models.TokenEvent{event}
	require.NoError(t, f.Advance(t.Context(), models.NetworkERC20, b))
	f.tip = to
	return event
}

// Events of the token about others concern nobody; about our addresses they raise an alarm once.
func TestEventsOfTheToken(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		p := f.create(t)
		f.event(t, 1, models.TokenBlacklisted, "0xSomebody", "")
		require.Empty(t, f.openAlarms(t))
		f.event(t, 2, models.TokenBlacklisted, p.DepositAddress, "")
		f.event(t, 3, models.TokenParams, "", "10/5000000")
		f.event(t, 4, models.TokenDeprecate, "0xNew", "")
		f.event(t, 5, models.TokenFundsDestroyed, p.DepositAddress, "7")
		open := f.openAlarms(t)
		for _, kind := range []models.AlarmKind{models.AlarmAddressBlacklisted, models.AlarmTokenFeeChanged, models.AlarmTokenDeprecated, models.AlarmFundsDestroyed} {
			require.Contains(t, open, kind)
		}
		require.Len(t, f.audited(t, "token_event"), 4)
		f.event(t, 6, models.TokenUnblacklisted, p.DepositAddress, "")
		require.NotContains(t, f.openAlarms(t), models.AlarmAddressBlacklisted)
	})
}
