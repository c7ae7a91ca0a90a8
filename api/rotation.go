package api

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"paycow/internal/secrets"
	"paycow/models"
)

const maxGraceHours = 7 * 24

var errNoCredential = &failure{
	status: http.StatusConflict, code: "no_credential", msg: "This account has no API key yet.",
}

func (s *Server) revealCredential(c *gin.Context) error {
	who := personOfRequest(c)
	body, err := readFields(c, "password", "code", "apiKey")
	if err != nil {
		return err
	}
	apiKey, err := apiKeyOf(body)
	if err != nil {
		return err
	}
	operator, err := s.activeOperator(c)
	if err != nil {
		return err
	}
	if err := s.confirmFully(c, who, body); err != nil {
		return err
	}
	credential, err := s.currentCredential(c, operator, apiKey)
	if err != nil {
		return err
	}
	secret, err := secrets.OpenSecret(credential, s.MasterKey)
	if err != nil {
		return fmt.Errorf("open the secret of %s: %w", credential.APIKey, err)
	}
	if err := s.Store.Audit(c.Request.Context(), auditOfOperator(c, who.account, "secret_revealed",
		"Revealed the secret of %s.", credential.APIKey)); err != nil {
		return fmt.Errorf("write the audit log: %w", err)
	}
	writeJSON(c, http.StatusOK, gin.H{"apiKey": credential.APIKey, "apiSecret": secret})
	return nil
}

// apiKeyOf reads which API key is meant; "" is the main key.
func apiKeyOf(body fields) (string, error) {
	if _, isThere := body["apiKey"]; !isThere {
		return "", nil
	}
	return body.text("apiKey", 1, maxCredentialBytes)
}

// currentCredential returns an API key of the operator that no other has replaced, the main key for "".
func (s *Server) currentCredential(
	c *gin.Context, operator models.Operator, apiKey string,
) (credential models.Credential, err error) {
	unknown := errNoCredential
	if apiKey == "" {
		credential, err = s.Store.CurrentCredential(c.Request.Context(), operator.ID)
	} else {
		credential, err = s.Store.OwnCredential(c.Request.Context(), operator.ID, apiKey)
		unknown = errUnknownKey
	}
	if errors.Is(err, models.ErrNotFound) {
		return credential, unknown.because(err)
	}
	if err != nil {
		return credential, fmt.Errorf("read the credential: %w", err)
	}
	return credential, nil
}

// rotateCredential creates a new key and secret. The old ones, if there are any, keep working for the requested number
// of hours.
func (s *Server) rotateCredential(c *gin.Context) error {
	who := personOfRequest(c)
	body, err := readFields(c, "password", "code", "graceHours", "apiKey")
	if err != nil {
		return err
	}
	apiKey, err := apiKeyOf(body)
	if err != nil {
		return err
	}
	raw, isThere := body["graceHours"]
	if !isThere {
		return missingField("graceHours") // no default: a forgotten field must not cut a shop off
	}
	hours, err := strconv.Atoi(string(raw))
	if err != nil || hours < 0 || hours > maxGraceHours {
		return invalid("graceHours", "invalid_field", "graceHours must be a whole number from 0 to %d.", maxGraceHours)
	}
	operator, err := s.activeOperator(c)
	if err != nil {
		return err
	}
	if err := s.confirmFully(c, who, body); err != nil {
		return err
	}
	current, err := s.currentCredential(c, operator, apiKey)
	if err != nil && !isFailure(err, errNoCredential.code) { // revoked: then this is how to get a new main key
		return err
	}
	next, secret, err := secrets.NewCredential(operator.ID, s.MasterKey)
	if err != nil {
		return fmt.Errorf("create a credential: %w", err)
	}
	next.Name = current.Name
	until := s.Clock().Add(time.Duration(hours) * time.Hour).UTC().Truncate(time.Millisecond)
	entry := auditOfOperator(c, who.account, "credential_rotated", "%s replaces %s, which works until %s.", next.APIKey,
		current.APIKey, until.Format(time.RFC3339))
	if current.APIKey == "" {
		entry.Detail = next.APIKey + " is the main API key after the last one was revoked."
	}
	err = s.Store.RotateCredential(c.Request.Context(), current.APIKey, next, until, entry)
	if errors.Is(err, models.ErrNotFound) {
		return conflict("changed_meanwhile", "The API key was rotated in the meantime.")
	}
	if err != nil {
		return fmt.Errorf("rotate the credential: %w", err)
	}
	writeJSON(c, http.StatusOK, gin.H{"apiKey": next.APIKey, "apiSecret": secret, "oldValidUntil": instant(until)})
	return nil
}
