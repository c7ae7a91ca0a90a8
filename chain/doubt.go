package chain

import (
	"context"
	"errors"
	"fmt"
	"time"

	"paycow/models"
)

// doubtAlarmAfter is how long reading may wait at a doubtful block before an alarm is raised.
const doubtAlarmAfter = 2 * time.Minute

// doubt is the time in which no node has given a believable answer.
type doubt struct {
	since  time.Time // zero while there is no doubt
	block  uint64
	raised bool
}

// watchDoubt raises an alarm when reading has waited too long for a believable answer, and resolves it when reading
// goes on.
func (f *Follower) watchDoubt(ctx context.Context, err error) {
	switch {
	case ctx.Err() != nil:
	case errors.Is(err, models.ErrDoubtful):
		if f.doubt.since.IsZero() {
			f.doubt = doubt{since: time.Now()}
			if f.cursor != nil {
				f.doubt.block = f.cursor.BlockNumber + 1
			}
		}
		if !f.doubt.raised && time.Since(f.doubt.since) >= doubtAlarmAfter {
			f.doubt.raised = f.raise(
				ctx,
				models.AlarmBlockDoubtful,
				fmt.Sprintf("No node has given a believable answer for block %d since %s: %v",
					f.doubt.block, f.doubt.since.UTC().Format(time.RFC3339), err),
			)
		}
	case err == nil && !f.doubt.since.IsZero():
		f.resolve(ctx, models.AlarmBlockDoubtful, "A node gave a believable answer.")
		f.doubt = doubt{}
	}
}

// raise raises an alarm of the network and reports whether it is stored.
func (f *Follower) raise(ctx context.Context, kind models.AlarmKind, message string) bool {
	err := f.alarms.Raise(ctx, models.Alarm{Network: f.config.Network, Kind: kind, Message: message})
	if err != nil {
		f.log.ErrorContext(ctx, "cannot raise an alarm", "alarm", string(kind), "error", err)
	}
	return err == nil
}

func (f *Follower) resolve(ctx context.Context, kind models.AlarmKind, resolution string) {
	if err := f.alarms.Resolve(ctx, f.config.Network, kind, "", models.ActorSystem, resolution); err != nil {
		f.log.ErrorContext(ctx, "cannot resolve an alarm", "alarm", string(kind), "error", err)
	}
}
