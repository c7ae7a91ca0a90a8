package api

import (
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

const notificationsURL = "/api/operator/notifications"

// tryNotifications makes every kind of request about the notifications.
func tryNotifications(v *visitor, try func(*visitor, int, string, string, fieldsOf, ...string) answer) {
	try(v, 200, http.MethodGet, notificationsURL, nil)
	try(v, 200, http.MethodPut, notificationsURL, fieldsOf{
		"security": true, "exceptions": false, "password": goodPassword,
	})
	try(v, 400, http.MethodPut, notificationsURL, fieldsOf{"security": 1, "password": goodPassword})
}

// Operators choose what they are told by mail, with their password, but not where.
func TestNotifications(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	v := f.approved(newEmail)
	get := func() string { return v.must(http.StatusOK, http.MethodGet, notificationsURL, nil).body }
	require.JSONEq(t, `{"security":true,"exceptions":true,"enabled":false}`, get())
	f.store.UseMail()
	set := v.must(http.StatusOK, http.MethodPut, notificationsURL, fieldsOf{
		"security": true, "exceptions": false, "password": goodPassword,
	})
	require.JSONEq(t, `{"security":true,"exceptions":false,"enabled":true}`, set.body)
	require.JSONEq(t, set.body, get())
	for name, wrong := range map[string]fieldsOf{
		"no password": {"password": nil}, "no free address": {"email": "a@shop.example"}, "text": {"security": "yes"},
		"missing": {"exceptions": nil}, "unknown": {"kinds": "all"},
	} {
		body := fieldsOf{"security": true, "exceptions": true, "password": goodPassword}
		for field, value := range wrong {
			body[field] = value
			if value == nil {
				delete(body, field)
			}
		}
		require.Equal(t, http.StatusBadRequest, v.do(http.MethodPut, notificationsURL, body).status, name)
	}
	require.Equal(t, http.StatusForbidden, v.do(http.MethodPut, notificationsURL, fieldsOf{
		"security": false, "exceptions": false, "password": "not the password",
	}).status)
	require.JSONEq(t, set.body, get(), "bad input changes nothing")
	require.ElementsMatch(t, []string{newEmail}, f.mailedTo())

	v.must(http.StatusOK, http.MethodPut, notificationsURL, fieldsOf{
		"security": true, "exceptions": true, "password": goodPassword,
	})
	require.JSONEq(t, `{"security":true,"exceptions":true,"enabled":true}`, get())
}

// mailedTo gathers what was noticed, and returns who gets a mail.
func (f *fixture) mailedTo() (recipients []string) {
	f.Helper()
	require.NoError(f, f.store.GatherMails(f.Context()))
	for {
		mail, ok, err := f.store.TakeMail(f.Context())
		require.NoError(f, err)
		if !ok {
			slices.Sort(recipients)
			return slices.Compact(recipients)
		}
		recipients = append(recipients, mail.Recipient)
	}
}

// A login with a browser that had not logged in before is told, a further one with the same browser is not.
func TestANewBrowserIsTold(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	v := f.approved(newEmail)
	f.store.UseMail()
	login := func(v *visitor) {
		v.must(http.StatusOK, http.MethodPost, "/api/operator/login", fieldsOf{"email": newEmail, "password": goodPassword})
	}
	login(v)
	require.Empty(t, f.mailedTo(), "it has logged in before")
	login(f.visitor())
	require.Equal(t, []string{newEmail}, f.mailedTo())
}
