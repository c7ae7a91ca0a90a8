package api

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"paycow/internal/secrets"
	"paycow/models"
)

// accessChange is what an admin does to the access of an account after an incident. It returns what the response holds.
type accessChange func(s *Server, c *gin.Context, account models.Account) (gin.H, error)

// accessChanges are the changes by the last part of their path. Those of operators and of admins differ in two.
func accessChanges(role models.Role) map[string]accessChange {
	changes := map[string]accessChange{
		"end-sessions": endAccountSessions, "password-link": makePasswordLink, "remove-totp": removeLostTOTP,
		"unlock": unlockAccount,
	}
	if role == models.RoleAdmin {
		changes["disable"], changes["enable"] = disableAdmin(true), disableAdmin(false)
	} else {
		changes["revoke-keys"] = revokeKeys
	}
	return changes
}

var (
	errUnknownAdmin = &failure{status: http.StatusNotFound, code: "admin_not_found", msg: "No admin has this id."}
	errLastAdmin    = conflict("last_admin", "The last admin who is enabled cannot be disabled.")
	errBadLink      = &failure{
		status: http.StatusForbidden, code: "invalid_link",
		msg: "This link was used, was replaced by a newer one, or has expired. Ask for another one.",
	}
)

// changeAccess returns the handler of one change. The admin confirms it with the password, so that a stolen session
// cannot take over accounts.
func (s *Server) changeAccess(role models.Role, change accessChange) func(*gin.Context) error {
	unknown := errUnknownOperator
	if role == models.RoleAdmin {
		unknown = errUnknownAdmin
	}
	return func(c *gin.Context) error {
		id := c.Param("id")
		if !isLowerHex(id, 24) {
			return unknown
		}
		body, err := readFields(c, "password", "code")
		if err != nil {
			return err
		}
		if err := s.confirmFully(c, personOfRequest(c), body); err != nil {
			return err
		}
		account, err := s.Store.AccountByID(c.Request.Context(), role, id)
		if errors.Is(err, models.ErrNotFound) {
			return unknown.because(err)
		}
		if err != nil {
			return fmt.Errorf("read the account: %w", err)
		}
		answer, err := change(s, c, account)
		if err != nil {
			return err
		}
		writeJSON(c, http.StatusOK, answer)
		return nil
	}
}

// aboutAccount returns an entry of the audit log for an admin's action on an account.
func aboutAccount(c *gin.Context, account models.Account, action, detail string) models.AuditEntry {
	entry := auditOf(c, personOfRequest(c).account, action, "%s", detail)
	entry.Subject = account.Subject()
	return entry
}

func revokeKeys(s *Server, c *gin.Context, account models.Account) (gin.H, error) {
	revoked, err := s.Store.RevokeCredentials(c.Request.Context(), account.ID,
		aboutAccount(c, account, "keys_revoked", "Revoked all API keys."))
	if err != nil {
		return nil, err
	}
	return gin.H{"revoked": revoked}, nil
}

func endAccountSessions(s *Server, c *gin.Context, account models.Account) (gin.H, error) {
	err := s.Store.EndSessions(c.Request.Context(), account, nil,
		aboutAccount(c, account, "sessions_ended", "Ended all sessions."))
	return gin.H{}, err
}

func removeLostTOTP(s *Server, c *gin.Context, account models.Account) (gin.H, error) {
	err := s.Store.RemoveSecondFactor(c.Request.Context(), account,
		aboutAccount(c, account, "totp_removed", "Removed the second factor; all sessions ended."))
	return gin.H{}, err
}

func unlockAccount(s *Server, c *gin.Context, account models.Account) (gin.H, error) {
	err := s.Store.Unlock(c.Request.Context(), AccountCounters(account),
		aboutAccount(c, account, "account_unlocked", "Began the counts of attempts to log in anew."))
	return gin.H{}, err
}

