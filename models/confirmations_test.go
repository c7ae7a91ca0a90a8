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
