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
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
)

const clusterName = "active"

// newServer builds and starts Temporal's four services in this process. Temporal reports some failures, such as a port
// in use, by a fatal log line; newServer returns those as errors too.
func newServer(
	a addresses, persistence config.Persistence, certs *certificates, fairQueues []string, log *logAdapter,
) (server temporal.Server, err error) {
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
	options := []temporal.ServerOption{
		temporal.WithConfig(cfg),
		temporal.ForServices(temporal.DefaultServices),
		temporal.WithStaticHosts(hosts),
		temporal.WithDynamicConfigClient(dynamicSettings(fairQueues)),
		temporal.WithLogger(log),
		temporal.WithCustomMetricsHandler(metrics.NoopMetricsHandler),
	}
	server, err = temporal.NewServer(append(options, accessOptions(certs)...)...)
	if err != nil {
		return nil, err
	}
	if err := server.Start(); err != nil {
		// The services that did start must release their ports.
		_ = server.Stop()
		return nil, err
	}
	return server, nil
}

// accessOptions say who may call the frontend: the holders of certificates, or everybody if there are none.
func accessOptions(certs *certificates) []temporal.ServerOption {
	if certs == nil {
		return []temporal.ServerOption{
			temporal.WithAuthorizer(authorization.NewNoopAuthorizer()),
			temporal.WithClaimMapper(func(*config.Config) authorization.ClaimMapper {
				return authorization.NewNoopClaimMapper()
			}),
		}
	}
	return []temporal.ServerOption{
		temporal.WithTLSConfigFactory(certs.tlsProvider()),
		temporal.WithAuthorizer(certificateAuthorizer{}),
		temporal.WithClaimMapper(func(*config.Config) authorization.ClaimMapper { return certificateClaims{} }),
	}
}

func serverConfig(a addresses, persistence config.Persistence) *config.Config {
	const off = "disabled"
	innerService := func(port int) config.Service {
		return config.Service{RPC: config.RPC{GRPCPort: port, BindOnIP: loopback}}
	}
	// PProf, Metrics, HTTPPort and the membership ports are not set: each of them would open one more listener.
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

// waitServing returns when the frontend reports that it is serving, or an error after readyTimeout.
func waitServing(ctx context.Context, address string, certs *certificates) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	transport := insecure.NewCredentials()
	if certs != nil {
		transport = credentials.NewTLS(certs.clientConfig(certs.system))
	}
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(transport))
	if err != nil {
		return fmt.Errorf("connect to Temporal: %w", err)
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
			//nolint:errorlint // err is nil if the last check was answered
			return fmt.Errorf("wait for Temporal at %s: %w (last answer: %v, %v)",
				address, ctx.Err(), answer.GetStatus(), err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}
