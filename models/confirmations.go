package models

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"strings"
)

const (
	// MaxConfirmationSteps is how many steps an operator can set.
	MaxConfirmationSteps = 10
	// MaxStepConfirmations is the largest number of confirmations of a step: more than three hours of blocks on Ethereum,
	// where a block is final after about 15 minutes. The blocks of so long a time are all remembered.
	MaxStepConfirmations = 1000
)

// ConfirmationStep says how many confirmations the transfers of larger payments need.
type ConfirmationStep struct {
	From          Amount `json:"from"`          // the smallest requested amount for which the step counts, in micro-USDT
	Confirmations uint64 `json:"confirmations"` // in blocks
}

// ConfirmationSteps are an operator's steps. Both numbers grow from step to step. They are stored as a JSON array.
type ConfirmationSteps []ConfirmationStep //nolint:recvcheck // only Scan changes it

// Of returns how many confirmations the transfers of a payment need, in blocks: never fewer than the floor, and never
// fewer for a larger amount.
func (s ConfirmationSteps) Of(requested Amount, floor uint64) uint64 {
	needed := floor
	for _, step := range s {
		if requested >= step.From {
			needed = max(needed, step.Confirmations)
		}
	}
	return needed
}

// Above returns the steps that count over a floor: none that asks for fewer confirmations than every payment needs.
func (s ConfirmationSteps) Above(floor uint64) ConfirmationSteps {
	var above ConfirmationSteps
	for _, step := range s {
		if step.Confirmations >= floor {
			above = append(above, step)
		}
	}
	return above
}

// StepFault is what is wrong with a confirmation step.
type StepFault string

// The faults of a confirmation step.
const (
	StepTooMany       StepFault = "one step too many"
	StepFrom          StepFault = "no amount from which it counts"
	StepConfirmations StepFault = "a number of confirmations that is not allowed"
	StepOrder         StepFault = "not larger than the step before"
)

// StepError says which confirmation step is wrong, counted from 1.
type StepError struct {
	Step  int
	Fault StepFault
}

func (e *StepError) Error() string { return fmt.Sprintf("confirmation step %d: %s", e.Step, e.Fault) }

// MostConfirmations returns the largest number of confirmations that a step may ask for.
func MostConfirmations(floor uint64) uint64 { return max(floor, MaxStepConfirmations) }

// Validate returns a *StepError for the first step that may not be set: both numbers grow from step to step, and none
// asks for fewer confirmations than the floor.
func (s ConfirmationSteps) Validate(floor uint64) error {
	var before ConfirmationStep
	for i, step := range s {
		var fault StepFault
		switch {
		case i == MaxConfirmationSteps:
			fault = StepTooMany
		case step.From <= 0:
			fault = StepFrom
		case step.Confirmations < floor || step.Confirmations > MostConfirmations(floor):
			fault = StepConfirmations
		case step.From <= before.From || step.Confirmations <= before.Confirmations:
			fault = StepOrder
		default:
			before = step
			continue
		}
		return &StepError{Step: i + 1, Fault: fault}
	}
	return nil
}

// String returns the steps as a sentence has them: "from 1000.00 USDT 24, from 10000.00 USDT 64".
func (s ConfirmationSteps) String() string {
	texts := make([]string, len(s))
	for i, step := range s {
		texts[i] = fmt.Sprintf("from %s %s %d", step.From, CurrencyUSDT, step.Confirmations)
	}
	return strings.Join(texts, ", ")
}

// Value returns the form in which a database stores the steps.
func (s ConfirmationSteps) Value() (driver.Value, error) {
	if len(s) == 0 {
		return "[]", nil
	}
	text, err := json.Marshal([]ConfirmationStep(s))
	return string(text), err
}

// Scan reads the steps from a database. A text that holds none reads as a step that no proof covers: one row that
// somebody changed must not keep others from being read.
func (s *ConfirmationSteps) Scan(stored any) error {
	var text []byte
	switch stored := stored.(type) {
	case string:
		text = []byte(stored)
	case []byte:
		text = stored
	default:
		return fmt.Errorf("confirmation steps stored as %T", stored)
	}
	var steps []ConfirmationStep
	if json.Unmarshal(text, &steps) != nil {
		steps = []ConfirmationStep{{}}
	}
	if *s = steps; len(steps) == 0 {
		*s = nil // none reads as it was written
	}
	return nil
}
