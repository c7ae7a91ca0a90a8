package api

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json/jsontext"

	"paycow/internal/secrets"
	"paycow/internal/webhooks"
	"paycow/models"
	"paycow/store"
)

// recentDeliveries is how far back the deliveries are counted that an endpoint shows.
const recentDeliveries = 7 * 24 * time.Hour

var (
	errUnknownEndpoint = &failure{
		status: http.StatusNotFound, code: "endpoint_not_found", msg: "You have no webhook endpoint with this id.",
	}
	errTooManyEndpoints = conflict("too_many_endpoints",
		fmt.Sprintf("An account can have %d webhook endpoints; delete one that is not used.", models.MaxWebhookEndpoints))
	errOverlapRunning = conflict("overlap_running",
		"The secret before the last rotation still signs; wait until oldSecretUntil, or send overlapHours 0 to end both.")
	errEndpointAltered = conflict("endpoint_altered",
		"The endpoint's row in the database was not written by PayCow; delete the endpoint and create it again.")
	errEndpointDisabled = conflict("endpoint_disabled", "The webhook endpoint is disabled or was deleted.")
)

// endpointView is a webhook endpoint as its operator sees it. It holds no secret.
type endpointView struct {
	ID             string         `json:"id"`
	URL            string         `json:"url"`
	Events         []string       `json:"events"`
	Enabled        bool           `json:"enabled"`
	Description    string         `json:"description"`
	CreatedAt      instant        `json:"createdAt"`
	DisabledReason *string        `json:"disabledReason"`
	FailingSince   *instant       `json:"failingSince"`
	OldSecretUntil *instant       `json:"oldSecretUntil"`
	Test           bool           `json:"test"` // it is told of test payments, and of no others
	Recent         deliveryCounts `json:"recent"`
}

// deliveryCounts says how the deliveries of the last days went.
type deliveryCounts struct {
	Delivered int64 `json:"delivered"`
	Pending   int64 `json:"pending"`
	Parked    int64 `json:"parked"`
}

// newEndpointView is an endpoint with a secret that was just made.
type newEndpointView struct {
	endpointView
	Secret string `json:"secret"`
}

func (s *Server) viewOfEndpoint(e models.WebhookEndpoint, counts store.DeliveryCounts) endpointView {
	until := e.OldSecretUntil
	if until != nil && !until.After(s.Clock()) {
		until = nil
	}
	_, isTest := models.OperatorOfSide(e.OperatorID)
	return endpointView{
		ID: e.ID, URL: e.URL, Events: strings.Fields(e.EventTypes), Enabled: e.Enabled, Description: e.Description,
		CreatedAt: instant(e.CreatedAt), DisabledReason: textOrNull(e.DisabledReason),
		FailingSince: (*instant)(e.FailingSince), OldSecretUntil: (*instant)(until), Test: isTest,
		Recent: deliveryCounts{Delivered: counts.Delivered, Pending: counts.Pending, Parked: counts.Parked},
	}
}

// writeEndpoint answers with an endpoint, and with its secret unless that is "".
func (s *Server) writeEndpoint(c *gin.Context, status int, e models.WebhookEndpoint, secret string) error {
	counts, err := s.recentCounts(c, e.OperatorID, e.ID)
	if err != nil && secret == "" { // a new secret is told in any case
		return err
	}
	view := s.viewOfEndpoint(e, counts[e.ID])
	if secret == "" {
		writeJSON(c, status, view)
	} else {
		writeJSON(c, status, newEndpointView{view, secret})
	}
	return nil
}

// recentCounts counts the deliveries to one endpoint, or to all of a side for "".
func (s *Server) recentCounts(c *gin.Context, side, endpointID string) (map[string]store.DeliveryCounts, error) {
	counts, err := s.Store.DeliveryCounts(c.Request.Context(), side, endpointID,
		s.Clock().Add(-recentDeliveries))
	if err != nil {
		return nil, fmt.Errorf("count the deliveries: %w", err)
	}
	return counts, nil
}

func (s *Server) listEndpoints(c *gin.Context) error {
	if _, err := parseQuery(c.Request.URL, "test"); err != nil {
		return err
	}
	side, err := sideOfList(c)
	if err != nil {
		return err
	}
	endpoints, err := s.Store.WebhookEndpoints(c.Request.Context(), side)
	if err != nil {
		return fmt.Errorf("list the webhook endpoints: %w", err)
	}
	counts, err := s.recentCounts(c, side, "")
	if err != nil {
		return err
	}
	views := make([]endpointView, len(endpoints))
	for i, e := range endpoints {
		views[i] = s.viewOfEndpoint(e, counts[e.ID])
	}
	writeJSON(c, http.StatusOK, gin.H{"endpoints": views})
	return nil
}

func (s *Server) readEndpoint(c *gin.Context) error {
	id, err := endpointID(c)
	if err != nil {
		return err
	}
	endpoint, err := s.endpointOfRequest(c, id)
	if err != nil {
		return err
	}
	return s.writeEndpoint(c, http.StatusOK, endpoint, "")
}

