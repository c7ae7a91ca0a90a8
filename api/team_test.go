package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/internal/secrets"
	"paycow/models"
	"paycow/store"
)

const memberPassword = "a member's own password"

// invited is what inviting a member answers.
type invited struct {
	Member memberView `json:"member"`
	Link   memberLink `json:"link"`
}

// invite lets an owner invite somebody.
func (v *visitor) invite(email string, role models.MemberRole) invited {
	v.Helper()
	return parse[invited](v.TB, v.must(http.StatusCreated, http.MethodPost, "/api/team", fieldsOf{
		"email": email, "role": role, "password": goodPassword,
	}).body)
}

func tokenOfLink(link memberLink) string {
	_, token, _ := strings.Cut(*link.URL, "#")
	return token
}

// joined invites somebody, who sets a password and logs in.
func (v *visitor) joined(email string, role models.MemberRole) (member *visitor, id string) {
	v.Helper()
	made := v.invite(email, role)
	member = v.visitor()
	member.must(http.StatusOK, http.MethodPost, "/api/account/password", fieldsOf{
		"token": tokenOfLink(made.Link), "newPassword": memberPassword,
	})
	member.logIn(email)
	return member, made.Member.ID
}

func (v *visitor) logIn(email string) {
	v.Helper()
	v.must(http.StatusOK, http.MethodPost, "/api/operator/login", fieldsOf{"email": email, "password": memberPassword})
}

// sessionRoutes returns the calls that a session of an operator can make, as method and route.
func (f *fixture) sessionRoutes() (routes []string) {
	for _, route := range f.server.router.Routes() {
		call := route.Method + " " + route.Path
		_, isOperators := scopeOfCall[call]
		isDashboards := strings.HasPrefix(route.Path, "/api/operator/") || strings.HasPrefix(route.Path, "/api/team") ||
			call == "POST /api/webhook-endpoints/:id/secret"
		isOpen := slices.Contains([]string{"/api/operator/login", "/api/operator/logout", "/api/operator/register"}, route.Path)
		if (isOperators || isDashboards) && !isOpen {
			routes = append(routes, call)
		}
	}
	return routes
}

// Each role may make the calls of the table and no other: a call that the table does not name is the owner's.
func TestEveryCallOfEveryRole(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	owner := f.approved(newEmail)
	reads := []string{
		"GET /api/payment/:id", "GET /api/payments", "GET /api/balance", "GET /api/ledger", "GET /api/events",
		"GET /api/payment-links", "GET /api/payment-links/:id", "GET /api/operator/me", "GET /api/operator/stats", "GET /api/operator/sessions",
	}
	ownLogin := []string{
		"POST /api/operator/password", "POST /api/operator/totp/start", "POST /api/operator/totp/enable",
		"POST /api/operator/totp/disable", "POST /api/operator/totp/recovery-codes", "POST /api/operator/sessions/end",
	}
	routes := f.sessionRoutes()
	require.Greater(t, len(routes), 40)
	for call := range rolesOfCall {
		require.Contains(t, routes, call, "the table names a call that no session can make")
	}
	for _, role := range models.MemberRoles() {
		member, _ := owner.joined(string(role)+"@example.org", role)
		for _, call := range routes {
			method, path, _ := strings.Cut(call, " ")
			isKeysOrWebhooks := strings.HasPrefix(path, "/api/keys") || strings.HasPrefix(path, "/api/webhook-") ||
				strings.HasPrefix(path, "/api/operator/credentials/")
			isAllowed := slices.Contains(reads, call) || slices.Contains(ownLogin, call) ||
				role == models.MemberDeveloper && isKeysOrWebhooks
			got := member.route(method + " " + strings.ReplaceAll(path, ":id", models.NewID()))
			if isAllowed {
				require.NotContains(t, got.body, "role_not_allowed", "%s: %s", role, call)
				continue
			}
			require.Equal(t, http.StatusForbidden, got.status, "%s: %s: %s", role, call, got.body)
			require.Equal(t, "role_not_allowed", parse[errorBody](t, got.body).Code, "%s: %s", role, call)
		}
		for _, route := range f.routesUnder("/api/admin/") {
			got := member.route(route)
			require.Equal(t, http.StatusForbidden, got.status, "%s: %s", role, route)
			require.Equal(t, "admins_only", parse[errorBody](t, got.body).Code, route)
		}
	}
	require.Error(t, checkRole(models.Account{Role: models.RoleMember, MemberRole: models.MemberDeveloper}, "GET /api/new"))
	require.Error(t, checkRole(models.Account{Role: models.RoleMember}, "GET /api/payments"))
	require.NoError(t, checkRole(models.Account{Role: models.RoleOperator, MemberRole: models.MemberOwner}, "GET /api/new"))
}

