package store

import (
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/internal/pgtest"
	"paycow/models"
)

// createMany creates payments from several goroutines and returns the errors.
func (f *fixture) createMany(t testing.TB) (errs []error) {
	t.Helper()
	const clients, each = 8, 5
	var group sync.WaitGroup
	var mutex sync.Mutex
	for range clients {
		group.Go(func() {
			for range each {
				_, _, err := f.CreatePayment(t.Context(), f.newPayment(), derive)
				if err != nil {
					mutex.Lock()
					errs = append(errs, err)
					mutex.Unlock()
				}
			}
		})
	}
	group.Wait()
	return errs
}

func requireOutages(t testing.TB, errs []error) {
	t.Helper()
	for _, err := range errs {
		require.True(t, IsOutage(err), "%v", err)
	}
}

// closeForWriting makes a server read-only under its open connections, as a failover does.
func closeForWriting(t testing.TB, server *pgtest.Server, value string) {
	t.Helper()
	server.Exec(t, `ALTER SYSTEM SET default_transaction_read_only = `+value, `SELECT pg_reload_conf()`)
	require.Eventually(t, func() bool { return server.Value(t, `SHOW default_transaction_read_only`) == value },
		time.Minute, 10*time.Millisecond)
}

func TestAServerThatBecomesReadOnlyIsAnOutage(t *testing.T) {
	t.Parallel()
	server := pgtest.StartDurable(t)
	url := server.NewDatabase(t)
	require.NoError(t, migrate(url))
	f := newFixture(t, url)
	require.Empty(t, f.createMany(t))

	closeForWriting(t, server, "on")
	require.ErrorIs(t, f.CheckWritable(t.Context()), models.ErrDatabaseReadOnly)
	errs := f.createMany(t)
	require.NotEmpty(t, errs)
	requireOutages(t, errs)
	_, err := Open(t.Context(), url, slog.New(slog.DiscardHandler))
	require.ErrorIs(t, err, models.ErrDatabaseReadOnly)
	_, err = Open(t.Context(), url+"&target_session_attrs=any", slog.New(slog.DiscardHandler))
	require.NoError(t, err, "whoever asks for it gets it")

	closeForWriting(t, server, "off")
	require.Empty(t, f.createMany(t), "nobody has to end connections")
	require.NoError(t, f.CheckWritable(t.Context()))
}

func TestFailoverToAStandby(t *testing.T) {
	t.Parallel()
	primary := pgtest.StartDurable(t)
	url := primary.NewDatabase(t)
	require.NoError(t, migrate(url))
	standby := primary.StartStandby(t)
	f := newFixture(t, primary.OrAt(url, standby))
	require.Empty(t, f.createMany(t))
	kept := f.create(t)

	closeForWriting(t, primary, "on")
	wal := primary.Value(t, `SELECT pg_current_wal_flush_lsn()::text`)
	require.Eventually(t, func() bool {
		return standby.Value(t, `SELECT (pg_last_wal_replay_lsn() >= '`+wal+`')::text`) == "true"
	}, time.Minute, 10*time.Millisecond)
	require.NoError(t, standby.Promote())
	require.Empty(t, f.createMany(t), "writes go to the promoted server, and those that met the old one are repeated")
	_, err := f.Payment(t.Context(), kept.ID)
	require.NoError(t, err)

	require.NoError(t, primary.Kill())
	require.Empty(t, f.createMany(t), "a host that is away costs a connection attempt")
	require.NoError(t, standby.Restart())
	requireOutages(t, f.createMany(t))
	require.Empty(t, f.createMany(t))
}
