package api

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"paycow/api/apitest"
	"paycow/models"
)

// callers are who may make calls: the keys of an operator, people and nobody who is known.
type callers struct {
	*fixture
	operator, admin, nobody *visitor
	keys                    apitest.Account // an API key with the scope keys:write
}

func newCallers(f *fixture) callers {
	return callers{
		f, f.approved(newEmail), f.admin("admin@example.org"), f.visitor(),
		f.key(f.operatorID(f.account), models.Credential{Scopes: "keys:write"}),
	}
}

// send makes a call as somebody who may make it.
func (c callers) send(o operation, query, body, contentType string) answer {
	c.Helper()
	id := models.NewID()
	if strings.HasPrefix(o.path, "/api/admin/alarms/") {
		id = "1" // alarms have numbers
	}
	path := strings.ReplaceAll(o.path, "{id}", id) + query
	headers := []string{"Content-Type", contentType}
	switch {
	case strings.HasPrefix(o.path, "/api/admin/"):
		return c.admin.upload(o.method, path, []byte(body), headers...)
	case strings.HasPrefix(o.path, "/api/operator/"), strings.HasPrefix(o.path, "/api/team"), strings.HasSuffix(o.path, "/secret"):
		return c.operator.upload(o.method, path, []byte(body), headers...)
	case isOfPeople(o.path):
		return c.nobody.upload(o.method, path, []byte(body), headers...)
	case strings.HasPrefix(o.path, "/api/keys"):
		return c.call(c.keys, o.method, path, body, headers...)
	default:
		return c.call(c.account, o.method, path, body, headers...)
	}
}

// TestDocumentedRefusals makes each call of the document so that it is refused in each way that the document names and
// that is the same for all calls. The recorder checks the answers.
func TestDocumentedRefusals(t *testing.T) {
	t.Parallel()
	const jsonType = "application/json"
	for name, refusal := range map[string]struct {
		code   string
		setup  func(t *testing.T) callers
		refuse func(c callers, o operation) answer
	}{
		"malformed": {"400", nil, func(c callers, o operation) answer {
			if o.method == http.MethodGet {
				return c.send(o, "?unknown=1", "", "")
			}
			return c.send(o, "", "{", contentTypeOf(o))
		}},
		"nobody": {"401", nil, func(c callers, o operation) answer {
			c.operator, c.admin, c.keys, c.account = c.nobody, c.nobody, apitest.Account{}, apitest.Account{}
			if strings.HasSuffix(o.path, "/login") {
				return c.send(o, "", `{"email":"nobody@example.org","password":"x"}`, jsonType)
			}
			return c.send(o, "", "", jsonType)
		}},
		"proxy that is not trusted": {"403", func(t *testing.T) callers {
			f := setup(t, func(c *Config) { c.PublicURL = "https://paycow.test" })
			nobody := f.visitor()
			return callers{fixture: f, operator: nobody, admin: nobody, nobody: nobody}
		}, func(c callers, o operation) answer {
			if strings.HasPrefix(o.path, "/api/") || o.path == "/payment/data/{id}" {
				return c.send(o, "", "", jsonType)
			}
			return c.call(c.account, o.method, strings.ReplaceAll(o.path, "{id}", models.NewID()), "", "X-Forwarded-Proto", "https")
		}},
		"unknown": {"404", nil, func(c callers, o operation) answer {
			body := exampleOf(o)
			switch {
			case strings.HasSuffix(o.path, "/delete"):
				body = "{}"
			case o.path == "/api/team/{id}" && o.method == http.MethodPatch:
				body = `{"role":"developer","password":"` + goodPassword + `"}`
			case (strings.HasPrefix(o.path, "/api/admin/") || strings.HasPrefix(o.path, "/api/team/") || strings.HasSuffix(o.path, "/secret")) && body == "":
				body = `{"password":"` + goodPassword + `"}`
			}
			return c.send(o, "", body, contentTypeOf(o))
		}},
		"moved": {"308", func(t *testing.T) callers {
			f := setup(t, func(c *Config) { c.PublicURL = "https://paycow.test" })
			return callers{fixture: f}
		}, func(c callers, o operation) answer { return c.send(o, "", "", "") }},
		"too large": {"413", nil, func(c callers, o operation) answer {
			return c.send(o, "", strings.Repeat(" ", 1<<20), contentTypeOf(o))
		}},
		"other type": {"415", nil, func(c callers, o operation) answer { return c.send(o, "", "{}", "text/plain") }},
		"too many": {"429", func(t *testing.T) callers {
			f := setup(t, func(c *Config) { c.RatePerNetwork = 1 })
			nobody := f.visitor()
			nobody.do(http.MethodGet, "/api/balance", nil)
			return callers{fixture: f, operator: nobody, admin: nobody, nobody: nobody}
		}, func(c callers, o operation) answer { return c.send(o, "", "", jsonType) }},
		"fault": {"500", func(t *testing.T) callers {
			var isBroken atomic.Bool
			f := setup(t, func(c *Config) {
				c.RatePerNetwork = 1000
				c.Clock = func() time.Time {
					if isBroken.Load() {
						panic("the clock is broken")
					}
					return time.Now()
				}
			})
			isBroken.Store(true)
			nobody := f.visitor()
			return callers{fixture: f, operator: nobody, admin: nobody, nobody: nobody}
		}, func(c callers, o operation) answer { return c.send(o, "", "", jsonType) }},
		"no database": {"503", func(t *testing.T) callers {
			c := newCallers(setup(t, withKey))
			require.NoError(t, c.store.Close())
			return c
		}, func(c callers, o operation) answer { return c.send(o, "", exampleOf(o), contentTypeOf(o)) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var c callers
			if refusal.setup == nil {
				c = newCallers(setup(t, withKey))
			} else {
				c = refusal.setup(t)
			}
			for _, o := range answers.operations {
				if refusal.code == "404" && !strings.Contains(o.path, "{id}") {
					continue // such as credentials that do not exist; the tests of the call see it
				}
				if _, isDocumented := o.responses[refusal.code]; isDocumented {
					got := refusal.refuse(c, o)
					assert.Equal(t, refusal.code, strconv.Itoa(got.status), "%s %s: %s", o.method, o.path, got.body)
				}
			}
		})
	}
}