// endpointOfRequest returns the endpoint with an id, on a side that the request may see.
func (s *Server) endpointOfRequest(c *gin.Context, id string) (models.WebhookEndpoint, error) {
	endpoint, err := s.Store.WebhookEndpointOf(c.Request.Context(), id, sidesOf(c)...)
	if err != nil {
		return endpoint, endpointFailure(err)
	}
	return endpoint, nil
}

// endpointID returns the id in the path. Returns a 404 for what is none.
func endpointID(c *gin.Context) (string, error) {
	id := c.Param("id")
	if !isLowerHex(id, 24) {
		return "", errUnknownEndpoint
	}
	return id, nil
}

// endpointFailure returns what the client gets for an error of the store about an endpoint.
func endpointFailure(err error) error {
	for known, shown := range map[error]error{
		models.ErrNotFound: errUnknownEndpoint, models.ErrEndpointAltered: errEndpointAltered,
		models.ErrOverlapRunning: errOverlapRunning, models.ErrNotPossible: errEndpointDisabled,
	} {
		if errors.Is(err, known) {
			return asFailure(shown).because(err)
		}
	}
	return err
}

// endpointFields are those that describe an endpoint.
var endpointFields = []string{"url", "events", "description", "enabled"}

// endpointChange reads the fields that describe an endpoint. Those that are not there are nil.
func (s *Server) endpointChange(body fields) (change store.WebhookChange, err error) {
	if _, isThere := body["url"]; isThere {
		text, err := body.text("url", 1, webhooks.MaxURLBytes)
		if err == nil {
			if text, err = s.WebhookURLs.Check(text); err != nil {
				err = invalid("url", "invalid_webhook_url", "url %s.", err.Error())
			}
		}
		if err != nil {
			return change, err
		}
		change.URL = &text
	}
	if raw, isThere := body["events"]; isThere {
		types, err := eventTypesOf(raw)
		if err != nil {
			return change, err
		}
		change.EventTypes = &types
	}
	if _, isThere := body["description"]; isThere {
		text, err := body.text("description", 0, models.MaxWebhookDescriptionRunes)
		if err != nil {
			return change, err
		}
		change.Description = &text
	}
	if _, isThere := body["enabled"]; isThere {
		enabled, err := body.flag("enabled")
		if err != nil {
			return change, err
		}
		change.Enabled = &enabled
	}
	return change, nil
}

// eventTypesOf reads a list of types of events. It returns them in the order of models.EndpointEventTypes, each once.
func eventTypesOf(raw jsontext.Value) (string, error) {
	known := models.EndpointEventTypes()
	texts, err := stringList(raw, "events", len(known))
	if err != nil {
		return "", err
	}
	if len(texts) == 1 && texts[0] == models.AllEventTypes {
		return models.AllEventTypes, nil
	}
	isUnknown := func(text string) bool { return !slices.Contains(known, models.EventType(text)) }
	if len(texts) == 0 || slices.ContainsFunc(texts, isUnknown) {
		return "", invalid("events", "invalid_field", `events must be ["*"], or hold at least one of %s and nothing else.`,
			listOf(known))
	}
	var wanted []string
	for _, kind := range known {
		if slices.Contains(texts, string(kind)) {
			wanted = append(wanted, string(kind))
		}
	}
	return strings.Join(wanted, " "), nil
}

func (s *Server) createEndpoint(c *gin.Context) error {
	body, err := readFields(c, append(slices.Clone(endpointFields), "test")...)
	if err != nil {
		return err
	}
	if _, isThere := body["url"]; !isThere {
		return missingField("url")
	}
	change, err := s.endpointChange(body)
	if err != nil {
		return err
	}
	isTest, err := body.flag("test")
	if err != nil {
		return err
	}
	if _, isThere := body["test"]; isThere && !isTest && isTestKey(c) {
		return errTestKey
	}
	isTest = isTest || isTestKey(c)
	endpoint := models.WebhookEndpoint{
		ID: models.NewID(), OperatorID: sideOf(c, isTest), EventTypes: models.AllEventTypes, Enabled: true,
	}
	change.Apply(&endpoint)
	secret, sealed, err := secrets.NewWebhookSecret(endpoint.ID, s.MasterKey)
	if err != nil {
		return fmt.Errorf("create a secret: %w", err)
	}
	endpoint.SecretSealed = sealed
	maker, _ := keyOfRequest(c)
	endpoint, err = s.Store.CreateWebhookEndpoint(c.Request.Context(), endpoint, maker.APIKey, auditOfKey(c,
		"webhook_endpoint_created", fmt.Sprintf("Created the webhook endpoint %s at %s for the events %s%s.", endpoint.ID,
			endpoint.Host(), endpoint.EventTypes, forTests(isTest))))
	switch {
	case errors.Is(err, models.ErrNotPossible):
		return errTooManyEndpoints
	case errors.Is(err, models.ErrNotFound):
		return errUnauthorized.because(err) // the key was revoked since the request began
	case err != nil:
		return fmt.Errorf("store a webhook endpoint: %w", err)
	}
	return s.writeEndpoint(c, http.StatusCreated, endpoint, secret)
}

