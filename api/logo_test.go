package api

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"paycow/internal/pictures"
)

// picture is a PNG of one colour.
func picture(t testing.TB, side int) []byte {
	t.Helper()
	drawn := image.NewNRGBA(image.Rect(0, 0, side, side))
	for i := range drawn.Pix {
		drawn.Pix[i] = uint8(side)
	}
	drawn.Set(0, 0, color.Black)
	var out bytes.Buffer
	require.NoError(t, png.Encode(&out, drawn))
	return out.Bytes()
}

func (v *visitor) putLogo(content []byte) string {
	v.Helper()
	got := v.upload(http.MethodPut, "/api/operator/logo", content, "Content-Type", "image/png")
	require.Equal(v, http.StatusOK, got.status, got.body)
	return *parse[logoView](v, got.body).LogoURL
}

// A logo is drawn anew, appears on the operator's checkout pages, and is served from this origin at an address that says
// nothing about payment or operator.
func TestLogo(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	v, admin := f.registered(newEmail), f.admin("admin@example.org")
	admin.must(http.StatusOK, http.MethodPost, "/api/admin/operators/"+v.me().ID+"/approve", fieldsOf{"reason": "ok"})
	page := "/payment/" + v.order().ID
	require.Nil(t, v.me().LogoURL)
	require.NotContains(t, f.call(f.account, http.MethodGet, page, "").body, "/logos/")

	const hidden = "<script>alert(1)</script>"
	address := v.putLogo(append(picture(t, 7), hidden...))
	require.Regexp(t, "^/logos/[0-9a-f]{32}$", address)
	require.Equal(t, address, *v.me().LogoURL)
	require.Contains(t, f.call(f.account, http.MethodGet, page, "").body, `<img src="`+address+`" alt=""`)
	require.NotContains(t, f.call(f.account, http.MethodGet, "/payment/"+f.payment(f.account).ID, "").body, "/logos/", "another shop")

	got := f.visitor().do(http.MethodGet, address, nil)
	require.Equal(t, http.StatusOK, got.status)
	require.Equal(t, "image/png", got.header.Get("Content-Type"))
	require.Equal(t, "nosniff", got.header.Get("X-Content-Type-Options"))
	require.Equal(t, "public, max-age=31536000, immutable", got.header.Get("Cache-Control"))
	require.Contains(t, got.header.Get("Content-Security-Policy"), "default-src 'none'")
	require.Empty(t, got.header.Values("Set-Cookie"))
	require.NotContains(t, got.body, hidden)
	require.Equal(t, "image/png", http.DetectContentType([]byte(got.body)))

	second := v.putLogo(picture(t, 8))
	require.NotEqual(t, address, second)
	require.Equal(t, http.StatusNotFound, f.visitor().do(http.MethodGet, address, nil).status, "the logo before")
	v.must(http.StatusNoContent, http.MethodDelete, "/api/operator/logo", nil)
	v.must(http.StatusNoContent, http.MethodDelete, "/api/operator/logo", nil)
	require.Nil(t, v.me().LogoURL)
	require.NotContains(t, f.call(f.account, http.MethodGet, page, "").body, "/logos/")
	audit := admin.must(http.StatusOK, http.MethodGet, "/api/admin/audit", nil).body
	require.Equal(t, 2, strings.Count(audit, `"logo_changed"`))
	require.Equal(t, 1, strings.Count(audit, `"logo_removed"`), "a repeat changes nothing")

	// Two shops with the same logo do not share it.
	other := f.registered("other@example.org")
	admin.must(http.StatusOK, http.MethodPost, "/api/admin/operators/"+other.me().ID+"/approve", fieldsOf{"reason": "ok"})
	address = v.putLogo(picture(t, 9))
	require.Equal(t, address, other.putLogo(picture(t, 9)))
	other.must(http.StatusNoContent, http.MethodDelete, "/api/operator/logo", nil)
	f.visitor().must(http.StatusOK, http.MethodGet, address, nil)
}

