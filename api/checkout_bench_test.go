package api

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"
)

// BenchmarkCheckout loads the checkout page of a payment, and in turn a static page of 12 kB from a plain gin handler.
// floor-ratio is how many checkout pages are loaded in the time of one static page; the goal is 0.2 at least.
func BenchmarkCheckout(b *testing.B) {
	f := setup(b)
	f.server.chain.lifetime = chainLifetime
	p := f.started(f.account)
	ours := httptest.NewServer(f.server.Handler())
	b.Cleanup(ours.Close)
	gin.SetMode(gin.ReleaseMode)
	router, page := gin.New(), []byte(strings.Repeat("0123456789ab", 1000))
	router.GET("/", func(c *gin.Context) { c.Data(http.StatusOK, htmlType, page) })
	floor := httptest.NewServer(router)
	b.Cleanup(floor.Close)
	load := func(url string) time.Duration {
		begun := time.Now()
		request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, url, nil)
		require.NoError(b, err)
		request.Header.Set("Accept-Encoding", "gzip")
		response, err := http.DefaultClient.Do(request)
		require.NoError(b, err)
		_, err = io.Copy(io.Discard, response.Body)
		require.NoError(b, err)
		require.NoError(b, response.Body.Close())
		require.Equal(b, http.StatusOK, response.StatusCode)
		return time.Since(begun)
	}
	var checkout, static time.Duration
	for b.Loop() {
		checkout += load(ours.URL + "/payment/" + p.ID)
		static += load(floor.URL)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(checkout.Microseconds())/float64(b.N), "us/page")
	b.ReportMetric(float64(static)/float64(checkout), "floor-ratio")
}
