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
		"Status":         texts(Statuses()),
		"Exception":      append(texts(Exceptions()), string(ExceptionNone)), // the empty one is not listed
		"NodeState":      texts(NodeStates()),
		"AlarmKind":      texts(AlarmKinds()),
		"ExpiryWait":     texts(ExpiryWaits()),
		"Refusal":        texts(Refusals()),
		"EventType":      texts(EventTypes()),
		"DeliveryStatus": texts(DeliveryStatuses()),
		"Outcome":        texts(Outcomes()),
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
			for _, value := range spec.Values {
				typeName, literal := typedString(spec.Type, value)
				if literal == nil {
					continue
				}
				text, err := strconv.Unquote(literal.Value)
				require.NoError(t, err)
				values[typeName] = append(values[typeName], text)
			}
			return false
		})
	}
	return values
}

// typedString returns the type and the literal of a constant that is written as X T = "x" or as X = T("x"), else nil.
func typedString(declared, value ast.Expr) (typeName string, literal *ast.BasicLit) {
	if conversion, ok := value.(*ast.CallExpr); ok && len(conversion.Args) == 1 {
		declared, value = conversion.Fun, conversion.Args[0]
	}
	named, isNamed := declared.(*ast.Ident)
	literal, isLiteral := value.(*ast.BasicLit)
	if !isNamed || !isLiteral || literal.Kind != token.STRING {
		return "", nil
	}
	return named.Name, literal
}

// TestTypedString covers both forms in which a constant may be written.
func TestTypedString(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		`const X NodeState = "x"`:            `NodeState "x"`,
		`const X = NodeState("x")`:           `NodeState "x"`,
		`const X NodeState = NodeState("x")`: `NodeState "x"`,
		`const X = "x"`:                      "",
		`const X NodeState = 1`:              "",
		`var X = errors.New("x")`:            "",
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "x.go", "package models\n"+source, 0)
		require.NoError(t, err)
		spec := file.Decls[0].(*ast.GenDecl).Specs[0].(*ast.ValueSpec) //nolint:forcetypeassert // see the sources
		typeName, literal := typedString(spec.Type, spec.Values[0])
		got := ""
		if literal != nil {
			got = typeName + " " + literal.Value
		}
		require.Equal(t, want, got, source)
	}
}

// TestExpiryWaitsHaveSentences fails for a reason without a sentence of its own.
func TestExpiryWaitsHaveSentences(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{"": true}
	for _, wait := range ExpiryWaits() {
		sentence := wait.Sentence(4711)
		require.NotContains(t, seen, sentence, wait)
		seen[sentence] = true
	}
	require.Empty(t, ExpiryWait("NEW").Sentence(4711))
	require.Contains(t, ExpiryWaitScan.Sentence(4711), "up to block 4711")
	require.Contains(t, ExpiryWaitQuorum.Sentence(4711), "up to block 4711")
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