// No API key makes a call about the team, whatever its scopes.
func TestNoKeyReachesTheTeam(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	got := f.call(f.account, http.MethodGet, "/api/team", "")
	require.Equal(t, http.StatusUnauthorized, got.status, got.body)
	got = f.call(f.account, http.MethodPost, "/api/team", `{"email":"a@example.org","role":"developer","password":"x"}`)
	require.Equal(t, http.StatusUnauthorized, got.status, got.body)
}

// An accountant sees the operator's payments and no other's, and no key.
func TestWhatAMemberSees(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	owner := f.approved(newEmail)
	payment, others := owner.order(), f.payment(f.account)
	member, _ := owner.joined("books@example.org", models.MemberAccountant)
	me := parse[meView](t, member.must(http.StatusOK, http.MethodGet, "/api/operator/me", nil).body)
	require.Equal(t, owner.me().ID, me.ID)
	require.Equal(t, "books@example.org", me.Email)
	require.Equal(t, models.MemberAccountant, me.Role)
	require.Nil(t, me.APIKey)
	require.Equal(t, models.MemberOwner, owner.me().Role)
	require.NotNil(t, owner.me().APIKey)
	list := member.must(http.StatusOK, http.MethodGet, "/api/payments", nil).body
	require.Contains(t, list, payment.ID)
	require.NotContains(t, list, others.ID)
	member.must(http.StatusOK, http.MethodGet, "/api/payment/"+payment.ID, nil)
	member.must(http.StatusNotFound, http.MethodGet, "/api/payment/"+others.ID, nil)
	require.Equal(t, http.StatusOK, member.upload(http.MethodGet, "/api/payments", nil, "Accept", "text/csv").status)
	member.must(http.StatusForbidden, http.MethodPost, "/api/payment/"+payment.ID+"/reject", fieldsOf{"reason": "x"})
	require.Equal(t, models.StatusPending, f.row(payment.ID).Status)
}

// A developer's keys belong to the operator, and the audit log names the person.
func TestTheAuditLogNamesMembers(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	owner := f.approved(newEmail)
	developer, id := owner.joined("code@example.org", models.MemberDeveloper)
	operatorID := owner.me().ID
	confirmed := fieldsOf{"password": memberPassword}
	developer.must(http.StatusCreated, http.MethodPost, "/api/keys", fieldsOf{"name": "Shop", "password": memberPassword})
	developer.must(http.StatusForbidden, http.MethodPost, "/api/keys", fieldsOf{"name": "Shop 2", "password": goodPassword})
	require.Contains(t, owner.must(http.StatusOK, http.MethodGet, "/api/keys", nil).body, `"Shop"`)
	developer.must(http.StatusOK, http.MethodPost, "/api/operator/credentials/reveal", confirmed)
	endpoint := parse[newEndpointView](t, developer.must(http.StatusCreated, http.MethodPost, "/api/webhook-endpoints",
		fieldsOf{"url": "https://shop.example/"}).body)
	developer.must(http.StatusOK, http.MethodPost, "/api/webhook-endpoints/"+endpoint.ID+"/secret", confirmed)

	admin := f.admin("admin@example.org")
	read := func(query string) (actions []string) {
		for _, e := range parse[auditPage](t, admin.must(http.StatusOK, http.MethodGet, "/api/admin/audit?limit=200&"+query, nil).body).Entries {
			require.NotEmpty(t, e.ActorType)
			if e.ActorType == "member" {
				require.Equal(t, "code@example.org", *e.ActorName)
			}
			actions = append(actions, e.Action)
		}
		return actions
	}
	byDeveloper := []string{
		"webhook_secret_revealed", "webhook_endpoint_created", "secret_revealed", "key_created", "logged_in", "password_set_by_link",
	}
	require.Equal(t, byDeveloper, read("actor=code@example.org"))
	for _, action := range append(byDeveloper, "member_invited") {
		require.Contains(t, read("subject="+newEmail), action, "the operator's lines hold those of its team")
	}
	entries, _, err := f.store.ListAudit(t.Context(), store.AuditFilter{Action: "key_created"})
	require.NoError(t, err)
	require.Equal(t, "operator:"+operatorID, entries[0].Subject)
	require.Contains(t, f.log.String(), "actor=member:code@example.org")

	owner.must(http.StatusNoContent, http.MethodDelete, "/api/team/"+id, nil)
	require.Equal(t, byDeveloper, read("actor=code@example.org"), "after the removal too")
}

