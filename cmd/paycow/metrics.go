package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"paycow/models"
	"paycow/store"
)

// scrapeTimeout bounds what the database may take for one scrape.
const scrapeTimeout = 5 * time.Second

// metricsStore is what the metrics are read from.
type metricsStore interface {
	Cursor(ctx context.Context, network string) (models.ChainCursor, error)
	NodeHealth(ctx context.Context, network string) ([]models.NodeHealth, error)
	OpenAlarms(ctx context.Context, network string) ([]models.Alarm, error)
	NetworkFigures(ctx context.Context, network string) (store.Figures, error)
	LastReconciliation(ctx context.Context, network string) (models.Reconciliation, error)
}

// figures reads the database when Prometheus asks, so that every process tells the same and none keeps counts that a crash
// would lose. No operator, payer, address or URL is a label.
type figures struct {
	store   metricsStore
	network string
	quorum  int // 0 = as many as the number of nodes gives
	log     *slog.Logger
}

var networkLabel = []string{"network"}

// The metrics, with the labels that follow the network's.
var (
	metricUp           = metric("up", "1 when the database could be read for the other metrics, else 0.")
	metricHead         = metric("chain_head_block", "Newest block number that a node has told of.")
	metricCursor       = metric("chain_cursor_block", "Newest block number that was read.")
	metricAgreed       = metric("chain_agreed_block", "Newest block number up to which the nodes agree.")
	metricFinalized    = metric("chain_finalized_block", "Newest block number that is final.")
	metricRechecked    = metric("chain_rechecked_block", "Newest block number that was read a second time.")
	metricLag          = metric("chain_lag_seconds", "Age of the newest block that was read, in seconds.")
	metricNodes        = metric("rpc_nodes", "Ethereum nodes by state.", "state")
	metricNeeded       = metric("rpc_quorum_needed", "Ethereum nodes that must agree before anything is credited or expires.")
	metricUsable       = metric("rpc_quorum_usable", "Ethereum nodes that are believed now.")
	metricNodesAge     = metric("rpc_nodes_age_seconds", "How long ago the watching worker told of its nodes, in seconds.")
	metricAlarms       = metric("alarms_open", "Open alarms by kind.", "kind")
	metricHalted       = metric("crediting_halted", "1 while an alarm stops crediting and expiry, else 0.")
	metricPayments     = metric("payments", "Payments by status.", "status")
	metricUncredited   = metric("payments_awaiting_credit", "Payments with a transfer on the chain that is not credited yet.")
	metricUnstarted    = metric("payments_unstarted", "Payments whose workflow is not known to have been started.")
	metricDifferences  = metric("reconciliation_differences", "Differences that the last reconciliation found.")
	metricIncomplete   = metric("reconciliation_incomplete", "1 when the last reconciliation could not compare everything, else 0.")
	metricReconcileAge = metric("reconciliation_age_seconds", "How long ago the last reconciliation ended, in seconds.")
)

func metric(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("paycow_"+name, help, append(networkLabel[:1:1], labels...), nil)
}

// Describe names no metric, which tells the registry that what there is depends on the database.
func (f *figures) Describe(chan<- *prometheus.Desc) {}

// Collect reads the metrics. What cannot be read is left out, and paycow_up says so.
func (f *figures) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	err := errors.Join(f.collectChain(ctx, out), f.collectNodes(ctx, out), f.collectAlarms(ctx, out), f.collectPayments(ctx, out), f.collectReconciliation(ctx, out))
	if err != nil {
		f.log.WarnContext(ctx, "metrics are incomplete", "error", err)
	}
	f.send(out, metricUp, asNumber(err == nil))
}

func (f *figures) send(out chan<- prometheus.Metric, desc *prometheus.Desc, value float64, labels ...string) {
	out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, append([]string{f.network}, labels...)...)
}

func (f *figures) collectChain(ctx context.Context, out chan<- prometheus.Metric) error {
	cursor, err := f.store.Cursor(ctx, f.network)
	if errors.Is(err, models.ErrNotFound) {
		return nil // nothing was read yet
	}
	if err != nil {
		return err
	}
	f.send(out, metricHead, float64(cursor.HeadNumber))
	f.send(out, metricCursor, float64(cursor.BlockNumber))
	f.send(out, metricAgreed, float64(cursor.AgreedNumber))
	f.send(out, metricFinalized, float64(cursor.FinalizedNumber))
	f.send(out, metricRechecked, float64(cursor.RecheckedNumber))
	f.send(out, metricLag, time.Since(cursor.BlockTime).Seconds())
	return nil
}

var nodeStates = []models.NodeState{
	models.NodeOK, models.NodeSlow, models.NodeErroring, models.NodeRateLimited, models.NodeStale, models.NodeSyncing,
	models.NodeWrongChain, models.NodeLying,
}

