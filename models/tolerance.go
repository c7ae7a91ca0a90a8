package models

// The largest tolerance that an operator can set.
const (
	MaxToleranceAmount      = 100 * USDT
	MaxToleranceBasisPoints = 2000 // 20 %
)

// Tolerance is by how much less may arrive for a payment than was requested, so that it is PAID all the same. Exchanges
// take their fees out of what a customer withdraws.
type Tolerance struct {
	Amount      Amount `gorm:"->"` // micro-USDT; 0 for no such bound
	BasisPoints int    `gorm:"->"` // of the amount requested, in hundredths of a percent; 0 for no such bound
}

// IsNone reports whether the whole amount must arrive.
func (t Tolerance) IsNone() bool { return t.Amount == 0 && t.BasisPoints == 0 }

// Of returns by how much less may arrive for a requested amount, in micro-USDT. With both bounds set the smaller one
// counts, and more than half of the amount must arrive in any case.
func (t Tolerance) Of(requested Amount) Amount {
	if t.IsNone() {
		return 0
	}
	least := (requested - 1) / 2
	if t.Amount > 0 {
		least = min(least, t.Amount)
	}
	if t.BasisPoints > 0 {
		// In two parts, so that no amount overflows.
		points := Amount(t.BasisPoints)
		least = min(least, requested/10_000*points+requested%10_000*points/10_000)
	}
	return max(least, 0)
}
