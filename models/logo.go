package models

import "time"

// Logo is an operator's picture on the checkout page: a small PNG that this program has drawn.
type Logo struct {
	OperatorID string `gorm:"primaryKey"`
	Version    string // 32 lower-case hex digits of the content's hash, the last part of its address
	Content    []byte
	CreatedAt  time.Time
}

// TableName names the table, for GORM.
func (Logo) TableName() string { return "operator_logos" }
