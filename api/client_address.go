package api

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
)

const keyCameByHTTPS = "paycow.came_by_https"

// maxForwarded bounds how many addresses of X-Forwarded-For are read, counted from the nearest.
const maxForwarded = 32

// resolveClient finds out who sent the request and whether it came over https. Only the headers X-Forwarded-For and
// X-Forwarded-Proto count, and only if the peer is a trusted proxy; the client's own values in them never do. The
// client's address becomes the request's RemoteAddr, so that everything after this reads the same one.
func (s *Server) resolveClient(c *gin.Context) {
	peer, err := netip.ParseAddrPort(c.Request.RemoteAddr)
	byHTTPS := c.Request.TLS != nil
	if err == nil && s.isTrustedProxy(peer.Addr()) {
		byHTTPS = byHTTPS || forwardedByHTTPS(c.Request.Header)
		client := s.forwardedFor(c.Request.Header, peer.Addr())
		c.Request.RemoteAddr = netip.AddrPortFrom(client, peer.Port()).String()
	}
	c.Set(keyCameByHTTPS, byHTTPS)
}

// forwardedFor returns the client's address: the rightmost address of X-Forwarded-For that is not a trusted proxy's.
// Each proxy appends the address of its own peer, so what stands further left may have been made up. When the header
// is missing, or says something unreadable there, the last address that is certain is returned.
func (s *Server) forwardedFor(header http.Header, peer netip.Addr) netip.Addr {
	nearest := peer.Unmap()
	hops := strings.Split(strings.Join(header.Values("X-Forwarded-For"), ","), ",")
	if len(hops) > maxForwarded {
		hops = hops[len(hops)-maxForwarded:]
	}
	for _, hop := range slices.Backward(hops) {
		address, ok := forwardedAddress(hop)
		if !ok {
			return nearest
		}
		nearest = address
		if !s.isTrustedProxy(address) {
			return nearest
		}
	}
	return nearest
}

// forwardedAddress reads one entry of X-Forwarded-For. Some proxies add the port, and put IPv6 addresses into brackets.
func forwardedAddress(text string) (netip.Addr, bool) {
	text = strings.TrimSpace(text)
	if withPort, err := netip.ParseAddrPort(text); err == nil {
		return withPort.Addr().Unmap().WithZone(""), true
	}
	if inner, found := strings.CutPrefix(text, "["); found {
		text = strings.TrimSuffix(inner, "]")
	}
	address, err := netip.ParseAddr(text)
	return address.Unmap().WithZone(""), err == nil
}

// forwardedByHTTPS reports whether the nearest proxy was called over https: it appends the last value.
func forwardedByHTTPS(header http.Header) bool {
	protocols := strings.Split(strings.Join(header.Values("X-Forwarded-Proto"), ","), ",")
	return strings.EqualFold(strings.TrimSpace(protocols[len(protocols)-1]), "https")
}

// seemsHTTPS reports whether a request that came by plain http says that its client used https. Anybody can say so; it
// must lead to a refusal only. Browsers send Sec-Fetch-Site to https addresses only.
func seemsHTTPS(header http.Header) bool {
	return forwardedByHTTPS(header) || header.Get("Sec-Fetch-Site") != "" ||
		strings.EqualFold(header.Get("X-Forwarded-Ssl"), "on") ||
		strings.Contains(strings.ToLower(header.Get("Forwarded")), "proto=https")
}

func (s *Server) isTrustedProxy(peer netip.Addr) bool {
	peer = peer.Unmap().WithZone("")
	return slices.ContainsFunc(s.TrustedProxies, func(trusted netip.Prefix) bool { return trusted.Contains(peer) })
}
