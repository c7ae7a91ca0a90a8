package store

import (
	"testing"

	"github.com/stretchr/testify/require"

	"paycow/internal/pgtest"
	"paycow/models"
)

func benchOnBoth(b *testing.B, run func(b *testing.B, f *fixture)) {
	bench := func(b *testing.B, url string) {
		require.NoError(b, migrate(url))
		f := newFixture(b, url)
		b.ResetTimer()
		run(b, f)
	}
	b.Run("sqlite", func(b *testing.B) { bench(b, sqliteURL(b)) })
	b.Run("postgres", func(b *testing.B) { bench(b, pgtest.StartDurable(b).NewDatabase(b)) })
}

// BenchmarkCreatePayment creates payments from 16 goroutines a processor. Postgres syncs its commits, as SQLite does.
func BenchmarkCreatePayment(b *testing.B) {
	benchOnBoth(b, func(b *testing.B, f *fixture) {
		b.SetParallelism(16)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				in := f.newPayment()
				in.IdempotencyKey, in.RequestHash = models.NewID(), []byte("body")
				if _, _, err := f.CreatePayment(b.Context(), in, derive); err != nil {
					b.Error(err)
					return
				}
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "creates/s")
	})
}

// BenchmarkPayment reads one payment over and over, as a polled checkout does.
func BenchmarkPayment(b *testing.B) {
	benchOnBoth(b, func(b *testing.B, f *fixture) {
		p := f.create(b)
		b.SetParallelism(16)
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := f.Payment(b.Context(), p.ID); err != nil {
					b.Error(err)
					return
				}
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "reads/s")
	})
}

// BenchmarkLifeOfPayment takes a payment from its creation over two recorded states to its credit.
func BenchmarkLifeOfPayment(b *testing.B) {
	benchOnBoth(b, func(b *testing.B, f *fixture) {
		for i := range b.N {
			p := f.create(b)
			f.mine(b, "main", transferTo(p, i+1, p.AmountRequested, models.BlockRef{}))
			for _, status := range []models.Status{models.StatusDetected, models.StatusConfirming} {
				state := next(p, func(s *models.PaymentState) { s.Status, s.AmountReceived = status, p.AmountRequested })
				result, err := f.Record(b.Context(), models.RecordInput{PaymentID: p.ID, State: state})
				require.NoError(b, err)
				require.True(b, result.Recorded)
				p.PaymentState = state
			}
			result, err := f.Credit(b.Context(), f.creditInput(p, []models.Transfer{f.transfer(b, p.ID)}, nil))
			require.NoError(b, err)
			require.True(b, result.Recorded)
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "payments/s")
	})
}
