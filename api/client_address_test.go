package api

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"
)

// TestClientAddress forges the headers in every way that common proxies let through. The address that counts is the one
// that the nearest trusted proxy vouches for.
func TestClientAddress(t *testing.T) {
	t.Parallel()
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:a::/48")}
	for _, c := range []struct {
		name, peer string
		header     http.Header
		want       string
	}{
		{"no proxy", "198.51.100.7:40000", http.Header{"X-Forwarded-For": {"203.0.113.1"}}, "198.51.100.7"},
		{"no header", "10.0.0.1:40000", nil, "10.0.0.1"},
		{"one hop", "10.0.0.1:40000", http.Header{"X-Forwarded-For": {"203.0.113.1"}}, "203.0.113.1"},
		{"a chain that the client began", "10.0.0.1:40000", http.Header{"X-Forwarded-For": {"1.1.1.1, 203.0.113.1"}}, "203.0.113.1"},
		{"the client's own header line", "10.0.0.1:40000", http.Header{"X-Forwarded-For": {"1.1.1.1", "203.0.113.1"}}, "203.0.113.1"},
		{"two proxies", "10.0.0.1:40000", http.Header{"X-Forwarded-For": {"1.1.1.1, 203.0.113.1, 10.2.3.4"}}, "203.0.113.1"},
		{"with a port", "10.0.0.1:40000", http.Header{"X-Forwarded-For": {"203.0.113.1:55555"}}, "203.0.113.1"},
		{"IPv6 with brackets and port", "10.0.0.1:40000", http.Header{"X-Forwarded-For": {"[2001:db8::1]:55555"}}, "2001:db8::1"},
		{"IPv6 with brackets", "10.0.0.1:40000", http.Header{"X-Forwarded-For": {"[2001:db8::1]"}}, "2001:db8::1"},
		{"IPv4 within IPv6", "[::ffff:10.0.0.1]:40000", http.Header{"X-Forwarded-For": {"::ffff:203.0.113.1"}}, "203.0.113.1"},
		{"a zone", "10.0.0.1:40000", http.Header{"X-Forwarded-For": {"fe80::1%eth0"}}, "fe80::1"},
		{"an IPv6 proxy", "[2001:db8:a::1]:40000", http.Header{"X-Forwarded-For": {"203.0.113.1"}}, "203.0.113.1"},
		{"nonsense next to the proxy", "10.0.0.1:40000", http.Header{"X-Forwarded-For": {"203.0.113.1, unknown"}}, "10.0.0.1"},
		{"nonsense behind a proxy", "10.0.0.1:40000", http.Header{"X-Forwarded-For": {"unknown, 10.2.3.4"}}, "10.2.3.4"},
		{"an empty last entry", "10.0.0.1:40000", http.Header{"X-Forwarded-For": {"203.0.113.1,"}}, "10.0.0.1"},
		{"X-Real-IP alone", "10.0.0.1:40000", http.Header{"X-Real-Ip": {"1.1.1.1"}}, "10.0.0.1"},
		{"X-Real-IP besides nonsense", "10.0.0.1:40000", http.Header{"X-Real-Ip": {"1.1.1.1"}, "X-Forwarded-For": {"x"}}, "10.0.0.1"},
		{"Forwarded", "10.0.0.1:40000", http.Header{"Forwarded": {"for=1.1.1.1"}}, "10.0.0.1"},
		{"only proxies", "10.0.0.1:40000", http.Header{"X-Forwarded-For": {"10.9.9.9, 10.2.3.4"}}, "10.9.9.9"},
		{
			"ten thousand entries", "10.0.0.1:40000",
			http.Header{"X-Forwarded-For": {strings.Repeat("1.1.1.1, ", 10_000) + "203.0.113.1"}},
			"203.0.113.1",
		},
		{"a peer without an address", "@", http.Header{"X-Forwarded-For": {"1.1.1.1"}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := &Server{Config: Config{TrustedProxies: trusted}}
			router := gin.New()
			router.ForwardedByClientIP = false
			router.Use(s.resolveClient)
			got := "not called"
			router.GET("/", func(c *gin.Context) { got = c.ClientIP() })
			request := httptest.NewRequest(http.MethodGet, "/", nil)
			request.RemoteAddr, request.Header = c.peer, c.header
			router.ServeHTTP(httptest.NewRecorder(), request)
			require.Equal(t, c.want, got)
		})
	}
}

// TestRedirectStaysHere sends request targets that are not paths. Appended to the public URL, each would lead elsewhere.
func TestRedirectStaysHere(t *testing.T) {
	t.Parallel()
	f := setup(t, func(config *Config) { config.PublicURL = "https://pay.example.com" })
	for _, target := range []string{
		"@evil.example/", "x:@evil.example/", "http:@evil.example/", "https:.evil.example/", ".evil.example/", "//evil.example/",
		"http://evil.example/docs", "/%2f%2fevil.example", `/\evil.example`, "*",
	} {
		connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(f.url, "http://"))
		require.NoError(t, err)
		_, err = fmt.Fprintf(connection, "GET %s HTTP/1.1\r\nHost: pay.example.com\r\nConnection: close\r\n\r\n", target)
		require.NoError(t, err)
		response, err := http.ReadResponse(bufio.NewReader(connection), nil)
		require.NoError(t, err, target)
		require.NoError(t, response.Body.Close())
		require.NoError(t, connection.Close())
		if location := response.Header.Get("Location"); location != "" {
			require.True(t, strings.HasPrefix(location, "https://pay.example.com/"), "%s leads to %s", target, location)
		}
		require.Less(t, response.StatusCode, 500, target)
	}
}
