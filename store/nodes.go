package store

import (
	"context"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"paycow/models"
)

// PutNodeHealth replaces what is known of a network's nodes, and notes it in the history of the chain's health.
func (s *Store) PutNodeHealth(ctx context.Context, network string, nodes []models.NodeHealth) error {
	err := s.write(ctx, func(tx *gorm.DB) error {
		if err := tx.Where("network = ?", network).Delete(&models.NodeHealth{}).Error; err != nil {
			return err
		}
		if len(nodes) == 0 {
			return nil
		}
		rows := make([]models.NodeHealth, len(nodes))
		for i, node := range nodes {
			node.Network = network
			node.HeadTime, node.Since, node.UpdatedAt = toMillis(node.HeadTime), toMillis(node.Since), toMillis(node.UpdatedAt)
			rows[i] = node
		}
		// While one worker hands the chain over to another, both may write: the later report stands.
		if err := tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(&rows).Error; err != nil {
			return err
		}
		return s.sampleHealth(tx, network, rows)
	})
	return wrap(err, "store the nodes' health")
}

// NodeHealth returns what is known of a network's nodes, in order of preference.
func (s *Store) NodeHealth(ctx context.Context, network string) ([]models.NodeHealth, error) {
	var nodes []models.NodeHealth
	err := s.read(ctx).Where("network = ?", network).Order("position").Find(&nodes).Error
	return nodes, wrap(err, "read the nodes' health")
}
