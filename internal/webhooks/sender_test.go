package webhooks_test

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"code.dny.dev/ssrf"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"paycow/internal/webhooks"
)

var secrets = []string{secretOf("new key of the endpoint 12345678"), secretOf("old key of the endpoint 12345678")}

func secretOf(key string) string { return "whsec_" + base64.StdEncoding.EncodeToString([]byte(key)) }

func message(url string) webhooks.Message {
	return webhooks.Message{
		Round: 3,
		URL:   url, ID: "0123456789abcdef01234567", Try: 2, SentAt: time.Now(), Secrets: secrets,
		Body: []byte(`{"type":"payment.paid"}`),
	}
}

func TestBothSecretsVerify(t *testing.T) {
	t.Parallel()
	var header http.Header
	var body []byte
	shop := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		header = r.Header
		body, _ = io.ReadAll(r.Body)
	}))
	defer shop.Close()
	sender := webhooks.NewSender("PayCow/test", []string{"127.0.0.1"}, time.Minute)
	answer, err := sender.Send(t.Context(), message(shop.URL))
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, answer.Status)
	assert.Equal(t, "2", header.Get(webhooks.HeaderTry))
	assert.Equal(t, "3", header.Get(webhooks.HeaderRound))
	assert.Equal(t, "PayCow/test", header.Get("User-Agent"))
	another := secretOf("another key")
	for _, secret := range append(secrets, another) {
		verifier, err := standardwebhooks.NewWebhook(secret)
		require.NoError(t, err)
		if err := verifier.Verify(body, header); secret == another {
			require.Error(t, err)
		} else {
			require.NoError(t, err)
		}
	}
	unsigned := message(shop.URL)
	unsigned.Secrets = nil
	_, err = sender.Send(t.Context(), unsigned)
	require.Error(t, err, "nothing is sent without a signature")
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	var followed atomic.Bool
	mux := http.NewServeMux()
	mux.HandleFunc("/huge", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("x", 10*webhooks.AnswerLimit))
	})
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	mux.Handle("/moved", http.RedirectHandler("/target", http.StatusTemporaryRedirect))
	mux.HandleFunc("/target", func(http.ResponseWriter, *http.Request) { followed.Store(true) })
	mux.HandleFunc("/busy", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "120")
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	shop := httptest.NewServer(mux)
	defer shop.Close()
	sender := webhooks.NewSender("PayCow/test", []string{"127.0.0.1"}, 2*time.Second)

	answer, err := sender.Send(t.Context(), message(shop.URL+"/huge"))
	require.NoError(t, err)
	assert.Len(t, answer.Body, webhooks.AnswerLimit)
	_, err = sender.Send(t.Context(), message(shop.URL+"/slow"))
	require.Error(t, err, "the time covers the answer's body")
	answer, err = sender.Send(t.Context(), message(shop.URL+"/moved"))
	require.NoError(t, err)
	assert.Equal(t, http.StatusTemporaryRedirect, answer.Status)
	assert.False(t, followed.Load(), "a redirect is not followed")
	answer, err = sender.Send(t.Context(), message(shop.URL+"/busy"))
	require.NoError(t, err)
	assert.Equal(t, 2*time.Minute, answer.RetryAfter)
}

func TestNoAddressInside(t *testing.T) {
	t.Parallel()
	sender := webhooks.NewSender("PayCow/test", []string{"allowed.example"}, 5*time.Second)
	for _, host := range []string{
		"127.0.0.1", "localhost", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254",
		"100.64.0.1", "0.0.0.0",
		"[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:169.254.169.254]", "[fe80::1]", "[fd00:ec2::254]",
		"[64:ff9b::7f00:1]",
		"[2002:7f00:1::]", "224.0.0.1",
	} {
		_, err := sender.Send(t.Context(), message("https://"+host+":9/"))
		require.ErrorIs(t, err, ssrf.ErrProhibitedIP, host)
		assert.EqualError(t, err, "the host's address is not a public one", "it tells nothing of the network")
	}
	// A resolver may read these as addresses; none of them may be reached.
	for _, host := range []string{"localhost.", "2130706433", "0x7f000001", "0177.0.0.1", "127.1"} {
		_, err := sender.Send(t.Context(), message("https://"+host+":9/"))
		require.Error(t, err, host)
		require.NotErrorIs(t, err, syscall.ECONNREFUSED, host)
	}
	_, err := sender.Send(t.Context(), message("http://example.com/"))
	require.ErrorContains(t, err, "https://")
}

// What went wrong is said in words of our own: neither addresses of the network nor what the other side sent.
func TestFailuresInWords(t *testing.T) {
	t.Parallel()
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	cut := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10")
		_, _ = w.Write([]byte("ok"))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	defer cut.Close()
	hangs := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then the server notices that the client has gone
		<-r.Context().Done()
	}))
	defer hangs.Close()
	sender := webhooks.NewSender("PayCow/test", []string{"127.0.0.1", "nowhere.invalid"}, time.Second)
	for url, want := range map[string]string{
		closed.URL:                "the host refused the connection",
		secure.URL:                "the host's certificate is not valid",
		"https" + plain.URL[4:]:   "the TLS connection failed",
		cut.URL:                   "the host closed the connection before the answer was complete",
		hangs.URL:                 "there was no complete answer in time",
		"https://nowhere.invalid": "the host's name",
	} {
		_, err := sender.Send(t.Context(), message(url))
		require.ErrorContains(t, err, want, url)
		require.NotContains(t, err.Error(), "127.0.0.1")
	}
}
