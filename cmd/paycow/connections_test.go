package main

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestConnectionsAreBounded opens more connections than one network may have. Those beyond are closed at once, and a place
// that is given back can be used again.
func TestConnectionsAreBounded(t *testing.T) {
	serve := func(trusted ...netip.Prefix) net.Addr {
		inner, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		require.NoError(t, err)
		listener := boundConnections(inner, trusted)
		listener.perNetwork = 3
		server := &http.Server{
			Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }), ReadHeaderTimeout: time.Minute,
		}
		go func() { _ = server.Serve(listener) }()
		t.Cleanup(func() { _ = server.Close() })
		return inner.Addr()
	}
	ask := func(connection net.Conn) error {
		if _, err := io.WriteString(connection, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			return err
		}
		response, err := http.ReadResponse(bufio.NewReader(connection), nil)
		if err == nil {
			err = response.Body.Close()
		}
		return err
	}
	address := serve()
	dial := func() net.Conn {
		connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", address.String())
		require.NoError(t, err)
		return connection
	}
	var open []net.Conn
	for range 3 {
		open = append(open, dial())
		require.NoError(t, ask(open[len(open)-1]))
	}
	beyond := dial()
	require.Error(t, ask(beyond))
	require.NoError(t, beyond.Close())
	require.NoError(t, ask(open[0]), "those that are open stay open")
	require.NoError(t, open[1].Close())
	require.Eventually(t, func() bool {
		connection := dial()
		defer connection.Close()
		return ask(connection) == nil
	}, time.Minute, 10*time.Millisecond, "the place is free again")
	address = serve(netip.MustParsePrefix("127.0.0.0/8"))
	for range 5 {
		connection := dial()
		t.Cleanup(func() { _ = connection.Close() })
		require.NoError(t, ask(connection), "a trusted proxy's are not bounded")
	}
}

// TestReadersThatNeverRead asks for a large answer and reads nothing of it. The server gives up after its time for writing.
func TestReadersThatNeverRead(t *testing.T) {
	inner, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan error, 1)
	large := make([]byte, 64<<20)
	server := newHTTPServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, err := w.Write(large)
		ended <- err
	}), slog.New(slog.DiscardHandler))
	require.NotZero(t, server.WriteTimeout)
	require.LessOrEqual(t, server.WriteTimeout, time.Minute)
	require.LessOrEqual(t, server.IdleTimeout, 90*time.Second)
	server.WriteTimeout = time.Second
	go func() { _ = server.Serve(inner) }()
	defer server.Close()
	connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", inner.Addr().String())
	require.NoError(t, err)
	defer connection.Close()
	_, err = io.WriteString(connection, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
	select {
	case err := <-ended:
		require.Error(t, err)
	case <-time.After(time.Minute):
		t.Fatal("the server still writes")
	}
}
