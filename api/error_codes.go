package api

import (
	"net/http"

	"paycow/web"
)

// documentedErrors are the error codes that integrators can encounter. A test compares them with the code.
var documentedErrors = []web.ErrorCode{
	{
		Status: http.StatusBadRequest, Code: "malformed_json",
		Meaning: "The request body is not one JSON object in UTF-8.",
		Remedy:  "Fix the request body; msg says where it fails.",
	},
	{
		Status: http.StatusBadRequest, Code: "unreadable_body", IsRepeatable: true,
		Meaning: "The request body was cut off.",
		Remedy:  "Send the request again.",
	},
	{
		Status: http.StatusBadRequest, Code: "duplicate_field",
		Meaning: "A field appears twice.",
		Remedy:  "Send it once.",
	},
	{
		Status: http.StatusBadRequest, Code: "unknown_field",
		Meaning: "The call has no such field. Names are case-sensitive.",
		Remedy:  "Remove the field or correct its spelling.",
	},
	{
		Status: http.StatusBadRequest, Code: "missing_field",
		Meaning: "A required field is missing.",
		Remedy:  "Add it.",
	},
	{
		Status: http.StatusBadRequest, Code: "invalid_field",
		Meaning: "A field has the wrong type or length.",
		Remedy:  "Correct it; msg says what it must be.",
	},
	{
		Status: http.StatusBadRequest, Code: "invalid_amount",
		Meaning: "The amount is not a decimal number, not above 0, above the maximum, or has more than 6 decimals.",
		Remedy:  "Correct the amount.",
	},
	{
		Status: http.StatusBadRequest, Code: "unsupported_network",
		Meaning: "The network is not ERC20.",
		Remedy:  "Send ERC20.",
	},
	{
		Status: http.StatusBadRequest, Code: "unsupported_currency",
		Meaning: "The currency is not USDT.",
		Remedy:  "Send USDT, or leave the field out.",
	},
	{
		Status: http.StatusBadRequest, Code: "invalid_idempotency_key",
		Meaning: "The Idempotency-Key is empty, too long, repeated or not printable ASCII.",
		Remedy:  "Send 1 to 255 printable ASCII characters.",
	},
	{
		Status: http.StatusBadRequest, Code: "invalid_return_url",
		Meaning: "The returnUrl is not an absolute https URL, or is longer than 2048 characters.",
		Remedy:  "Correct the URL.",
	},
	{
		Status: http.StatusBadRequest, Code: "invalid_webhook_url",
		Meaning: "The url of a webhook endpoint is not an absolute https URL of a public host.",
		Remedy:  "Correct the URL; msg says what it must be. For a host in your own network, ask the admin.",
	},
	{
		Status: http.StatusBadRequest, Code: "invalid_logo",
		Meaning: "The logo is not a PNG, JPEG or WebP picture, is animated, or has too many pixels.",
		Remedy:  "Upload another picture.",
	},
	{
		Status: http.StatusBadRequest, Code: "return_url_not_allowed",
		Meaning: "The origin of the returnUrl is not on your allow-list.",
		Remedy:  "Add the origin in the dashboard's settings.",
	},
	{
		Status: http.StatusBadRequest, Code: "malformed_query",
		Meaning: "The query string is malformed.",
		Remedy:  "Percent-encode its values.",
	},
	{
		Status: http.StatusBadRequest, Code: "unknown_parameter",
		Meaning: "The call has no such query parameter.",
		Remedy:  "Remove it; msg lists the known ones.",
	},
	{
		Status: http.StatusBadRequest, Code: "invalid_parameter",
		Meaning: "A query parameter has an invalid value.",
		Remedy:  "Correct it; field names it.",
	},
	{
		Status: http.StatusUnauthorized, Code: "unauthorized",
		Meaning: "The credentials are missing or wrong.",
		Remedy:  "Check both headers, and that they belong to this installation.",
	},
	{
		Status: http.StatusForbidden, Code: "account_pending",
		Meaning: "The account is waiting for approval.",
		Remedy:  "Wait for the admin.",
	},
	{
		Status: http.StatusForbidden, Code: "account_suspended",
		Meaning: "The account is suspended. It can read, revoke its API keys and secure its login. Open payments continue.",
		Remedy:  "Contact the admin.",
	},
	{
		Status: http.StatusForbidden, Code: "account_rejected",
		Meaning: "The account was not approved.",
		Remedy:  "Contact the admin.",
	},
	{
		Status: http.StatusForbidden, Code: "test_key",
		Meaning: "The API key is for test payments only, and the call is about real ones.",
		Remedy:  "Use a key that is not for test payments.",
	},
	{
		Status: http.StatusForbidden, Code: "missing_scope",
		Meaning: "The API key does not have the scope of this call.",
		Remedy:  "Use a key with the scope that msg names.",
	},
	{
		Status: http.StatusForbidden, Code: "network_not_allowed",
		Meaning: "The API key lists networks, and the call came from elsewhere.",
		Remedy:  "Call from a listed network, or make a key that lists yours.",
	},
	{
		Status: http.StatusForbidden, Code: "wider_than_maker",
		Meaning: "An API key tried to make one that can do more than itself.",
		Remedy:  "Ask for fewer scopes, networks inside its own, and an end no later than its own.",
	},
	{
		Status: http.StatusForbidden, Code: "https_required",
		Meaning: "The request came over plain http.",
		Remedy:  "Use https, and rotate the secret: it was sent in the clear.",
	},
	{
		Status: http.StatusNotFound, Code: "payment_not_found",
		Meaning: "The payment does not exist or belongs to another operator.",
		Remedy:  "Check the id.",
	},
	{
		Status: http.StatusNotFound, Code: "key_not_found",
		Meaning: "The account has no valid API key with this id.",
		Remedy:  "Check the id; a key that was revoked or has expired stays so.",
	},
	{
		Status: http.StatusNotFound, Code: "endpoint_not_found",
		Meaning: "The webhook endpoint does not exist or belongs to another operator.",
		Remedy:  "Check the id.",
	},
	{
		Status: http.StatusNotFound, Code: "delivery_not_found",
		Meaning: "The webhook delivery does not exist, was dropped for its age, or belongs to another operator.",
		Remedy:  "Check the id.",
	},
	{
		Status: http.StatusNotFound, Code: "link_not_found",
		Meaning: "The payment link does not exist, was dropped for its age, or belongs to another operator.",
		Remedy:  "Check the id.",
	},
	{
		Status: http.StatusNotFound, Code: "not_found",
		Meaning: "The path does not exist.",
		Remedy:  "Check the path.",
	},
	{
		Status: http.StatusMethodNotAllowed, Code: "method_not_allowed",
		Meaning: "The path does not support this method.",
		Remedy:  "Check the method.",
	},
	{
		Status: http.StatusConflict, Code: "name_taken",
		Meaning: "Another valid API key of the account has this name.",
		Remedy:  "Choose another name, or rotate that key.",
	},
	{
		Status: http.StatusConflict, Code: "too_many_keys",
		Meaning: "The account has as many valid API keys as it can have.",
		Remedy:  "Revoke one that is not used.",
	},
	{
		Status: http.StatusConflict, Code: "too_many_endpoints",
		Meaning: "The account has as many webhook endpoints as it can have.",
		Remedy:  "Delete one that is not used.",
	},
	{
		Status: http.StatusConflict, Code: "too_many_links",
		Meaning: "The account has reached its limit of usable payment links.",
		Remedy:  "Disable one that is not needed.",
	},
	{
		Status: http.StatusConflict, Code: "overlap_running",
		Meaning: "The secret before the last rotation still signs webhooks, and a third secret is not possible.",
		Remedy:  "Wait until oldSecretUntil, or send overlapHours 0, which ends both secrets at once.",
	},
	{
		Status: http.StatusConflict, Code: "endpoint_disabled",
		Meaning: "The webhook endpoint is disabled or was deleted, so nothing is sent to it.",
		Remedy:  "Enable it first.",
	},
	{
		Status: http.StatusConflict, Code: "endpoint_altered",
		Meaning: "The webhook endpoint's row in the database was not written by PayCow, so nothing is sent to it.",
		Remedy:  "Delete the endpoint, create it again, and tell the admin.",
	},
	{
		Status: http.StatusConflict, Code: "payment_already_paid",
		Meaning: "The payment is already PAID.",
		Remedy:  "Read the payment.",
	},
	{
		Status: http.StatusConflict, Code: "payment_already_expired",
		Meaning: "The payment is already EXPIRED.",
		Remedy:  "Read the payment.",
	},
	{
		Status: http.StatusConflict, Code: "payment_already_rejected",
		Meaning: "The payment is already REJECTED.",
		Remedy:  "Read the payment.",
	},
	{
		Status: http.StatusConflict, Code: "payment_not_acceptable",
		Meaning: "Nothing arrived for the payment, so it cannot be accepted.",
		Remedy:  "Create a new payment.",
	},
	{
		Status: http.StatusConflict, Code: "payment_still_open",
		Meaning: "Only an expired payment can be accepted, and this one is open.",
		Remedy:  "Wait until it has ended.",
	},
	{
		Status: http.StatusRequestEntityTooLarge, Code: "body_too_large",
		Meaning: "The request body is larger than 64 KiB.",
		Remedy:  "Send less.",
	},
	{
		Status: http.StatusUnsupportedMediaType, Code: "unsupported_media_type",
		Meaning: "The Content-Type is not application/json in UTF-8, or the body is compressed.",
		Remedy:  "Send uncompressed application/json.",
	},
	{
		Status: http.StatusUnprocessableEntity, Code: "idempotency_mismatch",
		Meaning: "The Idempotency-Key was already used with another body.",
		Remedy:  "Use a new key for a new payment.",
	},
	{
		Status: http.StatusInternalServerError, Code: "internal_error", IsRepeatable: true,
		Meaning: "Something went wrong in the gateway.",
		Remedy:  "If it persists, give the requestId to the admin.",
	},
	{
		Status: http.StatusTooManyRequests, Code: "too_many_unpaid", IsRepeatable: true,
		Meaning: "Too many of your latest payments have received nothing. Each has an address of its own, and wallets " +
			"look only so far past the last address that was paid.",
		Remedy: "Retry after one of them was paid, or ask the admin to raise your limit.",
	},
	{
		Status: http.StatusTooManyRequests, Code: "too_many_open", IsRepeatable: true,
		Meaning: "Too many of your payments are PENDING, DETECTED or CONFIRMING.",
		Remedy:  "Retry when some have ended, or ask the admin to raise your limit.",
	},
	{
		Status: http.StatusTooManyRequests, Code: "too_many_tests", IsRepeatable: true,
		Meaning: "In 24 hours, as many test payments or test events were created as this installation allows.",
		Remedy:  "Retry later.",
	},
	{
		Status: http.StatusTooManyRequests, Code: "too_many_requests", IsRepeatable: true,
		Meaning: "The API key or the network address has made too many requests in a minute. Nothing was changed.",
		Remedy:  "Retry after the time in Retry-After. RateLimit says how many requests are left, and for how long.",
	},
	{
		Status: http.StatusTooManyRequests, Code: "too_many_exports", IsRepeatable: true,
		Meaning: "Too many CSV files are being downloaded.",
		Remedy:  "Retry after the time in Retry-After.",
	},
	{
		Status: http.StatusServiceUnavailable, Code: "database_unavailable", IsRepeatable: true,
		Meaning: "The database is unavailable.",
		Remedy:  "Retry after the time in Retry-After.",
	},
	{
		Status: http.StatusServiceUnavailable, Code: "engine_unavailable", IsRepeatable: true,
		Meaning: "The workflow engine is unavailable. A decision is stored and takes effect when it is back.",
		Remedy:  "Retry after the time in Retry-After.",
	},
	{
		Status: http.StatusServiceUnavailable, Code: "clock_skew", IsRepeatable: true,
		Meaning: "The gateway's clock is behind the chain's, so no payment can be created.",
		Remedy:  "Retry later. If it persists, tell the admin.",
	},
	{
		Status: http.StatusServiceUnavailable, Code: "token_deprecated", IsRepeatable: true,
		Meaning: "The token was moved to a contract that the gateway does not watch yet, so no payment can be created.",
		Remedy:  "Retry later. If it persists, tell the admin.",
	},
	{
		Status: http.StatusServiceUnavailable, Code: "database_restored", IsRepeatable: true,
		Meaning: "The gateway's database was restored to an earlier moment, so no payment can be created.",
		Remedy:  "Tell the admin, and retry later.",
	},
	{
		Status: http.StatusServiceUnavailable, Code: "confirmations_altered", IsRepeatable: true,
		Meaning: "The confirmation steps in the database were not written by PayCow, so no payment is created.",
		Remedy:  "Set them again in the dashboard, tell the admin, and retry.",
	},
	{
		Status: http.StatusServiceUnavailable, Code: "decision_pending",
		Meaning: "The decision was accepted but has not taken effect yet.",
		Remedy:  "Read the payment after the time in Retry-After; do not decide again.",
	},
}
