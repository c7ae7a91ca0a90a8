package api

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"paycow/api/apitest"
	"paycow/models"
	"paycow/views"
)

const confirmationsURL = "/api/operator/confirmations"

// tryConfirmations makes every kind of request about the confirmations.
func tryConfirmations(v *visitor, try func(*visitor, int, string, string, fieldsOf, ...string) answer) {
	step := fieldsOf{"from": "1000.50", "confirmations": 24}
	try(v, 200, http.MethodPut, confirmationsURL, fieldsOf{"steps": []fieldsOf{step}, "password": goodPassword})
	try(v, 200, http.MethodGet, confirmationsURL, nil)
	try(v, 400, http.MethodPut, confirmationsURL, fieldsOf{"steps": []fieldsOf{step, step}, "password": goodPassword})
}

// credentials returns what an operator's programs use.
func (v *visitor) credentials() apitest.Account {
	v.Helper()
	shown := parse[map[string]string](v, v.must(http.StatusOK, http.MethodPost, "/api/operator/credentials/reveal",
		fieldsOf{"password": goodPassword}).body)
	account := v.account
	account.APIKey, account.APISecret = shown["apiKey"], shown["apiSecret"]
	return account
}

// The steps count for the payments that are created while they are set, by the amount requested, and are written to the
// audit log.
func TestConfirmationsByAmount(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey, func(c *Config) { c.MaxAmount = 100_000 * models.USDT })
	v := f.approved(newEmail)
	account := v.credentials()
	create := func(amount, key string) models.Payment {
		got := f.call(account, http.MethodPost, "/api/payment/create",
			`{"amount":`+amount+`,"userId":"u","network":"ERC20"}`, "Idempotency-Key", key)
		require.Equal(t, http.StatusOK, got.status, got.body)
		return f.row(parse[created](t, got.body).SessionID)
	}
	require.JSONEq(t, `{"steps":[],"floor":12,"altered":false}`, v.must(http.StatusOK, http.MethodGet, confirmationsURL, nil).body)
	before := create("10000", "before")
	require.EqualValues(t, 12, before.Confirmations)

	set := v.must(http.StatusOK, http.MethodPut, confirmationsURL, fieldsOf{"steps": []fieldsOf{
		{"from": 1000, "confirmations": 24}, {"from": "10000.00", "confirmations": "64"},
	}, "password": goodPassword})
	require.Equal(t, `{"steps":[{"from":1000.00,"confirmations":24},{"from":10000.00,"confirmations":64}],"floor":12,"altered":false}`, set.body)
	require.Equal(t, set.body, v.must(http.StatusOK, http.MethodGet, confirmationsURL, nil).body)
	for amount, want := range map[string]uint64{
		"999.999999": 12, "1000": 24, "1000.000001": 24, "9999.999999": 24, "10000": 64, "10000.000001": 64,
	} {
		p := create(amount, amount)
		require.Equal(t, want, p.Confirmations, amount)
		shown := parse[views.PublicPayment](t, f.call(account, http.MethodGet, "/payment/data/"+p.ID, "").body)
		require.Equal(t, want, shown.RequiredConfirmations)
		require.NoError(t, f.store.CheckTerms(p))
	}
	large := create("20000", "large")
	require.EqualValues(t, 12, create("10000", "before").Confirmations, "a repeat is the same payment")
	require.EqualValues(t, 12, f.row(before.ID).Confirmations)

	v.must(http.StatusOK, http.MethodPut, confirmationsURL, fieldsOf{"steps": []int{}, "password": goodPassword})
	require.EqualValues(t, 12, create("20000", "after").Confirmations)
	require.EqualValues(t, 64, f.row(large.ID).Confirmations, "a payment keeps its number")
	log := f.admin("second@example.org").must(http.StatusOK, http.MethodGet, "/api/admin/audit", nil).body
	require.Contains(t, log, "Set the confirmations by amount: from 1000.00 USDT 24, from 10000.00 USDT 64; else 12.")
	require.Contains(t, log, "Set the confirmations by amount: none; else 12.")
}

// Between the change of the setting and the payment's credit nothing about the payment changes, and none of its credits
// comes earlier.
func TestAChangeOfTheStepsBetweenCreationAndPaying(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	v := f.approved(newEmail)
	account := v.credentials()
	steps := func(confirmations int) {
		v.must(http.StatusOK, http.MethodPut, confirmationsURL, fieldsOf{
			"steps": []fieldsOf{{"from": 50, "confirmations": confirmations}}, "password": goodPassword,
		})
	}
	steps(30)
	p := f.payment(account)
	steps(12)
	f.startChain(100)
	f.moveChain(100, 101, transferTo(p, 50*models.USDT, 101))
	f.moveChain(101, 129) // 29 confirmations
	snapshot, err := f.store.Snapshot(t.Context(), p.ID)
	require.NoError(t, err)
	_, err = f.store.Credit(t.Context(), models.CreditInput{PaymentID: p.ID, OperatorID: p.OperatorID, Confirmations: 12, Credits: snapshot.Transfers, State: models.PaymentState{Version: snapshot.State.Version + 1}})
	require.ErrorIs(t, err, models.ErrNotConfirmedYet)
	shown := parse[views.PublicPayment](t, f.call(account, http.MethodGet, "/payment/data/"+p.ID, "").body)
	require.EqualValues(t, 30, shown.RequiredConfirmations)
	f.credit(f.row(p.ID)) // with the 30th
	require.Equal(t, models.StatusPaid, f.row(p.ID).Status)
}

