package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"paycow/client"
)

// webhookLimit is how many bytes of a webhook are read.
const webhookLimit = 1 << 20

// pay returns the checkout page of an order. It makes the payment the first time. The order's id is the
// Idempotency-Key: a repeated attempt, after a crash or without an answer, gives the payment that was made.
func (s *shop) pay(ctx context.Context, o order) (checkoutURL string, err error) {
	if o.CheckoutURL != "" {
		return o.CheckoutURL, nil
	}
	key := client.CreatePaymentParams{IdempotencyKey: &o.ID}
	answer, err := s.paycow.CreatePaymentWithResponse(ctx, &key, client.NewPayment{
		Amount: o.Amount, Network: client.NewPaymentNetworkERC20, UserID: "guest", Description: &o.Product,
		Metadata: &client.Metadata{"order": o.ID},
	})
	if err != nil {
		return "", err
	}
	return answer.JSON200.CheckoutURL, s.books.setPayment(ctx, o.ID, *answer.JSON200)
}

// receive takes a webhook. It answers with a success only when the event is in the database: until then PayCow repeats
// it.
func (s *shop) receive(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, webhookLimit))
	if err != nil {
		http.Error(w, "cannot read the body", http.StatusBadRequest)
		return
	}
	secret, err := s.books.setting(ctx, settingSecret)
	if err != nil {
		s.fail(w, "read the secret", err)
		return
	}
	event, err := client.VerifyWebhook(secret, r.Header, body)
	if errors.Is(err, client.ErrNoWebhook) {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if err == nil {
		s.log.Info("webhook verified", "type", event.Type, "event", event.ID)
		err = s.take(ctx, event)
	}
	if err != nil {
		s.fail(w, "take a webhook", err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *shop) take(ctx context.Context, event client.Event) error {
	mark, err := s.books.take(ctx, event)
	if err == nil && mark != "" {
		s.log.Info("an order is marked", "mark", mark, "event", event.ID)
	}
	return err
}

func (s *shop) fail(w http.ResponseWriter, what string, err error) {
	s.log.Error("a request failed", "doing", what, "error", err)
	http.Error(w, "something went wrong here", http.StatusInternalServerError)
}

// follow keeps the endpoint, and catches up with what no webhook told, now and after each pause.
func (s *shop) follow(ctx context.Context, pause time.Duration) {
	for ctx.Err() == nil {
		if err := errors.Join(s.keepEndpoint(ctx), s.catchUp(ctx)); err != nil && ctx.Err() == nil {
			s.log.Warn("PayCow cannot be followed now", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// catchUp reads the events since the last one that was read, and takes those that are new.
func (s *shop) catchUp(ctx context.Context) error {
	from, err := s.books.position(ctx)
	if err != nil {
		return err
	}
	page := client.ListEventsParams{From: from, Limit: new(200)}
	for {
		answer, err := s.paycow.ListEventsWithResponse(ctx, &page)
		if err != nil {
			return err
		}
		events := answer.JSON200.Events
		for _, event := range events {
			if err := s.take(ctx, event); err != nil {
				return fmt.Errorf("take event %s: %w", event.ID, err)
			}
		}
		if len(events) > 0 {
			last := events[len(events)-1].Timestamp.Format(time.RFC3339Nano)
			if err := set(ctx, s.books.db, settingPosition, last); err != nil {
				return err
			}
		}
		if answer.JSON200.NextCursor == nil {
			return nil
		}
		page.Cursor = answer.JSON200.NextCursor
	}
}

// endpointDescription tells the shop's endpoint from those that others made for the same address.
const endpointDescription = "The example shop"

// keepEndpoint makes the webhook endpoint unless it is there. Its secret is shown only once: an endpoint of the shop
// whose secret was lost in a crash is deleted.
func (s *shop) keepEndpoint(ctx context.Context) error {
	known, err := s.books.setting(ctx, settingEndpoint)
	if err != nil {
		return err
	}
	list, err := s.paycow.ListWebhookEndpointsWithResponse(ctx, nil)
	if err != nil {
		return err
	}
	var lost []string
	for _, endpoint := range list.JSON200.Endpoints {
		switch {
		case endpoint.URL != s.webhookURL:
		case endpoint.ID == known:
			return s.keepEnabled(ctx, endpoint)
		case endpoint.Description == endpointDescription:
			lost = append(lost, endpoint.ID)
		}
	}
	for _, id := range lost {
		if _, err := s.paycow.DeleteWebhookEndpointWithResponse(ctx, id); err != nil {
			return err
		}
		s.log.Warn("a webhook endpoint whose secret was lost is deleted", "endpoint", id)
	}
	made, err := s.paycow.CreateWebhookEndpointWithResponse(ctx, client.NewWebhookEndpoint{
		URL: s.webhookURL, Description: new(endpointDescription),
	})
	if err != nil {
		return err
	}
	return s.books.inTransaction(ctx, func(tx *sql.Tx) error {
		return errors.Join(set(ctx, tx, settingEndpoint, made.JSON201.ID), set(ctx, tx, settingSecret, made.JSON201.Secret))
	})
}

// keepEnabled enables the endpoint again after PayCow disabled it, because somebody in between answered 410 for the
// shop: once after each start, so that an address that is really gone is left alone. If a person disabled it, it stays
// so.
func (s *shop) keepEnabled(ctx context.Context, endpoint client.WebhookEndpoint) error {
	if endpoint.Enabled || endpoint.DisabledReason == nil || s.hasEnabled {
		return nil
	}
	s.hasEnabled = true
	change := client.WebhookEndpointChange{Enabled: new(true)}
	_, err := s.paycow.ChangeWebhookEndpointWithResponse(ctx, endpoint.ID, change)
	if err == nil {
		s.log.Warn("the webhook endpoint is enabled again", "endpoint", endpoint.ID, "reason", *endpoint.DisabledReason)
	}
	return err
}
