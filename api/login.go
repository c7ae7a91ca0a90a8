package api

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"

	"paycow/internal/secrets"
	"paycow/models"
	"paycow/store"
)

var (
	errLoginFailed = &failure{
		status: http.StatusUnauthorized, code: "login_failed",
		msg: "The e-mail address, the password or the code is wrong.",
	}
	errTOTPRequired = &failure{
		status: http.StatusUnauthorized, code: "totp_required", msg: "A code from your authenticator app is required.",
	}
)

// readLogin reads the body of a login call. A text that is not an e-mail address is returned as it is: it is looked up
// and answered like the address of an unknown account. code is "" if there is none.
func readLogin(c *gin.Context) (email, password, code string, err error) {
	body, err := readFields(c, "email", "password", "code")
	if err != nil {
		return "", "", "", err
	}
	text, err := body.text("email", 1, models.MaxEmailBytes)
	if err != nil {
		return "", "", "", err
	}
	if password, err = passwordOf(body, "password"); err != nil {
		return "", "", "", err
	}
	if _, isThere := body["code"]; isThere {
		code, err = codeOf(body)
	}
	if err != nil {
		return "", "", "", err
	}
	if email, err = models.NormalEmail(text); err != nil {
		email = text
	}
	return email, password, code, nil
}

// login returns the handler that starts a session, given the right e-mail address, password and, if the account has a
// second factor, its code.
func (s *Server) login(role models.Role, next string) func(*gin.Context) error {
	return func(c *gin.Context) error {
		email, password, code, err := readLogin(c)
		if err != nil {
			return err
		}
		ctx := c.Request.Context()
		account, err := s.Store.AccountByEmail(ctx, role, email)
		if err != nil && !errors.Is(err, models.ErrNotFound) {
			return fmt.Errorf("read the account: %w", err)
		}
		try := s.loginAttempt(c, role, email, account)
		if err := s.countAttempt(c, try); err != nil {
			return err
		}
		ok, err := s.passwords.check(ctx, account, password)
		if err != nil {
			return err
		}
		if !ok {
			return s.noteFailedLogin(c, role, account, "the e-mail address or the password is wrong")
		}
		if account.DisabledAt != nil {
			return s.noteFailedLogin(c, role, account, "the password is right, but the account is disabled")
		}
		if err := s.checkSecondFactor(c, account, code); err != nil {
			return err
		}
		if err := s.beginSession(c, account); err != nil {
			return err
		}
		if err := s.forgetAttempt(c, try); err != nil {
			return err
		}
		s.rememberDevice(c, account)
		writeJSON(c, http.StatusOK, gin.H{"role": role, "next": next})
		return nil
	}
}

// checkSecondFactor checks the code of an account that has a second factor; "" for no code.
func (s *Server) checkSecondFactor(c *gin.Context, account models.Account, code string) error {
	if !account.HasTOTP() {
		return nil
	}
	if code == "" {
		return errTOTPRequired
	}
	coded := codeAttempt(account)
	if err := s.countAttempt(c, coded); err != nil {
		return err
	}
	if err := s.useCode(c, account, code); isFailure(err, errLoginFailed.code) {
		return s.noteFailedLogin(c, account.Role, account, "the code is wrong")
	} else if err != nil {
		return err
	}
	return s.forgetAttempt(c, coded)
}

// noteFailedLogin records a failed login in the log and in the audit log, and returns what the client gets to know.
// What was typed in as the e-mail address is not recorded, because people sometimes type their password there.
//
// Attempts for one account are limited, and so are its lines in the audit log. Attempts for accounts that do not exist
// get one line in each window, because anybody can make them. Both ways write once, so that the time of
// the response does not reveal whether the account exists.
func (s *Server) noteFailedLogin(c *gin.Context, role models.Role, account models.Account, reason string) error {
	subject, tries := string(role)+":unknown", int64(1)
	if account.ID != "" {
		subject = account.Subject()
	}
	s.Log.WarnContext(c, "login failed", "request_id", requestID(c), "account", subject, "address", c.ClientIP(),
		"error", reason)
	ctx := c.Request.Context()
	if account.ID == "" {
		var err error
		if tries, _, err = s.Store.CountAttempt(ctx, "failed:unknown"); err != nil {
			return fmt.Errorf("count the failed login: %w", err)
		}
	}
	if tries > 1 {
		return errLoginFailed
	}
	detail := "Login failed: " + reason + "."
	if account.ID == "" {
		detail = fmt.Sprintf("Login failed: no account has the e-mail address. Further ones in the next %d minutes are only "+
			"in the process log.", int(store.AttemptsWindow.Minutes()))
	}
	err := s.Store.Audit(ctx, models.AuditEntry{
		Actor: models.ActorUnknown, Action: "login_failed", Subject: subject, Detail: detail, Address: c.ClientIP(),
	})
	if err != nil {
		return fmt.Errorf("write the audit log: %w", err)
	}
	return errLoginFailed
}

// beginSession ends the browser's current session, if any, and starts a new one with a new token.
func (s *Server) beginSession(c *gin.Context, account models.Account) error {
	var old []byte
	if cookie, err := c.Request.Cookie(s.cookieName()); err == nil {
		old = secrets.HashSessionToken(cookie.Value)
	}
	token, hash := secrets.NewSessionToken()
	session := models.Session{
		TokenHash: hash, Address: c.ClientIP(), IsNewDevice: s.knownDevice(c, account) == "",
	}
	err := s.Store.CreateSession(c.Request.Context(), account, session, old,
		auditOf(c, account, "logged_in", "Logged in."))
	if errors.Is(err, models.ErrNotFound) {
		return errLoginFailed.because(errors.New("the password or the second factor was changed in the meantime"))
	}
	if err != nil {
		return fmt.Errorf("create the session: %w", err)
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
