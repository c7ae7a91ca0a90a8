package temporal

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"paycow/engine"
)

// owner dials the engine as PayCow does.
func owner(t *testing.T, e *Server) client.Client {
	t.Helper()
	files := e.Files()
	c, err := engine.Dial(engine.Settings{
		Address: e.Address(), Namespace: testNamespace,
		TLSCA: files.CA, TLSCert: files.Cert, TLSKey: files.Key, TLSServerName: files.ServerName,
	}, warnings())
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// as returns the workflow service as a client with these TLS settings reaches it; nil is without TLS.
func as(t *testing.T, address string, settings *tls.Config) workflowservice.WorkflowServiceClient {
	t.Helper()
	transport := insecure.NewCredentials()
	if settings != nil {
		transport = credentials.NewTLS(settings)
	}
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(transport))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return workflowservice.NewWorkflowServiceClient(conn)
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// signalling is a call that changes a workflow.
func signalling(ctx context.Context, c workflowservice.WorkflowServiceClient) error {
	_, err := c.SignalWorkflowExecution(ctx, &workflowservice.SignalWorkflowExecutionRequest{
		Namespace: testNamespace, SignalName: "finish", WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: "held"},
	})
	return err
}

// asServiceError returns the error as the SDK would.
func asServiceError(err error) error { return serviceerror.FromStatus(status.Convert(err)) }

func reading(ctx context.Context, c workflowservice.WorkflowServiceClient) error {
	_, err := c.ListWorkflowExecutions(ctx, &workflowservice.ListWorkflowExecutionsRequest{Namespace: testNamespace})
	return err
}

// TestOnlyCertificatesReachTheFrontend has everybody call who should not, and then those who may. The engine then
// starts again with the same files.
func TestOnlyCertificatesReachTheFrontend(t *testing.T) {
	dir, certificatesDir := t.TempDir(), filepath.Join(t.TempDir(), "tls")
	cfg := Config{DataDir: dir, CertificatesDir: certificatesDir, UIAddr: "127.0.0.1:0", UINamespace: testNamespace}
	e := startEngine(t, cfg)
	c := owner(t, e)
	ensure(t, c)
	startWorker(t, c)
	_, err := c.ExecuteWorkflow(t.Context(), startOptions("held", "op-1"), probe, "held")
	require.NoError(t, err)
	require.NoError(t, waitConfirming(t.Context(), c, "held"))

	stranger, err := prepareCertificates(t.TempDir(), nil)
	require.NoError(t, err)
	nobody, err := e.certs.frontend.issue("somebody else", nil)
	require.NoError(t, err)
	nobodysPair, err := nobody.pair()
	require.NoError(t, err)
	foreign := e.certs.clientConfig(stranger.system)
	foreign.Certificates = []tls.Certificate{stranger.system}
	without := e.certs.clientConfig(stranger.system)
	without.Certificates = nil
	serverPair := e.certs.clientConfig(e.certs.server) // made for a server, not for a client
	for name, settings := range map[string]*tls.Config{
		"without TLS": nil, "without a certificate": without, "with a foreign certificate": foreign,
		"with the server's own certificate": serverPair,
		"with an internode certificate":     e.certs.clientConfig(e.certs.inner),
	} {
		intruder := as(t, e.Address(), settings)
		require.Error(t, reading(within(t), intruder), name)
		require.Error(t, signalling(within(t), intruder), name)
		_, err := intruder.PollActivityTaskQueue(within(t), &workflowservice.PollActivityTaskQueueRequest{
			Namespace: testNamespace, TaskQueue: &taskqueuepb.TaskQueue{Name: testQueue},
		})
		require.Error(t, err, name)
	}
	var denied *serviceerror.PermissionDenied
	unnamed := as(t, e.Address(), e.certs.clientConfig(nobodysPair))
	require.ErrorAs(t, asServiceError(reading(within(t), unnamed)), &denied, "a name that nobody knows")

	readerPair, err := e.certs.reader.pair()
	require.NoError(t, err)
	reader := as(t, e.Address(), e.certs.clientConfig(readerPair))
	require.NoError(t, reading(within(t), reader))
	require.ErrorAs(t, asServiceError(signalling(within(t), reader)), &denied)
	for name, call := range map[string]func() error{
		"terminate": func() error {
			_, err := reader.TerminateWorkflowExecution(within(t), &workflowservice.TerminateWorkflowExecutionRequest{Namespace: testNamespace, WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: "held"}})
			return err
		},
		"start": func() error {
			_, err := reader.StartWorkflowExecution(within(t), &workflowservice.StartWorkflowExecutionRequest{Namespace: testNamespace, WorkflowId: "new", TaskQueue: &taskqueuepb.TaskQueue{Name: testQueue}, WorkflowType: &commonpb.WorkflowType{Name: "probe"}})
			return err
		},
		"poll": func() error {
			_, err := reader.PollWorkflowTaskQueue(within(t), &workflowservice.PollWorkflowTaskQueueRequest{Namespace: testNamespace, TaskQueue: &taskqueuepb.TaskQueue{Name: testQueue}})
			return err
		},
		"batch": func() error {
			_, err := reader.StartBatchOperation(within(t), &workflowservice.StartBatchOperationRequest{Namespace: testNamespace, JobId: "x"})
			return err
		},
	} {
		require.ErrorAs(t, asServiceError(call()), &denied, name)
	}

	t.Run("the services among each other answer no one else", func(t *testing.T) {
		conn, err := grpc.NewClient(inner(e.inner.history), grpc.WithTransportCredentials(insecure.NewCredentials()))
		require.NoError(t, err)
		defer func() { _ = conn.Close() }()
		_, err = grpc_health_v1.NewHealthClient(conn).Check(within(t), &grpc_health_v1.HealthCheckRequest{})
		require.Error(t, err)
		for _, settings := range []*tls.Config{
			e.certs.clientConfig(e.certs.system), {InsecureSkipVerify: true, Certificates: []tls.Certificate{e.certs.system}},
		} {
			conn, err := grpc.NewClient(inner(e.inner.history), grpc.WithTransportCredentials(credentials.NewTLS(settings)))
			require.NoError(t, err)
			_, err = grpc_health_v1.NewHealthClient(conn).Check(within(t), &grpc_health_v1.HealthCheckRequest{})
			require.Error(t, err)
			require.NoError(t, conn.Close())
		}
	})
	t.Run("the UI reads", func(t *testing.T) {
		answer, err := http.Get(e.UIURL() + "/api/v1/namespaces/" + testNamespace + "/workflows")
		require.NoError(t, err)
		defer func() { _ = answer.Body.Close() }()
		body, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, answer.StatusCode, string(body))
		var list struct{ Executions []any }
		require.NoError(t, json.Unmarshal(body, &list))
	})

	cfg.FrontendAddr = e.Address()
	before, err := os.ReadFile(e.Files().Cert)
	require.NoError(t, err)
	require.NoError(t, e.Stop())
	e = startEngine(t, cfg)
	after, err := os.ReadFile(e.Files().Cert)
	require.NoError(t, err)
	require.Equal(t, before, after, "the files of the first start are used again")
	require.Equal(t, "held done", finish(t, c, "held"), "and a client that stayed works on")
}

