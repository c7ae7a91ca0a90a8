package api

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"paycow/models"
	"paycow/store"
	"paycow/views"
)

// eventView is an event of an operator.
type eventView struct {
	ID string `json:"id"` // the webhook-id of its deliveries
	views.EventMessage
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
	for i, e := range events {
		list.Events[i] = eventView{ID: e.ID, EventMessage: views.NewEventMessage(e)}
	}
	writeJSON(c, http.StatusOK, list)
	return nil
}
