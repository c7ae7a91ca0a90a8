package models

import (
	"crypto/rand"
	"encoding/hex"
)

// IDDigits is the length of an id.
const IDDigits = 24

// NewID returns 24 lower-case hex digits from the system's random generator (96 bits).
func NewID() string { return RandomHex(IDDigits / 2) }

// NewReference returns 16 lower-case hex digits from the system's random generator.
func NewReference() string { return RandomHex(8) }

// RandomHex returns the given number of bytes from the system's random generator as lower-case hex digits.
func RandomHex(bytes int) string {
	b := make([]byte, bytes)
	rand.Read(b) // never fails: crypto/rand ends the process instead
	return hex.EncodeToString(b)
}
