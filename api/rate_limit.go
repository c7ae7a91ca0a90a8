package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	lru "github.com/hashicorp/golang-lru/v2"
)

// limitWindow is the time for which a rate limit counts requests. It begins with the first of them.
const limitWindow = time.Minute

const (
	// limitShare is the part of a limit, one in so many, that a process counts ahead. So a busy client costs one statement
	// for many requests, and what a process does not use of it is small.
	limitShare = 20
	// limitedClients is how many clients a process remembers.
	limitedClients = 16384
	// networksPerSite is how many times the limit of one network a whole IPv6 /48 has, which a provider assigns to a site.
	networksPerSite = 4
	// countTimeout bounds how long a request waits to be counted, and countPause is how long a client's requests are not
	// counted after that failed: a limit makes no outage worse.
	countTimeout = time.Second
	countPause   = 5 * time.Second
)

// errNotCounted means that a request is not counted because counting failed a moment ago.
var errNotCounted = errors.New("requests are not counted now")

// rateLimit is a limit for one kind of client. The name is what the RateLimit fields call it.
type rateLimit struct {
	name     string
	requests int // in limitWindow; 0 = any number
}

// limiter counts the requests of clients together with the other processes. It is safe for concurrent use.
type limiter struct {
	count func(ctx context.Context, subject string, n int, window time.Duration) (used int64, until time.Time, err error)
	clock func() time.Time

	mutex  sync.Mutex
	shares *lru.Cache[string, *share]
}

// share is what a process has counted ahead for one client and may still admit.
type share struct {
	mutex sync.Mutex
	left  int
	rest  int       // of the limit, that no process has counted yet
	until time.Time // when the window ends
	blind time.Time // until when nothing is counted
}

func newLimiter(
	count func(ctx context.Context, subject string, n int, window time.Duration) (int64, time.Time, error),
	clock func() time.Time,
) *limiter {
	return &limiter{count: count, clock: clock, shares: newCache[string, *share](limitedClients)}
}

// take admits one request of a client, or not. It returns how many more the client may make, and in which time that
// begins anew.
func (l *limiter) take(
	ctx context.Context, subject string, limit int,
) (ok bool, left int, reset time.Duration, err error) {
	s := l.of(subject)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	now := l.clock()
	isOver := !now.Before(s.until)
	if isOver {
		s.left, s.rest = 0, limit
	}
	if s.left == 0 && s.rest > 0 {
		if now.Before(s.blind) {
			return false, 0, 0, errNotCounted
		}
		ahead := max(limit/limitShare, 1)
		ctx, cancel := context.WithTimeout(ctx, countTimeout)
		defer cancel()
		used, until, err := l.count(ctx, subject, ahead, limitWindow)
		if err != nil {
			s.blind = now.Add(countPause)
			return false, 0, 0, fmt.Errorf("count the request: %w", err)
		}
		before := used - int64(ahead)
		s.left = int(min(max(int64(limit)-before, 0), int64(ahead)))
		s.rest, s.until = int(max(int64(limit)-used, 0)), until
	}
	reset = min(max(s.until.Sub(now), time.Second), limitWindow) // the window may have begun after now
	if s.left == 0 {
		return false, 0, reset, nil
	}
	s.left--
	return true, s.left + s.rest, reset, nil
}

func (l *limiter) of(subject string) *share {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if known, ok := l.shares.Get(subject); ok {
		return known
	}
	s := &share{}
	l.shares.Add(subject, s)
	return s
}

// The RateLimit fields, in the form in which Go writes names.
const (
	headerRateLimit       = "Ratelimit"
	headerRateLimitPolicy = "Ratelimit-Policy"
)

// The names of the limits in the RateLimit fields, see docs/operations.md.
const (
	limitOfKey     = "key"
	limitOfNetwork = "network"
	limitOfSite    = "site"
	limitOfStatus  = "status"

	limitOfLinks    = "links"
	limitOfLinkSite = "links-site"
)

