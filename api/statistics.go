package api

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"paycow/models"
)

const maxStatsDays = 366

// statsView holds an operator's daily statistics.
type statsView struct {
	Days   []dayView `json:"days"`
	Totals struct {
		Created    int64         `json:"created"`
		Paid       int64         `json:"paid"`
		Expired    int64         `json:"expired"`
		Rejected   int64         `json:"rejected"`
		Open       int64         `json:"open"`
		Volume     models.Amount `json:"volume"`
		Conversion *float64      `json:"conversion"` // the share of ended payments that were paid
	} `json:"totals"`
	Balance struct {
		Available models.Amount `json:"available"`
		Pending   models.Amount `json:"pending"`
	} `json:"balance"`
}

type dayView struct {
	Date    string        `json:"date"`
	Created int64         `json:"created"`
	Ended   int64         `json:"ended"`
	Paid    int64         `json:"paid"`
	Volume  models.Amount `json:"volume"`
}

func (s *Server) operatorStats(c *gin.Context) error {
	query, err := parseQuery(c.Request.URL, "days")
	if err != nil {
		return err
	}
	days := 30
	if text, isThere := query["days"]; isThere {
		if days, err = strconv.Atoi(text); err != nil || days < 1 || days > maxStatsDays {
			return invalid("days", "invalid_parameter", "days must be a whole number from 1 to %d.", maxStatsDays)
		}
	}
	operator, err := s.activeOperator(c)
	if err != nil {
		return err
	}
	stats, err := s.Store.OperatorFigures(c.Request.Context(), operator.ID, days)
	if err != nil {
		return fmt.Errorf("read the statistics: %w", err)
	}
	view := statsView{Days: make([]dayView, 0, len(stats.Days))}
	for _, day := range stats.Days {
		view.Days = append(view.Days, dayView{
			Date: day.Day, Created: day.Created, Ended: day.Ended, Paid: day.Paid, Volume: day.Volume,
		})
	}
	for status, count := range stats.ByStatus {
		view.Totals.Created += count
		switch status {
		case models.StatusPaid:
			view.Totals.Paid = count
		case models.StatusExpired:
			view.Totals.Expired = count
		case models.StatusRejected:
			view.Totals.Rejected = count
		case models.StatusPending, models.StatusDetected, models.StatusConfirming:
			view.Totals.Open += count
		}
	}
	if ended := view.Totals.Paid + view.Totals.Expired + view.Totals.Rejected; ended > 0 {
		conversion := float64(view.Totals.Paid) / float64(ended)
		view.Totals.Conversion = &conversion
	}
	view.Totals.Volume = stats.Volume
	if view.Balance.Available, view.Balance.Pending, err = s.Store.Balance(c.Request.Context(), operator.ID); err != nil {
		return fmt.Errorf("read the balance: %w", err)
	}
	writeJSON(c, http.StatusOK, view)
	return nil
}
