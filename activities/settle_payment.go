package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"
	"golang.org/x/sync/errgroup"

	"paycow/chain"
	"paycow/models"
)

const (
	// firstPage is how many transfers the first transaction of SettlePayment books, so that the largest are credited at
	// once. Each later one takes pageGrowth times as many, up to lastPage.
	firstPage  = 20
	pageGrowth = 5
	lastPage   = 500
	// maxHeld is how many transfers that cannot be booked now SettlePayment passes over before it gives up.
	maxHeld = 2000
	// maxOvertaken is how many pages in a row may have changed since they were read before a run ends, and overtakenPause
	// how long it waits after each.
	maxOvertaken   = 20
	overtakenPause = 100 * time.Millisecond
)

// SettlePayment books what is confirmed, or no longer right, among the transfers of a crowded payment: reversals first,
// then the largest transfers. Each is verified as CreditPayment does, page by page, and each page is booked in one
// transaction. It ends when nothing is left, when the credited amount reaches the requested one or falls below it,
// compared with what the caller knows (so that the state that follows is recorded before the rest), or after
// models.SettleTime. It is safe to repeat. What cannot be verified now is passed over: the result says why or, with
// input.Await and when nothing could be booked at all, the activity fails and Temporal repeats it.
func (a *Activities) SettlePayment(ctx context.Context, input models.SettleInput) (models.SettleResult, error) {
	before, received, err := a.payee(ctx, input.PaymentID)
	if err != nil {
		return models.SettleResult{}, classify(err)
	}
	s := settlement{
		activities: a, payment: before, known: input.Credited, deadline: time.Now().Add(models.SettleTime),
		stake: max(before.AmountRequested, received),
	}
	if err := s.run(ctx); err != nil {
		return models.SettleResult{}, err
	}
	if s.booked > 0 {
		a.log.InfoContext(ctx, "transfers of a crowded payment booked", "payment_id", input.PaymentID,
			"operator_id", before.OperatorID, "transfers", s.booked,
			"amount", (s.payment.AmountCredited - before.AmountCredited).String())
	}
	if input.Await && s.booked == 0 && s.held != "" {
		return models.SettleResult{}, errors.New(s.held)
	}
	result := models.SettleResult{Booked: s.booked, Held: s.held}
	result.Snapshot, err = a.payments.Snapshot(ctx, input.PaymentID)
	return result, classify(err)
}

// settlement is one run of SettlePayment.
type settlement struct {
	activities *Activities
	payment    models.Payment // as it is after the last page
	known      models.Amount  // what the caller knows as credited, in micro-USDT
	deadline   time.Time
	stake      models.Amount // of the whole payment, in micro-USDT
	booked     int64
	held       string // why some could not be booked
	overtaken  int    // pages in a row that changed since they were read
}

// run books page after page.
func (s *settlement) run(ctx context.Context) error {
	page := firstPage
	skippedCredits, skippedReversals := 0, 0
	for !s.isTurned() {
		reversals, err := s.activities.crowds.TransfersToReverse(ctx, s.payment.ID, skippedReversals, page)
		if err != nil {
			return classify(err)
		}
		var credits []models.Transfer
		var head uint64
		if len(reversals) == 0 {
			credits, head, err = s.activities.crowds.TransfersToCredit(ctx, s.payment, skippedCredits, page)
			if err != nil {
				return classify(err)
			}
		}
		if len(reversals)+len(credits) == 0 {
			return nil
		}
		goodReversals, err := s.verify(ctx, reversals, head, s.activities.verifyRemovals)
		if err != nil {
			return err
		}
		goodCredits, err := s.verify(ctx, credits, head, s.activities.verifyTransfers)
		if err != nil {
			return err
		}
		skippedReversals += len(reversals) - len(goodReversals)
		skippedCredits += len(credits) - len(goodCredits)
		more, err := s.book(ctx, goodCredits, goodReversals)
		if err != nil || !more || skippedCredits+skippedReversals >= maxHeld || time.Now().After(s.deadline) {
			return err
		}
		if activity.IsActivity(ctx) {
			activity.RecordHeartbeat(ctx, s.booked)
		}
		page = min(page*pageGrowth, lastPage)
	}
	return nil
}

