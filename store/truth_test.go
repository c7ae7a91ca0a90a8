package store

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/internal/pgtest"
	"paycow/models"
)

func (f *fixture) openAlarms(t testing.TB) map[models.AlarmKind]models.Alarm {
	t.Helper()
	alarms, err := f.OpenAlarms(t.Context(), models.NetworkERC20)
	require.NoError(t, err)
	byKind := map[models.AlarmKind]models.Alarm{}
	for _, alarm := range alarms {
		byKind[alarm.Kind] = alarm
	}
	return byKind
}

// confirm lets so many blocks follow.
func (f *fixture) confirm(t testing.TB, blocks int) {
	t.Helper()
	for range blocks {
		f.mine(t, "main")
	}
}

// Of one kind and subject one alarm is open, however many raise it at once; the record of who did what cannot be changed.
func TestAlarms(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		alarm := models.Alarm{Network: models.NetworkERC20, Kind: models.AlarmNodeLying, Subject: "node1", Message: "it lies"}
		errs := make([]error, 8)
		together(len(errs), func(i int) { errs[i] = f.Raise(withTimeout(t), alarm) })
		require.NoError(t, errors.Join(errs...))
		open := f.openAlarms(t)
		require.Len(t, open, 1)
		require.Equal(t, int64(8), open[models.AlarmNodeLying].Count)
		require.Len(t, f.audited(t, "alarm_raised"), 1)
		require.NoError(t, f.ResolveAlarm(ctx, open[models.AlarmNodeLying].ID, "admin:a@example.org", "192.0.2.1", "replaced it"))
		require.ErrorIs(t, f.ResolveAlarm(ctx, open[models.AlarmNodeLying].ID, "cli", "192.0.2.1", "again"), models.ErrNotFound)
		require.Empty(t, f.openAlarms(t))
		require.Equal(t, "admin:a@example.org", f.audited(t, "alarm_resolved")[0].Actor)
		require.NoError(t, f.Raise(ctx, alarm), "the same can happen again")
		require.Equal(t, int64(1), f.openAlarms(t)[models.AlarmNodeLying].Count)
		for _, statement := range []string{"UPDATE audit_log SET detail = 'x'", "DELETE FROM audit_log"} {
			require.Error(t, f.writer.Exec(statement).Error, statement)
		}
	})
}

// While a reorg below finality waits for an admin, nothing is credited and nothing expires.
func TestHaltingAlarm(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		p, unpaid := f.create(t), f.create(t)
		f.mine(t, "main", transferTo(p, 1, 50*models.USDT, models.BlockRef{}))
		f.confirm(t, 11)
		require.NoError(t, f.Raise(ctx, models.Alarm{Network: models.NetworkERC20, Kind: models.AlarmReorgBelowFinality, Message: "deep"}))
		credit := f.creditInput(p, []models.Transfer{f.transfer(t, p.ID)}, nil)
		_, err := f.Credit(ctx, credit)
		require.ErrorIs(t, err, models.ErrCreditingHalted)
		to := block(500, "main")
		require.NoError(t, f.Advance(ctx, models.NetworkERC20, batch(f.tip, to, to.Number, nil)))
		f.tip = to
		expiry := models.ExpireInput{PaymentID: unpaid.ID, Network: models.NetworkERC20, ExpiresAt: unpaid.ExpiresAt, State: next(unpaid, func(s *models.PaymentState) { s.Status = models.StatusExpired })}
		result, err := f.Expire(ctx, expiry)
		require.NoError(t, err)
		require.False(t, result.Recorded)
		require.Equal(t, models.ExpiryWaitHalted, result.Wait)
		f.requireBalance(t, 0, 50*models.USDT)
		require.NoError(t, f.ResolveAlarm(ctx, f.openAlarms(t)[models.AlarmReorgBelowFinality].ID, "cli", "192.0.2.1", "looked at it"))
		credited, err := f.Credit(ctx, credit)
		require.NoError(t, err)
		require.True(t, credited.Recorded)
		result, err = f.Expire(ctx, expiry)
		require.NoError(t, err)
		require.True(t, result.Recorded)
		f.requireBooked(t)
	})
}

