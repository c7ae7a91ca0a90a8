package store

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"paycow/internal/pgtest"
)

// Everything works through PgBouncer with its default settings, in both modes that people use.
func TestPgBouncer(t *testing.T) {
	t.Parallel()
	for _, mode := range []pgtest.PoolMode{pgtest.PoolSession, pgtest.PoolTransaction} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			server := pgtest.Start(t)
			url := server.StartPooler(t, server.NewDatabase(t), mode)
			var group sync.WaitGroup
			for range 2 {
				group.Go(func() { require.NoError(t, migrate(url), "two processes migrate at once") })
			}
			group.Wait()
			f := newFixture(t, url)
			for range 5 {
				require.Empty(t, f.createMany(t))
			}
			f.creditedPayment(t, 1)
			require.Empty(t, f.compareAll(t))
		})
	}
}
