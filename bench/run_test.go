package bench

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"
)

var (
	figuresFlag = flag.String("figures", "", "how long to measure: quick, or full, which writes docs/performance.md")
	rowsFlag    = flag.String("rows", "", "the groups of figures to measure, separated by commas; all if it is empty")
)

const (
	documentFile = "../docs/performance.md"
	figuresFile  = "../docs/performance.json"

	confirmations = 12
	paidWithin    = 3 * time.Minute
)

// size is how much a run does.
type size struct {
	length time.Duration // of each measurement of a rate
	settle time.Duration // after which a stack that has little to do has done it
	burst  int           // payments that are created before the waits are measured
	paid   []int         // payments that are paid in one block
	open   int           // payments that are open beside those that are measured

	callsAt   []int // open payments beside which RPC calls are counted
	addresses int   // deposit addresses beside which busy blocks are read
	blocks    int   // busy blocks
	catchUp   int   // empty blocks to catch up with
	memoryAt  []int // open payments beside which memory is measured
	unstarted int   // payments that are created without an engine
	whole     int   // payments that are paid
}

var sizes = map[string]size{
	"quick": {
		length: time.Second, settle: time.Second, burst: 300, paid: []int{10, 50}, open: 2000,
		callsAt: []int{2000}, addresses: 50_000, blocks: 5, catchUp: 300,
		memoryAt: []int{2000}, unstarted: 600, whole: 100,
	},
	"full": {
		length: 10 * time.Second, settle: 3 * time.Second, burst: 2500, paid: []int{10, 50, 200}, open: 100_000,
		callsAt: []int{1000, 10_000, 100_000}, addresses: 1_000_000, blocks: 11, catchUp: 1000,
		memoryAt: []int{10_000, 100_000}, unstarted: 3000, whole: 600,
	},
}

// groups are what can be measured alone, in the order of the tables.
var groups = []struct {
	name    string
	measure func(b *bench, s size) []Figure
}{
	{"api", (*bench).ofAPI},
	{"stack", (*bench).ofStack},
	{"history", (*bench).ofHistory},
	{"chain", (*bench).ofChain},
	{"memory", (*bench).ofMemory},
	{"paid", (*bench).ofPaid},
}

// TestFigures measures figures if it is asked to. It fails when something does not work, never because a figure is
// worse than its goal.
func TestFigures(t *testing.T) {
	if *figuresFlag == "" {
		t.Skip("it measures for minutes; make bench or make bench-quick runs it")
	}
	s, known := sizes[*figuresFlag]
	require.True(t, known, "-figures is quick or full")
	order, asked := groupNames(), strings.FieldsFunc(*rowsFlag, func(r rune) bool { return r == ',' })
	for _, name := range asked {
		require.Contains(t, order, name, "-rows names groups")
	}
	b := newBench(t)
	b.settle = s.settle
	run := Run{Machine: machine(), Date: time.Now().UTC().Truncate(time.Second), Commit: commit(t), Command: "make bench"}
	if len(asked) > 0 {
		run.Command += " ROWS=" + *rowsFlag
	}
	r := &Report{}
	// One after the other: what runs beside a measurement takes its time.
	for _, group := range groups {
		if len(asked) > 0 && !slices.Contains(asked, group.name) {
			continue
		}
		t.Run(group.name, func(t *testing.T) {
			begin := time.Now()
			r.Groups = append(r.Groups, Group{Name: group.name, Run: run, Figures: group.measure(b.in(t), s)})
			t.Logf("measured in %s", time.Since(begin).Round(time.Second))
		})
	}
	// A group that failed is missing, and the test has failed; what the others measured is kept.
	fmt.Println(r.Text())
	earlier, err := Read(figuresFile)
	require.NoError(t, err)
	if earlier != nil {
		fmt.Printf("Moved by more than 20 %% since the figures in %s:\n%s\n", figuresFile,
			strings.Join(r.Moved(earlier), "\n"))
	}
	if *figuresFlag == "full" {
		write(t, r.over(earlier, order))
	}
}

