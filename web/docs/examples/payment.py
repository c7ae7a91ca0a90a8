# Python 3 with requests. PAYCOW_API_KEY=… PAYCOW_API_SECRET=… python3 payment.py
import os
import uuid

import requests

PAYCOW = "https://pay.example.com"

session = requests.Session()


def answer_of(response):
    answer = response.json()
    if not response.ok:
        raise RuntimeError(f"PayCow: {answer['code']}: {answer['msg']} (request {answer['requestId']})")
    return answer


def create_payment(order, idempotency_key):
    return answer_of(session.post(
        f"{PAYCOW}/api/payment/create",
        json=order,
        headers={
            "x-api-key": os.environ["PAYCOW_API_KEY"],
            "x-api-secret": os.environ["PAYCOW_API_SECRET"],
            "Idempotency-Key": idempotency_key,
        },
        timeout=20,
    ))


def payment_status(payment_id):
    return answer_of(session.get(f"{PAYCOW}/payment/data/{payment_id}", timeout=20))


# Keep the key with the order: a repeated call with the same key makes no second payment.
idempotency_key = str(uuid.uuid4())
payment = create_payment({"amount": "50.00", "userId": "user_123456", "network": "ERC20"}, idempotency_key)
print(payment["paymentUrl"])  # send the payer here

print(payment_status(payment["paymentId"])["status"])  # deliver when this is PAID