// isTurned reports whether the credited amount has come to pay the payment, or no longer does, and the caller does
// not know yet. The caller may not know what an earlier run booked, because a signal interrupted it or its worker died.
func (s *settlement) isTurned() bool {
	enough := s.payment.Enough()
	return (s.payment.AmountCredited >= enough) != (s.known >= enough)
}

// verify returns those of the transfers that the nodes confirm, as verifyAll does.
func (s *settlement) verify(
	ctx context.Context, transfers []models.Transfer, head uint64,
	verifyAll func(context.Context, []chain.Verification) []error,
) ([]models.Transfer, error) {
	if len(transfers) == 0 {
		return nil, nil
	}
	wanted := make([]chain.Verification, len(transfers))
	for i, t := range transfers {
		wanted[i] = chain.Verification{
			DepositAddress: s.payment.DepositAddress, Notice: t.Notice(head, 0),
			Confirmations: s.activities.confirmationsOf(s.payment), AtStake: s.stake,
		}
	}
	var good []models.Transfer
	refused := 0
	for i, err := range verifyAll(ctx, wanted) {
		if err == nil {
			good = append(good, transfers[i])
			continue
		}
		refused++
		s.held = models.Shorten(err.Error(), maxReasonRunes)
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("verify the payment's transfers: %w", ctx.Err())
	}
	if refused > 0 {
		s.activities.log.WarnContext(ctx, "transfers not verified", "payment_id", s.payment.ID, "transfers", refused,
			"error", s.held)
	}
	return good, nil
}

// manyVerifier is a TransferVerifier that verifies the transfers of one block together.
type manyVerifier interface {
	// VerifyTransfers returns for each transfer what VerifyTransfer would.
	VerifyTransfers(ctx context.Context, wanted []chain.Verification) []error
}

func (a *Activities) verifyTransfers(ctx context.Context, wanted []chain.Verification) []error {
	if many, ok := a.verifier.(manyVerifier); ok {
		return many.VerifyTransfers(ctx, wanted)
	}
	return verifyEach(ctx, wanted, a.verifier.VerifyTransfer)
}

func (a *Activities) verifyRemovals(ctx context.Context, credited []chain.Verification) []error {
	return verifyEach(ctx, credited, a.verifier.VerifyRemoval)
}

// verifyEach returns what verify says of each transfer.
func verifyEach(
	ctx context.Context, wanted []chain.Verification, verify func(context.Context, chain.Verification) error,
) []error {
	results := make([]error, len(wanted))
	var group errgroup.Group
	group.SetLimit(verifyConcurrency)
	for i, w := range wanted {
		group.Go(func() error {
			results[i] = verify(ctx, w)
			return nil
		})
	}
	_ = group.Wait() // the errors are in results
	return results
}

// book books a page and reports whether the run is to go on.
func (s *settlement) book(ctx context.Context, credits, reversals []models.Transfer) (more bool, err error) {
	if len(credits)+len(reversals) == 0 {
		return true, nil
	}
	after, booked, err := s.activities.crowds.Settle(ctx, s.payment.ID, credits, reversals)
	if reason := notYet(err); reason != "" {
		s.held = reason
		return false, nil
	}
	if err != nil {
		return false, classify(err)
	}
	s.payment = after
	s.booked += int64(booked)
	if booked == 0 && len(credits)+len(reversals) > 0 {
		// They changed since they were read. Usually another run books them, because this one followed a signal that
		// interrupted it and has not noticed; then this one goes on with what is left.
		if s.overtaken++; s.overtaken > maxOvertaken {
			return false, nil
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(overtakenPause):
			return true, nil
		}
	}
	s.overtaken = 0
	return true, nil
}

// confirmationsOf returns how many confirmations a payment's transfers need, in blocks.
func (a *Activities) confirmationsOf(p models.Payment) uint64 {
	if p.Confirmations > 0 {
		return p.Confirmations
	}
	return a.settings.Confirmations
}
