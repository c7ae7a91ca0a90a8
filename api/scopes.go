package api

import (
	"net/http"

	"paycow/models"
)

// scopeOfCall is the scope that an API key needs for each call of the operator API. A call that is not listed is
// refused to every key. The OpenAPI document names the same scopes; a test compares them.
var scopeOfCall = map[string]models.Scope{
	http.MethodPost + " " + createPath:                  models.ScopePaymentsWrite,
	http.MethodGet + " /api/payment/:id":                models.ScopePaymentsRead,
	http.MethodPost + " /api/payment/:id/reject":        models.ScopePaymentsWrite,
	http.MethodPost + " /api/payment/:id/accept":        models.ScopePaymentsWrite,
	http.MethodGet + " /api/payments":                   models.ScopePaymentsRead,
	http.MethodGet + " /api/balance":                    models.ScopePaymentsRead,
	http.MethodGet + " /api/ledger":                     models.ScopePaymentsRead,
	http.MethodGet + " /api/events":                     models.ScopePaymentsRead,
	http.MethodGet + " /api/payment-links":              models.ScopePaymentsRead,
	http.MethodPost + " /api/payment-links":             models.ScopePaymentsWrite,
	http.MethodGet + " /api/payment-links/:id":          models.ScopePaymentsRead,
	http.MethodPost + " /api/payment-links/:id/disable": models.ScopePaymentsWrite,
	http.MethodGet + " /api/keys":                       models.ScopeKeysWrite,
	http.MethodPost + " /api/keys":                      models.ScopeKeysWrite,
	http.MethodDelete + " " + keyPath:                   models.ScopeKeysWrite,

	http.MethodGet + " /api/webhook-endpoints":                       models.ScopePaymentsRead,
	http.MethodPost + " /api/webhook-endpoints":                      models.ScopeWebhooksWrite,
	http.MethodGet + " /api/webhook-endpoints/:id":                   models.ScopePaymentsRead,
	http.MethodPatch + " /api/webhook-endpoints/:id":                 models.ScopeWebhooksWrite,
	http.MethodDelete + " /api/webhook-endpoints/:id":                models.ScopeWebhooksWrite,
	http.MethodPost + " /api/webhook-endpoints/:id/rotate-secret":    models.ScopeWebhooksWrite,
	http.MethodPost + " /api/webhook-endpoints/:id/test":             models.ScopeWebhooksWrite,
	http.MethodPost + " /api/webhook-endpoints/:id/redeliver-failed": models.ScopeWebhooksWrite,
	http.MethodGet + " /api/webhook-deliveries":                      models.ScopePaymentsRead,
	http.MethodGet + " /api/webhook-deliveries/:id":                  models.ScopePaymentsRead,
	http.MethodPost + " /api/webhook-deliveries/:id/redeliver":       models.ScopeWebhooksWrite,
}

// checkScope returns a 403 unless the API key has the scope of the call, given as method and route.
func checkScope(key models.Credential, call string) error {
	scope := scopeOfCall[call]
	if key.Allows(scope) {
		return nil
	}
	return &failure{
		status: http.StatusForbidden, code: "missing_scope",
		msg: "This API key does not have the scope " + string(scope) + ".",
	}
}
