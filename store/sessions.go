package store

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"paycow/models"
)

// CreateSession stores a new session in place of the browser's old one (nil for none), writes the audit log and deletes
// sessions that have expired. Returns models.ErrNotFound when the account's password or second factor was changed since
// account was read: a login that overlaps such a change gets no session.
func (s *Store) CreateSession(
	ctx context.Context, account models.Account, session models.Session, oldTokenHash []byte, entry models.AuditEntry,
) error {
	err := s.write(ctx, func(tx *gorm.DB) error {
		var same models.Account
		err := tx.Table(tableOf(account.Role)).Clauses(rowLock).
			Where("id = ? AND password_hash = ?", account.ID, account.PasswordHash).Take(&same).Error
		if err != nil {
			return err
		}
		if !bytes.Equal(same.TOTPSealed, account.TOTPSealed) || same.DisabledAt != nil {
			return models.ErrNotFound
		}
		err = tx.Where("token_hash = ? OR expires_at <= ?", oldTokenHash, s.now()).Delete(&models.Session{}).Error
		if err != nil {
			return fmt.Errorf("delete old sessions: %w", err)
		}
		if err := s.beginSession(tx, account, session); err != nil {
			return err
		}
		if session.IsNewDevice {
			err := s.notify(tx, models.Notice{
				Account: account.Subject(), Kind: models.NoticeSecurity,
				Text: "Somebody logged in from a new browser, at the network address " +
					session.Address + ".",
			})
			if err != nil {
				return err
			}
		}
		return s.audit(tx, entry)
	})
	return wrap(err, "create a session")
}

func (s *Store) beginSession(tx *gorm.DB, account models.Account, session models.Session) error {
	now := s.now()
	session.Role, session.AccountID = account.Role, account.ID
	session.MAC = s.keys.MAC(proofOfSession, partsOfSession(session)...)
	_, lifetime := models.SessionTimes(account.Role)
	session.CreatedAt, session.SeenAt, session.ExpiresAt = now, now, now.Add(lifetime)
	if err := tx.Create(&session).Error; err != nil {
		return fmt.Errorf("store a session: %w", err)
	}
	return nil
}

// seenEvery is the precision of a session's last use, so that not every request writes.
const seenEvery = time.Minute

// Session returns a session that has not expired, and notes its use. Returns models.ErrNotFound.
func (s *Store) Session(ctx context.Context, tokenHash []byte) (models.Session, error) {
	var session models.Session
	now := s.now()
	err := s.read(ctx).Where("token_hash = ? AND expires_at > ?", tokenHash, now).Take(&session).Error
	if idle, _ := models.SessionTimes(session.Role); err == nil && now.Sub(session.SeenAt) >= idle {
		err = models.ErrNotFound
	}
	if err != nil {
		return models.Session{}, wrap(err, "read a session")
	}
	if !s.keys.CheckMAC(session.MAC, proofOfSession, partsOfSession(session)...) {
		return models.Session{}, fmt.Errorf("check a session: %w", models.ErrNotFound)
	}
	if now.Sub(session.SeenAt) >= seenEvery {
		err = s.writer.WithContext(ctx).Model(&models.Session{}).Where("token_hash = ?", tokenHash).
			UpdateColumn("seen_at", now).Error
	}
	return session, wrap(err, "note a session's use")
}

// EndSession ends one session, if it exists.
func (s *Store) EndSession(ctx context.Context, tokenHash []byte) error {
	err := s.writer.WithContext(ctx).Where("token_hash = ?", tokenHash).Delete(&models.Session{}).Error
	return wrap(err, "end a session")
}

// AttemptsWindow is the time in which attempts to log in are counted together.
const AttemptsWindow = 15 * time.Minute

// CountAttempt counts one attempt of a subject. It returns how many attempts there were in the present window, and when
// that window ends. An attempt is counted before its outcome is known, so many at once get no more tries than many in a
// row.
func (s *Store) CountAttempt(ctx context.Context, subject string) (tries int64, until time.Time, err error) {
	tries, begun, err := s.countInWindow(ctx, "login_attempts", "tries", subject, 1, AttemptsWindow)
	if err == nil && tries == 1 {
		err = s.write(ctx, func(tx *gorm.DB) error {
			return tx.Where("begun_at <= ?", s.now().Add(-AttemptsWindow)).Delete(&models.LoginAttempt{}).Error
		})
	}
	return tries, begun.Add(AttemptsWindow), wrap(err, "count an attempt")
}

// ForgetAttempts resets a subject's count after an attempt that succeeded.
func (s *Store) ForgetAttempts(ctx context.Context, subject string) error {
	err := s.writer.WithContext(ctx).Where("subject = ?", subject).Delete(&models.LoginAttempt{}).Error
	return wrap(err, "forget attempts")
}
