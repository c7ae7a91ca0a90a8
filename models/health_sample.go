package models

import "time"

// HealthKept is how long the samples of the chain's health are kept.
const HealthKept = 48 * time.Hour

// HealthSample is the worst that was seen of the chain watcher or of a node in a minute.
type HealthSample struct {
	Network       string `gorm:"primaryKey"`
	Node          string `gorm:"primaryKey"` // its name; "" for the watcher
	Minute        int64  `gorm:"primaryKey"` // since 1970
	LagMillis     *int64 // the age of the newest block; nil while none is known
	LatencyMillis *int64 // of a node
}
