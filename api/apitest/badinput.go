package apitest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	goodBody   = `{"amount":50.00,"userId":"user_123456","network":"ERC20"}`
	createPath = "/api/payment/create"
	unknownID  = "000000000000000000000000"
)

// badCase is a request that must be refused, with the exact error.
type badCase struct {
	name string
	request
	status           int
	code, field, msg string
}

// errorBody is the body of an error response.
type errorBody struct {
	Msg       string `json:"msg"`
	Code      string `json:"code"`
	RequestID string `json:"requestId"`
	Field     string `json:"field"`
}

// BadInput sends every kind of bad input to every operator call. Each request must be refused with the exact status,
// code, field and message, and none may create or change anything.
func BadInput(t *testing.T, target Target) {
	open := target.create(t, target.Account)
	foreign := target.create(t, target.Other)
	before := target.listed(t)

	var cases []badCase
	cases = append(cases, target.badBodies()...)
	cases = append(cases, target.badOptionalFields()...)
	cases = append(cases, target.badHeaders()...)
	cases = append(cases, target.badPaths(foreign)...)
	cases = append(cases, target.badQueries()...)
	cases = append(cases, target.badDecisions(open, foreign)...)
	cases = append(cases, target.badKeys()...)
	cases = append(cases, target.badEndpoints()...)
	cases = append(cases, target.badLinks()...)
	cases = append(cases, target.badTests(open)...)
	for _, inactive := range target.Inactive {
		cases = append(cases, target.refusedAccount(inactive)...)
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { target.checkBad(t, c) })
	}
	t.Run("credentials", target.badCredentials)
	require.Equal(t, before, target.listed(t), "bad input must create nothing and change nothing")
}

func (t Target) checkBad(tb testing.TB, c badCase) {
	tb.Helper()
	answer, err := t.send(c.request)
	require.NoError(tb, err)
	body := decodeError(tb, answer)
	require.Equal(tb, errorBody{Msg: c.msg, Code: c.code, RequestID: body.RequestID, Field: c.field}, body)
	require.Equal(tb, c.status, answer.status)
}

// decodeError checks what all error responses have in common.
func decodeError(tb testing.TB, answer response) errorBody {
	tb.Helper()
	var body errorBody
	decoder := json.NewDecoder(strings.NewReader(string(answer.body)))
	decoder.DisallowUnknownFields()
	require.NoError(tb, decoder.Decode(&body), string(answer.body))
	require.Equal(tb, "application/json; charset=utf-8", answer.header.Get("Content-Type"))
	require.NotEmpty(tb, body.RequestID)
	require.Equal(tb, answer.header.Get("X-Request-Id"), body.RequestID)
	require.Equal(tb, 1, strings.Count(body.Msg+" ", ". "), "one sentence: %q", body.Msg)
	for _, internal := range []string{"sql", "SQL", "goroutine", ".go:", "json:", "jsontext", "panic"} {
		require.NotContains(tb, body.Msg, internal)
	}
	return body
}

