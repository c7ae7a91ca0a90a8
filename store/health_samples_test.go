package store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// A minute keeps the worst of what was reported in it, a step the worst of its minutes, and old samples are dropped.
func TestHealthHistory(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		start := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
		report := func(at time.Duration, lag time.Duration, latency int64) {
			f.now = func() time.Time { return start.Add(at) }
			require.NoError(t, f.PutNodeHealth(ctx, models.NetworkERC20, []models.NodeHealth{
				{Name: "https://a", State: models.NodeOK, HeadTime: start.Add(at - lag), LatencyMillis: latency},
				{Name: "https://b", State: models.NodeErroring, LatencyMillis: 9},
			}))
		}
		history := func(step time.Duration) (lags, latencies map[string][]int64) {
			points, err := f.HealthHistory(ctx, models.NetworkERC20, minuteOf(start)/int64(step/time.Minute), step)
			require.NoError(t, err)
			lags, latencies = map[string][]int64{}, map[string][]int64{}
			for _, p := range points {
				if p.LagMillis != nil {
					lags[p.Node] = append(lags[p.Node], *p.LagMillis)
				}
				if p.LatencyMillis != nil {
					latencies[p.Node] = append(latencies[p.Node], *p.LatencyMillis)
				}
			}
			return lags, latencies
		}
		watched := func(at time.Duration) {
			require.NoError(t, f.writer.Model(&models.ChainCursor{}).Where("network = ?", models.NetworkERC20).
				UpdateColumn("block_time", start.Add(at)).Error)
		}
		watched(-4 * time.Second)
		report(0, 3*time.Second, 40)
		report(5*time.Second, 9*time.Second, 20)
		report(10*time.Second, -time.Second, 30) // a block from the future is new
		watched(50 * time.Second)
		report(70*time.Second, time.Second, 7)
		lags, latencies := history(time.Minute)
		require.Equal(t, map[string][]int64{"": {14000, 20000}, "https://a": {9000, 1000}}, lags)
		require.Equal(t, map[string][]int64{"https://a": {40, 7}}, latencies, "a node that fails has none")
		lags, latencies = history(12 * time.Minute)
		require.Equal(t, map[string][]int64{"": {20000}, "https://a": {9000}}, lags)
		require.Equal(t, map[string][]int64{"https://a": {40}}, latencies)

		f.now = func() time.Time { return start.Add(models.HealthKept + time.Minute) }
		require.NoError(t, f.DropOld(ctx, Ages{}, func(string) {}))
		_, latencies = history(time.Minute)
		require.Equal(t, map[string][]int64{"https://a": {7}}, latencies, "what is young stays")
	})
}
