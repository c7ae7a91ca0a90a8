//go:build !slim

package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// findChromium returns the browser's program, "" when there is none.
func findChromium() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// TestPagesInABrowser looks at the pages of a running stack in headless Chromium. What is tested is written in
// testdata/browser; PAYCOW_SCREENSHOTS names a folder for the pictures.
func TestPagesInABrowser(t *testing.T) {
	chromium := findChromium()
	if chromium == "" {
		t.Skip("there is no Chromium on this machine")
	}
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("there is no Node.js on this machine")
	}
	if _, err := os.Stat("testdata/browser/node_modules/playwright-core"); err != nil {
		t.Skip("the npm packages of testdata/browser are not installed: make test-deps")
	}
	for _, suite := range []struct {
		file  string
		start func(t *testing.T) devFile
	}{
		{"checkout.test.mjs", devStack("--block-time", "0")},
		{"story.test.mjs", devStack("--block-time", "0")},
		{"expired.test.mjs", devStack("--block-time", "0", "--window", "12s")},
		{"webhooks.test.mjs", devStack("--block-time", "0")},
		{"test-mode.test.mjs", devStack("--block-time", "0")},
		{"lists.test.mjs", devStack("--block-time", "0")},
		{"pages.test.mjs", devStack()},
		{"tour.test.mjs", devStack("--block-time", "0")},
		{"admin.test.mjs", installationWithAdmin},
	} {
		t.Run(suite.file, func(t *testing.T) {
			t.Parallel()
			runSuite(t, "testdata/browser/"+suite.file, suite.start(t), chromium)
		})
	}
	// What Lighthouse says depends on what else the machine does, so only make lighthouse asks it.
	if os.Getenv("PAYCOW_LIGHTHOUSE") != "" {
		t.Run("lighthouse", func(t *testing.T) {
			runSuite(t, "testdata/lighthouse/lighthouse.test.mjs", devStack()(t), chromium)
		})
	}
}

// runSuite runs the tests of a file with Node.js.
func runSuite(t *testing.T, suite string, running devFile, chromium string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "dev.json")
	content, err := json.Marshal(running)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, content, 0o600))
	cmd := exec.CommandContext(t.Context(), "node", "--test", "--test-reporter=spec", filepath.Base(suite))
	cmd.Dir = filepath.Dir(suite)
	cmd.Env = append(os.Environ(), "PAYCOW_DEV_JSON="+file, "PAYCOW_CHROMIUM="+chromium, "NO_COLOR=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	t.Log(out.String())
	require.NoError(t, err, "a test in the browser failed")
}

// devStack returns a function that starts `paycow dev` with these arguments, without the race detector if there is such
// a program: the engine takes four times the time with it, and the other tests run the same code.
func devStack(args ...string) func(t *testing.T) devFile {
	return func(t *testing.T) devFile {
		t.Helper()
		return (&stack{t: t, args: args, path: os.Getenv(quickProgram)}).run().file
	}
}

// installationWithAdmin starts `paycow api` with a new admin. Other than in `paycow dev`, the admin needs a second
// factor.
func installationWithAdmin(t *testing.T) devFile {
	t.Helper()
	in := setupInstallation(t, nil)
	admin := devAdmin{Email: "admin@example.org", Password: "a long enough password"}
	require.NoError(t, createAdmin(t.Context(), in.db, admin.Email, admin.Password))
	in.serve("api")
	eventually(t, "the API answers", func() error {
		_, _, err := in.call(http.MethodGet, "/healthz", "", nil)
		return err
	})
	return devFile{
		APIURL: in.url, RPCURL: in.chain.HTTPURL(), ChainID: in.chain.ChainID(), TokenAddress: in.chain.TokenAddress().Hex(),
		FaucetKey: in.faucetKey(), Admin: admin,
	}
}
