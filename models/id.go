package models

import (
	"crypto/rand"
	"encoding/hex"
)

// NewID returns 24 lower-case hex digits from the system's random generator (96 bits).
func NewID() string { return randomHex(12) }

// NewReference returns 16 lower-case hex digits from the system's random generator.
func NewReference() string { return randomHex(8) }

func randomHex(bytes int) string {
	b := make([]byte, bytes)
	rand.Read(b) // never fails: crypto/rand ends the process instead
	return hex.EncodeToString(b)
}