// badBodies returns create calls with bad bodies.
func (t Target) badBodies() []badCase {
	create := func(name, body string, code, field, msg string) badCase {
		return badCase{
			"create/" + name,
			request{method: http.MethodPost, path: createPath, headers: t.Account.headers(jsonType), body: body},
			http.StatusBadRequest, code, field, msg,
		}
	}
	amount := func(raw, msg string) badCase {
		return create("amount "+shortName(raw), `{"amount":`+raw+`,"userId":"u","network":"ERC20"}`, "invalid_amount",
			"amount", msg)
	}
	userID := func(name, raw, code, msg string) badCase {
		return create("userId "+name, `{"amount":50,"userId":`+raw+`,"network":"ERC20"}`, code, "userId", msg)
	}
	network := func(raw, code, msg string) badCase {
		return create("network "+raw, `{"amount":50,"userId":"u","network":`+raw+`}`, code, "network", msg)
	}
	currency := func(raw, code, msg string) badCase {
		return create("currency "+raw, `{"amount":50,"userId":"u","network":"ERC20","currency":`+raw+`}`, code,
			"currency", msg)
	}
	malformed := func(name, body, field, msg string) badCase { return create(name, body, "malformed_json", field, msg) }
	const (
		zero      = "amount must be greater than 0."
		decimal   = "amount must be a decimal number."
		precise   = "amount must have at most 6 decimals."
		userRange = "userId must have 1 to 256 characters."
		control   = "userId must not contain control characters."
		onlyERC20 = `network must be "ERC20", the only supported value.`
		onlyUSDT  = `currency must be "USDT", the only supported value.`
		short     = "The request body ends before the JSON object is complete."
	)
	tooLarge := "amount must be at most " + t.MaxAmount.String() + " USDT."
	notA := func(field, kind string) string { return field + " must be a string, not " + kind + "." }
	noNumber := func(kind string) string {
		return "amount must be a number or a string containing one, not " + kind + "."
	}
	return []badCase{
		amount(`null`, noNumber("null")),
		amount(`true`, noNumber("a boolean")),
		amount(`false`, noNumber("a boolean")),
		amount(`[]`, noNumber("an array")),
		amount(`[50]`, noNumber("an array")),
		amount(`{}`, noNumber("an object")),
		amount(repeat(9000, "[")+repeat(9000, "]"), noNumber("an array")),
		amount(`""`, decimal),
		amount(`"abc"`, decimal),
		amount(`" 50"`, decimal),
		amount(`"50 USDT"`, decimal),
		amount(`"1,000.00"`, decimal),
		amount(`"0x32"`, decimal),
		amount(`"+50"`, decimal),
		amount(`".5"`, decimal),
		amount(`"5."`, decimal),
		amount(`"050"`, decimal),
		amount(`"1e"`, decimal),
		amount(`"NaN"`, decimal),
		amount(`"Infinity"`, decimal),
		amount(`"٥٠"`, decimal),
		amount(`"50\u0000"`, decimal),
		amount(`0`, zero),
		amount(`-0`, zero),
		amount(`0.000000`, zero),
		amount(`0e999999999999`, zero),
		amount(`-1`, zero),
		amount(`-0.000001`, zero),
		amount(`-1e309`, zero),
		amount(`"-50"`, zero),
		amount(`0.0000001`, precise),
		amount(`1e-7`, precise),
		amount(`50.1234567`, precise),
		amount(`50.`+repeat(200, "0")+`1`, precise),
		amount(`1e309`, tooLarge),
		amount(`1e999999999999999999999`, tooLarge),
		amount(repeat(30, "9"), tooLarge),
		amount(`9223372036854.775808`, tooLarge),
		amount((t.MaxAmount + 1).String(), tooLarge),
		malformed("amount NaN", `{"amount":NaN,"userId":"u","network":"ERC20"}`, "amount",
			`The field "amount" is not valid JSON (near byte 10).`),
		malformed("amount Infinity", `{"amount":Infinity,"userId":"u","network":"ERC20"}`, "amount",
			`The field "amount" is not valid JSON (near byte 10).`),
		malformed("amount 050", `{"amount":050,"userId":"u","network":"ERC20"}`, "",
			`The request body is not valid JSON (near byte 11).`),
		malformed("amount +50", `{"amount":+50,"userId":"u","network":"ERC20"}`, "amount",
			`The field "amount" is not valid JSON (near byte 10).`),
		malformed("amount .5", `{"amount":.5,"userId":"u","network":"ERC20"}`, "amount",
			`The field "amount" is not valid JSON (near byte 10).`),
		malformed("amount 5.", `{"amount":5.,"userId":"u","network":"ERC20"}`, "amount",
			`The field "amount" is not valid JSON (near byte 12).`),
		malformed("amount 0x32", `{"amount":0x32,"userId":"u","network":"ERC20"}`, "",
			`The request body is not valid JSON (near byte 11).`),
		create("no amount", `{"userId":"u","network":"ERC20"}`, "missing_field", "amount", "amount is required."),

		create("no userId", `{"amount":50,"network":"ERC20"}`, "missing_field", "userId", "userId is required."),
		userID("null", `null`, "invalid_field", notA("userId", "null")),
		userID("number", `123456`, "invalid_field", notA("userId", "a number")),
		userID("array", `["u"]`, "invalid_field", notA("userId", "an array")),
		userID("object", `{"id":"u"}`, "invalid_field", notA("userId", "an object")),
		userID("empty", `""`, "invalid_field", userRange),
		userID("257 characters", `"`+repeat(257, "u")+`"`, "invalid_field", userRange),
		userID("257 characters of two bytes", `"`+repeat(257, "ü")+`"`, "invalid_field", userRange),
		userID("NUL", `"u\u0000"`, "invalid_field", control),
		userID("line break", `"u\nv"`, "invalid_field", control),
		userID("DEL", `"u\u007f"`, "invalid_field", control),
		userID("C1 control", `"u\u0085"`, "invalid_field", control),
		userID("raw NUL", "\"u\x00\"", "malformed_json", `The field "userId" is not valid JSON (near byte 24).`),
		userID("invalid UTF-8", "\"u\xff\"", "malformed_json", `The field "userId" is not valid UTF-8.`),
		userID("overlong UTF-8", "\"u\xc0\x80\"", "malformed_json", `The field "userId" is not valid UTF-8.`),
		userID("lone surrogate", `"u\ud800"`, "malformed_json", `The field "userId" is not valid JSON (near byte 24).`),

		create("no network", `{"amount":50,"userId":"u"}`, "missing_field", "network", "network is required."),
		network(`null`, "invalid_field", notA("network", "null")),
		network(`1`, "invalid_field", notA("network", "a number")),
		network(`""`, "unsupported_network", onlyERC20),
		network(`"erc20"`, "unsupported_network", onlyERC20),
		network(`"ERC-20"`, "unsupported_network", onlyERC20),
		network(`"ERC20 "`, "unsupported_network", onlyERC20),
		network(`"TRC20"`, "unsupported_network", onlyERC20),
		network(`"ΕRC20"`, "unsupported_network", onlyERC20), // with a Greek epsilon
		currency(`null`, "invalid_field", notA("currency", "null")),
		currency(`["USDT"]`, "invalid_field", notA("currency", "an array")),
		currency(`""`, "unsupported_currency", onlyUSDT),
		currency(`"usdt"`, "unsupported_currency", onlyUSDT),
		currency(`"USDC"`, "unsupported_currency", onlyUSDT),

		malformed("empty body", ``, "", "The request body is empty; it must be a JSON object."),
		malformed("blank body", " \r\n\t", "", "The request body is empty; it must be a JSON object."),
		malformed("null body", `null`, "", "The request body must be a JSON object."),
		malformed("array body", `[`+goodBody+`]`, "", "The request body must be a JSON object."),
		malformed("string body", `"amount"`, "", "The request body must be a JSON object."),
		malformed("text body", `amount=50&userId=u&network=ERC20`, "", "The request body is not valid JSON (near byte 0)."),
		malformed("byte order mark", "\ufeff"+goodBody, "", "The request body is not valid JSON (near byte 0)."),
		malformed("open object", `{"amount":50`, "", short),
		malformed("cut string", `{"amount":50,"userId":"u`, "userId", short),
		malformed("cut after name", `{"amount"`, "amount", short),
		malformed("trailing comma", `{"amount":50,"userId":"u","network":"ERC20",}`, "",
			"The request body is not valid JSON (near byte 43)."),
		malformed("single quotes", `{'amount':50}`, "", "The request body is not valid JSON (near byte 1)."),
		malformed("comment", `{/**/"amount":50}`, "", "The request body is not valid JSON (near byte 1)."),
		malformed("trailing object", goodBody+goodBody, "", "The request body has text after the JSON object."),
		malformed("trailing brace", goodBody+`}`, "", "The request body has text after the JSON object."),
		malformed("trailing NUL", goodBody+"\x00", "", "The request body has text after the JSON object."),
		malformed("deep nesting", `{"amount":`+repeat(30000, "["), "amount", `The field "amount" is nested too deeply.`),
		malformed("deep nesting of objects", `{"userId":`+repeat(12000, `{"":`), "userId",
			`The field "userId" is nested too deeply.`),
		create("duplicate key", `{"amount":50,"userId":"u","network":"ERC20","amount":60}`, "duplicate_field", "amount",
			`The field "amount" appears more than once.`),
		create("duplicate key with an escape", `{"amount":50,"userId":"u","network":"ERC20","\u0061mount":60}`,
			"duplicate_field", "amount", `The field "amount" appears more than once.`),
		create("duplicate unknown key", `{"x":1,"x":2}`, "duplicate_field", "x", `The field "x" appears more than once.`),
		create("mis-cased amount", `{"Amount":50,"userId":"u","network":"ERC20"}`, "unknown_field", "Amount",
			`The field "Amount" is unknown; it is spelled "amount".`),
		create("mis-cased userId", `{"amount":50,"userid":"u","network":"ERC20"}`, "unknown_field", "userid",
			`The field "userid" is unknown; it is spelled "userId".`),
		create("amount in two cases", `{"amount":50,"AMOUNT":1,"userId":"u","network":"ERC20"}`, "unknown_field",
			"AMOUNT", `The field "AMOUNT" is unknown; it is spelled "amount".`),
		create("unknown key", `{"amount":50,"userId":"u","network":"ERC20","callbackUrl":"https://example.org"}`,
			"unknown_field", "callbackUrl", `The field "callbackUrl" is unknown.`),
		create("long unknown key", `{"`+repeat(1000, "k")+`":1}`, "unknown_field", repeat(64, "k")+"…",
			`The field "`+repeat(64, "k")+`…" is unknown.`),
		create("prototype key", `{"amount":50,"userId":"u","network":"ERC20","__proto__":{"admin":true}}`,
			"unknown_field", "__proto__", `The field "__proto__" is unknown.`),
	}
}

