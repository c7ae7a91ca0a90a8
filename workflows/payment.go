// Package workflows holds what PayCow decides: the life of a payment, and the watching of a chain. Effects are activities;
// the code here is deterministic and holds data only.
package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"paycow/models"
)

// Payment is the life of one payment session, from its creation until nothing is left to wait for. A transfer or a decision
// that comes after the end starts another run of the same id, which reads the payment's row and goes on from there.
func Payment(ctx workflow.Context, input models.PaymentInput) (models.PaymentResult, error) {
	p := &payment{
		fold:      newFold(input),
		transfers: workflow.GetSignalChannel(ctx, models.SignalTransfers),
		rejects:   workflow.GetSignalChannel(ctx, models.SignalReject),
		accepts:   workflow.GetSignalChannel(ctx, models.SignalAccept),
	}
	if err := workflow.SetQueryHandler(ctx, models.QueryPaymentState, func() (models.PaymentState, error) {
		return p.fold.recorded, nil
	}); err != nil {
		return models.PaymentResult{}, fmt.Errorf("set the query handler: %w", err)
	}
	if err := workflow.SetQueryHandler(ctx, models.QueryTransfers, func() (models.TransfersSignal, error) {
		return models.TransfersSignal{Transfers: p.fold.matching(func(models.TransferNotice) bool { return true }), WindowEnd: p.fold.extendedTo}, nil
	}); err != nil {
		return models.PaymentResult{}, fmt.Errorf("set the query handler: %w", err)
	}
	if input.Resume {
		if err := p.load(ctx); err != nil {
			return models.PaymentResult{}, err
		}
	}
	for {
		p.takeSignals(ctx)
		todo := p.fold.next(workflow.Now(ctx))
		workflow.SetCurrentDetails(ctx, p.fold.details(todo))
		if todo != actionRecord { // a record that follows at once would only make a second upsert of it
			if err := p.showSearchAttributes(ctx); err != nil {
				return models.PaymentResult{}, err
			}
		}
		var err error
		switch todo {
		case actionLoad:
			err = p.load(ctx)
		case actionSettle:
			err = p.settle(ctx, p.fold.credits(), false)
		case actionSettleHeld:
			err = p.settle(ctx, p.fold.heldCredits(), true)
		case actionRecord:
			err = p.record(ctx)
		case actionExpire:
			err = p.expire(ctx)
		case actionWait:
			if workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
				input.Resume = true
				return models.PaymentResult{}, workflow.NewContinueAsNewError(ctx, models.WorkflowPayment, input)
			}
			err = p.wait(ctx)
		case actionEnd:
			return models.PaymentResult{State: p.fold.recorded}, nil
		}
		if err != nil {
			return models.PaymentResult{}, err
		}
	}
}

// payment is one run of the Payment workflow.
type payment struct {
	fold      *fold
	transfers workflow.ReceiveChannel
	rejects   workflow.ReceiveChannel
	accepts   workflow.ReceiveChannel
	timer     workflow.Future // runs until the expiry is to be asked for; nil before it is needed
}

// takeSignals folds in every signal that has arrived and tells whether there was any.
func (p *payment) takeSignals(ctx workflow.Context) bool {
	arrived := false
	for {
		var transfers models.TransfersSignal
		if !p.transfers.ReceiveAsync(&transfers) {
			break
		}
		arrived = true
		p.fold.heard()
		p.fold.extend(transfers.WindowEnd)
		for _, notice := range transfers.Transfers {
			p.fold.foldTransfer(notice)
		}
	}
	for {
		var decision models.DecisionSignal
		if !p.rejects.ReceiveAsync(&decision) {
			break
		}
		arrived = true
		p.fold.heard()
		if !p.fold.foldReject(decision.Reason) {
			workflow.GetLogger(ctx).Info("rejection refused", "payment_id", p.fold.input.PaymentID, "status", p.fold.recorded.Status)
		}
	}
	for {
		var decision models.DecisionSignal
		if !p.accepts.ReceiveAsync(&decision) {
			break
		}
		arrived = true
		p.fold.heard()
		if !p.fold.foldAccept(decision) {
			workflow.GetLogger(ctx).Info("acceptance refused", "payment_id", p.fold.input.PaymentID, "status", p.fold.recorded.Status)
		}
	}
	return arrived
}

// signals returns a selector that is ready when a signal has come. It takes none of them.
func (p *payment) signals(ctx workflow.Context) workflow.Selector {
	selector := workflow.NewSelector(ctx)
	for _, channel := range []workflow.ReceiveChannel{p.transfers, p.rejects, p.accepts} {
		selector.AddReceive(channel, func(workflow.ReceiveChannel, bool) {})
	}
	return selector
}

