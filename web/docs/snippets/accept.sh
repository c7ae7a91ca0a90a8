curl -X POST "https://pay.example.com/api/payment/$PAYMENT_ID/accept" \
  -H "x-api-key: $PAYCOW_API_KEY" \
  -H "x-api-secret: $PAYCOW_API_SECRET"
