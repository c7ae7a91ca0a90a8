package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/internal/pgtest"
	"paycow/internal/secrets"
	"paycow/models"
)

// unguard drops the triggers that keep a payment's terms, as an attacker would who may change the schema.
func (f *fixture) unguard(t testing.TB) {
	t.Helper()
	for _, statement := range map[engine][]string{
		enginePostgres: {"ALTER TABLE payments DISABLE TRIGGER USER"},
		engineSQLite:   {"DROP TRIGGER payments_terms_stand", "DROP TRIGGER payments_no_replace", "DROP TRIGGER payments_paid_stays"},
	}[f.engine] {
		require.NoError(t, f.writer.Exec(statement).Error)
	}
}

// An attacker who can write rows, even past the triggers, gets no credit by pointing a payment elsewhere.
func TestAnAlteredPaymentGetsNothing(t *testing.T) {
	for name, attack := range map[string]string{
		"the address and index of another": `UPDATE payments SET
			deposit_address = (SELECT deposit_address FROM payments WHERE id = @thief),
			address_index = (SELECT address_index FROM payments WHERE id = @thief) WHERE id = @id`,
		"with its proof": `UPDATE payments SET mac = (SELECT mac FROM payments WHERE id = @thief),
			deposit_address = (SELECT deposit_address FROM payments WHERE id = @thief),
			address_index = (SELECT address_index FROM payments WHERE id = @thief) WHERE id = @id`,
		"another address":    "UPDATE payments SET deposit_address = '0xThief' WHERE id = @id",
		"another amount":     "UPDATE payments SET amount_requested = 1 WHERE id = @id",
		"a tolerance":        "UPDATE payments SET tolerance = amount_requested - 1 WHERE id = @id",
		"another operator":   "UPDATE payments SET operator_id = @operator WHERE id = @id",
		"no proof":           "UPDATE payments SET mac = @empty WHERE id = @id",
		"a forged proof":     "UPDATE payments SET mac = @forged WHERE id = @id",
		"another network":    "UPDATE payments SET network = 'ERC20 ' WHERE id = @id",
		"another's currency": "UPDATE payments SET currency = 'USDC' WHERE id = @id",
		"another way back":   "UPDATE payments SET return_url = 'https://thief.example' WHERE id = @id",
		"another purpose":    "UPDATE payments SET description = 'Gift card' WHERE id = @id",
		"no purpose":         "UPDATE payments SET description = '' WHERE id = @id",
		"another order":      `UPDATE payments SET metadata = '{"order":"2"}' WHERE id = @id`,
		"no order":           "UPDATE payments SET metadata = '{}' WHERE id = @id",
		"one confirmation":   "UPDATE payments SET confirmations = 1 WHERE id = @id",
		"the usual number":   "UPDATE payments SET confirmations = 12 WHERE id = @id",
		"a shorter window":   "UPDATE payments SET expires_at = created_at WHERE id = @id",
		"a longer window":    "UPDATE payments SET expires_at = '2036-01-01 00:00:00+00:00' WHERE id = @id",
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, f *fixture) {
				ctx := t.Context()
				in := f.newPayment()
				in.Description, in.Metadata, in.Confirmations = "Order 1", models.Metadata{"order": "1"}, 64
				p, _, err := f.CreatePayment(ctx, in, derive)
				require.NoError(t, err)
				thief := f.create(t)
				require.NoError(t, f.CheckAddress(ctx, f.payment(t, p.ID)))
				f.unguard(t)
				require.NoError(t, f.writer.Exec(attack, map[string]any{
					"id": p.ID, "thief": thief.ID, "operator": f.addOperator(t).ID, "empty": []byte{}, "forged": make([]byte, 37),
				}).Error)
				altered := f.payment(t, p.ID)
				require.ErrorIs(t, f.CheckAddress(ctx, altered), models.ErrPaymentAltered)
				alarms, err := f.OpenAlarms(ctx, models.NetworkERC20)
				require.NoError(t, err)
				if altered.Network == models.NetworkERC20 {
					require.Len(t, alarms, 1)
					require.Equal(t, models.AlarmPaymentAltered, alarms[0].Kind)
					require.Equal(t, p.ID, alarms[0].Subject)
				}
				_, _, err = f.Payee(ctx, p.ID)
				require.ErrorIs(t, err, models.ErrPaymentAltered)
				_, err = f.Record(ctx, models.RecordInput{PaymentID: p.ID, State: next(altered, func(s *models.PaymentState) { s.Reason = "x" })})
				require.ErrorIs(t, err, models.ErrPaymentAltered)
				_, err = f.Credit(ctx, models.CreditInput{PaymentID: p.ID, OperatorID: altered.OperatorID, State: next(altered, func(*models.PaymentState) {})})
				require.ErrorIs(t, err, models.ErrPaymentAltered)
				require.NoError(t, f.CheckAddress(ctx, f.payment(t, thief.ID)), "the other payment is as it was")
			})
		})
	}
}

