package store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// Work counts while the quorum agrees on what is read and nothing stops crediting, and begins anew after a pause.
func TestWorkBeginsAnewAfterAPause(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		at := func(d time.Duration) time.Time { return f.now().Add(-d) }
		set := func(worked, since time.Duration) {
			t.Helper()
			require.NoError(t, f.writer.Exec("UPDATE chain_cursors SET worked_at = ?, working_since = ?", at(worked), at(since)).Error)
		}
		worksFor := func(d time.Duration) bool {
			t.Helper()
			require.NoError(t, f.NoteWork(t.Context(), models.NetworkERC20))
			cursor, err := f.Cursor(t.Context(), models.NetworkERC20)
			require.NoError(t, err)
			return cursor.HasWorkedFor(d, f.now())
		}
		require.True(t, worksFor(0), "it begins")
		require.False(t, worksFor(time.Minute))
		set(30*time.Second, time.Hour)
		require.True(t, worksFor(time.Hour))
		set(2*time.Minute, time.Hour)
		require.False(t, worksFor(time.Minute), "there was a pause")

		set(2*time.Minute, time.Hour)
		require.NoError(t, f.SetHead(t.Context(), models.NetworkERC20, f.tip.Number+models.WorkLagBlocks))
		require.False(t, worksFor(0), "the agreed block is far behind")
		require.NoError(t, f.SetHead(t.Context(), models.NetworkERC20, f.tip.Number))
		halt := models.Alarm{Network: models.NetworkERC20, Kind: models.AlarmReorgBelowFinality}
		require.NoError(t, f.Raise(t.Context(), halt))
		require.False(t, worksFor(0), "crediting is halted")
		require.NoError(t, f.Resolve(t.Context(), models.NetworkERC20, halt.Kind, "", models.ActorCLI, "checked"))
		require.True(t, worksFor(0))
	})
}
