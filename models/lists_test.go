package models

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestListsAreComplete reads the constants of a type from this package's source and compares them with the function that
// lists them. A constant that was added and not listed fails here.
func TestListsAreComplete(t *testing.T) {
	t.Parallel()
	constants := stringConstants(t)
	for typeName, list := range map[string][]string{
		"Status":    texts(Statuses()),
		"Exception": append(texts(Exceptions()), string(ExceptionNone)), // the empty one is not listed
		"NodeState": texts(NodeStates()),
		"AlarmKind": texts(AlarmKinds()),
	} {
		require.NotEmpty(t, constants[typeName], typeName)
		require.ElementsMatch(t, constants[typeName], list, "every %s, each once", typeName)
	}
}

func texts[T ~string](values []T) []string {
	var all []string
	for _, value := range values {
		all = append(all, string(value))
	}
	return all
}

// stringConstants returns the values of the package's string constants, by the name of their type.
func stringConstants(t *testing.T) map[string][]string {
	t.Helper()
	values := map[string][]string{}
	files, err := os.ReadDir(".")
	require.NoError(t, err)
	for _, entry := range files {
		if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), entry.Name(), nil, 0)
		require.NoError(t, err)
		ast.Inspect(file, func(node ast.Node) bool {
			spec, ok := node.(*ast.ValueSpec)
			if !ok {
				return true
			}
			typeName, ok := spec.Type.(*ast.Ident)
			if !ok {
				return false
			}
			for _, value := range spec.Values {
				if literal, ok := value.(*ast.BasicLit); ok && literal.Kind == token.STRING {
					text, err := strconv.Unquote(literal.Value)
					require.NoError(t, err)
					values[typeName.Name] = append(values[typeName.Name], text)
				}
			}
			return false
		})
	}
	return values
}

func TestNodeStatesThatAreUsable(t *testing.T) {
	t.Parallel()
	var usable []NodeState
	for _, state := range NodeStates() {
		if state.IsUsable() {
			usable = append(usable, state)
		}
	}
	require.Equal(t, []NodeState{NodeOK, NodeSlow}, usable)
}

func TestStatusesThatAreFinal(t *testing.T) {
	t.Parallel()
	var final []Status
	for _, status := range Statuses() {
		if status.IsFinal() {
			final = append(final, status)
		}
	}
	require.Equal(t, []Status{StatusPaid, StatusExpired, StatusRejected}, final)
}

func TestAlarmThatHaltsCrediting(t *testing.T) {
	t.Parallel()
	var halting []AlarmKind
	for _, kind := range AlarmKinds() {
		if kind.HaltsCrediting() {
			halting = append(halting, kind)
		}
	}
	require.Equal(t, []AlarmKind{AlarmReorgBelowFinality}, halting)
}
