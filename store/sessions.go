package store

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"paycow/models"
)

// CreateSession stores a new session and forgets those that have run out.
func (s *Store) CreateSession(ctx context.Context, session models.Session) error {
	now := s.now()
	session.CreatedAt, session.SeenAt, session.ExpiresAt = now, now, now.Add(models.SessionLifetime)
	err := s.write(ctx, func(tx *gorm.DB) error {
		if err := tx.Where("expires_at <= ?", now).Delete(&models.Session{}).Error; err != nil {
			return fmt.Errorf("forgetting old sessions: %w", err)
		}
		return tx.Create(&session).Error
	})
	return wrap(err, "making a session")
}

// seenEvery is how exactly a session's last use is kept: each exact one would be a write a request.
const seenEvery = time.Minute

// Session returns a session that has not run out, and notes its use. Returns models.ErrNotFound.
func (s *Store) Session(ctx context.Context, tokenHash []byte) (models.Session, error) {
	var session models.Session
	now := s.now()
	err := s.read(ctx).Where("token_hash = ? AND expires_at > ? AND seen_at > ?", tokenHash, now, now.Add(-models.SessionIdle)).Take(&session).Error
	if err != nil {
		return models.Session{}, wrap(err, "reading a session")
	}
	if now.Sub(session.SeenAt) >= seenEvery {
		err = s.writer.WithContext(ctx).Model(&models.Session{}).Where("token_hash = ?", tokenHash).UpdateColumn("seen_at", now).Error
	}
	return session, wrap(err, "noting a session's use")
}

// EndSession ends one session. That there is none is no error.
func (s *Store) EndSession(ctx context.Context, tokenHash []byte) error {
	return wrap(s.writer.WithContext(ctx).Where("token_hash = ?", tokenHash).Delete(&models.Session{}).Error, "ending a session")
}

func endSessions(tx *gorm.DB, role models.Role, accountID string) error {
	if err := tx.Where("role = ? AND account_id = ?", role, accountID).Delete(&models.Session{}).Error; err != nil {
		return fmt.Errorf("ending the sessions of %s %s: %w", role, accountID, err)
	}
	return nil
}

// AttemptsWindow is the time in which attempts are counted together.
const AttemptsWindow = 15 * time.Minute

// CountAttempt counts one attempt of a subject and returns how many there were in the present window and when it ends. The
// attempt is counted before its outcome is known, so that many at once get no more tries than many in a row.
func (s *Store) CountAttempt(ctx context.Context, subject string) (tries int64, until time.Time, err error) {
	var row models.LoginAttempt
	err = s.write(ctx, func(tx *gorm.DB) error {
		now := s.now()
		floor := now.Add(-AttemptsWindow)
		if err := tx.Exec("DELETE FROM login_attempts WHERE begun_at <= ? AND subject <> ?", floor, subject).Error; err != nil {
			return fmt.Errorf("forgetting old attempts: %w", err)
		}
		err := tx.Exec(`INSERT INTO login_attempts (subject, tries, begun_at) VALUES (?, 1, ?)
			ON CONFLICT (subject) DO UPDATE SET
				tries = CASE WHEN login_attempts.begun_at <= ? THEN 1 ELSE login_attempts.tries + 1 END,
				begun_at = CASE WHEN login_attempts.begun_at <= ? THEN excluded.begun_at ELSE login_attempts.begun_at END`,
			subject, now, floor, floor).Error
		if err != nil {
			return err
		}
		return tx.Where("subject = ?", subject).Take(&row).Error
	})
	return row.Tries, row.BegunAt.Add(AttemptsWindow), wrap(err, "counting an attempt")
}

// ForgetAttempts starts a subject's count anew, after an attempt that succeeded.
func (s *Store) ForgetAttempts(ctx context.Context, subject string) error {
	return wrap(s.writer.WithContext(ctx).Exec("DELETE FROM login_attempts WHERE subject = ?", subject).Error, "forgetting attempts")
}
