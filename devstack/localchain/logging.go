package localchain

import (
	"context"
	"log/slog"
	"strings"

	gethlog "github.com/ethereum/go-ethereum/log"
)

// routeGethLog sends geth's warnings and errors to the logger and drops the rest. geth has one logger for the whole
// process, so of several chains the one started last gets the warnings of all.
func routeGethLog(log *slog.Logger) {
	handler := warningsOnly{log.Handler()}
	// The wrapper hides the logger's type. If geth recognized it, it would replace slog's default logger too.
	gethlog.SetDefault(struct{ gethlog.Logger }{gethlog.NewLogger(handler)})
}

// harmlessWarnings are about things that are expected here: there are no peers, a kill loses nothing that matters, and
// reorgs are requested.
var harmlessWarnings = map[string]bool{
	"P2P server will be useless, neither dialing nor listening": true,
	"Unclean shutdown detected":                                 true,
	"Old unclean shutdowns found":                               true,
	"Large chain reorg detected":                                true,
	"Head block is not reachable":                               true, // the database is empty at the first start
}

// isHarmless reports whether a warning is dropped. It drops geth's warnings about requests answered with an error too,
// because the client has received that error.
func isHarmless(message string) bool {
	return harmlessWarnings[message] || strings.HasPrefix(message, "Served ")
}

// warningsOnly passes on warnings and errors that are not harmless.
type warningsOnly struct{ slog.Handler }

func (h warningsOnly) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && h.Handler.Enabled(ctx, level)
}

// Handle checks the level again because geth's logger does not always ask first.
func (h warningsOnly) Handle(ctx context.Context, record slog.Record) error {
	if !h.Enabled(ctx, record.Level) || isHarmless(record.Message) {
		return nil
	}
	record.Message = "geth: " + record.Message
	return h.Handler.Handle(ctx, record)
}

func (h warningsOnly) WithAttrs(attrs []slog.Attr) slog.Handler {
	return warningsOnly{h.Handler.WithAttrs(attrs)}
}

func (h warningsOnly) WithGroup(name string) slog.Handler {
	return warningsOnly{h.Handler.WithGroup(name)}
}