func (f *figures) collectNodes(ctx context.Context, out chan<- prometheus.Metric) error {
	nodes, err := f.store.NodeHealth(ctx, f.network)
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
	for _, state := range nodeStates {
		f.send(out, metricNodes, float64(count[state]), string(state))
	}
	needed := f.quorum
	if needed == 0 {
		needed = min(len(nodes), 2)
	}
	f.send(out, metricNeeded, float64(needed))
	f.send(out, metricUsable, float64(usable))
	if len(nodes) > 0 {
		f.send(out, metricNodesAge, time.Since(newest).Seconds())
	}
	return nil
}

var alarmKinds = []models.AlarmKind{
	models.AlarmNodeLying, models.AlarmNodeWrongChain, models.AlarmQuorumMissing, models.AlarmBlockDoubtful, models.AlarmTransferMissed,
	models.AlarmTransferDisproved, models.AlarmReorgBelowFinality, models.AlarmAmountTooLarge, models.AlarmTokenPaused,
	models.AlarmTokenFeeChanged, models.AlarmTokenDeprecated, models.AlarmAddressBlacklisted, models.AlarmFundsDestroyed,
	models.AlarmBooksDiffer, models.AlarmCreditedWithoutNode,
}

func (f *figures) collectAlarms(ctx context.Context, out chan<- prometheus.Metric) error {
	alarms, err := f.store.OpenAlarms(ctx, f.network)
	if err != nil {
		return err
	}
	count, isHalted := map[models.AlarmKind]int{}, false
	for _, alarm := range alarms {
		count[alarm.Kind]++
		isHalted = isHalted || alarm.Kind.HaltsCrediting()
	}
	for _, kind := range alarmKinds {
		f.send(out, metricAlarms, float64(count[kind]), string(kind))
	}
	f.send(out, metricHalted, asNumber(isHalted))
	return nil
}

var paymentStatuses = []models.Status{
	models.StatusPending, models.StatusDetected, models.StatusConfirming, models.StatusPaid, models.StatusExpired, models.StatusRejected,
}

func (f *figures) collectPayments(ctx context.Context, out chan<- prometheus.Metric) error {
	counts, err := f.store.NetworkFigures(ctx, f.network)
	if err != nil {
		return err
	}
	for _, status := range paymentStatuses {
		f.send(out, metricPayments, float64(counts.ByStatus[status]), status.String())
	}
	f.send(out, metricUncredited, float64(counts.Uncredited))
	f.send(out, metricUnstarted, float64(counts.Unstarted))
	return nil
}

func (f *figures) collectReconciliation(ctx context.Context, out chan<- prometheus.Metric) error {
	last, err := f.store.LastReconciliation(ctx, f.network)
	if errors.Is(err, models.ErrNotFound) {
		return nil // none has run yet
	}
	if err != nil {
		return err
	}
	f.send(out, metricDifferences, float64(len(last.Differences)))
	f.send(out, metricIncomplete, asNumber(last.Unchecked != ""))
	f.send(out, metricReconcileAge, time.Since(last.FinishedAt).Seconds())
	return nil
}

func asNumber(isTrue bool) float64 {
	if isTrue {
		return 1
	}
	return 0
}

// metricsHandler answers GET /metrics with what the database holds and what Go tells of the process.
func metricsHandler(from metricsStore, s Settings, log *slog.Logger) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		&figures{store: from, network: models.NetworkERC20, quorum: s.RPCQuorum, log: log},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn), MaxRequestsInFlight: 4, Timeout: 2 * scrapeTimeout,
	}))
	return mux
}

// serveMetrics answers Prometheus on PAYCOW_METRICS_ADDR until ctx ends. Without the setting it only waits.
func (p *parts) serveMetrics(ctx context.Context) error {
	if p.settings.MetricsAddr == "" {
		<-ctx.Done()
		return nil
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", p.settings.MetricsAddr)
	if err != nil {
		return fmt.Errorf("PAYCOW_METRICS_ADDR: %w", err)
	}
	p.log.InfoContext(ctx, "metrics listen", "address", listener.Addr().String())
	return p.serveHTTP(ctx, listener, metricsHandler(p.store, p.settings, p.log))
}

// serveHTTP answers requests on the listener until ctx ends, and lets those under way end.
func (p *parts) serveHTTP(ctx context.Context, listener net.Listener, handler http.Handler, onShutdown ...func()) error {
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(p.log.Handler(), slog.LevelWarn),
	}
	for _, end := range onShutdown {
		server.RegisterOnShutdown(end)
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve HTTP: %w", err)
		}
		return nil
	})
	group.Go(func() error {
		<-groupCtx.Done()
		shutdownCtx, cancel := context.WithTimeout(context.WithoutCancel(groupCtx), shutdownTimeout)
		defer cancel()
		return server.Shutdown(shutdownCtx)
	})
	return group.Wait()
}
