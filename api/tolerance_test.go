package api

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

const toleranceURL = "/api/operator/tolerance"

// tryTolerance makes every kind of request about the tolerance.
func tryTolerance(v *visitor, try func(*visitor, int, string, string, fieldsOf, ...string) answer) {
	try(v, 200, http.MethodPut, toleranceURL, fieldsOf{"amount": "1.50", "percent": 2.5, "password": goodPassword})
	try(v, 200, http.MethodGet, toleranceURL, nil)
	try(v, 400, http.MethodPut, toleranceURL, fieldsOf{"amount": 101, "password": goodPassword})
}

// The tolerance counts for the payments that are created while it is set, and is written to the audit log.
func TestTolerance(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	v := f.approved(newEmail)
	account := v.credentials()
	create := func() models.Payment {
		got := f.call(account, http.MethodPost, "/api/payment/create", `{"amount":50,"userId":"u","network":"ERC20"}`)
		require.Equal(t, http.StatusOK, got.status, got.body)
		p, err := f.store.Payment(t.Context(), parse[created](t, got.body).SessionID)
		require.NoError(t, err)
		return p
	}
	before := create()
	require.Zero(t, before.Tolerance)
	set := v.must(http.StatusOK, http.MethodPut, toleranceURL, fieldsOf{"amount": 2, "percent": "1.25", "password": goodPassword})
	require.JSONEq(t, `{"amount":2,"percent":1.25}`, set.body)
	require.JSONEq(t, set.body, v.must(http.StatusOK, http.MethodGet, toleranceURL, nil).body)
	require.Equal(t, models.Amount(625_000), create().Tolerance, "the smaller one counts")
	v.must(http.StatusOK, http.MethodPut, toleranceURL, fieldsOf{"amount": "0.1", "percent": nil, "password": goodPassword})
	require.Equal(t, models.Amount(100_000), create().Tolerance)

	for name, wrong := range map[string]fieldsOf{
		"amount": {"amount": -1}, "amount too large": {"amount": "100.000001"}, "amount text": {"amount": "much"},
		"amount list": {"amount": []int{1}}, "amount true": {"amount": true}, "percent": {"percent": 20.01},
		"percent negative": {"percent": "-1"}, "percent fine": {"percent": "0.001"}, "unknown": {"bound": 1},
	} {
		wrong["password"] = goodPassword
		require.Equal(t, http.StatusBadRequest, v.do(http.MethodPut, toleranceURL, wrong).status, name)
	}
	require.Equal(t, http.StatusBadRequest, v.do(http.MethodPut, toleranceURL, fieldsOf{"amount": 1}).status, "no password")
	require.Equal(t, http.StatusForbidden,
		v.do(http.MethodPut, toleranceURL, fieldsOf{"amount": 1, "password": "not the password"}).status)
	require.Equal(t, models.Amount(100_000), create().Tolerance, "bad input changes nothing")
	again, err := f.store.Payment(t.Context(), before.ID)
	require.NoError(t, err)
	require.Zero(t, again.Tolerance, "what was created before keeps its terms")
	log := f.admin("second@example.org").must(http.StatusOK, http.MethodGet, "/api/admin/audit", nil).body
	require.Contains(t, log, "Set the tolerance: amount 2.00 USDT, percentage 1.25 %.")
}
