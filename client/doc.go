// Package client calls PayCow's API with an API key, and verifies its webhooks.
//
// The calls and their types are generated from api/openapi.json (client.gen.go), so they are as documented. Amounts are
// decimal.Decimal, so no amount goes through a float. The package imports nothing else of PayCow: it may be copied.
//
// An answer that is not a success is an *Error, also when it is not PayCow's own, such as a proxy's. So is a success
// that is not documented for the call. So a call that returns no error has its answer, in the field for its status,
// JSON200, JSON201 or JSON202, or in Body if a header Accept of yours asks for text/csv.
//
// No call is repeated by itself. All calls that read can be repeated; a payment is made once if every attempt to make
// it has the same Idempotency-Key.
package client

//go:generate bash -c "$(../scripts/tool oapi-codegen) -config generate.yaml -o client.gen.go ../api/openapi.json"
