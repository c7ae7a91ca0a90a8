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

// askUntil asks as many nodes at a time as are still needed for wanted answers that count, best first, until there are so
// many or no node is left. It calls counts for each answer, in the order of the nodes.
func askUntil[T any](members []*member, wanted int, ask func(*member) T, counts func(answer T) bool) {
	for next, have := 0, 0; next < len(members) && have < wanted; {
		until := min(next+wanted-have, len(members))
		for _, answer := range askEach(members[next:until], ask) {
			if counts(answer) {
				have++
			}
		}
		next = until
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
