package api

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"paycow/internal/secrets"
	"paycow/models"
	"paycow/store"
)

var (
	errUnknownMember = &failure{
		status: http.StatusNotFound, code: "member_not_found", msg: "The team has no member with this id.",
	}
	errEmailTaken     = conflict("email_taken", "This e-mail address already has a login.")
	errTooManyMembers = conflict("too_many_members", fmt.Sprintf(
		"A team can have %d members, with those who are invited; remove one who is not needed.", models.MaxMembers))
)

// routeTeam adds the calls about the team of the operator who is logged in.
func (s *Server) routeTeam(anyone *gin.RouterGroup) {
	team := anyone.Group("/team", s.loggedInAs(models.RoleOperator))
	team.GET("", s.handle(s.listMembers))
	team.POST("", s.refuseSuspended, s.handle(s.inviteMember))
	team.PATCH("/:id", s.refuseSuspended, s.handle(s.changeMember))
	team.POST("/:id/link", s.refuseSuspended, s.handle(s.sendMemberLink))
	team.DELETE("/:id", s.handle(s.removeMember))
}

// memberStatus says whether a member can log in.
type memberStatus string

const (
	memberInvited memberStatus = "INVITED" // has not followed the link yet
	memberActive  memberStatus = "ACTIVE"
	memberAltered memberStatus = "ALTERED" // the row was changed outside PayCow, so the member cannot log in
)

// memberView is a member as the owner and admins see it.
type memberView struct {
	ID          string            `json:"id"`
	Email       string            `json:"email"`
	Role        models.MemberRole `json:"role"`
	Status      memberStatus      `json:"status"`
	TOTPEnabled bool              `json:"totpEnabled"`
	CreatedAt   instant           `json:"createdAt"`
	// InvitedUntil is when an invitation that is not accepted ends, null for an accepted one.
	InvitedUntil *instant `json:"invitedUntil"`
}

func newMemberView(m store.ListedMember) memberView {
	view := memberView{
		ID: m.ID, Email: m.Email, Role: m.Role, Status: memberActive, TOTPEnabled: m.HasTOTP(),
		CreatedAt: instant(m.CreatedAt),
	}
	switch {
	case m.Altered:
		view.Status = memberAltered
	case m.PasswordHash == "":
		end := instant(m.UpdatedAt.Add(models.PasswordLinkLifetime))
		view.Status, view.InvitedUntil = memberInvited, &end
	}
	return view
}

func (s *Server) listMembers(c *gin.Context) error {
	return s.writeMembers(c, personOfRequest(c).account.OperatorID)
}

// writeMembers answers with the members of an operator.
func (s *Server) writeMembers(c *gin.Context, operatorID string) error {
	members, err := s.Store.Members(c.Request.Context(), operatorID)
	if err != nil {
		return fmt.Errorf("list the members: %w", err)
	}
	views := make([]memberView, len(members))
	for i, m := range members {
		views[i] = newMemberView(m)
	}
	writeJSON(c, http.StatusOK, gin.H{"members": views})
	return nil
}

// memberLink is the link with which a member sets a password. Where there is a mail server, only the member gets it: so
// an owner neither acts as a member nor takes an address that is another person's.
type memberLink struct {
	URL         *string `json:"url"`
	ExpiresAt   instant `json:"expiresAt"`
	MailedTo    *string `json:"mailedTo"`
	MailProblem *string `json:"mailProblem"`
}

// inviteMember stores a member and makes the link with which the person sets a password.
func (s *Server) inviteMember(c *gin.Context) error {
	who := personOfRequest(c)
	body, err := readFields(c, "email", "role", "password", "code")
	if err != nil {
		return err
	}
	email, err := emailOf(body)
	if err != nil {
		return err
	}
	role, err := memberRoleOf(body)
	if err != nil {
		return err
	}
	operator, err := s.confirmTeamChange(c, who, body)
	if err != nil {
		return err
	}
	if s.MasterKey == nil {
		return fmt.Errorf("invite a member: %w", secrets.ErrNoMasterKey)
	}
	if err := s.countAttempt(c, invitation(who.account)); err != nil {
		return err
	}
	member := models.Member{ID: models.NewID(), OperatorID: operator.ID, Email: email, Role: role}
	err = s.Store.CreateMember(c.Request.Context(), member,
		auditOfOperator(c, who.account, "member_invited", "Invited %s as %s.", email, role))
	switch {
	case errors.Is(err, models.ErrAlreadyExists):
		return errEmailTaken
	case errors.Is(err, models.ErrNotPossible):
		return errTooManyMembers
	case err != nil:
		return fmt.Errorf("store the member: %w", err)
	}
	return s.writeMemberLink(c, http.StatusCreated, operator, member.ID)
}

// sendMemberLink makes another link: for an invitation that ran out, or a forgotten password.
func (s *Server) sendMemberLink(c *gin.Context) error {
	who := personOfRequest(c)
	body, err := readFields(c, "password", "code")
	if err != nil {
		return err
	}
	operator, err := s.confirmTeamChange(c, who, body)
	if err != nil {
		return err
	}
	member, err := s.memberOf(c, operator.ID)
	if err != nil {
		return err
	}
	if err := s.countAttempt(c, invitation(who.account)); err != nil {
		return err
	}
	return s.writeMemberLink(c, http.StatusOK, operator, member.ID)
}

// confirmTeamChange returns the operator once the owner has confirmed a change of its team.
func (s *Server) confirmTeamChange(c *gin.Context, who person, body fields) (models.Operator, error) {
	operator, err := s.activeOperator(c)
	if err != nil {
		return models.Operator{}, err
	}
	return operator, s.confirmFully(c, who, body)
}

