package apitest

import "net/http"

// badEndpoints returns calls about webhook endpoints and deliveries that must be refused.
func (t Target) badEndpoints() []badCase {
	const (
		events = `events must be ["*"], or hold at least one of payment.detected, payment.confirming, payment.paid, payment.expired, ` +
			"payment.rejected, payment.exception, payment.reverted, payment.accepted, endpoint.disabled and nothing else."
		notURL          = "url must be an absolute https URL of at most 2048 bytes."
		urlSize         = "url must have 1 to 2048 characters."
		notHTTPS        = "url must begin with https://."
		inside          = "url must lead to a public address, not into a private network or to this machine."
		badHost         = "url must name its host by a valid domain name or IP address."
		since           = "since must be a time such as 2026-03-12T22:30:00Z (RFC 3339)."
		overlap         = "overlapHours must be a whole number from 0 to 168."
		unknownEndpoint = "You have no webhook endpoint with this id."
		unknownDelivery = "You have no webhook delivery with this id."
		path            = "/api/webhook-endpoints"
		some            = path + "/0123456789abcdef01234567"
	)
	send := func(name, method, path, body string, status int, code, field, msg string) badCase {
		return badCase{
			"webhooks/" + name,
			request{method: method, path: path, headers: t.Account.headers(jsonType), body: body},
			status, code, field, msg,
		}
	}
	bad := func(name, method, path, body, code, field, msg string) badCase {
		return send(name, method, path, body, http.StatusBadRequest, code, field, msg)
	}
	field := func(field, raw, code, msg string) badCase {
		body := `{"url":"https://shop.example/","` + field + `":` + raw + `}`
		if field == "url" {
			body = `{"url":` + raw + `}`
		}
		return bad(field+" "+shortName(raw), http.MethodPost, path, body, code, field, msg)
	}
	cases := []badCase{
		bad("no body", http.MethodPost, path, ``, "malformed_json", "", "The request body is empty; it must be a JSON object."),
		bad("no url", http.MethodPost, path, `{}`, "missing_field", "url", "url is required."),
		bad("a secret", http.MethodPost, path, `{"url":"https://shop.example/","secret":"whsec_AAAA"}`, "unknown_field", "secret",
			`The field "secret" is unknown.`),
		field("url", `null`, "invalid_field", "url must be a string, not null."),
		field("url", `["https://shop.example/"]`, "invalid_field", "url must be a string, not an array."),
		field("url", `"https://shop.example/\u0000"`, "invalid_field", "url must not contain control characters."),
		field("url", `""`, "invalid_field", urlSize),
		field("url", `"https://shop.example/`+repeat(2048, "a")+`"`, "invalid_field", urlSize),
		field("url", `"https://shop.example/`+repeat(1500, "é")+`"`, "invalid_webhook_url", notURL),
		field("url", `"/hook"`, "invalid_webhook_url", notURL),
		field("url", `"http://shop.example/"`, "invalid_webhook_url", notHTTPS),
		field("url", `"ftp://shop.example/"`, "invalid_webhook_url", notHTTPS),
		field("url", `"https://u:p@shop.example/"`, "invalid_webhook_url", "url must not contain a user name or password."),
		field("url", `"https://shop.example/#a"`, "invalid_webhook_url", "url must not contain a fragment (#)."),
		field("url", `"https://shop.example:0/"`, "invalid_webhook_url", "url must have a port from 1 to 65535, or none."),
		field("description", `null`, "invalid_field", "description must be a string, not null."),
		field("description", `"`+repeat(201, "d")+`"`, "invalid_field", "description must have at most 200 characters."),
		field("description", `"a\u0000b"`, "invalid_field", "description must not contain control characters."),
		field("enabled", `"true"`, "invalid_field", "enabled must be true or false, not a string."),
		field("enabled", `null`, "invalid_field", "enabled must be true or false, not null."),
		field("events", `["`+repeat(9, `payment.paid","`)+`payment.paid"]`, "invalid_field", "events must have at most 9 entries."),
		bad("no change", http.MethodPatch, some, `{}`, "missing_field", "", "Send at least one of url, events, description, enabled."),
		bad("change of the id", http.MethodPatch, some, `{"id":"0123456789abcdef01234568"}`, "unknown_field", "id",
			`The field "id" is unknown.`),
		bad("change to http", http.MethodPatch, some, `{"url":"http://shop.example/"}`, "invalid_webhook_url", "url", notHTTPS),
		bad("test with a field", http.MethodPost, some+"/test", `{"type":"payment.paid"}`, "unknown_field", "type",
			`The field "type" is unknown.`),
		bad("no since", http.MethodPost, some+"/redeliver-failed", `{}`, "missing_field", "since", "since is required."),
	}
	for _, host := range []string{
		"10.0.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "[::ffff:10.0.0.1]", "[fd00::1]", "metadata.google.internal",
		"intranet",
	} {
		cases = append(cases, field("url", `"https://`+host+`/"`, "invalid_webhook_url", inside))
	}
	for _, host := range []string{"2130706433", "0x7f000001", "0177.0.0.1", "127.1"} {
		cases = append(cases, field("url", `"https://`+host+`/"`, "invalid_webhook_url", badHost))
	}
	for _, raw := range []string{`null`, `"payment.paid"`, `{}`, `[5]`} {
		cases = append(cases, field("events", raw, "invalid_field", "events must be an array of strings."))
	}
	for _, raw := range []string{
		`[]`, `[""]`, `["payment.unknown"]`, `["Payment.Paid"]`, `["payment.paid payment.expired"]`, `["*","payment.paid"]`,
		`["*","*"]`, `["endpoint.test"]`, `["payment.*"]`,
	} {
		cases = append(cases, field("events", raw, "invalid_field", events))
	}
	for _, raw := range []string{`null`, `-1`, `169`, `1.5`, `"24"`, `1e1`, `true`} {
		cases = append(cases, bad("overlapHours "+raw, http.MethodPost, some+"/rotate-secret", `{"overlapHours":`+raw+`}`,
			"invalid_field", "overlapHours", overlap))
	}
	for _, raw := range []string{`null`, `0`, `""`, `"yesterday"`, `"2026-03-12"`, `"0001-01-01T00:00:00Z"`, `"9999-01-01T00:00:00Z"`} {
		cases = append(cases, bad("since "+raw, http.MethodPost, some+"/redeliver-failed", `{"since":`+raw+`}`, "invalid_field",
			"since", since))
	}
	for _, query := range [][3]string{
		{"endpointId=x", "endpointId", "endpointId must be 24 lower-case hex digits, an endpoint's id."},
		{"status=pending", "status", "status must be one of PENDING, DELIVERED, PARKED."},
		{"cursor=x", "cursor", "cursor must be a nextCursor of this list."},
		{"limit=0", "limit", "limit must be a whole number from 1 to 200."},
	} {
		cases = append(cases, bad("list "+query[0], http.MethodGet, "/api/webhook-deliveries?"+query[0], ``, "invalid_parameter",
			query[1], query[2]))
	}
	for name, id := range map[string]string{
		"unknown": "0123456789abcdef01234567", "upper case": "0123456789ABCDEF01234567", "SQL": "'%20or%20'1'='1", "a NUL": "%00",
	} {
		cases = append(
			cases,
			send("delete "+name, http.MethodDelete, path+"/"+id, ``, http.StatusNotFound, "endpoint_not_found", "", unknownEndpoint),
			send("read delivery "+name, http.MethodGet, "/api/webhook-deliveries/"+id, ``, http.StatusNotFound, "delivery_not_found", "",
				unknownDelivery),
			send("redeliver "+name, http.MethodPost, "/api/webhook-deliveries/"+id+"/redeliver", ``, http.StatusNotFound,
				"delivery_not_found", "", unknownDelivery),
		)
	}
	return cases
}
