package pictures

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// tiny is a WebP picture of one pixel.
const tiny = "UklGRh4AAABXRUJQVlA4TBEAAAAvAAAAAAfQ//73v/+BiOh/AAA="

func drawing(width, height int) image.Image {
	picture := image.NewNRGBA(image.Rect(0, 0, width, height))
	for x := range width {
		for y := range height {
			picture.Set(x, y, color.NRGBA{R: uint8(x), G: uint8(y), B: uint8(x * y), A: 200})
		}
	}
	return picture
}

func asPNG(t testing.TB, picture image.Image) []byte {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, png.Encode(&out, picture))
	return out.Bytes()
}

func asJPEG(t testing.TB, picture image.Image) []byte {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, jpeg.Encode(&out, picture, nil))
	return out.Bytes()
}

func webpPixel(t testing.TB) []byte {
	t.Helper()
	content, err := base64.StdEncoding.DecodeString(tiny)
	require.NoError(t, err)
	return content
}

func TestLogoIsDrawnAnew(t *testing.T) {
	t.Parallel()
	const hidden = "<script>alert(1)</script>"
	for name, c := range map[string]struct {
		content       []byte
		width, height int
	}{
		"small PNG":   {asPNG(t, drawing(10, 20)), 10, 20},
		"large PNG":   {asPNG(t, drawing(1024, 512)), LogoSide, LogoSide / 2},
		"thin PNG":    {asPNG(t, drawing(1, 1024)), 1, LogoSide},
		"JPEG":        {asJPEG(t, drawing(300, 300)), LogoSide, LogoSide},
		"WebP":        {webpPixel(t), 1, 1},
		"with a tail": {append(asPNG(t, drawing(5, 5)), hidden...), 5, 5},
	} {
		logo, err := Logo(c.content)
		require.NoError(t, err, name)
		require.Equal(t, "image/png", http.DetectContentType(logo), name)
		require.NotContains(t, string(logo), hidden)
		drawn, err := png.Decode(bytes.NewReader(logo))
		require.NoError(t, err, name)
		require.Equal(t, image.Rect(0, 0, c.width, c.height), drawn.Bounds(), name)
		again, err := Logo(c.content)
		require.NoError(t, err)
		require.Equal(t, logo, again, "the same picture always has the same address")
	}
}

// claiming is a PNG of one pixel whose header claims another size.
func claiming(t testing.TB, width, height uint32) []byte {
	t.Helper()
	content := asPNG(t, drawing(1, 1))
	binary.BigEndian.PutUint32(content[16:], width)
	binary.BigEndian.PutUint32(content[20:], height)
	binary.BigEndian.PutUint32(content[29:], crc32.ChecksumIEEE(content[12:29]))
	return content
}

func TestWhatIsNoLogo(t *testing.T) {
	t.Parallel()
	var moving bytes.Buffer
	require.NoError(t, gif.Encode(&moving, drawing(5, 5), nil))
	whole := asPNG(t, drawing(50, 50))
	for name, content := range map[string][]byte{
		"nothing":   {},
		"text":      []byte("logo"),
		"SVG":       []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`),
		"XML":       []byte(`<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>`),
		"HTML":      []byte("<!doctype html><img src=x onerror=alert(1)>"),
		"GIF":       moving.Bytes(),
		"icon":      {0, 0, 1, 0, 1, 0, 16, 16},
		"signature": whole[:8],
		"cut off":   whole[:len(whole)/2],
		"no pixels": claiming(t, 0, 5),
		"cut WebP":  webpPixel(t)[:25],
		"cut JPEG":  asJPEG(t, drawing(50, 50))[:200],
		"animated WebP": append([]byte("RIFF\x2a\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00"),
			"ANIM\x06\x00\x00\x00\x00\x00\x00\x00\x00\x00"...),
	} {
		_, err := Logo(content)
		require.ErrorIs(t, err, ErrNotAPicture, name)
	}
	for name, content := range map[string][]byte{
		"too wide": asPNG(t, drawing(MaxSide+1, 1)), "too high": asPNG(t, drawing(1, MaxSide+1)),
		"a bomb": claiming(t, 1<<16, 1<<16),
	} {
		_, err := Logo(content)
		require.ErrorIs(t, err, ErrTooLarge, name)
	}
}

// FuzzLogo holds that whatever is uploaded becomes a small PNG or an error.
func FuzzLogo(f *testing.F) {
	f.Add(asPNG(f, drawing(20, 10)))
	f.Add(asJPEG(f, drawing(20, 10)))
	f.Add(webpPixel(f))
	f.Fuzz(func(t *testing.T, content []byte) {
		logo, err := Logo(content)
		if err != nil {
			return
		}
		config, err := png.DecodeConfig(bytes.NewReader(logo))
		require.NoError(t, err)
		require.LessOrEqual(t, max(config.Width, config.Height), LogoSide)
	})
}