// badOptionalFields returns create calls in which an optional field is bad.
func (t Target) badOptionalFields() []badCase {
	with := func(field, raw, code, msg string) badCase {
		return badCase{
			"create/" + field + " " + shortName(raw),
			request{
				method: http.MethodPost, path: createPath, headers: t.Account.headers(jsonType),
				body: `{"amount":50,"userId":"u","network":"ERC20","` + field + `":` + raw + `}`,
			},
			http.StatusBadRequest, code, field, msg,
		}
	}
	description := func(raw, msg string) badCase { return with("description", raw, "invalid_field", msg) }
	metadata := func(raw, msg string) badCase { return with("metadata", raw, "invalid_field", msg) }
	expiresIn := func(raw, msg string) badCase { return with("expiresIn", raw, "invalid_field", msg) }
	const (
		length   = "description must have 1 to 200 characters."
		control  = "description must not contain control characters."
		reorders = "description must not contain characters that reorder text."
		key      = "A key in metadata must have 1 to 40 characters."
		seconds  = "expiresIn must be a whole number from 300 to 86400."
	)
	anObject := func(kind string) string { return "metadata must be an object, not " + kind + "." }
	aString := func(kind string) string { return `The value of "k" in metadata must be a string, not ` + kind + "." }
	entries := make([]string, 21)
	for i := range entries {
		entries[i] = fmt.Sprintf(`"%d":""`, i)
	}
	cases := []badCase{
		description(`null`, "description must be a string, not null."),
		description(`5`, "description must be a string, not a number."),
		description(`["a"]`, "description must be a string, not an array."),
		description(`{"a":"b"}`, "description must be a string, not an object."),
		description(`""`, length),
		description(`"`+repeat(201, "d")+`"`, length),
		description(`"`+repeat(201, "𝒹")+`"`, length),
		description(`"a\u0000"`, control),
		description(`"a\nb"`, control),
		description(`"a\u001b[31m"`, control),
		description(`"a\u009f"`, control),
		with("description", `"\ud800"`, "malformed_json", `The field "description" is not valid JSON (near byte 59).`),

		metadata(`null`, anObject("null")),
		metadata(`true`, anObject("a boolean")),
		metadata(`5`, anObject("a number")),
		metadata(`"k=v"`, anObject("a string")),
		metadata(`[{"k":"v"}]`, anObject("an array")),
		metadata(`{`+strings.Join(entries, ",")+`}`, "metadata must have at most 20 entries."),
		metadata(`{"":"v"}`, key),
		metadata(`{"`+repeat(41, "k")+`":"v"}`, key),
		metadata(`{"`+repeat(41, "ü")+`":"v"}`, key),
		metadata(`{"a\u0000":"v"}`, "A key in metadata must not contain control characters."),
		metadata(`{"a\u0085":"v"}`, "A key in metadata must not contain control characters."),
		metadata(`{"k":null}`, aString("null")),
		metadata(`{"k":1}`, aString("a number")),
		metadata(`{"k":false}`, aString("a boolean")),
		metadata(`{"k":["v"]}`, aString("an array")),
		metadata(`{"k":{"l":"v"}}`, aString("an object")),
		metadata(`{"k":"`+repeat(501, "v")+`"}`, `The value of "k" in metadata must have at most 500 characters.`),
		metadata(`{"k":"a\tb"}`, `The value of "k" in metadata must not contain control characters.`),
		metadata(`{"<b>\u202e":1}`, `The value of "<b>\u202e" in metadata must be a string, not a number.`),
		with("metadata", `{"k":"v","k":"w"}`, "duplicate_field", `A name in the field "metadata" appears more than once.`),
		with("metadata", `{"k":"\udfff"}`, "malformed_json", `The field "metadata" is not valid JSON (near byte 61).`),

		expiresIn(`null`, "expiresIn must be a number, not null."),
		expiresIn(`"600"`, "expiresIn must be a number, not a string."),
		expiresIn(`true`, "expiresIn must be a number, not a boolean."),
		expiresIn(`[600]`, "expiresIn must be a number, not an array."),
		expiresIn(`{}`, "expiresIn must be a number, not an object."),
	}
	for _, r := range "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069" {
		cases = append(cases, description(fmt.Sprintf(`"a\u%04x"`, r), reorders))
	}
	for _, raw := range []string{
		`0`, `-600`, `299`, `299.9`, `600.5`, `86401`, `1e5`, `1e999`, `-1e999`, `9223372036854775808`,
		repeat(400, "9"),
	} {
		cases = append(cases, expiresIn(raw, seconds))
	}
	return cases
}

