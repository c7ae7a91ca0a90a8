package api

import (
	"fmt"
	"net/http"
	"net/url"

	"github.com/gin-gonic/gin"

	"paycow/models"
)

const (
	maxNameRunes    = 100
	maxWebsiteBytes = 300
)

// register takes a new operator's application. Neither the response nor its timing nor a login afterwards reveals
// whether the e-mail address is already registered: nobody can log in before following the link that approval makes.
func (s *Server) register(c *gin.Context) error {
	body, err := readFields(c, "email", "password", "name", "website")
	if err != nil {
		return err
	}
	email, err := emailOf(body)
	if err != nil {
		return err
	}
	if _, isThere := body["password"]; isThere { // earlier forms ask for one; the owner sets it with the link
		if _, err := newPassword(body, "password", email); err != nil {
			return err
		}
	}
	name, err := body.shownText("name", 1, maxNameRunes)
	if err != nil {
		return err
	}
	website, err := websiteOf(body)
	if err != nil {
		return err
	}
	if err := s.countAttempt(c, registration(c, email)); err != nil {
		return err
	}
	operator := models.Operator{ID: models.NewID(), Email: email, Name: name, Website: website}
	isNew, err := s.Store.RegisterOperator(c.Request.Context(), operator, c.ClientIP())
	if err != nil {
		return fmt.Errorf("store the operator: %w", err)
	}
	if !isNew {
		s.Log.InfoContext(c, "registration of an address that is already registered", "request_id", requestID(c))
	}
	writeJSON(c, http.StatusAccepted, gin.H{
		"msg": "Thank you. Once an admin has approved the account, you get a link to set your password.",
	})
	return nil
}

func emailOf(body fields) (string, error) {
	text, err := body.text("email", 3, models.MaxEmailBytes)
	if err != nil {
		return "", err
	}
	email, err := models.NormalEmail(text)
	if err != nil {
		return "", invalid("email", "invalid_email", "email must be an e-mail address.").because(err)
	}
	return email, nil
}

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
		return "", invalid("website", "invalid_website", "website must be a URL such as https://shop.example.")
	}
	return website, nil
}
