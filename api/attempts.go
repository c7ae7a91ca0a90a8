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

// The number of login attempts allowed in store.AttemptsWindow.
const (
	maxAttemptsPerAccount = 10
	maxAttemptsPerAddress = 60
)

// attempt is an attempt to log in, to register or to confirm an action with a password.
type attempt struct {
	subject string // names its counter, besides the one of the network address
	role    models.Role
	email   string
}

// loginAttempt returns the attempt for an account, which need not exist. The counter's name holds a hash of the
// e-mail address, because people sometimes type their password there.
func loginAttempt(role models.Role, email string) attempt {
	sum := sha256.Sum256([]byte(email))
	return attempt{subject: "account:" + string(role) + ":" + hex.EncodeToString(sum[:16]), role: role, email: email}
}

// confirmAttempt returns the attempt to confirm an action. It is counted apart from logins, so that failed logins by
// others cannot keep a logged-in person from changing a password or a key.
func confirmAttempt(account models.Account) attempt {
	return attempt{subject: "confirm:" + string(account.Role) + ":" + account.ID, role: account.Role, email: account.Email}
}

// countAttempt counts an attempt and returns a 429 if there were too many. The network address is checked first, so
// that a blocked address cannot use up the attempts of the accounts it names.
func (s *Server) countAttempt(c *gin.Context, try attempt) error {
	for _, subject := range []struct {
		name  string
		limit int64
		// for the audit log
		action, detail string
	}{
		{
			"address:" + networkOf(c.ClientIP()), maxAttemptsPerAddress, "address_limited",
			"Too many attempts from this network address.",
		},
		{try.subject, maxAttemptsPerAccount, "login_limited", "Too many attempts for this account."},
	} {
		tries, until, err := s.Store.CountAttempt(c.Request.Context(), subject.name)
		if err != nil {
			return fmt.Errorf("count the attempt: %w", err)
		}
		if tries <= subject.limit {
			continue
		}
		if tries == subject.limit+1 {
			entry := models.AuditEntry{
				Actor: models.ActorSystem, Action: subject.action, Detail: subject.detail, Address: c.ClientIP(),
			}
			if err := s.auditLimit(c, try, entry); err != nil {
				return err
			}
		}
		return &failure{
			status: http.StatusTooManyRequests, code: "too_many_attempts", retryAfter: max(time.Second, time.Until(until)),
			msg: "Too many attempts; please try again later.",
		}
	}
	return nil
}

// auditLimit records, once per window, that a limit was reached, and for which account if it exists. The e-mail
// address of an unknown account is not recorded, because people sometimes type their password there.
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
	s.Log.WarnContext(c, "too many attempts to log in", "request_id", requestID(c), "account", entry.Subject, "address",
		entry.Address)
	if err := s.Store.Audit(c.Request.Context(), entry); err != nil {
		return fmt.Errorf("write the audit log: %w", err)
	}
	return nil
}

func (s *Server) forgetConfirms(c *gin.Context, who person) error {
	if err := s.Store.ForgetAttempts(c.Request.Context(), confirmAttempt(who.account).subject); err != nil {
		return fmt.Errorf("reset the attempts: %w", err)
	}
	return nil
}

// networkOf returns what a provider typically assigns to one customer: an IPv4 address, or the /64 prefix of an IPv6
// address.
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
