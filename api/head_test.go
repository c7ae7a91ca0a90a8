package api

import (
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
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
			// The page about an error names its request, and so it is compressed to another length.
			isErrorPage := get.status != http.StatusOK && coding != "identity"
			if length := head.header.Get("Content-Length"); length != "" && !isErrorPage {
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

// The front page says whether the installation is ready, and to nobody why not.
func TestTheFrontPageSaysWhetherItIsReady(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.startChain(100)
	f.reportNodes(time.Now(), models.NodeErroring)
	_, view, _ := f.ready()
	require.Equal(t, statusNotReady, view.Status)
	require.Contains(t, *view.Checks.Nodes.Reason, nodesSaid)
	page := f.public("/")
	require.Equal(t, http.StatusOK, page.status)
	require.Contains(t, page.body, `<span class="badge bad">Not ready</span> An admin finds the reasons at <a href="/admin.html">`)
	for _, check := range []check{view.Checks.Nodes, view.Checks.Chain} {
		if check.Reason != nil {
			require.NotContains(t, page.body, *check.Reason)
		}
	}
	require.NotContains(t, page.body, "no connection")

	f.reportNodes(time.Now(), models.NodeOK)
	status, _, _ := f.ready()
	require.Equal(t, http.StatusOK, status)
	page = f.public("/")
	require.Contains(t, page.body, `<span class="badge good">Ready</span>`)
	require.NotContains(t, page.body, "Not ready")
}

// The front page does not wait for checks that hang, and does not begin a second round of them.
func TestTheFrontPageDoesNotWait(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.server.ready.mutex.Lock() // as a round of checks does that hangs
	defer f.server.ready.mutex.Unlock()
	began := time.Now()
	for range 2 {
		require.Contains(t, f.public("/").body, `<span class="badge bad">Not ready</span>`)
	}
	require.Less(t, time.Since(began), 2*checkTimeout)
	require.GreaterOrEqual(t, time.Since(began), homeWait)
}

// The log says HEAD, although the router sees GET.
func TestHeadIsLoggedAsHead(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.server.router.GET("/fails", f.server.handle(func(*gin.Context) error { return errors.New("as the test wants") }))
	for _, method := range []string{http.MethodHead, http.MethodGet} {
		require.Equal(t, http.StatusInternalServerError, f.call(f.account, method, "/fails", "").status)
		require.Regexp(t, `method=`+method+` route=/fails`, f.log.String())
	}
}

// HEAD for a CSV file is answered without reading a row, even while no further file may be written.
func TestHeadOfACSVReadsNothing(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.payment(f.account)
	for range maxExportsPerNetwork {
		release, ok := f.server.exports.take("127.0.0.1")
		require.True(t, ok)
		t.Cleanup(release)
	}
	f.server.router.GET("/list", f.server.stream(func(c *gin.Context) error {
		return streamCSV(f.server, c, "list.csv", ledgerColumns, "", func(string) ([]ledgerView, string, error) {
			t.Error("a row is read")
			return nil, "", nil
		})
	}))
	for path, file := range map[string]string{"/list": "list.csv", "/api/payments": "payments.csv", "/api/ledger": "ledger.csv"} {
		head := f.call(f.account, http.MethodHead, path, "", "Accept", "text/csv")
		require.Equal(t, http.StatusOK, head.status, path)
		require.Empty(t, head.body, path)
		require.Equal(t, "text/csv; charset=utf-8; header=present", head.header.Get("Content-Type"), path)
		require.Equal(t, `attachment; filename="`+file+`"`, head.header.Get("Content-Disposition"), path)
	}
}