// A link works once and for a day. Another one replaces it.
func TestInvitations(t *testing.T) {
	t.Parallel()
	now := time.Now().UTC().Truncate(time.Millisecond)
	var mails []string
	var mailErr error
	f := setup(t, withKey, func(c *Config) {
		c.Mail = func(_ context.Context, to, subject, text string) error {
			mails = append(mails, to+"|"+subject+"|"+text)
			return mailErr
		}
	})
	owner := f.approved(newEmail)
	mails = nil
	f.server.Clock = func() time.Time { return now }
	accept := func(status int, link memberLink) {
		t.Helper()
		f.visitor().must(status, http.MethodPost, "/api/account/password", fieldsOf{
			"token": tokenOfLink(link), "newPassword": memberPassword,
		})
	}
	// mailed puts the link in its mail into an answer that must not hold it.
	mailed := func(got invited) invited {
		t.Helper()
		require.Nil(t, got.Link.URL, "an owner must not act as a member, nor take another person's address")
		url := regexp.MustCompile(`https?://\S+`).FindString(mails[len(mails)-1])
		require.NotEmpty(t, url)
		got.Link.URL = &url
		return got
	}
	first := mailed(owner.invite("Books@Example.org", models.MemberAccountant))
	require.Equal(t, memberInvited, first.Member.Status)
	require.NotNil(t, first.Member.InvitedUntil)
	require.Equal(t, "books@example.org", *first.Link.MailedTo)
	require.Len(t, mails, 1)
	require.NotContains(t, f.log.String()+owner.must(http.StatusOK, http.MethodGet, "/api/team", nil).body, tokenOfLink(first.Link))
	f.visitor().must(http.StatusUnauthorized, http.MethodPost, "/api/operator/login", fieldsOf{
		"email": "books@example.org", "password": memberPassword,
	})
	again := fieldsOf{"email": "books@example.org", "role": "developer", "password": goodPassword}
	require.Equal(t, "email_taken", parse[errorBody](t, owner.must(http.StatusConflict, http.MethodPost, "/api/team", again).body).Code)
	again["email"] = newEmail
	require.Equal(t, "email_taken", parse[errorBody](t, owner.must(http.StatusConflict, http.MethodPost, "/api/team", again).body).Code)

	mailErr = errors.New("no server")
	path := "/api/team/" + first.Member.ID
	second := mailed(parse[invited](t, owner.must(http.StatusOK, http.MethodPost, path+"/link", fieldsOf{"password": goodPassword}).body))
	require.Nil(t, second.Link.MailedTo)
	require.NotEmpty(t, *second.Link.MailProblem)
	accept(http.StatusForbidden, first.Link)
	accept(http.StatusOK, second.Link)
	accept(http.StatusForbidden, second.Link)
	member := f.visitor()
	member.logIn("books@example.org")
	team := parse[struct{ Members []memberView }](t, owner.must(http.StatusOK, http.MethodGet, "/api/team", nil).body).Members
	require.Len(t, team, 1)
	require.Equal(t, memberActive, team[0].Status)
	require.Nil(t, team[0].InvitedUntil)

	third := mailed(parse[invited](t, owner.must(http.StatusOK, http.MethodPost, path+"/link", fieldsOf{"password": goodPassword}).body))
	f.exec("UPDATE password_links SET expires_at = ?", time.Now().UTC().Add(-time.Minute))
	accept(http.StatusForbidden, third.Link)
	member.must(http.StatusOK, http.MethodGet, "/api/payments", nil)
	owner.must(http.StatusBadRequest, http.MethodPost, "/api/team", fieldsOf{
		"email": "x@example.org", "role": "owner", "password": goodPassword,
	})
}

