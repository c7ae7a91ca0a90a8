//go:build !slim

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"paycow/models"
)

// publicPayment is the part of a payment's public status that the faucet needs.
type publicPayment struct {
	AmountRequested models.Amount `json:"amountRequested"`
	AmountReceived  models.Amount `json:"amountReceived"`
	DepositAddress  string        `json:"depositAddress"`
	Message         string        `json:"msg"`
}

func fetchPayment(ctx context.Context, apiURL, paymentID string) (publicPayment, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var payment publicPayment
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, apiURL+"/payment/data/"+url.PathEscape(paymentID), nil)
	if err != nil {
		return payment, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return payment, fmt.Errorf("is `paycow dev` running? %w", err)
	}
	defer response.Body.Close() //nolint:errcheck // it was only read
	if err := json.NewDecoder(response.Body).Decode(&payment); err != nil {
		return payment, fmt.Errorf("read the payment: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return payment, fmt.Errorf("payment %s: %s", paymentID, payment.Message)
	}
	return payment, nil
}
