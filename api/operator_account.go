package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"paycow/internal/secrets"
	"paycow/models"
)

const (
	maxReturnOrigins = 20
	maxGraceHours    = 7 * 24
	maxStatsDays     = 366
)

// meView is what an operator may know of its own account. No secret is in it.
type meView struct {
	ID            string                `json:"id"`
	Email         string                `json:"email"`
	Name          string                `json:"name"`
	Website       string                `json:"website"`
	Status        models.OperatorStatus `json:"status"`
	StatusReason  string                `json:"statusReason"`
	TOTPEnabled   bool                  `json:"totpEnabled"`
	CreatedAt     instant               `json:"createdAt"`
	APIKey        *string               `json:"apiKey"`
	PublicURL     string                `json:"publicUrl"`
	ReturnOrigins []string              `json:"returnOrigins"`
}

func (s *Server) me(c *gin.Context) error {
	who := personOfRequest(c)
	ctx := c.Request.Context()
	operator, err := s.Store.Operator(ctx, who.account.ID)
	if err != nil {
		return fmt.Errorf("read the operator: %w", err)
	}
	view := meView{
		ID: operator.ID, Email: operator.Email, Name: operator.Name, Website: operator.Website, Status: operator.Status, StatusReason: operator.StatusReason,
		TOTPEnabled: who.account.HasTOTP(), CreatedAt: instant(operator.CreatedAt), PublicURL: s.PublicURL, ReturnOrigins: operator.Origins(),
	}
	if view.ReturnOrigins == nil {
		view.ReturnOrigins = []string{}
	}
	credential, err := s.Store.CurrentCredential(ctx, operator.ID)
	if err == nil {
		view.APIKey = &credential.APIKey
	} else if !errors.Is(err, models.ErrNotFound) {
		return fmt.Errorf("read the credential: %w", err)
	}
	writeJSON(c, http.StatusOK, view)
	return nil
}

// activeOperator returns the operator who has logged in, or why it may not use its account.
func (s *Server) activeOperator(c *gin.Context) (models.Operator, error) {
	operator, err := s.Store.Operator(c.Request.Context(), personOfRequest(c).account.ID)
	if err != nil {
		return models.Operator{}, fmt.Errorf("read the operator: %w", err)
	}
	return operator, mayUse(operator)
}

var errNoCredential = &failure{status: http.StatusConflict, code: "no_credential", msg: "This account has no API key yet."}

func (s *Server) revealCredential(c *gin.Context) error {
	who := personOfRequest(c)
	body, err := readFields(c, "password")
	if err != nil {
		return err
	}
	operator, err := s.activeOperator(c)
	if err != nil {
		return err
	}
	if err := s.confirm(c, who, body, "password"); err != nil {
		return err
	}
	credential, err := s.currentCredential(c, operator)
	if err != nil {
		return err
	}
	secret, err := secrets.OpenSecret(credential, s.MasterKey)
	if err != nil {
		return fmt.Errorf("open the secret of %s: %w", credential.APIKey, err)
	}
	if err := s.Store.Audit(c.Request.Context(), auditOf(c, who.account, "secret_revealed", "Looked at the secret of %s.", credential.APIKey)); err != nil {
		return fmt.Errorf("write the audit log: %w", err)
	}
	writeJSON(c, http.StatusOK, gin.H{"apiKey": credential.APIKey, "apiSecret": secret})
	return nil
}

func (s *Server) currentCredential(c *gin.Context, operator models.Operator) (models.Credential, error) {
	credential, err := s.Store.CurrentCredential(c.Request.Context(), operator.ID)
	if errors.Is(err, models.ErrNotFound) {
		return credential, errNoCredential.because(err)
	}
	if err != nil {
		return credential, fmt.Errorf("read the credential: %w", err)
	}
	return credential, nil
}

