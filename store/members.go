package store

import (
	"context"
	"fmt"
	"strconv"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"paycow/models"
)

// partsOfMember is what a member's proof covers: who may do what for which operator.
func partsOfMember(id, operatorID, email string, role models.MemberRole) []string {
	return []string{id, operatorID, email, string(role)}
}

// isMember reports whether this program wrote the row of a member's account: whoever changes one must not get another
// role or another shop.
func (s *Store) isMember(account models.Account) bool {
	return s.keys.CheckMAC(account.MAC, proofOfMember,
		partsOfMember(account.ID, account.OperatorID, account.Email, account.MemberRole)...)
}

// CreateMember stores a member who is invited and writes the audit log. Returns models.ErrAlreadyExists when the e-mail
// address has a login, and models.ErrNotPossible when the operator has models.MaxMembers.
func (s *Store) CreateMember(ctx context.Context, member models.Member, entry models.AuditEntry) error {
	member.CreatedAt, member.UpdatedAt = s.now(), s.now()
	member.MAC = s.keys.MAC(proofOfMember, partsOfMember(member.ID, member.OperatorID, member.Email, member.Role)...)
	err := s.write(ctx, func(tx *gorm.DB) error {
		// The operator's lock keeps two invitations from passing the limit; that of the address keeps an application for it
		// from being approved meanwhile.
		var operators []models.Operator
		err := tx.Clauses(rowLock).Where("id = ? OR email = ?", member.OperatorID, member.Email).Order("id").
			Find(&operators).Error
		if err != nil {
			return err
		}
		for _, o := range operators {
			if o.Email == member.Email && !o.IsReplaceable() {
				return models.ErrAlreadyExists
			}
		}
		var admins, count int64
		if err := tx.Model(&models.Admin{}).Where("email = ?", member.Email).Count(&admins).Error; err != nil {
			return err
		}
		if admins > 0 { // a shop must not appear in the audit log as an admin
			return models.ErrAlreadyExists
		}
		if err := tx.Model(&models.Member{}).Where("operator_id = ?", member.OperatorID).Count(&count).Error; err != nil {
			return err
		}
		if count >= models.MaxMembers {
			return models.ErrNotPossible
		}
		if err := tx.Create(&member).Error; err != nil {
			return err
		}
		return s.audit(tx, entry)
	})
	return wrap(err, "create a member")
}

// ListedMember is a member as its operator and admins see it.
type ListedMember struct {
	models.Member
	// Altered says that the row was not written by this program, so that the member cannot log in.
	Altered bool
}

// Members returns an operator's members, by e-mail address.
func (s *Store) Members(ctx context.Context, operatorID string) ([]ListedMember, error) {
	var rows []models.Member
	err := s.read(ctx).Where("operator_id = ?", operatorID).Order("email").Limit(models.MaxMembers).Find(&rows).Error
	members := make([]ListedMember, len(rows))
	for i, row := range rows {
		ok := s.keys.CheckMAC(row.MAC, proofOfMember, partsOfMember(row.ID, row.OperatorID, row.Email, row.Role)...)
		members[i] = ListedMember{Member: row, Altered: !ok}
	}
	return members, wrap(err, "list the members of an operator")
}

// Member returns a member of an operator. Returns models.ErrNotFound, also for a row that this program did not write.
func (s *Store) Member(ctx context.Context, operatorID, id string) (models.Account, error) {
	account, err := s.AccountByID(ctx, models.RoleMember, id)
	if err == nil && account.OperatorID != operatorID {
		return models.Account{}, fmt.Errorf("read a member of another operator: %w", models.ErrNotFound)
	}
	return account, err
}

// SetMemberRole gives a member another role, ends its sessions and writes the audit log. Returns models.ErrNotFound
// when the member was removed or changed since account was read.
func (s *Store) SetMemberRole(
	ctx context.Context, account models.Account, role models.MemberRole, entry models.AuditEntry,
) error {
	err := s.write(ctx, func(tx *gorm.DB) error {
		mac := s.keys.MAC(proofOfMember, partsOfMember(account.ID, account.OperatorID, account.Email, role)...)
		err := changeOne(tx, account, map[string]any{"role": role, "mac": mac}, gorm.Expr("mac = ?", account.MAC))
		if err != nil {
			return err
		}
		if err := endSessions(tx, account, nil); err != nil {
			return err
		}
		return s.audit(tx, entry)
	})
	return wrap(err, "change a member's role")
}

