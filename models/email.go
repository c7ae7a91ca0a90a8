package models

import (
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxEmailBytes is the length of the longest e-mail address (RFC 5321, section 4.5.3.1.3), in bytes.
const MaxEmailBytes = 254

// NormalEmail returns an e-mail address in the form in which it is stored and compared: in lower case, without blanks
// around it. Returns ErrEmail unless it is one plain address (RFC 5322, addr-spec) in valid UTF-8 that shows every
// character it holds.
func NormalEmail(text string) (string, error) {
	email := strings.ToLower(strings.TrimSpace(text))
	parsed, err := mail.ParseAddress(email)
	switch {
	case err != nil, parsed.Address != email, parsed.Name != "", len(email) > MaxEmailBytes,
		strings.ContainsAny(email, ` "<>`), strings.ContainsFunc(email, isInvisible),
		strings.ContainsRune(email, utf8.RuneError):
		return "", ErrEmail
	}
	return email, nil
}

// isInvisible reports whether a character shows nothing or reverses the text around it. Such characters make one
// address look like another.
func isInvisible(r rune) bool { return !unicode.IsGraphic(r) || unicode.IsSpace(r) }
