// Package pictures turns pictures from outside into pictures of our own.
package pictures

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"net/http"

	"golang.org/x/image/draw"
	"golang.org/x/image/webp"
)

const (
	// MaxSide is how wide and how high a picture may be, in pixels. It bounds what decoding costs: a few bytes can
	// claim to be a picture of any size.
	MaxSide = 1024
	// LogoSide is how wide and how high a logo is at most, in pixels: three times its size on the page.
	LogoSide = 144
)

// Errors of Logo.
var (
	ErrNotAPicture = errors.New("not a PNG, JPEG or WebP picture")
	ErrTooLarge    = errors.New("the picture has too many pixels")
)

// format reads one kind of picture.
type format struct {
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}

// formats are the kinds of pictures that are read, by media type. None of them can hold a script.
var formats = map[string]format{
	"image/png":  {png.DecodeConfig, png.Decode},
	"image/jpeg": {jpeg.DecodeConfig, jpeg.Decode},
	"image/webp": {webp.DecodeConfig, webp.Decode},
}

// Logo draws a picture anew, not larger than LogoSide, and returns it as a PNG. Nothing but its pixels is left of the
// content: no metadata, and nothing that another program could take for something else than a picture. Returns
// ErrNotAPicture and ErrTooLarge.
func Logo(content []byte) ([]byte, error) {
	kind, ok := formats[http.DetectContentType(content)]
	if !ok {
		return nil, ErrNotAPicture
	}
	config, err := kind.config(bytes.NewReader(content))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrNotAPicture, err)
	case config.Width < 1 || config.Height < 1:
		return nil, ErrNotAPicture
	case config.Width > MaxSide || config.Height > MaxSide:
		return nil, ErrTooLarge
	}
	picture, err := kind.decode(bytes.NewReader(content))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotAPicture, err)
	}
	from := picture.Bounds()
	drawn := image.NewNRGBA(fit(from))
	draw.CatmullRom.Scale(drawn, drawn.Bounds(), picture, from, draw.Src, nil)
	var out bytes.Buffer
	if err := png.Encode(&out, drawn); err != nil {
		return nil, fmt.Errorf("write the logo: %w", err)
	}
	return out.Bytes(), nil
}

// fit returns the largest rectangle of the same shape that is not larger than a logo nor than the picture itself.
func fit(picture image.Rectangle) image.Rectangle {
	width, height := picture.Dx(), picture.Dy()
	if longer := max(width, height); longer > LogoSide {
		width, height = max(1, width*LogoSide/longer), max(1, height*LogoSide/longer)
	}
	return image.Rect(0, 0, width, height)
}
