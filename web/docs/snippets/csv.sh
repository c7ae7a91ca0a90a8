curl "https://pay.example.com/api/payments?from=2026-03-01T00:00:00Z&to=2026-04-01T00:00:00Z" \
  -H "Accept: text/csv" \
  -H "x-api-key: $PAYCOW_API_KEY" \
  -H "x-api-secret: $PAYCOW_API_SECRET"
