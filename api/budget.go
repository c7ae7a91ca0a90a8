package api

import "sync"

// budget bounds how many long responses run at the same time, in all and for one network, so that no client keeps the
// others from theirs. It is safe for concurrent use.
type budget struct {
	total, perNetwork int

	mutex     sync.Mutex
	count     int
	byNetwork map[string]int
}

func newBudget(total, perNetwork int) *budget {
	return &budget{total: total, perNetwork: perNetwork, byNetwork: map[string]int{}}
}

// take reserves a place for a client of the network. ok is false when there is none; otherwise the caller gives the
// place back with release.
func (b *budget) take(network string) (release func(), ok bool) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if b.count >= b.total || b.byNetwork[network] >= b.perNetwork {
		return nil, false
	}
	b.count++
	b.byNetwork[network]++
	return func() {
		b.mutex.Lock()
		defer b.mutex.Unlock()
		b.count--
		if b.byNetwork[network]--; b.byNetwork[network] == 0 {
			delete(b.byNetwork, network)
		}
	}, true
}
