package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json/jsontext"

	"paycow/internal/secrets"
	"paycow/models"
)

var (
	errUnknownKey = &failure{
		status: http.StatusNotFound, code: "key_not_found", msg: "You have no valid API key with this id.",
	}
	errUnknownKeyOfOperator = &failure{
		status: http.StatusNotFound, code: "key_not_found", msg: "The operator has no valid API key with this id.",
	}
	errTooManyKeys = conflict("too_many_keys",
		fmt.Sprintf("An account can have %d valid API keys; revoke one that is not used.", models.MaxKeys))
	errNameTaken = conflict("name_taken", "Another API key has this name.")
	errWiderKey  = &failure{
		status: http.StatusForbidden, code: "wider_than_maker",
		msg: "An API key cannot make one that has more scopes, comes from more networks or ends later than itself.",
	}
)

// keyPath is the path of one API key.
const keyPath = "/api/keys/:id"

// keyView is an API key as its operator sees it. It holds no secret.
type keyView struct {
	ID         string         `json:"id"`
	APIKey     string         `json:"apiKey"`
	Name       string         `json:"name"`
	Scopes     []models.Scope `json:"scopes"`
	Networks   []string       `json:"networks"`
	ExpiresAt  *instant       `json:"expiresAt"`
	CreatedAt  instant        `json:"createdAt"`
	LastUsedAt *instant       `json:"lastUsedAt"`
	IsReplaced bool           `json:"isReplaced"`
	Test       bool           `json:"test"` // it is for test payments only
}

func viewOfKey(key models.Credential) keyView {
	end := key.ExpiresAt
	if until := key.ValidUntil; until != nil && (end == nil || until.Before(*end)) {
		end = until
	}
	return keyView{
		ID: key.APIKey, APIKey: key.APIKey, Name: key.Name, Scopes: key.AllowedScopes(),
		Networks: append([]string{}, strings.Fields(key.Networks)...), ExpiresAt: (*instant)(end),
		CreatedAt: instant(key.CreatedAt), LastUsedAt: (*instant)(key.LastUsedAt), IsReplaced: key.ValidUntil != nil,
		Test: key.Test,
	}
}

// newKeyView is a key that was just made, with its secret.
type newKeyView struct {
	keyView
	APISecret string `json:"apiSecret"`
}

func (s *Server) listKeys(c *gin.Context) error { return s.writeKeys(c, operatorOfRequest(c).ID) }

// writeKeys answers with the API keys of an operator.
func (s *Server) writeKeys(c *gin.Context, operatorID string) error {
	keys, err := s.Store.KeysOf(c.Request.Context(), operatorID)
	if err != nil {
		return fmt.Errorf("list the API keys: %w", err)
	}
	views := make([]keyView, len(keys))
	for i, key := range keys {
		views[i] = viewOfKey(key)
	}
	writeJSON(c, http.StatusOK, gin.H{"keys": views})
	return nil
}

// createKey makes another API key. A person confirms it with the password; an API key makes only keys that can do no
// more than itself.
func (s *Server) createKey(c *gin.Context) error {
	known := []string{"name", "scopes", "networks", "expiresAt", "test"}
	maker, isKey := keyOfRequest(c)
	if !isKey {
		known = append(known, "password", "code")
	}
	body, err := readFields(c, known...)
	if err != nil {
		return err
	}
	limits, err := s.limitsOf(body)
	if err != nil {
		return err
	}
	if isKey && !maker.Covers(limits) {
		return errWiderKey
	}
	if !isKey {
		if err := s.confirmFully(c, personOfRequest(c), body); err != nil {
			return err
		}
	}
	next, secret, err := secrets.NewCredential(operatorOfRequest(c).ID, s.MasterKey)
	if err != nil {
		return fmt.Errorf("create an API key: %w", err)
	}
	next.Name, next.Scopes, next.Networks, next.ExpiresAt = limits.Name, limits.Scopes, limits.Networks, limits.ExpiresAt
	next.Test = limits.Test
	next.CreatedAt = s.Clock().UTC().Truncate(time.Millisecond)
	err = s.Store.CreateCredential(c.Request.Context(), next, maker.APIKey, auditOfKey(c, "key_created",
		fmt.Sprintf("Made the API key %s, named %q, with the scopes %s%s.", next.APIKey, next.Name,
			listOf(next.AllowedScopes()), forTests(next.Test))))
	switch {
	case errors.Is(err, models.ErrAlreadyExists):
		return errNameTaken
	case errors.Is(err, models.ErrNotPossible):
		return errTooManyKeys
	case errors.Is(err, models.ErrNotFound):
		return errUnauthorized.because(err) // revoked since the request began
	case err != nil:
		return fmt.Errorf("store an API key: %w", err)
	}
	writeJSON(c, http.StatusCreated, newKeyView{viewOfKey(next), secret})
	return nil
}

