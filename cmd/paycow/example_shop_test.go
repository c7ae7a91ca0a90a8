//go:build !slim

package main

import (
	"bufio"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/core/types"
	"github.com/stretchr/testify/require"

	"paycow/devstack/localchain"
	"paycow/models"
)

// exampleShop is examples/shop in a process of its own, which is started again whenever it ends.
type exampleShop struct {
	t        *testing.T
	url      string
	database string
	log      *output

	mu      sync.Mutex
	process *os.Process
	isOver  bool
}

// startExampleShop builds and runs the shop with these further arguments. Webhooks reach it through a front, which may
// do as it likes with them.
func startExampleShop(t *testing.T, s *stack, front *webhookFront, args ...string) *exampleShop {
	t.Helper()
	dir := t.TempDir()
	built := filepath.Join(dir, "shop")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", built, "../../examples/shop").CombinedOutput()
	require.NoError(t, err, string(out))
	shop := &exampleShop{t: t, database: filepath.Join(dir, "shop.db"), log: &output{}}
	server := httptest.NewServer(front)
	opened, over := make(chan string, 1), make(chan struct{})
	environment := append(os.Environ(), "PAYCOW_URL="+s.file.APIURL, "PAYCOW_API_KEY="+s.key, "PAYCOW_API_SECRET="+s.secret)
	start := func(listen string) (*exec.Cmd, io.Reader, error) {
		cmd := exec.Command(built, append(args, "-listen", listen, "-database", shop.database,
			"-webhook-url", server.URL+"/webhooks", "-catch-up", "4s")...)
		cmd.Env = environment
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		said, err := cmd.StderrPipe()
		return cmd, said, errors.Join(err, cmd.Start())
	}
	cmd, said, err := start("127.0.0.1:0")
	require.NoError(t, err)
	shop.process = cmd.Process
	t.Cleanup(func() {
		shop.mu.Lock()
		shop.isOver = true
		_ = shop.process.Kill()
		shop.mu.Unlock()
		<-over
		server.Close()
		if t.Failed() {
			t.Logf("the shop said:\n%s", shop.log)
		}
	})
	listen := regexp.MustCompile(`url=(http://\S+)`)
	go func() {
		defer close(over)
		for {
			for lines := bufio.NewScanner(said); lines.Scan(); {
				fmt.Fprintln(shop.log, lines.Text())
				if found := listen.FindStringSubmatch(lines.Text()); found != nil && shop.url == "" {
					shop.url = found[1]
					opened <- shop.url
				}
			}
			_ = cmd.Wait()
			shop.mu.Lock()
			if shop.isOver || shop.url == "" {
				shop.mu.Unlock()
				return
			}
			if cmd, said, err = start(strings.TrimPrefix(shop.url, "http://")); err != nil {
				t.Errorf("start the shop again: %v", err)
				shop.mu.Unlock()
				return
			}
			shop.process = cmd.Process
			shop.mu.Unlock()
		}
	}()
	select {
	case url := <-opened:
		front.shop = url
	case <-time.After(within):
		t.Fatalf("the shop does not open: %s", shop.log)
	}
	front.isOpen.Store(true)
	return shop
}

// kill ends the shop's process with SIGKILL. It is started again.
func (e *exampleShop) kill() {
	e.mu.Lock()
	defer e.mu.Unlock()
	_ = e.process.Kill()
}

// newOrder opens the shop's page and returns the id of the order that it prepares.
func (e *exampleShop) newOrder() (id string) {
	e.t.Helper()
	eventually(e.t, "the shop shows its products", func() error {
		response, err := http.Get(e.url)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		page, err := io.ReadAll(response.Body)
		if err != nil {
			return err
		}
		found := regexp.MustCompile(`name="order" value="(\w+)"`).FindSubmatch(page)
		if found == nil {
			return errors.New(string(page))
		}
		id = string(found[1])
		return nil
	})
	return id
}

