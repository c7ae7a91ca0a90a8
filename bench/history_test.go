package bench

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"time"

	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/require"
)

// passwordOfAll is the password of the accounts that log in.
const passwordOfAll = "correct horse battery staple"

// noReconciliation keeps a reconciliation from starting the workflows that filled databases lack.
const noReconciliation = "PAYCOW_RECONCILE_EVERY=24h"

// flat is by how much a figure may differ from the one without payments when it should not depend on them: by what
// counts as moved.
var flat = Goal{Limit: 1 + movedBy, AtMost: true}

// filled returns the URL of a database with that many open payments, and its operator. The program itself creates them,
// once for each number; every call gets a copy. The rows say that their workflows have started, but there are none.
func (b *bench) filled(payments int) (database string, shop operator) {
	b.t.Helper()
	name := fmt.Sprintf("%d open payments", payments)
	database = b.postgres.NewDatabaseFrom(b.t, name, func(url string) error {
		b.operators[name] = b.fill(url, payments)
		return nil
	})
	return database, b.operators[name]
}

func (b *bench) fill(database string, payments int) operator {
	b.t.Helper()
	begin := time.Now()
	in := b.prepare(database)
	in.migrate()
	if payments > 0 {
		in.settings = append(in.settings, "PAYCOW_DATABASE_URL="+database+"&synchronous_commit=off")
		api := in.start("api")
		in.each(16, payments, func(int) error { _, err := in.create(); return err })
		api.stop()
	}
	for _, statement := range []string{"UPDATE payments SET workflow_started_at = created_at", "VACUUM ANALYZE"} {
		_, err := in.db.Exec(b.t.Context(), statement)
		require.NoError(b.t, err)
	}
	in.db.Close()
	b.t.Logf("%d payments were created in %s", payments, time.Since(begin).Round(time.Second))
	return in.operator
}

// withOpen runs a command of the program on a database with that many open payments.
func (b *bench) withOpen(payments int, args ...string) *installation {
	b.t.Helper()
	in := b.withRows(payments)
	in.start(args...)
	return in
}

// withRows returns an installation on a database with that many open payments. None of its processes runs.
func (b *bench) withRows(payments int) *installation {
	b.t.Helper()
	database, shop := b.filled(payments)
	in := b.prepare(database)
	in.operator = shop
	in.settings = append(in.settings, noReconciliation)
	return in
}

// ofHistory compares what should not depend on the number of payments with the same beside none.
func (b *bench) ofHistory(s size) (figures []Figure) {
	b.t.Helper()
	none, many := b.withOpen(0, "api"), b.withOpen(s.open, "api")
	withMany, withNone := many.pagesOfAccounts(), none.pagesOfAccounts()
	for i, page := range withMany {
		figures = append(figures, b.against(Figure{
			Name: fmt.Sprintf("%s, %d payments ÷ none", page.name, s.open), Unit: "ms", Goal: flat,
		}, page.time, withNone[i].time))
	}
	creates := func(in *installation) func() float64 {
		return func() float64 { return in.rate(8, s.length, func() error { _, err := in.create(); return err }) }
	}
	return append(figures, b.against(Figure{
		Name: fmt.Sprintf("creates, API alone, 8 connections, %d open ÷ none", s.open), Unit: "1/s", Goal: Goal{Limit: 0.95},
	}, creates(many), creates(none)))
}

// timedPage is a page that is read again and again.
type timedPage struct {
	name string
	time func() float64 // of one reading, in milliseconds: the median of many
}

// pagesOfAccounts returns what an installation reads about itself.
func (in *installation) pagesOfAccounts() []timedPage {
	in.t.Helper()
	page := func(name string, client *http.Client, url string) timedPage {
		reader := *in.bench
		reader.http = client
		read := func(int) error { _, err := reader.get(url); return err }
		return timedPage{name, func() float64 { return milliseconds(median(in.each(1, 100, read))) }}
	}
	operator := in.loggedIn("operator", operatorEmail, in.once("", "operator", "password-link", "--email", operatorEmail))
	return []timedPage{
		page("/metrics", in.http, in.metrics),
		page("an operator's statistics", operator, in.url+"/api/operator/stats"),
		page("an admin's list of operators", in.admin(), in.url+"/api/admin/operators"),
	}
}

// loggedIn sets a password through a link and logs in.
func (in *installation) loggedIn(role, email, link string) *http.Client {
	in.t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(in.t, err)
	client := &http.Client{Timeout: time.Minute, Jar: jar}
	if _, token, hasLink := strings.Cut(strings.TrimSpace(link), "#"); hasLink {
		in.postAs(client, "/api/account/password", map[string]any{"token": token, "newPassword": passwordOfAll})
	}
	in.postAs(client, "/api/"+role+"/login", map[string]any{"email": email, "password": passwordOfAll})
	return client
}

// admin returns a client that an admin with a second factor is logged in with.
func (in *installation) admin() *http.Client {
	in.t.Helper()
	const email = "admin@example.com"
	in.once(passwordOfAll+"\n", "admin", "create", "--email", email)
	client := in.loggedIn("admin", email, "")
	var factor struct{ Secret string }
	answer := in.postAs(client, "/api/admin/totp/start", map[string]any{"password": passwordOfAll})
	require.NoError(in.t, json.Unmarshal(answer, &factor))
	code, err := totp.GenerateCode(factor.Secret, time.Now())
	require.NoError(in.t, err)
	in.postAs(client, "/api/admin/totp/enable", map[string]any{"code": code})
	return client
}

func (in *installation) postAs(client *http.Client, path string, body map[string]any) []byte {
	in.t.Helper()
	content, err := json.Marshal(body)
	require.NoError(in.t, err)
	as := *in.bench
	as.http = client
	answer, err := as.post(in.url+path, string(content), "", "")
	require.NoError(in.t, err)
	return answer
}