// What the first reading left out is stored and signalled, once, however often and by however many it is found again; what
// never was is taken away.
func TestHealAndDisprove(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		p, other := f.create(t), f.create(t)
		seen := f.mine(t, "main")
		f.confirm(t, 3)
		missed := transferTo(p, 1, 50*models.USDT, seen)
		added := make([]int, 6)
		errs := make([]error, 6)
		together(len(added), func(i int) {
			added[i], errs[i] = f.Heal(withTimeout(t), models.NetworkERC20, []models.TokenTransfer{missed, transferTo(models.Payment{DepositAddress: "0xSomebody"}, 2, 5, seen)})
		})
		require.NoError(t, errors.Join(errs...))
		total := 0
		for _, n := range added {
			total += n
		}
		require.Equal(t, 1, total)
		require.EqualValues(t, 1, f.transfer(t, p.ID).Revision)
		due, err := f.DueSignals(ctx, models.NetworkERC20, f.tip.Number, 10)
		require.NoError(t, err)
		require.Len(t, due, 1)
		require.Equal(t, p.ID, due[0].Payment.ID)

		above := transferTo(other, 3, 5, block(f.tip.Number+1, "main"))
		_, err = f.Heal(ctx, models.NetworkERC20, []models.TokenTransfer{above})
		require.ErrorIs(t, err, models.ErrCursorMoved, "that block was not read yet")
		_, err = f.Heal(ctx, models.NetworkERC20, []models.TokenTransfer{transferTo(other, 3, 5, block(seen.Number, "dead"))})
		require.ErrorIs(t, err, models.ErrCursorMoved, "that block is not ours")

		require.NoError(t, f.Disprove(ctx, models.NetworkERC20, []models.TransferKey{missed.TransferKey}, "no node shows it"))
		require.NoError(t, f.Disprove(ctx, models.NetworkERC20, []models.TransferKey{missed.TransferKey}, "no node shows it"))
		row := f.transfer(t, p.ID)
		require.False(t, row.Canonical)
		require.EqualValues(t, 2, row.Revision)
		require.Len(t, f.audited(t, "transfer_disproved"), 1)
		again, err := f.Heal(ctx, models.NetworkERC20, []models.TokenTransfer{missed})
		require.NoError(t, err)
		require.Equal(t, 1, again)
		require.EqualValues(t, 3, f.transfer(t, p.ID).Revision)
	})
}

// Nothing expires above the block that the quorum agrees on, and a reorg takes that mark back with the cursor.
func TestAgreedMark(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		p := f.create(t)
		far := block(500, "main")
		require.NoError(t, f.Advance(ctx, models.NetworkERC20, models.BlockBatch{From: f.tip, To: far, Head: far.Number}))
		expiry := models.ExpireInput{PaymentID: p.ID, Network: models.NetworkERC20, ExpiresAt: p.ExpiresAt, State: next(p, func(s *models.PaymentState) { s.Status = models.StatusExpired })}
		result, err := f.Expire(ctx, expiry)
		require.NoError(t, err)
		require.False(t, result.Recorded)
		require.Equal(t, models.ExpiryWaitQuorum, result.Wait)
		require.Equal(t, f.tip.Number, result.WaitBlock)
		require.ErrorIs(t, f.SetAgreed(ctx, models.NetworkERC20, block(500, "dead")), models.ErrCursorMoved)
		require.NoError(t, f.SetAgreed(ctx, models.NetworkERC20, far))
		require.NoError(t, f.SetFinalized(ctx, models.NetworkERC20, far))
		require.NoError(t, f.SetRechecked(ctx, models.NetworkERC20, 500))
		require.NoError(t, f.Rewind(ctx, models.NetworkERC20, far, f.tip))
		cursor, err := f.Cursor(ctx, models.NetworkERC20)
		require.NoError(t, err)
		require.Equal(t, []uint64{f.tip.Number, f.tip.Number, f.tip.Number}, []uint64{cursor.AgreedNumber, cursor.FinalizedNumber, cursor.RecheckedNumber})
		result, err = f.Expire(ctx, expiry)
		require.NoError(t, err)
		require.False(t, result.Recorded)
		require.NoError(t, f.Advance(ctx, models.NetworkERC20, batch(f.tip, far, far.Number, nil)))
		result, err = f.Expire(ctx, expiry)
		require.NoError(t, err)
		require.True(t, result.Recorded)
	})
}

// event advances the cursor by a block that holds an event of the token.
func (f *fixture) event(t testing.TB, tx int, kind models.TokenEventKind, address, value string) models.TokenEvent {
	t.Helper()
	to := block(f.tip.Number+1, "main")
	event := models.TokenEvent{
		TransferKey: models.TransferKey{ChainID: 1, TxHash: txHash(tx)}, Kind: kind, Address: address, Value: value,
		BlockNumber: to.Number, BlockHash: to.Hash, BlockTime: to.Time,
	}
	b := batch(f.tip, to, to.Number, nil)
	b.Events = []models.TokenEvent{event}
	require.NoError(t, f.Advance(t.Context(), models.NetworkERC20, b))
	f.tip = to
	return event
}

