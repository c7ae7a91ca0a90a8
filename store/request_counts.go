package store

import (
	"context"
	"time"
)

// CountRequests counts n requests of a subject, before they are made. It returns how many were counted in the present
// window, these included, and when that window ends. All processes count together.
func (s *Store) CountRequests(
	ctx context.Context, subject string, n int, window time.Duration,
) (used int64, until time.Time, err error) {
	used, begun, err := s.countInWindow(ctx, "request_counts", "used", subject, n, window)
	return used, begun.Add(window), wrap(err, "count requests")
}

// countInWindow adds n to the count of a subject, or begins to count anew when its window is over. It is one statement
// for one row: callers wait only for others that count the same subject.
func (s *Store) countInWindow(
	ctx context.Context, table, column, subject string, n int, window time.Duration,
) (count int64, begun time.Time, err error) {
	now := s.now()
	floor := now.Add(-window)
	var row struct {
		Count   int64
		BegunAt time.Time
	}
	err = s.writer.WithContext(ctx).Raw(`INSERT INTO `+table+` AS c (subject, `+column+`, begun_at) VALUES (?, ?, ?)
		ON CONFLICT (subject) DO UPDATE SET
			`+column+` = CASE WHEN c.begun_at <= ? THEN excluded.`+column+` ELSE c.`+column+` + excluded.`+column+` END,
			begun_at = CASE WHEN c.begun_at <= ? THEN excluded.begun_at ELSE c.begun_at END
		RETURNING `+column+` AS count, begun_at`, subject, n, now, floor, floor).Scan(&row).Error
	return row.Count, row.BegunAt, err
}
