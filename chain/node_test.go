package chain

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDialRefusesWhatCanNeverWork(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "localhost:8545", "/tmp/geth.ipc", "ftp://host", "http://", "http://[secret", "http://host:port/secret"} {
		_, err := Dial(t.Context(), url, quiet())
		require.Error(t, err, url)
		require.NotContains(t, err.Error(), "secret")
	}
}

func TestErrorsDoNotTellTheAPIKey(t *testing.T) {
	t.Parallel()
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no", http.StatusUnauthorized)
	}))
	t.Cleanup(refusing.Close)
	for _, base := range []string{refusing.URL, strings.Replace(refusing.URL, "http", "ws", 1), "http://127.0.0.1:1", "ws://127.0.0.1:1"} {
		node := dial(t, strings.Replace(base, "://", "://user:s3cret@", 1)+"/v2/s3cret?key=s3cret")
		_, err := node.HeadHeader(t.Context())
		require.Error(t, err)
		require.NotContains(t, err.Error(), "s3cret")
		require.NotContains(t, node.Name(), "s3cret")
	}
}

func TestCallsEndInTime(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-ended:
		}
	}))
	t.Cleanup(hanging.Close)
	t.Cleanup(func() { close(ended) })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	node, err := Dial(ctx, hanging.URL, quiet())
	require.NoError(t, err, "a node that is down is no error")
	t.Cleanup(node.Close)
	node.callTimeout = 50 * time.Millisecond
	_, err = node.HeadHeader(t.Context())
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.True(t, mayBeTooLong(err), "a range that takes too long is asked for in parts")
}

func TestHeaderNeedsAllItsFields(t *testing.T) {
	t.Parallel()
	full := `{"number":"0x1","hash":"0x` + strings.Repeat("ab", 32) + `","parentHash":"0x` + strings.Repeat(
		"cd", 32,
	) + `","timestamp":"0x5","logsBloom":"0x` + strings.Repeat("00", 256) + `","receiptsRoot":"0x` + strings.Repeat(
		"ef",
		32,
	) + `"}`
	var header Header
	require.NoError(t, header.UnmarshalJSON([]byte(full)))
	require.EqualValues(t, 5, header.Time.Unix())
	for _, field := range []string{"number", "hash", "parentHash", "timestamp", "logsBloom", "receiptsRoot"} {
		require.Error(t, header.UnmarshalJSON([]byte(strings.Replace(full, `"`+field+`"`, `"x"`, 1))), field)
	}
}
