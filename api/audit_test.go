package api

import (
	"encoding/csv"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"paycow/models"
	"paycow/store"
)

// namesOf returns the names of columns.
func namesOf(columns []column) (names []string) {
	for _, column := range columns {
		names = append(names, column.name)
	}
	return names
}

type auditPage struct {
	Entries []auditView `json:"entries"`
}

// Whoever reads the audit log reads names and words, and finds entries by them.
func TestTheAuditLogSpeaksOfPeopleAndPayments(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	admin := f.admin("admin@example.org")
	operator, err := f.store.Operator(t.Context(), f.operatorID(f.account))
	require.NoError(t, err)
	p := f.payment(f.account)
	require.Equal(t, http.StatusOK, f.call(f.account, http.MethodPost, "/api/payment/"+p.ID+"/reject", `{"reason":"r"}`).status)
	admin.must(http.StatusOK, http.MethodPost, "/api/admin/operators/"+operator.ID+"/suspend", fieldsOf{"reason": "a leak"})

	read := func(query string) []auditView {
		t.Helper()
		return parse[auditPage](t, admin.must(http.StatusOK, http.MethodGet, "/api/admin/audit"+query, nil).body).Entries
	}
	rejected := read("?action=payment_rejected")
	require.Len(t, rejected, 1)
	require.Equal(t, "Payment rejected", rejected[0].ActionText)
	require.Equal(t, []string{"operator", operator.Name, operator.Email}, []string{rejected[0].ActorType, *rejected[0].ActorName, *rejected[0].ActorEmail})
	require.Equal(t, p.Reference, *rejected[0].SubjectName)
	suspended := read("?action=operator_suspended")
	require.Equal(t, []string{"admin", "admin@example.org", "admin@example.org"}, []string{suspended[0].ActorType, *suspended[0].ActorName, *suspended[0].ActorEmail})
	require.Equal(t, operator.Name, *suspended[0].SubjectName)

	require.Equal(t, rejected, read("?subject="+p.Reference))
	require.Equal(t, rejected, read("?subject="+p.ID))
	require.Equal(t, rejected, read("?subject=payment:"+p.ID))
	require.Equal(t, suspended, read("?action=operator_suspended&actor=ADMIN@example.org"))
	require.Equal(t, suspended, read("?action=operator_suspended&subject="+url.QueryEscape(operator.Email)))
	require.Equal(t, rejected, read("?action=payment_rejected&actor="+url.QueryEscape(operator.Email)))
	require.Empty(t, read("?actor=nobody@example.org"))
	at := time.Time(suspended[0].At)
	require.Equal(t, suspended, read("?action=operator_suspended&from="+at.Format(time.RFC3339Nano)+
		"&to="+at.Add(time.Millisecond).Format(time.RFC3339Nano)))
	require.Empty(t, read("?action=operator_suspended&to="+at.Format(time.RFC3339Nano)))

	table := admin.upload(http.MethodGet, "/api/admin/audit?csv=spreadsheet&action=payment_rejected", nil, "Accept", "text/csv")
	require.Equal(t, http.StatusOK, table.status)
	text, marked := strings.CutPrefix(table.body, "\ufeff")
	require.True(t, marked, "a spreadsheet recognises UTF-8 by the mark")
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 2)
	require.Equal(t, []string{"Time (UTC)", "Who"}, rows[0][1:3])
	require.Equal(t, []string{operator.Name, "operator", operator.Email}, rows[1][2:5])

	// A shop may call itself what it likes, and a deleted one has no name.
	deleted := newAuditView(models.AuditEntry{Actor: "operator:" + models.NewID()}, nil)
	require.Equal(t, "operator", deleted.ActorType)
	require.Nil(t, deleted.ActorName)
	require.Nil(t, deleted.ActorEmail)
	system := newAuditView(models.AuditEntry{Actor: models.ActorSystem}, nil)
	require.Equal(t, []string{"system", "PayCow"}, []string{system.ActorType, *system.ActorName})
	require.Nil(t, system.ActorEmail)
}

// Every action that the program writes has words.
func TestEveryActionOfTheAuditLogHasWords(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, action := range models.AuditActions() {
		require.False(t, known[action.Name], action.Name)
		known[action.Name] = true
	}
	require.True(t, slices.IsSortedFunc(models.AuditActions(), func(a, b models.AuditAction) int {
		return strings.Compare(strings.ToLower(a.Text), strings.ToLower(b.Text))
	}), "the page lists them in this order")
	found := map[string]bool{}
	for _, dir := range []string{".", "../store", "../activities", "../cmd/paycow"} {
		files, err := parser.ParseDir(token.NewFileSet(), dir, func(f fs.FileInfo) bool { //nolint:staticcheck // no types needed
			return !strings.HasSuffix(f.Name(), "_test.go")
		}, 0)
		require.NoError(t, err, filepath.Clean(dir))
		for _, pkg := range files {
			ast.Inspect(pkg, func(node ast.Node) bool {
				for _, literal := range actionsIn(node) {
					found[literal] = true
				}
				return true
			})
		}
	}
	for _, change := range operatorChanges {
		found[change.action] = true
	}
	for action := range found {
		require.True(t, known[action], "%s has no words", action)
	}
	require.Greater(t, len(found), 45)
}

