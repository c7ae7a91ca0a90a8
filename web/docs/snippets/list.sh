curl "https://pay.example.com/api/payments?status=PAID&from=2026-03-01T00:00:00Z&limit=100" \
  -H "x-api-key: $PAYCOW_API_KEY" \
  -H "x-api-secret: $PAYCOW_API_SECRET"
