package temporal

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"

	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/log/tag"
)

// logAdapter routes Temporal's log to slog. Temporal is chatty below warnings:
// hundreds of lines at a start that tell an admin of PayCow nothing.
type logAdapter struct {
	slog  *slog.Logger
	phase *phase
}

// phase is shared by every logger of one engine.
type phase struct {
	// serving is false while the services find each other, which is dozens of
	// warnings about refused connections.
	serving atomic.Bool
	// ended is true from the beginning of a stop: cut polls and lost connections
	// are what a stop is, and Temporal's leftover goroutines go on about them.
	ended atomic.Bool
}

// knownNoise are warnings about what is meant to be so.
var knownNoise = map[string]bool{
	"HTTP API port has not been set. Nexus HTTP endpoints will not be available. To enable Nexus, follow these " +
		"instructions: https://github.com/temporalio/temporal/blob/main/docs/architecture/nexus.md#enabling-nexus.": true,
	// The check of the search attributes polls for seconds, not for a minute.
	"Context timeout is lower than critical value for long poll API.": true,
}

var (
	_ log.Logger     = (*logAdapter)(nil)
	_ log.WithLogger = (*logAdapter)(nil)
)

func newLogAdapter(logger *slog.Logger) *logAdapter {
	return &logAdapter{slog: logger.With("component", "temporal"), phase: new(phase)}
}

// fatalError is what the server panics with where it would end the process.
// Start turns it into an error when it happens on its own goroutine; anywhere
// else there is nobody to ask and the process ends, as Temporal wants.
type fatalError struct {
	message string
	tags    []any
}

func (e *fatalError) Error() string { return fmt.Sprint(append([]any{e.message, ": "}, e.tags...)...) }

func (l *logAdapter) With(tags ...tag.Tag) log.Logger {
	return &logAdapter{slog: l.slog.With(attributes(tags)...), phase: l.phase}
}

func (l *logAdapter) Debug(string, ...tag.Tag) {}
func (l *logAdapter) Info(string, ...tag.Tag)  {}

func (l *logAdapter) Warn(msg string, tags ...tag.Tag) {
	if l.phase.serving.Load() && !knownNoise[msg] {
		l.write(slog.LevelWarn, msg, tags)
	}
}

func (l *logAdapter) Error(msg string, tags ...tag.Tag) { l.write(slog.LevelError, msg, tags) }

// DPanic marks a broken invariant. It panics in Temporal's own tests only.
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
	if !l.phase.ended.Load() && l.slog.Enabled(ctx, level) {
		l.slog.Log(ctx, level, msg, attributes(tags)...) //nolint:sloglint // Temporal's message
	}
}

// attributes turns tags into the alternating keys and values of slog.
func attributes(tags []tag.Tag) []any {
	out := make([]any, 0, 2*len(tags))
	for _, t := range tags {
		out = append(out, t.Key(), t.Value())
	}
	return out
}