// badHeaders returns create calls with bad headers and a good body.
func (t Target) badHeaders() []badCase {
	with := func(name string, body string, status int, code, field, msg string, headers ...header) badCase {
		return badCase{
			"create/" + name,
			request{method: http.MethodPost, path: createPath, headers: t.Account.headers(headers...), body: body},
			status, code, field, msg,
		}
	}
	notJSON := func(name string, headers ...header) badCase {
		return with(name, goodBody, http.StatusUnsupportedMediaType, "unsupported_media_type", "",
			"Content-Type must be application/json in UTF-8, and Content-Encoding must not be set.", headers...)
	}
	contentType := func(value string) badCase { return notJSON("content type "+value, header{"Content-Type", value}) }
	badKey := func(name string, values ...string) badCase {
		headers := []header{jsonType}
		for _, value := range values {
			headers = append(headers, header{"Idempotency-Key", value})
		}
		return with("idempotency key "+name, goodBody, http.StatusBadRequest, "invalid_idempotency_key", "Idempotency-Key",
			"Idempotency-Key must be given once, with 1 to 255 printable ASCII characters.", headers...)
	}
	const limitBytes = 64 << 10
	padded := func(bytes int) string { return goodBody + repeat(bytes-len(goodBody), " ") }
	tooLarge := func(name, body string, isChunked bool) badCase {
		c := with(name, body, http.StatusRequestEntityTooLarge, "body_too_large", "",
			"The request body must be at most 64 KiB.", jsonType)
		c.isChunked = isChunked
		return c
	}
	return []badCase{
		notJSON("no content type"),
		contentType("text/plain"),
		contentType("application/x-www-form-urlencoded"),
		contentType("multipart/form-data; boundary=x"),
		contentType("application/jsonp"),
		contentType("application/json; charset=iso-8859-1"),
		contentType("application/json; profile=x"),
		contentType("application/json, text/plain"),
		contentType("json"),
		notJSON("two content types", jsonType, jsonType),
		notJSON("compressed", jsonType, header{"Content-Encoding", "gzip"}),
		tooLarge("one byte over 64 KiB", padded(limitBytes+1), false),
		tooLarge("a megabyte", padded(1<<20), false),
		tooLarge("one byte over 64 KiB in chunks", padded(limitBytes+1), true),
		tooLarge("200 KiB of no JSON in chunks", repeat(200<<10, "x"), true),
		badKey("empty", ""),
		badKey("of 256 characters", repeat(256, "k")),
		badKey("not ASCII", "schlüssel"),
		badKey("with a tab", "a\tb"),
		badKey("twice", "a", "a"),
	}
}

