package store

import (
	"context"
	"errors"

	"gorm.io/gorm"

	"paycow/models"
)

// NoteWork notes that the network's chain is read and its payments are signalled. It counts only when the quorum agrees
// on what is read and no alarm stops crediting: then nothing keeps a confirmed transfer from being credited. After a
// pause longer than models.WorkPause the work begins anew.
func (s *Store) NoteWork(ctx context.Context, network string) error {
	now := s.now()
	err := s.write(ctx, func(tx *gorm.DB) error {
		if err := refuseWhileHalted(tx, network); errors.Is(err, models.ErrCreditingHalted) {
			return nil
		} else if err != nil {
			return err
		}
		return tx.Exec(`UPDATE chain_cursors
			SET working_since = CASE WHEN worked_at < ? THEN ? ELSE working_since END, worked_at = ?
			WHERE network = ? AND head_number < agreed_number + ?`,
			now.Add(-models.WorkPause), now, now, network, models.WorkLagBlocks).Error
	})
	return wrap(err, "note that the chain is watched")
}
