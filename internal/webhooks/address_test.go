package webhooks_test

import (
	"net"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"paycow/internal/webhooks"
)

const (
	notAbsolute = "must be an absolute https URL of at most 2048 bytes"
	notHTTPS    = "must begin with https://"
	userInfo    = "must not contain a user name or password"
	fragment    = "must not contain a fragment (#)"
	badHost     = "must name its host by a valid domain name or IP address"
	badPort     = "must have a port from 1 to 65535, or none"
	inside      = "must lead to a public address, not into a private network or to this machine"
)

func TestURLsOfEndpoints(t *testing.T) {
	t.Parallel()
	long := "https://shop.example/" + strings.Repeat("a", 2048-len("https://shop.example/"))
	for text, want := range map[string]string{ // the URL as it is stored, or why it is refused
		"https://shop.example":                             "https://shop.example",
		"https://shop.example/hook?id=1&x=%20":             "https://shop.example/hook?id=1&x=%20",
		"HTTPS://Shop.Example:8443/Hook":                   "https://shop.example:8443/Hook",
		"https://shop.example.:00443/":                     "https://shop.example:443/",
		"https://shop.example:/":                           "https://shop.example/",
		"https://bücher.example/ü":                         "https://xn--bcher-kva.example/%C3%BC",
		"https://bücher。example/":                          "https://xn--bcher-kva.example/",
		"https://8.8.8.8/":                                 "https://8.8.8.8/",
		"https://[2606:4700:4700:0:0::1111]:9/":            "https://[2606:4700:4700::1111]:9/",
		"https://[2606:4700:4700::1111]/":                  "https://[2606:4700:4700::1111]/",
		long:                                               long,
		long + "a":                                         notAbsolute,
		"https://shop.example/" + strings.Repeat("ü", 600): notAbsolute, // longer in ASCII
		"":                            notAbsolute,
		"/hook":                       notAbsolute,
		"//shop.example/":             notHTTPS,
		"shop.example/hook":           notAbsolute,
		"https:shop.example":          notAbsolute,
		"https:///hook":               notAbsolute,
		"https://shop.example/\n":     notAbsolute,
		"https://shop example/":       notAbsolute,
		"https://shop.example/%zz":    notAbsolute,
		"http://shop.example/":        notHTTPS,
		"http://localhost/":           notHTTPS,
		"http://127.0.0.1:8080/":      notHTTPS,
		"ftp://shop.example/":         notHTTPS,
		"javascript://shop.example/":  notHTTPS,
		"file://shop.example/etc":     notHTTPS,
		"https://0.\x8b/":             notAbsolute,
		"https://u@shop.example/":     userInfo,
		"https://u:p@shop.example/":   userInfo,
		"https://@shop.example/":      userInfo,
		"https://a.example@10.0.0.1/": userInfo,
		"https://shop.example/#a":     fragment,
		"https://shop.example/#":      fragment,
		"https://shop.example:0/":     badPort,
		"https://shop.example:65536/": badPort,
		"https://shop.example:x/":     notAbsolute,
		"https://a_b.example/":        badHost,
		"https://-a.example/":         badHost,
		"https://a..example/":         badHost,
		"https://.example/":           badHost,
		"https://./":                  badHost,
		"https://a.example../":        badHost,
		"https://xn--a/":              badHost,
		"https://" + strings.Repeat("a", 64) + ".example/":       badHost,
		"https://" + strings.Repeat("abcdefg.", 32) + "example/": badHost,
		"https://[fe80::1%25eth0]/":                              badHost,
		"https://a.example%2f.b.example/":                        notAbsolute,
		"https://a.example\\@10.0.0.1/":                          notAbsolute,
		// Addresses inside, in all spellings.
		"https://127.0.0.1/": inside, "https://10.0.0.1:8443/": inside, "https://172.16.0.1/": inside,
		"https://192.168.0.1/": inside, "https://169.254.169.254/latest/meta-data": inside, "https://100.64.0.1/": inside,
		"https://0.0.0.0/": inside, "https://224.0.0.1/": inside, "https://255.255.255.255/": inside,
		"https://[::1]/": inside, "https://[::]/": inside, "https://[fe80::1]/": inside, "https://[fd00:ec2::254]/": inside,
		"https://[::ffff:10.0.0.1]/": inside, "https://[::ffff:8.8.8.8]/": inside, "https://[::ffff:a9fe:a9fe]/": inside,
		"https://[64:ff9b::7f00:1]/": inside, "https://[2002:7f00:1::]/": inside, "https://[2001:db8::1]/": inside,
		"https://１２７.０.０.１/": inside, "https://①②⑦.0.0.1/": inside, "https://127。0。0。1/": inside, "https://127.0.0.1./": inside,
		"https://2130706433/": badHost, "https://0x7f000001/": badHost, "https://0X7F.0.0.1/": badHost, "https://0177.0.0.1/": badHost,
		"https://127.1/": badHost, "https://1/": badHost, "https://0x/": badHost, "https://a.0x7f/": badHost, "https://10.0.0.01/": badHost,
		"https://1.2.3.4.5/": badHost, "https://shop.1/": badHost, "https://017700000001/": badHost,
		"https://localhost/": inside, "https://LOCALHOST./": inside, "https://a.localhost/": inside, "https://intranet/": inside,
		"https://printer.local/": inside, "https://metadata.google.internal/": inside, "https://router.home.arpa/": inside,
	} {
		got, err := webhooks.URLRules{}.Check(text)
		if err != nil {
			assert.Empty(t, got)
			got = err.Error()
		}
		assert.Equal(t, want, got, text)
	}
}