// badPaths returns requests for things that do not exist.
func (t Target) badPaths(foreign string) []badCase {
	get := func(path, code, msg string) badCase {
		return badCase{
			"get/" + strings.ReplaceAll(path, "/", "_"),
			request{method: http.MethodGet, path: path, headers: t.Account.headers()},
			http.StatusNotFound, code, "", msg,
		}
	}
	noPayment := func(path string) badCase { return get(path, "payment_not_found", "No payment has this id.") }
	nothing := func(path string) badCase { return get(path, "not_found", "This address does not exist.") }
	method := func(method, path string) badCase {
		return badCase{
			"method/" + method + strings.ReplaceAll(path, "/", "_"),
			request{method: method, path: path, headers: t.Account.headers()},
			http.StatusMethodNotAllowed, "method_not_allowed", "", "This address does not support this method.",
		}
	}
	return []badCase{
		noPayment("/api/payment/" + unknownID),
		noPayment("/api/payment/" + foreign),
		noPayment("/api/payment/" + strings.ToUpper("abcdef") + unknownID[6:]),
		noPayment("/api/payment/" + foreign + "0"),
		noPayment("/api/payment/" + foreign[:23]),
		noPayment("/api/payment/%00"),
		noPayment("/api/payment/%ff"),
		noPayment("/api/payment/'%20or%201=1--"),
		noPayment("/api/payment/648f3a..."),
		noPayment("/payment/data/" + unknownID),
		noPayment("/payment/data/x"),
		noPayment("/payment/data/%00"),
		noPayment("/payment/data/" + repeat(5000, "a")),
		nothing("/api"),
		nothing("/api/"),
		nothing("/api/payment"),
		nothing("/api/payments/"),
		nothing("/api/payment/" + foreign + "/transfers"),
		nothing("/payment/data/"),
		nothing("/payment/data/x/y"),
		method(http.MethodPut, createPath),
		method(http.MethodDelete, "/api/payments"),
		method(http.MethodGet, "/api/payment/"+foreign+"/reject"),
		method(http.MethodPost, "/payment/data/"+foreign),
		method("BREW", "/api/balance"),
	}
}

