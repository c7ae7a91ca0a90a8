package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"paycow/models"
)

// meView is the operator's own account. It holds no secret.
type meView struct {
	ID           string                `json:"id"`
	Email        string                `json:"email"` // of the person's own login
	Role         models.MemberRole     `json:"role"`
	Name         string                `json:"name"`
	Website      string                `json:"website"`
	Status       models.OperatorStatus `json:"status"`
	StatusReason string                `json:"statusReason"`
	TOTPEnabled  bool                  `json:"totpEnabled"`
	// RecoveryCodesLeft is how many recovery codes were not used yet.
	RecoveryCodesLeft int      `json:"recoveryCodesLeft"`
	CreatedAt         instant  `json:"createdAt"`
	APIKey            *string  `json:"apiKey"`
	PublicURL         string   `json:"publicUrl"`
	ReturnOrigins     []string `json:"returnOrigins"`
	logoView
}

func (s *Server) me(c *gin.Context) error {
	who := personOfRequest(c)
	ctx := c.Request.Context()
	operator, err := s.Store.Operator(ctx, who.account.OperatorID)
	if err != nil {
		return fmt.Errorf("read the operator: %w", err)
	}
	view := meView{
		ID: operator.ID, Email: who.account.Email, Role: who.account.MemberRole, Name: operator.Name,
		Website: operator.Website, Status: operator.Status,
		StatusReason: operator.StatusReason,
		TOTPEnabled:  who.account.HasTOTP(), RecoveryCodesLeft: s.recoveryCodesLeft(c, who.account),
		CreatedAt: instant(operator.CreatedAt), PublicURL: s.PublicURL,
		ReturnOrigins: operator.Origins(),
	}
	if view.ReturnOrigins == nil {
		view.ReturnOrigins = []string{}
	}
	if view.logoView, err = s.logoOf(ctx, operator.ID); err != nil {
		return err
	}
	credential, err := s.Store.CurrentCredential(ctx, operator.ID)
	if err == nil && who.account.MemberRole != models.MemberAccountant {
		view.APIKey = &credential.APIKey
	} else if err != nil && !errors.Is(err, models.ErrNotFound) {
		return fmt.Errorf("read the credential: %w", err)
	}
	writeJSON(c, http.StatusOK, view)
	return nil
}

// refuseSuspended refuses what a suspended operator would change.
func (s *Server) refuseSuspended(c *gin.Context) {
	ctx, cancel := context.WithTimeout(c.Request.Context(), requestTimeout)
	defer cancel()
	operator, err := s.Store.Operator(ctx, personOfRequest(c).account.OperatorID)
	if err == nil && operator.Status == models.OperatorSuspended {
		err = mayUse(operator, c)
	}
	if err != nil {
		s.fail(c, err)
	}
}

// activeOperator returns the logged-in operator, or a 403 unless its account may make the call.
func (s *Server) activeOperator(c *gin.Context) (models.Operator, error) {
	operator, err := s.Store.Operator(c.Request.Context(), personOfRequest(c).account.OperatorID)
	if err != nil {
		return models.Operator{}, fmt.Errorf("read the operator: %w", err)
	}
	return operator, mayUse(operator, c)
}

// settingsView holds the settings of an operator.
type settingsView struct {
	Name          string   `json:"name"`
	Website       string   `json:"website"`
	ReturnOrigins []string `json:"returnOrigins"`
}

func (s *Server) operatorSettings(c *gin.Context) error {
	operator, err := s.Store.Operator(c.Request.Context(), personOfRequest(c).account.OperatorID)
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
	body, err := readFields(c, "name", "website", "returnOrigins", "code")
	if err != nil {
		return err
	}
	name, err := body.shownText("name", 1, maxNameRunes)
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
			return invalid("returnOrigins", "invalid_return_origin",
				"returnOrigins must be origins such as https://shop.example, without a path.")
		} else if !slices.Contains(origins, origin) {
			origins = append(origins, origin)
		}
	}
	if err := s.confirmOrigins(c, who, body, strings.Join(origins, "\n")); err != nil {
		return err
	}
	entry := auditOfOperator(c, who.account, "settings_changed", "Changed the settings; payers may return to %d origins.",
		len(origins))
	if err := s.Store.SetOperatorSettings(c.Request.Context(), who.account.OperatorID, name, website,
		strings.Join(origins, "\n"), entry); err != nil {
		return fmt.Errorf("store the settings: %w", err)
	}
	s.shops.Remove(who.account.OperatorID)
	writeJSON(c, http.StatusOK, settingsView{Name: name, Website: website, ReturnOrigins: origins})
	return nil
}

// confirmOrigins checks the code of an account that has a second factor, if the origins change: they decide where
// payers are sent.
func (s *Server) confirmOrigins(c *gin.Context, who person, body fields, origins string) error {
	if !who.account.HasTOTP() {
		return nil
	}
	operator, err := s.Store.Operator(c.Request.Context(), who.account.OperatorID)
	if err != nil {
		return fmt.Errorf("read the operator: %w", err)
	}
	if operator.ReturnOrigins == origins {
		return nil
	}
	return s.confirmCode(c, who, body)
}

// shopURL parses an address of an operator's shop. It must be https. An installation without https also allows http
// on localhost.
func (s *Server) shopURL(field, text string) (*url.URL, error) {
	address, err := url.Parse(text)
	if err != nil || address.Host == "" || address.User != nil || address.Opaque != "" ||
		len(text) > maxReturnURLBytes || !isPrintableASCII(text) {
		return nil, invalid(field, "invalid_return_url",
			"%s must be an absolute https URL of at most %d ASCII characters.", field, maxReturnURLBytes)
	}
	isLocal := !s.isHTTPS && address.Scheme == "http" &&
		slices.Contains([]string{"localhost", "127.0.0.1"}, address.Hostname())
	if address.Scheme != "https" && !isLocal {
		return nil, invalid(field, "invalid_return_url", "%s must begin with https.", field)
	}
	return address, nil
}

const maxReturnURLBytes = 2048

func originOf(address *url.URL) string { return address.Scheme + "://" + strings.ToLower(address.Host) }

const maxReturnOrigins = 20
