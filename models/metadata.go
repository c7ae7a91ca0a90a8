package models

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// The size of a payment's metadata at most.
const (
	MaxMetadataEntries    = 20
	MaxMetadataKeyRunes   = 40
	MaxMetadataValueRunes = 500
)

// Metadata is what a shop attached to a payment for itself. It is stored as a JSON object.
type Metadata map[string]string //nolint:recvcheck // only Scan changes it

// Keys returns the keys in their order.
func (m Metadata) Keys() []string { return slices.Sorted(maps.Keys(m)) }

// JSON returns the metadata as a JSON object, with its keys in order.
func (m Metadata) JSON() string {
	if len(m) == 0 {
		return "{}"
	}
	text, err := json.Marshal(m)
	if err != nil {
		panic(err) // strings can always be encoded
	}
	return string(text)
}

// Value returns the form in which a database stores the metadata.
func (m Metadata) Value() (driver.Value, error) { return m.JSON(), nil }

// Scan reads the metadata from a database.
func (m *Metadata) Scan(stored any) error {
	var text []byte
	switch stored := stored.(type) {
	case string:
		text = []byte(stored)
	case []byte:
		text = stored
	default:
		return fmt.Errorf("metadata stored as %T", stored)
	}
	*m = nil
	if err := json.Unmarshal(text, (*map[string]string)(m)); err != nil {
		return fmt.Errorf("read metadata: %w", err)
	}
	if len(*m) == 0 {
		*m = nil // a payment without metadata reads as it was written
	}
	return nil
}

// MetadataEntry makes one entry of a payment's metadata searchable. The payment's row holds all of them too.
type MetadataEntry struct {
	OperatorID string    `gorm:"primaryKey"`
	Name       string    `gorm:"primaryKey"`
	Value      string    `gorm:"primaryKey"`
	CreatedAt  time.Time `gorm:"primaryKey"` // of the payment
	PaymentID  string    `gorm:"primaryKey"`
}

// TableName names the table, for GORM.
func (MetadataEntry) TableName() string { return "payment_metadata" }
