package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"paycow/models"
	"paycow/store"
)

// eventView is an event of an operator.
type eventView struct {
	ID        string           `json:"id"` // the webhook-id of its deliveries
	Type      models.EventType `json:"type"`
	Timestamp instant          `json:"timestamp"`
	Schema    int              `json:"schema"` // version of the form of data
	Data      json.RawMessage  `json:"data"`   // the full view of the payment as it was then
	Test      bool             `json:"test,omitzero"`
}

// eventList is one page of an operator's events.
type eventList struct {
	Events     []eventView `json:"events"`
	NextCursor *string     `json:"nextCursor"`
}

func (s *Server) listEvents(c *gin.Context) error {
	query, err := parseQuery(c.Request.URL, "type", "payment", "from", "to", "test", "cursor", "limit")
	if err != nil {
		return err
	}
	side, err := sideOfList(c)
	if err != nil {
		return err
	}
	filter := store.EventFilter{
		OperatorID: side, Type: models.EventType(query["type"]), PaymentID: query["payment"],
		Cursor: query["cursor"],
	}
	if filter.Type != "" && !slices.Contains(models.EventTypes(), filter.Type) {
		return invalid("type", "invalid_parameter", "type must be one of %s.", listOf(models.EventTypes()))
	}
	if filter.PaymentID != "" && !isLowerHex(filter.PaymentID, 24) {
		return invalid("payment", "invalid_parameter", "payment must be 24 lower-case hex digits, a payment's id.")
	}
	if filter.From, filter.To, err = query.span(); err != nil {
		return err
	}
	if filter.Limit, err = query.limit(); err != nil {
		return err
	}
	events, next, err := s.Store.ListEvents(c.Request.Context(), filter)
	if err != nil {
		return fmt.Errorf("list the events: %w", err)
	}
	list := eventList{Events: make([]eventView, len(events)), NextCursor: textOrNull(next)}
	_, isTest := models.OperatorOfSide(side)
	for i, e := range events {
		list.Events[i] = eventView{
			ID: e.ID, Type: e.Type, Timestamp: instant(e.CreatedAt), Schema: e.Schema, Data: json.RawMessage(e.Data),
			Test: isTest,
		}
	}
	writeJSON(c, http.StatusOK, list)
	return nil
}
