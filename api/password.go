package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"paycow/internal/secrets"
	"paycow/models"
)

// maxHashing is how many passwords are hashed at once: each takes 19 MiB.
const maxHashing = 4

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

// confirm checks the password of whoever has logged in already, before something delicate.
func (s *Server) confirm(c *gin.Context, who person, body fields, name string) error {
	if err := s.confirmPassword(c, who, body, name); err != nil {
		return err
	}
	return s.forgetConfirms(c, who)
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