// The owner confirms with the password and the code. Links are limited, as they go to any address.
func TestTeamChangesAreConfirmedAndLimited(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey, stoppedClock)
	owner := f.approved(newEmail)
	wanted := fieldsOf{"email": "books@example.org", "role": "accountant"}
	owner.must(http.StatusBadRequest, http.MethodPost, "/api/team", wanted)
	wanted["password"] = "wrong"
	owner.must(http.StatusForbidden, http.MethodPost, "/api/team", wanted)
	_, id := owner.joined("code@example.org", models.MemberDeveloper)
	owner.must(http.StatusForbidden, http.MethodPatch, "/api/team/"+id, fieldsOf{"role": "accountant", "password": "wrong"})
	owner.must(http.StatusForbidden, http.MethodPost, "/api/team/"+id+"/link", fieldsOf{"password": "wrong"})
	for i := range maxInvitations - 1 {
		owner.invite(fmt.Sprintf("m%d@example.org", i), models.MemberAccountant)
	}
	wanted["password"] = goodPassword
	got := owner.must(http.StatusTooManyRequests, http.MethodPost, "/api/team", wanted)
	require.NotEmpty(t, got.header.Get("Retry-After"))
	owner.must(http.StatusTooManyRequests, http.MethodPost, "/api/team/"+id+"/link", fieldsOf{"password": goodPassword})
	limited, _, err := f.store.ListAudit(t.Context(), store.AuditFilter{Action: invitationLimited})
	require.NoError(t, err)
	require.Len(t, limited, 1)
	require.Equal(t, "operator:"+owner.me().ID, limited[0].Subject)

	offer := parse[map[string]string](t, owner.must(http.StatusOK, http.MethodPost, "/api/operator/totp/start",
		fieldsOf{"password": goodPassword}).body)
	code, err := secrets.TOTPCode(offer["secret"], secrets.TOTPStep(f.server.Clock()))
	require.NoError(t, err)
	owner.must(http.StatusNoContent, http.MethodPost, "/api/operator/totp/enable", fieldsOf{"code": code})
	got = owner.must(http.StatusBadRequest, http.MethodPatch, "/api/team/"+id, fieldsOf{"role": "accountant", "password": goodPassword})
	require.Equal(t, "code", parse[errorBody](t, got.body).Field)
}

// A change of the role, a removal by the owner or an admin, and a suspension take effect at the next request.
func TestMembersLoseTheirSessions(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	owner, admin := f.approved(newEmail), f.admin("admin@example.org")
	other := f.approved("other@example.org")
	member, id := owner.joined("code@example.org", models.MemberDeveloper)
	member.must(http.StatusOK, http.MethodGet, "/api/keys", nil)
	change := fieldsOf{"role": "accountant", "password": goodPassword}
	other.must(http.StatusNotFound, http.MethodPatch, "/api/team/"+id, change)
	other.must(http.StatusNotFound, http.MethodDelete, "/api/team/"+id, nil)
	other.must(http.StatusNotFound, http.MethodPost, "/api/team/"+id+"/link", fieldsOf{"password": goodPassword})
	member.must(http.StatusOK, http.MethodGet, "/api/keys", nil) // the role and the session are as they were
	owner.must(http.StatusOK, http.MethodPatch, "/api/team/"+id, change)
	member.must(http.StatusUnauthorized, http.MethodGet, "/api/payments", nil)
	member.logIn("code@example.org")
	member.must(http.StatusForbidden, http.MethodGet, "/api/keys", nil)

	operatorID := owner.me().ID
	admin.must(http.StatusOK, http.MethodPost, "/api/admin/operators/"+operatorID+"/suspend", fieldsOf{"reason": "x"})
	member.must(http.StatusUnauthorized, http.MethodGet, "/api/payments", nil)
	member.logIn("code@example.org")
	member.must(http.StatusOK, http.MethodGet, "/api/payments", nil)
	owner.must(http.StatusOK, http.MethodPost, "/api/operator/login", fieldsOf{"email": newEmail, "password": goodPassword})
	owner.must(http.StatusForbidden, http.MethodPatch, "/api/team/"+id, change)
	owner.must(http.StatusNotFound, http.MethodDelete, "/api/team/"+operatorID, nil)

	list := admin.must(http.StatusOK, http.MethodGet, "/api/admin/operators/"+operatorID+"/members", nil).body
	require.Contains(t, list, "code@example.org")
	remove := "/api/admin/operators/" + operatorID + "/members/" + id + "/remove"
	admin.must(http.StatusForbidden, http.MethodPost, remove, fieldsOf{"password": "wrong"})
	admin.must(http.StatusNotFound, http.MethodPost,
		"/api/admin/operators/"+other.me().ID+"/members/"+id+"/remove", fieldsOf{"password": goodPassword})
	admin.must(http.StatusOK, http.MethodPost, remove, fieldsOf{"password": goodPassword})
	member.must(http.StatusUnauthorized, http.MethodGet, "/api/payments", nil)
	member.must(http.StatusUnauthorized, http.MethodPost, "/api/operator/login", fieldsOf{
		"email": "code@example.org", "password": memberPassword,
	})
	admin.must(http.StatusNotFound, http.MethodPost, remove, fieldsOf{"password": goodPassword})
}

