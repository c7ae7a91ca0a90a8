package api

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"paycow/internal/webhooks"
	"paycow/models"
	"paycow/store"
)

var errUnknownDelivery = &failure{
	status: http.StatusNotFound, code: "delivery_not_found", msg: "You have no webhook delivery with this id.",
}

// deliveryView is the delivery of an event to an endpoint, as a list shows it.
type deliveryView struct {
	ID            string                `json:"id"`
	EndpointID    string                `json:"endpointId"`
	EventID       string                `json:"eventId"`
	EventType     models.EventType      `json:"eventType"`
	Status        models.DeliveryStatus `json:"status"`
	CreatedAt     instant               `json:"createdAt"`
	NextAttemptAt *instant              `json:"nextAttemptAt"`
	ParkedReason  *string               `json:"parkedReason"`
	Attempts      []attemptView         `json:"attempts"`
	Test          bool                  `json:"test,omitzero"` // it tells of a test payment
}

// attemptView is one try. Only the view of a single delivery has the answer's text.
type attemptView struct {
	At         instant `json:"at"`
	Status     *int    `json:"status"` // null without an answer
	DurationMS int64   `json:"durationMs"`
	Error      *string `json:"error"`
	Answer     *string `json:"answer,omitempty"`
}

// fullDeliveryView also shows what is sent.
type fullDeliveryView struct {
	deliveryView
	Request requestView `json:"request"`
}

// requestView is the newest try of a delivery, without its signatures.
type requestView struct {
	URL     *string           `json:"url"`     // the endpoint's URL now; null if it was deleted
	Headers map[string]string `json:"headers"` // empty before the first try
	Body    string            `json:"body"`    // "" if the event is no longer stored
}

func viewOfDelivery(d store.LoggedDelivery, showAnswers bool) deliveryView {
	_, isTest := models.OperatorOfSide(d.OperatorID)
	view := deliveryView{
		ID: d.ID, EndpointID: d.EndpointID, EventID: d.EventID, EventType: d.EventType, Status: d.Status,
		CreatedAt: instant(d.CreatedAt), NextAttemptAt: (*instant)(d.NextTryAt), ParkedReason: textOrNull(d.ParkedReason),
		Attempts: make([]attemptView, len(d.Attempts)), Test: isTest,
	}
	for i, attempt := range d.Attempts {
		shown := attemptView{
			At: instant(attempt.At), DurationMS: attempt.DurationMS, Error: textOrNull(attempt.Error),
		}
		if attempt.Status != 0 {
			shown.Status = &attempt.Status
		}
		if showAnswers {
			shown.Answer = &attempt.Answer
		}
		view.Attempts[i] = shown
	}
	return view
}

func (s *Server) listDeliveries(c *gin.Context) error {
	query, err := parseQuery(c.Request.URL, "endpointId", "status", "eventType", "test", "cursor", "limit")
	if err != nil {
		return err
	}
	side, err := sideOfList(c)
	if err != nil {
		return err
	}
	filter := store.DeliveryFilter{
		OperatorID: side, EndpointID: query["endpointId"], Cursor: query["cursor"],
		Status: models.DeliveryStatus(query["status"]), EventType: models.EventType(query["eventType"]),
	}
	if filter.EndpointID != "" && !isLowerHex(filter.EndpointID, 24) {
		return invalid("endpointId", "invalid_parameter", "endpointId must be 24 lower-case hex digits, an endpoint's id.")
	}
	if filter.Status != "" && !slices.Contains(models.DeliveryStatuses(), filter.Status) {
		return invalid("status", "invalid_parameter", "status must be one of %s.", listOf(models.DeliveryStatuses()))
	}
	if filter.EventType != "" && !slices.Contains(models.EventTypes(), filter.EventType) {
		return invalid("eventType", "invalid_parameter", "eventType must be one of %s.", listOf(models.EventTypes()))
	}
	if filter.Limit, err = query.limit(); err != nil {
		return err
	}
	deliveries, next, err := s.Store.ListDeliveries(c.Request.Context(), filter)
	if err != nil {
		return fmt.Errorf("list the webhook deliveries: %w", err)
	}
	views := make([]deliveryView, len(deliveries))
	for i, d := range deliveries {
		views[i] = viewOfDelivery(d, false)
	}
	writeJSON(c, http.StatusOK, gin.H{"deliveries": views, "nextCursor": textOrNull(next)})
	return nil
}

