package api

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"

	"paycow/models"
)

// confirmationsFor returns how many confirmations the transfers of an operator's new payment need. Returns
// errStepsAltered.
func (s *Server) confirmationsFor(operator models.Operator, amount models.Amount) (uint64, error) {
	steps, err := s.Store.ConfirmationsOf(operator)
	if err != nil {
		return 0, errStepsAltered.because(err)
	}
	return steps.Of(amount, s.Confirmations), nil
}

// confirmationsView is an operator's confirmation steps, and the number that counts below the first one.
type confirmationsView struct {
	Steps []models.ConfirmationStep `json:"steps"`
	Floor uint64                    `json:"floor"`
}

func (s *Server) newConfirmationsView(steps models.ConfirmationSteps) confirmationsView {
	return confirmationsView{Steps: append([]models.ConfirmationStep{}, steps...), Floor: s.Confirmations}
}

// confirmations shows the steps that count. Steps that somebody changed are shown as none, so that they can be set
// again.
func (s *Server) confirmations(c *gin.Context) error {
	operator, err := s.Store.Operator(c.Request.Context(), personOfRequest(c).account.ID)
	if err != nil {
		return fmt.Errorf("read the operator: %w", err)
	}
	steps, err := s.Store.ConfirmationsOf(operator)
	if errors.Is(err, models.ErrStepsAltered) {
		s.Log.ErrorContext(c.Request.Context(), "the confirmation steps must be set again", "operator_id", operator.ID,
			"error", err)
	} else if err != nil {
		return err
	}
	writeJSON(c, http.StatusOK, s.newConfirmationsView(steps))
	return nil
}

// putConfirmations sets the steps of the payments that the operator creates from now on. Fewer confirmations are less
// safe, so the password confirms them.
func (s *Server) putConfirmations(c *gin.Context) error {
	who := personOfRequest(c)
	body, err := readFields(c, "steps", "password", "code")
	if err != nil {
		return err
	}
	steps, err := body.confirmationSteps(s.Confirmations)
	if err != nil {
		return err
	}
	if err := s.confirmFully(c, who, body); err != nil {
		return err
	}
	set := "none"
	if len(steps) > 0 {
		set = steps.String()
	}
	entry := auditOf(c, who.account, "confirmations_set", "Set the confirmations by amount: %s; else %d.",
		set, s.Confirmations)
	if err := s.Store.SetConfirmations(c.Request.Context(), who.account.ID, steps, entry); err != nil {
		return fmt.Errorf("set the confirmations: %w", err)
	}
	writeJSON(c, http.StatusOK, s.newConfirmationsView(steps))
	return nil
}

// confirmationSteps reads the steps: both numbers grow from step to step, and none asks for fewer confirmations than
// the floor.
func (f fields) confirmationSteps(floor uint64) (models.ConfirmationSteps, error) {
	const name, code = "steps", "invalid_field"
	raw, isThere := f[name]
	if !isThere {
		return nil, missingField(name)
	}
	var list []fields
	if raw.Kind() != '[' || json.Unmarshal(raw, &list) != nil {
		return nil, invalid(name, code, "%s must be an array of objects.", name)
	}
	if len(list) > models.MaxConfirmationSteps {
		return nil, invalid(name, code, "%s must have at most %d entries.", name, models.MaxConfirmationSteps)
	}
	most := max(floor, models.MaxStepConfirmations)
	var steps models.ConfirmationSteps
	for i, entry := range list {
		from, isAmount := numberText(entry["from"])
		amount, err := models.ParseAmount(from)
		count, isCount := numberText(entry["confirmations"])
		confirmations, countErr := strconv.ParseUint(count, 10, 64)
		switch {
		case len(entry) != 2:
			return nil, invalid(name, code, "Step %d must have the fields from and confirmations, and no other.", i+1)
		case !isAmount || err != nil || amount <= 0:
			return nil, invalid(name, code, "from of step %d must be an amount in %s greater than 0, with at most 6 decimals.",
				i+1, models.CurrencyUSDT)
		case !isCount || countErr != nil || confirmations < floor || confirmations > most:
			return nil, invalid(name, code, "confirmations of step %d must be a whole number from %d to %d.", i+1, floor, most)
		case i > 0 && (amount <= steps[i-1].From || confirmations <= steps[i-1].Confirmations):
			return nil, invalid(name, code, "Both numbers of step %d must be larger than those of the step before.", i+1)
		}
		steps = append(steps, models.ConfirmationStep{From: amount, Confirmations: confirmations})
	}
	return steps, nil
}
