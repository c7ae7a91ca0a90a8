package temporal

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/log/tag"
)

// logAdapter sends Temporal's warnings and errors to slog. It drops the rest: hundreds of lines at each start that are
// of no use to an admin of PayCow.
type logAdapter struct {
	log   *slog.Logger
	phase *phase
}

// phase is shared by all loggers of one engine.
type phase struct {
	// serving is the time since when the services serve, nil while they are starting. They log dozens of warnings about
	// refused connections then, which are dropped.
	serving atomic.Pointer[time.Time]
	// ended is true once Stop has been called. From then on everything is dropped: broken polls and lost connections
	// are expected, and goroutines that Temporal leaves behind keep logging them.
	ended atomic.Bool
}

// newNamespaceTime is for how long after the start a namespace may be missing without a warning.
const newNamespaceTime = time.Minute

// serve says that the services serve since then.
func (p *phase) serve(since time.Time) { p.serving.Store(&since) }

// knownNoise are warnings about things that are so on purpose.
var knownNoise = map[string]bool{
	"HTTP API port has not been set. Nexus HTTP endpoints will not be available. To enable Nexus, follow these " +
		"instructions: https://github.com/temporalio/temporal/blob/main/docs/architecture/nexus.md#enabling-nexus.": true,
	// The check of the search attributes polls with a timeout of seconds instead of a minute.
	"Context timeout is lower than critical value for long poll API.": true,
}

var (
	_ log.Logger     = (*logAdapter)(nil)
	_ log.WithLogger = (*logAdapter)(nil)
)

func newLogAdapter(log *slog.Logger) *logAdapter {
	return &logAdapter{log: log.With("component", "temporal"), phase: new(phase)}
}

// fatalError is the value of the panic that replaces Temporal's end of the process. newServer turns it into an error if
// it happens on the goroutine of Start; on any other goroutine it ends the process, as Temporal intends.
type fatalError struct {
	message string
	tags    []any
}

func (e *fatalError) Error() string { return fmt.Sprint(append([]any{e.message, ": "}, e.tags...)...) }

func (l *logAdapter) With(tags ...tag.Tag) log.Logger {
	return &logAdapter{log: l.log.With(attributes(tags)...), phase: l.phase}
}

func (l *logAdapter) Debug(string, ...tag.Tag) {}
func (l *logAdapter) Info(string, ...tag.Tag)  {}

func (l *logAdapter) Warn(msg string, tags ...tag.Tag) {
	since := l.phase.serving.Load()
	if since == nil || knownNoise[msg] {
		return
	}
	// A new installation creates its namespace right after the start. Temporal's own worker for it asks before
	// Temporal's caches have it.
	if isOfMissingNamespace(tags) && time.Since(*since) < newNamespaceTime {
		return
	}
	l.write(slog.LevelWarn, msg, tags)
}

// isOfMissingNamespace reports whether a warning is about a namespace that Temporal does not find.
func isOfMissingNamespace(tags []tag.Tag) bool {
	return slices.ContainsFunc(tags, func(t tag.Tag) bool {
		text := fmt.Sprint(t.Value())
		return strings.HasPrefix(text, "Namespace ") && strings.HasSuffix(text, " is not found.")
	})
}

func (l *logAdapter) Error(msg string, tags ...tag.Tag) { l.write(slog.LevelError, msg, tags) }

// DPanic logs a broken invariant. Only Temporal's own tests panic here.
func (l *logAdapter) DPanic(msg string, tags ...tag.Tag) { l.write(slog.LevelError, msg, tags) }

func (l *logAdapter) Panic(msg string, tags ...tag.Tag) {
	l.write(slog.LevelError, msg, tags)
	panic(&fatalError{msg, attributes(tags)})
}

func (l *logAdapter) Fatal(msg string, tags ...tag.Tag) {
	l.write(slog.LevelError, msg, tags)
	panic(&fatalError{msg, attributes(tags)})
}

func (l *logAdapter) write(level slog.Level, msg string, tags []tag.Tag) {
	ctx := context.Background()
	if !l.phase.ended.Load() && l.log.Enabled(ctx, level) {
		l.log.Log(ctx, level, msg, attributes(tags)...) //nolint:sloglint // the message and its keys are Temporal's
	}
}

// attributes turns tags into slog's alternating keys and values.
func attributes(tags []tag.Tag) []any {
	out := make([]any, 0, 2*len(tags))
	for _, t := range tags {
		out = append(out, t.Key(), t.Value())
	}
	return out
}
