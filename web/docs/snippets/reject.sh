curl "https://pay.example.com/api/payment/$PAYMENT_ID/reject" \
  -H "Content-Type: application/json" \
  -H "x-api-key: $PAYCOW_API_KEY" \
  -H "x-api-secret: $PAYCOW_API_SECRET" \
  -d '{"reason": "The customer cancelled the order."}'