// place sends the order form, and returns the id of the payment to whose checkout page it leads.
func (e *exampleShop) place(order string) (paymentID string, err error) {
	browser := &http.Client{Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	response, err := browser.PostForm(e.url+"/order", url.Values{"order": {order}, "product": {"mug"}})
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if _, id, ok := strings.Cut(response.Header.Get("Location"), "/payment/"); ok {
		return id, nil
	}
	return "", fmt.Errorf("the shop answered %d and leads to %q", response.StatusCode, response.Header.Get("Location"))
}

// mugPrice is what an order costs.
const mugPrice = 12*models.USDT + 500_000

// open opens the shop's database, to read only.
func (e *exampleShop) open() (*sql.DB, error) {
	return sql.Open("sqlite", "file:"+e.database+"?mode=ro&_pragma=busy_timeout(5000)")
}

// marks returns what the shop's database says that each order was marked, in order: "paid" or "paid unpaid".
func (e *exampleShop) marks() (map[string]string, error) {
	db, err := e.open()
	if err != nil {
		return nil, err
	}
	defer db.Close()
	rows, err := db.Query(`SELECT order_id, group_concat(mark, ' ' ORDER BY id) FROM markings GROUP BY order_id`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	marks := map[string]string{}
	for rows.Next() {
		var order, mark string
		if err := rows.Scan(&order, &mark); err != nil {
			return nil, err
		}
		marks[order] = mark
	}
	return marks, rows.Err()
}

// awaitMark waits until an order has been marked so.
func (e *exampleShop) awaitMark(order, want string) {
	e.t.Helper()
	eventually(e.t, "order "+order+" is marked "+want, func() error {
		marks, err := e.marks()
		if err == nil && marks[order] != want {
			err = fmt.Errorf("it is marked %q", marks[order])
		}
		return err
	})
}

// awaitStatus waits until the shop knows that an order's payment has a status.
func (e *exampleShop) awaitStatus(order string, want models.Status) {
	e.t.Helper()
	eventually(e.t, "order "+order+" is "+string(want), func() error {
		db, err := e.open()
		if err != nil {
			return err
		}
		defer db.Close()
		var is models.Status
		err = db.QueryRow(`SELECT status FROM orders WHERE id = ?`, order).Scan(&is)
		if err == nil && is != want {
			err = fmt.Errorf("it is %s", is)
		}
		return err
	})
}

// moods of a webhookFront.
const (
	goodMood   = iota // passes everything on
	changeable        // fails as it likes
	badMood           // passes nothing on
	goneMood          // passes nothing on, and says that the endpoint is gone
)

// webhookFront stands between PayCow and the shop's POST /webhooks.
type webhookFront struct {
	shop   string
	isOpen atomic.Bool // whether shop is set
	mood   atomic.Int32
	seed   uint64

	requests, accepted, failed, repeats atomic.Int64
	seen                                sync.Map // webhook-ids that the shop accepted
}

func (f *webhookFront) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	number := f.requests.Add(1)
	if f.mood.Load() == goneMood {
		f.failed.Add(1)
		w.WriteHeader(http.StatusGone)
		return
	}
	random := rand.New(rand.NewPCG(f.seed, uint64(number)))
	fate := 100
	switch f.mood.Load() {
	case changeable:
		fate = random.IntN(100)
	case badMood:
		fate = 0
	}
	if fate < 40 || !f.isOpen.Load() {
		f.failed.Add(1)
		if fate >= 25 { // hangs, and then the connection is gone
			time.Sleep(time.Duration(random.Int64N(int64(3 * time.Second))))
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	request, err := http.NewRequestWithContext(r.Context(), r.Method, f.shop+r.URL.Path, r.Body)
	if err != nil {
		panic(err)
	}
	request.Header = r.Header.Clone()
	response, err := http.DefaultClient.Do(request)
	if err != nil { // the shop was killed
		f.failed.Add(1)
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer response.Body.Close()
	if response.StatusCode < 300 {
		f.accepted.Add(1)
		if _, isRepeat := f.seen.LoadOrStore(r.Header.Get("webhook-id"), true); isRepeat {
			f.repeats.Add(1)
		}
	}
	switch { // the shop has taken it, and PayCow is not told
	case fate < 55:
		w.WriteHeader(http.StatusInternalServerError)
	case fate < 65:
		panic(http.ErrAbortHandler)
	default:
		w.WriteHeader(response.StatusCode)
	}
}

// TestExampleShop buys in the example shop while the gateway and the shop are killed and webhooks fail, hang and are
// answered with failures after they were taken. In the end every paid order is marked paid once, and no other.
func TestExampleShop(t *testing.T) {
	t.Parallel()
	const rounds, perRound = 6, 2
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, seed))
	s := startStack(t, "--block-time", "200ms", "--window", "24h")
	front := &webhookFront{seed: seed}
	shop := startExampleShop(t, s, front)
	front.mood.Store(changeable)

	type purchase struct {
		order, payment string
		pays           models.Amount
		tx             *types.Transaction
	}
	var purchases []*purchase
	var sent []*types.Transaction // in the order of their nonces
	pay := func(p *purchase) (err error) {
		if p.tx != nil || p.pays == 0 {
			return nil
		}
		var public struct{ DepositAddress string }
		code, answer, err := s.call(http.MethodGet, "/payment/data/"+p.payment, "", &public)
		if err != nil || code != http.StatusOK {
			return errors.Join(fmt.Errorf("the gateway answered %d %s", code, answer), err)
		}
		if p.tx, err = transferToken(t, s.file.RPCURL, s.file.TokenAddress, s.file.FaucetKey, public.DepositAddress, p.pays); err == nil {
			sent = append(sent, p.tx)
		}
		return err
	}
	for round := range rounds {
		for range perRound {
			purchases = append(purchases, &purchase{order: shop.newOrder(), pays: mugPrice})
		}
		switch round {
		case 1:
			purchases = append(purchases, &purchase{order: shop.newOrder()}) // ordered and not paid
		case 2:
			purchases = append(purchases, &purchase{order: shop.newOrder(), pays: mugPrice / 2})
		case 3:
			purchases = append(purchases, &purchase{order: shop.newOrder(), pays: 2 * mugPrice})
		}
		var killed sync.WaitGroup
		gateway, gatewayAt, shopAt := s.cmd.Process, random.Int64N(int64(4*time.Second)), random.Int64N(int64(4*time.Second))
		killed.Go(func() {
			time.Sleep(time.Duration(gatewayAt))
			_ = gateway.Kill()
		})
		killed.Go(func() {
			time.Sleep(time.Duration(shopAt))
			shop.kill()
		})
		for _, p := range purchases { // what is interrupted is done after the restart
			var err error
			if p.payment == "" {
				p.payment, err = shop.place(p.order)
			}
			if err == nil {
				_ = pay(p)
			}
		}
		killed.Wait()
		<-s.ended
		s.start()
		for _, tx := range sent {
			require.NoError(t, localchain.Rebroadcast(t.Context(), s.file.RPCURL, tx))
		}
		for _, p := range purchases {
			eventually(t, "order "+p.order+" has a payment", func() (err error) {
				if p.payment == "" {
					p.payment, err = shop.place(p.order)
				}
				return err
			})
			require.NoError(t, pay(p))
		}
	}

	want, payments := map[string]string{}, map[string]bool{}
	for _, p := range purchases {
		payments[p.payment] = true
		if p.pays >= mugPrice {
			want[p.order] = "paid"
			shop.awaitMark(p.order, "paid")
		}
	}
	var made struct{ Payments []struct{} }
	s.must(http.MethodGet, "/api/payments?limit=200", "", &made)
	require.Len(t, made.Payments, len(purchases), "one payment for each order")
	require.Len(t, payments, len(purchases))

	// A shop that hears nothing catches up.
	front.mood.Store(badMood)
	deaf := &purchase{order: shop.newOrder(), pays: mugPrice}
	var err error
	deaf.payment, err = shop.place(deaf.order)
	require.NoError(t, err)
	require.NoError(t, pay(deaf))
	shop.awaitMark(deaf.order, "paid")
	want[deaf.order] = "paid"

	// Everything is delivered once more.
	front.mood.Store(goodMood)
	var deliveries struct {
		Deliveries []struct{ ID, Status, EventType string }
	}
	s.must(http.MethodGet, "/api/webhook-deliveries?limit=200", "", &deliveries)
	repeats := front.repeats.Load()
	again := int64(0)
	for _, d := range deliveries.Deliveries {
		if d.Status == string(models.DeliveryDelivered) {
			code, answer, err := s.call(http.MethodPost, "/api/webhook-deliveries/"+d.ID+"/redeliver", "{}", nil)
			require.NoError(t, err)
			require.Equal(t, http.StatusAccepted, code, answer)
			again++
		}
	}
	require.Positive(t, again, "webhooks were delivered")
	eventually(t, "all repeats have come", func() error {
		if came := front.repeats.Load() - repeats; came < again {
			return fmt.Errorf("%d of %d", came, again)
		}
		return nil
	})
	marks, err := shop.marks()
	require.NoError(t, err)
	require.Equal(t, want, marks, "paid orders are marked once, others not at all")
	t.Logf("%d webhooks: the shop took %d, %d of them again; %d failed before it", front.requests.Load(), front.accepted.Load(),
		front.repeats.Load(), front.failed.Load())
}

// TestExampleShopIsToldOfAReorg pays an order, and has the chain take the payment back after the goods may have gone out.
func TestExampleShopIsToldOfAReorg(t *testing.T) {
	s := startStack(t, "--block-time", "0s")
	front := &webhookFront{}
	shop := startExampleShop(t, s, front)
	order := shop.newOrder()
	payment, err := shop.place(order)
	require.NoError(t, err)
	var public struct{ DepositAddress string }
	s.must(http.MethodGet, "/payment/data/"+payment, "", &public)
	tx := s.send(public.DepositAddress, mugPrice)
	s.mine(12)
	shop.awaitMark(order, "paid")
	s.reorg(12, true)
	s.mine(1)
	shop.awaitMark(order, "paid unpaid")
	require.NoError(t, localchain.Rebroadcast(t.Context(), s.file.RPCURL, tx))
	s.mine(12)
	shop.awaitMark(order, "paid unpaid paid")
}

// TestExampleShopAndTestPayments buys with test payments. They pay nothing, except in the shop that was started for
// them. That one's endpoint was disabled by a 410, and works again.
func TestExampleShopAndTestPayments(t *testing.T) {
	t.Parallel()
	s := startStack(t, "--block-time", "0s")
	front := &webhookFront{}
	front.mood.Store(goneMood)
	ofTests := startExampleShop(t, s, front, "-test", "-dev", filepath.Join(s.dir, devFileName))
	live := *s
	live.shop = &shop{t, s.file.APIURL, s.file.Operator.TestAPIKey, s.file.Operator.TestAPISecret}
	refusing := startExampleShop(t, &live, &webhookFront{})

	unpaid := refusing.newOrder()
	_, err := refusing.place(unpaid)
	require.NoError(t, err)
	paid := ofTests.newOrder()
	_, err = ofTests.place(paid)
	require.NoError(t, err)
	eventually(t, "the endpoint answered 410", func() error {
		if front.failed.Load() == 0 {
			return errors.New("it was not asked")
		}
		return nil
	})
	front.mood.Store(goodMood)
	eventually(t, "the endpoint is enabled again", func() error {
		if !strings.Contains(ofTests.log.String(), "enabled again") {
			return errors.New("the log does not say so")
		}
		return nil
	})
	ofTests.awaitMark(paid, "paid")
	again := ofTests.newOrder()
	_, err = ofTests.place(again)
	require.NoError(t, err)
	ofTests.awaitMark(again, "paid")
	eventually(t, "the shop is told by webhook", func() error {
		if front.accepted.Load() == 0 {
			return errors.New("it is not")
		}
		return nil
	})

	refusing.awaitStatus(unpaid, models.StatusPaid)
	response, err := http.Get(refusing.url + "/orders/" + unpaid)
	require.NoError(t, err)
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Contains(t, string(page), "This was a test; nothing was paid.")
	marks, err := refusing.marks()
	require.NoError(t, err)
	require.Empty(t, marks)
}
