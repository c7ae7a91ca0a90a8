package temporal

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"paycow/engine"
)

func TestStateSurvivesKill(t *testing.T) {
	dir := t.TempDir()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childDirEnv+"="+dir)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	t.Cleanup(func() { _ = child.Process.Kill(); _ = child.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "ready\n", line)

	_, err = Start(t.Context(), Config{DataDir: dir})
	require.ErrorIs(t, err, ErrInUse, "two engines on one directory")
	require.NoError(t, child.Process.Kill())
	_ = child.Wait()

	e := startEngine(t, Config{DataDir: dir})
	c := dial(t, e)
	ensure(t, c)
	require.Equal(t, int64(1), count(t, c, `PaymentStatus="CONFIRMING"`))
	startWorker(t, c)
	require.Equal(t, "survivor done", finish(t, c, "survivor"))
}

// TestStopAndStartAgain restarts the engine on the same port and data. Clients and workers that stay need not be
// restarted.
func TestStopAndStartAgain(t *testing.T) {
	cfg := Config{DataDir: t.TempDir(), FrontendAddr: "127.0.0.1:0", UIAddr: "127.0.0.1:0"}
	e := startEngine(t, cfg)
	c := dial(t, e)
	ensure(t, c)
	startWorker(t, c)
	_, err := c.ExecuteWorkflow(t.Context(), startOptions("stayer", "op-1"), probe, "stayer")
	require.NoError(t, err)
	require.NoError(t, waitConfirming(t.Context(), c, "stayer"))

	cfg.FrontendAddr, cfg.UIAddr = e.Address(), strings.TrimPrefix(e.UIURL(), "http://")
	for range 2 {
		began := time.Now()
		require.NoError(t, e.Stop())
		require.NoError(t, e.Stop(), "a second Stop does no harm")
		t.Logf("engine stopped in %s", time.Since(began).Round(time.Millisecond))
		_, err = c.WorkflowService().GetSystemInfo(t.Context(), &workflowservice.GetSystemInfoRequest{})
		require.Error(t, err, "a stopped engine does not answer")
		e = startEngine(t, cfg)
		require.Equal(t, cfg.FrontendAddr, e.Address())
	}
	require.Equal(t, "stayer done", finish(t, c, "stayer"))
}

func TestADeletedDirectoryIsANewStart(t *testing.T) {
	dir := t.TempDir() + "/a name with spaces"
	e := startEngine(t, Config{DataDir: dir})
	c := dial(t, e)
	ensure(t, c)
	require.NoError(t, e.Stop())
	require.NoError(t, os.RemoveAll(dir))

	e = startEngine(t, Config{DataDir: dir})
	_, err := dial(t, e).WorkflowService().DescribeNamespace(t.Context(),
		&workflowservice.DescribeNamespaceRequest{Namespace: testNamespace})
	require.ErrorContains(t, err, "not found")
	require.FileExists(t, dir+"/temporal.db")
}

func TestEnsureNamespaceFromManyAtOnce(t *testing.T) {
	e := startEngine(t, Config{})
	c := dial(t, e)
	var group sync.WaitGroup
	for range 5 {
		group.Go(func() {
			err := engine.EnsureNamespace(t.Context(), c, testNamespace, 48*time.Hour, engine.SearchAttributes())
			if err != nil {
				t.Errorf("EnsureNamespace: %v", err)
			}
		})
	}
	group.Wait()
	list, err := c.OperatorService().ListSearchAttributes(t.Context(),
		&operatorservice.ListSearchAttributesRequest{Namespace: testNamespace})
	require.NoError(t, err)
	require.Equal(t, engine.SearchAttributes(), list.GetCustomAttributes())

	ensure(t, c)
	description, err := c.WorkflowService().DescribeNamespace(t.Context(),
		&workflowservice.DescribeNamespaceRequest{Namespace: testNamespace})
	require.NoError(t, err)
	require.Equal(t, 48*time.Hour, description.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration(),
		"an existing namespace keeps its retention")
}

func TestUIAnswersOnThePickedPort(t *testing.T) {
	e := startEngine(t, Config{UIAddr: "127.0.0.1:0", UINamespace: testNamespace})
	ensure(t, dial(t, e))
	require.Contains(t, get(t, e.UIURL()+"/"), "<!doctype html>")
	require.Contains(t, get(t, e.UIURL()+"/api/v1/namespaces"), `"name": "paycow"`)
	require.Contains(t, get(t, e.UIURL()+"/api/v1/settings"), testNamespace)
}

func get(t *testing.T, url string) string {
	t.Helper()
	answer, err := http.Get(url)
	require.NoError(t, err)
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.StatusCode, string(body))
	return string(body)
}

func TestATakenPortIsAnError(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = taken.Close() }()
	dir := t.TempDir()
	_, err = Start(t.Context(), Config{DataDir: dir, FrontendAddr: taken.Addr().String()})
	require.ErrorContains(t, err, "address already in use")
	_, err = Start(t.Context(), Config{DataDir: dir, UIAddr: taken.Addr().String()})
	require.ErrorContains(t, err, "address already in use")
	startEngine(t, Config{DataDir: dir})
}

func TestListensOnLoopbackOnly(t *testing.T) {
	before := listeners(t)
	e := startEngine(t, Config{FrontendAddr: ":0", UIAddr: ":0"})
	ensure(t, dial(t, e))
	opened := 0
	for address := range listeners(t) {
		if before[address] {
			continue
		}
		opened++
		host, _, err := net.SplitHostPort(address)
		require.NoError(t, err)
		require.True(t, net.ParseIP(host).IsLoopback(), "listens on %s", address)
	}
	require.Equal(t, 5, opened, "frontend, history, matching, worker and the UI")
}

// listeners returns the TCP addresses on which this process listens.
func listeners(t *testing.T) map[string]bool {
	t.Helper()
	out, err := exec.Command("ss", "-Hltnp").Output()
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("the program ss is not installed")
	}
	require.NoError(t, err)
	found := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "pid="+strconv.Itoa(os.Getpid())+",") {
			found[strings.Fields(line)[3]] = true
		}
	}
	return found
}

func count(t *testing.T, c client.Client, query string) int64 {
	t.Helper()
	answer, err := c.CountWorkflow(t.Context(),
		&workflowservice.CountWorkflowExecutionsRequest{Namespace: testNamespace, Query: query})
	require.NoError(t, err, query)
	return answer.GetCount()
}

func finish(t *testing.T, c client.Client, id string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	require.NoError(t, c.SignalWorkflow(ctx, id, "", "finish", "done"))
	var result string
	require.NoError(t, c.GetWorkflow(ctx, id, "").Get(ctx, &result))
	return result
}
