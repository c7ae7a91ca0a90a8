#!/bin/sh
# A shell and openssl. Reads a webhook as CGI passes it on: the headers from the environment, the body from stdin.
# Other users of the machine can see the arguments of openssl, and so the key: use this where there are none.
set -euf
tolerance_seconds=300

refuse() { echo "refused: $1" >&2; exit 1; } # answer 400

# hmac KEY prints the HMAC-SHA256 of stdin in base64. KEY is in hex.
hmac() { openssl dgst -sha256 -mac HMAC -macopt "hexkey:$1" -binary | openssl base64 -A; }

# is_same A B compares in a time that says nothing about where A and B differ: it compares their HMACs by a random key.
comparison_key=$(openssl rand -hex 32)
is_same() { [ "$(printf %s "$1" | hmac "$comparison_key")" = "$(printf %s "$2" | hmac "$comparison_key")" ]; }

key=$(printf %s "${PAYCOW_WEBHOOK_SECRET#whsec_}" | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n')
[ "${#key}" -ge 48 ] || refuse 'the secret is missing or too short'
id=$HTTP_WEBHOOK_ID
timestamp=$HTTP_WEBHOOK_TIMESTAMP
case $timestamp in '' | 0* | *[!0-9]* | ?????????????*) refuse 'the timestamp is not a number' ;; esac
age=$(($(date +%s) - timestamp))
[ "${age#-}" -le "$tolerance_seconds" ] || refuse 'the timestamp is too far from now'

body=$(mktemp)
trap 'rm -f "$body"' EXIT
cat >"$body" # the bytes as they arrived
expected=v1,$({ printf '%s.%s.' "$id" "$timestamp"; cat "$body"; } | hmac "$key")
for signature in $HTTP_WEBHOOK_SIGNATURE; do # two while the secret is being rotated
  if is_same "$signature" "$expected"; then
    # Store the event unless you have this id, answer 204, then work on it. With jq installed: jq -r .type
    echo "$id $(sed -n 's/^{"type":"\([a-z._]*\)".*/\1/p' "$body")"
    exit
  fi
done
refuse 'no signature matches'
