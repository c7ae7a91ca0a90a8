package store

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

func (s *Store) gormConfig() *gorm.Config {
	return &gorm.Config{
		SkipDefaultTransaction: true, // every change of more than one row opens its own
		PrepareStmt:            true,
		DisableAutomaticPing:   true, // Open pings with the caller's context
		NowFunc:                s.now,
		Logger:                 quietLogger{s.logger},
	}
}

// slowStatement is how long a statement may take before it is worth a line in the log.
const slowStatement = 500 * time.Millisecond

// quietLogger is GORM's way to the log. It never sees values, only statements with placeholders, and leaves errors to
// those who get them returned.
type quietLogger struct{ log *slog.Logger }

var (
	_ logger.Interface  = quietLogger{}
	_ gorm.ParamsFilter = quietLogger{}
)

func (l quietLogger) LogMode(logger.LogLevel) logger.Interface { return l }

func (l quietLogger) Info(context.Context, string, ...any) {}

func (l quietLogger) Warn(ctx context.Context, message string, args ...any) {
	l.log.WarnContext(ctx, fmt.Sprintf(message, args...))
}

func (l quietLogger) Error(ctx context.Context, message string, args ...any) {
	l.log.ErrorContext(ctx, fmt.Sprintf(message, args...))
}

func (l quietLogger) Trace(ctx context.Context, begin time.Time, statement func() (string, int64), err error) {
	if elapsed := time.Since(begin); elapsed > slowStatement {
		text, rows := statement()
		l.log.WarnContext(ctx, "slow database statement", "statement", text, "rows", rows, "elapsed_ms", elapsed.Milliseconds(), "error", err)
	}
}

// ParamsFilter keeps values out of the statements that Trace is shown.
func (l quietLogger) ParamsFilter(_ context.Context, statement string, _ ...any) (string, []any) {
	return statement, nil
}
