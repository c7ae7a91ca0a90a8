package realnode

import (
	"context"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ethereum/go-ethereum"
	"github.com/stretchr/testify/require"

	"paycow/chain"
)

// cuttableProxy passes TCP connections on to an address. It can break those that are open and refuse new ones.
type cuttableProxy struct {
	listener net.Listener
	target   string
	refuse   atomic.Bool
	dialled  atomic.Int64

	mu   sync.Mutex
	open map[net.Conn]bool
}

func newCuttableProxy(t *testing.T, targetURL string) *cuttableProxy {
	t.Helper()
	target, err := url.Parse(targetURL)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &cuttableProxy{listener: listener, target: target.Host, open: map[net.Conn]bool{}}
	go p.accept()
	t.Cleanup(func() {
		listener.Close()
		p.cut()
	})
	return p
}

func (p *cuttableProxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		if p.refuse.Load() {
			client.Close()
			continue
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			client.Close()
			continue
		}
		p.dialled.Add(1)
		p.mu.Lock()
		p.open[client], p.open[server] = true, true
		p.mu.Unlock()
		for _, pair := range [][2]net.Conn{{client, server}, {server, client}} {
			go func() {
				_, _ = io.Copy(pair[0], pair[1])
				pair[0].Close()
			}()
		}
	}
}

// cut breaks every open connection.
func (p *cuttableProxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.open {
		conn.Close()
		delete(p.open, conn)
	}
}

// watchedSource counts the calls for headers and knows whether a subscription is alive. While it is frozen, calls for
// the head return an old one, so that only a subscription reports new blocks.
type watchedSource struct {
	chain.BlockSource
	headers    atomic.Int64
	subscribed atomic.Bool
	frozen     atomic.Pointer[chain.Header]
}

// freeze makes calls for the head return this header until thaw.
func (s *watchedSource) freeze(head chain.Header) { s.frozen.Store(&head) }

func (s *watchedSource) thaw() { s.frozen.Store(nil) }

func (s *watchedSource) HeadHeader(ctx context.Context) (chain.Header, error) {
	s.headers.Add(1)
	head, err := s.BlockSource.HeadHeader(ctx)
	if old := s.frozen.Load(); old != nil { // looked up last, so that no call that began earlier brings news
		return *old, nil
	}
	return head, err
}

func (s *watchedSource) HeaderByNumber(ctx context.Context, number uint64) (chain.Header, error) {
	s.headers.Add(1)
	return s.BlockSource.HeaderByNumber(ctx, number)
}

func (s *watchedSource) SubscribeHeads(ctx context.Context, heads chan<- chain.Header) (ethereum.Subscription, error) {
	subscription, err := s.BlockSource.SubscribeHeads(ctx, heads)
	if err != nil {
		return nil, err
	}
	s.subscribed.Store(true)
	return watchedSubscription{subscription, s}, nil
}

// watchedSubscription reports its end to its source.
type watchedSubscription struct {
	ethereum.Subscription
	source *watchedSource
}

func (s watchedSubscription) Unsubscribe() {
	s.source.subscribed.Store(false)
	s.Subscription.Unsubscribe()
}
