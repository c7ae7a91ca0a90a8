package api

import (
	"context"
	"fmt"
	"time"
)

// shopLifetime is how long a process shows a shop's name and logo after it has read them, because each checkout page
// needs them. A change through this process shows at once, or after this time if the shop was being read meanwhile.
const shopLifetime = time.Second

// shop is what payers see of an operator.
type shop struct {
	name, logoURL string // the URL is "" without a logo
	until         time.Time
}

// shopOf returns what payers see of an operator.
func (s *Server) shopOf(ctx context.Context, operatorID string) (shop, error) {
	if known, ok := s.shops.Get(operatorID); ok && time.Now().Before(known.until) {
		return known, nil
	}
	read := shop{until: time.Now().Add(shopLifetime)}
	operator, err := s.Store.Operator(ctx, operatorID)
	if err != nil {
		return shop{}, fmt.Errorf("read the operator: %w", err)
	}
	logo, err := s.logoOf(ctx, operatorID)
	if err != nil {
		return shop{}, err
	}
	read.name, read.logoURL = operator.Name, textOrEmpty(logo.LogoURL)
	s.shops.Add(operatorID, read)
	return read, nil
}
