// Command mutants breaks the code on purpose and runs the tests that should notice: `make mutants`. Each mutant in
// list.go removes or weakens one guard. A mutant that the tests do not notice survives: then that guard is held by
// nothing.
//
// The sources are not touched: the compiler is given the changed file in place of the real one (go build -overlay).
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Mutant is one way to break the code.
type Mutant struct {
	Name string // what no longer holds
	File string // relative to the module's root
	Old  string // occurs exactly once in the file
	New  string
	// Tests are the arguments of go test that should fail: packages, and -run to be quick.
	Tests []string
	// Survives is why no test can notice, "" if tests must.
	Survives string
}

// apply returns the file with the change made.
func (m Mutant) apply(root string) ([]byte, error) {
	source, err := os.ReadFile(filepath.Join(root, m.File)) //nolint:gosec // the files of list.go
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.Name, err)
	}
	if found := strings.Count(string(source), m.Old); found != 1 {
		return nil, fmt.Errorf("%s: the text to change occurs %d times in %s, not once", m.Name, found, m.File)
	}
	return []byte(strings.Replace(string(source), m.Old, m.New, 1)), nil
}

// outcome is what the tests said about a mutant.
type outcome string

const (
	killed   outcome = "killed"
	survived outcome = "SURVIVED"
	broken   outcome = "does not compile"
)

// run runs a mutant's tests.
func (m Mutant) run(ctx context.Context, root string) (outcome, error) {
	changed, err := m.apply(root)
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "paycow-mutant")
	if err != nil {
		return "", fmt.Errorf("make a directory: %w", err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary directory
	file, overlay := filepath.Join(dir, "changed.go"), filepath.Join(dir, "overlay.json")
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(root, m.File): file}})
	if err == nil {
		err = errors.Join(os.WriteFile(file, changed, 0o600), os.WriteFile(overlay, replace, 0o600))
	}
	if err != nil {
		return "", fmt.Errorf("write the changed file: %w", err)
	}
	// The first failure is enough, and a test that hangs has noticed too.
	args := append([]string{"test", "-overlay", overlay, "-failfast", "-timeout", "5m"}, m.Tests...)
	command := exec.CommandContext(ctx, "go", args...) //nolint:gosec // the arguments are those of list.go
	command.Dir = root
	output, err := command.CombinedOutput()
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err == nil:
		return survived, nil
	case strings.Contains(string(output), "[build failed]") || strings.Contains(string(output), "[setup failed]"):
		return broken, nil
	default:
		return killed, nil
	}
}

func main() {
	pattern := flag.String("only", "", "run only the mutants whose name matches this regular expression")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := runAll(ctx, *pattern); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1) //nolint:gocritic // nothing is pending
	}
}

// runAll runs the mutants whose names match and returns an error if one is not killed as it should be.
func runAll(ctx context.Context, pattern string) error {
	only, err := regexp.Compile(pattern)
	if err != nil {
		return fmt.Errorf("read the pattern: %w", err)
	}
	root, err := os.Getwd()
	if err != nil {
		return fmt.Errorf("find the module: %w", err)
	}
	counts, wrong := map[outcome]int{}, 0
	for _, m := range mutants {
		if !only.MatchString(m.Name) {
			continue
		}
		begun := time.Now()
		result, err := m.run(ctx, root)
		if err != nil {
			return err
		}
		counts[result]++
		note := ""
		if m.Survives != "" {
			note = " (known: " + m.Survives + ")"
		}
		if (result != killed) != (m.Survives != "") {
			wrong++
		}
		fmt.Fprintf(os.Stdout, "%-16s %5.1f s  %s: %s%s\n", result, time.Since(begun).Seconds(), m.File, m.Name, note)
	}
	fmt.Fprintf(os.Stdout, "%d killed, %d survived, %d do not compile\n", counts[killed], counts[survived], counts[broken])
	if wrong > 0 {
		return fmt.Errorf("%d mutants did not end as they should", wrong)
	}
	return nil
}
