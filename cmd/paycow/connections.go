package main

import (
	"net"
	"net/netip"
	"slices"
	"sync"
)

const (
	// maxConnections bounds the open connections of a process. Each costs some kilobytes and a file.
	maxConnections = 8192
	// maxConnectionsPerNetwork bounds those of one IPv4 address or one IPv6 /64, which is what a provider usually gives
	// one customer. Trusted proxies are not bounded: everybody comes through them.
	maxConnectionsPerNetwork = 512
)

// boundedListener closes connections beyond the bounds as soon as they are accepted, so that clients that open many and
// never read keep nobody else out.
type boundedListener struct {
	net.Listener
	total, perNetwork int
	trusted           []netip.Prefix

	mutex     sync.Mutex
	count     int
	byNetwork map[netip.Prefix]int
}

func boundConnections(listener net.Listener, trusted []netip.Prefix) *boundedListener {
	return &boundedListener{
		Listener: listener, total: maxConnections, perNetwork: maxConnectionsPerNetwork, trusted: trusted,
		byNetwork: map[netip.Prefix]int{},
	}
}

// Accept returns the next connection within the bounds.
func (l *boundedListener) Accept() (net.Conn, error) {
	for {
		connection, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if bounded, ok := l.admit(connection); ok {
			return bounded, nil
		}
		_ = connection.Close()
	}
}

func (l *boundedListener) admit(connection net.Conn) (*boundedConnection, bool) {
	peer, err := netip.ParseAddrPort(connection.RemoteAddr().String())
	address := peer.Addr().Unmap().WithZone("")
	isTrusted := slices.ContainsFunc(l.trusted, func(p netip.Prefix) bool { return p.Contains(address) })
	var network netip.Prefix
	if err == nil && !isTrusted {
		network = networkOf(address)
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.count >= l.total || network.IsValid() && l.byNetwork[network] >= l.perNetwork {
		return nil, false
	}
	l.count++
	if network.IsValid() {
		l.byNetwork[network]++
	}
	return &boundedConnection{Conn: connection, release: func() { l.release(network) }}, true
}

func (l *boundedListener) release(network netip.Prefix) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.count--
	if l.byNetwork[network]--; l.byNetwork[network] <= 0 {
		delete(l.byNetwork, network)
	}
}

// networkOf returns the IPv4 address, or the /64 of the IPv6 address.
func networkOf(address netip.Addr) netip.Prefix {
	bits := 32
	if address.Is6() {
		bits = 64
	}
	prefix, err := address.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return prefix
}

// boundedConnection gives its place back when it is closed.
type boundedConnection struct {
	net.Conn
	once    sync.Once
	release func()
}

// Close closes the connection.
func (c *boundedConnection) Close() error {
	c.once.Do(c.release)
	return c.Conn.Close()
}
