package web

import (
	"bytes"
	"compress/gzip"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

// An asset's address changes with its content, its compressed form is the same content, and no other address finds it.
func TestAssets(t *testing.T) {
	t.Parallel()
	require.NotEmpty(t, assets)
	for name, asset := range assets {
		require.NotEmpty(t, asset.ContentType, name)
		unzip, err := gzip.NewReader(bytes.NewReader(asset.Gzipped))
		require.NoError(t, err)
		content, err := io.ReadAll(unzip)
		require.NoError(t, err)
		require.Equal(t, string(asset.Content), string(content), name)
		found, ok := FindAsset(asset.Version, name)
		require.True(t, ok)
		require.Equal(t, asset.Path(), found.Path())
		_, ok = FindAsset("000000000000", name)
		require.False(t, ok)
	}
	_, ok := FindAsset("000000000000", "../web.go")
	require.False(t, ok)
	_, err := assetPath("missing.css")
	require.Error(t, err)
	require.Contains(t, string(assets["checkout.css"].Content), "color-scheme", "a bundle begins with the base")
}