// TestCertificateFiles looks at what is on the disk, and damages it.
func TestCertificateFiles(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "tls")
	made, err := prepareCertificates(dir, []string{"localhost"})
	require.NoError(t, err)
	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 4, "and no temporary file")
	for _, key := range []string{caKeyFile(dir), made.files.Key} {
		info, err := os.Stat(key)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), key)
		require.NoError(t, os.Chmod(key, 0o644)) // #nosec G302 -- as a careless copy leaves it
	}
	again, err := prepareCertificates(dir, nil)
	require.NoError(t, err)
	require.Equal(t, made.frontend.certificate.Raw, again.frontend.certificate.Raw)
	info, err = os.Stat(made.files.Key)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	usable := func() {
		t.Helper()
		c, err := prepareCertificates(dir, nil)
		require.NoError(t, err)
		pair, err := tls.LoadX509KeyPair(c.files.Cert, c.files.Key)
		require.NoError(t, err)
		require.NoError(t, pair.Leaf.CheckSignatureFrom(c.frontend.certificate))
		require.Equal(t, nameOwner, pair.Leaf.Subject.CommonName)
		require.True(t, isFresh(pair.Leaf))
	}
	require.NoError(t, os.WriteFile(made.files.Cert, []byte("half a fi"), 0o600))
	usable()
	require.NoError(t, os.Remove(made.files.Key))
	usable()
	require.NoError(t, os.WriteFile(caKeyFile(dir), nil, 0o600))
	usable()
	reader, err := again.frontend.issue(nameReader, nil) // a reader's certificate put in the owner's place
	require.NoError(t, err)
	require.NoError(t, reader.write(made.files.Cert, made.files.Key))
	usable()
}

// TestWithoutCertificatesOnlyLoopback keeps an open frontend off the network.
func TestWithoutCertificatesOnlyLoopback(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"0.0.0.0:0", "[::]:0"} {
		_, err := Start(t.Context(), Config{DataDir: t.TempDir(), FrontendAddr: address})
		require.ErrorIs(t, err, ErrUnprotected, address)
	}
}