// limitsOf reads the name of a new key and what limits it.
func (s *Server) limitsOf(body fields) (limits models.Credential, err error) {
	if limits.Name, err = body.text("name", 1, models.MaxKeyNameRunes); err != nil {
		return models.Credential{}, err
	}
	if raw, isThere := body["scopes"]; isThere {
		if limits.Scopes, err = scopesOf(raw); err != nil {
			return models.Credential{}, err
		}
	}
	if raw, isThere := body["networks"]; isThere {
		if limits.Networks, err = networksOf(raw); err != nil {
			return models.Credential{}, err
		}
	}
	if limits.ExpiresAt, err = s.futureTime(body, "expiresAt"); err != nil {
		return models.Credential{}, err
	}
	if limits.Test, err = body.flag("test"); err != nil {
		return models.Credential{}, err
	}
	for _, scope := range limits.AllowedScopes() {
		if !limits.Allows(scope) {
			return models.Credential{}, invalid("scopes", "invalid_field",
				"scopes of an API key for test payments must hold only %s.", listOf(models.TestScopes()))
		}
	}
	return limits, nil
}

// lastYear is the last in which a key or a link can expire.
const lastYear = 2199

// futureTime returns an optional field that must be a time in the future; nil if it is not there.
func (s *Server) futureTime(body fields, name string) (*time.Time, error) {
	at, err := body.time(name)
	if err == nil && at != nil && !at.After(s.Clock()) {
		return nil, notFuture(name)
	}
	return at, err
}

// time returns an optional field, a time in the form of RFC 3339; nil if it is not there. Its refusal asks for a time
// in the future, which its callers demand.
func (f fields) time(name string) (*time.Time, error) {
	raw, isThere := f[name]
	if !isThere {
		return nil, nil //nolint:nilnil // there need not be one
	}
	at, err := time.Parse(time.RFC3339, textOf(raw))
	if err != nil || at.Year() > lastYear {
		return nil, notFuture(name)
	}
	at = at.UTC().Truncate(time.Millisecond)
	return &at, nil
}

// notFuture refuses what is no time in the future.
func notFuture(name string) *failure {
	return invalid(name, "invalid_field",
		"%s must be a time in the future such as 2030-03-12T22:30:00Z (RFC 3339), before the year %d.", name, lastYear+1)
}

// textOf returns the text of a JSON string, "" for any other value.
func textOf(raw jsontext.Value) string {
	if raw.Kind() != '"' {
		return ""
	}
	return unquote(raw)
}

// scopesOf reads a list of scopes. It returns them in the order of models.Scopes, each once.
func scopesOf(raw jsontext.Value) (string, error) {
	texts, err := stringList(raw, "scopes", len(models.Scopes()))
	if err != nil {
		return "", err
	}
	if len(texts) == 0 {
		return "", invalid("scopes", "invalid_field", "scopes must have at least 1 entry; leave it out for the usual ones.")
	}
	for _, text := range texts {
		if !slices.Contains(models.Scopes(), models.Scope(text)) {
			return "", invalid("scopes", "invalid_field", "scopes must hold only %s.", listOf(models.Scopes()))
		}
	}
	var wanted []string
	for _, scope := range models.Scopes() {
		if slices.Contains(texts, string(scope)) {
			wanted = append(wanted, string(scope))
		}
	}
	return strings.Join(wanted, " "), nil
}

