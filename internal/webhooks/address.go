package webhooks

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"code.dny.dev/ssrf"
	"golang.org/x/net/idna"
)

// MaxURLBytes is the length of the longest URL of an endpoint, in bytes.
const MaxURLBytes = 2048

// maxHostBytes is the length of the longest name in the Domain Name System, in bytes.
const maxHostBytes = 253

// localHosts are the names of this machine that LocalHosts allows.
var localHosts = []string{"localhost", "127.0.0.1", "::1"}

// LocalHosts returns the hosts to exempt in development: this machine.
func LocalHosts() []string { return slices.Clone(localHosts) }

// URLRules say which URLs an endpoint may have.
type URLRules struct {
	Exempt    []string // hosts (a name, or name:port) that may have any address
	AllowHTTP bool     // to the hosts of LocalHosts
}

var (
	errNotAbsolute = errors.New("must be an absolute https URL of at most " + strconv.Itoa(MaxURLBytes) + " bytes")
	errNotHTTPS    = errors.New("must begin with https://")
	errUserInfo    = errors.New("must not contain a user name or password")
	errFragment    = errors.New("must not contain a fragment (#)")
	errHost        = errors.New("must name its host by a valid domain name or IP address")
	errPort        = errors.New("must have a port from 1 to 65535, or none")
	errInside      = errors.New("must lead to a public address, not into a private network or to this machine")
)

// Check returns an endpoint's URL as it is stored and called: its scheme and host in lower case, its host in ASCII. The
// error completes a sentence that begins with the field's name. A name may still lead to a private address; the sender
// checks the address that it dials.
func (r URLRules) Check(text string) (string, error) {
	if len(text) > MaxURLBytes || !utf8.ValidString(text) {
		return "", errNotAbsolute
	}
	address, err := url.Parse(text)
	switch {
	case err != nil || address.Host == "" || address.Opaque != "":
		return "", errNotAbsolute
	case address.User != nil:
		return "", errUserInfo
	case strings.Contains(text, "#"):
		return "", errFragment
	case address.Scheme != "https" && address.Scheme != "http":
		return "", errNotHTTPS
	}
	host, err := canonicalHost(address.Hostname())
	if err != nil {
		return "", err
	}
	port := address.Port()
	if port != "" {
		number, err := strconv.ParseUint(port, 10, 16)
		if err != nil || number == 0 {
			return "", errPort
		}
		port = strconv.FormatUint(number, 10)
	}
	if address.Scheme == "http" && (!r.AllowHTTP || !slices.Contains(localHosts, host)) {
		return "", errNotHTTPS
	}
	address.Host = hostAndPort(host, port)
	if !isExempt(r.Exempt, address) && !isPublic(host) {
		return "", errInside
	}
	if text = address.String(); len(text) > MaxURLBytes {
		return "", errNotAbsolute
	}
	return text, nil
}

// hostAndPort writes a host as a URL has it.
func hostAndPort(host, port string) string {
	switch {
	case port != "":
		return net.JoinHostPort(host, port)
	case strings.Contains(host, ":"):
		return "[" + host + "]"
	default:
		return host
	}
}

// canonicalHost returns an IP address in its usual form, or a name in ASCII and lower case without a dot at its end. It
// refuses whatever some resolvers read as an IP address and others do not: all names whose last part is a number.
func canonicalHost(host string) (string, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		if ip.Zone() != "" {
			return "", errHost
		}
		return ip.String(), nil
	}
	name, err := idna.Lookup.ToASCII(host)
	name = strings.TrimSuffix(name, ".")
	if err != nil || name == "" || len(name) > maxHostBytes {
		return "", errHost
	}
	if again, err := idna.Lookup.ToASCII(name); err != nil || again != name {
		return "", errHost // the name would be another one to whoever reads it next
	}
	labels := strings.Split(name, ".")
	if slices.ContainsFunc(labels, func(label string) bool { return label == "" || len(label) > 63 }) {
		return "", errHost
	}
	if ip, err := netip.ParseAddr(name); err == nil { // written with other digits, such as full-width ones
		return ip.String(), nil
	}
	if isNumber(labels[len(labels)-1]) {
		return "", errHost
	}
	return name, nil
}

// isNumber reports whether a part of a name may be read as a number: decimal, octal or hexadecimal.
func isNumber(label string) bool {
	if strings.Trim(label, "0123456789") == "" {
		return true
	}
	hex, isHex := strings.CutPrefix(label, "0x")
	return isHex && strings.Trim(hex, "0123456789abcdef") == ""
}

// isPublic reports whether a canonical host can have a public address, as far as that can be known without resolving
// its name.
func isPublic(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return guard.SafeAddr(ip) == nil
	}
	// One without a dot is looked up in the local network, and these domains are reserved for it.
	if !strings.Contains(host, ".") {
		return false
	}
	return !slices.ContainsFunc([]string{".localhost", ".local", ".internal", ".home.arpa"}, func(domain string) bool {
		return strings.HasSuffix(host, domain)
	})
}

// isExempt reports whether a list of hosts names the host of a URL, with or without its port.
func isExempt(hosts []string, address *url.URL) bool {
	return slices.Contains(hosts, strings.ToLower(address.Host)) ||
		slices.Contains(hosts, strings.ToLower(address.Hostname()))
}

// guard decides to which addresses a connection may be made.
var guard = ssrf.New(ssrf.WithAnyPort())

// ExemptHost returns an entry for a list of exempt hosts in the form in which it is compared: a name or an IP address,
// perhaps with a port.
func ExemptHost(text string) (string, error) {
	if ip, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return ip.String(), nil
	}
	address, err := url.Parse("https://" + text)
	if err != nil || address.User != nil || address.Host != text {
		return "", errHost
	}
	host, err := canonicalHost(address.Hostname())
	if err != nil {
		return "", err
	}
	if address.Port() == "" {
		return host, nil
	}
	return net.JoinHostPort(host, address.Port()), nil
}