// A pause of the token stops the clock of open payments and moves their end; a reorg that takes the pause away moves it back.
func TestPauseOfTheToken(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		p := f.create(t)
		before := f.tip
		paused := f.event(t, 90, models.TokenPause, "", "")
		require.Contains(t, f.openAlarms(t), models.AlarmTokenPaused)
		f.now = func() time.Time { return paused.BlockTime.Add(10 * time.Minute) }
		far := block(500, "main")
		require.NoError(t, f.Advance(ctx, models.NetworkERC20, batch(f.tip, far, far.Number, nil)))
		f.tip = far
		expiry := models.ExpireInput{PaymentID: p.ID, Network: models.NetworkERC20, ExpiresAt: p.ExpiresAt, State: next(p, func(s *models.PaymentState) { s.Status = models.StatusExpired })}
		result, err := f.Expire(ctx, expiry)
		require.NoError(t, err)
		require.False(t, result.Recorded)
		require.True(t, result.Paused)
		resumed := f.event(t, 91, models.TokenUnpause, "", "")
		require.Empty(t, f.openAlarms(t))
		pauses, err := f.Pauses(ctx, models.NetworkERC20)
		require.NoError(t, err)
		require.Equal(t, []models.Pause{{From: paused.BlockTime, To: resumed.BlockTime}}, pauses)
		result, err = f.Expire(ctx, expiry)
		require.NoError(t, err)
		require.False(t, result.Recorded, "the window goes on for as long as the pause lasted")
		require.Equal(t, p.ExpiresAt.Add(resumed.BlockTime.Sub(paused.BlockTime)), result.WindowEnd)
		require.NoError(t, f.Rewind(ctx, models.NetworkERC20, f.tip, before))
		f.tip = before
		pauses, err = f.Pauses(ctx, models.NetworkERC20)
		require.NoError(t, err)
		require.Empty(t, pauses)
		require.NoError(t, f.Advance(ctx, models.NetworkERC20, batch(f.tip, far, far.Number, nil)))
		result, err = f.Expire(ctx, expiry)
		require.NoError(t, err)
		require.True(t, result.Recorded)
	})
}

// Events of the token about others concern nobody; about our addresses they raise an alarm once.
func TestEventsOfTheToken(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		p := f.create(t)
		f.event(t, 1, models.TokenBlacklisted, "0xSomebody", "")
		require.Empty(t, f.openAlarms(t))
		f.event(t, 2, models.TokenBlacklisted, p.DepositAddress, "")
		f.event(t, 3, models.TokenParams, "", "10/5000000")
		f.event(t, 4, models.TokenDeprecate, "0xNew", "")
		f.event(t, 5, models.TokenFundsDestroyed, p.DepositAddress, "7")
		open := f.openAlarms(t)
		for _, kind := range []models.AlarmKind{models.AlarmAddressBlacklisted, models.AlarmTokenFeeChanged, models.AlarmTokenDeprecated, models.AlarmFundsDestroyed} {
			require.Contains(t, open, kind)
		}
		require.Len(t, f.audited(t, "token_event"), 4)
		f.event(t, 6, models.TokenUnblacklisted, p.DepositAddress, "")
		require.NotContains(t, f.openAlarms(t), models.AlarmAddressBlacklisted)
	})
}

// A transfer beyond 64 bits is kept aside with an alarm and never credited; one from our address is a sweep, which
// reconciliation takes off what the address should hold, as it does destroyed funds.
func TestQuarantineAndSweeps(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		p := f.create(t)
		seen := f.mine(t, "main", transferTo(p, 1, 50*models.USDT, models.BlockRef{}))
		to := block(f.tip.Number+1, "main")
		b := batch(f.tip, to, to.Number, []models.TokenTransfer{{
			TransferKey: models.TransferKey{ChainID: 1, TxHash: txHash(2)}, From: p.DepositAddress, To: "0xColdWallet", Amount: 20 * models.USDT, Block: to,
		}})
		b.Oversized = []models.OversizedTransfer{{TransferKey: models.TransferKey{ChainID: 1, TxHash: txHash(3)}, From: "0xPayer", To: p.DepositAddress, Value: "99999999999999999999", Block: to}}
		require.NoError(t, f.Advance(ctx, models.NetworkERC20, b))
		f.tip = to
		require.Contains(t, f.openAlarms(t), models.AlarmAmountTooLarge)
		f.requireBalance(t, 0, 50*models.USDT)
		held := func(at uint64) string {
			balances, err := f.ExpectedBalances(ctx, models.NetworkERC20, at, "", 10)
			require.NoError(t, err)
			require.Len(t, balances, 1)
			return balances[0].Units.String()
		}
		require.Equal(t, "50000000", held(seen.Number))
		require.Equal(t, "30000000", held(to.Number))
		f.event(t, 4, models.TokenFundsDestroyed, p.DepositAddress, "30000000")
		require.Equal(t, "0", held(f.tip.Number))
		stored, err := f.StoredTransfers(ctx, models.NetworkERC20, seen.Number, f.tip.Number)
		require.NoError(t, err)
		require.Len(t, stored, 2, "what came and what went")
		f.rewind(t, seen)
		require.Equal(t, "50000000", held(to.Number))
	})
}

