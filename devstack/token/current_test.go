package token

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/accounts/abi/bind/v2"
	"github.com/stretchr/testify/require"
)

const howToRegenerate = "run devstack/token/generate.sh and commit what it writes"

var contracts = map[string]*bind.MetaData{
	"TestUSDT":        &TestUSDTMetaData,
	"TestUSDTUpgrade": &TestUSDTUpgradeMetaData,
}

// artefact is what the compiler made of one contract. Its ABI and bytecode are the same as in the Go bindings; other
// languages' clients read them from artefacts/.
type artefact struct {
	SourceSHA256 string          `json:"sourceSha256"`
	ABI          json.RawMessage `json:"abi"`
	Bytecode     string          `json:"bytecode"`
}

func readArtefact(t *testing.T, contract string) (made artefact) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("artefacts", contract+".json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &made))
	return made
}

// TestArtefactsAndBindingsBelongToTheSources needs no compiler, so it runs everywhere.
func TestArtefactsAndBindingsBelongToTheSources(t *testing.T) {
	t.Parallel()
	for name, binding := range contracts {
		artefact := readArtefact(t, name)
		source, err := os.ReadFile(name + ".sol")
		require.NoError(t, err)
		hash := sha256.Sum256(source)
		require.Equal(t, hex.EncodeToString(hash[:]), artefact.SourceSHA256, "%s.sol was changed: %s", name, howToRegenerate)
		require.Equal(t, artefact.Bytecode, binding.Bin, "the bindings of %s are stale: %s", name, howToRegenerate)
		require.JSONEq(t, string(artefact.ABI), binding.ABI, "the bindings of %s are stale: %s", name, howToRegenerate)
	}
}

// TestCompilerMakesTheCommittedArtefacts compiles the contracts again and compares the output byte by byte.
func TestCompilerMakesTheCommittedArtefacts(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("short runs do not compile the contracts")
	}
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed, so the contracts are not compiled", program)
		}
	}
	folder := compilerFolder(t)
	output := t.TempDir()
	text, err := exec.CommandContext(t.Context(), "node", filepath.Join(folder, "compile.js"), output).CombinedOutput()
	require.NoError(t, err, string(text))
	for name := range contracts {
		fresh, err := os.ReadFile(filepath.Join(output, name+".json"))
		require.NoError(t, err)
		committed, err := os.ReadFile(filepath.Join("artefacts", name+".json"))
		require.NoError(t, err)
		require.Equal(t, string(committed), string(fresh), "the artefact of %s is stale: %s", name, howToRegenerate)
	}
}

// compilerFolder returns a folder in which compile.js finds its compiler: this one if generate.sh has been run here,
// otherwise a copy, so that the test leaves nothing behind in the sources.
func compilerFolder(t *testing.T) string {
	t.Helper()
	here, err := os.Getwd()
	require.NoError(t, err)
	if _, err := os.Stat(filepath.Join(here, "node_modules", "solc", "package.json")); err == nil {
		return here
	}
	folder := t.TempDir()
	for _, name := range []string{"package.json", "compile.js", "TestUSDT.sol", "TestUSDTUpgrade.sol"} {
		content, err := os.ReadFile(name)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), content, 0o600))
	}
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
