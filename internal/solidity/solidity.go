// Package solidity compiles Solidity sources, and checks in tests that what was made of them is current. A folder with
// contracts has its sources, a solidity.json with their names and the compiler's settings, artefacts/, and Go bindings;
// generate.sh makes the last two.
package solidity

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/accounts/abi/bind/v2"
	"github.com/stretchr/testify/require"
)

const howToRegenerate = "run make generate and commit what it writes"

// artefact is what the compiler made of one contract. Its ABI and bytecode are the same as in the Go bindings; other
// languages' clients read them from artefacts/.
type artefact struct {
	SourceSHA256 string          `json:"sourceSha256"`
	ABI          json.RawMessage `json:"abi"`
	Bytecode     string          `json:"bytecode"`
}

// RequireCurrent checks that artefacts and bindings in the working directory belong to the sources. It needs no
// compiler.
func RequireCurrent(t *testing.T, bindings map[string]*bind.MetaData) {
	t.Helper()
	here := os.DirFS(".")
	for name, binding := range bindings {
		var made artefact
		text, err := fs.ReadFile(here, artefactFile(name))
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, &made))
		source, err := fs.ReadFile(here, name+".sol")
		require.NoError(t, err)
		hash := sha256.Sum256(source)
		require.Equal(t, hex.EncodeToString(hash[:]), made.SourceSHA256, "%s.sol was changed: %s", name, howToRegenerate)
		require.Equal(t, made.Bytecode, binding.Bin, "the bindings of %s are stale: %s", name, howToRegenerate)
		require.JSONEq(t, string(made.ABI), binding.ABI, "the bindings of %s are stale: %s", name, howToRegenerate)
	}
}

func artefactFile(contract string) string { return "artefacts/" + contract + ".json" }

// RequireReproducible compiles the contracts in the working directory again and compares the output byte by byte. It
// skips the test in short runs, and where the compiler cannot be had.
func RequireReproducible(t *testing.T, bindings map[string]*bind.MetaData) {
	t.Helper()
	if testing.Short() {
		t.Skip("short runs do not compile the contracts")
	}
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed, so the contracts are not compiled", program)
		}
	}
	here, err := os.Getwd()
	require.NoError(t, err)
	output := t.TempDir()
	script := filepath.Join(compilerFolder(t), "compile.js")
	//nolint:gosec // the script is ours
	text, err := exec.CommandContext(t.Context(), "node", script, here, output).CombinedOutput()
	require.NoError(t, err, string(text))
	for name := range bindings {
		fresh, err := fs.ReadFile(os.DirFS(output), name+".json")
		require.NoError(t, err)
		committed, err := fs.ReadFile(os.DirFS(here), artefactFile(name))
		require.NoError(t, err)
		require.Equal(t, string(committed), string(fresh), "the artefact of %s is stale: %s", name, howToRegenerate)
	}
}

// compilerFolder returns a folder in which compile.js finds its compiler: the one beside this file if it was installed
// there, otherwise a copy, so that the test leaves nothing behind in the sources.
func compilerFolder(t *testing.T) string {
	t.Helper()
	_, file, _, _ := runtime.Caller(0) //nolint:dogsled // only the file is of use
	beside := filepath.Dir(file)
	if _, err := os.Stat(filepath.Join(beside, "node_modules", "solc", "package.json")); err == nil {
		return beside
	}
	folder := t.TempDir()
	require.NoError(t, os.CopyFS(folder, os.DirFS(beside)))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	install := exec.CommandContext(ctx, "npm", "install", "--no-package-lock", "--ignore-scripts", "--no-audit",
		"--no-fund", "--silent")
	install.Dir = folder
	if text, err := install.CombinedOutput(); err != nil {
		t.Skipf("the compiler cannot be installed, so the contracts are not compiled: %v %s", err, text)
	}
	return folder
}
