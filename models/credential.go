package models

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Scope is a part of the operator API that an API key may be used for.
type Scope string

// The scopes.
const (
	ScopePaymentsRead  Scope = "payments:read"
	ScopePaymentsWrite Scope = "payments:write"
	ScopeWebhooksWrite Scope = "webhooks:write"
	ScopeKeysWrite     Scope = "keys:write"
)

// Scopes returns every scope.
func Scopes() []Scope {
	return []Scope{ScopePaymentsRead, ScopePaymentsWrite, ScopeWebhooksWrite, ScopeKeysWrite}
}

// defaultScopes are those of a key that states none. A key must state whatever lets it do more than take payments.
var defaultScopes = []Scope{ScopePaymentsRead, ScopePaymentsWrite, ScopeWebhooksWrite}

// Limits of an operator's API keys.
const (
	// MaxKeys is how many API keys of one operator are valid at the same time.
	MaxKeys = 50
	// MaxKeyNetworks is how many networks one API key lists.
	MaxKeyNetworks = 20
	// MaxKeyNameRunes is the length of the longest name of an API key, in characters.
	MaxKeyNameRunes = 60
)

// Credential is an operator's API key and its secret: a hash to check the secret, and the secret itself, sealed with
// the master key, so that the dashboard can show it again to whoever enters the password.
type Credential struct {
	APIKey       string `gorm:"primaryKey"`
	OperatorID   string
	Name         string     // "" for the main key, which the approval makes
	Scopes       string     // separated by spaces; "" if none are stated
	Networks     string     // address ranges in CIDR form from which it may come, separated by spaces; "" for any
	ExpiresAt    *time.Time // nil for a key that does not end by itself
	Test         bool       // it makes and sees test payments only
	SecretHash   []byte     // SHA-256 of the secret, which has 256 bits of entropy of its own
	SecretMAC    []byte     // proves that this program wrote the row; see partsOfCredential of package store
	SecretSealed []byte
	CreatedAt    time.Time
	RevokedAt    *time.Time
	ValidUntil   *time.Time // set when a newer credential replaced it; it is valid until then at most
	LastUsedAt   *time.Time // to the minute; nil if it was never used
}

// AllowedScopes returns the scopes that the key has.
func (c Credential) AllowedScopes() []Scope {
	if c.Scopes == "" {
		return defaultScopes
	}
	var scopes []Scope
	for text := range strings.FieldsSeq(c.Scopes) {
		scopes = append(scopes, Scope(text))
	}
	return scopes
}

// TestScopes returns the scopes that a key for test payments can have: those of a key that states none. With any other
// one it could make a key that is not for tests, or move money.
func TestScopes() []Scope { return slices.Clone(defaultScopes) }

// Allows reports whether the key has a scope.
func (c Credential) Allows(scope Scope) bool {
	return slices.Contains(c.AllowedScopes(), scope) && (!c.Test || slices.Contains(TestScopes(), scope))
}

// AllowsAddress reports whether the key may be used from a network address.
func (c Credential) AllowsAddress(address netip.Addr) bool {
	if c.Networks == "" {
		return true
	}
	address = address.Unmap().WithZone("")
	return slices.ContainsFunc(c.prefixes(), func(network netip.Prefix) bool { return network.Contains(address) })
}

// prefixes returns the networks that the key lists. One that is unreadable allows nothing.
func (c Credential) prefixes() []netip.Prefix {
	var networks []netip.Prefix
	for text := range strings.FieldsSeq(c.Networks) {
		if network, err := netip.ParsePrefix(text); err == nil {
			networks = append(networks, network)
		}
	}
	return networks
}

// Covers reports whether the other key can do nothing that this one cannot: no other call, from no other network, for
// no longer, and with no real payments if this one is for tests.
func (c Credential) Covers(other Credential) bool {
	if c.Test && !other.Test {
		return false
	}
	for _, scope := range other.AllowedScopes() {
		if !c.Allows(scope) {
			return false
		}
	}
	if c.ExpiresAt != nil && (other.ExpiresAt == nil || other.ExpiresAt.After(*c.ExpiresAt)) {
		return false
	}
	if c.Networks == "" {
		return true
	}
	inside := func(network netip.Prefix) bool {
		return slices.ContainsFunc(c.prefixes(), func(own netip.Prefix) bool {
			return own.Bits() <= network.Bits() && own.Contains(network.Addr())
		})
	}
	networks := other.prefixes()
	return len(networks) > 0 && !slices.ContainsFunc(networks, func(n netip.Prefix) bool { return !inside(n) })
}
