package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"

	"paycow/models"
)

// ClockSkew returns how far this process's clock is ahead of the database's, negative when it is behind. It is exact to
// half the time that the question takes. SQLite has no clock of its own: the skew is 0.
func (s *Store) ClockSkew(ctx context.Context) (time.Duration, error) {
	if s.engine == engineSQLite {
		return 0, nil
	}
	asked := time.Now()
	theirs, err := databaseNow(s.read(ctx))
	if err != nil {
		return 0, wrap(err, "read the database's clock")
	}
	return asked.Add(time.Since(asked) / 2).Sub(theirs), nil
}

func databaseNow(db *gorm.DB) (now time.Time, err error) {
	err = db.Raw("SELECT clock_timestamp()").Scan(&now).Error
	return now, err
}

// databaseTime returns the time by the database's clock. SQLite has none, so there it is the process's.
func (s *Store) databaseTime(db *gorm.DB) (time.Time, error) {
	if s.engine == engineSQLite {
		return s.now(), nil
	}
	now, err := databaseNow(db)
	return toMillis(now), err
}

// AgreedClock is the database's clock as it was read, and the time of the block that the quorum agreed on then.
type AgreedClock struct {
	now    *time.Time // nil for a database that has no clock
	readAt time.Time  // by the process's clock, which counts on from there
	agreed *time.Time // nil before the first block
}

// AgreedClock reads the database's clock and the time of the agreed block.
func (s *Store) AgreedClock(ctx context.Context, network string) (AgreedClock, error) {
	read := struct {
		Now        *time.Time
		AgreedTime *time.Time
	}{}
	query := "SELECT NULL AS now, (SELECT agreed_time FROM chain_cursors WHERE network = ?) AS agreed_time"
	if s.engine == enginePostgres {
		query = strings.Replace(query, "NULL", "clock_timestamp()", 1)
	}
	if err := s.read(ctx).Raw(query, network).Scan(&read).Error; err != nil {
		return AgreedClock{}, wrap(err, "read the database's clock and the agreed block")
	}
	return AgreedClock{read.Now, time.Now(), read.AgreedTime}, nil
}

// PaymentTime returns the time that a payment made now is created at. It is the database's, so that a process whose
// clock is wrong makes no payment that ends too early or that the watcher overlooks; SQLite has no clock, so own, the
// process's, counts. Returns models.ErrClockBehind when the block that the quorum agreed on is later by more than the
// limit: the payment's window would be that much shorter, or over.
func (c AgreedClock) PaymentTime(own time.Time, limit time.Duration) (time.Time, error) {
	now := own
	if c.now != nil {
		now = c.now.Add(time.Since(c.readAt)) // by the monotonic clock
	}
	if c.agreed != nil && c.agreed.Sub(now) > limit {
		return time.Time{}, fmt.Errorf("%w: it is %s there, and the agreed block is of %s", models.ErrClockBehind,
			now.UTC().Format(time.RFC3339), c.agreed.UTC().Format(time.RFC3339))
	}
	return toMillis(now), nil
}
