package api

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// HEAD is answered wherever GET is: with the same status and header, no body, and the same credentials.
func TestHeadWhereverGet(t *testing.T) {
	t.Parallel()
	f := setup(t)
	p := f.payment(f.account)
	style := regexp.MustCompile(`/assets/[^"]+\.css`).FindString(f.public("/").body)
	paths := []string{style}
	for _, route := range f.server.router.Routes() {
		if route.Method == http.MethodGet && !strings.HasSuffix(route.Path, "/events") && !strings.Contains(route.Path, ":version") {
			paths = append(paths, strings.ReplaceAll(route.Path, ":id", p.ID))
		}
	}
	require.Greater(t, len(paths), 30)
	good := 0
	for _, path := range paths {
		for _, coding := range []string{"identity", "gzip"} {
			get := f.call(f.account, http.MethodGet, path, "", "Accept-Encoding", coding)
			head := f.call(f.account, http.MethodHead, path, "", "Accept-Encoding", coding)
			require.Equal(t, get.status, head.status, path)
			require.Empty(t, head.body, path)
			for _, name := range []string{"Content-Type", "Content-Encoding", "ETag", "Cache-Control", "Vary", "Content-Security-Policy"} {
				require.Equal(t, get.header.Get(name), head.header.Get(name), "%s %s", path, name)
			}
			if length := head.header.Get("Content-Length"); length != "" {
				require.Equal(t, get.header.Get("Content-Length"), length, path)
			}
			if get.status == http.StatusOK {
				good++
			}
		}
	}
	require.Greater(t, good, 30)
	started := time.Now()
	events := f.call(f.account, http.MethodHead, "/payment/"+p.ID+"/events", "")
	require.Equal(t, http.StatusOK, events.status)
	require.Equal(t, "text/event-stream; charset=utf-8", events.header.Get("Content-Type"))
	require.Less(t, time.Since(started), aliveInterval, "a stream must not begin")

	refused := f.call(f.account, http.MethodHead, "/api/operator/login", "")
	require.Equal(t, http.StatusMethodNotAllowed, refused.status)
	require.Equal(t, "POST", refused.header.Get("Allow"))
	require.Equal(t, "GET, HEAD", f.call(f.account, http.MethodPost, "/api/balance", "{}").header.Get("Allow"))
	require.Equal(t, http.StatusUnauthorized, f.call(f.other, http.MethodHead, "/api/balance", "", "x-api-secret", "wrong").status)
}

// Browsers and crawlers find what they ask for without being told.
func TestFixedAssets(t *testing.T) {
	t.Parallel()
	f := setup(t)
	icon := f.public("/favicon.ico")
	require.Equal(t, http.StatusOK, icon.status)
	require.Equal(t, "image/x-icon", icon.header.Get("Content-Type"))
	require.Equal(t, "\x00\x00\x01\x00", icon.body[:4])
	robots := f.public("/robots.txt")
	require.Equal(t, http.StatusOK, robots.status)
	require.Equal(t, "text/plain; charset=utf-8", robots.header.Get("Content-Type"))
	require.Contains(t, robots.body, "User-agent: *\nDisallow: /api/\n")
	require.NotContains(t, robots.body, "Disallow: /payment/\n", "a crawler must be able to read noindex there")
	require.Contains(t, f.public("/payment/"+f.payment(f.account).ID).body, `name="robots" content="noindex"`)
}

// A page that does not exist leads back, also for payers whose link is wrong.
func TestPagesThatDoNotExistLeadBack(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for _, path := range []string{"/nothing", "/payment/" + models.NewID(), "/assets/x/y"} {
		page := f.public(path)
		require.Equal(t, http.StatusNotFound, page.status)
		require.Contains(t, page.body, `<a class="button" href="/">`, path)
	}
}

// The front page says to people what /readyz says to machines.
func TestTheFrontPageSaysWhetherItIsReady(t *testing.T) {
	t.Parallel()
	f := setup(t)
	ready := f.public("/readyz")
	require.Equal(t, http.StatusServiceUnavailable, ready.status)
	reason := *parse[readyView](t, ready.body).Checks.Nodes.Reason
	page := f.public("/")
	require.Equal(t, http.StatusOK, page.status)
	require.Contains(t, page.body, `<span class="badge bad">Not ready</span>`)
	require.Contains(t, page.body, "<li><strong>Ethereum nodes:</strong> "+reason+"</li>")
	require.NotContains(t, page.body, "<strong>Database:</strong>")

	f.server.ready.mutex.Lock()
	view := readyView{Status: "ready"}
	for _, c := range []*check{
		&view.Checks.Database, &view.Checks.Temporal, &view.Checks.Chain, &view.Checks.Nodes, &view.Checks.Crediting, &view.Checks.Token,
	} {
		c.OK = true
	}
	f.server.ready.view, f.server.ready.at = view, time.Now().Add(time.Hour)
	f.server.ready.mutex.Unlock()
	page = f.public("/")
	require.Contains(t, page.body, `<span class="badge good">Ready</span>`)
	require.NotContains(t, page.body, "Not ready")
}
