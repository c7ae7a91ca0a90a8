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
	// followInterval is how often the rows behind all open pages are looked at, in one statement for all.
	followInterval = time.Second
	// The most streams of a process and of one network address. Whoever gets none asks from time to time instead.
	maxFollowers           = 10_000
	maxFollowersPerAddress = 64
)

var errTooManyFollowers = &failure{
	status: http.StatusServiceUnavailable, code: "too_many_streams", retryAfter: 30 * time.Second,
	msg: "Too many pages are being followed at the moment; please reload the page from time to time.",
}

// followers are the open checkout pages that want to be told of news. While there are any, one goroutine looks at their
// payments: what it costs the database grows with the number of payments on somebody's screen, not of their viewers.
type followers struct {
	server *Server

	mutex     sync.Mutex
	byPayment map[string]map[*follower]bool
	byAddress map[string]int
	count     int
	looking   bool
	closed    bool
	seen      map[string]string // what was last known of each followed payment
}

// follower is one open page. news is closed when the process ends.
type follower struct {
	paymentID, address string
	news               chan struct{}
}

func newFollowers(server *Server) *followers {
	return &followers{server: server, byPayment: map[string]map[*follower]bool{}, byAddress: map[string]int{}, seen: map[string]string{}}
}

// add makes a page a follower of its payment.
func (f *followers) add(paymentID, address string) (*follower, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.closed || f.count >= maxFollowers || f.byAddress[address] >= maxFollowersPerAddress {
		return nil, errTooManyFollowers
	}
	page := &follower{paymentID: paymentID, address: address, news: make(chan struct{}, 1)}
	if f.byPayment[paymentID] == nil {
		f.byPayment[paymentID] = map[*follower]bool{}
	}
	f.byPayment[paymentID][page] = true
	f.byAddress[address]++
	f.count++
	if !f.looking {
		f.looking = true
		go f.look()
	}
	return page, nil
}

func (f *followers) remove(page *follower) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	pages := f.byPayment[page.paymentID]
	if !pages[page] {
		return // all have been let go
	}
	delete(pages, page)
	if len(pages) == 0 {
		delete(f.byPayment, page.paymentID)
		delete(f.seen, page.paymentID)
	}
	f.byAddress[page.address]--
	if f.byAddress[page.address] == 0 {
		delete(f.byAddress, page.address)
	}
	f.count--
}

// close lets every page go and takes no more.
func (f *followers) close() {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.closed = true
	for _, pages := range f.byPayment {
		for page := range pages {
			close(page.news)
		}
	}
	f.byPayment, f.byAddress, f.count = map[string]map[*follower]bool{}, map[string]int{}, 0
}

// look tells followers of news until there are none left.
func (f *followers) look() {
	ticker := time.NewTicker(followInterval)
	defer ticker.Stop()
	for range ticker.C {
		f.mutex.Lock()
		ids := slices.Collect(maps.Keys(f.byPayment))
		if len(ids) == 0 {
			f.looking = false
			f.mutex.Unlock()
			return
		}
		f.mutex.Unlock()
		stamps, err := f.stamps(ids)
		if err != nil {
			f.server.Log.Warn("open checkout pages cannot be told", "pages", len(ids), "error", err)
			continue
		}
		f.tell(stamps)
	}
}

// tell wakes the pages of payments that have changed. A page that has not looked yet needs no second word.
func (f *followers) tell(stamps map[string]string) {
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

// stamps says by payment what its page rests on: when it is the same, so is the page.
func (f *followers) stamps(ids []string) (map[string]string, error) {
	s := f.server
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
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
		return nil, fmt.Errorf("read what is on its way: %w", err)
	}
	stamps := make(map[string]string, len(rows))
	for _, p := range rows {
		end, isPaused := s.window(ctx, p)
		if isPaused {
			end = time.Time{} // it moves with the clock
		}
		stamps[p.ID] = fmt.Sprint(p.Version, min(models.Confirmations(head, p.LastBlock), s.requiredConfirmations(p)), onTheirWay[p.ID],
			end.UnixMilli(), isPaused, s.Clock().Before(end))
	}
	return stamps, nil
}