// badQueries returns lists with bad parameters.
func (t Target) badQueries() []badCase {
	list := func(path, query, code, field, msg string) badCase {
		return badCase{
			"list" + strings.ReplaceAll(path, "/", "_") + "?" + shortName(query),
			request{method: http.MethodGet, path: path + "?" + query, headers: t.Account.headers()},
			http.StatusBadRequest, code, field, msg,
		}
	}
	payments := func(query, field, msg string) badCase {
		return list("/api/payments", query, "invalid_parameter", field, msg)
	}
	const (
		statuses   = "status must be one of PENDING, DETECTED, CONFIRMING, PAID, EXPIRED, REJECTED."
		exceptions = "exception must be one of UNDERPAID, OVERPAID, PAID_LATE, REVERTED, ACCEPTED, AFTER_REJECT, " +
			"UNDERPAID_ACCEPTED."
		limits    = "limit must be a whole number from 1 to 200."
		reference = "reference must be 16 lower-case hex digits."
		cursor    = "cursor must be a nextCursor of this list."
	)
	aTime := func(name string) string {
		return name + " must be a time such as 2026-03-12T22:30:00Z (RFC 3339; write + as %2B)."
	}
	length := func(name string) string { return name + " must have 1 to 256 characters." }
	return []badCase{
		payments("status=paid", "status", statuses),
		payments("status=PAID%20", "status", statuses),
		payments("status=DONE", "status", statuses),
		payments("status=", "status", length("status")),
		payments("status=PAID&status=PENDING", "status", "status must be given only once."),
		payments("exception=underpaid", "exception", exceptions),
		payments("exception=null", "exception", exceptions),
		payments("limit=0", "limit", limits),
		payments("limit=-1", "limit", limits),
		payments("limit=201", "limit", limits),
		payments("limit=1e2", "limit", limits),
		payments("limit=050", "limit", limits),
		payments("limit=99999999999999999999", "limit", limits),
		payments("from=yesterday", "from", aTime("from")),
		payments("from=2026-03-12", "from", aTime("from")),
		payments("from=2026-03-12T22:30:00+02:00", "from", aTime("from")),
		payments("to=0001-01-01T00:00:00Z", "to", aTime("to")),
		payments("to=2026-13-01T00:00:00Z", "to", aTime("to")),
		payments("from=2026-03-12T22:30:00Z&to=2026-03-12T22:29:59Z", "to", "to must not be before from."),
		payments("reference=PAY-8X91KZ", "reference", reference),
		payments("reference=A1B2C3D4E5F6A7B8", "reference", reference),
		payments("userId=%00", "userId", "userId must not contain control characters."),
		payments("userId=%ff", "userId", "userId must be valid UTF-8."),
		payments("userId="+repeat(257, "u"), "userId", length("userId")),
		payments("metadata%5B%5D=v", "metadata", "A key in metadata must have 1 to 40 characters."),
		payments("metadata["+repeat(41, "k")+"]=v", "metadata", "A key in metadata must have 1 to 40 characters."),
		payments("metadata[%00]=v", "metadata", "A key in metadata must not contain control characters."),
		payments("metadata[%ff]=v", "metadata", "A key in metadata must be valid UTF-8."),
		payments("metadata[k]="+repeat(501, "v"), "metadata",
			`The value of "k" in metadata must have at most 500 characters.`),
		payments("metadata[k]=%0a", "metadata", `The value of "k" in metadata must not contain control characters.`),
		payments("metadata[k]=%ff", "metadata", `The value of "k" in metadata must be valid UTF-8.`),
		payments("metadata[k]=v&metadata[k]=w", "metadata", "metadata must be given only once."),
		payments("metadata[k]=v&metadata[l]=w", "metadata", "metadata must be given with only one key."),
		payments("metadataKey=", "metadataKey", "metadataKey must have 1 to 40 characters."),
		payments("metadataKey="+repeat(41, "ü"), "metadataKey", "metadataKey must have 1 to 40 characters."),
		payments("metadataKey="+repeat(257, "k"), "metadataKey", "metadataKey must have 1 to 40 characters."),
		payments("metadataKey=a%00", "metadataKey", "metadataKey must not contain control characters."),
		payments("metadataKey=%ff", "metadataKey", "metadataKey must be valid UTF-8."),
		payments("metadataKey=k&metadataKey=l", "metadataKey", "metadataKey must be given only once."),
		payments("metadataKey=k&metadata[k]=v", "metadataKey", "metadataKey must not be given together with metadata[key]."),
		list("/api/payments", "metadatakey=k", "unknown_parameter", "metadatakey", `The parameter "metadatakey" is unknown; `+
			`the known parameters are status, exception, userId, reference, search, match, from, to, cursor, limit, csv, metadata[key], metadataKey, test, totals.`),
		list("/api/payments", "metadata=v", "unknown_parameter", "metadata", `The parameter "metadata" is unknown; `+
			`the known parameters are status, exception, userId, reference, search, match, from, to, cursor, limit, csv, metadata[key], metadataKey, test, totals.`),
		list("/api/payments", "status[k]=v", "unknown_parameter", "status[k]", `The parameter "status[k]" is unknown; `+
			`the known parameters are status, exception, userId, reference, search, match, from, to, cursor, limit, csv, metadata[key], metadataKey, test, totals.`),
		payments("cursor=x", "cursor", cursor),
		payments("cursor=%21%21%21%21", "cursor", cursor),
		list("/api/payments", "user=u", "unknown_parameter", "user",
			`The parameter "user" is unknown; the known parameters are status, exception, userId, reference, search, match, from, to, cursor, limit, csv, metadata[key], metadataKey, test, totals.`),
		list("/api/payments", "Status=PAID", "unknown_parameter", "Status",
			`The parameter "Status" is unknown; the known parameters are status, exception, userId, reference, search, match, from, to, cursor, limit, csv, metadata[key], metadataKey, test, totals.`),
		list("/api/payments", "status=%zz", "malformed_query", "", "The query string is malformed."),
		list("/api/payments", "status=PAID;limit=1", "malformed_query", "", "The query string is malformed."),
		list("/api/ledger", "limit=0", "invalid_parameter", "limit", limits),
		list("/api/ledger", "cursor=x", "invalid_parameter", "cursor", cursor),
		list("/api/ledger", "status=PAID", "unknown_parameter", "status",
			`The parameter "status" is unknown; the known parameters are cursor, limit, csv.`),
	}
}

