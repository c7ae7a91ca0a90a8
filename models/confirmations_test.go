package models

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestConfirmationSteps(t *testing.T) {
	t.Parallel()
	steps := ConfirmationSteps{{From: 1000 * USDT, Confirmations: 24}, {From: 10_000 * USDT, Confirmations: 64}}
	for requested, want := range map[Amount]uint64{
		1: 12, 1000*USDT - 1: 12, 1000 * USDT: 24, 1000*USDT + 1: 24, 10_000*USDT - 1: 24, 10_000 * USDT: 64,
		10_000*USDT + 1: 64, 1 << 62: 64,
	} {
		require.Equal(t, want, steps.Of(requested, 12), requested)
	}
	require.EqualValues(t, 30, steps.Of(1000*USDT, 30), "an installation that asks for more now")
	require.EqualValues(t, 12, ConfirmationSteps(nil).Of(1<<62, 12))
	require.Equal(t, "from 1000.00 USDT 24, from 10000.00 USDT 64", steps.String())
}

func TestWhichConfirmationStepsMayBeSet(t *testing.T) {
	t.Parallel()
	good := ConfirmationSteps{{From: 1, Confirmations: 12}, {From: 2, Confirmations: 1000}}
	var many ConfirmationSteps
	for i := range MaxConfirmationSteps + 1 {
		many = append(many, ConfirmationStep{From: Amount(i) + 1, Confirmations: uint64(i) + 12})
	}
	for _, steps := range []ConfirmationSteps{nil, good, many[:MaxConfirmationSteps]} {
		require.NoError(t, steps.Validate(12))
	}
	require.NoError(t, ConfirmationSteps{{From: 1, Confirmations: 2000}}.Validate(2000), "an installation that asks for more")
	for _, c := range []struct {
		steps ConfirmationSteps
		want  StepError
	}{
		{many, StepError{11, StepTooMany}},
		{ConfirmationSteps{{From: 0, Confirmations: 12}}, StepError{1, StepFrom}},
		{ConfirmationSteps{{From: -1, Confirmations: 12}}, StepError{1, StepFrom}},
		{ConfirmationSteps{{From: 1, Confirmations: 11}}, StepError{1, StepConfirmations}},
		{ConfirmationSteps{{From: 1, Confirmations: 0}}, StepError{1, StepConfirmations}},
		{ConfirmationSteps{good[0], {From: 2, Confirmations: 1001}}, StepError{2, StepConfirmations}},
		{ConfirmationSteps{good[0], {From: 1, Confirmations: 13}}, StepError{2, StepOrder}},
		{ConfirmationSteps{good[0], {From: 2, Confirmations: 12}}, StepError{2, StepOrder}},
		{ConfirmationSteps{{From: 2, Confirmations: 12}, {From: 1, Confirmations: 13}}, StepError{2, StepOrder}},
	} {
		var got *StepError
		require.ErrorAs(t, c.steps.Validate(12), &got)
		require.Equal(t, c.want, *got)
		require.Contains(t, got.Error(), fmt.Sprintf("step %d: %s", c.want.Step, c.want.Fault))
	}
	require.Equal(t, good[1:], good.Above(13))
	require.Equal(t, good, good.Above(12))
	require.Empty(t, good.Above(1001))
}

// Whatever the steps, no payment needs fewer confirmations than the floor, nor fewer than a smaller payment, and each
// number is the floor's or a step's that the amount has reached.
func TestConfirmationStepsProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		step := rapid.Custom(func(t *rapid.T) ConfirmationStep {
			return ConfirmationStep{Amount(rapid.Int64Range(0, 50).Draw(t, "from")), rapid.Uint64Range(0, 100).Draw(t, "confirmations")}
		})
		steps := ConfirmationSteps(rapid.SliceOfN(step, 0, MaxConfirmationSteps).Draw(t, "steps"))
		floor := rapid.Uint64Range(1, 60).Draw(t, "floor")
		least := floor
		for amount := range Amount(60) {
			needed := steps.Of(amount, floor)
			if needed < least {
				t.Fatalf("%d need %d, less needed %d", amount, needed, least)
			}
			reached := needed == floor
			for _, s := range steps {
				reached = reached || s.From <= amount && s.Confirmations == needed
				if s.From <= amount && needed < s.Confirmations {
					t.Fatalf("%d need %d, and a step says %d", amount, needed, s.Confirmations)
				}
			}
			if !reached {
				t.Fatalf("%d need %d, which nobody said", amount, needed)
			}
			least = needed
		}
		for amount := range Amount(60) {
			if steps.Above(floor).Of(amount, floor) != steps.Of(amount, floor) {
				t.Fatalf("leaving out what does not count changes what %d needs", amount)
			}
		}
		stored, err := steps.Value()
		if err != nil {
			t.Fatal(err)
		}
		var read ConfirmationSteps
		if err := read.Scan(stored); err != nil || fmt.Sprint(read) != fmt.Sprint(steps) {
			t.Fatalf("stored as %s, read as %v (%v)", stored, read, err)
		}
	})
}

// What holds no list of steps reads as a step of nothing, so that its row can be read and its proof fails.
func TestUnreadableConfirmationSteps(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "x", "{}", `[{"from":0.0000001}]`, `[{"confirmations":-1}]`, `["a"]`} {
		var steps ConfirmationSteps
		require.NoError(t, steps.Scan(text), text)
		require.Equal(t, ConfirmationSteps{{}}, steps, text)
		require.NoError(t, steps.Scan([]byte(text)))
	}
	for _, text := range []string{"[]", "null"} {
		var steps ConfirmationSteps
		require.NoError(t, steps.Scan(text), text)
		require.Nil(t, steps, text)
	}
	require.Error(t, new(ConfirmationSteps).Scan(5))
}