func disableAdmin(disabled bool) accessChange {
	action, detail := "admin_enabled", "Enabled the admin %s."
	if disabled {
		action, detail = "admin_disabled", "Disabled the admin %s; all sessions ended."
	}
	return func(s *Server, c *gin.Context, account models.Account) (gin.H, error) {
		detail := fmt.Sprintf(detail, account.Email)
		err := s.Store.SetAdminDisabled(c.Request.Context(), account.ID, disabled, aboutAccount(c, account, action, detail))
		if errors.Is(err, models.ErrNotPossible) {
			return nil, errLastAdmin
		}
		return gin.H{}, err
	}
}

// makePasswordLink makes a link with which the account's owner sets a password. The admin passes it on.
func makePasswordLink(s *Server, c *gin.Context, account models.Account) (gin.H, error) {
	url, expiresAt, err := s.newPasswordLink(c, account)
	if err != nil {
		return nil, err
	}
	return gin.H{"url": url, "expiresAt": instant(expiresAt)}, nil
}

// newPasswordLink makes a link with which an account sets its password, and returns its address and its end. Returns
// models.ErrNotFound when the account is gone.
func (s *Server) newPasswordLink(c *gin.Context, account models.Account) (url string, expiresAt time.Time, err error) {
	token, hash, err := secrets.NewLinkToken(s.MasterKey)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("make a link: %w", err)
	}
	link := models.PasswordLink{
		TokenHash: hash, Role: account.Role, AccountID: account.ID, ExpiresAt: s.Clock().Add(models.PasswordLinkLifetime),
	}
	err = s.Store.PutPasswordLink(c.Request.Context(), link,
		aboutAccount(c, account, "password_link_made", "Made a link to set a password."))
	if err != nil {
		return "", time.Time{}, err
	}
	return PasswordLinkURL(s.PublicURL, token), link.ExpiresAt, nil
}

// PasswordLinkURL returns the address of the page that takes a new password. The token is in its fragment, which
// browsers send to nobody.
func PasswordLinkURL(publicURL, token string) string { return publicURL + "/password.html#" + token }

// setPasswordByLink sets a password with the token of a link. The account's owner logs in with it afterwards.
func (s *Server) setPasswordByLink(c *gin.Context) error {
	body, err := readFields(c, "token", "newPassword")
	if err != nil {
		return err
	}
	token, err := body.text("token", 1, maxCredentialBytes)
	if err != nil {
		return err
	}
	if err := s.countAttempt(c, attempt{counters: []counter{networkCounter(networkOf(c.ClientIP()))}}); err != nil {
		return err
	}
	hash := secrets.HashLinkToken(token, s.MasterKey)
	ctx := c.Request.Context()
	account, err := s.Store.PasswordLink(ctx, hash)
	if errors.Is(err, models.ErrNotFound) || err == nil && account.DisabledAt != nil || s.MasterKey == nil {
		return errBadLink
	}
	if err != nil {
		return fmt.Errorf("read the link: %w", err)
	}
	password, err := newPassword(body, "newPassword", account.Email)
	if err != nil {
		return err
	}
	passwordHash, err := s.passwords.hashed(ctx, password)
	if err != nil {
		return err
	}
	err = s.Store.UsePasswordLink(ctx, hash, account, passwordHash,
		auditOf(c, account, "password_set_by_link", "Set a password with a link; all sessions ended."))
	if errors.Is(err, models.ErrNotFound) {
		return errBadLink.because(err)
	}
	if err != nil {
		return fmt.Errorf("set the password: %w", err)
	}
	next := "/login.html"
	if account.Role == models.RoleAdmin {
		next += "?admin"
	}
	writeJSON(c, http.StatusOK, gin.H{"next": next})
	return nil
}

// adminAccountView is an admin as shown to admins.
type adminAccountView struct {
	ID          string   `json:"id"`
	Email       string   `json:"email"`
	TOTPEnabled bool     `json:"totpEnabled"`
	DisabledAt  *instant `json:"disabledAt"`
	CreatedAt   instant  `json:"createdAt"`
}

