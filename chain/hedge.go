package chain

import (
	"context"
	"errors"
	"iter"
	"sync"
	"time"
)

// hedgeAfter is how long a node may take to answer before the next one is asked as well.
const hedgeAfter = 600 * time.Millisecond

// answer is what one node answered.
type answer[T any] struct {
	value T
	err   error
}

// firstAnswer asks the best node. When it fails, the next one is asked at once; when it takes longer than hedgeAfter,
// the next one is asked as well, and the first good answer counts. It fails when every node has failed.
func firstAnswer[T any](ctx context.Context, p *Pool, ask func(context.Context, *member) (T, error)) (T, error) {
	var none T
	candidates := p.candidates()
	if len(candidates) == 0 {
		return none, p.whyNone()
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan answer[T], len(candidates))
	asked, open := 0, 0
	askNext := func() {
		m := candidates[asked]
		asked++
		open++
		go func() {
			value, err := ask(ctx, m)
			answers <- answer[T]{value, err}
		}()
	}
	askNext()
	hedge := time.NewTimer(hedgeAfter)
	defer hedge.Stop()
	var failures []error
	for {
		select {
		case a := <-answers:
			open--
			if a.err == nil {
				return a.value, nil
			}
			failures = append(failures, a.err)
			switch {
			case ctx.Err() != nil:
				return none, ctx.Err()
			case asked < len(candidates):
				askNext()
				hedge.Reset(hedgeAfter)
			case open == 0:
				if len(failures) == 1 {
					return none, failures[0]
				}
				return none, errors.Join(failures...)
			}
		case <-hedge.C:
			if asked < len(candidates) {
				candidates[asked-1].noteLate() // now: the next read may begin before the call here has ended
				askNext()
				hedge.Reset(hedgeAfter)
			}
		case <-ctx.Done():
			return none, ctx.Err()
		}
	}
}

// answersOf asks all the nodes at once and yields the answers as they arrive. A silent node holds up the others for
// slowAfter at most; a caller that has enough answers leaves the loop.
func answersOf[T any](
	ctx context.Context, members []*member, ask func(context.Context, *member) (T, error),
) iter.Seq[answer[T]] {
	return func(yield func(answer[T]) bool) {
		ctx, cancel := context.WithTimeout(ctx, slowAfter)
		defer cancel()
		answers := make(chan answer[T], len(members))
		for _, m := range members {
			go func() {
				value, err := ask(ctx, m)
				answers <- answer[T]{value, err}
			}()
		}
		for range members {
			if !yield(<-answers) {
				return
			}
		}
	}
}

// gatherHedge is how long nodes may take for a question of several calls before further ones are asked as well.
const gatherHedge = 700 * time.Millisecond

// gather asks nodes, best first, as many at a time as answers are missing: at first that many, then one more for each
// answer that does not help, and one more for each that is not there after gatherHedge. So one bad node costs nobody
// more than that. It calls take for each answer, in the order in which they arrive, which returns how many more are
// needed. It returns when none is, when every node has answered, or when ctx ends. What is still under way then is
// given up.
func gather[T any](
	ctx context.Context, members []*member, missing int, ask func(context.Context, *member) T, take func(answer T) int,
) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan T, len(members))
	asked, open, late := 0, 0, 0
	hedge := time.NewTimer(gatherHedge)
	defer hedge.Stop()
	for {
		for ; missing > open-late && asked < len(members); asked++ {
			open++
			member := members[asked]
			go func() { answers <- ask(ctx, member) }()
		}
		if missing <= 0 || open == 0 {
			return
		}
		select {
		case answer := <-answers:
			open--
			late = min(late, open)
			missing = take(answer)
		case <-hedge.C:
			late = open
			hedge.Reset(gatherHedge)
		case <-ctx.Done():
			return
		}
	}
}

// askEach asks all the nodes at once, waits for all of them and returns what each of them answered, in their order.
func askEach[T any](members []*member, ask func(*member) T) []T {
	answers := make([]T, len(members))
	var group sync.WaitGroup
	for i, m := range members {
		group.Go(func() { answers[i] = ask(m) })
	}
	group.Wait()
	return answers
}
