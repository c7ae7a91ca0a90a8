curl -X POST https://paycow.net/api/payment/create \
-H "Content-Type: application/json" \
-H "x-api-key: YOUR_API_KEY" \
-H "x-api-secret: YOUR_API_SECRET" \
-d '{
"amount": 50.00,
"userId": "user_123456",
"network": "ERC20"
}'
