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
	Steps   []models.ConfirmationStep `json:"steps"`
	Floor   uint64                    `json:"floor"`
	Altered bool                      `json:"altered"` // somebody changed the stored steps: no payment can be created
}

// newConfirmationsView shows the steps that count, so that what is shown can be saved.
func (s *Server) newConfirmationsView(steps models.ConfirmationSteps, isAltered bool) confirmationsView {
	return confirmationsView{
		Steps: append([]models.ConfirmationStep{}, steps.Above(s.Confirmations)...), Floor: s.Confirmations,
		Altered: isAltered,
	}
}

// confirmations shows the steps that count. Steps that somebody changed are shown as none, so that they can be set
// again.
func (s *Server) confirmations(c *gin.Context) error {
	operator, err := s.Store.Operator(c.Request.Context(), personOfRequest(c).account.OperatorID)
	if err != nil {
		return fmt.Errorf("read the operator: %w", err)
	}
	steps, err := s.Store.ConfirmationsOf(operator)
	isAltered := errors.Is(err, models.ErrStepsAltered)
	if isAltered {
		s.Log.ErrorContext(c.Request.Context(), "the confirmation steps must be set again", "operator_id", operator.ID,
			"error", err)
	} else if err != nil {
		return err
	}
	writeJSON(c, http.StatusOK, s.newConfirmationsView(steps, isAltered))
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
	entry := auditOfOperator(c, who.account, "confirmations_set", "Set the confirmations by amount: %s; else %d.",
		set, s.Confirmations)
	err = s.Store.SetConfirmations(c.Request.Context(), who.account.OperatorID, steps, s.Confirmations, entry)
	if err != nil {
		return fmt.Errorf("set the confirmations: %w", err)
	}
	writeJSON(c, http.StatusOK, s.newConfirmationsView(steps, false))
	return nil
}

// confirmationSteps reads the steps and refuses those that may not be set.
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
	var steps models.ConfirmationSteps
	for i, entry := range list {
		if len(entry) != 2 {
			return nil, invalid(name, code, "Step %d must have the fields from and confirmations, and no other.", i+1)
		}
		steps = append(steps, entry.confirmationStep())
	}
	var wrong *models.StepError
	if !errors.As(steps.Validate(floor), &wrong) {
		return steps, nil
	}
	switch wrong.Fault {
	case models.StepTooMany:
		return nil, invalid(name, code, "%s must have at most %d entries.", name, models.MaxConfirmationSteps)
	case models.StepFrom:
		return nil, invalid(name, code, "from of step %d must be an amount in %s greater than 0, with at most 6 decimals.",
			wrong.Step, models.CurrencyUSDT)
	case models.StepConfirmations:
		return nil, invalid(name, code, "confirmations of step %d must be a whole number from %d to %d.", wrong.Step, floor,
			models.MostConfirmations(floor))
	default:
		return nil, invalid(name, code, "Both numbers of step %d must be larger than those of the step before.", wrong.Step)
	}
}

// confirmationStep reads one step. What is no number of its kind reads as 0, which no step may have.
func (f fields) confirmationStep() (step models.ConfirmationStep) {
	if text, isNumber := numberText(f["from"]); isNumber {
		if amount, err := models.ParseAmount(text); err == nil {
			step.From = amount
		}
	}
	if text, isNumber := numberText(f["confirmations"]); isNumber {
		if count, err := strconv.ParseUint(text, 10, 64); err == nil {
			step.Confirmations = count
		}
	}
	return step
}