func groupNames() (names []string) {
	for _, group := range groups {
		names = append(names, group.name)
	}
	return names
}

// again does something as a subtest of the group, with a chain of its own.
func (b *bench) again(name string, do func(b *bench)) {
	b.t.Helper()
	b.t.Run(name, func(t *testing.T) { do(b.in(t)) })
	require.False(b.t, b.t.Failed())
}

// in returns the same parts for a subtest, whose end ends what it starts. It gets a chain of its own, because blocks that
// are made quickly move the chain's clock ahead.
func (b *bench) in(t *testing.T) *bench {
	t.Helper()
	copied := *b
	copied.t = t
	copied.startChain()
	return &copied
}

// ofAPI measures the API process without an engine: nothing but requests uses the processor.
func (b *bench) ofAPI(s size) (figures []Figure) {
	b.t.Helper()
	floors := b.startFloors()
	in := b.install("api")
	for _, connections := range []int{8, 32} {
		figures = append(figures, in.creates("API alone", connections, s, floors, 0.45))
	}
	figures = append(figures, in.reads("API alone", s, floors, 0.7)...)
	return append(figures, in.firstVisit()...)
}

// assetOfPage finds the style and the script of a page.
var assetOfPage = regexp.MustCompile(`"(/assets/[^"]+)"`)

// firstVisit loads the checkout page and what it needs, as a browser does that has nothing of it.
func (in *installation) firstVisit() []Figure {
	in.t.Helper()
	p, err := in.create()
	require.NoError(in.t, err)
	page, err := in.get(in.url + "/payment/" + p.ID)
	require.NoError(in.t, err)
	paths := []string{"/payment/" + p.ID}
	for _, asset := range assetOfPage.FindAllStringSubmatch(string(page), -1) {
		paths = append(paths, asset[1])
	}
	bytes := 0
	for _, path := range paths {
		request, err := http.NewRequestWithContext(in.t.Context(), http.MethodGet, in.url+path, http.NoBody)
		require.NoError(in.t, err)
		request.Header.Set("Accept-Encoding", "gzip") // asked for like this, the body stays compressed
		body, err := in.do(request)
		require.NoError(in.t, err)
		bytes += len(body)
	}
	return []Figure{
		{
			Name: "checkout page, first visit", Unit: "kB", Value: float64(bytes) / 1000, Goal: Goal{Limit: 20, AtMost: true},
		},
		{Name: "checkout page, requests of a first visit", Unit: "requests", Value: float64(len(paths))},
	}
}

// ofStack measures everything in one process, with the engine's state on the same Postgres.
func (b *bench) ofStack(s size) (figures []Figure) {
	b.t.Helper()
	floors := b.startFloors()
	in := b.install("serve", "--embedded", "--data-dir", b.t.TempDir())
	in.awaitPayment()
	time.Sleep(in.settle)
	in.idle = in.processorOf(in.pid)
	figures = append(figures, in.waits(s)...)
	figures = append(figures, in.creates("whole stack", 8, s, floors, 0.25))
	figures = append(figures, in.firstReads(s)...)
	in.awaitStarts()
	return append(figures, in.reads("whole stack", s, floors, 0.5)...)
}

// creates compares the creation of payments with an INSERT behind the same router.
func (in *installation) creates(where string, connections int, s size, floors string, goal float64) Figure {
	in.t.Helper()
	f := Figure{
		Name: fmt.Sprintf("creates, %s, %d connections ÷ gin + one INSERT", where, connections), Unit: "1/s",
		Goal: Goal{Limit: goal},
	}
	return in.against(f,
		func() float64 {
			return in.rate(connections, s.length, func() error { _, err := in.create(); return err })
		},
		func() float64 {
			if in.idle > 0 {
				in.awaitStarts() // what the last round left to do would slow the floor down
			}
			return in.rate(connections, s.length, func() error { _, err := in.floorCreate(floors); return err })
		})
}

