package api

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// spectral runs the independent linter over a document, and returns what it found.
func spectral(t *testing.T, document string) (findings string, isClean bool) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "openapi.json")
	require.NoError(t, os.WriteFile(file, []byte(document), 0o600))
	cmd := exec.CommandContext(t.Context(), "node", "node_modules/@stoplight/spectral-cli/dist/index.js", "lint",
		"--ruleset", "ruleset.yaml", "--fail-severity", "hint", "--format", "text", "--quiet", file)
	cmd.Dir = "testdata/spectral"
	out, err := cmd.CombinedOutput()
	if err != nil {
		require.ErrorAs(t, err, new(*exec.ExitError))
	}
	return string(out), err == nil
}

// TestOpenAPIBySpectral has a linter that is not ours read the document, and shows that it finds what is wrong with one.
func TestOpenAPIBySpectral(t *testing.T) {
	t.Parallel()
	const installed = "require.resolve('@stoplight/spectral-cli/package.json')"
	probe := exec.CommandContext(t.Context(), "node", "--eval", installed)
	probe.Dir = "testdata/spectral"
	if err := probe.Run(); err != nil {
		t.Skip("Spectral is not installed: make test-deps")
	}
	document := string(openAPIDocument)
	findings, isClean := spectral(t, document)
	require.True(t, isClean, findings)
	for name, c := range map[string]struct{ from, to, rule string }{
		"an operationId twice": {`"operationId": "listKeys"`, `"operationId": "createKey"`, "operation-operationId-unique"},
		"a lost reference":     {`"$ref": "#/components/schemas/NewKey"`, `"$ref": "#/components/schemas/Lost"`, "invalid-ref"},
		"an example that is wrong": {
			`"paymentReference": "a1b2c3d4e5f6a7b8",`, `"paymentReference": "A1",`, "oas3-valid-media-example",
		},
		"a parameter without its path": {`"/api/keys/{id}"`, `"/api/keys/{key}"`, "path-params"},
		"a call without an explanation": {
			`"description": "Newest first.",`, "", "operation-description",
		},
		"an unknown word": {`"openapi": "3.1.0",`, `"openapi": "3.1.0", "opened": true,`, "oas3-schema"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, document, c.from)
			findings, isClean := spectral(t, strings.Replace(document, c.from, c.to, 1))
			require.False(t, isClean)
			require.Contains(t, findings, c.rule)
		})
	}
}
