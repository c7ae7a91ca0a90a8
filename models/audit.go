package models

import (
	"strings"
	"time"
)

// AuditEntry is one line of the audit log, the append-only record of who did what.
type AuditEntry struct {
	ID      int64 `gorm:"primaryKey"`
	At      time.Time
	Actor   string // "system", "unknown", "cli", "temporal", "admin:<e-mail>", "member:<e-mail>" or "operator:<id>"
	Action  string // one of AuditActions
	Subject string // what was acted on: "payment:<id>", "alarm:<id>", "token"
	Detail  string // one sentence
	Address string // the actor's network address; "" for the program itself and its command line
}

// The actors that are not accounts: the program itself, whoever runs its commands, and whoever signals a workflow by
// hand. Who fails to log in is not known.
const (
	ActorSystem   = "system"
	ActorUnknown  = "unknown"
	ActorCLI      = "cli"
	ActorTemporal = "temporal"
)

// ActorName says who an actor is that is not an operator, in the words of the audit log.
func ActorName(actor string) string {
	switch actor {
	case ActorSystem:
		return "PayCow"
	case ActorUnknown:
		return "Unknown"
	case ActorCLI:
		return "Command line"
	case ActorTemporal:
		return "Temporal, by hand"
	}
	return strings.TrimPrefix(strings.TrimPrefix(actor, string(RoleAdmin)+":"), string(RoleMember)+":")
}

// AuditAction is an action of the audit log with its words.
type AuditAction struct{ Name, Text string }

// AuditActions returns every action of the audit log, in the order of their words.
func AuditActions() []AuditAction {
	return []AuditAction{
		{"account_unlocked", "Account unlocked"},
		{"addresses_recovered", "Addresses recovered after a restore"},
		{"admin_created", "Admin created"},
		{"admin_disabled", "Admin disabled"},
		{"admin_enabled", "Admin enabled"},
		{"alarm_raised", "Alarm raised"},
		{"alarm_resolved", "Alarm resolved"},
		{"keys_revoked", "All API keys revoked"},
		{"key_created", "API key created"},
		{"key_revoked", "API key revoked"},
		{"credential_rotated", "API key rotated"},
		{"secret_revealed", "API secret shown"},
		{"registration_deleted", "Application deleted"},
		{"operator_registered", "Application received"},
		{"operator_registered_again", "Application repeated"},
		{"confirmations_set", "Confirmations by amount changed"},
		{"credit_reversed", "Credit reversed after a reorg"},
		{"internal_movement", "Internal transfer left uncredited"},
		{"invitation_limited", "Invitation blocked: too many from an operator"},
		{"logged_in", "Logged in"},
		{"login_limited", "Login blocked: too many attempts for an account"},
		{"address_limited", "Login blocked: too many attempts from an address"},
		{"login_failed", "Login failed"},
		{"logo_changed", "Logo changed"},
		{"logo_removed", "Logo removed"},
		{"notifications_changed", "Notifications changed"},
		{"operator_approved", "Operator approved"},
		{"operator_created", "Operator created"},
		{"operator_limits_set", "Operator limits changed"},
		{"operator_reactivated", "Operator reactivated"},
		{"operator_rejected", "Operator rejected"},
		{"operator_suspended", "Operator suspended"},
		{"password_changed", "Password changed"},
		{"password_link_made", "Password link created"},
		{"password_set_by_link", "Password set with a link"},
		{"payment_accepted", "Payment accepted"},
		{"payment_link_created", "Payment link created"},
		{"payment_link_disabled", "Payment link disabled"},
		{"payment_rejected", "Payment rejected"},
		{"recovery_code_used", "Recovery code used"},
		{"recovery_codes_replaced", "Recovery codes replaced"},
		{"registration_limited", "Registration blocked: too many from an address"},
		{"sessions_ended", "Sessions ended"},
		{"settings_changed", "Settings changed"},
		{"member_invited", "Team member invited"},
		{"member_removed", "Team member removed"},
		{"member_role_changed", "Team member’s role changed"},
		{"token_event", "Token event"},
		{"token_event_disproved", "Token event disproved"},
		{"token_followed", "Token upgrade followed"},
		{"tolerance_set", "Tolerance changed"},
		{"transfer_disproved", "Transfer disproved"},
		{"treasury_added", "Treasury address added"},
		{"totp_removed", "Two-step login removed by an admin"},
		{"totp_disabled", "Two-step login turned off"},
		{"totp_enabled", "Two-step login turned on"},
		{"xpub_added", "Wallet account key added"},
		{"webhook_endpoint_changed", "Webhook endpoint changed"},
		{"webhook_endpoint_created", "Webhook endpoint created"},
		{"webhook_endpoint_deleted", "Webhook endpoint deleted"},
		{"webhook_endpoint_disabled", "Webhook endpoint disabled"},
		{"webhook_secret_rotated", "Webhook secret rotated"},
		{"webhook_secret_revealed", "Webhook secret shown"},
	}
}

// AuditText returns the words for an action of the audit log.
func AuditText(action string) string {
	for _, known := range AuditActions() {
		if known.Name == action {
			return known.Text
		}
	}
	return strings.ReplaceAll(action, "_", " ") // of a version before or after this one
}
