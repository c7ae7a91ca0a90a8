#!/bin/sh
# curl and a shell. PAYCOW_API_KEY=… PAYCOW_API_SECRET=… sh payment.sh
set -eu
paycow='https://pay.example.com'

# field NAME prints a text of a flat JSON answer; with jq installed: jq -r .NAME
field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }

# Keep the key with the order: a repeated call with the same key makes no second payment.
idempotency_key=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
payment=$(curl --silent --show-error --fail-with-body --max-time 20 "$paycow/api/payment/create" \
  -H 'Content-Type: application/json' \
  -H "Idempotency-Key: $idempotency_key" \
  -H "x-api-key: $PAYCOW_API_KEY" \
  -H "x-api-secret: $PAYCOW_API_SECRET" \
  -d '{"amount": "50.00", "userId": "user_123456", "network": "ERC20"}') || { echo "$payment" >&2; exit 1; }
echo "$payment" | field paymentUrl # send the payer here

id=$(echo "$payment" | field paymentId)
curl --silent --show-error --fail-with-body --max-time 20 "$paycow/payment/data/$id" | field status # deliver when this is PAID