// A planted payment has no proof, and one whose address was handed out for another payment has not its own row.
func TestAPlantedPaymentGetsNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		planted := f.create(t)
		planted.ID, planted.Reference = models.NewID(), models.NewReference()
		planted.DepositAddress, planted.AddressIndex = "0xPlanted", 900_000
		require.NoError(t, f.writer.Create(&planted).Error)
		require.NoError(t, f.writer.Create(&models.DepositAddress{
			Address: planted.DepositAddress, PaymentID: planted.ID, Index: planted.AddressIndex, CreatedAt: epoch,
		}).Error)
		require.ErrorIs(t, f.CheckTerms(planted), models.ErrPaymentAltered)

		// What is paid to it is seen, told and not credited.
		f.mine(t, "main", transferTo(planted, 1, planted.AmountRequested, models.BlockRef{}))
		alarms, err := f.OpenAlarms(ctx, models.NetworkERC20)
		require.NoError(t, err)
		require.Len(t, alarms, 1)
		require.Equal(t, models.AlarmPaymentAltered, alarms[0].Kind)

		// A row of the right form that was never in the table of addresses.
		ghost := planted
		ghost.ID, ghost.Reference, ghost.AddressIndex, ghost.DepositAddress = models.NewID(), models.NewReference(), 900_001, "0xGhost"
		ghost.MAC = testKeys.MAC(proofOfPayment, termsOf(ghost)...)
		require.NoError(t, f.writer.Create(&ghost).Error)
		require.ErrorIs(t, f.CheckAddress(ctx, ghost), models.ErrPaymentAltered)
	})
}

// An INSERT or an UPDATE makes nobody an operator or an admin.
func TestPlantedSessionsAndKeysOpenNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		f.now = func() time.Time { return epoch }
		mine, victim := f.person(t, "me@example.org"), f.person(t, "victim@example.org")
		require.NoError(t, f.logIn(ctx, mine, "token"))
		_, err := f.Session(ctx, []byte("token"))
		require.NoError(t, err)
		planted := models.Session{
			TokenHash: []byte("planted"), Role: models.RoleAdmin, AccountID: victim.ID, CreatedAt: epoch, SeenAt: epoch,
			ExpiresAt: epoch.Add(time.Hour), MAC: []byte{},
		}
		require.NoError(t, f.writer.Create(&planted).Error)
		_, err = f.Session(ctx, planted.TokenHash)
		require.ErrorIs(t, err, models.ErrNotFound)
		for _, forged := range []string{
			"UPDATE sessions SET account_id = ? WHERE token_hash = ?", "UPDATE sessions SET role = 'admin' WHERE account_id <> ? AND token_hash = ?",
			"UPDATE sessions SET mac = (SELECT mac FROM sessions WHERE account_id <> ? LIMIT 1), token_hash = 'x' WHERE token_hash = ?",
		} {
			require.NoError(t, f.logIn(ctx, mine, "token "+forged))
			require.NoError(t, f.writer.Exec(forged, victim.ID, []byte("token "+forged)).Error)
			_, err = f.Session(ctx, []byte("token "+forged))
			require.ErrorIs(t, err, models.ErrNotFound, forged)
		}

		credential := models.Credential{APIKey: "pk_mine", OperatorID: mine.ID, SecretHash: []byte("hash"), SecretSealed: []byte("sealed"), SecretMAC: []byte{}, CreatedAt: epoch}
		require.NoError(t, f.writer.Create(&credential).Error)
		_, _, err = f.Credential(ctx, "pk_mine")
		require.ErrorIs(t, err, models.ErrNotFound, "planted")
		operator := f.addOperator(t)
		known := models.Credential{APIKey: "pk_real", OperatorID: operator.ID, SecretHash: []byte("hash"), SecretSealed: []byte("sealed")}
		require.NoError(t, f.CreateOperator(ctx, models.Operator{ID: "real", Email: "real@example.org", Status: models.OperatorActive}, &models.Credential{
			APIKey: "pk_of_real", OperatorID: "real", SecretHash: known.SecretHash, SecretSealed: known.SecretSealed,
		}))
		_, _, err = f.Credential(ctx, "pk_of_real")
		require.NoError(t, err)
		require.NoError(t, f.writer.Exec("UPDATE credentials SET operator_id = ? WHERE api_key = 'pk_of_real'", victim.ID).Error)
		_, _, err = f.Credential(ctx, "pk_of_real")
		require.ErrorIs(t, err, models.ErrNotFound, "my key moved to another operator")
		require.NoError(t, f.writer.Exec("UPDATE credentials SET operator_id = 'real', secret_hash = ? WHERE api_key = 'pk_of_real'", []byte("mine")).Error)
		_, _, err = f.Credential(ctx, "pk_of_real")
		require.ErrorIs(t, err, models.ErrNotFound, "my secret under another's key")
	})
}

