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
)

// answers decides how much of an endpoint's answer is kept.
type answers struct {
	byOperator *lru.Cache[string, *rate.Limiter]
}

func newAnswers() answers {
	cache, err := lru.New[string, *rate.Limiter](operatorsWithAnswers)
	if err != nil {
		panic(err) // only for a size that is not above 0
	}
	return answers{cache}
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