func TestBadConfirmations(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	v := f.approved(newEmail)
	account := v.credentials()
	good := []any{fieldsOf{"from": 1000, "confirmations": 24}}
	v.must(http.StatusOK, http.MethodPut, confirmationsURL, fieldsOf{"steps": good, "password": goodPassword})
	one := func(from, confirmations any) []any {
		return []any{fieldsOf{"from": from, "confirmations": confirmations}}
	}
	two := func(from, confirmations any) []any { return append(one(1000, 24), one(from, confirmations)...) }
	var many []any
	for i := range models.MaxConfirmationSteps + 1 {
		many = append(many, one(i+1, i+12)...)
	}
	for name, c := range map[string]struct {
		steps any
		msg   string
	}{
		"null":                   {nil, "steps must be an array of objects."},
		"an object":              {fieldsOf{}, "steps must be an array of objects."},
		"a text":                 {"1000:24", "steps must be an array of objects."},
		"numbers":                {[]int{24}, "steps must be an array of objects."},
		"too many":               {many, "steps must have at most 10 entries."},
		"an empty step":          {[]any{fieldsOf{}}, "Step 1 must have the fields from and confirmations, and no other."},
		"null in it":             {[]any{nil}, "Step 1 must have the fields from and confirmations, and no other."},
		"no amount":              {[]any{fieldsOf{"confirmations": 24}}, "Step 1 must have the fields from and confirmations, and no other."},
		"one more field":         {[]any{fieldsOf{"from": 1, "confirmations": 24, "to": 2}}, "Step 1 must have the fields from and confirmations, and no other."},
		"a misspelled one":       {[]any{fieldsOf{"From": 1, "confirmations": 24}}, "from of step 1 must be an amount in USDT greater than 0, with at most 6 decimals."},
		"from 0":                 {one(0, 24), "from of step 1 must be an amount in USDT greater than 0, with at most 6 decimals."},
		"a negative amount":      {one(-1, 24), "from of step 1 must be an amount in USDT greater than 0, with at most 6 decimals."},
		"a fine amount":          {one("0.0000001", 24), "from of step 1 must be an amount in USDT greater than 0, with at most 6 decimals."},
		"a null amount":          {one(nil, 24), "from of step 1 must be an amount in USDT greater than 0, with at most 6 decimals."},
		"a control character":    {one("1\n", 24), "from of step 1 must be an amount in USDT greater than 0, with at most 6 decimals."},
		"too large an amount":    {one(1e19, 24), "from of step 1 must be an amount in USDT greater than 0, with at most 6 decimals."},
		"below the floor":        {one(1, 11), "confirmations of step 1 must be a whole number from 12 to 1000."},
		"too many confirmations": {one(1, 1001), "confirmations of step 1 must be a whole number from 12 to 1000."},
		"half a confirmation":    {one(1, 24.5), "confirmations of step 1 must be a whole number from 12 to 1000."},
		"negative":               {one(1, -24), "confirmations of step 1 must be a whole number from 12 to 1000."},
		"null confirmations":     {one(1, nil), "confirmations of step 1 must be a whole number from 12 to 1000."},
		"true":                   {one(1, true), "confirmations of step 1 must be a whole number from 12 to 1000."},
		"the same amount":        {two("1000.00", 64), "Both numbers of step 2 must be larger than those of the step before."},
		"a smaller amount":       {two(999, 64), "Both numbers of step 2 must be larger than those of the step before."},
		"the same number":        {two(2000, 24), "Both numbers of step 2 must be larger than those of the step before."},
		"fewer for more":         {two(2000, 23), "Both numbers of step 2 must be larger than those of the step before."},
	} {
		got := v.do(http.MethodPut, confirmationsURL, fieldsOf{"steps": c.steps, "password": goodPassword})
		require.Equal(t, http.StatusBadRequest, got.status, name)
		require.Equal(t, c.msg, parse[errorBody](t, got.body).Msg, name)
		require.Equal(t, "steps", parse[errorBody](t, got.body).Field, name)
	}
	for name, wrong := range map[string]fieldsOf{
		"no steps": {"password": goodPassword}, "no password": {"steps": good}, "unknown": {"steps": good, "password": goodPassword, "floor": 1},
	} {
		require.Equal(t, http.StatusBadRequest, v.do(http.MethodPut, confirmationsURL, wrong).status, name)
	}
	require.Equal(t, http.StatusForbidden,
		v.do(http.MethodPut, confirmationsURL, fieldsOf{"steps": []int{}, "password": "not the password"}).status)
	require.Equal(t, http.StatusUnauthorized, f.call(account, http.MethodPut, confirmationsURL, `{"steps":[],"password":"x"}`).status, "an API key")
	require.Contains(t, v.must(http.StatusOK, http.MethodGet, confirmationsURL, nil).body, `"confirmations":24`, "bad input changes nothing")
}

