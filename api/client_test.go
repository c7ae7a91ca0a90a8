package api

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"paycow/client"
	"paycow/models"
)

// TestTheClientMakesEveryCall makes each call that an API key can make with the generated client, and reads the answers.
func TestTheClientMakesEveryCall(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	c, err := client.New(f.url, f.account.APIKey, f.account.APISecret)
	require.NoError(t, err)
	keys := f.key(f.operatorID(f.account), models.Credential{Scopes: "keys:write"})
	ofKeys, err := client.New(f.url, keys.APIKey, keys.APISecret)
	require.NoError(t, err)
	ctx, made := t.Context(), map[string]bool{}
	// note returns what a call answered, once it is noted that it was made.
	note := func(response *http.Response, err error, ids ...string) {
		t.Helper()
		require.NoError(t, err)
		path := response.Request.URL.Path
		for _, id := range ids {
			path = strings.Replace(path, id, "{id}", 1)
		}
		made[response.Request.Method+" "+path] = true
	}

	order := client.NewPayment{
		Amount: decimal.RequireFromString("50.000001"), UserID: "user_123456", Network: client.NewPaymentNetworkERC20,
		Metadata: &client.Metadata{"order": "A-17"},
	}
	created, err := c.CreatePaymentWithResponse(ctx, &client.CreatePaymentParams{IdempotencyKey: new("A-17")}, order)
	note(created.HTTPResponse, err)
	again, err := c.CreatePaymentWithResponse(ctx, &client.CreatePaymentParams{IdempotencyKey: new("A-17")}, order)
	require.NoError(t, err)
	require.Equal(t, created.JSON200, again.JSON200, "the key makes one payment of two calls")
	id := created.JSON200.PaymentID
	public, err := c.GetPaymentDataWithResponse(ctx, id)
	note(public.HTTPResponse, err, id)
	require.Equal(t, client.StatusPENDING, public.JSON200.Status)
	full, err := c.GetPaymentWithResponse(ctx, id, nil)
	note(full.HTTPResponse, err, id)
	require.Equal(t, "50.000001", full.JSON200.AmountRequested.String())
	require.Equal(t, client.Metadata{"order": "A-17"}, full.JSON200.Metadata)
	list, err := c.ListPaymentsWithResponse(ctx, &client.ListPaymentsParams{
		Metadata: map[string]string{"order": "A-17"}, From: new(time.Now().Add(-time.Hour)), Limit: new(1), Totals: new(true),
	})
	note(list.HTTPResponse, err)
	require.Len(t, list.JSON200.Payments, 1)
	require.Equal(t, id, list.JSON200.Payments[0].ID)
	require.Equal(t, "50.000001", list.JSON200.Totals.AmountRequested.String())
	none, err := c.ListPaymentsWithResponse(ctx, &client.ListPaymentsParams{Metadata: map[string]string{"order": "A-18"}})
	require.NoError(t, err)
	require.Empty(t, none.JSON200.Payments)
	rejected, err := c.RejectPaymentWithResponse(ctx, id, nil, client.RejectPaymentJSONRequestBody{Reason: "cancelled"})
	note(rejected.HTTPResponse, err, id)
	require.Equal(t, client.StatusREJECTED, rejected.JSON200.Status)
	require.Equal(t, f.account.APIKey, *rejected.JSON200.Timeline[len(rejected.JSON200.Timeline)-1].DecidedBy)
	late := f.short(f.account, models.ExceptionPaidLate).ID
	accepted, err := c.AcceptPaymentWithResponse(ctx, late, nil, client.AcceptPaymentJSONRequestBody{})
	note(accepted.HTTPResponse, err, late)
	require.Equal(t, client.StatusPAID, accepted.JSON200.Status)

	link, err := c.CreatePaymentLinkWithResponse(ctx, nil, client.NewPaymentLink{Amount: order.Amount, Description: "Tea"})
	note(link.HTTPResponse, err)
	require.Equal(t, "50.000001", link.JSON201.Amount.String())
	links, err := c.ListPaymentLinksWithResponse(ctx, &client.ListPaymentLinksParams{Limit: new(1)})
	note(links.HTTPResponse, err)
	require.Equal(t, link.JSON201.ID, links.JSON200.Links[0].ID)
	shown, err := c.ReadPaymentLinkWithResponse(ctx, link.JSON201.ID)
	note(shown.HTTPResponse, err, link.JSON201.ID)
	ended, err := c.DisablePaymentLinkWithResponse(ctx, link.JSON201.ID)
	note(ended.HTTPResponse, err, link.JSON201.ID)
	require.NotNil(t, ended.JSON200.DisabledAt)

	balance, err := c.GetBalanceWithResponse(ctx)
	note(balance.HTTPResponse, err)
	require.True(t, balance.JSON200.Pending.IsZero())
	ledger, err := c.ListLedgerWithResponse(ctx, nil)
	note(ledger.HTTPResponse, err)
	events, err := c.ListEventsWithResponse(ctx, &client.ListEventsParams{Payment: &id})
	note(events.HTTPResponse, err)
	require.NotEmpty(t, events.JSON200.Events)
	payment, ok, err := events.JSON200.Events[0].Payment()
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, id, payment.ID)

	endpoint, err := c.CreateWebhookEndpointWithResponse(ctx, client.NewWebhookEndpoint{URL: "https://shop.example/hook"})
	note(endpoint.HTTPResponse, err)
	require.NotEmpty(t, endpoint.JSON201.Secret)
	hook := endpoint.JSON201.ID
	endpoints, err := c.ListWebhookEndpointsWithResponse(ctx, nil)
	note(endpoints.HTTPResponse, err)
	require.Len(t, endpoints.JSON200.Endpoints, 1)
	read, err := c.ReadWebhookEndpointWithResponse(ctx, hook)
	note(read.HTTPResponse, err, hook)
	changed, err := c.ChangeWebhookEndpointWithResponse(ctx, hook, client.WebhookEndpointChange{Description: new("Orders")})
	note(changed.HTTPResponse, err, hook)
	require.Equal(t, "Orders", changed.JSON200.Description)
	rotated, err := c.RotateWebhookSecretWithResponse(ctx, hook, client.RotateWebhookSecretJSONRequestBody{})
	note(rotated.HTTPResponse, err, hook)
	tested, err := c.TestWebhookEndpointWithResponse(ctx, hook, client.TestWebhookEndpointJSONRequestBody{})
	note(tested.HTTPResponse, err, hook)
	delivery := tested.JSON202.ID
	deliveries, err := c.ListWebhookDeliveriesWithResponse(ctx, &client.ListWebhookDeliveriesParams{EndpointID: &hook})
	note(deliveries.HTTPResponse, err)
	require.Len(t, deliveries.JSON200.Deliveries, 1)
	one, err := c.ReadWebhookDeliveryWithResponse(ctx, delivery)
	note(one.HTTPResponse, err, delivery)
	redelivered, err := c.RedeliverWithResponse(ctx, delivery, client.RedeliverJSONRequestBody{})
	note(redelivered.HTTPResponse, err, delivery)
	failed, err := c.RedeliverFailedWithResponse(ctx, hook, client.RedeliverFailedJSONRequestBody{
		Since: time.Now().Add(-time.Hour),
	})
	note(failed.HTTPResponse, err, hook)
	gone, err := c.DeleteWebhookEndpointWithResponse(ctx, hook)
	note(gone.HTTPResponse, err, hook)

	key, err := ofKeys.CreateKeyWithResponse(ctx, client.NewKey{Name: "k", Scopes: []client.NewKeyScopes{client.NewKeyScopesKeysWrite}})
	note(key.HTTPResponse, err)
	all, err := ofKeys.ListKeysWithResponse(ctx)
	note(all.HTTPResponse, err)
	require.NotEmpty(t, all.JSON200.Keys)
	revoked, err := ofKeys.RevokeKeyWithResponse(ctx, key.JSON201.ID)
	note(revoked.HTTPResponse, err, key.JSON201.ID)

	_, err = c.GetPaymentWithResponse(ctx, models.NewID(), nil)
	var failure *client.Error
	require.ErrorAs(t, err, &failure)
	require.Equal(t, "payment_not_found", failure.Code)
	require.Equal(t, http.StatusNotFound, failure.StatusCode)

	for path, operations := range loadDocument(t).at(t, "paths") {
		for method, operation := range operations.(map[string]any) {
			for _, alternative := range operation.(map[string]any)["security"].([]any) {
				if alternative.(map[string]any)["apiKey"] != nil {
					name := strings.ToUpper(method) + " " + path
					require.True(t, made[name], "the client did not make %s", name)
				}
			}
		}
	}
}
