package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/mail"
	"net/netip"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"paycow/internal/secrets"
	"paycow/models"
)

// How often logging in may be tried in store.AttemptsWindow: for one account, and from one network address.
const (
	maxAttemptsPerAccount = 10
	maxAttemptsPerAddress = 60
)

const (
	maxEmailBytes   = 254 // RFC 5321, section 4.5.3.1.3
	maxNameRunes    = 100
	maxWebsiteBytes = 300
	// maxHashing is how many passwords are hashed at once: each takes 19 MiB.
	maxHashing = 4
)

var (
	errLoginFailed  = &failure{status: http.StatusUnauthorized, code: "login_failed", msg: "E-mail address, password or code is wrong."}
	errTOTPRequired = &failure{status: http.StatusUnauthorized, code: "totp_required", msg: "Please give the code of your authenticator app too."}
)

// absentPassword is compared when there is no account, so that an unknown address costs what a wrong password does.
var absentPassword = sync.OnceValue(func() string { return secrets.HashPassword(models.NewID()) })

// hashing waits for its turn to hash a password.
func (s *Server) hashing(ctx context.Context, do func()) error {
	select {
	case s.hashers <- struct{}{}:
		defer func() { <-s.hashers }()
		do()
		return nil
	case <-ctx.Done():
		return &failure{status: http.StatusServiceUnavailable, code: "busy", retryAfter: retryAfterOutage, msg: "Too many people log in at the moment; please try again.", cause: ctx.Err()}
	}
}

// checkPassword tells whether the password is the account's. An account without one, or none at all, costs the same.
func (s *Server) checkPassword(ctx context.Context, account models.Account, password string) (ok bool, err error) {
	hash := account.PasswordHash
	if hash == "" {
		hash = absentPassword()
	}
	var checkErr error
	if err := s.hashing(ctx, func() { ok, checkErr = secrets.CheckPassword(password, hash) }); err != nil {
		return false, err
	}
	return ok && account.PasswordHash != "", checkErr
}

