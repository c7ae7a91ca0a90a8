package store

import (
	"testing"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

func TestLogos(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		other := f.addOperator(t)
		version, err := f.LogoVersion(ctx, f.operator.ID)
		require.NoError(t, err)
		require.Empty(t, version)
		for _, logo := range []models.Logo{
			{OperatorID: f.operator.ID, Version: "old", Content: []byte("old")},
			{OperatorID: f.operator.ID, Version: "new", Content: []byte("new")},
			{OperatorID: other.ID, Version: "new", Content: []byte("new")},
		} {
			require.NoError(t, f.SetLogo(ctx, logo, did("logo_changed")))
			version, err = f.LogoVersion(ctx, logo.OperatorID)
			require.NoError(t, err)
			require.Equal(t, logo.Version, version)
		}
		_, err = f.LogoContent(ctx, "old")
		require.ErrorIs(t, err, models.ErrNotFound)
		for range 2 {
			require.NoError(t, f.RemoveLogo(ctx, other.ID, did("logo_removed")))
			content, err := f.LogoContent(ctx, "new")
			require.NoError(t, err)
			require.Equal(t, []byte("new"), content, "the other operator's")
		}
		require.Len(t, f.audited(t, "logo_changed"), 3)
		require.Len(t, f.audited(t, "logo_removed"), 1)
		require.Error(t, f.SetLogo(ctx, models.Logo{OperatorID: "nobody", Version: "x", Content: []byte("x")}, did("logo_changed")))
		require.Len(t, f.audited(t, "logo_changed"), 3)
	})
}
