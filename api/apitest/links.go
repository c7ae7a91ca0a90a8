package apitest

import "net/http"

// badLinks returns calls about payment links that must be refused.
func (t Target) badLinks() []badCase {
	const (
		path    = "/api/payment-links"
		uses    = "maxUses must be a whole number from 1 to 1000000."
		until   = "activeUntil must be a time in the future such as 2030-03-12T22:30:00Z (RFC 3339), before the year 2200."
		unknown = "You have no payment link with this id."
		control = "must not contain control characters."
	)
	send := func(name string, by Account, method, path, body string, status int, code, field, msg string) badCase {
		return badCase{
			"links/" + name,
			request{method: method, path: path, headers: by.headers(jsonType), body: body},
			status, code, field, msg,
		}
	}
	create := func(name, body, code, field, msg string) badCase {
		return send(name, t.Account, http.MethodPost, path, body, http.StatusBadRequest, code, field, msg)
	}
	with := func(field, raw, code, msg string) badCase {
		return create(field+" "+shortName(raw), `{"amount":5,"description":"d","`+field+`":`+raw+`}`, code, field, msg)
	}
	amount := func(raw, msg string) badCase {
		return create("amount "+shortName(raw), `{"description":"d","amount":`+raw+`}`, "invalid_amount", "amount", msg)
	}
	description := func(raw, msg string) badCase {
		return create("description "+shortName(raw), `{"amount":5,"description":`+raw+`}`, "invalid_field", "description", msg)
	}
	cases := []badCase{
		create("no amount", `{"description":"d"}`, "missing_field", "amount", "amount is required."),
		create("no description", `{"amount":5}`, "missing_field", "description", "description is required."),
		create("a network", `{"amount":5,"description":"d","network":"ERC20"}`, "unknown_field", "network",
			`The field "network" is unknown.`),
		amount(`0`, "amount must be greater than 0."),
		amount(`-1`, "amount must be greater than 0."),
		amount(`0.001`, "amount must be at least 0.01 USDT."),
		amount(`"five"`, "amount must be a decimal number."),
		amount(`0.0000001`, "amount must have at most 6 decimals."),
		amount((t.MaxAmount + 1).String(), "amount must be at most "+t.MaxAmount.String()+" USDT."),
		description(`""`, "description must have 1 to 200 characters."),
		description(`null`, "description must be a string, not null."),
		description(`"`+repeat(201, "d")+`"`, "description must have 1 to 200 characters."),
		description(`"a\nb"`, "description "+control),
		description(`"a\u202eb"`, "description must not contain characters that reorder text."),
		with("userId", `""`, "invalid_field", "userId must have 1 to 256 characters."),
		with("userId", `null`, "invalid_field", "userId must be a string, not null."),
		with("userId", `"u\u0000"`, "invalid_field", "userId "+control),
		with("returnUrl", `"http://shop.example/"`, "invalid_return_url", "returnUrl must begin with https."),
		with("returnUrl", `"https://evil.example/"`, "return_url_not_allowed",
			"returnUrl must be at one of the origins allowed in the dashboard's settings."),
		with("metadata", `[]`, "invalid_field", "metadata must be an object, not an array."),
		with("expiresIn", `299`, "invalid_field", "expiresIn must be a whole number from 300 to 86400."),
		with("expiresIn", `86401`, "invalid_field", "expiresIn must be a whole number from 300 to 86400."),
		with("maxUses", `null`, "invalid_field", "maxUses must be a number, not null."),
		with("maxUses", `"1"`, "invalid_field", "maxUses must be a number, not a string."),
		with("activeUntil", `null`, "invalid_field", until),
		with("activeUntil", `"tomorrow"`, "invalid_field", until),
		with("activeUntil", `"2020-01-01T00:00:00Z"`, "invalid_field", until),
		with("activeUntil", `"2200-01-01T00:00:00Z"`, "invalid_field", until),
		send("limit", t.Account, http.MethodGet, path+"?limit=0", "", http.StatusBadRequest, "invalid_parameter", "limit",
			"limit must be a whole number from 1 to 200."),
		send("cursor", t.Account, http.MethodGet, path+"?cursor=x", "", http.StatusBadRequest, "invalid_parameter", "cursor",
			"cursor must be a nextCursor of this list."),
	}
	for _, raw := range []string{`0`, `-1`, `1.5`, `1000001`, `1e30`} {
		cases = append(cases, with("maxUses", raw, "invalid_field", uses))
	}
	for _, id := range []string{unknownID, "x", "%00", repeat(25, "0")} {
		cases = append(cases,
			send("read "+id, t.Account, http.MethodGet, path+"/"+id, "", http.StatusNotFound, "link_not_found", "", unknown),
			send("disable "+id, t.Account, http.MethodPost, path+"/"+id+"/disable", "", http.StatusNotFound, "link_not_found", "",
				unknown))
	}
	for name, call := range map[string][2]string{
		"create": {http.MethodPost, path}, "list": {http.MethodGet, path}, "read": {http.MethodGet, path + "/" + unknownID},
		"disable": {http.MethodPost, path + "/" + unknownID + "/disable"},
	} {
		cases = append(cases, send("test key/"+name, t.Test, call[0], call[1], `{"amount":5,"description":"d"}`,
			http.StatusForbidden, "test_key", "", "This API key is for test payments only."))
	}
	return cases
}
