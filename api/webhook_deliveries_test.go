package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/api/apitest"
	"paycow/models"
	"paycow/views"
)

// testDelivery asks for a test event.
func (f *fixture) testDelivery(account apitest.Account, endpointID string) deliveryView {
	f.Helper()
	got := f.call(account, http.MethodPost, endpointPath(endpointID)+"/test", "")
	require.Equal(f, http.StatusAccepted, got.status, got.body)
	return parse[deliveryView](f.TB, got.body)
}

// answered notes a try of a delivery, as the worker does.
func (f *fixture) answered(deliveryID string, status int, text string) {
	f.Helper()
	job, err := f.store.DeliveryJob(f.Context(), deliveryID)
	require.NoError(f, err)
	require.Empty(f, job.Refusal)
	f.isMessage(job.Body)
	try := models.WebhookAttempt{At: time.Now(), Status: status, DurationMS: 84, Answer: text}
	if !try.Succeeded() {
		try.Error = "The endpoint answered so."
	}
	_, err = f.store.RecordTry(f.Context(), job, try, 0)
	require.NoError(f, err)
}

// isMessage fails if a body is not what the OpenAPI document says that webhooks carry.
func (f *fixture) isMessage(body []byte) {
	f.Helper()
	require.NoError(f, answers.checkValue(pointerTo("components", "schemas", "EventMessage"), body), string(body))
}

type deliveryList struct {
	Deliveries []deliveryView `json:"deliveries"`
	NextCursor *string        `json:"nextCursor"`
}

func TestWebhookDeliveries(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	endpoint, second := f.endpoint(f.account, ""), f.endpoint(f.account, `,"events":["payment.paid"]`)
	first := f.testDelivery(f.account, endpoint.ID)
	require.Equal(t, models.DeliveryPending, first.Status)
	require.Equal(t, endpoint.ID, first.EndpointID)
	require.Empty(t, first.Attempts)
	last := f.testDelivery(f.account, second.ID)
	f.answered(first.ID, 500, "out of memory <b>")

	list := func(account apitest.Account, query string) deliveryList {
		t.Helper()
		got := f.call(account, http.MethodGet, "/api/webhook-deliveries"+query, "")
		require.Equal(t, http.StatusOK, got.status, got.body)
		require.NotContains(t, got.body, "whsec_")
		return parse[deliveryList](t, got.body)
	}
	ids := func(query string) (ids []string) {
		for _, d := range list(f.account, query).Deliveries {
			ids = append(ids, d.ID)
		}
		return ids
	}
	require.ElementsMatch(t, []string{first.ID, last.ID}, ids(""))
	require.Equal(t, []string{first.ID}, ids("?endpointId="+endpoint.ID))
	require.Empty(t, ids("?status=DELIVERED"))
	require.Empty(t, ids("?eventType=payment.paid"))
	require.Len(t, ids("?eventType=endpoint.test&status=PENDING"), 2)
	page := list(f.account, "?limit=1")
	require.Len(t, page.Deliveries, 1)
	require.NotEqual(t, page.Deliveries[0].ID, list(f.account, "?limit=1&cursor="+*page.NextCursor).Deliveries[0].ID)
	require.Empty(t, list(f.other, "").Deliveries)
	require.Empty(t, list(f.other, "?endpointId="+endpoint.ID).Deliveries)

	read := func(id string) fullDeliveryView {
		got := f.call(f.account, http.MethodGet, "/api/webhook-deliveries/"+id, "")
		require.Equal(t, http.StatusOK, got.status, got.body)
		return parse[fullDeliveryView](t, got.body)
	}
	full := read(first.ID)
	require.Len(t, full.Attempts, 1)
	attempt := full.Attempts[0]
	require.Equal(t, 500, *attempt.Status)
	require.Equal(t, int64(84), attempt.DurationMS)
	require.Equal(t, "The endpoint answered so.", *attempt.Error)
	require.Equal(t, "out of memory <b>", *attempt.Answer)
	require.NotNil(t, full.NextAttemptAt)
	require.Equal(t, endpoint.URL, *full.Request.URL)
	require.Equal(t, first.EventID, full.Request.Headers["webhook-id"])
	require.Equal(t, "1", full.Request.Headers["Paycow-Attempt"])
	require.NotContains(t, full.Request.Headers, "webhook-signature")
	var message views.EventMessage
	require.NoError(t, json.Unmarshal([]byte(full.Request.Body), &message))
	require.Equal(t, models.EventEndpointTest, message.Type)
	job, err := f.store.DeliveryJob(t.Context(), first.ID)
	require.NoError(t, err)
	require.Equal(t, string(job.Body), full.Request.Body, "what is shown is what is sent")
	documented, sent := []string{"content-type"}, []string{"webhook-signature"}
	for _, p := range loadDocument(t).at(t, "webhooks", "event", "post")["parameters"].([]any) {
		documented = append(documented, p.(map[string]any)["name"].(string))
	}
	for name := range full.Request.Headers {
		sent = append(sent, strings.ToLower(name))
	}
	require.ElementsMatch(t, documented, sent)

	require.Equal(t, deliveryCounts{Pending: 1}, parse[endpointView](t, f.call(f.account, http.MethodGet, endpointPath(endpoint.ID), "").body).Recent)
	f.answered(last.ID, 204, "")
	require.Equal(t, models.DeliveryDelivered, read(last.ID).Status)
	require.Equal(t, deliveryCounts{Delivered: 1}, parse[endpointView](t, f.call(f.account, http.MethodGet, endpointPath(second.ID), "").body).Recent)
	require.Equal(t, http.StatusNoContent, f.call(f.account, http.MethodDelete, endpointPath(endpoint.ID), "").status)
	require.Nil(t, read(first.ID).Request.URL)
}