func (b *bench) floorCreate(floors string) (id string, err error) {
	content, err := b.post(floors+"/payments", `{"amount":5,"userId":"user_123456","network":"ERC20"}`, "", "")
	if err != nil {
		return "", err
	}
	var p floorPayment
	err = json.Unmarshal(content, &p)
	return p.ID, err
}

// reads compares the public status with a SELECT by key, and the checkout page with a static one.
func (in *installation) reads(where string, s size, floors string, goal float64) []Figure {
	in.t.Helper()
	p, err := in.create()
	require.NoError(in.t, err)
	id, err := in.floorCreate(floors)
	require.NoError(in.t, err)
	get := func(url string) func() float64 {
		return func() float64 { return in.rate(8, s.length, func() error { _, err := in.get(url); return err }) }
	}
	status := Figure{Name: "/payment/data/:id, " + where + " ÷ gin + SELECT by key", Unit: "1/s", Goal: Goal{Limit: goal}}
	page := Figure{Name: "checkout page, " + where + " ÷ a static page of 12 kB", Unit: "1/s", Goal: Goal{Limit: 0.2}}
	return []Figure{
		in.against(status, get(in.url+"/payment/data/"+p.ID), get(floors+"/payments/"+id)),
		in.against(page, get(in.url+"/payment/"+p.ID), get(floors+"/page")),
	}
}

// firstReads measures the first read of the public status of payments, each soon after its creation.
func (in *installation) firstReads(s size) []Figure {
	in.t.Helper()
	payments := make([]payment, s.burst/2)
	in.each(8, len(payments), func(i int) (err error) { payments[i], err = in.create(); return err })
	took := in.each(8, len(payments), func(i int) error {
		_, err := in.get(in.url + "/payment/data/" + payments[i].ID)
		return err
	})
	return twoPercentiles("first status read, 8 connections", took, 50)
}

// twoPercentiles makes the rows of a wait. The goal is for the second, in milliseconds.
func twoPercentiles(name string, took []time.Duration, goal float64) []Figure {
	return []Figure{
		{Name: name + ", p50", Unit: "ms", Value: milliseconds(percentile(took, 50))},
		{Name: name + ", p99", Unit: "ms", Value: milliseconds(percentile(took, 99)), Goal: Goal{Limit: goal, AtMost: true}},
	}
}

// waits measures how long payments wait for DETECTED directly after a burst of unpaid ones, and for PAID after their
// twelfth confirmation. Their transactions are sent before the burst and mined after it.
func (in *installation) waits(s size) (figures []Figure) {
	in.t.Helper()
	for _, paid := range s.paid {
		var detected, credited []time.Duration
		for range 3 {
			ids := in.send(paid)
			in.each(8, s.burst, func(int) error { _, err := in.create(); return err })
			detected = append(detected, in.mineAndAwait(ids, 1, "DETECTED", "CONFIRMING", "PAID")...)
			in.mineAndAwait(ids, 1, "CONFIRMING", "PAID")
			in.awaitStarts()
			in.mineAndAwait(nil, confirmations-3)
			time.Sleep(in.settle) // the blocks before the last are read, and nothing else is left to do
			credited = append(credited, in.mineAndAwait(ids, 1, "PAID")...)
		}
		goal := 500.0
		if paid > 50 {
			goal = 2000
		}
		figures = append(figures,
			twoPercentiles(fmt.Sprintf("block → DETECTED, after %d creates, %d paid", s.burst, paid), detected, 1000)...)
		figures = append(figures,
			twoPercentiles(fmt.Sprintf("12th confirmation → PAID, %d in one block", paid), credited, goal)...)
	}
	return figures
}

// send creates payments and sends their money, which then waits for a block.
func (in *installation) send(n int) (ids []string) {
	in.t.Helper()
	addresses := make([]common.Address, n)
	ids = make([]string, n)
	in.each(8, n, func(i int) error {
		p, err := in.create()
		ids[i], addresses[i] = p.ID, common.HexToAddress(p.Address)
		return err
	})
	in.pay(addresses...)
	return ids
}

