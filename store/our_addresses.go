package store

import (
	"context"

	"paycow/models"
)

// OurAddresses returns those of the addresses (EIP-55 form) that are deposit addresses of the network.
func (s *Store) OurAddresses(ctx context.Context, network string, addresses []string) ([]string, error) {
	transfers := make([]models.TokenTransfer, len(addresses))
	for i, address := range addresses {
		transfers[i].To = address
	}
	payments, err := s.paymentsOfAddresses(s.read(ctx), network, transfers)
	if err != nil {
		return nil, err
	}
	ours := make([]string, 0, len(payments))
	for address := range payments {
		ours = append(ours, address)
	}
	return ours, nil
}
