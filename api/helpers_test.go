package api

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/stretchr/testify/require"
)

// UnmarshalJSON reads an instant as the API writes it, so that tests can read answers into the types they were made of.
func (i *instant) UnmarshalJSON(text []byte) error {
	at, err := time.Parse(`"`+instantLayout+`"`, string(text))
	*i = instant(at)
	return err
}

// parse reads an answer.
func parse[T any](t require.TestingT, body string) T {
	var value T
	require.NoError(t, json.Unmarshal([]byte(body), &value), body)
	return value
}

// hexHash makes a hash of a number.
func hexHash(n uint64) string { return fmt.Sprintf("0x%064x", n) }
