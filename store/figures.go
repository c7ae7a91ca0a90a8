package store

import (
	"context"
	"time"

	"paycow/models"
)

// Figures are counts of a network's payments and transfers, as metrics show them.
type Figures struct {
	Payments   map[models.Status]int64
	Unstarted  int64 // payments whose workflow is not known to have been started
	Uncredited int64 // payments with a canonical transfer that the ledger does not hold
}

// Figures counts a network's payments and transfers.
func (s *Store) Figures(ctx context.Context, network string) (Figures, error) {
	figures := Figures{Payments: map[models.Status]int64{}}
	var counts []struct {
		Status models.Status
		Count  int64
	}
	err := s.read(ctx).Model(&models.Payment{}).Select("status, count(*) AS count").Where("network = ?", network).Group("status").Scan(&counts).Error
	if err != nil {
		return figures, wrap(err, "counting payments")
	}
	for _, c := range counts {
		figures.Payments[c.Status] = c.Count
	}
	err = s.read(ctx).Model(&models.Payment{}).Where("workflow_started_at IS NULL AND network = ?", network).Count(&figures.Unstarted).Error
	if err != nil {
		return figures, wrap(err, "counting payments to start")
	}
	// The partial index transfers_uncredited holds just these.
	err = s.read(ctx).Model(&models.Transfer{}).Where("canonical AND credited_amount = 0").
		Distinct("payment_id").Count(&figures.Uncredited).Error
	return figures, wrap(err, "counting payments to credit")
}

// addTotals counts an operator's payments and credits, each by an index of its own.
func (s *Store) addTotals(ctx context.Context, o *ListedOperator) error {
	if err := s.read(ctx).Model(&models.Payment{}).Where("operator_id = ?", o.ID).Count(&o.Payments).Error; err != nil {
		return wrap(err, "counting an operator's payments")
	}
	available, _, err := s.Balance(ctx, o.ID)
	o.Volume = available
	return err
}

// QueueLengths are how many payments wait for their workflow to be started and how many transfers for their payment to be told.
type QueueLengths struct{ Unstarted, Unsignalled int64 }

// Queues counts what waits when the chain has been read up to the given block.
func (s *Store) Queues(ctx context.Context, head uint64) (QueueLengths, error) {
	var lengths QueueLengths
	if err := s.read(ctx).Model(&models.Payment{}).Where("workflow_started_at IS NULL").Count(&lengths.Unstarted).Error; err != nil {
		return lengths, wrap(err, "counting unstarted payments")
	}
	err := s.read(ctx).Model(&models.Transfer{}).Where("signal_due_at <= ?", head).Count(&lengths.Unsignalled).Error
	return lengths, wrap(err, "counting due signals")
}

// DayFigures are an operator's figures of one day (UTC).
type DayFigures struct {
	Day     string // 2006-01-02
	Created int64  // payments made that day
	Paid    int64  // of these, paid by now
	Volume  models.Amount
}

// Statistics are an operator's figures since a day.
type Statistics struct {
	Days     []DayFigures            // one for each day, oldest first
	ByStatus map[models.Status]int64 // payments made since then
	Volume   models.Amount           // credited less reversed since then
}

// day is the SQL for the day of a time, in UTC.
func (s *Store) day(column string) string {
	if s.engine == enginePostgres {
		return "to_char(" + column + " AT TIME ZONE 'UTC', 'YYYY-MM-DD')"
	}
	return "strftime('%Y-%m-%d', " + column + " / 1000000, 'unixepoch')" // kept as microseconds
}

// Statistics returns an operator's figures of the last days, today's among them.
func (s *Store) Statistics(ctx context.Context, operatorID string, days int) (Statistics, error) {
	today := s.now().UTC().Truncate(24 * time.Hour)
	since := today.AddDate(0, 0, 1-days)
	stats := Statistics{ByStatus: map[models.Status]int64{}, Days: make([]DayFigures, days)}
	position := make(map[string]int, days)
	for i := range days {
		stats.Days[i].Day = since.AddDate(0, 0, i).Format(time.DateOnly)
		position[stats.Days[i].Day] = i
	}
	var payments []struct {
		Day    string
		Status models.Status
		Count  int64
	}
	err := s.read(ctx).Raw("SELECT "+s.day("created_at")+` AS day, status, count(*) AS count FROM payments
		WHERE operator_id = ? AND created_at >= ? GROUP BY 1, 2`, operatorID, since).Scan(&payments).Error
	if err != nil {
		return stats, wrap(err, "counting an operator's payments")
	}
	for _, row := range payments {
		stats.ByStatus[row.Status] += row.Count
		if i, ok := position[row.Day]; ok {
			stats.Days[i].Created += row.Count
			if row.Status == models.StatusPaid {
				stats.Days[i].Paid += row.Count
			}
		}
	}
	var credits []struct {
		Day    string
		Volume models.Amount
	}
	err = s.read(ctx).Raw("SELECT "+s.day("created_at")+` AS day, CAST(sum(amount) AS bigint) AS volume FROM ledger_entries
		WHERE account = ? AND created_at >= ? GROUP BY 1`, models.OperatorAvailableAccount(operatorID), since).Scan(&credits).Error
	if err != nil {
		return stats, wrap(err, "adding up an operator's credits")
	}
	for _, row := range credits {
		stats.Volume = stats.Volume.AddSaturating(row.Volume)
		if i, ok := position[row.Day]; ok {
			stats.Days[i].Volume = row.Volume
		}
	}
	return stats, nil
}
