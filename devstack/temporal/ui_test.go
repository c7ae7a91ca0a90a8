package temporal

import (
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
)

// ask makes a request to the UI with other headers, as a page of another site or a program could.
func ask(t *testing.T, method, address, body string, header http.Header) (status int, answer string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	maps.Copy(request.Header, header)
	if host := header.Get("Host"); host != "" {
		request.Host = host
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(content)
}

const workflowPath = "/api/v1/namespaces/" + testNamespace + "/workflows/held"

// writes are calls of the UI that change something.
var writes = []struct{ method, path, body string }{
	{http.MethodPost, workflowPath + "/signal/accept", `{}`},
	{http.MethodPost, workflowPath + "/terminate", `{"reason":"x"}`},
	{http.MethodPost, workflowPath + "/cancel", `{}`},
	{http.MethodPost, workflowPath + "/reset", `{}`},
	{http.MethodPost, workflowPath + "/update/x", `{}`},
	{http.MethodPost, "/api/v1/namespaces/" + testNamespace + "/workflows/new", `{"workflowType":{"name":"probe"},"taskQueue":{"name":"q"}}`},
	{http.MethodPost, "/api/v1/namespaces/" + testNamespace + "/batch-operations/x", `{}`},
	{http.MethodDelete, workflowPath, ``},
	{http.MethodPut, workflowPath, `{}`},
	{http.MethodPatch, "/api/v1/namespaces/" + testNamespace + "/schedules/x", `{}`},
}

// TestUIOnlyReads sends everything that changes a workflow to the UI: it is refused, and the workflow is as it was.
func TestUIOnlyReads(t *testing.T) {
	e := startEngine(t, Config{UIAddr: "127.0.0.1:0", UINamespace: testNamespace})
	c := dial(t, e)
	ensure(t, c)
	run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "held", TaskQueue: "nobody"}, "probe")
	require.NoError(t, err)
	before, err := c.DescribeWorkflowExecution(t.Context(), "held", "")
	require.NoError(t, err)
	for _, w := range writes {
		for _, header := range []http.Header{
			nil,
			{"X-Http-Method-Override": {http.MethodGet}},
			{"Authorization": {"Bearer x"}},
			{"Cookie": {"_csrf=abc"}, "X-Csrf-Token": {"abc"}},
			{"Sec-Fetch-Site": {"same-origin"}},
		} {
			status, answer := ask(t, w.method, e.UIURL()+w.path, w.body, header)
			require.Contains(t, []int{http.StatusMethodNotAllowed, http.StatusForbidden, http.StatusBadRequest, http.StatusNotFound}, status,
				"%s %s %v: %s", w.method, w.path, header, answer)
		}
	}
	after, err := c.DescribeWorkflowExecution(t.Context(), "held", run.GetRunID())
	require.NoError(t, err)
	require.Equal(t, before.WorkflowExecutionInfo.HistoryLength, after.WorkflowExecutionInfo.HistoryLength)
	require.Equal(t, before.WorkflowExecutionInfo.Status, after.WorkflowExecutionInfo.Status)
	require.Contains(t, get(t, e.UIURL()+workflowPath), `"held"`, "it still reads")
}

// TestUIWritesWhenToldTo signals through the UI's server after it was allowed to.
func TestUIWritesWhenToldTo(t *testing.T) {
	e := startEngine(t, Config{UIAddr: "127.0.0.1:0", UINamespace: testNamespace, UIWrites: true})
	c := dial(t, e)
	ensure(t, c)
	_, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "held", TaskQueue: "nobody"}, "probe")
	require.NoError(t, err)
	csrf := http.Header{"Cookie": {"_csrf=abc"}, "X-Csrf-Token": {"abc"}}
	status, answer := ask(t, writes[0].method, e.UIURL()+writes[0].path, writes[0].body, csrf)
	require.Equal(t, http.StatusOK, status, answer)
	csrf["Origin"] = []string{"http://evil.example"}
	status, answer = ask(t, writes[0].method, e.UIURL()+writes[0].path, writes[0].body, csrf)
	require.Equal(t, http.StatusForbidden, status, answer)
}

// TestUIServesItsOwnNamesOnly asks under names that another site's page could have made lead here.
func TestUIServesItsOwnNamesOnly(t *testing.T) {
	e := startEngine(t, Config{UIAddr: "127.0.0.1:0", UINamespace: testNamespace, UIHosts: []string{"temporal.example.com"}})
	ensure(t, dial(t, e))
	for _, path := range []string{"/", "/api/v1/settings", "/api/v1/namespaces", workflowPath, "/healthz"} {
		for _, host := range []string{"evil.example", "evil.example:8233", "localhost.evil.example", "127.0.0.1.evil.example", "evil.example."} {
			status, answer := ask(t, http.MethodGet, e.UIURL()+path, "", http.Header{"Host": {host}})
			require.Equal(t, http.StatusMisdirectedRequest, status, "%s as %s: %s", path, host, answer)
		}
	}
	for _, host := range []string{"localhost:8233", "LOCALHOST", "127.0.0.1", "[::1]:8233", "temporal.example.com", "192.0.2.7:8233"} {
		status, answer := ask(t, http.MethodGet, e.UIURL()+"/api/v1/settings", "", http.Header{"Host": {host}})
		require.Equal(t, http.StatusOK, status, "%s: %s", host, answer)
	}
	for origin, want := range map[string]int{
		"http://evil.example": http.StatusForbidden, "http://203.0.113.9": http.StatusForbidden, "null": http.StatusForbidden,
		"https://temporal.example.com": http.StatusOK, e.UIURL(): http.StatusOK,
	} {
		status, answer := ask(t, http.MethodGet, e.UIURL()+"/api/v1/settings", "", http.Header{"Origin": {origin}})
		require.Equal(t, want, status, "%s: %s", origin, answer)
	}
}
