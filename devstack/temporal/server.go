package temporal

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/membership/static"
	"go.temporal.io/server/common/metrics"
	"go.temporal.io/server/common/primitives"
	"go.temporal.io/server/temporal"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
)

const clusterName = "active"

// newServer builds and starts Temporal's four services in this process. Temporal
// reports some failures, a taken port among them, by a fatal log line; those
// come back as errors.
func newServer(a addresses, persistence config.Persistence, quiet *logAdapter) (server temporal.Server, err error) {
	defer func() {
		switch cause := recover().(type) {
		case nil:
		case *fatalError:
			server, err = nil, cause
		default:
			panic(cause)
		}
	}()
	cfg := serverConfig(a, persistence)
	hosts := map[primitives.ServiceName]static.Hosts{
		primitives.FrontendService: static.SingleLocalHost(a.frontend),
		primitives.HistoryService:  static.SingleLocalHost(inner(a.history)),
		primitives.MatchingService: static.SingleLocalHost(inner(a.matching)),
		primitives.WorkerService:   static.SingleLocalHost(inner(a.worker)),
	}
	server, err = temporal.NewServer(
		temporal.WithConfig(cfg),
		temporal.ForServices(temporal.DefaultServices),
		temporal.WithStaticHosts(hosts),
		temporal.WithDynamicConfigClient(dynamicSettings()),
		temporal.WithLogger(quiet),
		temporal.WithCustomMetricsHandler(metrics.NoopMetricsHandler),
		temporal.WithAuthorizer(authorization.NewNoopAuthorizer()),
		temporal.WithClaimMapper(func(*config.Config) authorization.ClaimMapper {
			return authorization.NewNoopClaimMapper()
		}),
	)
	if err != nil {
		return nil, err
	}
	if err := server.Start(); err != nil {
		// What did start must not keep its ports.
		_ = server.Stop()
		return nil, err
	}
	return server, nil
}

func serverConfig(a addresses, persistence config.Persistence) *config.Config {
	const off = "disabled"
	innerService := func(port int) config.Service {
		return config.Service{RPC: config.RPC{GRPCPort: port, BindOnIP: loopback}}
	}
	// No PProf, Metrics, HTTPPort or membership ports: each of them would be one
	// more listener.
	return &config.Config{
		Persistence: persistence,
		ClusterMetadata: &cluster.Config{
			FailoverVersionIncrement: 10,
			MasterClusterName:        clusterName,
			CurrentClusterName:       clusterName,
			ClusterInformation: map[string]cluster.ClusterInformation{
				clusterName: {Enabled: true, InitialFailoverVersion: 1, RPCAddress: a.frontend},
			},
		},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		Services: map[string]config.Service{
			string(primitives.FrontendService): {RPC: config.RPC{GRPCPort: a.frontendPort, BindOnIP: a.bindIP}},
			string(primitives.HistoryService):  innerService(a.history),
			string(primitives.MatchingService): innerService(a.matching),
			string(primitives.WorkerService):   innerService(a.worker),
		},
		Archival: config.Archival{
			History:    config.HistoryArchival{State: off},
			Visibility: config.VisibilityArchival{State: off},
		},
		NamespaceDefaults: config.NamespaceDefaults{
			Archival: config.ArchivalNamespaceDefaults{
				History:    config.HistoryArchivalNamespaceDefaults{State: off},
				Visibility: config.VisibilityArchivalNamespaceDefaults{State: off},
			},
		},
		PublicClient: config.PublicClient{HostPort: a.frontend},
	}
}

func inner(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }

// waitServing returns when the frontend says that it is serving.
func waitServing(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	health := grpc_health_v1.NewHealthClient(conn)
	request := &grpc_health_v1.HealthCheckRequest{Service: "temporal.api.workflowservice.v1.WorkflowService"}
	for {
		answer, err := health.Check(ctx, request)
		if err == nil && answer.GetStatus() == grpc_health_v1.HealthCheckResponse_SERVING {
			return nil
		}
		select {
		case <-ctx.Done():
			//nolint:errorlint // the last answer may be no error
			return fmt.Errorf("temporal at %s is not serving: %w (last answer: %v, %v)",
				address, ctx.Err(), answer.GetStatus(), err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}
