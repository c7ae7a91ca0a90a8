curl https://pay.example.com/api/payment/create \
  -H "Content-Type: application/json" \
  -H "x-api-key: $PAYCOW_API_KEY" \
  -H "x-api-secret: $PAYCOW_API_SECRET" \
  -d '{"amount": 50.00, "userId": "user_123456", "network": "ERC20", "metadata": {"simulate": "underpaid"}}'