// badDecisions returns rejections and acceptances that are not possible.
func (t Target) badDecisions(open, foreign string) []badCase {
	decide := func(name, call, id, body string, status int, code, field, msg string) badCase {
		return badCase{call + "/" + name, request{
			method: http.MethodPost, path: "/api/payment/" + id + "/" + call, headers: t.Account.headers(jsonType),
			body: body,
		}, status, code, field, msg}
	}
	body := func(name, call, body, code, field, msg string) badCase {
		return decide(name, call, open, body, http.StatusBadRequest, code, field, msg)
	}
	noPayment := func(name, call, id string) badCase {
		return decide(name, call, id, `{"reason":"r"}`, http.StatusNotFound, "payment_not_found", "",
			"No payment has this id.")
	}
	const reasonRange = "reason must have 1 to 500 characters."
	cases := []badCase{
		body("no body", "reject", ``, "malformed_json", "", "The request body is empty; it must be a JSON object."),
		body("no reason", "reject", `{}`, "missing_field", "reason", "reason is required."),
		decide("still open", "accept", open, `{"reason":"r"}`, http.StatusConflict, "payment_still_open", "",
			"This payment is still open; only an expired payment can be accepted."),
		decide("still open, no body", "accept", open, ``, http.StatusConflict, "payment_still_open", "",
			"This payment is still open; only an expired payment can be accepted."),
	}
	for _, call := range []string{"reject", "accept"} {
		noType := decide("no content type", call, open, `{"reason":"r"}`, http.StatusUnsupportedMediaType,
			"unsupported_media_type", "",
			"Content-Type must be application/json in UTF-8, and Content-Encoding must not be set.")
		noType.headers = t.Account.headers()
		cases = append(cases, noType,
			body("null reason", call, `{"reason":null}`, "invalid_field", "reason", "reason must be a string, not null."),
			body("number as reason", call, `{"reason":5}`, "invalid_field", "reason",
				"reason must be a string, not a number."),
			body("empty reason", call, `{"reason":""}`, "invalid_field", "reason", reasonRange),
			body("501 characters", call, `{"reason":"`+repeat(501, "r")+`"}`, "invalid_field", "reason", reasonRange),
			body("control character", call, `{"reason":"a\u0000b"}`, "invalid_field", "reason",
				"reason must not contain control characters."),
			body("unknown key", call, `{"reason":"r","force":true}`, "unknown_field", "force",
				`The field "force" is unknown.`),
			body("bare string", call, `"r"`, "malformed_json", "", "The request body must be a JSON object."),
			noPayment("unknown payment", call, unknownID),
			noPayment("malformed id", call, "x"),
			noPayment("another operator's payment", call, foreign),
			decide("too large", call, open, `{"reason":"r"}`+repeat(64<<10, " "), http.StatusRequestEntityTooLarge,
				"body_too_large", "", "The request body must be at most 64 KiB."),
		)
	}
	return cases
}

// operatorCalls returns one good request for each call that requires credentials.
func operatorCalls() []request {
	return []request{
		{method: http.MethodPost, path: createPath, headers: []header{jsonType}, body: goodBody},
		{method: http.MethodGet, path: "/api/payment/" + unknownID},
		{method: http.MethodGet, path: "/api/payments"},
		{
			method: http.MethodPost, path: "/api/payment/" + unknownID + "/reject", headers: []header{jsonType},
			body: `{"reason":"r"}`,
		},
		{method: http.MethodPost, path: "/api/payment/" + unknownID + "/accept"},
		{method: http.MethodGet, path: "/api/balance"},
		{method: http.MethodGet, path: "/api/ledger"},
		{method: http.MethodGet, path: "/api/keys"},
		{method: http.MethodPost, path: "/api/keys", headers: []header{jsonType}, body: `{"name":"k"}`},
		{method: http.MethodDelete, path: "/api/keys/pk_unknown"},
	}
}