// limitNetwork limits the requests of a network address: an IPv4 address or an IPv6 /64, and a whole IPv6 /48.
func (s *Server) limitNetwork(c *gin.Context) {
	if refused := s.overAddressLimit(c, rateLimit{limitOfNetwork, s.RatePerNetwork}, limitOfSite); refused != nil {
		s.fail(c, refused)
	}
}

// overAddressLimit counts a request of a network address, and of its IPv6 /48, which may make networksPerSite times as
// many. Returns nil for one that is admitted.
func (s *Server) overAddressLimit(c *gin.Context, limit rateLimit, ofSite string) *failure {
	refused := s.overLimit(c, limit, networkOf(c.ClientIP()))
	if site := siteOf(c.ClientIP()); site != "" && refused == nil {
		refused = s.overLimit(c, rateLimit{ofSite, networksPerSite * limit.requests}, site)
	}
	return refused
}

// limitStatus limits the public calls for the status of payments.
func (s *Server) limitStatus(c *gin.Context) {
	s.limit(c, rateLimit{limitOfStatus, s.RateOfStatus}, networkOf(c.ClientIP()))
}

// linkPaymentsPerNetwork is how many payments a minute a network address may make through links.
const linkPaymentsPerNetwork = 10

// overLinkLimit limits the payments that a network address makes through links, unless nothing limits its requests.
func (s *Server) overLinkLimit(c *gin.Context) *failure {
	if s.RatePerNetwork == 0 {
		return nil
	}
	return s.overAddressLimit(c, rateLimit{limitOfLinks, linkPaymentsPerNetwork}, limitOfLinkSite)
}

// limitKey limits the requests with an API key, and those of an operator's dashboard. It comes after authenticate: who
// knows a key without its secret uses up nothing of its limit.
func (s *Server) limitKey(c *gin.Context) {
	subject, ok := credentialHeader(c.Request.Header, headerAPIKey)
	if !ok {
		subject = operatorID(c)
	}
	s.limit(c, rateLimit{limitOfKey, s.RatePerKey}, subject)
}

// limit admits a request of a client or answers it with 429.
func (s *Server) limit(c *gin.Context, limit rateLimit, client string) {
	if refused := s.overLimit(c, limit, client); refused != nil {
		s.fail(c, refused)
	}
}

// overLimit counts a request of a client. Returns nil for one that is admitted. The RateLimit fields follow
// draft-ietf-httpapi-ratelimit-headers-10. If the count cannot be had, the request goes on.
func (s *Server) overLimit(c *gin.Context, limit rateLimit, client string) *failure {
	if limit.requests == 0 {
		return nil
	}
	ok, left, reset, err := s.rates.take(c.Request.Context(), limit.name+":"+client, limit.requests)
	if errors.Is(err, errNotCounted) {
		return nil
	}
	if err != nil {
		s.Log.WarnContext(c, "cannot count a request for its rate limit", "request_id", requestID(c), "error", err)
		return nil
	}
	seconds := secondsUp(reset)
	header := c.Writer.Header()
	header.Add(headerRateLimitPolicy, fmt.Sprintf("%q;q=%d;w=%d", limit.name, limit.requests, secondsUp(limitWindow)))
	header.Add(headerRateLimit, fmt.Sprintf("%q;r=%d;t=%d", limit.name, left, seconds))
	if ok {
		return nil
	}
	return &failure{
		status: http.StatusTooManyRequests, code: "too_many_requests", retryAfter: reset,
		msg: fmt.Sprintf("Too many requests: at most %d a minute are allowed.", limit.requests),
	}
}

// siteOf returns the /48 prefix of an IPv6 address, "" for any other.
func siteOf(address string) string {
	parsed, err := netip.ParseAddr(address)
	if err != nil || parsed.Unmap().Is4() {
		return ""
	}
	prefix, err := parsed.Prefix(48)
	if err != nil {
		return ""
	}
	return prefix.String()
}