// Exempt hosts may be inside; only development may do without TLS, and only on this machine.
func TestExemptURLs(t *testing.T) {
	t.Parallel()
	named := webhooks.URLRules{Exempt: []string{"erp.internal", "10.0.0.1", "intranet:8443", "fd00::1"}}
	dev := webhooks.URLRules{Exempt: webhooks.LocalHosts(), AllowHTTP: true}
	for _, c := range []struct {
		rules webhooks.URLRules
		text  string
		want  string
	}{
		{named, "https://ERP.internal./x", "https://erp.internal/x"},
		{named, "https://erp.internal:8443/x", "https://erp.internal:8443/x"},
		{named, "https://10.0.0.1:99/", "https://10.0.0.1:99/"},
		{named, "https://[fd00:0::1]/", "https://[fd00::1]/"},
		{named, "https://intranet:8443/", "https://intranet:8443/"},
		{named, "https://intranet/", inside},
		{named, "https://intranet:8444/", inside},
		{named, "https://x.erp.internal/", inside},
		{named, "https://10.0.0.2/", inside},
		{named, "https://localhost/", inside},
		{named, "http://erp.internal/", notHTTPS},
		{dev, "http://localhost:3000/hook", "http://localhost:3000/hook"},
		{dev, "http://127.0.0.1:3000/hook", "http://127.0.0.1:3000/hook"},
		{dev, "http://[::1]:3000/hook", "http://[::1]:3000/hook"},
		{dev, "https://localhost/", "https://localhost/"},
		{dev, "http://127.0.0.2/", notHTTPS},
		{dev, "http://shop.example/", notHTTPS},
		{dev, "https://10.0.0.1/", inside},
		{webhooks.URLRules{AllowHTTP: true}, "http://localhost/", inside},
	} {
		got, err := c.rules.Check(c.text)
		if err != nil {
			got = err.Error()
		}
		assert.Equal(t, c.want, got, c.text)
	}
}

func TestExemptHost(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"ERP.internal": "erp.internal", "erp.internal:8443": "erp.internal:8443", "10.0.0.1": "10.0.0.1", "10.0.0.1:80": "10.0.0.1:80",
		"fd00:0::1": "fd00::1", "[fd00::1]": "fd00::1", "[fd00:0::1]:80": "[fd00::1]:80", "bücher.example": "xn--bcher-kva.example",
		"https://erp.internal": "", "erp.internal/x": "", "": "", "a b": "", "u@erp.internal": "", "10.0.0.0/8": "", "2130706433": "", "*": "",
	} {
		got, err := webhooks.ExemptHost(text)
		assert.Equal(t, want, got, text)
		assert.Equal(t, want == "", err != nil, text)
	}
}

// What passes is an https URL with a host that stays what it is when it is checked again, and is no address inside.
func FuzzURLsOfEndpoints(f *testing.F) {
	for _, seed := range []string{
		"https://shop.example/hook?x=1", "https://[::ffff:10.0.0.1]/", "https://１２７.０.０.１/", "https://a.example\\@10.0.0.1/", "https://0x7f.1/",
		"https://a%00b.example/", "https://bücher.example:443/ü#", "https://127.0.0.1%2e/", "https://169.254.169.254:80", "https://ß.example./",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		stored, err := webhooks.URLRules{}.Check(text)
		if err != nil {
			return
		}
		again, err := webhooks.URLRules{}.Check(stored)
		require.NoError(t, err)
		require.Equal(t, stored, again)
		require.LessOrEqual(t, len(stored), webhooks.MaxURLBytes)
		address, err := url.Parse(stored)
		require.NoError(t, err)
		require.Equal(t, "https", address.Scheme)
		require.Nil(t, address.User)
		require.Empty(t, address.Fragment)
		require.Regexp(t, `^[a-z0-9.:-]+$`, address.Hostname())
		if ip := net.ParseIP(address.Hostname()); ip != nil {
			require.True(t, ip.IsGlobalUnicast() && !ip.IsPrivate(), stored)
		} else {
			require.Regexp(t, `\.[a-z0-9-]*[a-z-][a-z0-9-]*$`, address.Hostname())
		}
	})
}
