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

// Alarms follow the chain: a reorg that removes events closes the alarms that they raised and opens those that they ended.
func TestReorgMatchesTheAlarmsOfTokenEvents(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		banned, freed, closed := f.create(t), f.create(t), f.create(t)
		f.event(t, 1, models.TokenBlacklisted, freed.DepositAddress, "")
		f.event(t, 2, models.TokenParams, "", "10/5000000")
		f.event(t, 3, models.TokenFundsDestroyed, closed.DepositAddress, "3")
		stays := f.openAlarms(t)
		require.NoError(t, f.ResolveAlarm(ctx, stays[models.AlarmFundsDestroyed].ID, "cli", "", "known"))
		common := f.tip

		f.event(t, 4, models.TokenUnblacklisted, freed.DepositAddress, "")
		f.event(t, 5, models.TokenBlacklisted, banned.DepositAddress, "")
		f.event(t, 6, models.TokenParams, "", "20/5000000")
		f.event(t, 7, models.TokenDeprecate, "0xNew", "")
		f.event(t, 8, models.TokenFundsDestroyed, banned.DepositAddress, "7")
		f.event(t, 9, models.TokenPause, "", "")
		require.Len(t, f.openAlarms(t), 5)

		require.NoError(t, f.RewindAgreed(ctx, models.NetworkERC20, f.tip, common, f.tip))
		f.tip = common
		open := f.openAlarms(t)
		require.Len(t, open, 2, "what the removed events raised is closed; what a person closed stays closed: %v", open)
		require.Equal(t, freed.DepositAddress, open[models.AlarmAddressBlacklisted].Subject, "nothing ends it any more")
		fee := open[models.AlarmTokenFeeChanged]
		require.Equal(t, stays[models.AlarmTokenFeeChanged].Message, fee.Message, "it speaks of the change that is left")

		f.event(t, 7, models.TokenDeprecate, "0xNew", "")
		require.Contains(t, f.openAlarms(t), models.AlarmTokenDeprecated, "it was mined again")
	})
}

// An event that the first reading left out raises no alarm when a later event has ended its cause.
func TestHealedEventThatHasEnded(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		p := f.create(t)
		missed := f.event(t, 1, models.TokenParams, "", "10/5000000")
		missed.TxHash, missed.Kind, missed.Address = txHash(2), models.TokenBlacklisted, p.DepositAddress
		f.event(t, 3, models.TokenUnblacklisted, p.DepositAddress, "")
		require.NoError(t, f.HealEvents(t.Context(), models.NetworkERC20, []models.TokenEvent{missed}))
		require.NotContains(t, f.openAlarms(t), models.AlarmAddressBlacklisted)
	})
}
