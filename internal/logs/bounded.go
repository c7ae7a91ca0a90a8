// Package logs bounds and cleans what is logged. Much of it was chosen by others: a path, a member name of a JSON
// object, the error text of an Ethereum node.
package logs

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The largest length of a value, in bytes. Stacks are made by the program and are longer.
const (
	maxValueBytes = 1000
	maxStackBytes = 16 << 10
	stackKey      = "stack"
)

// Bounded returns a logger whose lines have a bounded length whatever their values hold, and no character that changes
// how a terminal or a viewer shows them. Values that need neither are left as they are.
func Bounded(log *slog.Logger) *slog.Logger { return slog.New(Handler(log.Handler())) }

// Handler returns a handler that passes bounded and clean records on.
func Handler(next slog.Handler) slog.Handler {
	if already, ok := next.(bounded); ok {
		return already
	}
	return bounded{next}
}

type bounded struct{ slog.Handler }

// Handle implements slog.Handler.
func (b bounded) Handle(ctx context.Context, record slog.Record) error {
	clean := slog.NewRecord(record.Time, record.Level, Clean(record.Message, maxValueBytes), record.PC)
	record.Attrs(func(attribute slog.Attr) bool {
		clean.AddAttrs(cleanAttribute(attribute))
		return true
	})
	return b.Handler.Handle(ctx, clean)
}

// WithAttrs implements slog.Handler.
func (b bounded) WithAttrs(attributes []slog.Attr) slog.Handler {
	clean := make([]slog.Attr, len(attributes))
	for i, attribute := range attributes {
		clean[i] = cleanAttribute(attribute)
	}
	return bounded{b.Handler.WithAttrs(clean)}
}

// WithGroup implements slog.Handler.
func (b bounded) WithGroup(name string) slog.Handler { return bounded{b.Handler.WithGroup(name)} }

func cleanAttribute(attribute slog.Attr) slog.Attr {
	value := attribute.Value.Resolve()
	limit := maxValueBytes
	if attribute.Key == stackKey {
		limit = maxStackBytes
	}
	switch value.Kind() {
	case slog.KindString:
		value = slog.StringValue(Clean(value.String(), limit))
	case slog.KindGroup:
		group := value.Group()
		clean := make([]slog.Attr, len(group))
		for i, inner := range group {
			clean[i] = cleanAttribute(inner)
		}
		value = slog.GroupValue(clean...)
	case slog.KindAny:
		value = cleanAny(value, limit)
	default: // numbers, times and booleans
	}
	return slog.Attr{Key: attribute.Key, Value: value}
}

// cleanAny turns errors into their text, and other values only if their text must be changed.
func cleanAny(value slog.Value, limit int) slog.Value {
	if value.Any() == nil {
		return value
	}
	text := value.String()
	if err, ok := value.Any().(error); ok {
		return slog.StringValue(Clean(err.Error(), limit))
	}
	if clean := Clean(text, limit); clean != text {
		return slog.StringValue(clean)
	}
	return value
}

// Clean returns a text of at most the given number of bytes, and a few more that say how many were left out. Characters
// that are not shown, or that change how their neighbours are shown, become escapes; line breaks and tabs stay, because
// every handler escapes them.
func Clean(text string, maxBytes int) string {
	left := 0
	if len(text) > maxBytes {
		end := maxBytes
		for end > maxBytes-utf8.UTFMax && !utf8.RuneStart(text[end]) {
			end--
		}
		text, left = text[:end], len(text)-end
	}
	if strings.ContainsFunc(text, isHarmful) || !utf8.ValidString(text) {
		var clean strings.Builder
		for _, r := range text {
			if isHarmful(r) {
				fmt.Fprintf(&clean, `\u%04x`, r)
				continue
			}
			clean.WriteRune(r) // an invalid byte is read as U+FFFD
		}
		text = clean.String()
	}
	if left > 0 {
		text += fmt.Sprintf("… (%d more bytes)", left)
	}
	return text
}

// isHarmful reports whether a character is a control character, changes the direction of writing, breaks lines or is
// invisible.
func isHarmful(r rune) bool {
	if r == '\n' || r == '\t' {
		return false
	}
	return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs)
}
