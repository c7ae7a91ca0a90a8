package store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/internal/pgtest"
	"paycow/models"
)

// A full disk is noticed without a payment that fails, is an outage to whoever writes, and ends by itself.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	for engine, onDisk := range map[string]func(t *testing.T, disk pgtest.SmallDisk) string{
		"sqlite":   func(_ *testing.T, disk pgtest.SmallDisk) string { return "sqlite:" + disk.Path("paycow.db") },
		"postgres": func(t *testing.T, disk pgtest.SmallDisk) string { return pgtest.Start(t).NewDatabaseOn(t, disk) },
	} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			disk := pgtest.NewSmallDisk(t, 40)
			url := onDisk(t, disk)
			require.NoError(t, migrate(url))
			f := newFixture(t, url)
			for range 3 {
				require.NoError(t, f.probeAgain(t))
			}

			disk.Fill(t)
			require.ErrorIs(t, f.probeAgain(t), models.ErrDatabaseFull)
			var err error
			for i := 0; i < 10_000 && err == nil; i++ {
				_, _, err = f.CreatePayment(t.Context(), f.newPayment(), derive)
			}
			require.True(t, IsOutage(err), "%v", err)
			require.ErrorIs(t, f.probeAgain(t), models.ErrDatabaseFull)

			disk.Free(t)
			require.NoError(t, f.CheckWritable(t.Context()), "a failure is not remembered")
			f.create(t)
			var rows int64
			require.NoError(t, f.read(t.Context()).Table("space_probe").Count(&rows).Error)
			require.Zero(t, rows)
		})
	}
}

// probeAgain is CheckWritable without what it remembers.
func (f *fixture) probeAgain(t testing.TB) error {
	t.Helper()
	f.space.at = time.Time{}
	return f.CheckWritable(t.Context())
}

// A backup holds its tables for as long as it takes, which is no reason to be red.
func TestProbeWaitsForNoBackup(t *testing.T) {
	t.Parallel()
	f := newPostgresFixture(t)
	tx := f.writer.Begin()
	defer tx.Rollback()
	require.NoError(t, tx.Exec("LOCK TABLE space_probe IN ACCESS SHARE MODE").Error)
	require.NoError(t, f.CheckWritable(t.Context()))
}
