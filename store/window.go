package store

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"paycow/models"
)

// Pauses returns the times in which the token was paused, oldest first. The end of the last one is zero while it lasts.
// The network is ignored: an installation watches one token.
func (s *Store) Pauses(ctx context.Context, _ string) ([]models.Pause, error) {
	pauses, err := pausesOf(s.read(ctx))
	return pauses, wrap(err, "read the token's pauses")
}

func pausesOf(db *gorm.DB) ([]models.Pause, error) {
	var events []models.TokenEvent
	err := db.Where("canonical AND kind IN ?", []models.TokenEventKind{models.TokenPause, models.TokenUnpause}).
		Order("block_number, log_index").Find(&events).Error
	if err != nil {
		return nil, fmt.Errorf("read the token's pauses: %w", err)
	}
	var pauses []models.Pause
	for _, event := range events {
		last := len(pauses) - 1
		lasting := last >= 0 && pauses[last].To.IsZero()
		switch {
		case event.Kind == models.TokenPause && !lasting:
			pauses = append(pauses, models.Pause{From: event.BlockTime})
		case event.Kind == models.TokenUnpause && lasting:
			pauses[last].To = event.BlockTime
		}
	}
	return pauses, nil
}

// windowEnd returns when a payment's window really ends as far as the chain has been read, and whether a pause of the
// token is moving that end.
func windowEnd(db *gorm.DB, p models.Payment) (end time.Time, paused bool, err error) {
	ends, err := windowEnds(db, p.Network)
	if err != nil {
		return time.Time{}, false, err
	}
	end, paused = ends(p)
	return end, paused, nil
}

// windowEnds returns a function that computes windowEnd for payments of a network. A pause whose end has not been read
// counts up to the block at the cursor, never up to the wall clock: while the chain is read late, the pause may have
// ended long ago, and a workflow keeps the latest end that it was signalled.
func windowEnds(db *gorm.DB, network string) (func(models.Payment) (end time.Time, paused bool), error) {
	// The cursor is read first, so it is never past an end of a pause that was not read.
	var cursor models.ChainCursor
	if err := db.Where("network = ?", network).Limit(1).Find(&cursor).Error; err != nil {
		return nil, fmt.Errorf("read the chain cursor: %w", err)
	}
	pauses, err := pausesOf(db)
	if err != nil {
		return nil, err
	}
	return func(p models.Payment) (time.Time, bool) {
		return models.WindowEnd(p.CreatedAt, p.ExpiresAt, pauses, cursor.BlockTime)
	}, nil
}

// movedEnd is the end of a window as messages carry it: zero when no pause moved it from the payment's expiry.
func movedEnd(p models.Payment, end time.Time) time.Time {
	if end.Equal(p.ExpiresAt) {
		return time.Time{}
	}
	return end
}

// windowView is how far the chain was read, and whether it holds a transfer of a payment's window.
type windowView struct {
	BlockNumber  uint64
	BlockTime    time.Time
	AgreedNumber uint64
	AgreedTime   time.Time
	Paid         bool
}

// viewOfWindow reads the cursor and the transfers in one statement, so both are of the same moment: a block that is
// being stored or taken back meanwhile shows in both or in neither.
func viewOfWindow(tx *gorm.DB, p models.Payment, end time.Time) (windowView, error) {
	var view windowView
	err := tx.Model(&models.ChainCursor{}).
		Select(`block_number, block_time, agreed_number, agreed_time, EXISTS (SELECT 1 FROM transfers t
			WHERE t.payment_id = ? AND t.canonical AND t.block_time <= ?) AS paid`, p.ID, toMillis(end)).
		Where("network = ?", p.Network).Scan(&view).Error
	if err != nil {
		return view, fmt.Errorf("read the chain's view of the window: %w", err)
	}
	return view, nil
}
