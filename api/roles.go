package api

import (
	"net/http"
	"slices"

	"paycow/models"
)

// Who beside the owner may make a call.
var (
	everyMember = []models.MemberRole{models.MemberDeveloper, models.MemberAccountant}
	developers  = []models.MemberRole{models.MemberDeveloper}
)

// rolesOfCall are the roles of members that may make each call with a session. A call that is not listed is for the
// owner alone. What the owner may not do either, such as while the operator is suspended, is refused elsewhere.
var rolesOfCall = map[string][]models.MemberRole{
	http.MethodGet + " /api/payment/:id": everyMember,
	http.MethodGet + " /api/payments":    everyMember,
	http.MethodGet + " /api/balance":     everyMember,
	http.MethodGet + " /api/ledger":      everyMember,
	http.MethodGet + " /api/events":      everyMember,

	http.MethodGet + " /api/payment-links":     everyMember,
	http.MethodGet + " /api/payment-links/:id": everyMember,

	http.MethodGet + " /api/operator/me":    everyMember,
	http.MethodGet + " /api/operator/stats": everyMember,

	// The person's own login.
	http.MethodPost + " /api/operator/password":            everyMember,
	http.MethodPost + " /api/operator/totp/start":          everyMember,
	http.MethodPost + " /api/operator/totp/enable":         everyMember,
	http.MethodPost + " /api/operator/totp/disable":        everyMember,
	http.MethodPost + " /api/operator/totp/recovery-codes": everyMember,
	http.MethodGet + " /api/operator/sessions":             everyMember,
	http.MethodPost + " /api/operator/sessions/end":        everyMember,

	http.MethodGet + " /api/keys":                         developers,
	http.MethodPost + " /api/keys":                        developers,
	http.MethodDelete + " " + keyPath:                     developers,
	http.MethodPost + " /api/operator/credentials/reveal": developers,
	http.MethodPost + " /api/operator/credentials/rotate": developers,

	http.MethodGet + " /api/webhook-endpoints":                       developers,
	http.MethodPost + " /api/webhook-endpoints":                      developers,
	http.MethodGet + " /api/webhook-endpoints/:id":                   developers,
	http.MethodPatch + " /api/webhook-endpoints/:id":                 developers,
	http.MethodDelete + " /api/webhook-endpoints/:id":                developers,
	http.MethodPost + " /api/webhook-endpoints/:id/secret":           developers,
	http.MethodPost + " /api/webhook-endpoints/:id/rotate-secret":    developers,
	http.MethodPost + " /api/webhook-endpoints/:id/test":             developers,
	http.MethodPost + " /api/webhook-endpoints/:id/redeliver-failed": developers,
	http.MethodGet + " /api/webhook-deliveries":                      developers,
	http.MethodGet + " /api/webhook-deliveries/:id":                  developers,
	http.MethodPost + " /api/webhook-deliveries/:id/redeliver":       developers,
}

var errRoleNotAllowed = &failure{
	status: http.StatusForbidden, code: "role_not_allowed", msg: "Your role in the team does not allow this.",
}

// checkRole returns a 403 unless the person acts for an operator and its role may make the call, given as method and
// route.
func checkRole(account models.Account, call string) error {
	switch {
	case account.Role != models.RoleOperator && account.Role != models.RoleMember:
		return errOperators
	case account.MemberRole == models.MemberOwner || slices.Contains(rolesOfCall[call], account.MemberRole):
		return nil
	}
	return errRoleNotAllowed
}