// wait returns when a signal has come or the expiry is due.
func (p *payment) wait(ctx workflow.Context) error {
	selector := p.signals(ctx)
	if p.fold.expiryIsOpen(p.fold.state()) {
		if p.timer == nil || p.timer.IsReady() {
			p.timer = workflow.NewTimerWithOptions(ctx, p.fold.expiryCheckAt().Sub(workflow.Now(ctx)), workflow.TimerOptions{
				Summary: "expires at " + p.fold.input.ExpiresAt.UTC().Format(time.RFC3339),
			})
		}
		selector.AddFuture(p.timer, func(workflow.Future) {})
	}
	selector.Select(ctx)
	p.fold.rested()
	if p.timer != nil && p.timer.IsReady() {
		p.fold.heard()
	}
	return ctx.Err()
}

// load takes over the payment's row and transfers.
func (p *payment) load(ctx workflow.Context) error {
	var snapshot models.PaymentSnapshot
	err := quickly(ctx, "read the payment's row", models.ActivityLoadPayment, p.fold.input.PaymentID, &snapshot)
	if err != nil {
		return fmt.Errorf("load the payment: %w", err)
	}
	p.fold.foldSnapshot(snapshot)
	return nil
}

// record writes the state to the row.
func (p *payment) record(ctx workflow.Context) error {
	state := p.fold.state()
	state.Version++
	var result models.RecordResult
	err := quickly(ctx, "record "+describe(state), models.ActivityRecordPayment,
		models.RecordInput{PaymentID: p.fold.input.PaymentID, State: state}, &result)
	if err != nil {
		return fmt.Errorf("record the payment's state: %w", err)
	}
	p.fold.takeOver(state, result)
	return nil
}

// settle books what the chain shows. The activity verifies each transfer again. Those that it cannot verify are held, so
// that the others need not wait for them; when only such are left, await makes the activity try until it succeeds. News that
// arrive meanwhile (a reorg, another transfer) end the attempt, and the next one starts from what is known then. An attempt
// that was booked although it was given up has moved the row's version, which the next one finds out.
func (p *payment) settle(ctx workflow.Context, credits []models.TransferNotice, await bool) error {
	reversals := p.fold.reversals()
	input, after := p.fold.settlement(credits, reversals, await)
	var result models.CreditResult
	done, err := p.patiently(ctx, summarizeSettlement(credits, reversals, input.State), models.ActivityCreditPayment, input, &result)
	if err != nil {
		return fmt.Errorf("book the payment's transfers: %w", err)
	}
	if !done {
		p.fold.distrust()
		return nil
	}
	p.fold.takeSettled(input.State, after, result)
	return nil
}

// expire asks whether nothing came within the window, and records that in the same step. Usually the chain has been read
// far enough when the timer fires; when it has not, because a node or we were away, the question is repeated until it has.
func (p *payment) expire(ctx workflow.Context) error {
	question := p.fold.expiry()
	var result models.ExpireResult
	err := workflow.ExecuteLocalActivity(localOptions(ctx, "ask whether anything came in time"), models.ActivityExpirePayment, question).Get(ctx, &result)
	if err != nil || !result.ScannedPast {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if p.fold.extend(result.WindowEnd); !result.Paused && workflow.Now(ctx).Before(p.fold.expiryCheckAt()) {
			return nil // the token was paused for a while, so the window goes on
		}
		workflow.SetCurrentDetails(ctx, p.fold.details(actionExpire)+"\n"+result.Waits+"\n")
		question.AwaitScan = true
		result = models.ExpireResult{}
		done, err := p.patiently(ctx, "wait until the chain is read past the end of the window", models.ActivityExpirePayment, question, &result)
		if err != nil {
			return fmt.Errorf("expire the payment: %w", err)
		}
		if !done {
			p.fold.distrust()
			return nil
		}
	}
	p.fold.closeWindow()
	p.fold.takeOver(question.State, result.RecordResult)
	return nil
}

// showSearchAttributes makes the payment's status and transactions searchable. Each upsert is a write to the engine's
// visibility store, so there is none without a change.
func (p *payment) showSearchAttributes(ctx workflow.Context) error {
	shown := workflow.GetTypedSearchAttributes(ctx)
	var updates []temporal.SearchAttributeUpdate
	if status, _ := shown.GetKeyword(AttributePaymentStatus); status != p.fold.recorded.Status.String() {
		updates = append(updates, AttributePaymentStatus.ValueSet(p.fold.recorded.Status.String()))
	}
	hashes := p.fold.txHashes()
	if known, _ := shown.GetKeywordList(AttributeTxHash); len(hashes) > len(known) {
		updates = append(updates, AttributeTxHash.ValueSet(hashes))
	}
	if len(updates) == 0 {
		return nil
	}
	if err := workflow.UpsertTypedSearchAttributes(ctx, updates...); err != nil {
		return fmt.Errorf("upsert search attributes: %w", err)
	}
	return nil
}
