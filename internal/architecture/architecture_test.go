// Package architecture checks that docs/architecture.md is true.
package architecture

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	root    = "../.."
	module  = "paycow/"
	program = "cmd/paycow"
	nouns   = "models"
)

// document is docs/architecture.md.
func document(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs", "architecture.md"))
	require.NoError(t, err)
	return string(text)
}

// fileExtensions are those of the files that the document names.
var fileExtensions = []string{".go", ".md", ".js", ".json", ".html", ".css", ".sql", ".yml"}

// isPath reports whether a text in backticks names a file or a folder of the repository. With an extension it does,
// wherever it seems to be; without one, it does if its first folder exists.
func isPath(text string) bool {
	top, _, hasFolder := strings.Cut(text, "/")
	if !hasFolder || strings.ContainsAny(text, "<> ") { // such as payment/<id>
		return false
	}
	_, err := os.Stat(filepath.Join(root, top))
	return err == nil || slices.Contains(fileExtensions, path.Ext(text))
}

// TestNamedFilesAndFunctionsExist looks up every `folder/file`, `folder/file:function` and `folder/folder` in backticks.
func TestNamedFilesAndFunctionsExist(t *testing.T) {
	t.Parallel()
	text := regexp.MustCompile("(?s)```.*?```").ReplaceAllString(document(t), "")
	named := 0
	for _, span := range regexp.MustCompile("`([^`\n]+)`").FindAllStringSubmatch(text, -1) {
		file, function, hasFunction := strings.Cut(span[1], ":")
		if !isPath(file) {
			continue
		}
		named++
		_, err := os.Stat(filepath.Join(root, file))
		if !assert.NoError(t, err, span[1]) || !hasFunction {
			continue
		}
		assert.Contains(t, functionsOf(t, filepath.Join(root, file)), function, span[1])
	}
	assert.Greater(t, named, 120, "the document names its files in backticks")
}

func functionsOf(t *testing.T, file string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	var names []string
	for _, declaration := range parsed.Decls {
		if function, ok := declaration.(*ast.FuncDecl); ok {
			names = append(names, function.Name.Name)
		}
	}
	return names
}

// arrows are imports: from a package to packages, all without the module's name.
type arrows map[string][]string

func (a arrows) add(from, to string) {
	if from != to && !slices.Contains(a[from], to) {
		a[from] = append(a[from], to)
	}
}

func (a arrows) list() []string {
	var all []string
	for from, targets := range a {
		for _, to := range targets {
			all = append(all, from+" --> "+to)
		}
	}
	slices.Sort(all)
	return all
}

// imports reads who imports whom. Imports of tests, and those of packages that hold nothing but tests, come second.
func imports(t *testing.T) (packages []string, product, tests arrows) {
	t.Helper()
	product, tests = arrows{}, arrows{}
	found := map[string]bool{}
	require.NoError(t, filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			hidden := strings.HasPrefix(entry.Name(), ".") && name != root
			if hidden || slices.Contains([]string{"node_modules", "testdata", "bin"}, entry.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		if filepath.Ext(name) != ".go" {
			return nil
		}
		folder, err := filepath.Rel(root, filepath.Dir(name))
		if err != nil {
			return err
		}
		from := filepath.ToSlash(folder)
		found[from] = true
		parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			to, isOurs := strings.CutPrefix(imported, module)
			switch {
			case !isOurs:
			case strings.HasSuffix(name, "_test.go"):
				tests.add(from, to)
			default:
				product.add(from, to)
			}
		}
		return nil
	}))
	return slices.Sorted(maps.Keys(found)), product, tests
}

// drawing reads the arrows of the first mermaid graph: `a --> b & c`, dashed for tests, between names given as `id["path"]`.
func drawing(t *testing.T) (packages []string, product, tests arrows) {
	t.Helper()
	_, graph, ok := strings.Cut(document(t), "```mermaid\n")
	require.True(t, ok, "a mermaid graph")
	graph, _, _ = strings.Cut(graph, "```")
	product, tests = arrows{}, arrows{}
	paths := map[string]string{}
	node := regexp.MustCompile(`^(\w+)\["([^"]+)"\]$`)
	arrow := regexp.MustCompile(`^(\w+) (-->|-\.->) ([\w &]+)$`)
	for line := range strings.Lines(graph) {
		line = strings.TrimSpace(line)
		if found := node.FindStringSubmatch(line); found != nil {
			paths[found[1]] = found[2]
			packages = append(packages, found[2])
			continue
		}
		found := arrow.FindStringSubmatch(line)
		if found == nil {
			continue
		}
		into := product
		if found[2] != "-->" {
			into = tests
		}
		for to := range strings.SplitSeq(found[3], " & ") {
			require.Contains(t, paths, found[1], line)
			require.Contains(t, paths, to, line)
			into.add(paths[found[1]], paths[to])
		}
	}
	return packages, product, tests
}

// TestDrawnArrowsAreTheImports fails when an import of the product is not drawn, or an arrow is drawn that no import makes.
func TestDrawnArrowsAreTheImports(t *testing.T) {
	t.Parallel()
	_, product, tests := imports(t)
	packages, drawn, drawnForTests := drawing(t)

	require.Empty(t, product[nouns], "models imports nothing of ours")
	imported := arrows{}
	for from, targets := range product {
		for _, to := range targets {
			if from != program && to != nouns {
				imported.add(from, to)
			}
		}
	}
	shown := arrows{}
	for from, targets := range drawn {
		for _, to := range targets {
			if from != program {
				shown.add(from, to)
				continue
			}
			assert.Contains(t, product[program], to, "drawn from the program")
		}
	}
	assert.Equal(t, imported.list(), shown.list(), "imports, and arrows of docs/architecture.md")
	for from, targets := range drawnForTests {
		for _, to := range targets {
			assert.Contains(t, tests[from], to, "dashed arrow from %s", from)
		}
	}
	for from, targets := range product { // every package with an import or an importer is in the picture
		assert.Contains(t, packages, from)
		for _, to := range targets {
			assert.Contains(t, packages, to)
		}
	}
}

// TestEveryPackageHasAnImportRule fails for a package that no rule of depguard covers, which could then import anything.
func TestEveryPackageHasAnImportRule(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, ".golangci.yml"))
	require.NoError(t, err)
	var covered []string
	for _, rule := range regexp.MustCompile(`files: \[(.*)\]`).FindAllStringSubmatch(string(text), -1) {
		for _, glob := range regexp.MustCompile(`"\*\*/([\w/]+)/\*(?:_test)?\.go"`).FindAllStringSubmatch(rule[1], -1) {
			covered = append(covered, glob[1])
		}
	}
	packages, _, _ := imports(t)
	for _, name := range packages {
		if name != program {
			assert.Contains(t, covered, path.Clean(name), "rules of depguard")
		}
	}
}
