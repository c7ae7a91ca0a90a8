package temporal

import (
	"fmt"
	"net"
	"strconv"
)

const loopback = "127.0.0.1"

// addresses are the listeners of one engine. The three inner ones carry calls between Temporal's own services and are
// always on loopback.
type addresses struct {
	bindIP                    string
	frontendPort              int
	frontend                  string // the host:port that clients dial
	history, matching, worker int    // ports
}

// pickAddresses resolves the frontend's address and picks free ports. It keeps all listeners open until it has picked
// the last port, so that no port is picked twice.
func pickAddresses(frontend string) (addresses, error) {
	bindIP, port, err := parseAddress(frontend)
	if err != nil {
		return addresses{}, err
	}
	a := addresses{bindIP: bindIP}
	var listeners []net.Listener
	defer func() {
		for _, l := range listeners {
			_ = l.Close()
		}
	}()
	pick := func(host string, port int) (int, error) {
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if err != nil {
			return 0, err
		}
		listeners = append(listeners, l)
		return l.Addr().(*net.TCPAddr).Port, nil
	}
	if a.frontendPort, err = pick(bindIP, port); err != nil {
		return addresses{}, err
	}
	for _, inner := range []*int{&a.history, &a.matching, &a.worker} {
		if *inner, err = pick(loopback, 0); err != nil {
			return addresses{}, err
		}
	}
	a.frontend = net.JoinHostPort(dialHost(bindIP), strconv.Itoa(a.frontendPort))
	return a, nil
}

// parseAddress turns host:port into an IP address to bind and a port. An open port must not be the default, so an empty
// host means loopback; 0.0.0.0 means all interfaces.
func parseAddress(address string) (ip string, port int, err error) {
	if address == "" {
		return loopback, 0, nil
	}
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, err
	}
	port, err = strconv.Atoi(portText)
	if err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("parse the port: %q is not a number from 0 to 65535", portText)
	}
	if host == "" || host == "localhost" {
		return loopback, port, nil
	}
	if net.ParseIP(host) != nil {
		return host, port, nil
	}
	resolved, err := net.ResolveIPAddr("ip", host)
	if err != nil {
		return "", 0, err
	}
	return resolved.String(), port, nil
}

// dialHost returns the IP address at which a client on this machine reaches a listener on bindIP.
func dialHost(bindIP string) string {
	ip := net.ParseIP(bindIP)
	switch {
	case !ip.IsUnspecified():
		return bindIP
	case ip.To4() != nil:
		return loopback
	default:
		return "::1"
	}
}