// attempt is one try to log in, to register or to confirm something with a password.
type attempt struct {
	subject string // under which it is counted beside the network address
	role    models.Role
	email   string
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
	s.Logger.WarnContext(c, "too many attempts to log in", "request_id", requestID(c), "account", entry.Subject, "address", entry.Address)
	if err := s.Store.Audit(c.Request.Context(), entry); err != nil {
		return fmt.Errorf("write the audit log: %w", err)
	}
	return nil
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

// normalEmail returns an address in lower case, or a 400.
func normalEmail(text string) (string, error) {
	email := strings.ToLower(text)
	parsed, err := mail.ParseAddress(email)
	if err != nil || parsed.Address != email || parsed.Name != "" || len(email) > maxEmailBytes || strings.ContainsAny(email, " \"<>") || strings.ContainsFunc(email, isUnseen) {
		return "", invalid("email", "invalid_email", "email must be an e-mail address.")
	}
	return email, nil
}

// isUnseen tells whether a character shows nothing or turns the text around, as only somebody uses it who wants to be taken
// for another.
func isUnseen(r rune) bool { return !unicode.IsGraphic(r) || unicode.IsSpace(r) }

// newPassword checks a password that somebody chooses.
func newPassword(body fields, name, email string) (string, error) {
	password, err := passwordOf(body, name)
	if err != nil {
		return "", err
	}
	if problem := secrets.PasswordProblem(password, email); problem != "" {
		return "", invalid(name, "invalid_password", "%s %s.", name, problem)
	}
	return password, nil
}

// passwordOf reads a password as it was typed in. Its value is never part of a message.
func passwordOf(body fields, name string) (string, error) {
	raw, isThere := body[name]
	if !isThere {
		return "", missingField(name)
	}
	if raw.Kind() != '"' {
		return "", invalid(name, "invalid_field", "%s must be a string.", name)
	}
	password := unquote(raw)
	if password == "" || utf8.RuneCountInString(password) > secrets.MaxPasswordRunes || strings.ContainsRune(password, 0) {
		return "", invalid(name, "invalid_password", "%s must have 1 to %d characters and no NUL.", name, secrets.MaxPasswordRunes)
	}
	return password, nil
}

// register takes a new operator's application. Whether the address is new cannot be told from the answer or its time.
func (s *Server) register(c *gin.Context) error {
	body, err := readFields(c, "email", "password", "name", "website")
	if err != nil {
		return err
	}
	email, err := emailOf(body)
	if err != nil {
		return err
	}
	password, err := newPassword(body, "password", email)
	if err != nil {
		return err
	}
	name, err := body.text("name", 1, maxNameRunes)
	if err != nil {
		return err
	}
	website, err := websiteOf(body)
	if err != nil {
		return err
	}
	if err := s.countAttempt(c, loginAttempt(models.RoleOperator, email)); err != nil {
		return err
	}
	operator := models.Operator{ID: models.NewID(), Email: email, Name: name, Website: website}
	if err := s.hashing(c.Request.Context(), func() { operator.PasswordHash = secrets.HashPassword(password) }); err != nil {
		return err
	}
	isNew, err := s.Store.RegisterOperator(c.Request.Context(), operator, c.ClientIP())
	if err != nil {
		return fmt.Errorf("store the operator: %w", err)
	}
	if !isNew {
		s.Logger.InfoContext(c, "somebody registers an address that is registered", "request_id", requestID(c))
	}
	writeJSON(c, http.StatusAccepted, gin.H{"msg": "Thank you. You can log in now; an admin looks at new accounts before they can be used."})
	return nil
}

// codeOf reads a second factor's code. Apps show it in groups, and so it is copied.
func codeOf(body fields) (string, error) {
	code, err := body.text("code", 1, 16)
	return strings.ReplaceAll(code, " ", ""), err
}

func emailOf(body fields) (string, error) {
	text, err := body.text("email", 3, maxEmailBytes)
	if err != nil {
		return "", err
	}
	return normalEmail(text)
}

// readLogin reads what was typed in to log in; code is "" when there is none.
func readLogin(c *gin.Context) (email, password, code string, err error) {
	body, err := readFields(c, "email", "password", "code")
	if err != nil {
		return "", "", "", err
	}
	if email, err = body.text("email", 1, maxEmailBytes); err != nil {
		return "", "", "", err
	}
	if password, err = passwordOf(body, "password"); err != nil {
		return "", "", "", err
	}
	if _, isThere := body["code"]; isThere {
		code, err = codeOf(body)
	}
	return strings.ToLower(email), password, code, err
}

// login makes a session for whoever knows e-mail address, password and, where there is a second factor, its code.
func (s *Server) login(role models.Role, next string) func(*gin.Context) error {
	return func(c *gin.Context) error {
		email, password, code, err := readLogin(c)
		if err != nil {
			return err
		}
		try := loginAttempt(role, email)
		if err := s.countAttempt(c, try); err != nil {
			return err
		}
		ctx := c.Request.Context()
		account, err := s.Store.AccountByEmail(ctx, role, email)
		if err != nil && !errors.Is(err, models.ErrNotFound) {
			return fmt.Errorf("read the account: %w", err)
		}
		ok, err := s.checkPassword(ctx, account, password)
		if err != nil {
			return err
		}
		if !ok {
			return errLoginFailed
		}
		if account.HasTOTP() {
			if code == "" {
				return errTOTPRequired
			}
			if err := s.useCode(ctx, account, code); err != nil {
				return err
			}
		}
		if err := s.beginSession(c, account); err != nil {
			return err
		}
		if err := s.Store.ForgetAttempts(ctx, try.subject); err != nil {
			return fmt.Errorf("forget the attempts: %w", err)
		}
		writeJSON(c, http.StatusOK, gin.H{"role": role, "next": next})
		return nil
	}
}

// beginSession ends the browser's session, if it has one, and begins another under a new token.
func (s *Server) beginSession(c *gin.Context, account models.Account) error {
	var old []byte
	if cookie, err := c.Request.Cookie(s.cookieName()); err == nil {
		old = secrets.HashSessionToken(cookie.Value)
	}
	token, hash := secrets.NewSessionToken()
	session := models.Session{TokenHash: hash, Address: c.ClientIP()}
	err := s.Store.CreateSession(c.Request.Context(), account, session, old, auditOf(c, account, "logged_in", "Logged in."))
	if errors.Is(err, models.ErrNotFound) {
		return errLoginFailed.because(errors.New("the password or the second factor was changed meanwhile"))
	}
	if err != nil {
		return fmt.Errorf("make the session: %w", err)
	}
	s.setSession(c, token)
	return nil
}

func (s *Server) logout(c *gin.Context) error {
	if cookie, err := c.Request.Cookie(s.cookieName()); err == nil {
		if err := s.Store.EndSession(c.Request.Context(), secrets.HashSessionToken(cookie.Value)); err != nil {
			return fmt.Errorf("end the session: %w", err)
		}
	}
	s.setSession(c, "")
	c.Status(http.StatusNoContent)
	return nil
}

// confirm checks the password of whoever has logged in already, before something delicate.
func (s *Server) confirm(c *gin.Context, who person, body fields, name string) error {
	if err := s.confirmPassword(c, who, body, name); err != nil {
		return err
	}
	return s.forgetConfirms(c, who)
}

func (s *Server) forgetConfirms(c *gin.Context, who person) error {
	if err := s.Store.ForgetAttempts(c.Request.Context(), confirmAttempt(who.account).subject); err != nil {
		return fmt.Errorf("forget the attempts: %w", err)
	}
	return nil
}

// confirmPassword is confirm for what needs a code too: the attempt goes on counting until that is right as well.
func (s *Server) confirmPassword(c *gin.Context, who person, body fields, name string) error {
	password, err := passwordOf(body, name)
	if err != nil {
		return err
	}
	if err := s.countAttempt(c, confirmAttempt(who.account)); err != nil {
		return err
	}
	ok, err := s.checkPassword(c.Request.Context(), who.account, password)
	if err != nil {
		return err
	}
	if !ok {
		return &failure{status: http.StatusForbidden, code: "wrong_password", field: name, msg: "The password is wrong."}
	}
	return nil
}

// changePassword ends every session of the account and gives this browser a new one.
func (s *Server) changePassword(c *gin.Context) error {
	who := personOfRequest(c)
	body, err := readFields(c, "currentPassword", "newPassword")
	if err != nil {
		return err
	}
	password, err := newPassword(body, "newPassword", who.account.Email)
	if err != nil {
		return err
	}
	if err := s.confirm(c, who, body, "currentPassword"); err != nil {
		return err
	}
	var hash string
	if err := s.hashing(c.Request.Context(), func() { hash = secrets.HashPassword(password) }); err != nil {
		return err
	}
	token, tokenHash := secrets.NewSessionToken()
	session := models.Session{TokenHash: tokenHash, Address: c.ClientIP()}
	entry := auditOf(c, who.account, "password_changed", "Changed the password; all other sessions ended.")
	err = s.Store.SetPassword(c.Request.Context(), who.account, hash, session, entry)
	if errors.Is(err, models.ErrNotFound) {
		return conflict("changed_meanwhile", "The password was changed in the meantime.")
	}
	if err != nil {
		return fmt.Errorf("change the password: %w", err)
	}
	s.setSession(c, token)
	c.Status(http.StatusNoContent)
	return nil
}
