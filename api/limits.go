package api

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"paycow/models"
	"paycow/store"
)

// limits bound the payments that an operator can create.
type limits struct {
	MinAmount models.Amount `json:"minAmount"` // in micro-USDT; in JSON in USDT
	MaxAmount models.Amount `json:"maxAmount"` // in micro-USDT; in JSON in USDT
	MaxOpen   int           `json:"maxOpen"`   // 0 = any number
	MaxUnpaid int           `json:"maxUnpaid"` // 0 = any number
}

// ownLimits are the limits that an admin has set for one operator, null where the installation's setting counts.
type ownLimits struct {
	MinAmount *models.Amount `json:"minAmount"`
	MaxAmount *models.Amount `json:"maxAmount"`
	MaxOpen   *int           `json:"maxOpen"`
	MaxUnpaid *int           `json:"maxUnpaid"`
}

// allowed returns what counts for an operator: its own limits, and the installation's settings for the rest. For no
// operator, it returns the settings.
func (s *Server) allowed(operator models.Operator) limits {
	found := limits{MinAmount: s.MinAmount, MaxAmount: s.MaxAmount, MaxOpen: s.MaxOpen, MaxUnpaid: s.MaxUnpaid}
	override(&found.MinAmount, operator.MinAmount)
	override(&found.MaxAmount, operator.MaxAmount)
	override(&found.MaxOpen, operator.MaxOpen)
	override(&found.MaxUnpaid, operator.MaxUnpaid)
	return found
}

func override[T any](value, own *T) {
	if own != nil {
		*value = *own
	}
}

// takeQuotas allows one payment; the caller calls done once it is created. Anybody can make payments through a link. So
// none is made while half of the payments that the operator may have open are, which leaves the rest to its own server,
// and the store bounds how many of one link are unpaid.
func (s *Server) takeQuotas(ctx context.Context, wanted store.NewPayment, bounds limits) (done func(), err error) {
	if wanted.LinkID != "" {
		return s.linkOpen.take(ctx, wanted.OperatorID, (bounds.MaxOpen+1)/2) // 0 stays any number
	}
	doneUnpaid, err := s.unpaid.take(ctx, wanted.OperatorID, bounds.MaxUnpaid)
	if err != nil {
		return nil, err
	}
	doneOpen, err := s.open.take(ctx, wanted.OperatorID, bounds.MaxOpen)
	if err != nil {
		doneUnpaid()
		return nil, err
	}
	return func() {
		doneOpen()
		doneUnpaid()
	}, nil
}

// setLimits sets the limits of one operator. Fields that are missing or null go back to the installation's settings.
func (s *Server) setLimits(c *gin.Context) error {
	id := c.Param("id")
	if !isLowerHex(id, 24) {
		return errUnknownOperator
	}
	body, err := readFields(c, "minAmount", "maxAmount", "maxOpen", "maxUnpaid")
	if err != nil {
		return err
	}
	var own models.Limits
	if own.MinAmount, err = body.amountOrNull("minAmount"); err != nil {
		return err
	}
	if own.MaxAmount, err = body.amountOrNull("maxAmount"); err != nil {
		return err
	}
	if own.MaxOpen, err = body.countOrNull("maxOpen"); err != nil {
		return err
	}
	if own.MaxUnpaid, err = body.countOrNull("maxUnpaid"); err != nil {
		return err
	}
	if all := s.allowed(models.Operator{Limits: own}); all.MinAmount > all.MaxAmount {
		return invalid("minAmount", "invalid_field", "minAmount must be at most maxAmount, which is %s %s.",
			all.MaxAmount, models.CurrencyUSDT)
	}
	entry := auditOf(c, personOfRequest(c).account, "operator_limits_set", "%s", describeLimits(own))
	entry.Subject = "operator:" + id
	err = s.Store.SetOperatorLimits(c.Request.Context(), id, own, entry)
	if errors.Is(err, models.ErrNotFound) {
		return errUnknownOperator.because(err)
	}
	if err != nil {
		return fmt.Errorf("set the operator's limits: %w", err)
	}
	writeJSON(c, http.StatusOK, ownLimits(own))
	return nil
}

// describeLimits returns the limits as the audit log tells them.
func describeLimits(own models.Limits) string {
	amount := func(value *models.Amount) string {
		if value == nil {
			return "the setting"
		}
		return value.String() + " " + models.CurrencyUSDT
	}
	count := func(value *int) string {
		switch {
		case value == nil:
			return "the setting"
		case *value == 0:
			return "none"
		}
		return strconv.Itoa(*value)
	}
	return fmt.Sprintf(
		"Smallest amount: %s. Largest amount: %s. Most open payments: %s. Most unpaid payments in a row: %s.",
		amount(own.MinAmount), amount(own.MaxAmount), count(own.MaxOpen), count(own.MaxUnpaid))
}

// isNull reports whether a field is missing or null.
func (f fields) isNull(name string) bool {
	raw, isThere := f[name]
	return !isThere || raw.Kind() == 'n'
}

// amountOrNull reads an amount in USDT, nil if it is missing or null.
func (f fields) amountOrNull(name string) (*models.Amount, error) {
	if f.isNull(name) {
		return nil, nil //nolint:nilnil // the installation's setting
	}
	text, isNumeric := numberText(f[name])
	value, err := models.ParseAmount(text)
	if !isNumeric || err != nil || value <= 0 {
		return nil, invalid(name, "invalid_field",
			"%s must be an amount in %s greater than 0, with at most 6 decimals, or null.", name, models.CurrencyUSDT)
	}
	return &value, nil
}

// countOrNull reads a whole number, nil if it is missing or null.
func (f fields) countOrNull(name string) (*int, error) {
	if f.isNull(name) {
		return nil, nil //nolint:nilnil // the installation's setting
	}
	text, isNumeric := numberText(f[name])
	value, err := strconv.ParseUint(text, 10, 31)
	if !isNumeric || err != nil {
		return nil, invalid(name, "invalid_field", "%s must be a whole number of at most %d, or null; 0 means any number.",
			name, math.MaxInt32)
	}
	count := int(value)
	return &count, nil
}
