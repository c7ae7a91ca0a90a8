package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"paycow/api"
)

// shutdownTimeout bounds how long running requests may take to end.
const shutdownTimeout = 10 * time.Second

// serveAPI serves the API and the pages on the listener until ctx ends.
func (a *app) serveAPI(ctx context.Context, listener net.Listener) error {
	const never = 365 * 24 * time.Hour
	var lagLimit time.Duration // 0 for the default
	if a.settings.BlockTime == 0 {
		lagLimit = never // blocks are made on request, so their age means nothing
	}
	send, err := a.settings.approvalMailer()
	if err != nil {
		return err
	}
	testAddresses, err := a.settings.XPub.Internal()
	if err != nil {
		return err
	}
	server := api.New(api.Config{
		Mail:  send,
		Store: a.store, Engine: a.engine, Starter: a.outbox, Addresses: a.settings.XPub,
		PreviousAddresses: a.previousAddresses(), TestAddresses: testAddresses, TestByMetadata: a.settings.isDev,
		PublicURL: a.settings.PublicURL, TrustedProxies: a.settings.TrustedProxies,
		Confirmations: a.settings.Confirmations, Quorum: a.settings.RPCQuorum,
		PaymentWindow: a.settings.PaymentWindow, MinAmount: a.settings.MinAmount, MaxAmount: a.settings.MaxAmount,
		MaxOpen: a.settings.MaxOpen, MaxTests: a.settings.MaxTests, MaxUnpaid: a.settings.MaxUnpaid,
		RatePerKey: a.settings.RatePerKey, RatePerNetwork: a.settings.RatePerNetwork, RateOfStatus: a.settings.RateOfStatus,
		BlockTime: a.settings.BlockTime, LagLimit: lagLimit, OwnClock: a.settings.ownChain, Log: a.log,
		Network: a.network(), Faucet: a.faucet, MasterKey: a.keys,
		AdminsNeedFactor: !a.settings.isDev, WebhookURLs: a.settings.webhookURLs(),
		TemporalUIURL: a.settings.TemporalUIURL, TemporalNamespace: a.settings.Temporal.Namespace,
	})
	listener = boundConnections(listener, a.settings.TrustedProxies)
	return serveHTTP(ctx, listener, server.Handler(), a.log, server.EndStreams)
}

// serveMetrics serves /metrics on PAYCOW_METRICS_ADDR until ctx ends. Without that setting it only waits.
func (a *app) serveMetrics(ctx context.Context) error {
	if a.settings.MetricsAddr == "" {
		<-ctx.Done()
		return nil
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", a.settings.MetricsAddr)
	if err != nil {
		return fmt.Errorf("PAYCOW_METRICS_ADDR: %w", err)
	}
	a.log.InfoContext(ctx, "serving metrics", "address", listener.Addr().String())
	return serveHTTP(ctx, listener, metricsHandler(a.store, a.settings, a.log), a.log)
}

// newHTTPServer returns a server that gives up on clients that send or read too slowly.
func newHTTPServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second,
		// Handlers that stream extend it with each part that they write.
		WriteTimeout: 30 * time.Second, IdleTimeout: 75 * time.Second, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

// serveHTTP answers requests on the listener until ctx ends, and then lets the running ones end.
func serveHTTP(
	ctx context.Context, listener net.Listener, handler http.Handler, log *slog.Logger, onShutdown ...func(),
) error {
	server := newHTTPServer(handler, log)
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
