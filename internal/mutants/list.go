package main

// The packages whose tests judge the mutants.
var (
	ofRules    = []string{"./rules"}
	ofModels   = []string{"./models"}
	ofStore    = []string{"./store"}
	ofChain    = []string{"./chain"}
	ofWorkflow = []string{"./workflows", "./rules"}
	ofActivity = []string{"./activities"}
	ofEngine   = []string{"./engine"}
	ofAPI      = []string{"./api"}
)

// mutants lists them by package. A guard that decides about money belongs here.
var mutants = []Mutant{
	// What follows from what is known.
	{
		Name: "a payment is PAID one confirmation early", File: "rules/payment.go",
		Old: "n.Canonical && n.Confirmations >= p.input.Confirmations",
		New: "n.Canonical && n.Confirmations+1 >= p.input.Confirmations", Tests: ofRules,
	},
	{
		Name: "a removed transfer counts as confirmed", File: "rules/payment.go",
		Old: "n.Canonical && n.Confirmations >= p.input.Confirmations",
		New: "n.Confirmations >= p.input.Confirmations", Tests: ofRules,
	},
	{
		Name: "an older notice replaces a newer one", File: "rules/payment.go",
		Old: "ok && !notice.Supersedes(known)", New: "false", Tests: ofRules,
	},
	{
		Name: "a notice says what is credited", File: "rules/payment.go",
		Old: "notice.CreditedAmount = known.CreditedAmount", New: "_ = known.CreditedAmount", Tests: ofRules,
	},
	{
		Name: "late transfers pay", File: "rules/status.go",
		Old: "isPaid := s.creditedInTime >= enough ||",
		New: "isPaid := s.credited >= enough ||", Tests: ofRules,
	},
	{
		Name: "what was mined before the payment keeps it PAID", File: "rules/status.go",
		Old: "s.credited-s.creditedEarly >= enough", New: "s.credited >= enough", Tests: ofRules,
	},
	{
		Name: "a final payment can be rejected", File: "rules/payment.go",
		Old: "if p.recorded.Status.IsFinal() || p.rejected {", New: "if p.rejected {", Tests: ofRules,
	},
	{
		Name: "anything expired can be accepted", File: "rules/payment.go",
		Old: "p.recorded.Status != models.StatusExpired || !p.recorded.Exception.IsAcceptable() || p.accepted",
		New: "p.recorded.Status != models.StatusExpired || p.accepted", Tests: ofRules,
	},
	{
		Name: "a payment expires while a transfer of its window waits", File: "rules/effects.go",
		Old: "p.crowd != nil || !s.unconfirmedInTime && !s.outdated", New: "p.crowd != nil || !s.outdated", Tests: ofRules,
	},
	{
		Name: "held credits come before the expiry", File: "rules/effects.go",
		Old: "case p.canExpire(state) && p.isExpiryDue(now):",
		New: "case p.canExpire(state) && p.isExpiryDue(now) && len(p.heldCredits()) == 0:", Tests: ofWorkflow,
	},
	{
		Name: "a dropped workflow task is not noticed", File: "rules/effects.go",
		Old: "case p.unsynced > 1:", New: "case false:", Tests: ofWorkflow,
	},
	{
		Name: "an interruption wrote nothing", File: "rules/effects.go",
		Old: "p.unsynced += 2", New: "p.unsynced += 0", Tests: ofWorkflow,
	},

	// What is written.
	{
		Name: "a logo may claim any size", File: "internal/pictures/logo.go",
		Old: "case config.Width > MaxSide || config.Height > MaxSide:", New: "case false:",
		Tests: []string{"./internal/pictures"},
	},
	{
		Name: "a change is told to nobody", File: "store/record.go",
		Old: "return models.RecordResult{Recorded: true}, s.tell(tx, p.PaymentState, after)",
		New: "return models.RecordResult{Recorded: true}, nil", Tests: ofStore,
	},
	{
		Name: "an event tells what was before", File: "store/events.go",
		Old: "paymentFacts(tx, after)", New: "paymentFacts(s.reader, after)", Tests: ofStore,
	},
	{
		Name: "another operator's events are listed", File: "store/events.go",
		Old: `Where("operator_id = ?", f.OperatorID)`, New: `Where("operator_id <> ?", "")`, Tests: ofStore,
	},
	{
		Name: "a payment's proof leaves its description out", File: "store/proofs.go",
		Old: `if p.Description != "" {`, New: "if false {", Tests: ofStore,
	},
	{
		Name: "a payment's proof leaves its metadata out", File: "store/proofs.go",
		Old: "if len(p.Metadata) > 0 {", New: "if false {", Tests: ofStore,
	},
	{
		Name: "a list shows everybody's payments", File: "store/payments.go",
		Old: `query = query.Where("payments.operator_id = ?", f.OperatorID)`, New: "_ = query", Tests: ofStore,
	},
	{
		Name: "what was mined before the payment pays it", File: "store/rewinds.go",
		Old: "if p.CreatedAfter == 0 {", New: "if true {", Tests: ofStore,
	},
	{
		Name: "an address is handed out again", File: "store/create.go",
		Old: "if known.IsUsed {", New: "if false {", Tests: ofStore,
	},
	{
		Name: "an address is handed out again by the one statement", File: "store/create_statement.go",
		Old: "NOT is_used AND", New: "TRUE AND", Tests: ofStore,
	},
	{
		Name: "a restored database creates payments by the one statement", File: "store/create_statement.go",
		Old: "AND NOT is_restored", New: "AND TRUE", Tests: ofStore,
	},
	{
		Name: "a payment is created after an older block than the newest", File: "store/create_statement.go",
		Old: "AND block_number = ? AND rewinds = ?", New: "AND (block_number = ? AND rewinds = ? OR TRUE)", Tests: ofStore,
	},
	{
		Name: "a key in force is taken over", File: "store/create_statement.go",
		Old: "WHERE idempotency_keys.created_at < ? RETURNING 1",
		New: "WHERE idempotency_keys.created_at < ? OR TRUE RETURNING 1", Tests: ofStore,
	},
	{
		Name: "a transfer is booked one confirmation early", File: "store/confirmations.go",
		Old: "have < required(p)", New: "have+1 < required(p)", Tests: ofStore,
	},
	{
		Name: "removed confirmation steps count as never set", File: "store/confirmations.go",
		Old: "if len(o.ConfirmationStepsMAC) == 0 && len(o.ConfirmationSteps) == 0 {",
		New: "if len(o.ConfirmationSteps) == 0 {", Tests: ofStore,
	},
	{
		Name: "planted confirmation steps count", File: "store/confirmations.go",
		Old: "if !s.keys.CheckMAC(o.ConfirmationStepsMAC, proofOfSteps, partsOfSteps(o.ID, o.ConfirmationSteps)...) {",
		New: "if false {", Tests: ofStore,
	},
	{
		Name: "a step asks for fewer confirmations than the installation", File: "models/confirmations.go",
		Old: "needed = max(needed, step.Confirmations)", New: "needed = step.Confirmations", Tests: ofModels,
	},
	{
		Name: "credits of a stale version are booked", File: "store/credit.go",
		Old: "if p.Version != in.State.Version-1 {", New: "if false {", Tests: ofStore,
	},
	{
		Name: "crediting goes on while an alarm halts it", File: "store/credit.go",
		Old: "if err := refuseWhileHalted(tx, p.Network); err != nil {",
		New: "if err := error(nil); err != nil {", Tests: ofStore,
	},
	{
		Name: "expiry goes on while an alarm halts it", File: "store/record.go",
		Old: "result.ScannedPast, result.Wait = false, models.ExpiryWaitHalted", New: "result.Wait = models.ExpiryWaitHalted",
		Tests: ofStore,
	},
	{
		Name: "a payment expires during a pause", File: "store/record.go",
		Old: "end, paused, err := windowEnd(tx, p)", New: "end, paused, err := windowEnd(tx, p)\n\tpaused = false",
		Tests: ofStore,
	},
	{
		Name: "a payment expires by the cursor instead of the agreed block", File: "store/record.go",
		Old: "result.ScannedPast = view.AgreedTime.After(end)", New: "result.ScannedPast = view.BlockTime.After(end)",
		Tests: ofStore,
	},
	{
		Name: "Expire takes no lock of the cursor", File: "store/record.go",
		Old: "if _, err := lockCursor(tx, p.Network); err != nil && !errors.Is(err, models.ErrNotFound) {",
		New: "if err := error(nil); err != nil {", Tests: ofStore,
	},
	{
		Name: "a paid payment expires", File: "store/record.go",
		Old: "if view.Paid {", New: "if false {", Tests: ofStore,
	},
	{
		Name: "an unbalanced booking is written", File: "store/ledger.go",
		Old: "if sum != 0 || len(b.entries) < 2 {", New: "if len(b.entries) < 2 {", Tests: ofStore,
	},
	{
		Name: "the agreed block passes the cursor", File: "store/chain.go",
		Old: `"network = ? AND agreed_number < ? AND block_number >= ?", network, block.Number, block.Number`,
		New: `"network = ? AND agreed_number < ?", network, block.Number`, Tests: ofStore,
	},
	{
		Name: "a block that a reorg removed is agreed on", File: "store/chain.go",
		Old: "errors.Is(err, gorm.ErrRecordNotFound) || err == nil && known.Hash != block.Hash",
		New: "errors.Is(err, gorm.ErrRecordNotFound)", Tests: ofStore,
	},
	{
		Name: "the cursor moves whoever moved it before", File: "store/chain.go",
		Old: "if moved.RowsAffected == 0 {", New: "if false {", Tests: ofStore,
	},
	{
		Name: "a transfer of nothing is stored", File: "store/transfers.go",
		Old: "if !ours || own.ours[t.From] || t.Amount <= 0 {", New: "if !ours || own.ours[t.From] {", Tests: ofStore,
	},
	{
		Name: "a sweep to a deposit address is a deposit", File: "store/transfers.go",
		Old: "if !ours || own.ours[t.From] || t.Amount <= 0 {", New: "if !ours || t.Amount <= 0 {", Tests: ofStore,
	},
	{
		Name: "an unproven row says whose an address is", File: "store/own_addresses.go",
		Old: "if proven {", New: "if true {", Tests: ofStore,
	},
	{
		Name: "a doubtful sender is credited", File: "store/own_addresses.go",
		Old: "if !s.doubtful[sender] {", New: "if true {", Tests: ofStore,
	},
	{
		Name: "reconciliation never finds another balance on the chain", File: "activities/reconcile.go",
		Old: "if e.Units.Cmp(actual[i]) != 0 {", New: "if false {", Tests: ofActivity,
	},

	// What is read.
	{
		Name: "a range's blocks without logs are believed", File: "chain/block_range.go",
		Old: "if err := f.checkEmptyBlock(ctx, header); err != nil {", New: "if err := error(nil); err != nil {",
		Tests: ofChain,
	},
	{
		Name: "a range is checked at its edges only", File: "chain/block_range.go",
		Old: "if has[number] {\n\t\t\tbefore",
		New: "if has[number] || number > first.Number && number < last.Number {\n\t\t\tbefore", Tests: ofChain,
	},
	{
		Name: "a quorum is enough where nothing proves a transfer", File: "chain/verifier.go",
		Old: "return v.confirmByAll(ctx, confirming, contracts, wanted)", New: "return nil", Tests: ofChain,
	},
	{
		Name: "logs by number are those of any block with it", File: "chain/node.go",
		Old: "if header.Hash != hash {", New: "if header.Hash != hash && false {", Tests: ofChain,
	},
	{
		Name: "receipts of another block are taken", File: "chain/node.go",
		Old: "if receipt == nil || receipt.BlockHash != block {", New: "if receipt == nil {", Tests: ofChain,
	},
	{
		Name: "one bad node holds up a quorum", File: "chain/hedge.go",
		Old: "\t\t\tlate = open\n", New: "", Tests: ofChain,
	},
	{
		Name: "the head of one node is the chain's", File: "chain/block_source.go",
		Old: "if ok && (head.Number+staleBlocks < reached || head.Number > atMost+staleBlocks) {",
		New: "if ok && (head.Number+staleBlocks < reached || false && head.Number > atMost) {", Tests: ofChain,
	},
	{
		Name: "an empty block is believed", File: "chain/block_logs.go",
		Old: "if len(logs) > 0 || !header.MayHoldLogs(contracts) {", New: "if true {", Tests: ofChain,
	},
	{
		Name: "the stake is one transfer's amount", File: "chain/shared_verifications.go",
		Old: "max(wanted.AtStake, wanted.Notice.Amount) > v.config.FinalizedAbove",
		New: "wanted.Notice.Amount > v.config.FinalizedAbove", Tests: ofChain,
	},
	{
		Name: "a failed transaction pays", File: "chain/verifier.go",
		Old: "if receipt.Status != types.ReceiptStatusSuccessful {", New: "if false {", Tests: ofChain,
	},
	{
		Name: "a transfer to anybody pays", File: "chain/verifier.go",
		Old: "transfer.To != depositAddress || transfer.Amount != n.Amount",
		New: "transfer.Amount != n.Amount", Tests: ofChain,
	},
	{
		Name: "an abandoned block is canonical", File: "chain/verifier.go",
		Old: "if canonical.Hash.Hex() != n.Block.Hash {", New: "if false {", Tests: ofChain,
	},
	{
		Name: "a transfer of another chain is verified", File: "chain/verifier.go",
		Old: "if n.ChainID != v.config.ChainID {", New: "if false {", Tests: ofChain,
	},
	{
		Name: "a block's time is not verified", File: "chain/verifier.go",
		Old: "if !canonical.Time.Equal(n.Block.Time) {", New: "if false {", Tests: ofChain,
	},
	{
		Name: "another sender makes a transfer look gone", File: "chain/removal.go",
		Old: `credited.Notice.Amount, credited.Notice.From = credited.Notice.CreditedAmount, ""`,
		New: "credited.Notice.Amount = credited.Notice.CreditedAmount", Tests: ofChain,
	},
	{
		Name: "one node states the times of a range", File: "chain/cross_check.go",
		Old: "if err := c.checkTimes(ctx, cursor.AgreedNumber+1, block.Number-1); err != nil {", New: "if err != nil {",
		Tests: ofChain,
	},
	{
		Name: "a reversal believes the transfer's row", File: "store/credit.go",
		Old: "if held[ids[i]] != b.amount {", New: "if false {", Tests: ofStore,
	},
	{
		Name: "one node confirms for the quorum", File: "chain/verifier.go",
		Old: "if len(confirming) < quorum {", New: "if len(confirming) < 1 {", Tests: ofChain,
	},
	{
		Name: "a node on a branch of its own is not reported", File: "chain/block_check.go",
		Old: "c.reportForks(ctx, winner, c.withRemaining(ctx, number, readings))", New: "_ = c.withRemaining", Tests: ofChain,
	},
	{
		Name: "a node that contradicts the quorum is not reported", File: "chain/block_check.go",
		Old: "c.reportContradictions(ctx, winner, readings)", New: "", Tests: ofChain,
	},

	// Who gets in.
	{
		Name: "a member may do everything", File: "api/roles.go",
		Old:   "slices.Contains(rolesOfCall[call], account.MemberRole)",
		New:   "slices.Contains(everyMember, account.MemberRole)",
		Tests: ofAPI,
	},
	{
		Name: "an altered member logs in", File: "store/accounts.go",
		Old: "if !s.isMember(account) {", New: "if false {", Tests: ofAPI,
	},
	{
		Name: "an altered link sets anybody's password", File: "store/access.go",
		Old: "if !s.keys.CheckMAC(link.MAC, proofOfPasswordLink, partsOfPasswordLink(link)...) {",
		New: "if false {", Tests: ofStore,
	},
	{
		Name: "an admin needs no second factor", File: "api/totp.go",
		Old: "if s.needsFactor(personOfRequest(c)) {", New: "if false {", Tests: ofAPI,
	},
	{
		Name: "a recovery code works twice at the same time", File: "store/accounts.go",
		Old: `gorm.Expr("totp_sealed = ? AND recovery_sealed = ?", account.TOTPSealed,` + "\n\t\t\taccount.RecoverySealed)",
		New: `gorm.Expr("totp_sealed = ?", account.TOTPSealed)`, Tests: ofAPI,
	},
	{
		Name: "an application replaces an account", File: "store/operators.go",
		Old: "operators.email_verified_at IS NULL AND operators.status IN ?", New: "operators.status IN ?", Tests: ofAPI,
	},
	{
		Name: "an approved application can be taken over", File: "store/operators.go",
		Old:   "[]models.OperatorStatus{models.OperatorPending, models.OperatorRejected})}},",
		New:   "[]models.OperatorStatus{models.OperatorPending, models.OperatorRejected, models.OperatorActive})}},",
		Tests: ofAPI,
	},

	// What is sent.
	{
		Name: "a transfer counts as signalled before it is", File: "activities/due_signals.go",
		Old: "if err := a.engine.SignalTransfers(ctx, due.Payment, signal); err != nil {",
		New: "_ = a.signals.MarkSignalled(ctx, due.Transfers, head, due.Payment.Confirmations)\n" +
			"\tif err := a.engine.SignalTransfers(ctx, due.Payment, signal); err != nil {", Tests: ofActivity,
	},
	{
		Name: "a payment can be started twice", File: "engine/client.go",
		Old:   "options.WorkflowIDReusePolicy = enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE",
		New:   "options.WorkflowIDReusePolicy = enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE",
		Tests: append([]string{"-run", "TestAPaymentStartsOnce", "./cmd/paycow"}, ofEngine...),
	},
	// What is sent to shops, and when.
	{
		Name: "a planted event is sent", File: "store/webhook_deliveries.go",
		Old: "if !s.keys.CheckMAC(d.MAC, proofOfDelivery, partsOfDelivery(d, event)...) {", New: "if false {", Tests: ofStore,
	},
	{
		Name: "a delivery can be moved to another endpoint", File: "store/webhook_deliveries.go",
		Old: "d.ID, d.EndpointID, d.OperatorID, d.EventID, e.ID,",
		New: "d.ID, d.OperatorID, d.EventID, e.ID,", Tests: ofStore,
	},
	{
		Name: "a late answer decides about the round after it", File: "store/webhook_deliveries.go",
		Old: "row.Status == models.DeliveryPending && row.Round == seen.Round && row.Tries == seen.Tries &&",
		New: "row.Status == models.DeliveryPending &&", Tests: ofStore,
	},
	{
		Name: "a delivery that was made is sent again", File: "activities/try_webhook.go",
		Old: "case !d.IsDue(time.Now().Add(webhookClockSlack)):", New: "case false:", Tests: ofActivity,
	},
}
