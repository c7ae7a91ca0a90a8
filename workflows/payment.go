// Package workflows holds PayCow's Temporal workflows: the life of a payment, the watching of a chain, and the
// comparison of the books. Package rules decides what a payment does; the code here carries that out durably. It is
// deterministic and holds data only, and everything that reaches outside is an activity.
package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"paycow/models"
	"paycow/rules"
)

// Payment is the life of one payment session, from its creation until there is nothing left to wait for. A transfer or
// a decision that comes later starts another run with the same workflow id, which reads the payment's row and continues
// from there.
func Payment(ctx workflow.Context, input models.PaymentInput) (models.PaymentResult, error) {
	p := &payment{
		id:        input.PaymentID,
		rules:     rules.NewPayment(input),
		transfers: signalChannel(ctx, models.SignalTransfers, "The watcher reports transfers. Not for people."),
		rejects: signalChannel(ctx, models.SignalReject,
			"Reject the payment, unless it has ended before. Input: the reason, as a text in quotation marks."),
		accepts: signalChannel(ctx, models.SignalAccept, "Accept an underpaid or late payment, which becomes PAID."),
	}
	if err := p.answerQueries(ctx); err != nil {
		return models.PaymentResult{}, err
	}
	if input.Resume {
		if err := p.load(ctx, rules.Load{PaymentID: input.PaymentID}); err != nil {
			return models.PaymentResult{}, err
		}
	}
	for {
		// The order of these steps decides the order of the commands in every history. It must not change.
		if p.rules.TakesSignals() {
			p.takeSignals(ctx)
		}
		effect := p.rules.Next(workflow.Now(ctx))
		workflow.SetCurrentDetails(ctx, p.rules.Details(effect))
		if _, changesStatus := effect.(rules.Record); !changesStatus { // a Record is followed by an upsert of its own
			if err := p.upsertSearchAttributes(ctx); err != nil {
				return models.PaymentResult{}, err
			}
		}
		var err error
		switch effect := effect.(type) {
		case rules.Load:
			err = p.load(ctx, effect)
		case rules.Record:
			err = p.record(ctx, effect)
		case rules.Credit:
			err = p.credit(ctx, effect)
		case rules.Settle:
			err = p.settle(ctx, effect)
		case rules.Expire:
			err = p.expire(ctx, effect)
		case rules.AwaitScan:
			err = p.awaitScan(ctx, effect)
		case rules.Wait:
			if workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
				input.Resume = true
				return models.PaymentResult{}, workflow.NewContinueAsNewError(ctx, models.WorkflowPayment, input)
			}
			err = p.wait(ctx, effect)
		case rules.End:
			return models.PaymentResult{State: effect.State}, nil
		default:
			err = fmt.Errorf("unknown effect %T", effect)
		}
		if err != nil {
			return models.PaymentResult{}, err
		}
	}
}

// payment is one run of the Payment workflow.
type payment struct {
	id        string
	rules     *rules.Payment
	transfers workflow.ReceiveChannel
	rejects   workflow.ReceiveChannel
	accepts   workflow.ReceiveChannel
	timer     workflow.Future // fires when the expiry is to be checked; nil before it is needed
}

// signalChannel returns the channel of a signal, with what Temporal's web UI tells people about it.
func signalChannel(ctx workflow.Context, name, description string) workflow.ReceiveChannel {
	return workflow.GetSignalChannelWithOptions(ctx, name, workflow.SignalChannelOptions{Description: description})
}

// answerQueries sets the handlers of queries, with what Temporal's web UI tells people about them.
func (p *payment) answerQueries(ctx workflow.Context) error {
	state := func() (models.PaymentState, error) { return p.rules.Recorded(), nil }
	transfers := func() (models.TransfersSignal, error) { return p.rules.Transfers(), nil }
	for _, query := range []struct {
		name, description string
		handler           any
	}{
		{models.QueryPaymentState, "Where the payment stands: status, exception, what arrived and what was credited.", state},
		{models.QueryTransfers, "Every transfer to the payment's address, with its block and its confirmations.", transfers},
	} {
		options := workflow.QueryHandlerOptions{Description: query.description}
		if err := workflow.SetQueryHandlerWithOptions(ctx, query.name, query.handler, options); err != nil {
			return fmt.Errorf("set the query handler: %w", err)
		}
	}
	return nil
}

// takeSignals applies every signal that has arrived and reports whether there were any.
func (p *payment) takeSignals(ctx workflow.Context) bool {
	arrived := false
	for {
		var signal models.TransfersSignal
		if !p.transfers.ReceiveAsync(&signal) {
			break
		}
		arrived = true
		p.rules.ApplyTransfers(signal)
	}
	for {
		var decision models.DecisionSignal
		if !p.rejects.ReceiveAsync(&decision) {
			break
		}
		arrived = true
		if !p.rules.ApplyReject(decision.Reason) {
			workflow.GetLogger(ctx).Info("rejection refused", "payment_id", p.id, "status", p.rules.Recorded().Status)
		}
	}
	for {
		var decision models.DecisionSignal
		if !p.accepts.ReceiveAsync(&decision) {
			break
		}
		arrived = true
		if !p.rules.ApplyAccept(decision) {
			workflow.GetLogger(ctx).Info("acceptance refused", "payment_id", p.id, "status", p.rules.Recorded().Status)
		}
	}
	return arrived
}

// signals returns a selector that is ready when a signal has arrived. It receives none of them.
func (p *payment) signals(ctx workflow.Context) workflow.Selector {
	selector := workflow.NewSelector(ctx)
	for _, channel := range []workflow.ReceiveChannel{p.transfers, p.rejects, p.accepts} {
		selector.AddReceive(channel, func(workflow.ReceiveChannel, bool) {})
	}
	return selector
}

