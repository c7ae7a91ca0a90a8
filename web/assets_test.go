package web

import (
	"bytes"
	"compress/gzip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// An asset is found at its own address and at no other.
func TestAssets(t *testing.T) {
	t.Parallel()
	require.NotEmpty(t, assets)
	for name, asset := range assets {
		require.NotEmpty(t, asset.ContentType, name)
		require.NotEmpty(t, asset.Content, name)
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

// Safari selects a whole amount or address only with its own prefix.
func TestWholeAmountsAreSelectedInSafari(t *testing.T) {
	t.Parallel()
	css := string(assets["checkout.css"].Content)
	require.Equal(t, 2, strings.Count(css, "user-select:all"))
	require.Contains(t, css, "data,.address code{-webkit-user-select:all;user-select:all}")
}

// gzippedSize returns about the size of a page or an asset as it is sent, in bytes.
func gzippedSize(t *testing.T, content []byte) int {
	t.Helper()
	var small bytes.Buffer
	w := gzip.NewWriter(&small)
	_, err := w.Write(content)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return small.Len()
}
