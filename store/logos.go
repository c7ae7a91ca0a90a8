package store

import (
	"context"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"paycow/models"
)

// SetLogo gives an operator a logo, or another one, and writes the audit log.
func (s *Store) SetLogo(ctx context.Context, logo models.Logo, entry models.AuditEntry) error {
	logo.CreatedAt = s.now()
	err := s.write(ctx, func(tx *gorm.DB) error {
		err := tx.Clauses(clause.OnConflict{
			Columns:   []clause.Column{{Name: "operator_id"}},
			DoUpdates: clause.AssignmentColumns([]string{"version", "content", "created_at"}),
		}).Create(&logo).Error
		if err != nil {
			return err
		}
		return s.audit(tx, entry)
	})
	return wrap(err, "set a logo")
}

// RemoveLogo removes the logo of an operator, if there is one, and writes the audit log.
func (s *Store) RemoveLogo(ctx context.Context, operatorID string, entry models.AuditEntry) error {
	err := s.write(ctx, func(tx *gorm.DB) error {
		removed := tx.Where("operator_id = ?", operatorID).Delete(&models.Logo{})
		if removed.Error != nil || removed.RowsAffected == 0 {
			return removed.Error
		}
		return s.audit(tx, entry)
	})
	return wrap(err, "remove a logo")
}

// LogoVersion returns the version of an operator's logo, "" if there is none.
func (s *Store) LogoVersion(ctx context.Context, operatorID string) (string, error) {
	var versions []string
	err := s.read(ctx).Model(&models.Logo{}).Where("operator_id = ?", operatorID).Pluck("version", &versions).Error
	if err != nil || len(versions) == 0 {
		return "", wrap(err, "read the version of a logo")
	}
	return versions[0], nil
}

// LogoContent returns the logo with this version. Returns models.ErrNotFound.
func (s *Store) LogoContent(ctx context.Context, version string) ([]byte, error) {
	var logo models.Logo
	err := s.read(ctx).Where("version = ?", version).Take(&logo).Error
	return logo.Content, wrap(err, "read a logo")
}
