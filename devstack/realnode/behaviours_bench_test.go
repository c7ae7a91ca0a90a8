package realnode

import (
	"slices"
	"testing"
	"time"

	"paycow/chain/nodetest"
)

// BenchmarkAWildNodeBesideOthers measures how much longer a payment takes when the preferred node misbehaves and the
// others are well. Each payment is read by two shops at the same time: one with the wild node, one with a node that is
// well in its place. p99-later-ms is the 99th percentile of the difference; the goal is 1,000 at most. -benchtime 50x
// makes 50 payments for each behaviour.
func BenchmarkAWildNodeBesideOthers(b *testing.B) {
	for _, layout := range []struct {
		name   string
		quorum int
		others func(*gethChain) []string
	}{
		{"one_of_two", 1, func(g *gethChain) []string { return []string{g.httpURL()} }},
		{"two_of_three", 2, func(g *gethChain) []string { return []string{g.httpURL(), g.wsURL()} }},
	} {
		for _, behaviour := range nodetest.Behaviours {
			b.Run(layout.name+"/"+behaviour.Name, func(b *testing.B) {
				geth := newGethChain(b)
				geth.mineEmpty(3)
				node := nodetest.Start(b, geth.httpURL(), geth.wsURL())
				wild := openShop(b, geth, layout.quorum, append([]string{node.URL()}, layout.others(geth)...)...)
				proxy := nodetest.Start(b, geth.httpURL(), geth.wsURL()) // so that both first nodes are behind one
				well := openShop(b, geth, layout.quorum, append([]string{proxy.URL()}, layout.others(geth)...)...)
				wild.await(wild.pay(), "the node is well")
				node.Play(behaviour.Play)
				b.ResetTimer()
				var wilds, wells, later []time.Duration
				for b.Loop() {
					amount := wild.pay()
					took := make(chan time.Duration)
					go func() { took <- well.await(amount, "all nodes are well") }()
					withIt := wild.await(amount, behaviour.Name)
					without := <-took
					wilds, wells, later = append(wilds, withIt), append(wells, without), append(later, withIt-without)
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(milliseconds(percentile(wells, 99)), "p99-well-ms")
				b.ReportMetric(milliseconds(percentile(wilds, 99)), "p99-wild-ms")
				b.ReportMetric(milliseconds(percentile(later, 99)), "p99-later-ms")
			})
		}
	}
}

// percentile returns the smallest value that so many percent of the values do not exceed (nearest rank).
func percentile(values []time.Duration, percent int) time.Duration {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)*percent+99)/100-1]
}

func milliseconds(d time.Duration) float64 { return float64(d.Milliseconds()) }