// TestConflictsOfAccounts makes the changes of accounts that what has happened in the meantime does not allow.
func TestConflictsOfAccounts(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	operator, admin := f.approved(newEmail), f.admin("admin@example.org")
	admin.must(http.StatusConflict, http.MethodPost, "/api/admin/operators/"+operator.me().ID+"/reject",
		fieldsOf{"reason": "No shop"})
	f.exec("DELETE FROM credentials WHERE operator_id = ?", operator.me().ID)
	operator.must(http.StatusConflict, http.MethodPost, "/api/operator/credentials/reveal", fieldsOf{"password": goodPassword})

	// The trigger does what another process does that changes the row at the same moment: this write finds it no more.
	_, member := operator.joined("books@example.org", models.MemberAccountant)
	f.sql("CREATE TRIGGER meanwhile BEFORE UPDATE ON members BEGIN SELECT RAISE(IGNORE); END")
	got := operator.must(http.StatusConflict, http.MethodPatch, "/api/team/"+member, fieldsOf{"role": "developer", "password": goodPassword})
	require.Contains(t, got.body, "changed_meanwhile")

	change := fieldsOf{"currentPassword": goodPassword, "newPassword": "another good password"}
	for path, v := range map[string]struct {
		*visitor
		table string
	}{"/api/admin/password": {admin, "admins"}, "/api/operator/password": {operator, "operators"}} {
		f.server.passwords.hash = func(password string) string {
			f.exec("UPDATE " + v.table + " SET password_hash = 'changed meanwhile'")
			return cheapHash(password)
		}
		got := v.must(http.StatusConflict, http.MethodPost, path, change)
		require.Contains(t, got.body, "changed_meanwhile")
	}
}

// contentTypeOf returns the type of the bodies that an operation takes.
func contentTypeOf(o operation) string {
	for kind := range o.body {
		return kind
	}
	return ""
}

// exampleOf returns a body that the document gives as an example.
func exampleOf(o operation) string {
	for _, content := range o.body {
		if example, ok := content.(map[string]any)["example"]; ok {
			text, _ := json.Marshal(example) //nolint:errchkjson // it came from JSON
			return string(text)
		}
	}
	return ""
}
