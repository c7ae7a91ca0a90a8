package store

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"paycow/models"
)

// Figures are counts of payments and transfers, and sums of credits. Each call says which fields it sets; the others
// are zero.
type Figures struct {
	Payments    int64
	ByStatus    map[models.Status]int64
	Volume      models.Amount // credited less reversed, in micro-USDT
	Unstarted   int64         // payments whose workflow is not known to have been started
	Unsignalled int64         // transfers that are due to be signalled to their payment's workflow
	Uncredited  int64         // payments with a canonical transfer that the ledger does not hold
	UnpaidRun   int64         // payments since the newest one that received money, maxUnpaidShown at most
	Days        []DayFigures  // oldest first, without gaps
}

// maxUnpaidShown bounds how far payments in a row without money are counted for figures.
const maxUnpaidShown = 10_000

// DayFigures are the figures of one day (UTC).
type DayFigures struct {
	Day     string        // 2006-01-02
	Created int64         // payments created on this day
	Ended   int64         // those of them that are paid, expired or rejected by now
	Paid    int64         // those of them that are paid by now
	Volume  models.Amount // credited less reversed on this day, in micro-USDT
}

// NetworkFigures counts the payments and transfers of a network. It sets Payments, ByStatus, Unstarted,
// Uncredited and UnpaidRun; Unstarted and UnpaidRun are those of all networks.
func (s *Store) NetworkFigures(ctx context.Context, network string) (Figures, error) {
	figures := Figures{ByStatus: map[models.Status]int64{}}
	var counts []struct {
		Status models.Status
		Count  int64
	}
	err := s.read(ctx).Table("payment_counts").Select("status, CAST(SUM(count) AS bigint) AS count").
		Where("network = ?", network).Group("status").Having("SUM(count) <> 0").Scan(&counts).Error
	if err != nil {
		return figures, wrap(err, "count payments")
	}
	for _, c := range counts {
		figures.ByStatus[c.Status] = c.Count
		figures.Payments += c.Count
	}
	if figures.Unstarted, err = s.countUnstarted(ctx); err != nil {
		return figures, err
	}
	// The partial index transfers_uncredited holds exactly these.
	err = s.read(ctx).Model(&models.Transfer{}).Where("canonical AND credited_amount = 0").
		Distinct("payment_id").Count(&figures.Uncredited).Error
	if err != nil {
		return figures, wrap(err, "count the payments to credit")
	}
	figures.UnpaidRun, err = s.unpaidRunOfAll(ctx)
	return figures, err
}

// QueueFigures counts what waits for the workflow engine when the chain has been read up to the given block. It sets
// Unstarted, Unsignalled and UnpaidRun.
func (s *Store) QueueFigures(ctx context.Context, head uint64) (Figures, error) {
	var figures Figures
	var err error
	if figures.Unstarted, err = s.countUnstarted(ctx); err != nil {
		return figures, err
	}
	err = s.read(ctx).Model(&models.Transfer{}).Where("signal_due_at <= ?", head).Count(&figures.Unsignalled).Error
	if err != nil {
		return figures, wrap(err, "count the due signals")
	}
	figures.UnpaidRun, err = s.unpaidRunOfAll(ctx)
	return figures, err
}

// DeliveryFigures tell what of the webhooks waits.
type DeliveryFigures struct {
	Unstarted int64         // deliveries whose workflow does not know of them yet
	Waiting   int64         // deliveries of which a try is to come
	Late      time.Duration // how long the try that has waited longest has been due; 0 if none is due
}

// DeliveryFigures returns the figures of all operators' webhooks.
func (s *Store) DeliveryFigures(ctx context.Context) (figures DeliveryFigures, err error) {
	err = s.read(ctx).Model(&models.WebhookDelivery{}).Where("start_after IS NOT NULL").Count(&figures.Unstarted).Error
	if err != nil {
		return figures, wrap(err, "count the webhook deliveries to start")
	}
	pending := s.read(ctx).Model(&models.WebhookDelivery{}).Where("status = 'PENDING'")
	if err := pending.Session(&gorm.Session{}).Count(&figures.Waiting).Error; err != nil {
		return figures, wrap(err, "count the webhook deliveries that wait")
	}
	var first []models.WebhookDelivery
	err = pending.Where("next_attempt_at <= ?", s.now()).Order("next_attempt_at").Limit(1).Find(&first).Error
	if len(first) > 0 {
		figures.Late = s.now().Sub(*first[0].NextTryAt)
	}
	return figures, wrap(err, "read the webhook delivery that has waited longest")
}

