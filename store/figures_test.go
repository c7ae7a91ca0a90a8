package store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

func TestFigures(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		p, other := f.create(t), f.create(t)
		require.NoError(t, f.MarkStarted(t.Context(), []string{other.ID}, time.Now()))
		f.mine(t, "a", transferTo(p, 1, 5, block(101, "a")), transferTo(p, 2, 5, block(101, "a")))
		figures, err := f.NetworkFigures(t.Context(), models.NetworkERC20)
		require.NoError(t, err)
		require.Equal(t, Figures{Payments: 2, ByStatus: map[models.Status]int64{models.StatusPending: 2}, Unstarted: 1, Uncredited: 1}, figures)
	})
}