// actionsIn returns the texts in a piece of code that name an action of the audit log.
func actionsIn(node ast.Node) (actions []string) {
	add := func(value ast.Expr) {
		if literal, ok := value.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			if text, err := strconv.Unquote(literal.Value); err == nil {
				actions = append(actions, text)
			}
		}
	}
	switch node := node.(type) {
	case *ast.KeyValueExpr:
		if name, ok := node.Key.(*ast.Ident); ok && (name.Name == "Action" || name.Name == "action") {
			add(node.Value)
		}
	case *ast.AssignStmt:
		for i, left := range node.Lhs {
			if field, ok := left.(*ast.SelectorExpr); ok && field.Sel.Name == "Action" && len(node.Rhs) == len(node.Lhs) {
				add(node.Rhs[i])
			}
		}
	case *ast.CallExpr:
		name, ok := node.Fun.(*ast.Ident)
		place, isKnown := map[string]int{"auditOf": 2, "aboutAccount": 2, "auditOfKey": 1, "byCommand": 1}[name0(name, ok)]
		if isKnown {
			add(node.Args[place])
		}
	case *ast.FuncDecl:
		if node.Name.Name == "wordsOfDecision" {
			ast.Inspect(node, func(n ast.Node) bool {
				if back, ok := n.(*ast.ReturnStmt); ok {
					add(back.Results[0])
				}
				return true
			})
		}
	}
	return actions
}

func name0(name *ast.Ident, ok bool) string {
	if !ok {
		return ""
	}
	return name.Name
}

// A failed login is in the audit log with the account, as often as it may be tried. Attempts for accounts that do not
// exist get one line, whoever makes them.
func TestFailedLoginsAreInTheAuditLog(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.admin("admin@example.org")
	visitor := f.visitor()
	for _, email := range []string{"admin@example.org", "admin@example.org", "nobody@example.org", "my secret passphrase"} {
		visitor.must(http.StatusUnauthorized, http.MethodPost, "/api/admin/login", fieldsOf{"email": email, "password": "not the password"})
	}
	entries, _, err := f.store.ListAudit(t.Context(), store.AuditFilter{Action: "login_failed"})
	require.NoError(t, err)
	require.Len(t, entries, 3)
	admin, err := f.store.AccountByEmail(t.Context(), models.RoleAdmin, "admin@example.org")
	require.NoError(t, err)
	for i, subject := range []string{"admin:unknown", "admin:" + admin.ID, "admin:" + admin.ID} {
		require.Equal(t, subject, entries[i].Subject)
		require.Equal(t, models.ActorUnknown, entries[i].Actor)
		require.NotEmpty(t, entries[i].Address)
		require.NotContains(t, entries[i].Detail, "passphrase")
	}
}

// However many networks reach limits, for however many accounts, the audit log gets one line for each account that exists,
// and one for all others.
func TestLimitsThatAreReachedDoNotFillTheAuditLog(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.admin("admin@example.org")
	reach := func(network int, email string, limited counter) {
		t.Helper()
		c, _ := gin.CreateTestContext(httptest.NewRecorder())
		c.Request = httptest.NewRequest(http.MethodPost, "/", nil).WithContext(t.Context())
		c.Request.RemoteAddr = fmt.Sprintf("198.51.100.%d:1", network)
		try := attempt{role: models.RoleAdmin, email: email, counters: []counter{limited}}
		for range limited.limit {
			require.NoError(t, f.server.countAttempt(c, try))
		}
		for range 2 {
			require.True(t, isFailure(f.server.countAttempt(c, try), "too_many_attempts"))
		}
	}
	for network := range 5 {
		reach(network, "nobody", networkCounter(fmt.Sprint(network)))
		reach(network, "admin@example.org", networkCounter(fmt.Sprint("known ", network)))
		reach(network, "nobody", accountCounter(fmt.Sprint("account:nobody@", network), 2, false))
		reach(network, "admin@example.org", accountCounter(fmt.Sprint("account:admin@", network), 2, false))
		reach(network, "nobody", counter{name: fmt.Sprint("register:", network), limit: 2, action: "registration_limited", detail: "d"})
	}
	var lines []string
	for _, action := range []string{"address_limited", "login_limited", "registration_limited"} {
		entries, _, err := f.store.ListAudit(t.Context(), store.AuditFilter{Action: action})
		require.NoError(t, err)
		for _, entry := range entries {
			lines = append(lines, entry.Action+" "+strings.SplitN(entry.Subject, ":", 2)[1])
		}
	}
	admin, err := f.store.AccountByEmail(t.Context(), models.RoleAdmin, "admin@example.org")
	require.NoError(t, err)
	require.Equal(t, []string{"address_limited unknown", "login_limited " + admin.ID}, lines)
}

// The list of those who have been decided on leaves out who waits.
func TestOperatorsAreListedWithoutThoseWaiting(t *testing.T) {
	t.Parallel()
	f := setup(t)
	admin := f.admin("admin@example.org")
	waiting := f.operatorID(f.operator(models.OperatorPending))
	list := func(query string) (ids []string) {
		t.Helper()
		body := admin.must(http.StatusOK, http.MethodGet, "/api/admin/operators"+query, nil).body
		for _, o := range parse[struct{ Operators []adminOperatorView }](t, body).Operators {
			ids = append(ids, o.ID)
		}
		return ids
	}
	require.Equal(t, []string{waiting}, list("?waiting=true"))
	require.NotContains(t, list("?waiting=false"), waiting)
	require.Contains(t, list("?waiting=false"), f.operatorID(f.account))
	require.Contains(t, list(""), waiting)
	admin.must(http.StatusBadRequest, http.MethodGet, "/api/admin/operators?waiting=perhaps", nil)
	table := admin.upload(http.MethodGet, "/api/admin/operators", nil, "Accept", "text/csv").body
	require.Equal(t, strings.Join(namesOf(operatorColumns), ","), strings.TrimSpace(strings.Split(table, "\n")[0]))
	payments := admin.upload(http.MethodGet, "/api/admin/payments", nil, "Accept", "text/csv").body
	require.Contains(t, strings.Split(payments, "\n")[0], "_id,userId,")
	admin.must(http.StatusBadRequest, http.MethodGet, "/api/admin/payments?csv=excel", nil)
}
