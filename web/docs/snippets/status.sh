curl "https://pay.example.com/payment/data/$PAYMENT_ID"
