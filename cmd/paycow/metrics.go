package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"paycow/chain"
	"paycow/models"
	"paycow/store"
)

// scrapeTimeout bounds how long the database may take for one scrape.
const scrapeTimeout = 5 * time.Second

// metricsStore is the part of the database that the metrics are read from.
type metricsStore interface {
	Cursor(ctx context.Context, network string) (models.ChainCursor, error)
	NodeHealth(ctx context.Context, network string) ([]models.NodeHealth, error)
	OpenAlarms(ctx context.Context, network string) ([]models.Alarm, error)
	NetworkFigures(ctx context.Context, network string) (store.Figures, error)
	DeliveryFigures(ctx context.Context) (store.DeliveryFigures, error)
	LastReconciliation(ctx context.Context, network string) (models.Reconciliation, error)
}

// collector reads the metrics from the database at each scrape. So all processes report the same, and a crash loses no
// counts. No operator, payer, address or URL is a label.
type collector struct {
	store   metricsStore
	network string
	quorum  int // 0 = the default for the number of nodes
	log     *slog.Logger
}

var networkLabel = []string{"network"}

// The metrics. Labels that are given here follow the label of the network.
var (
	metricUp           = metric("up", "1 if all other metrics could be read from the database, otherwise 0.")
	metricHead         = metric("chain_head_block", "Newest block number that a node has reported.")
	metricCursor       = metric("chain_cursor_block", "Newest block number that was read.")
	metricAgreed       = metric("chain_agreed_block", "Newest block number up to which the nodes agree.")
	metricFinalized    = metric("chain_finalized_block", "Newest block number that is final.")
	metricRechecked    = metric("chain_rechecked_block", "Newest block number that was read a second time.")
	metricLag          = metric("chain_lag_seconds", "Age of the newest block that was read, in seconds.")
	metricNodes        = metric("rpc_nodes", "Ethereum nodes by state.", "state")
	metricNeeded       = metric("rpc_quorum_needed", "Ethereum nodes that must agree before a credit or an expiry.")
	metricUsable       = metric("rpc_quorum_usable", "Ethereum nodes that can be used now.")
	metricNodesAge     = metric("rpc_nodes_age_seconds", "Time since the watching worker reported its nodes, in seconds.")
	metricAlarms       = metric("alarms_open", "Open alarms by kind.", "kind")
	metricHalted       = metric("crediting_halted", "1 while an alarm halts crediting and expiry, otherwise 0.")
	metricPayments     = metric("payments", "Payments by status.", "status")
	metricUncredited   = metric("payments_awaiting_credit", "Payments with an uncredited transfer on the chain.")
	metricUnpaidRun    = metric("payments_unpaid_run", "Payments since the newest that received money, 10,000 at most.")
	metricUnstarted    = metric("payments_unstarted", "Payments whose workflow is not known to have started.")
	metricUndelivered  = metric("webhook_deliveries_waiting", "Webhook deliveries of which a try is to come.")
	metricUnstartedOut = metric("webhook_deliveries_unstarted", "Webhook deliveries whose workflow is not known to run.")
	metricLateTry      = metric("webhook_deliveries_late_seconds", "How late the oldest try is that is due, in seconds.")
	metricDifferences  = metric("reconciliation_differences", "Differences found by the last reconciliation.")
	metricIncomplete   = metric("reconciliation_incomplete", "1 if the last reconciliation was incomplete, otherwise 0.")
	metricReconcileAge = metric("reconciliation_age_seconds", "Time since the last reconciliation ended, in seconds.")
)

// nodeCalls counts this process's calls to Ethereum nodes by what their outcome means, as chain.Meaning names it.
var nodeCalls = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "paycow_rpc_calls_total", Help: "Calls of this process to Ethereum nodes by what their outcome means.",
}, append(networkLabel[:1:1], "node", "meaning"))

func countNodeCall(node string, meaning chain.Meaning) {
	nodeCalls.WithLabelValues(models.NetworkERC20, node, meaning.String()).Inc()
}

func metric(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("paycow_"+name, help, append(networkLabel[:1:1], labels...), nil)
}

// Describe describes no metric, which tells the registry that the set of metrics varies from scrape to scrape.
func (c *collector) Describe(chan<- *prometheus.Desc) {}

// Collect reads the metrics. Those that cannot be read are left out, and paycow_up is then 0.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	err := errors.Join(c.collectChain(ctx, out), c.collectNodes(ctx, out), c.collectAlarms(ctx, out),
		c.collectPayments(ctx, out), c.collectDeliveries(ctx, out), c.collectReconciliation(ctx, out))
	if err != nil {
		c.log.WarnContext(ctx, "metrics are incomplete", "error", err)
	}
	c.send(out, metricUp, asNumber(err == nil))
}