func TestRedeliver(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	endpoint := f.endpoint(f.account, "")
	delivery := f.testDelivery(f.account, endpoint.ID)
	post := func(account apitest.Account, status int, path, body string) answer {
		t.Helper()
		got := f.call(account, http.MethodPost, path, body)
		require.Equal(t, status, got.status, got.body)
		return got
	}
	redeliver, failed := "/api/webhook-deliveries/"+delivery.ID+"/redeliver", endpointPath(endpoint.ID)+"/redeliver-failed"
	since := func(ago time.Duration) string {
		return `{"since":"` + time.Now().Add(-ago).UTC().Format(time.RFC3339) + `"}`
	}
	f.answered(delivery.ID, 204, "")
	again := parse[deliveryView](t, post(f.account, http.StatusAccepted, redeliver, "").body)
	require.Equal(t, models.DeliveryPending, again.Status)
	require.Len(t, again.Attempts, 1, "what was tried before stays")
	post(f.other, http.StatusNotFound, redeliver, "")

	require.JSONEq(t, `{"count":0,"more":false}`, post(f.account, http.StatusAccepted, failed, since(time.Hour)).body)
	f.answered(delivery.ID, 410, "")
	require.Equal(t, "endpoint_disabled", parse[errorBody](t, post(f.account, http.StatusConflict, redeliver, "").body).Code)
	require.Equal(t, "endpoint_disabled", parse[errorBody](t, post(f.account, http.StatusConflict, failed, since(time.Hour)).body).Code)
	require.Equal(t, "endpoint_disabled", parse[errorBody](t, post(f.account, http.StatusConflict, endpointPath(endpoint.ID)+"/test", "").body).Code)
	require.Equal(t, http.StatusOK, f.call(f.account, http.MethodPatch, endpointPath(endpoint.ID), `{"enabled":true}`).status)
	require.JSONEq(t, `{"count":0,"more":false}`, post(f.account, http.StatusAccepted, failed, since(-time.Hour)).body)
	require.JSONEq(t, `{"count":1,"more":false}`, post(f.account, http.StatusAccepted, failed, since(time.Hour)).body)
	require.Equal(t, models.DeliveryPending, parse[deliveryView](t, f.call(f.account, http.MethodGet, "/api/webhook-deliveries/"+delivery.ID, "").body).Status)

	require.Equal(t, http.StatusNoContent, f.call(f.account, http.MethodDelete, endpointPath(endpoint.ID), "").status)
	post(f.account, http.StatusConflict, redeliver, "")
}
