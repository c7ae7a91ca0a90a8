curl "https://pay.example.com/api/payment-links" \
  -H "Content-Type: application/json" \
  -H "x-api-key: $PAYCOW_API_KEY" \
  -H "x-api-secret: $PAYCOW_API_SECRET" \
  -d '{"amount": 50.00, "description": "Invoice 2026-117", "maxUses": 1}'
