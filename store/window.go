package store

import (
	"context"
	"fmt"
	"slices"
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

// pausesOf returns the times in which one of the token's contracts was paused, or was deprecated in favour of one that
// was not watched yet: payments then cause logs that nobody reads.
func pausesOf(db *gorm.DB) ([]models.Pause, error) {
	var events []models.TokenEvent
	err := db.Where("canonical AND kind IN ?", []models.TokenEventKind{
		models.TokenPause, models.TokenUnpause, models.TokenDeprecate, models.TokenUndeprecate,
	}).Order("block_number, log_index").Find(&events).Error
	if err != nil {
		return nil, fmt.Errorf("read the token's pauses: %w", err)
	}
	var watched []watchedToken
	if err := db.Find(&watched).Error; err != nil {
		return nil, fmt.Errorf("read the watched contracts: %w", err)
	}
	followed := make(map[string]time.Time, len(watched))
	for _, w := range watched {
		followed[w.Address] = w.FollowedAt
	}
	paused := intervals{events, models.TokenPause, models.TokenUnpause}.pauses()
	for _, p := range (intervals{events, models.TokenDeprecate, models.TokenUndeprecate}).pauses() {
		if at, known := followed[p.address]; known && (p.To.IsZero() || at.Before(p.To)) {
			p.To = at
		}
		if p.To.IsZero() || p.To.After(p.From) {
			paused = append(paused, p)
		}
	}
	return merge(paused), nil
}

// intervals are the times between two kinds of events of the same contract, in the order of the chain.
type intervals struct {
	events     []models.TokenEvent
	begin, end models.TokenEventKind
}

// interval is such a time, with the address that the first event names.
type interval struct {
	models.Pause
	address string
}

func (i intervals) pauses() []interval {
	var found []interval
	open := map[string]int{}   // by contract: the position of the interval that lasts
	heard := map[string]bool{} // by contract: whether an event was seen
	for _, event := range i.events {
		if event.Kind != i.begin && event.Kind != i.end {
			continue
		}
		last, lasting := open[event.Token]
		switch {
		case lasting && (event.Kind == i.end || event.Address != found[last].address):
			found[last].To = event.BlockTime
			delete(open, event.Token)
			lasting = false
		case event.Kind == i.end && !heard[event.Token] && !event.IsCorrection(): // it began before the first block
			found = append(found, interval{Pause: models.Pause{To: event.BlockTime}})
		}
		heard[event.Token] = true
		if event.Kind == i.begin && !lasting {
			open[event.Token] = len(found)
			found = append(found, interval{models.Pause{From: event.BlockTime}, event.Address})
		}
	}
	return found
}

// merge returns the intervals in order of time, with those that overlap made one.
func merge(found []interval) []models.Pause {
	slices.SortStableFunc(found, func(a, b interval) int { return a.From.Compare(b.From) })
	var merged []models.Pause
	for _, p := range found {
		last := len(merged) - 1
		switch {
		case last < 0 || !merged[last].To.IsZero() && merged[last].To.Before(p.From):
			merged = append(merged, p.Pause)
		case merged[last].To.IsZero():
		case p.To.IsZero() || p.To.After(merged[last].To):
			merged[last].To = p.To
		}
	}
	return merged
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

// windowAsOf returns how new the ends of windows are that are read after it: when the cursor was last written. It is
// zero while no pause has ever been read, because every end is the expiry then.
func windowAsOf(db *gorm.DB, network string) (time.Time, error) {
	var cursors []models.ChainCursor
	err := db.Select("updated_at").Where(`network = ? AND EXISTS (SELECT 1 FROM token_events WHERE kind IN ?)`, network,
		[]models.TokenEventKind{models.TokenPause, models.TokenDeprecate}).Limit(1).Find(&cursors).Error
	if err != nil || len(cursors) == 0 {
		return time.Time{}, err
	}
	return cursors[0].UpdatedAt, nil
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
	TokenNumber  uint64
	TokenTime    time.Time
	Paid         bool
}

// viewOfWindow reads the cursor and the transfers in one statement, so both are of the same moment: a block that is
// being stored or taken back meanwhile shows in both or in neither.
func viewOfWindow(tx *gorm.DB, p models.Payment, end time.Time) (windowView, error) {
	var view windowView
	before, err := lastBefore(tx, p)
	if err != nil {
		return view, err
	}
	err = tx.Model(&models.ChainCursor{}).
		Select(`block_number, block_time, agreed_number, agreed_time, token_number, token_time,
			EXISTS (SELECT 1 FROM transfers t
			WHERE t.payment_id = ? AND t.canonical AND t.block_time <= ? AND t.block_number > ?) AS paid`,
			p.ID, toMillis(end), before).
		Where("network = ?", p.Network).Scan(&view).Error
	if err != nil {
		return view, fmt.Errorf("read the chain's view of the window: %w", err)
	}
	return view, nil
}
