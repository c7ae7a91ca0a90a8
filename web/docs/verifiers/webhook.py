# Python 3. Reads a webhook as CGI passes it on: the headers from the environment, the body from stdin.
import base64
import hashlib
import hmac
import json
import os
import re
import sys
import time

TOLERANCE_SECONDS = 300


def verify(secret, webhook_id, timestamp, signatures, body):
    """Raises ValueError unless PayCow sent the webhook. Pass the body as it arrived, and parse it afterwards."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    if len(key) < 24:
        raise ValueError("the secret is missing or too short")
    if not re.fullmatch("[0-9]{1,12}", timestamp) or abs(time.time() - int(timestamp)) > TOLERANCE_SECONDS:
        raise ValueError("the timestamp is too far from now")
    mac = hmac.new(key, f"{webhook_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    expected = b"v1," + base64.b64encode(mac)
    for signature in signatures.split(" "):  # two while the secret is being rotated
        if hmac.compare_digest(signature.encode(), expected):
            return
    raise ValueError("no signature matches")


def env(name):
    return os.environ.get(name, "")


webhook_id = env("HTTP_WEBHOOK_ID")
body = sys.stdin.buffer.read()
try:
    verify(env("PAYCOW_WEBHOOK_SECRET"), webhook_id, env("HTTP_WEBHOOK_TIMESTAMP"), env("HTTP_WEBHOOK_SIGNATURE"), body)
except ValueError as error:
    sys.exit(f"refused: {error}")  # answer 400
event = json.loads(body)
print(webhook_id, event["type"])  # store the event unless you have this id, answer 204, then work on it
