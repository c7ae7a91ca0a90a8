// Package views holds the JSON forms of payments that shops read: in the answers of the API, and in events. Both are
// made here, so they never differ. It does no I/O.
package views

import "time"

// Instant is a time that prints in UTC with exactly three decimals of a second.
type Instant time.Time

const instantLayout = "2006-01-02T15:04:05.000Z"

// String returns the instant as the API writes it.
func (i Instant) String() string { return time.Time(i).UTC().Format(instantLayout) }

// MarshalJSON writes the instant as a JSON string.
func (i Instant) MarshalJSON() ([]byte, error) { return []byte(`"` + i.String() + `"`), nil }

// UnmarshalJSON reads an instant as the API writes it.
func (i *Instant) UnmarshalJSON(text []byte) error {
	at, err := time.Parse(`"`+instantLayout+`"`, string(text))
	*i = Instant(at)
	return err
}
