//go:build !slim

package main

import (
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// BenchmarkWebhookBurst delivers events that wait in the outbox to one endpoint that answers at once: events/s is the
// rate, and history-events the longest history of a sample of the workflows. The goal is 6 at most. -benchtime 10000x
// makes 10,000 events.
func BenchmarkWebhookBurst(b *testing.B) {
	s := startStack(b, "--block-time", "0s")
	db, keys := s.behind()
	h := newHook(b, db, keys, s.operatorID(db), models.AllEventTypes)
	s.kill() // so that the events wait when it starts
	for range b.N {
		_, err := db.CreateTestDelivery(b.Context(), h.endpoint.OperatorID, h.endpoint.ID)
		require.NoError(b, err)
	}
	s.start()
	eventually(b, "the first event is delivered", func() error {
		if tries, _ := h.seen(); tries == 0 {
			return errors.New("none is")
		}
		return nil
	})
	b.ResetTimer()
	var messages []taken
	for deadline := time.Now().Add(time.Hour); len(messages) < b.N; time.Sleep(10 * time.Millisecond) {
		_, messages = h.seen()
		require.True(b, time.Now().Before(deadline), "%d of %d events are delivered", len(messages), b.N)
	}
	b.StopTimer()
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(b.N)/max(b.Elapsed().Seconds(), 0.01), "events/s")

	longest, temporal := int64(0), s.temporal()
	for i := 0; i < len(messages); i += max(1, len(messages)/50) {
		id := models.WebhookWorkflowID(h.endpoint.ID, messages[i].id)
		eventually(b, "the workflow has ended", func() error {
			d, err := temporal.DescribeWorkflowExecution(b.Context(), id, "")
			if err == nil && d.GetWorkflowExecutionInfo().GetCloseTime() == nil {
				err = errors.New("it is " + d.GetWorkflowExecutionInfo().GetStatus().String())
			}
			if err == nil {
				longest = max(longest, d.GetWorkflowExecutionInfo().GetHistoryLength())
			}
			return err
		})
	}
	b.ReportMetric(float64(longest), "history-events")
	s.kill() // before the endpoint, which waits for its connections
}

// BenchmarkEndpointsBesideBadOnes measures how long events take, from their transaction to the endpoint, with ten
// endpoints: all of them are well, or one hangs and one answers 500. p99-ratio is the 99th percentile of the other eight
// then by what it is when all are well; the goal is 1.2 at most. Each is measured twice, in turn, on stacks of their own,
// so that all have the same past. A payment begins every benchPace, so that both carry the same load: tries that fail cost
// work of their own, and at full load a benchmark would measure that. -benchtime 100x makes 100 payments in each.
func BenchmarkEndpointsBesideBadOnes(b *testing.B) {
	var well, beside []time.Duration
	for range 2 {
		well = append(well, delaysOfWell(b, nil)...)
		beside = append(beside, delaysOfWell(b, []int{http.StatusInternalServerError, hangs})...)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(milliseconds(p99(well)), "p99-well-ms")
	b.ReportMetric(milliseconds(p99(beside)), "p99-beside-ms")
	b.ReportMetric(float64(p99(beside))/float64(p99(well)), "p99-ratio")
}

// benchPace is the time from one payment to the next: 30 events a second for ten endpoints.
const benchPace = time.Second

// delaysOfWell returns how long the events of b.N payments took to reach eight endpoints that are well, beside two that
// give these answers; they are well if there are none.
func delaysOfWell(b *testing.B, answers []int) (delays []time.Duration) {
	s := startStack(b, "--block-time", "0s", "--window", "24h")
	db, keys := s.behind()
	hooks := make([]*hook, 10)
	for i := range hooks {
		hooks[i] = newHook(b, db, keys, s.operatorID(db), models.AllEventTypes)
	}
	well := hooks[2:]
	pay := func() (delays []time.Duration) {
		counts := make([]int, len(well))
		for i, h := range well {
			_, before := h.seen()
			counts[i] = len(before)
		}
		payment := s.create("50.00")
		s.send(payment.DepositAddress, 50*models.USDT)
		s.mine(12)
		for i, h := range well {
			var news []taken
			eventually(b, "the events of a payment are delivered", func() error {
				_, all := h.seen()
				news = all[counts[i]:]
				if !slices.ContainsFunc(news, func(m taken) bool { return m.body.Type == models.EventPaid }) {
					return errors.New("payment.paid is not")
				}
				return nil
			})
			for _, m := range news {
				delays = append(delays, m.at.Sub(m.body.Timestamp))
			}
		}
		return delays
	}
	pay() // so that everything is warm
	for i, answer := range answers {
		hooks[i].set(answer)
	}
	pace := time.NewTicker(benchPace)
	defer pace.Stop()
	for range b.N {
		<-pace.C
		delays = append(delays, pay()...)
	}
	s.kill() // before the endpoints, which wait for their connections
	return delays
}

// p99 returns the smallest value that 99 percent of the values do not exceed (nearest rank).
func p99(values []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)*99+99)/100-1]
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
