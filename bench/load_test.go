package bench

import (
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// rate calls do from that many connections at once for a time, and returns the calls in a second. Each must succeed.
func (b *bench) rate(connections int, length time.Duration, do func() error) float64 {
	b.t.Helper()
	var calls atomic.Int64
	begin := time.Now()
	group := errgroup.Group{}
	for range connections {
		group.Go(func() error {
			for time.Since(begin) < length {
				if err := do(); err != nil {
					return err
				}
				calls.Add(1)
			}
			return nil
		})
	}
	require.NoError(b.t, group.Wait())
	return float64(calls.Load()) / time.Since(begin).Seconds()
}

// against measures a figure and its floor in turn, three times, and takes the medians. The floor goes first.
func (b *bench) against(f Figure, measure, floor func() float64) Figure {
	b.t.Helper()
	var values, floors, ratios []float64
	for range 3 {
		low, value := floor(), measure()
		values, floors, ratios = append(values, value), append(floors, low), append(ratios, value/low)
	}
	f.Value, f.Floor, f.Ratio = median(values), median(floors), median(ratios)
	return f
}

// each runs do for 0 to n-1, that many at a time, and returns how long each took.
func (b *bench) each(connections, n int, do func(i int) error) []time.Duration {
	b.t.Helper()
	took := make([]time.Duration, n)
	group := errgroup.Group{}
	group.SetLimit(connections)
	for i := range n {
		group.Go(func() error {
			begin := time.Now()
			err := do(i)
			took[i] = time.Since(begin)
			return err
		})
	}
	require.NoError(b.t, group.Wait())
	return took
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
