package apitest

import "net/http"

// badTests returns calls with an API key for test payments, or about such keys and endpoints, that must be refused. open
// is a real payment of the target's account.
func (t Target) badTests(open string) []badCase {
	const (
		outcomes = `The value of "simulate" in metadata must be one of paid, underpaid, overpaid, late, reverted, rejected.`
		flag     = "test must be true or false."
		onlyTest = "This API key is for test payments only."
		scopes   = "scopes of an API key for test payments must hold only payments:read, payments:write, webhooks:write."
	)
	send := func(name string, by Account, method, path, body string, status int, code, field, msg string) badCase {
		return badCase{
			"tests/" + name,
			request{method: method, path: path, headers: by.headers(jsonType), body: body},
			status, code, field, msg,
		}
	}
	create := func(simulate, msg string) badCase {
		return send("simulate "+shortName(simulate), t.Test, http.MethodPost, createPath,
			`{"amount":5,"userId":"u","network":"ERC20","metadata":{"simulate":`+simulate+`}}`, http.StatusBadRequest,
			"invalid_field", "metadata", msg)
	}
	cases := []badCase{
		create(`""`, outcomes),
		create(`"PAID"`, outcomes),
		create(`" paid"`, outcomes),
		create(`"expired"`, outcomes),
		create(`null`, `The value of "simulate" in metadata must be a string, not null.`),
		create(`["paid"]`, `The value of "simulate" in metadata must be a string, not an array.`),
		create(`"`+repeat(501, "p")+`"`, `The value of "simulate" in metadata must have at most 500 characters.`),
		create(`"a\u0000"`, `The value of "simulate" in metadata must not contain control characters.`),
		send("a small amount", t.Test, http.MethodPost, createPath, `{"amount":0.001,"userId":"u","network":"ERC20"}`,
			http.StatusBadRequest, "invalid_amount", "amount", "amount must be at least 0.01 USDT."),
		send("a large amount", t.Test, http.MethodPost, createPath,
			`{"amount":`+(t.MaxAmount+1).String()+`,"userId":"u","network":"ERC20"}`,
			http.StatusBadRequest, "invalid_amount", "amount", "amount must be at most "+t.MaxAmount.String()+" USDT."),
		send("a real endpoint", t.Test, http.MethodPost, "/api/webhook-endpoints", `{"url":"https://shop.example/","test":false}`,
			http.StatusForbidden, "test_key", "", onlyTest),
		send("the endpoint of another side", t.Account, http.MethodPatch, "/api/webhook-endpoints/"+unknownID, `{"test":true}`,
			http.StatusBadRequest, "unknown_field", "test", `The field "test" is unknown.`),
		send("a wider key", t.Keys, http.MethodPost, "/api/keys", `{"name":"k","test":true,"scopes":["keys:write"]}`,
			http.StatusBadRequest, "invalid_field", "scopes", scopes),
		send("keys", t.Test, http.MethodPost, "/api/keys", `{"name":"k"}`, http.StatusForbidden, "missing_scope", "",
			"This API key does not have the scope keys:write."),
	}
	for _, raw := range []string{`null`, `"true"`, `1`, `[]`, `{}`} {
		kind := map[string]string{`null`: "null", `"true"`: "a string", `1`: "a number", `[]`: "an array", `{}`: "an object"}[raw]
		msg := "test must be true or false, not " + kind + "."
		cases = append(cases,
			send("a key for "+raw, t.Keys, http.MethodPost, "/api/keys", `{"name":"k","scopes":["keys:write"],"test":`+raw+`}`,
				http.StatusBadRequest, "invalid_field", "test", msg),
			send("an endpoint for "+raw, t.Account, http.MethodPost, "/api/webhook-endpoints",
				`{"url":"https://shop.example/","test":`+raw+`}`, http.StatusBadRequest, "invalid_field", "test", msg))
	}
	for _, path := range []string{"/api/payments", "/api/events", "/api/webhook-endpoints", "/api/webhook-deliveries"} {
		for _, value := range []string{"1", "TRUE", "yes", "%00"} {
			msg := flag
			if value == "%00" {
				msg = "test must not contain control characters."
			}
			cases = append(cases, send(path+" "+value, t.Account, http.MethodGet, path+"?test="+value, ``, http.StatusBadRequest,
				"invalid_parameter", "test", msg))
		}
		cases = append(cases,
			send(path+" twice", t.Account, http.MethodGet, path+"?test=true&test=false", ``, http.StatusBadRequest,
				"invalid_parameter", "test", "test must be given only once."),
			send(path+" of real ones", t.Test, http.MethodGet, path+"?test=false", ``, http.StatusForbidden, "test_key", "", onlyTest))
	}
	for _, call := range []string{"", "/reject", "/accept"} {
		method, body := http.MethodPost, `{"reason":"r"}`
		if call == "" {
			method, body = http.MethodGet, ``
		}
		cases = append(cases, send("a real payment"+call, t.Test, method, "/api/payment/"+open+call, body, http.StatusNotFound,
			"payment_not_found", "", "No payment has this id."))
		path := "/api/payment/" + open + call
		for query, wrong := range map[string][3]string{
			"test=1":               {"invalid_parameter", "test", flag},
			"test=TRUE":            {"invalid_parameter", "test", flag},
			"test=null":            {"invalid_parameter", "test", flag},
			"test=":                {"invalid_parameter", "test", "test must have 1 to 256 characters."},
			"test=%00":             {"invalid_parameter", "test", "test must not contain control characters."},
			"test=%ff":             {"invalid_parameter", "test", "test must be valid UTF-8."},
			"test=true&test=false": {"invalid_parameter", "test", "test must be given only once."},
			"Test=true":            {"unknown_parameter", "Test", `The parameter "Test" is unknown; the known parameters are test.`},
			"test=%zz":             {"malformed_query", "", "The query string is malformed."},
		} {
			cases = append(cases, send(path+"?"+query, t.Account, method, path+"?"+query, body, http.StatusBadRequest,
				wrong[0], wrong[1], wrong[2]))
		}
		cases = append(cases, send(path+" of real ones", t.Test, method, path+"?test=false", body, http.StatusForbidden,
			"test_key", "", onlyTest))
	}
	return cases
}
