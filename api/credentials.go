package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"

	"github.com/gin-gonic/gin"

	"paycow/internal/secrets"
	"paycow/models"
)

const (
	headerAPIKey    = "X-Api-Key"
	headerAPISecret = "X-Api-Secret"
)

// maxCredentialBytes is the length of the longest key, secret or session token that is looked up, in bytes.
const maxCredentialBytes = 256

// absentHash is compared if there is no credential, so that an unknown key takes as long as a wrong secret. No
// generated secret has this hash.
var absentHash = secrets.HashSecret("")

// authenticate admits operators whose account may make the call, by an API key that may be used for it, or by a
// session. Every cause of a 401 gets the same response.
func (s *Server) authenticate(c *gin.Context) {
	ctx, cancel := context.WithTimeout(c.Request.Context(), requestTimeout)
	defer cancel()
	admit := s.admitKey
	if s.comesFromDashboard(c.Request) {
		admit = s.admitPerson
	}
	if err := admit(ctx, c); err != nil {
		s.fail(c, err)
	}
}

// admitKey admits the API key in the headers.
func (s *Server) admitKey(ctx context.Context, c *gin.Context) error {
	key, operator, err := s.keyOf(ctx, c.Request.Header)
	if err != nil {
		return err
	}
	// An address that cannot be read is in no network.
	if address, _ := netip.ParseAddr(c.ClientIP()); !key.AllowsAddress(address) {
		return errNetworkNotAllowed
	}
	if err := mayUse(operator, c); err != nil {
		return err
	}
	if err := checkScope(key, c.Request.Method+" "+c.FullPath()); err != nil {
		return err
	}
	if err := s.Store.NoteKeyUse(ctx, key); err != nil { // a database that cannot be written can still be read
		s.Log.WarnContext(ctx, "cannot note the use of an API key", "operator_id", operator.ID, "error", err)
	}
	c.Set(keyOperator, operator)
	c.Set(keyAPIKey, key)
	return nil
}

// admitPerson admits the operator, or the member of its team, who is logged in.
func (s *Server) admitPerson(ctx context.Context, c *gin.Context) error {
	who, operator, err := s.operatorOfSession(ctx, c)
	if err != nil {
		return err
	}
	c.Set(keyOperator, operator)
	c.Set(keyPerson, who)
	return nil
}

var errNetworkNotAllowed = &failure{
	status: http.StatusForbidden, code: "network_not_allowed",
	msg: "This API key must not be used from this network address.",
}

// comesFromDashboard reports whether a call has a session instead of credentials.
func (s *Server) comesFromDashboard(r *http.Request) bool {
	_, err := r.Cookie(s.cookieName())
	return err == nil && len(r.Header.Values(headerAPIKey)) == 0 && len(r.Header.Values(headerAPISecret)) == 0
}

// operatorOfSession returns who is logged in, and for which operator. It refuses requests that another site made the
// browser send.
func (s *Server) operatorOfSession(ctx context.Context, c *gin.Context) (person, models.Operator, error) {
	if err := s.crossOrigin.Check(c.Request); err != nil {
		return person{}, models.Operator{}, errCrossOrigin.because(err)
	}
	who, err := s.personOf(ctx, c.Request)
	if err != nil {
		return person{}, models.Operator{}, err
	}
	if err := mayCall(who.account, models.RoleOperator, c); err != nil {
		return person{}, models.Operator{}, err
	}
	operator, err := s.Store.Operator(ctx, who.account.OperatorID)
	if err != nil {
		return person{}, models.Operator{}, fmt.Errorf("read the operator: %w", err)
	}
	return who, operator, mayUse(operator, c)
}

// keyOf returns the API key whose credentials are in the headers, and its operator.
func (s *Server) keyOf(ctx context.Context, header http.Header) (models.Credential, models.Operator, error) {
	apiKey, hasKey := credentialHeader(header, headerAPIKey)
	secret, hasSecret := credentialHeader(header, headerAPISecret)
	if !hasKey || !hasSecret {
		return models.Credential{}, models.Operator{},
			errUnauthorized.because(errors.New("a credential header is missing, empty, repeated or malformed"))
	}
	// With a wrong secret, a cached key takes as long as one that is not cached.
	credential, operator, isCached := s.Store.CachedCredential(apiKey)
	if isCached && secrets.MatchesHash(secret, credential.SecretHash) {
		return credential, operator, nil
	}
	credential, operator, err := s.Store.Credential(ctx, apiKey)
	isKnown := err == nil
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		return models.Credential{}, models.Operator{}, err
	}
	hash := absentHash
	if isKnown {
		hash = credential.SecretHash
	}
	if !secrets.MatchesHash(secret, hash) || !isKnown {
		return models.Credential{}, models.Operator{},
			errUnauthorized.because(errors.New("the API key is unknown or the secret wrong"))
	}
	return credential, operator, nil
}

// mayUse returns an error unless the account is active, or is suspended and only reads or revokes a key: money that is
// credited to a suspended shop is still its own, and its keys may have leaked.
func mayUse(operator models.Operator, c *gin.Context) error {
	refuse := func(code, msg string) error { return &failure{status: http.StatusForbidden, code: code, msg: msg} }
	isRead := c.Request.Method == http.MethodGet // HEAD comes as GET
	isRevocation := c.Request.Method == http.MethodDelete && c.FullPath() == keyPath
	switch {
	case operator.Status == models.OperatorActive,
		operator.Status == models.OperatorSuspended && (isRead || isRevocation):
		return nil
	}
	switch operator.Status {
	case models.OperatorPending:
		return refuse("account_pending", "This account is waiting for approval.")
	case models.OperatorSuspended:
		return refuse("account_suspended",
			"This account is suspended: it can read, revoke its API keys and secure its login, but change nothing else.")
	default:
		return refuse("account_rejected", "This account was not approved.")
	}
}

// credentialHeader returns the value of a header. ok is false unless it appears once, is not empty, not too long, and
// printable ASCII.
func credentialHeader(header http.Header, name string) (value string, ok bool) {
	values := header.Values(name)
	if len(values) != 1 || len(values[0]) > maxCredentialBytes || !isPrintableASCII(values[0]) {
		return "", false
	}
	return values[0], values[0] != ""
}

func isPrintableASCII(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

// operatorOfRequest returns the authenticated operator. It is for handlers behind authenticate.
func operatorOfRequest(c *gin.Context) models.Operator {
	return c.MustGet(keyOperator).(models.Operator)
}

// keyOfRequest returns the API key with which the request came; ok is false if it came with a session.
func keyOfRequest(c *gin.Context) (key models.Credential, ok bool) {
	value, _ := c.Get(keyAPIKey)
	key, ok = value.(models.Credential)
	return key, ok
}

// operatorID returns the id of the authenticated operator, "" if there is none.
func operatorID(c *gin.Context) string {
	operator, _ := c.Get(keyOperator)
	known, _ := operator.(models.Operator)
	return known.ID
}
