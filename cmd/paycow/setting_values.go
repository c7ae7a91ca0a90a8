package main

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/ethereum/go-ethereum/common"

	"paycow/chain"
	"paycow/internal/webhooks"
	"paycow/models"
)

// The functions in this file return what checks a setting's text and stores its value in the given field. Their errors
// complete a sentence that begins with the setting's name.

func text(field *string) func(string) error {
	return func(value string) error { *field = value; return nil }
}

func oneOf(field *string, allowed ...string) func(string) error {
	return func(value string) error {
		if !slices.Contains(allowed, value) {
			return fmt.Errorf("must be %s", strings.Join(allowed, " or "))
		}
		*field = value
		return nil
	}
}

func boolean(field *bool) func(string) error {
	return func(value string) error {
		parsed, err := strconv.ParseBool(value)
		if err != nil {
			return errors.New("must be true or false")
		}
		*field = parsed
		return nil
	}
}

func wholeNumber[T int | uint32 | uint64](field *T, most uint64) func(string) error {
	return func(value string) error {
		n, err := strconv.ParseUint(value, 10, 64)
		if err != nil || n == 0 || n > most {
			return fmt.Errorf("must be a whole number from 1 to %d", most)
		}
		*field = T(n)
		return nil
	}
}

func wholeNumberOrZero(field *int) func(string) error {
	return func(value string) error {
		n, err := strconv.ParseUint(value, 10, 31)
		if err != nil {
			return errors.New("must be a whole number, or 0")
		}
		*field = int(n)
		return nil
	}
}

func duration(field *time.Duration, least time.Duration) func(string) error {
	return func(value string) error {
		d, err := time.ParseDuration(value)
		if err != nil || d < least {
			return fmt.Errorf("must be a duration of at least %s, such as 90s or 1h", least)
		}
		*field = d
		return nil
	}
}

// durationText returns a duration as a person would write it: 1h, not 1h0m0s.
func durationText(d time.Duration) string {
	short := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(short, zero) {
			short = short[:len(short)-2]
		}
	}
	return short
}

func amount(field *models.Amount) func(string) error {
	return func(value string) error {
		parsed, err := models.ParseAmount(value)
		if err != nil || parsed <= 0 {
			return errors.New("must be a positive amount with at most 6 decimals")
		}
		*field = parsed
		return nil
	}
}

func logLevel(field *slog.Level) func(string) error {
	return func(value string) error {
		if field.UnmarshalText([]byte(value)) != nil {
			return errors.New("must be debug, info, warn or error")
		}
		return nil
	}
}

// webURL takes a URL with one of the schemes, and drops the slash at its end.
func webURL(field *string, schemes ...string) func(string) error {
	return func(value string) error {
		u, err := url.Parse(value)
		if err != nil || !slices.Contains(schemes, u.Scheme) || u.Host == "" || u.User != nil || u.RawQuery != "" ||
			u.Fragment != "" {
			return fmt.Errorf("must be a URL that starts with %s://", strings.Join(schemes, ":// or "))
		}
		*field = strings.TrimRight(value, "/")
		return nil
	}
}

// publicURL takes a URL without a path: the addresses of pages and calls are fixed from the root of the host.
func publicURL(field *string) func(string) error {
	return func(value string) error {
		var address string
		if err := webURL(&address, "https", "http")(value); err != nil {
			return err
		}
		if u, err := url.Parse(address); err != nil || u.Path != "" {
			return errors.New("must have no path, because pages and calls are at the root of a host; give PayCow a host " +
				"name of its own, such as https://pay.example.com")
		}
		*field = address
		return nil
	}
}

// isLoopbackURL reports whether only this machine reaches a URL.
func isLoopbackURL(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	host := u.Hostname()
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && ip.Unmap().IsLoopback()
}

// noExplorer is the value of PAYCOW_EXPLORER_URL that turns its default off.
const noExplorer = "none"

func explorerURL(field *string) func(string) error {
	return func(value string) error {
		if value == noExplorer {
			*field = value
			return nil
		}
		if err := webURL(field, "https")(value); err != nil {
			return fmt.Errorf("%w, or %s", err, noExplorer)
		}
		return nil
	}
}

func nodeURLs(field *[]string) func(string) error {
	return func(value string) error {
		var urls, nodes []string
		for item := range strings.SplitSeq(value, ",") {
			item = strings.TrimSpace(item)
			u, err := url.Parse(item)
			if err != nil || u.Hostname() == "" || !slices.Contains([]string{"http", "https", "ws", "wss"}, u.Scheme) {
				return errors.New("must be http, https, ws or wss URLs, separated by commas")
			}
			if slices.Contains(nodes, nodeOf(u)) {
				return errors.New("names a node twice, which would then agree with itself")
			}
			urls, nodes = append(urls, item), append(nodes, nodeOf(u))
		}
		*field = urls
		return nil
	}
}