// A planted error of one micro-USDT is found wherever it is planted, and left as it is.
func TestBooksWithOnePlantedError(t *testing.T) {
	for name, plant := range map[string]struct {
		statement string
		check     string
	}{
		"the transfer's row":        {"UPDATE transfers SET credited_amount = credited_amount + 1, amount = amount + 1", models.CheckLedgerTransfers},
		"the payment's row":         {"UPDATE payments SET amount_credited = amount_credited + 1", models.CheckPaymentCredited},
		"a transfer off the chain":  {"UPDATE transfers SET canonical = false, updated_at = created_at", models.CheckCreditedCanonical},
		"a credit that was not due": {"UPDATE transfers SET amount = amount - 1, updated_at = created_at", models.CheckCreditedCanonical},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, f *fixture) {
				ctx := t.Context()
				p := f.create(t)
				f.mine(t, "main", transferTo(p, 1, 50*models.USDT, models.BlockRef{}))
				f.confirm(t, 11)
				credited, err := f.Credit(ctx, f.creditInput(p, []models.Transfer{f.transfer(t, p.ID)}, nil))
				require.NoError(t, err)
				require.True(t, credited.Recorded)
				compare := func() []models.Difference {
					report, err := f.CompareBooks(ctx, models.NetworkERC20, f.tip.Number, time.Now().Add(time.Hour))
					require.NoError(t, err)
					return report.Differences
				}
				require.Empty(t, compare())
				require.NoError(t, f.writer.Exec(plant.statement).Error)
				found := compare()
				require.NotEmpty(t, found)
				checks := []string{}
				for _, difference := range found {
					checks = append(checks, difference.Check)
				}
				require.Contains(t, checks, plant.check)
				require.Equal(t, found, compare(), "looking changes nothing")
			})
		})
	}
}

// What nodes hold in their pools is shown until it is in a block or old.
func TestSeenOnTheirWay(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		p, other := f.create(t), f.create(t)
		now := time.Now().UTC().Truncate(time.Millisecond)
		f.now = func() time.Time { return now }
		require.NoError(t, f.NoteSeen(ctx, models.NetworkERC20, []models.SeenTransfer{
			{TxHash: txHash(1), To: p.DepositAddress, Amount: 20 * models.USDT},
			{TxHash: txHash(2), To: p.DepositAddress, Amount: 30 * models.USDT},
			{TxHash: txHash(3), To: "0xSomebody", Amount: 5},
		}))
		sums := func() map[string]models.Amount {
			found, err := f.OnTheirWay(ctx, []string{p.ID, other.ID})
			require.NoError(t, err)
			return found
		}
		require.Equal(t, map[string]models.Amount{p.ID: 50 * models.USDT}, sums())
		f.mine(t, "main", transferTo(p, 1, 20*models.USDT, models.BlockRef{}))
		require.Equal(t, map[string]models.Amount{p.ID: 30 * models.USDT}, sums())
		now = now.Add(seenFor + time.Second)
		require.Empty(t, sums())
	})
}

