package store

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"paycow/models"
)

// minuteOf returns the minute of a time, counted from 1970.
func minuteOf(at time.Time) int64 { return at.Unix() / 60 }

// sampleHealth notes how well the watcher and the nodes are doing. A minute keeps the worst.
func (s *Store) sampleHealth(tx *gorm.DB, network string, nodes []models.NodeHealth) error {
	now := s.now()
	lag := func(block time.Time) *int64 {
		if block.IsZero() {
			return nil
		}
		millis := max(0, now.Sub(block).Milliseconds())
		return &millis
	}
	var cursor models.ChainCursor
	err := tx.Where("network = ?", network).Take(&cursor).Error
	if err != nil && !errors.Is(err, gorm.ErrRecordNotFound) {
		return err
	}
	samples := []models.HealthSample{{Network: network, Minute: minuteOf(now), LagMillis: lag(cursor.BlockTime)}}
	for _, node := range nodes {
		sample := models.HealthSample{
			Network: network, Node: node.Name, Minute: minuteOf(now), LagMillis: lag(node.HeadTime),
		}
		if node.State.IsAnswering() { // else it is what it was when the node answered last
			sample.LatencyMillis = &node.LatencyMillis
		}
		samples = append(samples, sample)
	}
	worst := func(column string) clause.Expr {
		kept, news := "health_samples."+column, "excluded."+column
		isWorse := kept + " IS NULL OR " + news + " > " + kept
		return gorm.Expr("CASE WHEN " + isWorse + " THEN " + news + " ELSE " + kept + " END")
	}
	return tx.Clauses(clause.OnConflict{
		Columns: []clause.Column{{Name: "network"}, {Name: "minute"}, {Name: "node"}},
		DoUpdates: clause.Assignments(map[string]any{
			"lag_millis": worst("lag_millis"), "latency_millis": worst("latency_millis"),
		}),
	}).Create(&samples).Error
}

// HealthPoint is the worst that was seen of the watcher or of a node in one step of the history.
type HealthPoint struct {
	Node          string // "" for the watcher
	Step          int64  // its minutes since 1970, divided by the minutes of a step
	LagMillis     *int64
	LatencyMillis *int64
}

// HealthHistory returns the history of a network's watcher and nodes from a step on, in the order of their names and of
// time. A step in which nothing was reported has no point.
func (s *Store) HealthHistory(
	ctx context.Context, network string, first int64, step time.Duration,
) (points []HealthPoint, err error) {
	minutes := int64(step / time.Minute)
	err = s.read(ctx).Raw(`SELECT node, minute / ? AS step, MAX(lag_millis) AS lag_millis,
			MAX(latency_millis) AS latency_millis
		FROM health_samples WHERE network = ? AND minute >= ? GROUP BY 1, 2 ORDER BY 1, 2`,
		minutes, network, first*minutes).Scan(&points).Error
	return points, wrap(err, "read the history of the chain's health")
}