func (s *Server) adminAccounts(c *gin.Context) error {
	admins, err := s.Store.Admins(c.Request.Context())
	if err != nil {
		return fmt.Errorf("list the admins: %w", err)
	}
	views := make([]adminAccountView, len(admins))
	for i, a := range admins {
		views[i] = adminAccountView{
			ID: a.ID, Email: a.Email, TOTPEnabled: a.HasTOTP(), DisabledAt: (*instant)(a.DisabledAt),
			CreatedAt: instant(a.CreatedAt),
		}
	}
	writeJSON(c, http.StatusOK, gin.H{"admins": views})
	return nil
}

// sessionView is a session as its owner sees it.
type sessionView struct {
	ID        string  `json:"id"`
	Address   string  `json:"address"`
	CreatedAt instant `json:"createdAt"`
	SeenAt    instant `json:"seenAt"`
	ExpiresAt instant `json:"expiresAt"`
	IsCurrent bool    `json:"isCurrent"`
}

// sessionID names a session without being of use to take it over.
func sessionID(session models.Session) string { return hex.EncodeToString(session.TokenHash[:8]) }

func (s *Server) listSessions(c *gin.Context) error {
	who := personOfRequest(c)
	sessions, err := s.Store.Sessions(c.Request.Context(), who.account)
	if err != nil {
		return fmt.Errorf("list the sessions: %w", err)
	}
	views := make([]sessionView, len(sessions))
	for i, session := range sessions {
		views[i] = sessionView{
			ID: sessionID(session), Address: session.Address, CreatedAt: instant(session.CreatedAt),
			SeenAt: instant(session.SeenAt), ExpiresAt: instant(session.ExpiresAt),
			IsCurrent: bytes.Equal(session.TokenHash, who.tokenHash),
		}
	}
	writeJSON(c, http.StatusOK, gin.H{"sessions": views})
	return nil
}

// endSessions ends one other session of the account, or all others.
func (s *Server) endSessions(c *gin.Context) error {
	who := personOfRequest(c)
	body, err := readFields(c, "id")
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	if _, isThere := body["id"]; !isThere {
		err := s.Store.EndSessions(ctx, who.account, who.tokenHash,
			auditOf(c, who.account, "sessions_ended", "Ended all other sessions."))
		if err != nil {
			return fmt.Errorf("end the sessions: %w", err)
		}
		c.Status(http.StatusNoContent)
		return nil
	}
	id, err := body.text("id", 16, 16)
	if err != nil {
		return err
	}
	return s.endSession(ctx, c, who, id)
}

func (s *Server) endSession(ctx context.Context, c *gin.Context, who person, id string) error {
	sessions, err := s.Store.Sessions(ctx, who.account)
	if err != nil {
		return fmt.Errorf("list the sessions: %w", err)
	}
	for _, session := range sessions {
		if sessionID(session) != id {
			continue
		}
		if err := s.Store.EndSession(ctx, session.TokenHash); err != nil {
			return fmt.Errorf("end the session: %w", err)
		}
		c.Status(http.StatusNoContent)
		return nil
	}
	return &failure{status: http.StatusNotFound, code: "session_not_found", msg: "You have no session with this id."}
}

// confirmFully checks the password and, if the account has a second factor, its code, before what would be worst in the
// hands of somebody who stole a session.
func (s *Server) confirmFully(c *gin.Context, who person, body fields) error {
	if !who.account.HasTOTP() {
		return s.confirm(c, who, body, "password")
	}
	if _, isThere := body["code"]; !isThere {
		return missingField("code")
	}
	if err := s.confirmPassword(c, who, body, "password"); err != nil {
		return err
	}
	return s.confirmCode(c, who, body)
}

// confirmCode checks a code of the second factor of whoever has logged in already.
func (s *Server) confirmCode(c *gin.Context, who person, body fields) error {
	code, err := codeOf(body)
	if err != nil {
		return err
	}
	coded := codeAttempt(who.account)
	if err := s.countAttempt(c, coded); err != nil {
		return err
	}
	if err := s.useCode(c, who.account, code); err != nil {
		if isFailure(err, errLoginFailed.code) {
			return errTOTPCode.because(err)
		}
		return err
	}
	if err := s.forgetAttempt(c, coded); err != nil {
		return err
	}
	return s.forgetAttempt(c, confirmAttempt(c, who.account))
}