// rotateCredential makes a new key and secret. The old ones work for the hours that were asked for, and no longer.
func (s *Server) rotateCredential(c *gin.Context) error {
	who := personOfRequest(c)
	body, err := readFields(c, "password", "graceHours")
	if err != nil {
		return err
	}
	raw, isThere := body["graceHours"]
	if !isThere {
		return missingField("graceHours") // what is forgotten must not cut a shop off
	}
	hours, err := strconv.Atoi(string(raw))
	if err != nil || hours < 0 || hours > maxGraceHours {
		return invalid("graceHours", "invalid_field", "graceHours must be a whole number from 0 to %d.", maxGraceHours)
	}
	operator, err := s.activeOperator(c)
	if err != nil {
		return err
	}
	if err := s.confirm(c, who, body, "password"); err != nil {
		return err
	}
	current, err := s.currentCredential(c, operator)
	if err != nil {
		return err
	}
	next, secret, err := secrets.NewCredential(operator.ID, s.MasterKey)
	if err != nil {
		return fmt.Errorf("make a credential: %w", err)
	}
	until := s.Clock().Add(time.Duration(hours) * time.Hour).UTC().Truncate(time.Millisecond)
	entry := auditOf(c, who.account, "credential_rotated", "%s takes the place of %s, which works until %s.", next.APIKey, current.APIKey, until.Format(time.RFC3339))
	err = s.Store.RotateCredential(c.Request.Context(), current, next, until, entry)
	if errors.Is(err, models.ErrNotFound) {
		return conflict("changed_meanwhile", "The API key was rotated in the meantime.")
	}
	if err != nil {
		return fmt.Errorf("rotate the credential: %w", err)
	}
	writeJSON(c, http.StatusOK, gin.H{"apiKey": next.APIKey, "apiSecret": secret, "oldValidUntil": instant(until)})
	return nil
}

// settingsView is what an operator says of itself.
type settingsView struct {
	Name          string   `json:"name"`
	Website       string   `json:"website"`
	ReturnOrigins []string `json:"returnOrigins"`
}

func (s *Server) operatorSettings(c *gin.Context) error {
	operator, err := s.Store.Operator(c.Request.Context(), personOfRequest(c).account.ID)
	if err != nil {
		return fmt.Errorf("read the operator: %w", err)
	}
	view := settingsView{Name: operator.Name, Website: operator.Website, ReturnOrigins: operator.Origins()}
	if view.ReturnOrigins == nil {
		view.ReturnOrigins = []string{}
	}
	writeJSON(c, http.StatusOK, view)
	return nil
}

func (s *Server) putOperatorSettings(c *gin.Context) error {
	who := personOfRequest(c)
	body, err := readFields(c, "name", "website", "returnOrigins")
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
	raw, isThere := body["returnOrigins"]
	if !isThere {
		return missingField("returnOrigins")
	}
	texts, err := stringList(raw, "returnOrigins", maxReturnOrigins)
	if err != nil {
		return err
	}
	origins := []string{}
	for _, text := range texts {
		address, err := s.shopURL("returnOrigins", text)
		if err != nil {
			return err
		}
		if origin := originOf(address); !strings.EqualFold(origin, strings.TrimSuffix(text, "/")) {
			return invalid("returnOrigins", "invalid_return_origin", "returnOrigins must be origins such as https://shop.example, without a path.")
		} else if !slices.Contains(origins, origin) {
			origins = append(origins, origin)
		}
	}
	entry := auditOf(c, who.account, "settings_changed", "Changed the settings; payers may return to %d origins.", len(origins))
	if err := s.Store.SetOperatorSettings(c.Request.Context(), who.account.ID, name, website, strings.Join(origins, "\n"), entry); err != nil {
		return fmt.Errorf("keep the settings: %w", err)
	}
	writeJSON(c, http.StatusOK, settingsView{Name: name, Website: website, ReturnOrigins: origins})
	return nil
}

