package store

import (
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"paycow/models"
)

const (
	// CredentialLifetime is how long a process uses an API key that it has read. So a key that another process revokes, or
	// whose operator another process suspends, is refused here after that time at most.
	CredentialLifetime = time.Second
	// maxCachedCredentials is how many API keys a process remembers.
	maxCachedCredentials = 4096
)

// credentialCache holds API keys with their operators as they were read a moment ago. A change of a key or an operator
// through the same store empties it. It is safe for concurrent use.
type credentialCache struct {
	mutex   sync.Mutex
	entries *lru.Cache[string, cachedCredential]
	changes uint64 // how often it was emptied
}

type cachedCredential struct {
	credential models.Credential
	operator   models.Operator
	until      time.Time // with the monotonic clock: an entry lives no longer when the clock is set
}

// UseCredentialCache makes CachedCredential find what Credential has read. It is called before the store is used.
func (s *Store) UseCredentialCache() {
	entries, err := lru.New[string, cachedCredential](maxCachedCredentials)
	if err != nil {
		panic(err) // only for a size below 1
	}
	s.credentials = &credentialCache{entries: entries}
}

// CachedCredential returns what Credential has returned for the API key within CredentialLifetime, unless a key or an
// operator has changed through this store since, or the key has ended. Its proof was checked when the row was read.
func (s *Store) CachedCredential(apiKey string) (c models.Credential, o models.Operator, ok bool) {
	if s.credentials == nil {
		return models.Credential{}, models.Operator{}, false
	}
	found, ok := s.credentials.entries.Get(apiKey)
	now := s.now()
	hasEnded := func(end *time.Time) bool { return end != nil && !end.After(now) }
	if !ok || !time.Now().Before(found.until) ||
		hasEnded(found.credential.ExpiresAt) || hasEnded(found.credential.ValidUntil) {
		return models.Credential{}, models.Operator{}, false
	}
	return found.credential, found.operator, true
}

// begin returns what keep takes after a read that begins now.
func (c *credentialCache) begin() (changes uint64, until time.Time) {
	if c == nil {
		return 0, time.Time{}
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.changes, time.Now().Add(CredentialLifetime)
}

// keep remembers what was read, unless something has changed since the read began.
func (c *credentialCache) keep(
	credential models.Credential, operator models.Operator, changes uint64, until time.Time,
) {
	if c == nil {
		return
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.changes == changes {
		c.entries.Add(credential.APIKey, cachedCredential{credential, operator, until})
	}
}

// forget drops a key whose row has changed in nothing that decides.
func (c *credentialCache) forget(apiKey string) {
	if c == nil {
		return
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.entries.Remove(apiKey)
}

// empty forgets everything. It is called after each change of a key or an operator, also after one that failed: the
// database may have made it.
func (c *credentialCache) empty() {
	if c == nil {
		return
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.changes++
	c.entries.Purge()
}
