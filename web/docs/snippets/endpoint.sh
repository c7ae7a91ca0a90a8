curl https://pay.example.com/api/webhook-endpoints \
  -H "Content-Type: application/json" \
  -H "x-api-key: $PAYCOW_API_KEY" \
  -H "x-api-secret: $PAYCOW_API_SECRET" \
  -d '{"url": "https://shop.example/paycow", "events": ["payment.paid", "payment.exception"]}'