// OperatorFigures returns an operator's figures of the given number of days up to and including today. It sets Payments
// and ByStatus of the payments created on these days, Volume, and Days.
func (s *Store) OperatorFigures(ctx context.Context, operatorID string, days int) (Figures, error) {
	today := s.now().UTC().Truncate(24 * time.Hour)
	since := today.AddDate(0, 0, 1-days)
	figures := Figures{ByStatus: map[models.Status]int64{}, Days: make([]DayFigures, days)}
	byDay := make(map[string]*DayFigures, days)
	for i := range days {
		day := since.AddDate(0, 0, i).Format(time.DateOnly)
		figures.Days[i].Day = day
		byDay[day] = &figures.Days[i]
	}
	var payments []struct {
		Day    string
		Status models.Status
		Count  int64
	}
	err := s.read(ctx).Table("payment_days").Select("day, status, CAST(SUM(count) AS bigint) AS count").
		Where("operator_id = ? AND day >= ?", operatorID, since.Format(time.DateOnly)).Group("day, status").
		Having("SUM(count) <> 0").Scan(&payments).Error
	if err != nil {
		return figures, wrap(err, "count an operator's payments")
	}
	for _, row := range payments {
		figures.Payments += row.Count
		figures.ByStatus[row.Status] += row.Count
		if day := byDay[row.Day]; day != nil {
			day.Created += row.Count
			if row.Status.IsFinal() {
				day.Ended += row.Count
			}
			if row.Status == models.StatusPaid {
				day.Paid += row.Count
			}
		}
	}
	var credits []struct {
		Day    string
		Volume models.Amount
	}
	err = s.read(ctx).Table("account_days").Select("day, CAST(SUM(amount) AS bigint) AS volume").
		Where("account = ? AND day >= ?", models.OperatorAvailableAccount(operatorID), since.Format(time.DateOnly)).
		Group("day").Scan(&credits).Error
	if err != nil {
		return figures, wrap(err, "add up an operator's credits")
	}
	for _, row := range credits {
		figures.Volume = figures.Volume.AddSaturating(row.Volume)
		if day := byDay[row.Day]; day != nil {
			day.Volume = row.Volume
		}
	}
	return figures, nil
}

// operatorTotals returns the figures of each operator's whole time, by its id. It sets Payments, Volume and
// UnpaidRun.
func (s *Store) operatorTotals(ctx context.Context, operators []models.Operator) (map[string]Figures, error) {
	ids, accounts := make([]string, len(operators)), make([]string, len(operators))
	ofAccount := make(map[string]string, len(operators))
	for i, o := range operators {
		ids[i], accounts[i] = o.ID, models.OperatorAvailableAccount(o.ID)
		ofAccount[accounts[i]] = o.ID
	}
	totals := make(map[string]Figures, len(operators))
	var counts []struct {
		OperatorID string
		Count      int64
	}
	err := s.read(ctx).Table("payment_counts").Select("operator_id, CAST(SUM(count) AS bigint) AS count").
		Where("operator_id IN ?", ids).Group("operator_id").Scan(&counts).Error
	if err != nil {
		return nil, fmt.Errorf("count the operators' payments: %w", err)
	}
	for _, row := range counts {
		totals[row.OperatorID] = Figures{Payments: row.Count}
	}
	var sums []struct {
		Account string
		Volume  models.Amount
	}
	err = s.read(ctx).Table("account_balances").Select("account, CAST(SUM(balance) AS bigint) AS volume").
		Where("account IN ?", accounts).Group("account").Scan(&sums).Error
	if err != nil {
		return nil, fmt.Errorf("add up the operators' credits: %w", err)
	}
	for _, row := range sums {
		figures := totals[ofAccount[row.Account]]
		figures.Volume = row.Volume
		totals[ofAccount[row.Account]] = figures
	}
	for _, id := range ids {
		run, err := s.UnpaidRun(ctx, id, maxUnpaidShown)
		if err != nil {
			return nil, err
		}
		figures := totals[id]
		figures.UnpaidRun = int64(run)
		totals[id] = figures
	}
	return totals, nil
}
