package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// TestLogLinesAreBounded sends long and hostile texts wherever a client can put one. No line gets long, and none repeats
// more than the beginning of what the client chose.
func TestLogLinesAreBounded(t *testing.T) {
	t.Parallel()
	f := setup(t)
	long := strings.Repeat("x", 30<<10)
	tail := "tail-of-the-text"
	for _, body := range []string{
		`{"` + long + tail + `":1}`, `{"a":{"` + long + tail + `":}}`, `{"` + long + tail + `":1,"` + long + tail + `":2}`,
		`{"amount":"` + long + tail + `"}`, `["` + long + tail + `"]`, `{"a":{"` + long + tail + `":1,"` + long + tail + `":2}}`,
		"{\"\u202e" + tail + "\":1,", `{"a":` + strings.Repeat(`{"`+tail+`":`, 3000),
	} {
		got := f.call(f.account, http.MethodPost, "/api/payment/create", body)
		require.Equal(t, http.StatusBadRequest, got.status)
		require.Less(t, len(got.body), 600)
	}
	f.call(f.account, http.MethodGet, "/api/payment/"+long+tail, "")
	f.call(f.account, http.MethodGet, "/api/payments?cursor="+long+tail, "")
	f.call(f.account, http.MethodGet, "/api/payments?"+long+tail+"=1", "")
	f.call(f.account, strings.Repeat("M", 2000)+"TAIL", "/api/payments", "")
	f.call(f.account, http.MethodPost, "/api/payment/create", `{"amount":1,"userId":"u","network":"ERC20"}`, "Idempotency-Key", long+tail)
	for line := range strings.SplitSeq(f.log.String(), "\n") {
		require.Less(t, len(line), 3000)
		require.NotContains(t, line, "\u202e")
		require.NotContains(t, line, strings.Repeat("x", 1500))
	}
	require.Contains(t, f.log.String(), "malformed_json")
}

// TestDecisionsLeaveALine shows that whoever decides about money, or fails to prove who it is, can be found in the log.
func TestDecisionsLeaveALine(t *testing.T) {
	t.Parallel()
	f := setup(t)
	p := f.started(f.account)
	require.Equal(t, http.StatusOK, f.call(f.account, http.MethodPost, "/api/payment/"+p.ID+"/reject", `{"reason":"stolen card"}`).status)
	wrong := f.account
	wrong.APISecret = "0" + wrong.APISecret[1:] + "x"
	require.Equal(t, http.StatusUnauthorized, f.call(wrong, http.MethodPost, "/api/payment/"+p.ID+"/reject", `{"reason":"r"}`).status)
	line := func(parts ...string) {
		t.Helper()
		for line := range strings.SplitSeq(f.log.String(), "\n") {
			found := 0
			for _, part := range parts {
				if strings.Contains(line, part) {
					found++
				}
			}
			if found == len(parts) {
				return
			}
		}
		t.Errorf("no line has all of %q:\n%s", parts, f.log.String())
	}
	actor := models.Account{Role: models.RoleOperator, ID: f.operatorID(f.account)}.Actor()
	line("level=INFO", "route=/api/payment/:id/reject", "status=200", "actor="+actor, "address=127.0.0.1", "payment_id="+p.ID, "request_id=")
	line("level=INFO", "route=/api/payment/:id/reject", "status=401", "address=127.0.0.1", "unauthorized")
	require.NotContains(t, f.log.String(), f.account.APISecret)
	require.NotContains(t, f.log.String(), wrong.APISecret)
	require.NotContains(t, f.log.String(), "route=/api/payment/create", "creating is not a decision")
}