// memberOf returns the member of an operator that the path names.
func (s *Server) memberOf(c *gin.Context, operatorID string) (models.Account, error) {
	account, err := s.Store.Member(c.Request.Context(), operatorID, c.Param("id"))
	if errors.Is(err, models.ErrNotFound) {
		return models.Account{}, errUnknownMember.because(err)
	}
	if err != nil {
		return models.Account{}, fmt.Errorf("read the member: %w", err)
	}
	return account, nil
}

// writeMemberLink makes and mails a member's link, and answers with both.
func (s *Server) writeMemberLink(c *gin.Context, status int, operator models.Operator, id string) error {
	ctx := c.Request.Context()
	account, err := s.Store.Member(ctx, operator.ID, id)
	if errors.Is(err, models.ErrNotFound) {
		return errUnknownMember.because(err)
	}
	if err != nil {
		return fmt.Errorf("read the member: %w", err)
	}
	url, expiresAt, err := s.newPasswordLink(c, account)
	if errors.Is(err, models.ErrNotFound) {
		return errUnknownMember.because(err) // removed meanwhile
	}
	if err != nil {
		return err
	}
	link := memberLink{ExpiresAt: instant(expiresAt)}
	if s.Mail == nil {
		link.URL = &url
	} else {
		link.MailedTo, link.MailProblem = s.mailLink(c, operator.ID, account.Email, "Your login at PayCow",
			invitationText(operator.Name, account.MemberRole, url))
	}
	view, err := s.viewOfMember(c, operator.ID, id)
	if err != nil {
		return err
	}
	writeJSON(c, status, gin.H{"member": view, "link": link})
	return nil
}

// viewOfMember reads a member again.
func (s *Server) viewOfMember(c *gin.Context, operatorID, id string) (memberView, error) {
	members, err := s.Store.Members(c.Request.Context(), operatorID)
	if err != nil {
		return memberView{}, fmt.Errorf("list the members: %w", err)
	}
	at := slices.IndexFunc(members, func(m store.ListedMember) bool { return m.ID == id })
	if at < 0 {
		return memberView{}, errUnknownMember
	}
	return newMemberView(members[at]), nil
}

// invitationText is the message with a member's link.
func invitationText(shop string, role models.MemberRole, link string) string {
	return fmt.Sprintf("You are invited to the team of %s at PayCow, with the role of %s.\n\n"+
		"Set your password here. The link works once, for 24 hours:\n\n%s\n\n"+
		"If you do not know this shop, ignore this message.\n", shop, role, link)
}

// changeMember gives a member another role.
func (s *Server) changeMember(c *gin.Context) error {
	who := personOfRequest(c)
	body, err := readFields(c, "role", "password", "code")
	if err != nil {
		return err
	}
	role, err := memberRoleOf(body)
	if err != nil {
		return err
	}
	operator, err := s.confirmTeamChange(c, who, body)
	if err != nil {
		return err
	}
	account, err := s.memberOf(c, operator.ID)
	if err != nil {
		return err
	}
	err = s.Store.SetMemberRole(c.Request.Context(), account, role, auditOfOperator(c, who.account, "member_role_changed",
		"Changed the role of %s from %s to %s; all its sessions ended.", account.Email, account.MemberRole, role))
	if errors.Is(err, models.ErrNotFound) {
		return conflict("changed_meanwhile", "The member was changed in the meantime.")
	}
	if err != nil {
		return fmt.Errorf("change the member's role: %w", err)
	}
	view, err := s.viewOfMember(c, operator.ID, account.ID)
	if err != nil {
		return err
	}
	writeJSON(c, http.StatusOK, view)
	return nil
}

// memberRoleOf reads the role of a member.
func memberRoleOf(body fields) (models.MemberRole, error) {
	text, err := body.text("role", 1, 20)
	if err != nil {
		return "", err
	}
	if !slices.Contains(models.MemberRoles(), models.MemberRole(text)) {
		return "", invalid("role", "invalid_field", "role must be one of %s.", listOf(models.MemberRoles()))
	}
	return models.MemberRole(text), nil
}

// removeMember needs no confirmation, so that nothing delays it, and works while the operator is suspended.
func (s *Server) removeMember(c *gin.Context) error {
	who := personOfRequest(c)
	entry := auditOfOperator(c, who.account, "member_removed", "")
	err := s.removeMemberOf(c, who.account.OperatorID, c.Param("id"), entry)
	if err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

func (s *Server) removeMemberOf(c *gin.Context, operatorID, id string, entry models.AuditEntry) error {
	err := s.Store.RemoveMember(c.Request.Context(), operatorID, id, entry)
	if errors.Is(err, models.ErrNotFound) {
		return errUnknownMember.because(err)
	}
	if err != nil {
		return fmt.Errorf("remove the member: %w", err)
	}
	return nil
}

// listMembersOfOperator lists an operator's team for admins.
func (s *Server) listMembersOfOperator(c *gin.Context) error {
	operator, err := s.operatorOfPath(c)
	if err != nil {
		return err
	}
	return s.writeMembers(c, operator.ID)
}

// removeMemberOfOperator is what an admin does to a member of an operator's team.
func removeMemberOfOperator(s *Server, c *gin.Context, account models.Account) (gin.H, error) {
	return gin.H{}, s.removeMemberOf(c, account.ID, c.Param("member"), aboutAccount(c, account, "member_removed", ""))
}
