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
	// The __Host- prefix makes browsers take the cookie over https only, from this very host, for all its paths.
	sessionCookie       = "paycow_session"
	secureSessionCookie = "__Host-paycow_session"
)

var (
	errNotLoggedIn = &failure{status: http.StatusUnauthorized, code: "not_logged_in", msg: "You are not logged in."}
	errAdminsOnly  = &failure{status: http.StatusForbidden, code: "admins_only", msg: "This is for admins."}
	errOperators   = &failure{status: http.StatusForbidden, code: "operators_only", msg: "This is for operators."}
	errCrossOrigin = &failure{status: http.StatusForbidden, code: "cross_origin", msg: "This request came from another site."}
)

// person is who has logged in.
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

// setSession gives the browser a session's token, or takes it away when the token is "".
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

// sameOrigin refuses what another site makes a browser send: by Sec-Fetch-Site, else by Origin. Requests that change nothing
// pass.
func (s *Server) sameOrigin(c *gin.Context) {
	if err := s.crossOrigin.Check(c.Request); err != nil {
		s.fail(c, errCrossOrigin.because(err))
	}
}

// login lets only people through who have logged in, with that role.
func (s *Server) loggedInAs(role models.Role) gin.HandlerFunc {
	return func(c *gin.Context) {
		ctx, cancel := context.WithTimeout(c.Request.Context(), requestTimeout)
		defer cancel()
		who, err := s.personOf(ctx, c.Request)
		switch {
		case err != nil:
			s.fail(c, err)
		case who.account.Role != role && role == models.RoleAdmin:
			s.fail(c, errAdminsOnly)
		case who.account.Role != role:
			s.fail(c, errOperators)
		default:
			c.Set(keyPerson, who)
		}
	}
}

// personOf returns who the request's session belongs to.
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
	if errors.Is(err, models.ErrNotFound) {
		return person{}, errNotLoggedIn.because(err)
	}
	return person{account: account, tokenHash: hash}, err
}

// personOfRequest returns who has logged in. It is for handlers behind loggedInAs.
func personOfRequest(c *gin.Context) person { return c.MustGet(keyPerson).(person) }

// auditOf begins a line of the audit log for what a person did.
func auditOf(c *gin.Context, account models.Account, action, detail string, args ...any) models.AuditEntry {
	return models.AuditEntry{
		Actor: account.Actor(), Action: action, Subject: string(account.Role) + ":" + account.ID, Detail: fmt.Sprintf(detail, args...), Address: c.ClientIP(),
	}
}
