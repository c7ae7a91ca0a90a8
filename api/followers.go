package api

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"paycow/models"
)

const (
	// followInterval is how often the rows of all followed payments are read, in one statement.
	followInterval = time.Second
	// The largest number of streams of a process and of one network (networkOf). Pages beyond it poll instead.
	maxFollowers           = 10_000
	maxFollowersPerNetwork = 64
)

var errTooManyFollowers = &failure{
	status: http.StatusServiceUnavailable, code: "too_many_streams", retryAfter: 30 * time.Second,
	msg: "Too many pages are open at the moment; please reload the page from time to time.",
}

// followers are the open checkout pages that are notified of changes. While there are any, one goroutine watches
// their payments, so the load on the database grows with the number of followed payments, not with the number of
// pages.
type followers struct {
	server *Server

	mutex     sync.Mutex
	byPayment map[string]map[*follower]bool
	byNetwork map[string]int
	count     int
	watching  bool
	closed    bool
	seen      map[string]string // the last stamp of each followed payment
}

// follower is an open page. news receives a value when the payment has changed and is closed when the process ends.
type follower struct {
	paymentID, network string
	news               chan struct{}
}

func newFollowers(server *Server) *followers {
	return &followers{
		server: server, byPayment: map[string]map[*follower]bool{}, byNetwork: map[string]int{},
		seen: map[string]string{},
	}
}

// add registers an open page for a payment. Returns errTooManyFollowers.
func (f *followers) add(paymentID, network string) (*follower, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.closed || f.count >= maxFollowers || f.byNetwork[network] >= maxFollowersPerNetwork {
		return nil, errTooManyFollowers
	}
	page := &follower{paymentID: paymentID, network: network, news: make(chan struct{}, 1)}
	if f.byPayment[paymentID] == nil {
		f.byPayment[paymentID] = map[*follower]bool{}
	}
	f.byPayment[paymentID][page] = true
	f.byNetwork[network]++
	f.count++
	if !f.watching {
		f.watching = true
		go f.watch()
	}
	return page, nil
}

func (f *followers) remove(page *follower) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	pages := f.byPayment[page.paymentID]
	if !pages[page] {
		return // close has removed all pages
	}
	delete(pages, page)
	if len(pages) == 0 {
		delete(f.byPayment, page.paymentID)
		delete(f.seen, page.paymentID)
	}
	f.byNetwork[page.network]--
	if f.byNetwork[page.network] == 0 {
		delete(f.byNetwork, page.network)
	}
	f.count--
}

// close ends the streams of all pages and refuses new ones.
func (f *followers) close() {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.closed = true
	for _, pages := range f.byPayment {
		for page := range pages {
			close(page.news)
		}
	}
	f.byPayment, f.byNetwork, f.count = map[string]map[*follower]bool{}, map[string]int{}, 0
}

// watch notifies followers of changes until none are left.
func (f *followers) watch() {
	ctx := context.Background() // the watch outlives the requests that follow
	ticker := time.NewTicker(followInterval)
	defer ticker.Stop()
	for range ticker.C {
		f.mutex.Lock()
		ids := slices.Collect(maps.Keys(f.byPayment))
		if len(ids) == 0 {
			f.watching = false
			f.mutex.Unlock()
			return
		}
		f.mutex.Unlock()
		stamps, err := f.stamps(ctx, ids)
		if err != nil {
			f.server.Log.WarnContext(ctx, "cannot read the followed payments", "pages", len(ids), "error", err)
			continue
		}
		f.notify(stamps)
	}
}

// notify wakes the pages of payments that have changed. A page with a pending notification needs no second one.
func (f *followers) notify(stamps map[string]string) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	for id, stamp := range stamps {
		if f.byPayment[id] == nil || f.seen[id] == stamp {
			continue
		}
		f.seen[id] = stamp
		for page := range f.byPayment[id] {
			select {
			case page.news <- struct{}{}:
			default:
			}
		}
	}
}

// stamps returns, by payment, a text of everything that its page shows. While the text is the same, so is the page.
func (f *followers) stamps(ctx context.Context, ids []string) (map[string]string, error) {
	s := f.server
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	head, err := s.head(ctx, models.NetworkERC20)
	if err != nil {
		return nil, err
	}
	rows, err := s.Store.PaymentsByID(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("read the followed payments: %w", err)
	}
	onTheirWay, err := s.Store.OnTheirWay(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("read the pending transfers: %w", err)
	}
	stamps := make(map[string]string, len(rows))
	for _, p := range rows {
		end, isPaused := s.window(ctx, p)
		stamps[p.ID] = fmt.Sprint(p.Version, min(models.Confirmations(head, p.LastBlock), s.requiredConfirmations(p)),
			onTheirWay[p.ID].Amount, s.isExpected(onTheirWay[p.ID]), end.UnixMilli(), isPaused, s.Clock().Before(end))
	}
	missing := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { _, found := stamps[id]; return found })
	if len(missing) == 0 {
		return stamps, nil
	}
	tests, err := s.Store.TestPaymentsByID(ctx, missing)
	if err != nil {
		return nil, fmt.Errorf("read the followed test payments: %w", err)
	}
	for _, t := range tests {
		stamps[t.ID] = fmt.Sprint(t.Version)
	}
	return stamps, nil
}
