// Package models holds PayCow's nouns: payments, transfers, amounts, operators, ledger entries, and the messages that
// workflows, activities and the API exchange. It does no I/O and imports none of the other packages.
package models

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Amount is a whole number of micro-USDT (1 USDT = 1,000,000), the token's own smallest unit (decimals = 6).
// Amounts become text only at the edges and are never a float.
type Amount int64

// USDT is one whole USDT in micro-USDT.
const USDT Amount = 1_000_000

// amountDecimals is how many decimals the token has.
const amountDecimals = 6

// ParseAmount reads a decimal number of USDT written as a JSON number (RFC 8259, section 6), so "50", "50.0", "5e1"
// and "50.000000" are equal. No float is involved.
// Returns ErrAmountSyntax, ErrAmountPrecision or ErrAmountRange.
func ParseAmount(text string) (Amount, error) {
	mantissa, exponent, err := splitNumber(text)
	if err != nil {
		return 0, err
	}
	negative := strings.HasPrefix(mantissa, "-")
	mantissa = strings.TrimPrefix(mantissa, "-")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	if digits == "" {
		return 0, nil
	}
	// The value is digits × 10^scale micro-USDT.
	scale := exponent - len(fraction) + amountDecimals
	for scale < 0 && strings.HasSuffix(digits, "0") {
		digits = digits[:len(digits)-1]
		scale++
	}
	if scale < 0 {
		return 0, ErrAmountPrecision
	}
	if len(digits)+scale > 19 {
		return 0, ErrAmountRange
	}
	units, err := strconv.ParseInt(digits+strings.Repeat("0", scale), 10, 64)
	if err != nil {
		return 0, ErrAmountRange
	}
	if negative {
		units = -units
	}
	return Amount(units), nil
}

// splitNumber checks the grammar of a JSON number and returns its mantissa and exponent. Exponents are clamped to
// ±1000: no 64-bit amount has a larger one, and arithmetic on a clamped one cannot overflow.
func splitNumber(text string) (mantissa string, exponent int, err error) {
	mantissa = text
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		mantissa = text[:i]
		power := text[i+1:]
		if digits := strings.TrimLeft(power, "+-"); len(power)-len(digits) > 1 || !allDigits(digits) {
			return "", 0, ErrAmountSyntax
		}
		n, convErr := strconv.Atoi(power)
		switch {
		case convErr != nil && strings.HasPrefix(power, "-"), n < -1000:
			n = -1000
		case convErr != nil, n > 1000:
			n = 1000
		}
		exponent = n
	}
	whole, fraction, hasPoint := strings.Cut(strings.TrimPrefix(mantissa, "-"), ".")
	if !allDigits(whole) || (hasPoint && !allDigits(fraction)) || (len(whole) > 1 && whole[0] == '0') {
		return "", 0, ErrAmountSyntax
	}
	return mantissa, exponent, nil
}

func allDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// String returns the exact amount in USDT with two to six decimals: "50.00", "0.000001".
func (a Amount) String() string {
	sign, units := "", uint64(a) //nolint:gosec // a negative amount is negated below
	if a < 0 {
		sign, units = "-", uint64(-a)
	}
	fraction := strings.TrimRight(fmt.Sprintf("%06d", units%uint64(USDT)), "0")
	for len(fraction) < 2 {
		fraction += "0"
	}
	return sign + strconv.FormatUint(units/uint64(USDT), 10) + "." + fraction
}

// MarshalJSON returns the amount as an exact JSON number of USDT.
func (a Amount) MarshalJSON() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalJSON reads a JSON number of USDT. Returns the errors of ParseAmount.
func (a *Amount) UnmarshalJSON(text []byte) error {
	parsed, err := ParseAmount(string(text))
	if err != nil {
		return err
	}
	*a = parsed
	return nil
}

// Add returns a + b, or ErrAmountRange when the sum does not fit.
func (a Amount) Add(b Amount) (Amount, error) {
	sum := a + b
	if (b > 0 && sum < a) || (b < 0 && sum > a) {
		return 0, ErrAmountRange
	}
	return sum, nil
}

// AddSaturating returns a + b, or the largest or smallest amount when the sum does not fit. It is for sums that are
// shown or compared, never for sums that are booked.
func (a Amount) AddSaturating(b Amount) Amount {
	sum, err := a.Add(b)
	if err != nil {
		if b < 0 {
			return math.MinInt64
		}
		return math.MaxInt64
	}
	return sum
}
