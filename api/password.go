package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"paycow/internal/secrets"
	"paycow/models"
)

// maxWaiting is how many people wait for their password to be hashed; further ones are refused at once.
const maxWaiting = 64

// maxWait is how long one waits.
const maxWait = 5 * time.Second

// passwords hashes and checks passwords. Hashing takes a core for a while and 19 MiB of memory, and anybody can ask for
// it, so one core is always left for everything else.
type passwords struct {
	hash    func(password string) string
	turns   chan struct{} // one for each that may be hashed at the same time
	waiting chan struct{} // one for each that waits or is being hashed
	// absent is the hash of a random password. It is compared when there is no account, so that an unknown address costs
	// as much time as a wrong password does.
	absent string
}

func newPasswords(hash func(password string) string) passwords {
	return passwords{
		hash: hash, turns: make(chan struct{}, hashers(runtime.GOMAXPROCS(0))), waiting: make(chan struct{}, maxWaiting),
		absent: hash(models.NewID()),
	}
}

// hashers returns how many passwords are hashed at the same time on a machine with that many cores.
func hashers(cores int) int { return max(1, min(cores-1, 4)) }

// takeTurn waits until few enough passwords are being hashed, then calls do. Returns a 503 if too many wait already, or
// after maxWait.
func (p passwords) takeTurn(ctx context.Context, do func()) error {
	ctx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	busy := &failure{
		status: http.StatusServiceUnavailable, code: "busy", retryAfter: retryAfterOutage,
		msg: "Too many people are logging in at the moment; please try again.",
	}
	select {
	case p.waiting <- struct{}{}:
		defer func() { <-p.waiting }()
	default:
		return busy
	}
	select {
	case p.turns <- struct{}{}:
		defer func() { <-p.turns }()
		do()
		return nil
	case <-ctx.Done():
		return busy.because(ctx.Err())
	}
}

// hashed returns the hash of a new password.
func (p passwords) hashed(ctx context.Context, password string) (hash string, err error) {
	err = p.takeTurn(ctx, func() { hash = p.hash(password) })
	return hash, err
}

// check reports whether the password is the account's. An account without a password, or no account at all, takes as
// long.
func (p passwords) check(ctx context.Context, account models.Account, password string) (ok bool, err error) {
	hash := cmp.Or(account.PasswordHash, p.absent)
	var checkErr error
	if err := p.takeTurn(ctx, func() { ok, checkErr = secrets.CheckPassword(password, hash) }); err != nil {
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
		return "", invalid(name, "invalid_password", "%s must have 1 to %d characters and no NUL.", name,
			secrets.MaxPasswordRunes)
	}
	return password, nil
}

// confirm checks the password of whoever has logged in already, before a sensitive action.
func (s *Server) confirm(c *gin.Context, who person, body fields, name string) error {
	if err := s.confirmPassword(c, who, body, name); err != nil {
		return err
	}
	return s.forgetAttempt(c, confirmAttempt(c, who.account))
}

// confirmPassword is confirm for what needs a code too: the attempt stays counted until the code is right too.
func (s *Server) confirmPassword(c *gin.Context, who person, body fields, name string) error {
	password, err := passwordOf(body, name)
	if err != nil {
		return err
	}
	if err := s.countAttempt(c, confirmAttempt(c, who.account)); err != nil {
		return err
	}
	ok, err := s.passwords.check(c.Request.Context(), who.account, password)
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
	hash, err := s.passwords.hashed(c.Request.Context(), password)
	if err != nil {
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
