package models

import (
	"math"
	"testing"
	"testing/quick"

	"github.com/stretchr/testify/require"
)

func TestTolerance(t *testing.T) {
	for _, test := range []struct {
		name      string
		tolerance Tolerance
		requested Amount
		want      Amount
	}{
		{"none", Tolerance{}, 50 * USDT, 0},
		{"an amount", Tolerance{Amount: USDT}, 50 * USDT, USDT},
		{"a percentage", Tolerance{BasisPoints: 150}, 50 * USDT, 750_000},
		{"the amount is less", Tolerance{Amount: USDT, BasisPoints: 1000}, 50 * USDT, USDT},
		{"the percentage is less", Tolerance{Amount: 10 * USDT, BasisPoints: 100}, 50 * USDT, 500_000},
		{"more than half must arrive", Tolerance{Amount: 100 * USDT}, USDT, 499_999},
		{"a percentage is rounded down", Tolerance{BasisPoints: 1}, 9_999, 0},
		{"the smallest amount has none", Tolerance{Amount: USDT}, 1, 0},
		{"the largest amount", Tolerance{BasisPoints: 2000}, math.MaxInt64, math.MaxInt64/10_000*2000 + 1161},
	} {
		t.Run(test.name, func(t *testing.T) { require.Equal(t, test.want, test.tolerance.Of(test.requested)) })
	}
}

func TestMoreThanHalfMustArrive(t *testing.T) {
	require.NoError(t, quick.Check(func(amount, requested uint64, points uint16) bool {
		tolerance := Tolerance{Amount: Amount(amount >> 1), BasisPoints: int(points) % (MaxToleranceBasisPoints + 1)}
		all := Amount(requested>>1) + 1
		short := tolerance.Of(all)
		return short >= 0 && all-short > short && (short == 0 || !tolerance.IsNone())
	}, nil))
}
