package api

import (
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"

	"paycow/models"
)

// microPerBasisPoint is a hundredth of a percent, where a percent is counted in millionths as amounts are.
const microPerBasisPoint = models.USDT / 100

// toleranceView is by how much less may arrive for an operator's payments. null means no such bound.
type toleranceView struct {
	Amount  *models.Amount `json:"amount"`
	Percent *models.Amount `json:"percent"`
}

func newToleranceView(t models.Tolerance) (view toleranceView) {
	if t.Amount > 0 {
		view.Amount = &t.Amount
	}
	if t.BasisPoints > 0 {
		percent := models.Amount(t.BasisPoints) * microPerBasisPoint
		view.Percent = &percent
	}
	return view
}

func (s *Server) tolerance(c *gin.Context) error {
	operator, err := s.Store.Operator(c.Request.Context(), personOfRequest(c).account.OperatorID)
	if err != nil {
		return fmt.Errorf("read the operator: %w", err)
	}
	writeJSON(c, http.StatusOK, newToleranceView(s.Store.ToleranceOf(c.Request.Context(), operator)))
	return nil
}

// putTolerance sets the tolerance of the payments that the operator creates from now on. It decides for how little a
// payment is PAID, so the password confirms it.
func (s *Server) putTolerance(c *gin.Context) error {
	who := personOfRequest(c)
	body, err := readFields(c, "amount", "percent", "password", "code")
	if err != nil {
		return err
	}
	wanted, err := body.tolerance()
	if err != nil {
		return err
	}
	if err := s.confirmFully(c, who, body); err != nil {
		return err
	}
	view := newToleranceView(wanted)
	describe := func(bound *models.Amount, unit string) string {
		if bound == nil {
			return "none"
		}
		return bound.String() + unit
	}
	entry := auditOfOperator(c, who.account, "tolerance_set", "Set the tolerance: amount %s, percentage %s.",
		describe(view.Amount, " "+models.CurrencyUSDT), describe(view.Percent, " %"))
	if err := s.Store.SetTolerance(c.Request.Context(), who.account.OperatorID, wanted, entry); err != nil {
		return fmt.Errorf("set the tolerance: %w", err)
	}
	writeJSON(c, http.StatusOK, view)
	return nil
}

// tolerance reads a tolerance. A bound that is missing or null is none.
func (f fields) tolerance() (t models.Tolerance, err error) {
	amount, err := f.bound("amount", models.MaxToleranceAmount, 1,
		fmt.Sprintf("an amount of at most %s %s, with at most 6 decimals", models.MaxToleranceAmount, models.CurrencyUSDT))
	if err != nil {
		return t, err
	}
	percent, err := f.bound("percent", models.MaxToleranceBasisPoints*microPerBasisPoint, microPerBasisPoint,
		fmt.Sprintf("a number of at most %d, with at most 2 decimals", models.MaxToleranceBasisPoints/100))
	if err != nil {
		return t, err
	}
	return models.Tolerance{Amount: amount, BasisPoints: int(percent / microPerBasisPoint)}, nil
}

// bound reads a number from 0 to a largest one, in steps, all in millionths. Missing or null is 0.
func (f fields) bound(name string, most, step models.Amount, rule string) (models.Amount, error) {
	if f.isNull(name) {
		return 0, nil
	}
	text, isNumeric := numberText(f[name])
	value, err := models.ParseAmount(text)
	if !isNumeric || err != nil || value < 0 || value > most || value%step != 0 {
		return 0, invalid(name, "invalid_field", "%s must be %s, or null.", name, rule)
	}
	return value, nil
}