// RemoveMember deletes a member of an operator, its sessions and its link, and writes the audit log. It removes rows
// that this program did not write, too. entry gets what was removed as its detail. Returns models.ErrNotFound.
func (s *Store) RemoveMember(ctx context.Context, operatorID, id string, entry models.AuditEntry) error {
	err := s.write(ctx, func(tx *gorm.DB) error {
		var removed []models.Member
		err := tx.Clauses(clause.Returning{}).Where("id = ? AND operator_id = ?", id, operatorID).Delete(&removed).Error
		if err != nil {
			return err
		}
		if len(removed) == 0 {
			return models.ErrNotFound
		}
		account := models.Account{Role: models.RoleMember, ID: id}
		if err := endSessions(tx, account, nil); err != nil {
			return err
		}
		if err := dropPasswordLink(tx, account); err != nil {
			return err
		}
		entry.Detail = fmt.Sprintf("Removed %s (%s) from the team.", removed[0].Email, removed[0].Role)
		return s.audit(tx, entry)
	})
	return wrap(err, "remove a member")
}

// endMembersSessions ends every session of an operator's members.
func endMembersSessions(tx *gorm.DB, operatorID string) error {
	members := tx.Model(&models.Member{}).Select("id").Where("operator_id = ?", operatorID)
	err := tx.Where("role = ? AND account_id IN (?)", models.RoleMember, members).Delete(&models.Session{}).Error
	if err != nil {
		return fmt.Errorf("end the sessions of the members of %s: %w", operatorID, err)
	}
	return nil
}

// freeAddress ends an invitation that nobody has accepted, because an operator or an admin gets its address: a shop
// cannot keep anybody out by inviting. Returns models.ErrAlreadyExists when a member has the address.
func (s *Store) freeAddress(tx *gorm.DB, email string) error {
	member, taken, err := s.memberWith(tx, email)
	if err != nil || !taken {
		return err
	}
	ended := tx.Where("id = ? AND password_hash = ''", member.ID).Delete(&models.Member{})
	if ended.Error != nil {
		return fmt.Errorf("delete an invitation: %w", ended.Error)
	}
	if ended.RowsAffected == 0 { // it was accepted, perhaps a moment ago
		return models.ErrAlreadyExists
	}
	if err := dropPasswordLink(tx, models.Account{Role: models.RoleMember, ID: member.ID}); err != nil {
		return err
	}
	return s.audit(tx, models.AuditEntry{
		Actor: models.ActorSystem, Action: "member_removed", Subject: "operator:" + member.OperatorID,
		Detail: fmt.Sprintf("Ended the invitation of %s: the address got a login of its own.", member.Email),
	})
}

// memberWith returns the member with an e-mail address; ok is false if there is none, or only a row that this program
// did not write.
func (s *Store) memberWith(tx *gorm.DB, email string) (member models.Member, ok bool, err error) {
	var found []models.Member
	if err := tx.Where("email = ?", email).Limit(1).Find(&found).Error; err != nil {
		return models.Member{}, false, fmt.Errorf("look for a member with the e-mail address: %w", err)
	}
	if len(found) == 0 {
		return models.Member{}, false, nil
	}
	m := found[0]
	return m, s.keys.CheckMAC(m.MAC, proofOfMember, partsOfMember(m.ID, m.OperatorID, m.Email, m.Role)...), nil
}

// rekeyMembers proves the rows of members anew. One that changed meanwhile is left to the process that changed it.
func (s *Store) rekeyMembers(ctx context.Context) (changed, left int, err error) {
	var members []models.Member
	if err := s.read(ctx).Order("id").Find(&members).Error; err != nil {
		return 0, 0, fmt.Errorf("read members: %w", err)
	}
	for _, m := range members {
		mac, ok, broken := s.remac(m.MAC, proofOfMember, partsOfMember(m.ID, m.OperatorID, m.Email, m.Role))
		if broken {
			left++
		}
		if !ok {
			continue
		}
		changed++
		err := s.writer.WithContext(ctx).Model(&models.Member{}).Where("id = ? AND mac = ?", m.ID, m.MAC).
			UpdateColumn("mac", mac).Error
		if err != nil {
			return changed, left, fmt.Errorf("prove member %s: %w", m.ID, err)
		}
	}
	return changed, left, nil
}

// partsOfPasswordLink is what a link's proof covers: whose password it sets, and until when.
func partsOfPasswordLink(link models.PasswordLink) []string {
	return []string{
		string(link.TokenHash), string(link.Role), link.AccountID, strconv.FormatInt(link.ExpiresAt.UnixMilli(), 10),
	}
}