// A planted acceptance makes nothing PAID through the workflow.
func TestAPlantedAcceptanceIsNone(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		p := f.expired(t, f.paidBy(t, f.create(t), 1), models.ExceptionUnderpaid)
		require.NoError(t, f.writer.Create(&models.PaymentDecision{
			PaymentID: p.ID, Kind: models.DecisionAccept, Version: p.Version, Actor: "operator:" + p.OperatorID, CreatedAt: epoch,
			DueAt: epoch, MAC: []byte{},
		}).Error)
		require.Equal(t, models.RefusedDecision, f.accept(t, p).Refused)
	})
}

// An installation from before the proofs gets them at its first start, in one pass that survives an interruption, and from then
// on a row without one is planted.
func TestTheFirstStartProvesTheRowsThatThereAre(t *testing.T) {
	check := func(t *testing.T, url string) {
		ctx := t.Context()
		f := &fixture{Store: open(t, url)}
		f.keys = noKeys{}
		require.NoError(t, f.Migrate(ctx))
		f.operator = f.addOperator(t)
		const many = batchRows + 20
		var ids []string
		for range many {
			ids = append(ids, f.create(t).ID)
		}
		keys := ringOf(1)
		old := models.Credential{APIKey: "pk_old", OperatorID: f.operator.ID, SecretHash: []byte("hash"), SecretMAC: []byte{}, SecretSealed: sealedBy(t, 1, "pk_old"), CreatedAt: epoch}
		require.NoError(t, f.writer.Create(&old).Error)
		swapped, foreign := ids[3], ids[4]
		f.unguard(t)
		require.NoError(t, f.writer.Exec("UPDATE payments SET deposit_address = (SELECT deposit_address FROM payments WHERE id = ?), address_index = (SELECT address_index FROM payments WHERE id = ?) WHERE id = ?", ids[9], ids[9], swapped).Error)
		foreignAddress := f.payment(t, foreign).DepositAddress
		derived := 0
		derives := func(address string, _ uint32) (bool, error) {
			if derived++; derived == many-5 { // killed in the second batch
				return false, fmt.Errorf("killed")
			}
			return address != foreignAddress, nil
		}
		require.ErrorIs(t, f.UseMasterKey(ctx, ringOf(2), derives), models.ErrMasterKey, "the API secrets do not open with it")
		require.ErrorContains(t, f.UseMasterKey(ctx, keys, derives), "killed")
		derived = -2 * many
		require.NoError(t, f.UseMasterKey(ctx, keys, derives))
		for _, id := range ids {
			err := f.CheckAddress(ctx, f.payment(t, id))
			if id == swapped || id == foreign {
				require.ErrorIs(t, err, models.ErrPaymentAltered)
				continue
			}
			require.NoError(t, err)
		}
		_, _, err := f.Credential(ctx, "pk_old")
		require.NoError(t, err, "keys go on working")

		// After the pass nothing is proved any more, however old it says it is.
		require.NoError(t, f.writer.Exec("UPDATE payments SET mac = ? WHERE id = ?", []byte{}, ids[0]).Error)
		require.NoError(t, f.UseMasterKey(ctx, keys, derives))
		require.ErrorIs(t, f.CheckTerms(f.payment(t, ids[0])), models.ErrPaymentAltered)
		for _, forged := range []string{
			"DELETE FROM master_keys", "UPDATE master_keys SET value = '2099-01-01T00:00:00Z' WHERE name = 'proofs'",
			"DELETE FROM master_keys WHERE name = 'proofs'",
		} {
			require.Error(t, f.writer.Exec(forged).Error, forged)
		}
		// With the triggers out of the way too.
		for _, statement := range map[engine][]string{
			enginePostgres: {"ALTER TABLE master_keys DISABLE TRIGGER USER"},
			engineSQLite:   {"DROP TRIGGER master_keys_no_delete", "DROP TRIGGER master_keys_no_return"},
		}[f.engine] {
			require.NoError(t, f.writer.Exec(statement).Error)
		}
		for forged, want := range map[string]error{
			"UPDATE master_keys SET value = '2099-01-01T00:00:00Z' WHERE name = 'proofs'": models.ErrMasterKey,
			"DELETE FROM master_keys WHERE name = 'proofs'":                               models.ErrProofsGone,
			"DELETE FROM master_keys":                                                     models.ErrProofsGone,
		} {
			tx := f.writer.Begin()
			require.NoError(t, tx.Exec(forged).Error)
			_, err := f.bindKey(tx, keys)
			require.ErrorIs(t, err, want, forged)
			tx.Rollback()
		}
	}
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); check(t, sqliteURL(t)) })
	t.Run("postgres", func(t *testing.T) { t.Parallel(); check(t, pgtest.Start(t).NewDatabase(t)) })
}