// deliveryOfRequest returns the operator's delivery that the path names.
func (s *Server) deliveryOfRequest(c *gin.Context) (store.LoggedDelivery, error) {
	id := c.Param("id")
	if !isLowerHex(id, 24) {
		return store.LoggedDelivery{}, errUnknownDelivery
	}
	delivery, err := s.Store.Delivery(c.Request.Context(), id, sidesOf(c)...)
	if errors.Is(err, models.ErrNotFound) {
		return delivery, errUnknownDelivery.because(err)
	}
	if err != nil {
		return delivery, fmt.Errorf("read a webhook delivery: %w", err)
	}
	return delivery, nil
}

func (s *Server) readDelivery(c *gin.Context) error {
	delivery, err := s.deliveryOfRequest(c)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	request := requestView{Headers: map[string]string{}, Body: string(delivery.Body)}
	endpoint, err := s.Store.WebhookEndpointOf(ctx, delivery.EndpointID, delivery.OperatorID)
	if err == nil {
		request.URL = &endpoint.URL
	} else if !errors.Is(err, models.ErrNotFound) {
		return fmt.Errorf("read the endpoint of a delivery: %w", err)
	}
	if tries := len(delivery.Attempts); tries > 0 {
		newest := delivery.Attempts[tries-1]
		request.Headers = webhooks.Message{
			ID: delivery.EventID, Round: newest.Round, Try: newest.Try, SentAt: newest.At,
		}.Headers()
	}
	writeJSON(c, http.StatusOK, fullDeliveryView{viewOfDelivery(delivery, true), request})
	return nil
}

// redeliver sends an event again, or at once if it waits for its next try.
func (s *Server) redeliver(c *gin.Context) error {
	if _, err := readOptionalFields(c); err != nil {
		return err
	}
	before, err := s.deliveryOfRequest(c)
	if err != nil {
		return err
	}
	if _, err := s.Store.Redeliver(c.Request.Context(), before.OperatorID, before.ID); err != nil {
		if errors.Is(err, models.ErrNotFound) {
			return errUnknownDelivery.because(err)
		}
		return endpointFailure(err)
	}
	return s.writeDelivery(c, before.ID)
}

// writeDelivery answers that a delivery was accepted.
func (s *Server) writeDelivery(c *gin.Context, id string) error {
	delivery, err := s.Store.Delivery(c.Request.Context(), id, sidesOf(c)...)
	if err != nil {
		return fmt.Errorf("read a webhook delivery: %w", err)
	}
	writeJSON(c, http.StatusAccepted, viewOfDelivery(delivery, false))
	return nil
}

// testEndpoint sends a test event to an endpoint, whatever events it wants.
func (s *Server) testEndpoint(c *gin.Context) error {
	id, err := endpointID(c)
	if err != nil {
		return err
	}
	if _, err := readOptionalFields(c); err != nil {
		return err
	}
	endpoint, err := s.endpointOfRequest(c, id)
	if err != nil {
		return err
	}
	done, err := s.endpointTests.take(c.Request.Context(), endpoint.OperatorID, s.MaxTests)
	if err != nil {
		return err
	}
	defer done()
	delivery, err := s.Store.CreateTestDelivery(c.Request.Context(), endpoint.OperatorID, id)
	if err != nil {
		return endpointFailure(err)
	}
	return s.writeDelivery(c, delivery.ID)
}

// redeliverFailed sends everything again that was parked for an endpoint since a time.
func (s *Server) redeliverFailed(c *gin.Context) error {
	id, err := endpointID(c)
	if err != nil {
		return err
	}
	body, err := readFields(c, "since")
	if err != nil {
		return err
	}
	raw, isThere := body["since"]
	if !isThere {
		return missingField("since")
	}
	since, err := time.Parse(time.RFC3339, textOf(raw))
	if err != nil || since.Year() < firstYear || since.Year() > lastYear {
		return invalid("since", "invalid_field", "since must be a time such as 2026-03-12T22:30:00Z (RFC 3339).")
	}
	endpoint, err := s.endpointOfRequest(c, id)
	if err != nil {
		return err
	}
	count, more, err := s.Store.RedeliverFailed(c.Request.Context(), endpoint.OperatorID, id, since.UTC())
	if err != nil {
		return endpointFailure(err)
	}
	writeJSON(c, http.StatusAccepted, gin.H{"count": count, "more": more})
	return nil
}

// firstYear is the first from which failed deliveries can be sent again.
const firstYear = 1970

// readOptionalFields reads the body of a call that needs none.
func readOptionalFields(c *gin.Context, known ...string) (fields, error) {
	if c.Request.ContentLength == 0 {
		return fields{}, nil
	}
	return readFields(c, known...)
}
