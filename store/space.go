package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"

	"paycow/models"
)

// probeBytes is how much room must be left: the rows of about a hundred payments.
const probeBytes = 256 << 10

// writableFor is how long a success of CheckWritable is not tried again.
const writableFor = 10 * time.Second

// pgLockNotAvailable is Postgres's code for a lock that somebody else holds.
const pgLockNotAvailable = "55P03"

// spaceProbe remembers when the database last had room.
type spaceProbe struct {
	mutex  sync.Mutex
	at     time.Time
	folder string // of the SQLite file
}

// CheckWritable returns an error unless the database takes new rows. It tries with rows that it takes back, because a
// database that is full can still be read, and can often still change rows. Returns models.ErrDatabaseFull and
// models.ErrDatabaseReadOnly in these cases.
func (s *Store) CheckWritable(ctx context.Context) error {
	s.space.mutex.Lock()
	defer s.space.mutex.Unlock()
	if time.Since(s.space.at) < writableFor {
		return nil
	}
	if err := s.probeSpace(ctx); err != nil {
		return fmt.Errorf("try to write: %w", err)
	}
	s.space.at = time.Now()
	return nil
}

// errTakeBack ends the transaction of a probe that succeeded.
var errTakeBack = errors.New("taken back")

func (s *Store) probeSpace(ctx context.Context) error {
	err := s.probeDisk()
	if err == nil {
		err = s.write(ctx, s.probeRows)
	}
	switch {
	case errors.Is(err, errTakeBack), isLocked(err):
		return nil
	case err != nil && faultOf(err) == faultFull:
		return fmt.Errorf("%w: %w", models.ErrDatabaseFull, err)
	default:
		return err
	}
}

// probeRows writes rows that need new room, and takes them back.
func (s *Store) probeRows(tx *gorm.DB) error {
	if s.engine == engineSQLite {
		if err := tx.Exec("INSERT INTO space_probe (filler) VALUES (zeroblob(?))", probeBytes).Error; err != nil {
			return err
		}
		return errTakeBack
	}
	// A truncated table gets a new file, so the room that earlier rows left does not hide a full disk.
	for _, statement := range []string{
		"LOCK TABLE space_probe IN ACCESS EXCLUSIVE MODE NOWAIT", "TRUNCATE space_probe",
		fmt.Sprintf("INSERT INTO space_probe (filler) "+
			"SELECT convert_to(repeat('x', 2000), 'UTF8') FROM generate_series(1, %d)",
			probeBytes/2000),
	} {
		if err := tx.Exec(statement).Error; err != nil {
			return err
		}
	}
	return errTakeBack
}

// isLocked reports whether a backup or another process that probes holds the table. It is not waited for.
func isLocked(err error) bool {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pgErr.Code == pgLockNotAvailable
}

// probeDisk writes a file beside the SQLite database. SQLite itself may not need the disk for a while, because it
// writes to its log first and uses the log again.
func (s *Store) probeDisk() error {
	if s.engine != engineSQLite {
		return nil
	}
	file, err := os.CreateTemp(s.space.folder, ".paycow-space-*")
	if err != nil {
		return diskError(err)
	}
	// It has no name any more when it is written, so nothing is left behind whatever ends this process.
	removed := os.Remove(file.Name())
	_, err = file.Write(make([]byte, probeBytes))
	return diskError(errors.Join(removed, err, file.Close()))
}

func diskError(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", models.ErrDatabaseFull, err)
	}
	return err
}
