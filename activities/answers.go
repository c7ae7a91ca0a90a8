package activities

import (
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

const (
	// shortAnswer is how many bytes of any answer are kept.
	shortAnswer = 1 << 10
	// longAnswers is how many longer answers to one operator's deliveries a process keeps in full, and longAnswerEvery
	// how often another one. So nobody fills the database by an endpoint that answers at length.
	longAnswers     = 100
	longAnswerEvery = 10 * time.Minute
	// operatorsWithAnswers bounds the operators that are remembered.
	operatorsWithAnswers = 1000
	// slowAfter is how long a try may take before its endpoint counts as slow, and knownEndpoints bounds the endpoints
	// that are remembered. Slow endpoints get no try within a workflow task.
	slowAfter      = time.Second
	knownEndpoints = 10_000
)

// answers decides how much of an endpoint's answer is kept, and remembers who takes long to give one.
type answers struct {
	byOperator *lru.Cache[string, *rate.Limiter]
	slow       *lru.Cache[string, bool] // whether the last try of an endpoint took long
}

func newAnswers() answers {
	return answers{byOperator: newCache[*rate.Limiter](operatorsWithAnswers), slow: newCache[bool](knownEndpoints)}
}

func newCache[V any](size int) *lru.Cache[string, V] {
	cache, err := lru.New[string, V](size)
	if err != nil {
		panic(err) // only for a size that is not above 0
	}
	return cache
}

// took notes how long an endpoint's last try took.
func (a answers) took(endpointID string, duration time.Duration) {
	a.slow.Add(endpointID, duration > slowAfter)
}

// mayBeSlow reports whether an endpoint may take long: its last try from this process did, or there was none and the
// last one from any process failed.
func (a answers) mayBeSlow(endpointID string, isFailing bool) bool {
	if isSlow, isKnown := a.slow.Get(endpointID); isKnown {
		return isSlow
	}
	return isFailing
}

// kept returns the part of an answer to be kept. It counts an operator's long answers.
func (a answers) kept(operatorID string, answer []byte) []byte {
	if len(answer) <= shortAnswer {
		return answer
	}
	limiter := rate.NewLimiter(rate.Every(longAnswerEvery), longAnswers)
	if known, isKnown, _ := a.byOperator.PeekOrAdd(operatorID, limiter); isKnown {
		limiter = known
	}
	if limiter.Allow() {
		return answer
	}
	return answer[:shortAnswer]
}
