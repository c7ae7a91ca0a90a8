package store

import (
	"testing"
	"time"

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

// BenchmarkHistory reads what is read all the time, and compares what a scheduled reconciliation compares each time,
// beside 1,000 old payments and beside 100,000. The ratio of the two times should be near 1.
func BenchmarkHistory(b *testing.B) {
	for _, engine := range []string{"sqlite", "postgres"} {
		b.Run(engine, func(b *testing.B) {
			took := map[string][]time.Duration{}
			for _, old := range []int{1000, 100_000} {
				url := sqliteURL(b)
				if engine == "postgres" {
					url = pgtest.Start(b).NewDatabase(b)
				}
				require.NoError(b, migrate(url))
				f := newFixture(b, url)
				f.fill(b, old)
				for name, call := range f.everyDayCalls(b) {
					require.NoError(b, call(), name)
					begun := time.Now()
					for range 20 {
						require.NoError(b, call(), name)
					}
					took[name] = append(took[name], time.Since(begun))
				}
			}
			for name, of := range took {
				b.ReportMetric(float64(of[1])/float64(of[0]), name+"-ratio")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// everyDayCalls are the calls whose cost must not grow with history.
func (f *fixture) everyDayCalls(b *testing.B) map[string]func() error {
	b.Helper()
	ctx := b.Context()
	last, err := f.LastEntry(ctx)
	require.NoError(b, err)
	lately := time.Now().Add(time.Hour)
	due := BooksDue{Block: 1 << 40, Before: lately}
	return map[string]func() error{
		"balance":    func() error { _, _, err := f.Balance(ctx, f.operator.ID); return err },
		"metrics":    func() error { _, err := f.NetworkFigures(ctx, models.NetworkERC20); return err },
		"operators":  func() error { _, _, err := f.ListOperators(ctx, OperatorFilter{}); return err },
		"statistics": func() error { _, err := f.OperatorFigures(ctx, f.operator.ID, 30); return err },
		"open":       func() error { _, err := f.OpenPayments(ctx, models.NetworkERC20, lately, "", 1000); return err },
		"changed":    func() error { _, err := f.ChangedPayments(ctx, lately, last, "", 10_000); return err },
		"uncredited": func() error { _, err := f.CompareUncredited(ctx, models.NetworkERC20, due); return err },
		"entries":    func() error { _, err := f.CompareEntries(ctx, last-500, last); return err },
		"payments": func() error {
			ids, err := f.PaymentsFrom(ctx, models.NetworkERC20, "8", 100)
			if err == nil {
				_, err = f.ComparePayments(ctx, ids, due)
			}
			return err
		},
		"chain": func() error { _, err := f.ExpectedBalances(ctx, models.NetworkERC20, 1<<40, "", 500); return err },
	}
}