// What is no small picture changes nothing.
func TestBadLogos(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	v := f.registered(newEmail)
	before := v.putLogo(picture(t, 5))
	const put, path = http.MethodPut, "/api/operator/logo"
	const notAPicture = "The logo must be a PNG, JPEG or WebP picture that is not animated."
	const notALogo = "Content-Type must be image/png, image/jpeg or image/webp, and Content-Encoding must not be set."
	for name, c := range map[string]struct {
		content   []byte
		headers   []string
		status    int
		code, msg string
	}{
		"empty":      {nil, []string{"image/png"}, 400, "invalid_logo", notAPicture},
		"text":       {[]byte("logo"), []string{"image/png"}, 400, "invalid_logo", notAPicture},
		"SVG as PNG": {[]byte(`<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`), []string{"image/png"}, 400, "invalid_logo", notAPicture},
		"cut off":    {picture(t, 50)[:60], []string{"image/png"}, 400, "invalid_logo", notAPicture},
		"too wide": {
			picture(t, pictures.MaxSide+1), []string{"image/png"}, 400, "invalid_logo", "The logo must be at most 1024 pixels wide and high.",
		},
		"too long":     {append(picture(t, 5), make([]byte, maxBodyBytes)...), []string{"image/png"}, 413, "body_too_large", "The request body must be at most 64 KiB."},
		"SVG":          {[]byte("<svg/>"), []string{"image/svg+xml"}, 415, "unsupported_media_type", notALogo},
		"GIF":          {[]byte("GIF89a"), []string{"image/gif"}, 415, "unsupported_media_type", notALogo},
		"JSON":         {[]byte("{}"), []string{"application/json"}, 415, "unsupported_media_type", notALogo},
		"a form":       {picture(t, 5), []string{"multipart/form-data; boundary=x"}, 415, "unsupported_media_type", notALogo},
		"no type":      {picture(t, 5), nil, 415, "unsupported_media_type", notALogo},
		"two types":    {picture(t, 5), []string{"image/png", "image/png"}, 415, "unsupported_media_type", notALogo},
		"a wrong type": {picture(t, 5), []string{"image/png, image/jpeg"}, 415, "unsupported_media_type", notALogo},
	} {
		var headers []string
		for _, contentType := range c.headers {
			headers = append(headers, "Content-Type", contentType)
		}
		got := v.upload(put, path, c.content, headers...)
		require.Equal(t, c.status, got.status, name)
		body := parse[errorBody](t, got.body)
		require.Equal(t, c.code, body.Code, name)
		require.Equal(t, c.msg, body.Msg, name)
	}
	compressed := v.upload(put, path, picture(t, 5), "Content-Type", "image/png", "Content-Encoding", "gzip")
	require.Equal(t, http.StatusUnsupportedMediaType, compressed.status)
	require.Equal(t, http.StatusUnauthorized, f.visitor().upload(put, path, picture(t, 6), "Content-Type", "image/png").status)
	elsewhere := *v
	elsewhere.site = "cross-site"
	require.Equal(t, http.StatusForbidden, elsewhere.upload(put, path, picture(t, 6), "Content-Type", "image/png").status)
	require.Equal(t, http.StatusForbidden, elsewhere.do(http.MethodDelete, path, nil).status)
	require.Equal(t, before, *v.me().LogoURL)
	for _, unknown := range []string{
		"/logos/", "/logos/x", "/logos/" + strings.Repeat("0", 32), "/logos/" + strings.Repeat("A", 32), "/logos/%00", before + "/", before + ".svg",
	} {
		require.Equal(t, http.StatusNotFound, v.do(http.MethodGet, unknown, nil).status, unknown)
	}
}

// checkSettings checks every kind of response about settings and logo against the document. try checks those without an
// upload.
func (d document) checkSettings(
	t *testing.T, v *visitor, try func(*visitor, int, string, string, fieldsOf, ...string) answer,
) {
	t.Helper()
	const settings = "/api/operator/settings"
	try(v, 200, http.MethodPut, settings, fieldsOf{"name": "Shop", "returnOrigins": []string{"https://shop.example"}})
	try(v, 400, http.MethodPut, settings, fieldsOf{"name": "Shop", "returnOrigins": []string{"http://shop.example"}})
	try(v, 200, http.MethodGet, settings, nil)
	tryTolerance(v, try)
	tryNotifications(v, try)
	tryConfirmations(v, try)
	for _, c := range []struct {
		content     []byte
		contentType string
		status      int
	}{
		{picture(t, 5), "image/png", 200},
		{[]byte("x"), "image/png", 400},
		{make([]byte, maxBodyBytes+1), "image/png", 413},
		{[]byte("x"), "image/svg+xml", 415},
	} {
		got := v.upload(http.MethodPut, "/api/operator/logo", c.content, "Content-Type", c.contentType)
		require.Equal(t, c.status, got.status, got.body)
		d.checkAnswer(t, http.MethodPut, "/api/operator/logo", got)
	}
	try(v, 200, http.MethodGet, "/api/operator/me", nil)
	try(v, 204, http.MethodDelete, "/api/operator/logo", nil)
}
