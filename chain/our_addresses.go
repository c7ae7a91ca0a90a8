package chain

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
)

// addressBatch is how many addresses the store is asked about at a time: databases limit a statement's parameters.
const addressBatch = 500

// addressStore knows the deposit addresses.
type addressStore interface {
	// OurAddresses returns those of the addresses (EIP-55 form) that are deposit addresses.
	OurAddresses(ctx context.Context, network string, addresses []string) ([]string, error)
}

// ourAddresses returns which of the addresses are deposit addresses.
func ourAddresses(
	ctx context.Context, store addressStore, network string, addresses map[string]bool,
) (map[string]bool, error) {
	ours := make(map[string]bool)
	for batch := range slices.Chunk(sortedKeys(addresses), addressBatch) {
		found, err := store.OurAddresses(ctx, network, batch)
		if err != nil {
			return nil, fmt.Errorf("look up our addresses: %w", err)
		}
		for _, address := range found {
			ours[address] = true
		}
	}
	return ours, nil
}

// sortedKeys returns a map's keys in order.
func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
