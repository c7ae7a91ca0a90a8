package api

import (
	"context"
	"net/http"
	"sync"
	"time"

	"paycow/models"
)

const (
	// quotaShare is the part of what is left that a process hands out before it counts again: with several processes the
	// bound is exceeded by no more than a part of itself.
	quotaShare = 20
	// quotaMaxAge is how long a count is used.
	quotaMaxAge = time.Minute
	// refusalMaxAge is how long a refusal is used, so that a client that insists costs no counting.
	refusalMaxAge = 2 * time.Second
)

var errTooManyUnpaid = &failure{
	status: http.StatusTooManyRequests, code: "too_many_unpaid", retryAfter: time.Minute,
	msg: "Too many of your latest payments have received nothing; please try again later.",
}

var errTooManyOpen = &failure{
	status: http.StatusTooManyRequests, code: "too_many_open", retryAfter: time.Minute,
	msg: "Too many of your payments are open; please try again when some have ended.",
}

var errTooManyTests = &failure{
	status: http.StatusTooManyRequests, code: "too_many_tests", retryAfter: time.Hour,
	msg: "Too many test payments or test events were created in the last 24 hours; please try again later.",
}

// quota bounds how many payments of one kind, or test events, an operator may have. It is safe for concurrent use.
type quota struct {
	// count returns how many the operator has. It counts no further than limit.
	count   func(ctx context.Context, operatorID string, limit int) (int, error)
	refusal error
	clock   func() time.Time
	// isSuspended reports whether nobody is refused now; nil for never.
	isSuspended func(ctx context.Context) bool

	mutex      sync.Mutex
	byOperator map[string]*allowance
}

// allowance is how many payments an operator may create before they are counted again.
type allowance struct {
	mutex sync.Mutex
	left  int
	until time.Time // when they are counted again in any case
	// underway are the payments being created, which a count may not see yet.
	underway int
}

// newQuota returns a quota that is never suspended.
func (s *Server) newQuota(
	count func(ctx context.Context, operatorID string, limit int) (int, error), refusal error,
) *quota {
	return &quota{count: count, refusal: refusal, clock: s.Clock, byOperator: map[string]*allowance{}}
}

// newUnpaidQuota bounds how many payments in a row an operator may create of which none receives anything. Each uses an
// address index, and a wallet that is restored from its seed looks for money only so far past the last index that was
// used. While the chain is not being read, no payment can receive money, and nobody is refused for it.
func (s *Server) newUnpaidQuota() *quota {
	q := s.newQuota(s.Store.UnpaidRun, errTooManyUnpaid)
	q.isSuspended = func(ctx context.Context) bool {
		cursor, err := s.Store.Cursor(ctx, models.NetworkERC20)
		return err == nil && s.Clock().Sub(cursor.BlockTime) > s.LagLimit
	}
	return q
}

// take allows an operator with that limit one payment; the caller calls done once it is created. A limit of 0 is none.
// Returns the quota's refusal when the operator may create no payment now.
func (q *quota) take(ctx context.Context, operatorID string, limit int) (done func(), err error) {
	if limit == 0 {
		return func() {}, nil
	}
	a := q.of(operatorID)
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if a.left <= 0 && q.clock().Before(a.until) {
		return nil, q.refusal
	}
	if a.left <= 0 || !q.clock().Before(a.until) {
		found, err := q.count(ctx, operatorID, limit)
		if err != nil {
			return nil, err
		}
		remaining := limit - found - a.underway
		if remaining <= 0 && q.isSuspended != nil && q.isSuspended(ctx) {
			remaining = 1
		}
		if remaining <= 0 {
			a.left, a.until = 0, q.clock().Add(refusalMaxAge)
			return nil, q.refusal
		}
		a.left, a.until = max(remaining/quotaShare, 1), q.clock().Add(quotaMaxAge)
	}
	a.underway++
	if a.left--; a.left == 0 {
		a.until = time.Time{} // the next call counts again
	}
	return func() {
		a.mutex.Lock()
		defer a.mutex.Unlock()
		a.underway--
	}, nil
}

func (q *quota) of(operatorID string) *allowance {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	a := q.byOperator[operatorID]
	if a == nil {
		a = &allowance{}
		q.byOperator[operatorID] = a
	}
	return a
}