func (s *Server) changeEndpoint(c *gin.Context) error {
	id, err := endpointID(c)
	if err != nil {
		return err
	}
	body, err := readFields(c, endpointFields...)
	if err != nil {
		return err
	}
	if len(body) == 0 {
		return invalid("", "missing_field", "Send at least one of %s.", strings.Join(endpointFields, ", "))
	}
	change, err := s.endpointChange(body)
	if err != nil {
		return err
	}
	before, err := s.endpointOfRequest(c, id)
	if err != nil {
		return err
	}
	maker, _ := keyOfRequest(c)
	endpoint, err := s.Store.ChangeWebhookEndpoint(c.Request.Context(), before.OperatorID, id, maker.APIKey, change,
		auditOfKey(c, "webhook_endpoint_changed", fmt.Sprintf("Changed the webhook endpoint %s: %s.", id, wordsOf(change))))
	if err != nil {
		return endpointFailure(err)
	}
	return s.writeEndpoint(c, http.StatusOK, endpoint, "")
}

// wordsOf says what a change changes, for the audit log.
func wordsOf(change store.WebhookChange) string {
	var words []string
	if change.URL != nil {
		words = append(words, "it is at "+models.WebhookEndpoint{URL: *change.URL}.Host())
	}
	if change.EventTypes != nil {
		words = append(words, "it wants the events "+*change.EventTypes)
	}
	if change.Description != nil {
		words = append(words, "it has another description")
	}
	if change.Enabled != nil {
		words = append(words, map[bool]string{true: "it is enabled", false: "it is disabled"}[*change.Enabled])
	}
	return strings.Join(words, "; ")
}

func (s *Server) deleteEndpoint(c *gin.Context) error {
	id, err := endpointID(c)
	if err != nil {
		return err
	}
	endpoint, err := s.endpointOfRequest(c, id)
	if err != nil {
		return err
	}
	maker, _ := keyOfRequest(c)
	err = s.Store.DeleteWebhookEndpoint(c.Request.Context(), endpoint.OperatorID, id, maker.APIKey,
		auditOfKey(c, "webhook_endpoint_deleted", "Deleted the webhook endpoint "+id+"."))
	if err != nil {
		return endpointFailure(err)
	}
	c.Status(http.StatusNoContent)
	return nil
}

// rotateWebhookSecret makes a new secret. The old one signs beside it for the requested number of hours.
func (s *Server) rotateWebhookSecret(c *gin.Context) error {
	id, err := endpointID(c)
	if err != nil {
		return err
	}
	overlap := models.WebhookOverlap
	body, err := readOptionalFields(c, "overlapHours")
	if err != nil {
		return err
	}
	if raw, isThere := body["overlapHours"]; isThere {
		const most = int(models.MaxWebhookOverlap / time.Hour)
		hours, err := strconv.Atoi(string(raw))
		if err != nil || hours < 0 || hours > most {
			return invalid("overlapHours", "invalid_field", "overlapHours must be a whole number from 0 to %d.", most)
		}
		overlap = time.Duration(hours) * time.Hour
	}
	before, err := s.endpointOfRequest(c, id)
	if err != nil {
		return err
	}
	secret, sealed, err := secrets.NewWebhookSecret(id, s.MasterKey)
	if err != nil {
		return fmt.Errorf("create a secret: %w", err)
	}
	maker, _ := keyOfRequest(c)
	endpoint, err := s.Store.RotateWebhookSecret(c.Request.Context(), before.OperatorID, id, maker.APIKey, sealed,
		overlap, auditOfKey(c, "webhook_secret_rotated", fmt.Sprintf(
			"Rotated the secret of the webhook endpoint %s; the old one signs for another %g hours.", id, overlap.Hours())))
	if err != nil {
		return endpointFailure(err)
	}
	return s.writeEndpoint(c, http.StatusOK, endpoint, secret)
}

// revealWebhookSecret shows an endpoint's secret to whoever enters the password. No API key gets it.
func (s *Server) revealWebhookSecret(c *gin.Context) error {
	who := personOfRequest(c)
	id, err := endpointID(c)
	if err != nil {
		return err
	}
	body, err := readFields(c, "password", "code")
	if err != nil {
		return err
	}
	operator, err := s.activeOperator(c)
	if err != nil {
		return err
	}
	if err := s.confirmFully(c, who, body); err != nil {
		return err
	}
	endpoint, err := s.Store.WebhookEndpoint(c.Request.Context(), id)
	if owner, _ := models.OperatorOfSide(endpoint.OperatorID); err == nil && owner != operator.ID {
		return errUnknownEndpoint
	}
	if err != nil {
		return endpointFailure(err)
	}
	opened, err := s.Store.WebhookSecrets(endpoint, s.Clock())
	if err != nil {
		return fmt.Errorf("open the secret of a webhook endpoint: %w", err)
	}
	if err := s.Store.Audit(c.Request.Context(), auditOfOperator(c, who.account, "webhook_secret_revealed",
		"Revealed the secret of the webhook endpoint %s.", id)); err != nil {
		return fmt.Errorf("write the audit log: %w", err)
	}
	writeJSON(c, http.StatusOK, gin.H{"secret": opened[0]})
	return nil
}
