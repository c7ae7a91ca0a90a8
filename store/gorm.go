package store

import (
	"context"
	"log/slog"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/gorm/utils"
)

// gormConfig leaves PrepareStmt off. Its cache makes all users of a statement wait while one prepares it: a transaction
// that holds the last connection can then wait for ever for a preparation that waits for a connection. pgx caches
// prepared statements itself, so PrepareStmt would also cost round trips within transactions (measured: a third of the
// rate).
func (s *Store) gormConfig() *gorm.Config {
	return &gorm.Config{
		SkipDefaultTransaction: true, // each change of more than one row opens its own
		DisableAutomaticPing:   true, // Open pings with the caller's context
		NowFunc:                s.now,
		Logger:                 quietLogger{log: s.log, slow: slowStatement},
	}
}

// slowStatement is how long a statement may take before it is logged.
const slowStatement = 500 * time.Millisecond

// quietLogger passes GORM's messages to the log. It names the function that ran a slow statement and never logs
// statements: GORM puts the values into the text of some (those read with Scan), whatever its ParamsFilter says. It
// does not log errors; callers get them.
type quietLogger struct {
	log  *slog.Logger
	slow time.Duration // statements that take longer are logged
}

var _ logger.Interface = quietLogger{}

func (l quietLogger) LogMode(logger.LogLevel) logger.Interface { return l }

func (l quietLogger) Info(context.Context, string, ...any) {}

// Warn and Error log messages of GORM itself, without their arguments, which may hold values.
func (l quietLogger) Warn(ctx context.Context, message string, _ ...any) {
	l.log.WarnContext(ctx, "database library warning", "message", message)
}

func (l quietLogger) Error(ctx context.Context, message string, _ ...any) {
	l.log.ErrorContext(ctx, "database library error", "message", message)
}

func (l quietLogger) Trace(ctx context.Context, begin time.Time, _ func() (string, int64), _ error) {
	if elapsed := time.Since(begin); elapsed > l.slow {
		caller := utils.CallerFrame()
		l.log.WarnContext(ctx, "slow database statement",
			"function", caller.Function, "line", caller.Line, "elapsed_ms", elapsed.Milliseconds())
	}
}