// An installation whose number was raised asks for more than the steps say, and for no less.
func TestARaisedFloor(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for floor, want := range map[uint64]uint64{12: 24, 24: 24, 30: 30} {
		f.server.Confirmations = floor
		require.NoError(t, f.store.SetConfirmations(t.Context(), f.operatorID(f.account),
			models.ConfirmationSteps{{From: 50 * models.USDT, Confirmations: 24}}, 12, models.AuditEntry{Actor: "test", Action: "x"}))
		operator, err := f.store.Operator(t.Context(), f.operatorID(f.account))
		require.NoError(t, err)
		got, err := f.server.confirmationsFor(operator, 50*models.USDT)
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Equal(t, want, f.payment(f.account).Confirmations)
	}
}

// After the floor was raised, the steps that are shown are those that count, and what is shown can be saved.
func TestStepsUnderARaisedFloor(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey, func(c *Config) { c.MaxAmount = 100_000 * models.USDT })
	v := f.approved(newEmail)
	account := v.credentials()
	type view struct{ Steps []models.ConfirmationStep }
	steps := []fieldsOf{{"from": 10, "confirmations": 12}, {"from": 100, "confirmations": 24}, {"from": 1000, "confirmations": 64}}
	for floor, want := range map[uint64]int{12: 3, 13: 2, 24: 2, 25: 1, 64: 1, 65: 0, 2000: 0} {
		f.server.Confirmations = 12
		v.must(http.StatusOK, http.MethodPut, confirmationsURL, fieldsOf{"steps": steps, "password": goodPassword})
		f.server.Confirmations = floor
		shown := v.must(http.StatusOK, http.MethodGet, confirmationsURL, nil)
		read := parse[view](t, shown.body).Steps
		require.Len(t, read, want, floor)
		for _, step := range read {
			require.GreaterOrEqual(t, step.Confirmations, floor)
		}
		needed := func() (numbers []uint64) {
			for _, amount := range []string{"9", "10", "100", "1000"} {
				got := f.call(account, http.MethodPost, "/api/payment/create", `{"amount":`+amount+`,"userId":"u","network":"ERC20"}`)
				require.Equal(t, http.StatusOK, got.status, got.body)
				numbers = append(numbers, f.row(parse[created](t, got.body).PaymentID).Confirmations)
			}
			return numbers
		}
		before := needed()
		require.Equal(t, []uint64{floor, max(floor, 12), max(floor, 24), max(floor, 64)}, before)
		saved := v.must(http.StatusOK, http.MethodPut, confirmationsURL, fieldsOf{"steps": read, "password": goodPassword})
		require.Equal(t, shown.body, saved.body)
		require.Equal(t, before, needed(), "saving what was shown changes nothing")
	}
}

// Steps that somebody changed in the database stop new payments, and nothing else: payments that exist, and repeats of
// their creation, are answered. Setting them again ends it.
func TestAlteredStepsCreateNoPayment(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	v := f.approved(newEmail)
	account := v.credentials()
	v.must(http.StatusOK, http.MethodPut, confirmationsURL, fieldsOf{"steps": []fieldsOf{{"from": 1, "confirmations": 64}}, "password": goodPassword})
	create := func(key string) answer {
		return f.call(account, http.MethodPost, "/api/payment/create", `{"amount":50,"userId":"u","network":"ERC20"}`, "Idempotency-Key", key)
	}
	first := create("first")
	require.Equal(t, http.StatusOK, first.status, first.body)
	f.exec("UPDATE operators SET confirmation_steps = '[]' WHERE email = ?", newEmail)

	refused := create("second")
	require.Equal(t, http.StatusServiceUnavailable, refused.status)
	require.Equal(t, "confirmations_altered", parse[errorBody](t, refused.body).Code)
	require.NotEmpty(t, refused.header.Get("Retry-After"))
	require.Equal(t, first.body, create("first").body)
	require.Equal(t, http.StatusOK, f.call(account, http.MethodGet, "/api/payments", "").status)
	require.JSONEq(t, `{"steps":[],"floor":12,"altered":true}`, v.must(http.StatusOK, http.MethodGet, confirmationsURL, nil).body)
	require.Equal(t, http.StatusOK, f.call(f.account, http.MethodPost, "/api/payment/create", `{"amount":50,"userId":"u","network":"ERC20"}`).status, "another operator")

	v.must(http.StatusOK, http.MethodPut, confirmationsURL, fieldsOf{"steps": []fieldsOf{{"from": 1, "confirmations": 64}}, "password": goodPassword})
	require.Contains(t, v.must(http.StatusOK, http.MethodGet, confirmationsURL, nil).body, `"altered":false`)
	second := create("second")
	require.Equal(t, http.StatusOK, second.status, second.body)
	require.EqualValues(t, 64, f.row(parse[created](t, second.body).PaymentID).Confirmations)
}
