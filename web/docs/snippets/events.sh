curl "https://pay.example.com/api/events?type=payment.paid&limit=100" \
  -H "x-api-key: $PAYCOW_API_KEY" \
  -H "x-api-secret: $PAYCOW_API_SECRET"
