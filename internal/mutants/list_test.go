package main

import (
	"go/parser"
	"go/token"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMutantsApply checks that every mutant still finds its text, still parses, and has a name of its own, so that the list
// does not rot between two runs.
func TestMutantsApply(t *testing.T) {
	names := map[string]bool{}
	for _, m := range mutants {
		require.False(t, names[m.Name], "two mutants are called %q", m.Name)
		names[m.Name] = true
		changed, err := m.apply("../..")
		require.NoError(t, err)
		_, err = parser.ParseFile(token.NewFileSet(), m.File, changed, 0)
		require.NoError(t, err, m.Name)
		require.NotEmpty(t, m.Tests, m.Name)
	}
}
