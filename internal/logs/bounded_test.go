package logs

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

type secretive struct{ text string }

func (s secretive) LogValue() slog.Value { return slog.StringValue(s.text) }

type named struct{ text string }

func (n named) String() string { return n.text }

// TestLinesAreBounded logs long and hostile texts in every way that a logger takes them.
func TestLinesAreBounded(t *testing.T) {
	t.Parallel()
	hostile := "\x1b[2J\u202eevil\u0085\u2028\x7f\u200b" + strings.Repeat("é", 60<<10) + "\xff"
	for name, log := range map[string]func(*slog.Logger){
		"a string":    func(l *slog.Logger) { l.Info("m", "k", hostile) },
		"the message": func(l *slog.Logger) { l.Info(hostile) }, //nolint:sloglint // libraries log such messages
		"an error":    func(l *slog.Logger) { l.Info("m", "error", fmt.Errorf("read: %w", errors.New(hostile))) },
		"a Stringer":  func(l *slog.Logger) { l.Info("m", "k", named{hostile}) },
		"a slice":     func(l *slog.Logger) { l.Info("m", "k", []string{hostile}) },
		"a struct":    func(l *slog.Logger) { l.Info("m", "k", struct{ Name string }{hostile}) },
		"a LogValuer": func(l *slog.Logger) { l.Info("m", "k", secretive{hostile}) },
		"a group":     func(l *slog.Logger) { l.Info("m", slog.Group("g", "k", hostile, slog.Group("h", "k", hostile))) },
		"With":        func(l *slog.Logger) { l.With("k", hostile).Info("m") },
		"WithGroup":   func(l *slog.Logger) { l.WithGroup("g").With("k", hostile).Info("m", "k", hostile) },
	} {
		for _, format := range []string{"text", "json"} {
			var out bytes.Buffer
			handler := slog.Handler(slog.NewTextHandler(&out, nil))
			if format == "json" {
				handler = slog.NewJSONHandler(&out, nil)
			}
			log(Bounded(Bounded(slog.New(handler))))
			require.Less(t, out.Len(), 5000, "%s, %s", name, format)
			require.Equal(t, 1, strings.Count(out.String(), "\n"), "%s, %s", name, format)
			require.False(t, strings.ContainsAny(out.String(), "\x1b\u202e\u0085\u2028\x7f\u200b\ufffd"), "%s, %s", name, format)
			require.Contains(t, out.String(), "evil", "%s, %s", name, format)
		}
	}
}

// TestOrdinaryValuesStay shows that values which need no cleaning keep their type.
func TestOrdinaryValuesStay(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	Bounded(slog.New(slog.NewJSONHandler(&out, nil))).Info("paid", "n", 7, "d", time.Second, "ok", true, "list", []int{1, 2}, "none", nil,
		"text", "Zürich → 東京", "error", errors.New("a\nb"))
	require.Contains(t, out.String(),
		`"msg":"paid","n":7,"d":1000000000,"ok":true,"list":[1,2],"none":null,"text":"Zürich → 東京","error":"a\nb"}`)
	require.Equal(t, "ab… (4 more bytes)", Clean("abéé", 3))
	require.Equal(t, "abé", Clean("abé", 4))
}