// networksOf reads a list of address ranges. Bits after the prefix are refused, because they hint at a mistake.
func networksOf(raw jsontext.Value) (string, error) {
	texts, err := stringList(raw, "networks", models.MaxKeyNetworks)
	if err != nil {
		return "", err
	}
	if len(texts) == 0 {
		return "", invalid("networks", "invalid_field", "networks must have at least 1 entry; leave it out to allow any.")
	}
	var networks []string
	for _, text := range texts {
		network, err := netip.ParsePrefix(text)
		if err != nil || network != network.Masked() || network.Addr().Is4In6() {
			return "", invalid("networks", "invalid_field",
				"networks must hold address ranges such as 203.0.113.0/24 or 2001:db8::/32, with no bits set after the prefix.")
		}
		if !slices.Contains(networks, network.String()) {
			networks = append(networks, network.String())
		}
	}
	return strings.Join(networks, " "), nil
}

func (s *Server) revokeKey(c *gin.Context) error {
	operator := operatorOfRequest(c)
	maker, _ := keyOfRequest(c)
	apiKey := c.Param("id")
	if !isAPIKey(apiKey) {
		return errUnknownKey
	}
	err := s.Store.RevokeCredential(c.Request.Context(), operator.ID, apiKey, maker.APIKey,
		auditOfKey(c, "key_revoked", "Revoked the API key "+apiKey+"."))
	if errors.Is(err, models.ErrNotFound) {
		return errUnknownKey.because(err)
	}
	if err != nil {
		return fmt.Errorf("revoke an API key: %w", err)
	}
	c.Status(http.StatusNoContent)
	return nil
}

// listKeysOfOperator lists an operator's API keys for admins.
func (s *Server) listKeysOfOperator(c *gin.Context) error {
	operator, err := s.operatorOfPath(c)
	if err != nil {
		return err
	}
	return s.writeKeys(c, operator.ID)
}

// operatorOfPath returns the operator whose id is in the path.
func (s *Server) operatorOfPath(c *gin.Context) (models.Operator, error) {
	id := c.Param("id")
	if !isLowerHex(id, 24) {
		return models.Operator{}, errUnknownOperator
	}
	operator, err := s.Store.Operator(c.Request.Context(), id)
	if errors.Is(err, models.ErrNotFound) {
		return models.Operator{}, errUnknownOperator.because(err)
	}
	if err != nil {
		return models.Operator{}, fmt.Errorf("read the operator: %w", err)
	}
	return operator, nil
}

// revokeKeyOfOperator is what an admin does to one API key of an operator.
func revokeKeyOfOperator(s *Server, c *gin.Context, account models.Account) (gin.H, error) {
	apiKey, unknown := c.Param("key"), errUnknownKeyOfOperator
	if !isAPIKey(apiKey) {
		return nil, unknown
	}
	err := s.Store.RevokeCredential(c.Request.Context(), account.ID, apiKey, "",
		aboutAccount(c, account, "key_revoked", "Revoked the API key "+apiKey+"."))
	if errors.Is(err, models.ErrNotFound) {
		return nil, unknown.because(err)
	}
	return gin.H{}, err
}

// isAPIKey reports whether a text can be an API key.
func isAPIKey(text string) bool { return len(text) <= maxCredentialBytes && isPrintableASCII(text) }

// auditOfKey returns an entry of the audit log for a change of the operator's API keys, by a person or by a key.
func auditOfKey(c *gin.Context, action, detail string) models.AuditEntry {
	if maker, isKey := keyOfRequest(c); isKey {
		detail += " It was asked for with the API key " + maker.APIKey + "."
	}
	account := models.Account{Role: models.RoleOperator, ID: operatorOfRequest(c).ID, OperatorID: operatorOfRequest(c).ID}
	if who, ok := c.Get(keyPerson); ok {
		account = who.(person).account //nolint:forcetypeassert // only sessions set it
	}
	return auditOfOperator(c, account, action, "%s", detail)
}
