package chain

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"paycow/models"
)

// capability is something that not every node offers and that can be had in another way.
type capability string

const (
	logsByHash    capability = "the logs of a block by its hash"
	blockReceipts capability = "the receipts of a block"
	batches       capability = "batches of calls"
)

// lackFor is how long a node is not asked again for what it did not offer.
const lackFor = 10 * time.Minute

// capabilities are what a node was found to lack. It is found out by asking, and forgotten after lackFor. The zero
// value lacks nothing.
type capabilities struct {
	mu    sync.Mutex
	until map[capability]time.Time
}

func (c *capabilities) lacks(what capability) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Before(c.until[what])
}

func (c *capabilities) note(what capability) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.until == nil {
		c.until = map[capability]time.Time{}
	}
	c.until[what] = time.Now().Add(lackFor)
}

// String lists what the node lacks, "" when that is nothing.
func (c *capabilities) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var lacking []string
	for what, until := range c.until {
		if time.Now().Before(until) {
			lacking = append(lacking, string(what))
		}
	}
	slices.Sort(lacking)
	return strings.Join(lacking, ", ")
}

// eitherWay asks a node in the one way, and in the other if the node does not offer the first. An answer in other words
// than those known, or none in time, may mean that as well, so the other way is tried then too, and remembered only if
// it works.
func eitherWay[T any](
	ctx context.Context, c *capabilities, what capability, way, otherWay func(context.Context) (T, error),
) (T, error) {
	if c.lacks(what) {
		return otherWay(ctx)
	}
	value, err := way(ctx)
	tooLate := errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil
	if err == nil || !mayLack(err) && !tooLate {
		return value, err
	}
	other, otherErr := otherWay(ctx)
	if otherErr != nil {
		if errors.Is(otherErr, models.ErrBlockNotFound) {
			err = otherErr
		}
		return value, err
	}
	c.note(what)
	return other, nil
}

// mayLack reports whether an error may mean that the node does not offer the call.
func mayLack(err error) bool {
	switch MeaningOf(err) {
	case MeansNotOffered, MeansNotYet, MeansTooMuch:
		return true
	case MeansBroken:
		_, said := refusalOf(err)
		return said || isTooLarge(err)
	default:
		return false
	}
}
