package apitest

import (
	"net/http"
)

// badKeys returns calls that make or revoke API keys and must be refused.
func (t Target) badKeys() []badCase {
	const (
		scopes   = "scopes must hold only payments:read, payments:write, webhooks:write, keys:write."
		networks = "networks must hold address ranges such as 203.0.113.0/24 or 2001:db8::/32, with no bits set after the prefix."
		expiry   = "expiresAt must be a time in the future such as 2030-03-12T22:30:00Z (RFC 3339), before the year 2200."
		wider    = "An API key cannot make one that has more scopes, comes from more networks or ends later than itself."
		unknown  = "You have no valid API key with this id."
		nameSize = "name must have 1 to 60 characters."
	)
	send := func(name, method, path, body string, status int, code, field, msg string) badCase {
		return badCase{
			"keys/" + name,
			request{method: method, path: path, headers: t.Keys.headers(jsonType), body: body},
			status,
			code, field, msg,
		}
	}
	make400 := func(name, body, code, field, msg string) badCase {
		return send(name, http.MethodPost, "/api/keys", body, http.StatusBadRequest, code, field, msg)
	}
	bad := func(field, raw, msg string) badCase {
		body := `{"name":"k","scopes":["keys:write"],"` + field + `":` + raw + `}`
		switch field {
		case "name":
			body = `{"name":` + raw + `}`
		case "scopes":
			body = `{"name":"k","scopes":` + raw + `}`
		}
		return make400(field+" "+shortName(raw), body, "invalid_field", field, msg)
	}
	refused := func(name, body, msg string) badCase {
		return send(name, http.MethodPost, "/api/keys", body, http.StatusForbidden, "wider_than_maker", "", msg)
	}
	cases := []badCase{
		make400("no body", ``, "malformed_json", "", "The request body is empty; it must be a JSON object."),
		make400("no name", `{}`, "missing_field", "name", "name is required."),
		make400("unknown field", `{"name":"k","admin":true}`, "unknown_field", "admin", `The field "admin" is unknown.`),
		make400("password with a key", `{"name":"k","password":"x"}`, "unknown_field", "password",
			`The field "password" is unknown.`),
		bad("name", `null`, "name must be a string, not null."),
		bad("name", `5`, "name must be a string, not a number."),
		bad("name", `""`, nameSize),
		bad("name", `"`+repeat(61, "n")+`"`, nameSize),
		bad("name", `"a\u0000b"`, "name must not contain control characters."),
		bad("scopes", `[]`, "scopes must have at least 1 entry; leave it out for the usual ones."),
		bad("scopes", `["payments:read","x"]`, scopes),
		bad("scopes", `["Payments:Read"]`, scopes),
		bad("scopes", `["payments:read keys:write"]`, scopes),
		bad("scopes", `[""]`, scopes),
		bad("scopes", `[null]`, scopes),
		bad("networks", `[null]`, networks),
		bad("scopes", `["a","a","a","a","a"]`, "scopes must have at most 4 entries."),
		bad("networks", `[]`, "networks must have at least 1 entry; leave it out to allow any."),
		bad("networks", `["`+repeat(20, `10.0.0.0/8","`)+`10.0.0.0/8"]`, "networks must have at most 20 entries."),
		refused("scopes that it has not", `{"name":"k","scopes":["payments:read"]}`, wider),
		refused("the usual scopes", `{"name":"k"}`, wider),
	}
	for _, field := range []string{"scopes", "networks"} {
		for _, raw := range []string{`null`, `"payments:read"`, `{}`, `5`, `[5]`, `[["payments:read"]]`} {
			cases = append(cases, bad(field, raw, field+" must be an array of strings."))
		}
	}
	for _, raw := range []string{
		`"10.0.0.1/8"`, `"10.0.0.0"`, `"10.0.0.0/33"`, `"10.0.0.0/-1"`, `"010.0.0.0/8"`, `"::ffff:10.0.0.0/104"`, `"fe80::%eth0/64"`,
		`"10.0.0.0/8 0.0.0.0/0"`, `"example.org/24"`, `""`, `"/8"`,
	} {
		cases = append(cases, bad("networks", "["+raw+"]", networks))
	}
	for _, raw := range []string{
		`null`, `5`, `1893456000`, `""`, `"tomorrow"`, `"2030-03-12"`, `"2030-03-12T22:30:00"`, `"2020-03-12T22:30:00Z"`,
		`"2030-02-30T22:30:00Z"`, `"9999-12-31T23:59:59Z"`, `["2030-03-12T22:30:00Z"]`,
	} {
		cases = append(cases, bad("expiresAt", raw, expiry))
	}
	for name, id := range map[string]string{
		"unknown": "pk_" + repeat(32, "0"), "another operator's": t.Account.APIKey, "not ASCII": "pk_%C3%A9", "SQL": "'%20or%20'1'='1",
		"a pattern": "%25", "oversized": repeat(300, "k"), "a NUL": "pk_%00",
	} {
		cases = append(cases, send("revoke "+name, http.MethodDelete, "/api/keys/"+id, ``, http.StatusNotFound, "key_not_found",
			"", unknown))
	}
	return cases
}