// Whoever has a member's session and changes one row gets no other role, operator or account.
func TestOneAlteredRowOpensNothing(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	owner, other := f.approved(newEmail), f.approved("other@example.org")
	member, id := owner.joined("books@example.org", models.MemberAccountant)
	for _, forged := range []struct{ statement, back string }{
		{"UPDATE members SET role = 'developer' WHERE id = ?", "UPDATE members SET role = 'accountant' WHERE id = ?"},
		{
			"UPDATE members SET operator_id = '" + other.me().ID + "' WHERE id = ?",
			"UPDATE members SET operator_id = '" + owner.me().ID + "' WHERE id = ?",
		},
		{
			"UPDATE sessions SET role = 'operator', account_id = '" + owner.me().ID + "' WHERE role = 'member' AND account_id = ?",
			"UPDATE sessions SET role = 'member', account_id = ? WHERE mac = (SELECT mac FROM sessions ORDER BY created_at DESC LIMIT 1)",
		},
	} {
		f.exec(forged.statement, id)
		member.must(http.StatusUnauthorized, http.MethodGet, "/api/payments", nil)
		f.exec(forged.back, id)
		member.must(http.StatusOK, http.MethodGet, "/api/payments", nil)
	}
}

// A member has a second factor, recovery codes, sessions and a password of its own. The owner's stay as they are.
func TestAMembersOwnLogin(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey, stoppedClock)
	owner := f.approved(newEmail)
	member, _ := owner.joined("books@example.org", models.MemberAccountant)
	offer := parse[map[string]string](t, member.must(http.StatusOK, http.MethodPost, "/api/operator/totp/start",
		fieldsOf{"password": memberPassword}).body)
	code, err := secrets.TOTPCode(offer["secret"], secrets.TOTPStep(f.server.Clock()))
	require.NoError(t, err)
	codes := parse[map[string][]string](t, member.must(http.StatusOK, http.MethodPost, "/api/operator/totp/enable",
		fieldsOf{"code": code, "recoveryCodes": true}).body)["recoveryCodes"]
	require.False(t, owner.me().TOTPEnabled)
	login := fieldsOf{"email": "books@example.org", "password": memberPassword}
	again := f.visitor()
	got := again.must(http.StatusUnauthorized, http.MethodPost, "/api/operator/login", login)
	require.Equal(t, "totp_required", parse[errorBody](t, got.body).Code)
	login["code"] = codes[0]
	again.must(http.StatusOK, http.MethodPost, "/api/operator/login", login)
	f.visitor().must(http.StatusUnauthorized, http.MethodPost, "/api/operator/login", login)
	require.Equal(t, 9, again.me().RecoveryCodesLeft)
	sessions := parse[struct{ Sessions []sessionView }](t, again.must(http.StatusOK, http.MethodGet, "/api/operator/sessions", nil).body)
	require.Len(t, sessions.Sessions, 2)
	again.must(http.StatusNoContent, http.MethodPost, "/api/operator/password", fieldsOf{
		"currentPassword": memberPassword, "newPassword": "another long password",
	})
	member.must(http.StatusUnauthorized, http.MethodGet, "/api/operator/me", nil)
	owner.must(http.StatusOK, http.MethodGet, "/api/operator/me", nil)
	for range maxAttemptsPerAccount + 1 {
		got = f.visitor().do(http.MethodPost, "/api/operator/login", fieldsOf{"email": "books@example.org", "password": "wrong"})
	}
	require.Equal(t, http.StatusTooManyRequests, got.status, got.body)
	f.visitor().must(http.StatusOK, http.MethodPost, "/api/operator/login", fieldsOf{"email": newEmail, "password": goodPassword})
	account, err := f.store.AccountByEmail(t.Context(), models.RoleOperator, "books@example.org")
	require.NoError(t, err)
	require.NoError(t, f.store.Unlock(t.Context(), AccountCounters(account), models.AuditEntry{Actor: "test", Action: "test"}))
	got = f.visitor().do(http.MethodPost, "/api/operator/login", fieldsOf{"email": "books@example.org", "password": "wrong"})
	require.Equal(t, http.StatusUnauthorized, got.status, "an admin's command unlocks members, too")
}