// nodeOf returns a text that is the same for all spellings of one node's URL: the case of the host, its usual port and
// slashes at the end make no difference.
func nodeOf(u *url.URL) string {
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	port := cmp.Or(u.Port(), map[string]string{"http": "80", "ws": "80", "https": "443", "wss": "443"}[u.Scheme])
	same := *u
	same.Host, same.Path, same.RawPath = net.JoinHostPort(host, port), strings.TrimRight(u.Path, "/"), ""
	same.Fragment, same.ForceQuery = "", false
	return same.String()
}

func contractAddress(field *common.Address) func(string) error {
	return func(value string) error {
		if !common.IsHexAddress(value) {
			return errors.New("must be an address: 0x and 40 hex digits")
		}
		*field = common.HexToAddress(value)
		return nil
	}
}

// addressList reads addresses. One in mixed case must have its checksum (EIP-55): what is in this list is never
// credited.
func addressList(field *[]common.Address) func(string) error {
	return func(value string) error {
		var addresses []common.Address
		for item := range strings.SplitSeq(value, ",") {
			address, err := common.NewMixedcaseAddressFromString(strings.TrimSpace(item))
			if err != nil {
				return errors.New("must be addresses (0x and 40 hex digits), separated by commas")
			}
			original := strings.TrimPrefix(strings.TrimSpace(item), "0x")
			isMixed := original != strings.ToLower(original) && original != strings.ToUpper(original)
			if isMixed && !address.ValidChecksum() {
				return fmt.Errorf("the checksum of %s is wrong; copy the address again", address.Original())
			}
			addresses = append(addresses, address.Address())
		}
		*field = addresses
		return nil
	}
}

func accountKey(field **chain.XPub) func(string) error {
	return func(value string) (err error) {
		*field, err = chain.NewXPub(value)
		return err
	}
}

func accountKeys(field *[]*chain.XPub) func(string) error {
	return func(value string) error {
		var keys []*chain.XPub
		for item := range strings.SplitSeq(value, ",") {
			key, err := chain.NewXPub(item)
			if err != nil {
				return err
			}
			keys = append(keys, key)
		}
		*field = keys
		return nil
	}
}

func masterKey(field *[]byte) func(string) error {
	return func(value string) error {
		key, err := hex.DecodeString(value)
		if err != nil || len(key) != 32 {
			return errors.New("must be 64 hex digits")
		}
		*field = key
		return nil
	}
}

// masterKeys takes keys separated by commas or white space.
func masterKeys(field *[][]byte) func(string) error {
	return func(value string) error {
		var keys [][]byte
		for _, item := range strings.FieldsFunc(value, func(r rune) bool { return r == ',' || unicode.IsSpace(r) }) {
			var key []byte
			if err := masterKey(&key)(item); err != nil {
				return errors.New("must be keys of 64 hex digits, separated by commas")
			}
			keys = append(keys, key)
		}
		*field = keys
		return nil
	}
}

func addressRanges(field *[]netip.Prefix) func(string) error {
	return func(value string) error {
		var ranges []netip.Prefix
		for item := range strings.SplitSeq(value, ",") {
			item = strings.TrimSpace(item)
			prefix, err := netip.ParsePrefix(item)
			if err != nil {
				address, addressErr := netip.ParseAddr(item)
				if addressErr != nil {
					return errors.New("must be IP addresses or CIDR ranges, separated by commas")
				}
				prefix = netip.PrefixFrom(address, address.BitLen())
			}
			if prefix.Addr().Is4In6() && prefix.Bits() >= 96 { // an IPv4 range, as some systems write it
				prefix = netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-96)
			}
			// No network of one's own is larger than 10.0.0.0/8 or fc00::/7. Two halves are the whole Internet, too.
			least := map[bool]int{true: 8, false: 7}[prefix.Addr().Is4()]
			if prefix.Bits() < least || prefix.Addr().Is4In6() {
				return errors.New("must not be a large part of the whole Internet: then every client could choose its address")
			}
			ranges = append(ranges, prefix.Masked())
		}
		*field = ranges
		return nil
	}
}

// webhookHosts reads hosts, each with a port or without.
func webhookHosts(field *[]string) func(string) error {
	return func(value string) error {
		var hosts []string
		for item := range strings.SplitSeq(value, ",") {
			host, err := webhooks.ExemptHost(strings.TrimSpace(item))
			if err != nil {
				return errors.New("must be host names or IP addresses, each with a port or without, separated by commas")
			}
			hosts = append(hosts, host)
		}
		*field = hosts
		return nil
	}
}
