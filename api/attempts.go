package api

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/gin-gonic/gin"

	"paycow/models"
)

// How often logging in may be tried in store.AttemptsWindow: for one account, and from one network address.
const (
	maxAttemptsPerAccount = 10
	maxAttemptsPerAddress = 60
)

// attempt is one try to log in, to register or to confirm something with a password.
type attempt struct {
	subject string // under which it is counted beside the network address
	role    models.Role
	email   string
}

// loginAttempt names an account whether it exists or not, without keeping what was typed in.
func loginAttempt(role models.Role, email string) attempt {
	sum := sha256.Sum256([]byte(email))
	return attempt{subject: "account:" + string(role) + ":" + hex.EncodeToString(sum[:16]), role: role, email: email}
}

// confirmAttempt is counted apart from logins, so that nobody outside can keep somebody who has logged in from changing a
// password or a key.
func confirmAttempt(account models.Account) attempt {
	return attempt{subject: "confirm:" + string(account.Role) + ":" + account.ID, role: account.Role, email: account.Email}
}

// countAttempt counts a try and refuses it when there were too many. The network address comes first: one that is refused
// must not use up the tries of the accounts it names.
func (s *Server) countAttempt(c *gin.Context, try attempt) error {
	for _, subject := range []struct {
		name  string
		limit int64
		// in the audit log
		action, detail string
	}{
		{"address:" + networkOf(c.ClientIP()), maxAttemptsPerAddress, "address_limited", "Too many attempts from this network address."},
		{try.subject, maxAttemptsPerAccount, "login_limited", "Too many attempts at this account."},
	} {
		tries, until, err := s.Store.CountAttempt(c.Request.Context(), subject.name)
		if err != nil {
			return fmt.Errorf("count the attempt: %w", err)
		}
		if tries <= subject.limit {
			continue
		}
		if tries == subject.limit+1 {
			entry := models.AuditEntry{Actor: models.ActorSystem, Action: subject.action, Detail: subject.detail, Address: c.ClientIP()}
			if err := s.auditLimit(c, try, entry); err != nil {
				return err
			}
		}
		return &failure{
			status: http.StatusTooManyRequests, code: "too_many_attempts", retryAfter: max(time.Second, time.Until(until)),
			msg: "There were too many attempts; please try again later.",
		}
	}
	return nil
}

// auditLimit notes once a window that a limit was reached, and at which account where it exists. What was typed in for one
// that does not is kept nowhere: people type their password there.
func (s *Server) auditLimit(c *gin.Context, try attempt, entry models.AuditEntry) error {
	account, err := s.Store.AccountByEmail(c.Request.Context(), try.role, try.email)
	switch {
	case err == nil:
		entry.Subject = string(try.role) + ":" + account.ID
	case errors.Is(err, models.ErrNotFound):
		entry.Subject = string(try.role) + ":unknown"
	default:
		return fmt.Errorf("read the account: %w", err)
	}
	s.Log.WarnContext(c, "too many attempts to log in", "request_id", requestID(c), "account", entry.Subject, "address", entry.Address)
	if err := s.Store.Audit(c.Request.Context(), entry); err != nil {
		return fmt.Errorf("write the audit log: %w", err)
	}
	return nil
}

func (s *Server) forgetConfirms(c *gin.Context, who person) error {
	if err := s.Store.ForgetAttempts(c.Request.Context(), confirmAttempt(who.account).subject); err != nil {
		return fmt.Errorf("forget the attempts: %w", err)
	}
	return nil
}

// networkOf is what one customer of a provider has: an IPv4 address or the first half of an IPv6 one.
func networkOf(address string) string {
	parsed, err := netip.ParseAddr(address)
	if err != nil || parsed.Unmap().Is4() {
		return address
	}
	prefix, err := parsed.Prefix(64)
	if err != nil {
		return address
	}
	return prefix.String()
}