func TestRekey(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		f.now = func() time.Time { return epoch }
		require.NoError(t, f.UseMasterKey(ctx, ringOf(1), nil))
		p := f.create(t)
		account := f.person(t, "me@example.org")
		require.NoError(t, f.OfferTOTP(ctx, account, sealedBy(t, 1, models.TOTPOwner(models.RoleOperator, account.ID))))
		require.NoError(t, f.logIn(ctx, account, "token"))
		coded := f.person(t, "coded@example.org")
		require.NoError(t, f.OfferTOTP(ctx, coded, sealedBy(t, 1, models.TOTPOwner(models.RoleOperator, coded.ID))))
		coded = f.account(t, "coded@example.org")
		recovery := models.RecoveryOwner(models.RoleOperator, coded.ID)
		require.NoError(t, f.EnableTOTP(ctx, coded, 1, sealedBy(t, 1, recovery), nil, did("totp_enabled")))
		require.NoError(t, f.CreateOperator(ctx, models.Operator{ID: "real", Email: "real@example.org", Status: models.OperatorActive}, &models.Credential{
			APIKey: "pk_1", OperatorID: "real", SecretHash: []byte("hash"), SecretSealed: sealedBy(t, 1, "pk_1"),
		}))
		accepted := f.expired(t, f.paidBy(t, f.create(t), 1), models.ExceptionUnderpaid)
		f.decide(t, accepted, models.DecisionAccept)

		require.NoError(t, f.AddTreasury(ctx, []string{treasury}))
		tolerance := models.Tolerance{Amount: models.USDT, BasisPoints: 100}
		require.NoError(t, f.SetTolerance(ctx, "real", tolerance, did("tolerance_set")))
		steps := models.ConfirmationSteps{{From: models.USDT, Confirmations: 64}}
		require.NoError(t, f.SetConfirmations(ctx, "real", steps, 12, did("confirmations_set")))
		quiet := models.NotificationSettings{Exceptions: true}
		require.NoError(t, f.SetNotifications(ctx, "real", quiet, did("notifications_changed")))

		require.ErrorIs(t, f.UseMasterKey(ctx, ringOf(2), nil), models.ErrMasterKey, "another key refuses to start")
		both := ringOf(2, 1)
		require.NoError(t, f.UseMasterKey(ctx, both, nil), "with the earlier key beside it")
		require.NoError(t, f.CheckAddress(ctx, p), "works before the change")
		_, err := f.Session(ctx, []byte("token"))
		require.NoError(t, err)
		changed, left, err := f.Rekey(ctx)
		require.NoError(t, err)
		require.Zero(t, left)
		require.Equal(t, 2+1+1+1+3+1+3+2, changed, "payments, decision, key, session, factors and recovery codes, treasury, settings, state")
		changed, left, err = f.Rekey(ctx)
		require.NoError(t, err)
		require.Zero(t, changed+left, "a repeat changes nothing")

		require.ErrorIs(t, f.UseMasterKey(ctx, ringOf(1), nil), models.ErrMasterKey, "the earlier key is of no use any more")
		require.NoError(t, f.UseMasterKey(ctx, ringOf(2), nil))
		require.NoError(t, f.CheckAddress(ctx, f.payment(t, p.ID)))
		_, err = f.Session(ctx, []byte("token"))
		require.NoError(t, err)
		operator, err := f.Operator(ctx, "real")
		require.NoError(t, err)
		require.Equal(t, tolerance, f.ToleranceOf(ctx, operator))
		kept, err := f.ConfirmationsOf(operator)
		require.NoError(t, err)
		require.Equal(t, steps, kept)
		credential, _, err := f.Credential(ctx, "pk_1")
		require.NoError(t, err)
		require.True(t, ringOf(2).Opens("pk_1", credential.SecretSealed))
		account, err = f.AccountByEmail(ctx, models.RoleOperator, "me@example.org")
		require.NoError(t, err)
		require.True(t, ringOf(2).Opens(models.TOTPOwner(models.RoleOperator, account.ID), account.TOTPPending))
		coded = f.account(t, "coded@example.org")
		require.True(t, ringOf(2).Opens(models.TOTPOwner(models.RoleOperator, coded.ID), coded.TOTPSealed))
		require.True(t, ringOf(2).Opens(recovery, coded.RecoverySealed))
		require.True(t, f.accept(t, accepted).Recorded)
		found, err := f.ownSenders(f.writer, []string{treasury})
		require.NoError(t, err)
		require.True(t, found.ours[treasury])
	})
}

func sealedBy(t testing.TB, key byte, owner string) []byte {
	t.Helper()
	sealed, err := secrets.Seal(owner, "secret", ringOf(key))
	require.NoError(t, err)
	return sealed
}
