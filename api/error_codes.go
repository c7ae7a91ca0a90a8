package api

import (
	"net/http"

	"paycow/web"
)

// documentedErrors are the codes that integrators meet. A test compares them with those in the code.
func documentedErrors() []web.ErrorCode {
	return []web.ErrorCode{
		{Status: http.StatusBadRequest, Code: "malformed_json", Meaning: "The body is not one JSON object in UTF-8.", Remedy: "Mend the body; msg says where it breaks."},
		{Status: http.StatusBadRequest, Code: "unreadable_body", Meaning: "The body did not arrive whole.", Remedy: "Send the call again.", IsRepeatable: true},
		{Status: http.StatusBadRequest, Code: "duplicate_field", Meaning: "A member appears twice.", Remedy: "Send it once."},
		{Status: http.StatusBadRequest, Code: "unknown_field", Meaning: "A member is not one of this call's. Names are case-sensitive.", Remedy: "Leave it out, or mend its spelling."},
		{Status: http.StatusBadRequest, Code: "missing_field", Meaning: "A required member is absent.", Remedy: "Add it."},
		{Status: http.StatusBadRequest, Code: "invalid_field", Meaning: "A member has another type or length than it must have.", Remedy: "Mend it; msg says what it must be."},
		{Status: http.StatusBadRequest, Code: "invalid_amount", Meaning: "The amount is no decimal number, not above 0, above the maximum, or has more than 6 decimals.", Remedy: "Mend the amount."},
		{Status: http.StatusBadRequest, Code: "unsupported_network", Meaning: "The network is not ERC20.", Remedy: "Send ERC20."},
		{Status: http.StatusBadRequest, Code: "unsupported_currency", Meaning: "The currency is not USDT.", Remedy: "Send USDT, or nothing."},
		{Status: http.StatusBadRequest, Code: "invalid_idempotency_key", Meaning: "The Idempotency-Key is empty, too long, given twice or not printable ASCII.", Remedy: "Send 1 to 255 printable ASCII characters."},
		{Status: http.StatusBadRequest, Code: "invalid_return_url", Meaning: "The returnUrl is no absolute https address, or longer than 2048 characters.", Remedy: "Mend the address."},
		{Status: http.StatusBadRequest, Code: "return_url_not_allowed", Meaning: "The returnUrl is at an origin that is not on your allow-list.", Remedy: "Add the origin in the dashboard's settings."},
		{Status: http.StatusBadRequest, Code: "malformed_query", Meaning: "The query string cannot be read.", Remedy: "Percent-encode its values."},
		{Status: http.StatusBadRequest, Code: "unknown_parameter", Meaning: "A query parameter is not one of this call's.", Remedy: "Leave it out; msg lists those that are known."},
		{Status: http.StatusBadRequest, Code: "invalid_parameter", Meaning: "A query parameter has a value that it cannot have.", Remedy: "Mend it; field names it."},
		{Status: http.StatusUnauthorized, Code: "unauthorized", Meaning: "The credentials are missing or wrong.", Remedy: "Check both headers, and that they belong to this installation."},
		{Status: http.StatusForbidden, Code: "account_pending", Meaning: "The account waits for its approval.", Remedy: "Wait for the admin."},
		{Status: http.StatusForbidden, Code: "account_suspended", Meaning: "The account is suspended. Open payments go on to their end.", Remedy: "Ask the admin."},
		{Status: http.StatusForbidden, Code: "account_rejected", Meaning: "The account was not approved.", Remedy: "Ask the admin."},
		{Status: http.StatusForbidden, Code: "https_required", Meaning: "The call came over plain http.", Remedy: "Use https, and make a new secret: this one travelled in the clear."},
		{Status: http.StatusNotFound, Code: "payment_not_found", Meaning: "There is no payment with this id, or it is another operator's.", Remedy: "Check the id."},
		{Status: http.StatusNotFound, Code: "not_found", Meaning: "There is nothing at this address.", Remedy: "Check the path."},
		{Status: http.StatusMethodNotAllowed, Code: "method_not_allowed", Meaning: "The address answers to another method.", Remedy: "Check the method."},
		{Status: http.StatusConflict, Code: "payment_already_paid", Meaning: "The payment has ended as PAID.", Remedy: "Read the payment."},
		{Status: http.StatusConflict, Code: "payment_already_expired", Meaning: "The payment has ended as EXPIRED.", Remedy: "Read the payment."},
		{Status: http.StatusConflict, Code: "payment_already_rejected", Meaning: "The payment has ended as REJECTED.", Remedy: "Read the payment."},
		{Status: http.StatusConflict, Code: "payment_not_acceptable", Meaning: "Nothing came for the payment that could be accepted.", Remedy: "Create a new payment."},
		{Status: http.StatusConflict, Code: "payment_still_open", Meaning: "Only an expired payment can be accepted, and this one is open.", Remedy: "Wait for its end."},
		{Status: http.StatusRequestEntityTooLarge, Code: "body_too_large", Meaning: "The body is larger than 64 KiB.", Remedy: "Send less."},
		{Status: http.StatusUnsupportedMediaType, Code: "unsupported_media_type", Meaning: "The Content-Type is not application/json in UTF-8, or the body is compressed.", Remedy: "Send plain application/json."},
		{Status: http.StatusUnprocessableEntity, Code: "idempotency_mismatch", Meaning: "The Idempotency-Key was used for another payment.", Remedy: "Use a new key for a new payment."},
		{Status: http.StatusInternalServerError, Code: "internal_error", Meaning: "Something went wrong in the gateway.", Remedy: "If it stays, tell the admin the requestId.", IsRepeatable: true},
		{Status: http.StatusServiceUnavailable, Code: "database_unavailable", Meaning: "The database does not answer.", Remedy: "Wait for Retry-After.", IsRepeatable: true},
		{Status: http.StatusServiceUnavailable, Code: "engine_unavailable", Meaning: "The workflow engine does not answer.", Remedy: "Wait for Retry-After.", IsRepeatable: true},
		{Status: http.StatusServiceUnavailable, Code: "decision_pending", Meaning: "The decision was handed over and is not carried out yet.", Remedy: "Read the payment after Retry-After; do not decide again."},
	}
}