// wait returns when a signal has arrived or the expiry is to be checked.
func (p *payment) wait(ctx workflow.Context, effect rules.Wait) error {
	selector := p.signals(ctx)
	if !effect.Until.IsZero() {
		if p.timer == nil || p.timer.IsReady() {
			options := workflow.TimerOptions{Summary: effect.Summary()}
			p.timer = workflow.NewTimerWithOptions(ctx, effect.Until.Sub(workflow.Now(ctx)), options)
		}
		selector.AddFuture(p.timer, func(workflow.Future) {})
	}
	selector.Select(ctx)
	p.rules.ApplyWake(p.timer != nil && p.timer.IsReady())
	return ctx.Err()
}

func (p *payment) load(ctx workflow.Context, effect rules.Load) error {
	snapshot, err := quickly[models.PaymentSnapshot](ctx, effect, models.ActivityLoadPayment, effect.PaymentID)
	if err != nil {
		return fmt.Errorf("load the payment: %w", err)
	}
	p.rules.ApplySnapshot(snapshot)
	return nil
}

func (p *payment) record(ctx workflow.Context, effect rules.Record) error {
	result, err := quickly[models.RecordResult](ctx, effect, models.ActivityRecordPayment, effect.Input)
	if err != nil {
		return fmt.Errorf("record the payment's state: %w", err)
	}
	p.rules.ApplyRecordResult(effect, result)
	return nil
}

// credit books what the chain shows. The activity verifies each transfer again. Usually a node answers at once, so the
// first attempt is a local activity. When that one books nothing because it failed or could not verify a transfer in
// its short time, an ordinary activity takes over, which may wait.
func (p *payment) credit(ctx workflow.Context, effect rules.Credit) error {
	if !effect.Input.Await && isCreditQuick(ctx) {
		var result models.CreditResult
		quick := workflow.WithLocalActivityOptions(ctx, quickOptions(effect.Summary()))
		err := workflow.ExecuteLocalActivity(quick, models.ActivityCreditPayment, effect.Input).Get(ctx, &result)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil && len(result.Unverified) == 0 {
			p.rules.ApplyCreditResult(effect, result)
			return nil
		}
	}
	result, done, err := patiently[models.CreditResult](
		activityOptions(ctx, effect.Summary()), p, models.ActivityCreditPayment, effect.Input,
	)
	if err != nil {
		return fmt.Errorf("book the payment's transfers: %w", err)
	}
	if done {
		p.rules.ApplyCreditResult(effect, result)
	}
	return nil
}

// settle books the transfers of a crowded payment in the background.
func (p *payment) settle(ctx workflow.Context, effect rules.Settle) error {
	result, done, err := patiently[models.SettleResult](
		longOptions(ctx, effect.Summary()), p, models.ActivitySettlePayment, effect.Input)
	if err != nil {
		return fmt.Errorf("settle the payment's transfers: %w", err)
	}
	if done {
		p.rules.ApplySettleResult(effect, result)
	}
	return nil
}

// expire asks once, with a local activity, whether a transfer came in time. Usually the chain has been read far enough
// by then. When it has not, or the question failed, the rules go on with AwaitScan.
func (p *payment) expire(ctx workflow.Context, effect rules.Expire) error {
	var result models.ExpireResult
	err := workflow.ExecuteLocalActivity(localOptions(ctx, effect.Summary()), models.ActivityExpirePayment, effect.Input).
		Get(ctx, &result)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		result = models.ExpireResult{}
	}
	p.rules.ApplyExpireResult(effect, result, workflow.Now(ctx))
	return nil
}

// awaitScan repeats the question until the chain has been read far enough.
func (p *payment) awaitScan(ctx workflow.Context, effect rules.AwaitScan) error {
	result, done, err := patiently[models.ExpireResult](
		activityOptions(ctx, effect.Summary()), p, models.ActivityExpirePayment, effect.Input,
	)
	if err != nil {
		return fmt.Errorf("expire the payment: %w", err)
	}
	if done {
		p.rules.ApplyScanResult(effect, result)
	}
	return nil
}

// quickly runs an activity as a local one. When that fails (the database is away), it becomes an ordinary activity,
// which Temporal repeats until it succeeds.
func quickly[T any](ctx workflow.Context, effect rules.Effect, activity string, input any) (result T, err error) {
	summary := effect.Summary()
	err = workflow.ExecuteLocalActivity(localOptions(ctx, summary), activity, input).Get(ctx, &result)
	if err == nil || ctx.Err() != nil {
		return result, err
	}
	err = workflow.ExecuteActivity(activityOptions(ctx, summary), activity, input).Get(ctx, &result)
	return result, err
}

// patiently runs an activity with the context's options that may take long, and returns its result with done = true.
// When a signal arrives first, it cancels the activity, applies the signal and the interruption, and returns done =
// false: whether the activity had its effect is not known then.
func patiently[T any](
	ctx workflow.Context,
	p *payment,
	activity string,
	input any,
) (result T, done bool, err error) {
	activityCtx, cancel := workflow.WithCancel(ctx)
	defer cancel()
	future := workflow.ExecuteActivity(activityCtx, activity, input)
	for !future.IsReady() {
		p.signals(ctx).AddFuture(future, func(workflow.Future) {}).Select(ctx)
		if ctx.Err() != nil {
			return result, false, ctx.Err()
		}
		if !future.IsReady() && p.takeSignals(ctx) {
			p.rules.ApplyInterruption()
			return result, false, nil
		}
	}
	err = future.Get(ctx, &result)
	return result, true, err
}