// shopURL reads an address at an operator's shop: https, or http on this machine while the installation itself is no https.
func (s *Server) shopURL(field, text string) (*url.URL, error) {
	address, err := url.Parse(text)
	if err != nil || address.Host == "" || address.User != nil || address.Opaque != "" || len(text) > maxReturnURLBytes || !isPrintableASCII(text) {
		return nil, invalid(field, "invalid_return_url", "%s must be an absolute https URL of at most %d ASCII characters.", field, maxReturnURLBytes)
	}
	isLocal := !s.isHTTPS && address.Scheme == "http" && slices.Contains([]string{"localhost", "127.0.0.1"}, address.Hostname())
	if address.Scheme != "https" && !isLocal {
		return nil, invalid(field, "invalid_return_url", "%s must begin with https.", field)
	}
	return address, nil
}

const maxReturnURLBytes = 2048

func originOf(address *url.URL) string { return address.Scheme + "://" + strings.ToLower(address.Host) }

func websiteOf(body fields) (string, error) {
	if raw, isThere := body["website"]; !isThere || string(raw) == `""` {
		return "", nil
	}
	website, err := body.text("website", 1, maxWebsiteBytes)
	if err != nil {
		return "", err
	}
	address, err := url.Parse(website)
	if err != nil || (address.Scheme != "https" && address.Scheme != "http") || address.Host == "" || address.User != nil {
		return "", invalid("website", "invalid_website", "website must be an address such as https://shop.example.")
	}
	return website, nil
}

// statsView is an operator's figures over some days.
type statsView struct {
	Days   []dayView `json:"days"`
	Totals struct {
		Created    int64         `json:"created"`
		Paid       int64         `json:"paid"`
		Expired    int64         `json:"expired"`
		Rejected   int64         `json:"rejected"`
		Open       int64         `json:"open"`
		Volume     models.Amount `json:"volume"`
		Conversion *float64      `json:"conversion"` // of the payments that have ended, the part that was paid
	} `json:"totals"`
	Balance struct {
		Available models.Amount `json:"available"`
		Pending   models.Amount `json:"pending"`
	} `json:"balance"`
}

type dayView struct {
	Date    string        `json:"date"`
	Created int64         `json:"created"`
	Paid    int64         `json:"paid"`
	Volume  models.Amount `json:"volume"`
}

func (s *Server) operatorStats(c *gin.Context) error {
	query, err := parseQuery(c.Request.URL, "days")
	if err != nil {
		return err
	}
	days := 30
	if text, isThere := query["days"]; isThere {
		if days, err = strconv.Atoi(text); err != nil || days < 1 || days > maxStatsDays {
			return invalid("days", "invalid_parameter", "days must be a whole number from 1 to %d.", maxStatsDays)
		}
	}
	operator, err := s.activeOperator(c)
	if err != nil {
		return err
	}
	stats, err := s.Store.OperatorFigures(c.Request.Context(), operator.ID, days)
	if err != nil {
		return fmt.Errorf("read the statistics: %w", err)
	}
	view := statsView{Days: make([]dayView, 0, len(stats.Days))}
	for _, day := range stats.Days {
		view.Days = append(view.Days, dayView{Date: day.Day, Created: day.Created, Paid: day.Paid, Volume: day.Volume})
	}
	for status, count := range stats.ByStatus {
		view.Totals.Created += count
		switch status {
		case models.StatusPaid:
			view.Totals.Paid = count
		case models.StatusExpired:
			view.Totals.Expired = count
		case models.StatusRejected:
			view.Totals.Rejected = count
		case models.StatusPending, models.StatusDetected, models.StatusConfirming:
			view.Totals.Open += count
		}
	}
	if ended := view.Totals.Paid + view.Totals.Expired + view.Totals.Rejected; ended > 0 {
		conversion := float64(view.Totals.Paid) / float64(ended)
		view.Totals.Conversion = &conversion
	}
	view.Totals.Volume = stats.Volume
	if view.Balance.Available, view.Balance.Pending, err = s.Store.Balance(c.Request.Context(), operator.ID); err != nil {
		return fmt.Errorf("read the balance: %w", err)
	}
	writeJSON(c, http.StatusOK, view)
	return nil
}
