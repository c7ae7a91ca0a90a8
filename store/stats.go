package store

import (
	"context"
	"time"

	"paycow/models"
)

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