func (t Target) refusedAccount(inactive Inactive) []badCase {
	sentences := map[string]string{
		"account_pending":   "This account is waiting for approval.",
		"account_suspended": "This account is suspended: it can read, revoke its API keys and secure its login, but change nothing else.",
		"account_rejected":  "This account was not approved.",
	}
	var cases []badCase
	for _, call := range operatorCalls() {
		if inactive.Code == "account_suspended" && (call.method == http.MethodGet || call.method == http.MethodDelete &&
			strings.HasPrefix(call.path, "/api/keys/")) {
			continue // who is suspended still reads, and revokes keys
		}
		call.headers = append(inactive.headers(), call.headers...)
		cases = append(cases, badCase{
			inactive.Code + "/" + call.method + strings.ReplaceAll(call.path, "/", "_"), call,
			http.StatusForbidden, inactive.Code, "", sentences[inactive.Code],
		})
	}
	return cases
}

// badCredentials tries every kind of wrong credentials on every call. Apart from the request id, the response must be
// the same to the last byte, even if the rest of the request is wrong too.
func (t Target) badCredentials(tt *testing.T) {
	key, secret := t.Account.APIKey, t.Account.APISecret
	pair := func(key, secret string) []header { return Account{key, secret}.headers() }
	ways := map[string][]header{
		"none":                    nil,
		"no key":                  {{"x-api-secret", secret}},
		"no secret":               {{"x-api-key", key}},
		"empty key":               pair("", secret),
		"empty secret":            pair(key, ""),
		"both empty":              pair("", ""),
		"unknown key":             pair("pk_"+repeat(32, "0"), secret),
		"wrong secret":            pair(key, "sk_"+repeat(43, "A")),
		"key and secret swapped":  pair(secret, key),
		"key of another case":     pair(strings.ToUpper(key), secret),
		"secret of another case":  pair(key, strings.ToUpper(secret)),
		"secret cut":              pair(key, secret[:len(secret)-1]),
		"secret with more":        pair(key, secret+"A"),
		"another operator's key":  pair(t.Other.APIKey, secret),
		"another one's secret":    pair(key, t.Other.APISecret),
		"key as a pattern":        pair("%", secret),
		"key as SQL":              pair("' or '1'='1", secret),
		"key not ASCII":           pair(key+"é", secret),
		"key not UTF-8":           pair(key+"\xff", secret),
		"key twice":               {{"x-api-key", key}, {"x-api-key", key}, {"x-api-secret", secret}},
		"secret twice":            {{"x-api-key", key}, {"x-api-secret", secret}, {"x-api-secret", secret}},
		"secret twice, one wrong": {{"x-api-key", key}, {"x-api-secret", "x"}, {"x-api-secret", secret}},
		"two keys in one header":  pair(key+", "+key, secret),
		"oversized key":           pair(repeat(10000, "k"), secret),
		"oversized secret":        pair(key, repeat(10000, "s")),
		"as basic authentication": {{"Authorization", "Basic cGs6c2s="}},
		"as a bearer token":       {{"Authorization", "Bearer " + secret}},
		"in other headers":        {{"api-key", key}, {"api-secret", secret}},
	}
	calls := append(operatorCalls(),
		request{method: http.MethodPost, path: createPath, headers: []header{jsonType}, body: `{"amount":null`},
		request{method: http.MethodPost, path: createPath, body: repeat(70<<10, "x")},
		request{method: http.MethodGet, path: "/api/payments?limit=nonsense"},
		request{method: http.MethodGet, path: "/api/payments?x-api-key=" + key + "&x-api-secret=" + secret},
	)
	for name, headers := range ways {
		tt.Run(name, func(tt *testing.T) {
			for _, call := range calls {
				call.headers = append(append([]header{}, headers...), call.headers...)
				answer, err := t.send(call)
				require.NoError(tt, err)
				require.Equal(tt, http.StatusUnauthorized, answer.status, call.path)
				body := decodeError(tt, answer)
				require.Equal(tt, `{"msg":"The API credentials are missing or wrong.","code":"unauthorized","requestId":"`+body.RequestID+`"}`,
					string(answer.body), call.path)
			}
		})
	}
}

// shortName keeps the names of subtests readable.
func shortName(text string) string {
	if len(text) > 32 {
		return text[:32] + "…"
	}
	return text
}
