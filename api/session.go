package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"

	"paycow/internal/secrets"
	"paycow/models"
)

const (
	keyPerson = "paycow.person"
	// The __Host- prefix makes browsers accept the cookie only over https, for this exact host and all its paths.
	sessionCookie       = "paycow_session"
	secureSessionCookie = "__Host-paycow_session"
)

var (
	errNotLoggedIn = &failure{status: http.StatusUnauthorized, code: "not_logged_in", msg: "You are not logged in."}
	errAdminsOnly  = &failure{status: http.StatusForbidden, code: "admins_only", msg: "Only admins can do this."}
	errOperators   = &failure{status: http.StatusForbidden, code: "operators_only", msg: "Only operators can do this."}
	errCrossOrigin = &failure{
		status: http.StatusForbidden, code: "cross_origin", msg: "This request came from another site.",
	}
)

// person is somebody who is logged in: an operator, a member of its team, or an admin.
type person struct {
	account   models.Account
	tokenHash []byte
}

func (s *Server) cookieName() string {
	if s.isHTTPS {
		return secureSessionCookie
	}
	return sessionCookie
}

// setSession sets the session cookie, or deletes it if the token is "".
func (s *Server) setSession(c *gin.Context, token string) {
	cookie := &http.Cookie{ //nolint:gosec // without https, as in development, no browser would keep a secure one
		Name: s.cookieName(), Value: token, Path: "/", HttpOnly: true, Secure: s.isHTTPS, SameSite: http.SameSiteLaxMode,
		MaxAge: int(models.SessionLifetime.Seconds()),
	}
	if token == "" {
		cookie.MaxAge = -1
	}
	http.SetCookie(c.Writer, cookie)
}

// sameOrigin refuses requests that another site made the browser send, going by Sec-Fetch-Site or else by Origin. GET
// and HEAD requests pass.
func (s *Server) sameOrigin(c *gin.Context) {
	if err := s.crossOrigin.Check(c.Request); err != nil {
		s.fail(c, errCrossOrigin.because(err))
	}
}

// loggedInAs admits people who are logged in with this role. Members act for their operator, as far as their own role
// in the team allows.
func (s *Server) loggedInAs(role models.Role) gin.HandlerFunc {
	return func(c *gin.Context) {
		ctx, cancel := context.WithTimeout(c.Request.Context(), requestTimeout)
		defer cancel()
		who, err := s.personOf(ctx, c.Request)
		if err == nil {
			err = mayCall(who.account, role, c)
		}
		if err != nil {
			s.fail(c, err)
			return
		}
		c.Set(keyPerson, who)
	}
}

// mayCall returns a 403 unless a person may make a call that is for this role.
func mayCall(account models.Account, role models.Role, c *gin.Context) error {
	if role == models.RoleOperator {
		return checkRole(account, c.Request.Method+" "+c.FullPath())
	}
	if account.Role != role {
		return errAdminsOnly
	}
	return nil
}

// personOf returns the person to whom the request's session belongs.
func (s *Server) personOf(ctx context.Context, r *http.Request) (person, error) {
	cookie, err := r.Cookie(s.cookieName())
	if err != nil || cookie.Value == "" || len(cookie.Value) > maxCredentialBytes {
		return person{}, errNotLoggedIn
	}
	hash := secrets.HashSessionToken(cookie.Value)
	session, err := s.Store.Session(ctx, hash)
	if errors.Is(err, models.ErrNotFound) {
		return person{}, errNotLoggedIn.because(err)
	}
	if err != nil {
		return person{}, fmt.Errorf("read the session: %w", err)
	}
	account, err := s.Store.AccountByID(ctx, session.Role, session.AccountID)
	if errors.Is(err, models.ErrNotFound) || err == nil && account.DisabledAt != nil {
		return person{}, errNotLoggedIn.because(errors.New("the account does not exist or is disabled"))
	}
	return person{account: account, tokenHash: hash}, err
}

// personOfRequest returns the logged-in person. It is for handlers behind loggedInAs.
func personOfRequest(c *gin.Context) person { return c.MustGet(keyPerson).(person) }

// auditOf returns an entry of the audit log for an action of a person on its own account.
func auditOf(c *gin.Context, account models.Account, action, detail string, args ...any) models.AuditEntry {
	return models.AuditEntry{
		Actor: account.Actor(), Action: action, Subject: account.Subject(),
		Detail: fmt.Sprintf(detail, args...), Address: c.ClientIP(),
	}
}

// auditOfOperator returns an entry of the audit log for what a person does to the operator for whom they act.
func auditOfOperator(c *gin.Context, account models.Account, action, detail string, args ...any) models.AuditEntry {
	entry := auditOf(c, account, action, detail, args...)
	entry.Subject = models.Account{Role: models.RoleOperator, ID: account.OperatorID}.Subject()
	return entry
}
