package api

import (
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"

	"paycow/models"
)

// notificationsView is what an operator is told by mail.
type notificationsView struct {
	Security   bool `json:"security"`
	Exceptions bool `json:"exceptions"`
	// Enabled is false while this installation sends no mails.
	Enabled bool `json:"enabled"`
}

func (s *Server) newNotificationsView(wanted models.NotificationSettings) notificationsView {
	return notificationsView{Security: wanted.Security, Exceptions: wanted.Exceptions, Enabled: s.Store.SendsMail()}
}

func (s *Server) notifications(c *gin.Context) error {
	operator, err := s.Store.Operator(c.Request.Context(), personOfRequest(c).account.OperatorID)
	if err != nil {
		return fmt.Errorf("read the operator: %w", err)
	}
	writeJSON(c, http.StatusOK, s.newNotificationsView(s.Store.NotificationsOf(c.Request.Context(), operator)))
	return nil
}

// putNotifications sets what the operator is told by mail. Whoever took over an account would switch it off,
// so the password confirms it.
func (s *Server) putNotifications(c *gin.Context) error {
	who := personOfRequest(c)
	body, err := readFields(c, "security", "exceptions", "password", "code")
	if err != nil {
		return err
	}
	var wanted models.NotificationSettings
	for _, choice := range []struct {
		name string
		to   *bool
	}{{"security", &wanted.Security}, {"exceptions", &wanted.Exceptions}} {
		if _, isThere := body[choice.name]; !isThere {
			return missingField(choice.name)
		}
		if *choice.to, err = body.flag(choice.name); err != nil {
			return err
		}
	}
	if err := s.confirmFully(c, who, body); err != nil {
		return err
	}
	onOrOff := map[bool]string{true: "on", false: "off"}
	entry := auditOfOperator(c, who.account, "notifications_changed",
		"Changed the mails about this account. Security: %s. Payment exceptions: %s.",
		onOrOff[wanted.Security], onOrOff[wanted.Exceptions])
	if err := s.Store.SetNotifications(c.Request.Context(), who.account.OperatorID, wanted, entry); err != nil {
		return fmt.Errorf("store what the operator is told by mail: %w", err)
	}
	writeJSON(c, http.StatusOK, s.newNotificationsView(wanted))
	return nil
}
