package store

import (
	"context"
	"math/big"
	"time"

	"gorm.io/gorm"

	"paycow/models"
)

// AddressBalance is the balance that one of our addresses should have.
type AddressBalance struct {
	Address string   // EIP-55 form
	Units   *big.Int // micro-USDT
}

// ExpectedBalances returns the balances that the token should report for our addresses at a block: transfers in, from
// others and from addresses of ours, minus transfers out, minus what the token's owner destroyed. Addresses without a
// known transfer are included, because a transfer may have been missed; so are addresses that no payment has, with what
// they held when that was last shown. The addresses come in order, from the first one
// after the given address; limit bounds their number.
func (s *Store) ExpectedBalances(
	ctx context.Context, network string, atBlock uint64, after string, limit int,
) ([]AddressBalance, error) {
	return s.expectedBalances(ctx, network, atBlock, "d.address > ? ORDER BY d.address LIMIT ?", after, limit)
}

// ExpectedBalancesOf returns the same for those of the addresses that are deposit addresses.
func (s *Store) ExpectedBalancesOf(
	ctx context.Context, network string, atBlock uint64, addresses []string,
) ([]AddressBalance, error) {
	list, err := jsonList(addresses)
	if err != nil || len(addresses) == 0 {
		return nil, err
	}
	return s.expectedBalances(ctx, network, atBlock, "d.address IN ("+s.unfold()+") ORDER BY d.address", list)
}

func (s *Store) expectedBalances(
	ctx context.Context, network string, atBlock uint64, which string, values ...any,
) ([]AddressBalance, error) {
	var rows []struct {
		Address string
		Units   int64
	}
	err := s.read(ctx).Raw(`SELECT d.address AS address,
			CAST(COALESCE((SELECT SUM(f.units) FROM forgotten_addresses f WHERE f.address = d.address), 0)
				+ COALESCE((SELECT SUM(t.amount) FROM transfers t
					WHERE t.payment_id = d.payment_id AND t.canonical AND t.block_number <= ?), 0)
				+ COALESCE((SELECT SUM(i.amount) FROM sweeps i
					WHERE i.to_address = d.address AND i.canonical AND i.block_number <= ?
						AND NOT EXISTS (SELECT 1 FROM transfers t WHERE `+sameKey("t", "i")+`
							AND t.payment_id = d.payment_id AND t.canonical)), 0)
				- COALESCE((SELECT SUM(w.amount) FROM sweeps w
					WHERE w.from_address = d.address AND w.canonical AND w.block_number <= ?), 0) AS bigint) AS units
		FROM (SELECT a.address, a.payment_id FROM deposit_addresses a JOIN payments p ON p.id = a.payment_id AND p.network = ?
			UNION ALL SELECT f.address, NULL FROM forgotten_addresses f WHERE f.block_number <= ?
				AND NOT EXISTS (SELECT 1 FROM deposit_addresses x WHERE x.address = f.address)) d
		WHERE `+which, append([]any{atBlock, atBlock, atBlock, network, atBlock}, values...)...).Scan(&rows).Error
	if err != nil {
		return nil, wrap(err, "add up what our addresses hold")
	}
	var destroyed []models.TokenEvent
	err = s.read(ctx).Where("canonical AND kind = ? AND block_number <= ?", models.TokenFundsDestroyed, atBlock).
		Find(&destroyed).Error
	if err != nil {
		return nil, wrap(err, "read destroyed funds")
	}
	balances := make([]AddressBalance, len(rows))
	for i, row := range rows {
		balances[i] = AddressBalance{Address: row.Address, Units: big.NewInt(row.Units)}
		for _, event := range destroyed {
			if lost, ok := new(big.Int).SetString(event.Value, 10); ok && event.Address == row.Address {
				balances[i].Units.Sub(balances[i].Units, lost)
			}
		}
	}
	return balances, nil
}

// SignalledUncredited returns canonical transfers that were signalled to their payment before the given time and are
// not credited, in the order of the chain. Those of crowded payments are left out: their workflows know only sums.
func (s *Store) SignalledUncredited(
	ctx context.Context, network string, before time.Time, limit int,
) ([]models.Transfer, error) {
	var transfers []models.Transfer
	err := s.read(ctx).Where(`canonical AND credited_amount = 0 AND signalled_confirmations > 0 AND updated_at < ?
		AND EXISTS (SELECT 1 FROM payments p WHERE p.id = transfers.payment_id AND p.network = ?)
		AND NOT EXISTS (SELECT 1 FROM crowds c WHERE c.payment_id = transfers.payment_id)`, before, network).
		Order(chainOrder).Limit(limit).Find(&transfers).Error
	return transfers, wrap(err, "read the signalled transfers")
}

// PutReconciliation stores a report.
func (s *Store) PutReconciliation(ctx context.Context, report models.Reconciliation) error {
	if report.Differences == nil {
		report.Differences = []models.Difference{}
	}
	report.StartedAt, report.FinishedAt = toMillis(report.StartedAt), toMillis(report.FinishedAt)
	err := s.write(ctx, func(tx *gorm.DB) error {
		row := report // Create sets its ID
		return tx.Create(&row).Error
	})
	return wrap(err, "store a reconciliation's report")
}

// LastReconciliation returns the newest report. Returns models.ErrNotFound.
func (s *Store) LastReconciliation(ctx context.Context, network string) (models.Reconciliation, error) {
	var report models.Reconciliation
	err := s.read(ctx).Where("network = ?", network).Order("id DESC").Take(&report).Error
	return report, wrap(err, "read the last reconciliation")
}
