package store

import (
	"context"
	"log/slog"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/gorm/utils"
)

// gormConfig leaves PrepareStmt off. Its cache prepares a statement while other users of the same text wait: a transaction
// that holds the last connection then waits for a preparation that waits for a connection, for ever. pgx keeps prepared
// statements by itself, so on Postgres it would even cost round trips within transactions (measured: a third of the rate).
func (s *Store) gormConfig() *gorm.Config {
	return &gorm.Config{
		SkipDefaultTransaction: true, // every change of more than one row opens its own
		DisableAutomaticPing:   true, // Open pings with the caller's context
		NowFunc:                s.now,
		Logger:                 quietLogger{log: s.log, slow: slowStatement},
	}
}

// slowStatement is how long a statement may take before it is worth a line in the log.
const slowStatement = 500 * time.Millisecond

// quietLogger is GORM's way to the log. It says which function was slow and never shows a statement: GORM puts the values
// into the text of some (those read with Scan), whatever its ParamsFilter says. Errors are left to those who get them.
type quietLogger struct {
	log  *slog.Logger
	slow time.Duration // from which on a statement is worth a line
}

var _ logger.Interface = quietLogger{}

func (l quietLogger) LogMode(logger.LogLevel) logger.Interface { return l }

func (l quietLogger) Info(context.Context, string, ...any) {}

// Warn and Error are for complaints of GORM itself. Their arguments may hold values.
func (l quietLogger) Warn(ctx context.Context, message string, _ ...any) {
	l.log.WarnContext(ctx, "the database library warns", "message", message)
}

func (l quietLogger) Error(ctx context.Context, message string, _ ...any) {
	l.log.ErrorContext(ctx, "the database library fails", "message", message)
}

func (l quietLogger) Trace(ctx context.Context, begin time.Time, _ func() (string, int64), _ error) {
	if elapsed := time.Since(begin); elapsed > l.slow {
		caller := utils.CallerFrame()
		l.log.WarnContext(ctx, "slow database statement", "function", caller.Function, "line", caller.Line, "elapsed_ms", elapsed.Milliseconds())
	}
}
