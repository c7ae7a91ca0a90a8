package api

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"paycow/api/apitest"
	"paycow/models"
)

func (v *visitor) setLimits(status int, id string, body fieldsOf) answer {
	return v.must(status, http.MethodPut, "/api/admin/operators/"+id+"/limits", body)
}

// TestOpenPaymentsAreBounded creates payments until too many are open. When one has ended, another one may be created.
func TestOpenPaymentsAreBounded(t *testing.T) {
	t.Parallel()
	f := setup(t, func(c *Config) { c.MaxOpen = 3 })
	create := func(of apitest.Account, headers ...string) answer {
		f.server.open.byOperator = map[string]*allowance{} // as after refusalMaxAge
		return f.call(of, http.MethodPost, "/api/payment/create", `{"amount":50,"userId":"u","network":"ERC20"}`, headers...)
	}
	first := create(f.account, "Idempotency-Key", "first")
	for range 2 {
		require.Equal(t, http.StatusOK, create(f.account).status)
	}
	refused := create(f.account)
	require.Equal(t, http.StatusTooManyRequests, refused.status)
	require.Equal(t, "too_many_open", parse[errorBody](t, refused.body).Code)
	require.NotEmpty(t, refused.header.Get("Retry-After"))
	require.Equal(t, first.body, create(f.account, "Idempotency-Key", "first").body, "what was created is still answered")
	require.Equal(t, http.StatusOK, create(f.other).status)

	f.record(parse[created](t, first.body).SessionID, func(s *models.PaymentState) {
		s.Status, s.Decision = models.StatusRejected, models.DecisionReject
	})
	require.Equal(t, http.StatusOK, create(f.account).status)
	require.Equal(t, http.StatusTooManyRequests, create(f.account).status)
}

// TestLimitsOfOneOperator sets limits for one operator. They count at once, for it alone, and go back to the settings.
func TestLimitsOfOneOperator(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey, func(c *Config) { c.MaxUnpaid = 1000 })
	admin, id := f.admin("admin@example.org"), f.operatorID(f.account)
	create := func(of apitest.Account, amount string) answer {
		f.server.open.byOperator, f.server.unpaid.byOperator = map[string]*allowance{}, map[string]*allowance{}
		return f.call(of, http.MethodPost, "/api/payment/create", `{"amount":`+amount+`,"userId":"u","network":"ERC20"}`)
	}
	refused := func(got answer, message string) {
		t.Helper()
		require.Equal(t, http.StatusBadRequest, got.status)
		require.Equal(t, message, parse[errorBody](t, got.body).Msg)
	}
	require.Equal(t, http.StatusOK, create(f.account, "0.01").status)
	refused(create(f.account, "0.009999"), "amount must be at least 0.01 USDT.")

	set := admin.setLimits(http.StatusOK, id, fieldsOf{"minAmount": "2.50", "maxAmount": 7.25, "maxOpen": 3, "maxUnpaid": nil})
	own := `{"minAmount":2.50,"maxAmount":7.25,"maxOpen":3,"maxUnpaid":null}`
	require.Equal(t, own, set.body)
	require.Contains(t, admin.must(http.StatusOK, http.MethodGet, "/api/admin/operators?search="+id, nil).body, `"limits":`+own)
	refused(create(f.account, "2.499999"), "amount must be at least 2.50 USDT.")
	refused(create(f.account, "7.250001"), "amount must be at most 7.25 USDT.")
	require.Equal(t, http.StatusOK, create(f.other, "0.01").status)
	require.Equal(t, http.StatusOK, create(f.account, "2.5").status)
	require.Equal(t, http.StatusOK, create(f.account, "7.25").status)
	require.Equal(t, "too_many_open", parse[errorBody](t, create(f.account, "5").body).Code)

	admin.setLimits(http.StatusOK, id, fieldsOf{"maxUnpaid": 3})
	require.Equal(t, "too_many_unpaid", parse[errorBody](t, create(f.account, "5").body).Code)
	admin.setLimits(http.StatusOK, id, fieldsOf{"maxUnpaid": 0, "maxOpen": 0})
	require.Equal(t, http.StatusOK, create(f.account, "5").status, "0 is any number")
	admin.setLimits(http.StatusOK, id, fieldsOf{})
	require.Equal(t, http.StatusOK, create(f.account, "0.01").status)

	audit := admin.must(http.StatusOK, http.MethodGet, "/api/admin/audit", nil).body
	require.Contains(t, audit, "Smallest amount: 2.50 USDT. Largest amount: 7.25 USDT. Most open payments: 3. "+
		"Most unpaid payments in a row: the setting.")
}

// TestBadLimits changes nothing.
func TestBadLimits(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	admin, id := f.admin("admin@example.org"), f.operatorID(f.account)
	admin.setLimits(http.StatusOK, id, fieldsOf{"maxOpen": 7})
	for _, c := range []struct {
		body            fieldsOf
		code, field, is string
	}{
		{fieldsOf{"maxopen": 1}, "unknown_field", "maxopen", `The field "maxopen" is unknown; it is spelled "maxOpen".`},
		{fieldsOf{"minAmount": 0}, "invalid_field", "minAmount", "minAmount must be an amount in USDT greater than 0, with at most 6 decimals, or null."},
		{fieldsOf{"minAmount": -1}, "invalid_field", "minAmount", "minAmount must be an amount in USDT greater than 0, with at most 6 decimals, or null."},
		{fieldsOf{"maxAmount": "1e400"}, "invalid_field", "maxAmount", "maxAmount must be an amount in USDT greater than 0, with at most 6 decimals, or null."},
		{fieldsOf{"maxAmount": true}, "invalid_field", "maxAmount", "maxAmount must be an amount in USDT greater than 0, with at most 6 decimals, or null."},
		{fieldsOf{"minAmount": 5, "maxAmount": 4}, "invalid_field", "minAmount", "minAmount must be at most maxAmount, which is 4.00 USDT."},
		{fieldsOf{"minAmount": 100_000_000}, "invalid_field", "minAmount", "minAmount must be at most maxAmount, which is 1000.00 USDT."},
		{fieldsOf{"maxOpen": -1}, "invalid_field", "maxOpen", "maxOpen must be a whole number of at most 2147483647, or null; 0 means any number."},
		{fieldsOf{"maxOpen": 1.5}, "invalid_field", "maxOpen", "maxOpen must be a whole number of at most 2147483647, or null; 0 means any number."},
		{fieldsOf{"maxUnpaid": 1 << 31}, "invalid_field", "maxUnpaid", "maxUnpaid must be a whole number of at most 2147483647, or null; 0 means any number."},
		{fieldsOf{"maxUnpaid": []int{1}}, "invalid_field", "maxUnpaid", "maxUnpaid must be a whole number of at most 2147483647, or null; 0 means any number."},
	} {
		got := parse[errorBody](t, admin.setLimits(http.StatusBadRequest, id, c.body).body)
		require.Equal(t, c.code, got.Code, c.body)
		require.Equal(t, c.field, got.Field)
		require.Equal(t, c.is, got.Msg)
	}
	operator, err := f.store.Operator(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, 7, *operator.MaxOpen)
	require.Nil(t, operator.MinAmount)
	f.visitor().setLimits(http.StatusUnauthorized, id, fieldsOf{})
	f.registered("shop@example.org").setLimits(http.StatusForbidden, id, fieldsOf{})
	admin.setLimits(http.StatusNotFound, models.NewID(), fieldsOf{})
	admin.setLimits(http.StatusNotFound, "x", fieldsOf{})
}