func (c *collector) send(out chan<- prometheus.Metric, desc *prometheus.Desc, value float64, labels ...string) {
	labels = append([]string{c.network}, labels...)
	out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
}

func (c *collector) collectChain(ctx context.Context, out chan<- prometheus.Metric) error {
	cursor, err := c.store.Cursor(ctx, c.network)
	if errors.Is(err, models.ErrNotFound) {
		return nil // no block has been read yet
	}
	if err != nil {
		return err
	}
	c.send(out, metricHead, float64(cursor.HeadNumber))
	c.send(out, metricCursor, float64(cursor.BlockNumber))
	c.send(out, metricAgreed, float64(cursor.AgreedNumber))
	c.send(out, metricFinalized, float64(cursor.FinalizedNumber))
	c.send(out, metricRechecked, float64(cursor.RecheckedNumber))
	c.send(out, metricLag, time.Since(cursor.BlockTime).Seconds())
	return nil
}

func (c *collector) collectNodes(ctx context.Context, out chan<- prometheus.Metric) error {
	nodes, err := c.store.NodeHealth(ctx, c.network)
	if err != nil {
		return err
	}
	count, usable, newest := map[models.NodeState]int{}, 0, time.Time{}
	for _, node := range nodes {
		count[node.State]++
		if node.State.IsUsable() {
			usable++
		}
		if node.UpdatedAt.After(newest) {
			newest = node.UpdatedAt
		}
	}
	for _, state := range models.NodeStates() {
		c.send(out, metricNodes, float64(count[state]), string(state))
	}
	c.send(out, metricNeeded, float64(models.Quorum(c.quorum, len(nodes))))
	c.send(out, metricUsable, float64(usable))
	if len(nodes) > 0 {
		c.send(out, metricNodesAge, time.Since(newest).Seconds())
	}
	return nil
}

func (c *collector) collectAlarms(ctx context.Context, out chan<- prometheus.Metric) error {
	alarms, err := c.store.OpenAlarms(ctx, c.network)
	if err != nil {
		return err
	}
	count, isHalted := map[models.AlarmKind]int{}, false
	for _, alarm := range alarms {
		count[alarm.Kind]++
		isHalted = isHalted || alarm.Kind.HaltsCrediting()
	}
	for _, kind := range models.AlarmKinds() {
		c.send(out, metricAlarms, float64(count[kind]), string(kind))
	}
	c.send(out, metricHalted, asNumber(isHalted))
	return nil
}

func (c *collector) collectPayments(ctx context.Context, out chan<- prometheus.Metric) error {
	counts, err := c.store.NetworkFigures(ctx, c.network)
	if err != nil {
		return err
	}
	for _, status := range models.Statuses() {
		c.send(out, metricPayments, float64(counts.ByStatus[status]), status.String())
	}
	c.send(out, metricUncredited, float64(counts.Uncredited))
	c.send(out, metricUnstarted, float64(counts.Unstarted))
	c.send(out, metricUnpaidRun, float64(counts.UnpaidRun))
	return nil
}

func (c *collector) collectDeliveries(ctx context.Context, out chan<- prometheus.Metric) error {
	figures, err := c.store.DeliveryFigures(ctx)
	if err != nil {
		return err
	}
	c.send(out, metricUndelivered, float64(figures.Waiting))
	c.send(out, metricUnstartedOut, float64(figures.Unstarted))
	c.send(out, metricLateTry, figures.Late.Seconds())
	return nil
}

func (c *collector) collectReconciliation(ctx context.Context, out chan<- prometheus.Metric) error {
	last, err := c.store.LastReconciliation(ctx, c.network)
	if errors.Is(err, models.ErrNotFound) {
		return nil // none has run yet
	}
	if err != nil {
		return err
	}
	c.send(out, metricDifferences, float64(len(last.Differences)))
	c.send(out, metricIncomplete, asNumber(last.Unchecked != ""))
	c.send(out, metricReconcileAge, time.Since(last.FinishedAt).Seconds())
	return nil
}

func asNumber(isTrue bool) float64 {
	if isTrue {
		return 1
	}
	return 0
}

// metricsHandler serves GET /metrics: the metrics of the collector, and those of Go and of the process.
func metricsHandler(from metricsStore, s Settings, log *slog.Logger) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		&collector{store: from, network: models.NetworkERC20, quorum: s.RPCQuorum, log: log},
		nodeCalls, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn), MaxRequestsInFlight: 4, Timeout: 2 * scrapeTimeout,
	}))
	return mux
}
