package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
	"paycow/store"
)

// apply registers an operator and returns its id.
func (f *fixture) apply(email, name string) string {
	f.Helper()
	f.visitor().must(http.StatusAccepted, http.MethodPost, "/api/operator/register", fieldsOf{
		"email": email, "password": goodPassword, "name": name,
	})
	operator, err := f.store.OperatorByEmail(f.Context(), email)
	require.NoError(f, err)
	return operator.ID
}

func (f *fixture) login(email, password string) answer {
	f.Helper()
	return f.visitor().do(http.MethodPost, "/api/operator/login", fieldsOf{"email": email, "password": password})
}

// tokenOf returns what the fragment of a link holds.
func tokenOf(t *testing.T, link string) string {
	t.Helper()
	_, token, ok := strings.Cut(link, "/password.html#")
	require.True(t, ok, link)
	return token
}

// Registering and then logging in tells nobody whether an address has an account: neither works before the link.
func TestRegisteringAndLoggingInTellsNothing(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	f.registered("taken@example.org")
	var bodies [][]map[string]any
	for _, email := range []string{"taken@example.org", "free@example.org"} {
		registered := f.visitor().must(http.StatusAccepted, http.MethodPost, "/api/operator/register", fieldsOf{
			"email": email, "password": "a password of the guesser", "name": "Guess",
		})
		got := f.login(email, "a password of the guesser")
		require.Equal(t, http.StatusUnauthorized, got.status)
		bodies = append(bodies, []map[string]any{withoutRequestID(t, registered.body), withoutRequestID(t, got.body)})
	}
	require.Equal(t, bodies[0], bodies[1])
	require.Equal(t, http.StatusOK, f.login("taken@example.org", goodPassword).status, "the owner is not affected")
}

// Whoever registers an address first does not keep its owner out, and does not get in with a password of their own.
func TestAnAddressCannotBeSquatted(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	admin := f.admin("admin@example.org")
	id := f.apply(newEmail, "Squatter")
	require.Equal(t, id, f.apply(newEmail, "The owner's shop"), "the newest application counts")
	operator, err := f.store.Operator(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, "The owner's shop", operator.Name)
	require.Nil(t, operator.EmailVerifiedAt)
	listed := admin.must(http.StatusOK, http.MethodGet, "/api/admin/operators?status=PENDING", nil).body
	require.Contains(t, listed, `"emailVerified":false`)

	// A rejection of the squatter does not keep the owner out either, and the application can be deleted.
	admin.must(http.StatusOK, http.MethodPost, "/api/admin/operators/"+id+"/reject", fieldsOf{"reason": "unknown"})
	require.Equal(t, id, f.apply(newEmail, "The owner's shop"))
	admin.must(http.StatusNoContent, http.MethodPost, "/api/admin/operators/"+id+"/delete", fieldsOf{})
	next := f.apply(newEmail, "The owner's shop")
	require.NotEqual(t, id, next)

	seen := parse[struct{ Operators []adminOperatorView }](t, admin.must(http.StatusOK, http.MethodGet, "/api/admin/operators?status=PENDING", nil).body)
	require.Len(t, seen.Operators, 1)
	approval := fieldsOf{"createdAt": seen.Operators[0].CreatedAt}
	time.Sleep(2 * time.Millisecond)
	f.apply(newEmail, "The owner's shop")
	admin.must(http.StatusConflict, http.MethodPost, "/api/admin/operators/"+next+"/approve", approval)
	approved := parse[approvalLink](t, admin.must(http.StatusOK, http.MethodPost, "/api/admin/operators/"+next+"/approve", fieldsOf{}).body)
	require.Nil(t, approved.MailedTo)
	require.NotNil(t, approved.URL, "without a mail server the admin passes the link on")
	f.apply(newEmail, "Squatter again")
	operator, err = f.store.Operator(t.Context(), next)
	require.NoError(t, err)
	require.Equal(t, models.OperatorActive, operator.Status)
	require.Equal(t, "The owner's shop", operator.Name, "an approved account is left alone")
	require.Equal(t, http.StatusUnauthorized, f.login(newEmail, goodPassword).status, "with the password of an application")

	verified := f.registered("verified@example.org")
	f.apply("verified@example.org", "Squatter")
	require.Equal(t, "Shop", verified.me().Name, "whose owner was there already, although nobody has approved it yet")

	use := func(token string) answer {
		return f.visitor().do(http.MethodPost, "/api/account/password", fieldsOf{"token": token, "newPassword": "what the owner chose"})
	}
	token := tokenOf(t, *approved.URL)
	require.NotEqual(t, http.StatusOK, use(token[:len(token)-1]+"x").status, "a forged link")
	require.Equal(t, http.StatusOK, use(token).status)
	require.NotEqual(t, http.StatusOK, use(token).status, "a second time")
	require.Equal(t, http.StatusOK, f.login(newEmail, "what the owner chose").status)
	operator, err = f.store.Operator(t.Context(), next)
	require.NoError(t, err)
	require.NotNil(t, operator.EmailVerifiedAt)
	admin.must(http.StatusConflict, http.MethodPost, "/api/admin/operators/"+next+"/delete", fieldsOf{})
}

// With a mail server the link goes to the address itself and is shown to nobody; if that fails, the admin gets it.
func TestTheLinkIsMailed(t *testing.T) {
	t.Parallel()
	var to, subject, text string
	var problem error
	f := setup(t, withKey, func(c *Config) {
		c.Mail = func(_ context.Context, t, s, body string) error {
			to, subject, text = t, s, body
			return problem
		}
	})
	admin := f.admin("admin@example.org")
	approve := func(email string) approvalLink {
		return parse[approvalLink](t, admin.must(http.StatusOK, http.MethodPost,
			"/api/admin/operators/"+f.apply(email, "Shop")+"/approve", fieldsOf{}).body)
	}
	sent := approve(newEmail)
	require.Equal(t, newEmail, *sent.MailedTo)
	require.Nil(t, sent.URL)
	require.Equal(t, newEmail, to)
	require.NotContains(t, subject, "Shop", "whoever registered chose that")
	start := strings.Index(text, "http")
	link, _, _ := strings.Cut(text[start:], "\n")
	f.visitor().must(http.StatusOK, http.MethodPost, "/api/account/password", fieldsOf{
		"token": tokenOf(t, link), "newPassword": "what the owner chose",
	})
	require.Equal(t, http.StatusOK, f.login(newEmail, "what the owner chose").status)

	problem = errors.New("554 no")
	failed := approve("second@example.org")
	require.Nil(t, failed.MailedTo)
	require.NotNil(t, failed.URL)
	require.Equal(t, "The mail server did not take the message.", *failed.MailProblem)
}

// Applications that nobody verified go after a month; every other operator stays.
func TestOldApplicationsAreDropped(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	old, fresh := f.apply("old@example.org", "Old"), f.apply("fresh@example.org", "Fresh")
	pending := f.registered("pending@example.org").me().ID
	f.exec("UPDATE operators SET created_at = created_at - ? WHERE id IN (?, ?)", (31 * 24 * time.Hour).Microseconds(), old, pending)
	require.NoError(t, f.store.DropOld(t.Context(), store.Ages{}, func(string) {}))
	_, err := f.store.Operator(t.Context(), old)
	require.ErrorIs(t, err, models.ErrNotFound)
	for _, id := range []string{fresh, pending, f.operatorID(f.account)} {
		_, err = f.store.Operator(t.Context(), id)
		require.NoError(t, err)
	}
}