// An installation of the first schema, with rows, comes to the newest one and loses nothing.
func TestMigrationFromTheFirstSchema(t *testing.T) {
	check := func(t *testing.T, url string) {
		ctx := t.Context()
		s := open(t, url)
		provider, err := s.migrationProvider()
		require.NoError(t, err)
		_, err = provider.UpTo(ctx, 20261123120000)
		require.NoError(t, err)
		require.ErrorIs(t, s.CheckSchema(ctx), models.ErrSchemaBehind)
		at := epoch
		for _, row := range []struct {
			statement string
			values    []any
		}{
			{"INSERT INTO operators (id, email, name, status, password_hash, created_at, updated_at) VALUES ('op', 'a@example.org', 'Shop', 'ACTIVE', 'x', ?, ?)", []any{at, at}},
			{"INSERT INTO credentials (api_key, operator_id, secret_hash, secret_sealed, created_at) VALUES ('pk_1', 'op', ?, ?, ?)", []any{[]byte{1}, []byte{2}, at}},
			{"INSERT INTO admins (id, email, password_hash, created_at, updated_at) VALUES ('ad', 'b@example.org', 'x', ?, ?)", []any{at, at}},
			{`INSERT INTO payments (id, operator_id, user_id, reference, network, currency, amount_requested, deposit_address, address_index, created_at, expires_at,
				status, exception, amount_received, amount_credited, tx_hash, last_block, decision, reason, version, updated_at)
				VALUES ('pay', 'op', 'u', 'ref', 'ERC20', 'USDT', 50000000, '0xA', 0, ?, ?, 'PENDING', '', 0, 0, '', 0, '', '', 1, ?)`, []any{at, at.Add(time.Hour), at}},
			{"INSERT INTO deposit_addresses (address, payment_id, address_index, created_at) VALUES ('0xA', 'pay', 0, ?)", []any{at}},
			{"INSERT INTO chain_cursors (network, block_number, block_hash, block_time, head_number, updated_at) VALUES ('ERC20', 100, '0xb', ?, 101, ?)", []any{at, at}},
		} {
			require.NoError(t, s.writer.Exec(row.statement, row.values...).Error, row.statement)
		}
		require.NoError(t, s.Migrate(ctx))
		require.NoError(t, s.CheckSchema(ctx))
		p, err := s.Payment(ctx, "pay")
		require.NoError(t, err)
		require.EqualValues(t, models.DefaultConfirmations, p.Confirmations)
		require.Equal(t, at, p.CreatedAt)
		cursor, err := s.Cursor(ctx, models.NetworkERC20)
		require.NoError(t, err)
		require.Equal(t, cursor.Block(), cursor.Agreed())
		require.EqualValues(t, 100, cursor.RecheckedNumber)
		_, operator, err := s.Credential(ctx, "pk_1")
		require.NoError(t, err)
		require.False(t, operator.HasTOTP())
		_, err = s.AdminByEmail(ctx, "b@example.org")
		require.NoError(t, err)
		next := block(101, "main")
		paid := models.TokenTransfer{TransferKey: models.TransferKey{ChainID: 1, TxHash: txHash(1)}, From: "0xP", To: "0xA", Amount: 5, Block: next}
		require.NoError(t, s.Advance(ctx, models.NetworkERC20, batch(cursor.Block(), next, 101, []models.TokenTransfer{paid})), "work goes on")
		transfers, err := s.Transfers(ctx, "pay")
		require.NoError(t, err)
		require.Len(t, transfers, 1)
	}
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); check(t, sqliteURL(t)) })
	t.Run("postgres", func(t *testing.T) { t.Parallel(); check(t, pgtest.Start(t).NewDatabase(t)) })
}

// A credit and a reorg, an expiry and a transfer that arrives, whatever comes first: the books hold and nothing expires that
// was paid.
func TestExpiryAndHealingAgainstEachOther(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		for round := range 12 {
			p := f.create(t)
			seen := f.mine(t, "main")
			far := block(f.tip.Number+400, "main")
			require.NoError(t, f.Advance(ctx, models.NetworkERC20, batch(f.tip, far, far.Number, nil)))
			f.tip = far
			missed := transferTo(p, 1000+round, 50*models.USDT, seen)
			p.ExpiresAt = seen.Time.Add(time.Minute)
			expiry := models.ExpireInput{PaymentID: p.ID, Network: models.NetworkERC20, ExpiresAt: p.ExpiresAt, State: next(p, func(s *models.PaymentState) { s.Status = models.StatusExpired })}
			var expired models.ExpireResult
			var expireErr, healErr error
			together(2, func(i int) {
				if i == 0 {
					expired, expireErr = f.Expire(withTimeout(t), expiry)
				} else {
					_, healErr = f.Heal(withTimeout(t), models.NetworkERC20, []models.TokenTransfer{missed})
				}
			})
			require.NoError(t, errors.Join(expireErr, healErr))
			row := f.transfer(t, p.ID)
			require.True(t, row.Canonical)
			require.NotNil(t, row.SignalDueAt, "the payment is told, whether it has expired or not")
			if !expired.Recorded {
				require.Len(t, expired.Snapshot.Transfers, 1)
			}
		}
	})
}
