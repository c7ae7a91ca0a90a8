package models

import (
	"encoding/json"
	"errors"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestParseAmount(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Amount{
		"50": 50 * USDT, "50.0": 50 * USDT, "5e1": 50 * USDT, "50.000000": 50 * USDT, "500E-1": 50 * USDT, "0.000001": 1, "1e-6": 1,
		"0.0000010": 1, "-0": 0, "0e9999999999999999999999": 0, "-1.5": -1_500_000, "9223372036854.775807": 9223372036854775807,
		"50.0000000000000000000000000000": 50 * USDT, "1E+2": 100 * USDT,
	} {
		got, err := ParseAmount(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for text, want := range map[string]error{
		"": ErrAmountSyntax, "NaN": ErrAmountSyntax, "Infinity": ErrAmountSyntax, "0x10": ErrAmountSyntax, "1_0": ErrAmountSyntax, " 1": ErrAmountSyntax,
		"+1": ErrAmountSyntax, ".5": ErrAmountSyntax, "5.": ErrAmountSyntax, "01": ErrAmountSyntax, "1e": ErrAmountSyntax, "1e+-1": ErrAmountSyntax,
		"1e1.5": ErrAmountSyntax, "--1": ErrAmountSyntax, "١": ErrAmountSyntax, "1,5": ErrAmountSyntax,
		"0.0000001": ErrAmountPrecision, "1e-7": ErrAmountPrecision, "1e-99999999999999999999": ErrAmountPrecision,
		"1e309": ErrAmountRange, "9223372036854.775808": ErrAmountRange, "123456789012345678901234567890": ErrAmountRange, "1e99999999999999999999": ErrAmountRange,
	} {
		_, err := ParseAmount(text)
		require.ErrorIs(t, err, want, text)
	}
}

// TestAmountsSurviveTheirText writes and reads any amount, and compares with exact rational arithmetic.
func TestAmountsSurviveTheirText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := Amount(rapid.Int64().Draw(t, "micro-USDT"))
		if a == -1<<63 {
			return
		}
		text, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		exact, ok := new(big.Rat).SetString(string(text))
		if !ok || exact.Cmp(big.NewRat(int64(a), int64(USDT))) != 0 {
			t.Fatalf("%d micro-USDT is written as %s", a, text)
		}
		var back Amount
		if err := json.Unmarshal(text, &back); err != nil || back != a {
			t.Fatalf("%d is read back as %d: %v", a, back, err)
		}
	})
}

// FuzzParseAmount holds the parser against exact rational arithmetic: what it takes has that value, and what it refuses has
// a reason.
func FuzzParseAmount(f *testing.F) {
	for _, seed := range []string{"50.00", "1e-6", "-0.1", "1e309", "0.0000001", "1e+", "9223372036854.775807"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := ParseAmount(text)
		if len(text) > 40 || !json.Valid([]byte(text)) {
			return // big.Rat would take long, or read more than JSON has
		}
		exact, ok := new(big.Rat).SetString(text)
		if !ok || exponentIsHuge(text) {
			return
		}
		micro := new(big.Rat).Mul(exact, big.NewRat(int64(USDT), 1))
		switch {
		case err == nil && micro.Cmp(new(big.Rat).SetInt64(int64(a))) != 0:
			t.Fatalf("%q is read as %d", text, a)
		case errors.Is(err, ErrAmountPrecision) && micro.IsInt():
			t.Fatalf("%q was refused for its precision", text)
		case errors.Is(err, ErrAmountRange) && micro.IsInt() && micro.Num().IsInt64():
			t.Fatalf("%q was refused for its range", text)
		case errors.Is(err, ErrAmountSyntax):
			t.Fatalf("%q is a number and was refused", text)
		}
	})
}

func exponentIsHuge(text string) bool {
	for i := 0; i+4 < len(text); i++ {
		if text[i] == 'e' || text[i] == 'E' {
			return true
		}
	}
	return false
}

func TestAddition(t *testing.T) {
	t.Parallel()
	_, err := Amount(1 << 62).Add(1 << 62)
	require.ErrorIs(t, err, ErrAmountRange)
	require.Equal(t, Amount(1<<63-1), Amount(1<<62).AddSaturating(1<<62))
	sum, err := Amount(2).Add(-3)
	require.NoError(t, err)
	require.Equal(t, Amount(-1), sum)
}

func TestConfirmationsAndMilestones(t *testing.T) {
	t.Parallel()
	require.EqualValues(t, 1, Confirmations(100, 100))
	require.EqualValues(t, 12, Confirmations(111, 100))
	require.Zero(t, Confirmations(99, 100))
	require.Zero(t, Confirmations(99, 0))
	for required, want := range map[uint64][]uint64{1: {1}, 2: {1, 2}, 3: {1, 2, 3}, 12: {1, 2, 12}} {
		var got []uint64
		for next, ok := NextMilestone(0, required); ok; next, ok = NextMilestone(next, required) {
			got = append(got, next)
		}
		require.Equal(t, want, got)
		require.Equal(t, required, LastMilestone(1000, required))
		require.Zero(t, LastMilestone(0, required))
	}
}

func TestDecisionSignalIsReadFromBareText(t *testing.T) {
	t.Parallel()
	var d DecisionSignal
	require.NoError(t, json.Unmarshal([]byte(`"fraud"`), &d))
	require.Equal(t, DecisionSignal{Reason: "fraud"}, d)
	require.NoError(t, json.Unmarshal([]byte(`{"reason":"fraud","version":3}`), &d))
	require.Equal(t, DecisionSignal{Reason: "fraud", Version: 3}, d)
}
