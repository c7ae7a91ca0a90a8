import requests
import os
url = "https://paycow.net/api/payment/create"
headers = {
"Content-Type": "application/json",
"x-api-key": os.getenv("PAYCOW_API_KEY"),
"x-api-secret": os.getenv("PAYCOW_API_SECRET")
}
data = {
"amount": 50.00,
"userId": "user_123456",
"network": "ERC20"
}
response = requests.post(url, json=data, headers=headers)
result = response.json()
# Redirect user to result['paymentUrl']