// mineAndAwait makes blocks and waits until each payment has one of the statuses. It returns how long each needed from
// the last block on, to a hundredth of a second.
func (in *installation) mineAndAwait(ids []string, blocks int, statuses ...string) (took []time.Duration) {
	in.t.Helper()
	if blocks > 0 {
		require.NoError(in.t, in.chain.Mine(blocks))
	}
	begin := time.Now()
	for waiting := slices.Clone(ids); len(waiting) > 0; time.Sleep(10 * time.Millisecond) {
		require.Less(in.t, time.Since(begin), paidWithin, "%d payments are not yet %v", len(waiting), statuses)
		there := in.with(waiting, statuses)
		for range there {
			took = append(took, time.Since(begin))
		}
		waiting = slices.DeleteFunc(waiting, func(id string) bool { return slices.Contains(there, id) })
	}
	return took
}

// with returns which of the payments have one of the statuses.
func (in *installation) with(ids, statuses []string) (found []string) {
	in.t.Helper()
	rows, err := in.db.Query(in.t.Context(), `SELECT id FROM payments WHERE id = ANY($1) AND status = ANY($2)`,
		ids, statuses)
	require.NoError(in.t, err)
	defer rows.Close()
	for rows.Next() {
		var id string
		require.NoError(in.t, rows.Scan(&id))
		found = append(found, id)
	}
	require.NoError(in.t, rows.Err())
	return found
}

// awaitPayment takes one payment to DETECTED, so that every part has started.
func (in *installation) awaitPayment() {
	in.t.Helper()
	in.mineAndAwait(in.send(1), 1, "DETECTED", "CONFIRMING", "PAID")
}

// awaitStarts waits until the burst is worked off, which is when the program uses little more of the processor than before it.
func (in *installation) awaitStarts() {
	in.t.Helper()
	deadline := time.Now().Add(10 * time.Minute)
	for in.processorOf(in.pid) > in.idle+0.15 {
		require.True(in.t, time.Now().Before(deadline), "the stack is still busy")
	}
}

// processorOf returns how many cores a process uses, over two seconds.
func (in *installation) processorOf(pid int) float64 {
	in.t.Helper()
	const over = 2 * time.Second
	before := processorTime(in.t, pid)
	time.Sleep(over)
	return float64(processorTime(in.t, pid)-before) / float64(over)
}

func commit(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "git", "describe", "--always", "--dirty", "--exclude=*").Output()
	require.NoError(t, err)
	return strings.TrimSpace(string(out))
}

// machine describes the machine, without its name.
func machine() string {
	find := func(file, expression string) string {
		content, _ := os.ReadFile(file)
		if found := regexp.MustCompile(expression).FindSubmatch(content); found != nil {
			return strings.TrimSpace(string(found[1]))
		}
		return "unknown"
	}
	return fmt.Sprintf("%s, %d cores, %s of memory, %s, %s", find("/proc/cpuinfo", `(?m)^model name\s*:(.*)$`),
		runtime.NumCPU(), find("/proc/meminfo", `(?m)^MemTotal:(.*)$`),
		find("/etc/os-release", `(?m)^PRETTY_NAME="?([^"\n]*)`), runtime.Version())
}

func write(t *testing.T, r *Report) {
	t.Helper()
	document, err := os.ReadFile(documentFile)
	require.NoError(t, err)
	text, err := replaceBetween(string(document), "<!-- figures -->", "<!-- end of figures -->", r.Markdown())
	require.NoError(t, err)
	content, err := json.MarshalIndent(r, "", "  ")
	require.NoError(t, err)
	require.NoError(t, errors.Join(os.WriteFile(documentFile, []byte(text), 0o600),
		os.WriteFile(figuresFile, append(content, '\n'), 0o600)))
}
