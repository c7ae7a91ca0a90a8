curl "https://pay.example.com/api/webhook-endpoints/$ENDPOINT_ID/redeliver-failed" \
  -H "Content-Type: application/json" \
  -H "x-api-key: $PAYCOW_API_KEY" \
  -H "x-api-secret: $PAYCOW_API_SECRET" \
  -d '{"since": "2027-03-01T00:00:00Z"}'
