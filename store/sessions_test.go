package store

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// A login that checked a password or a second factor which is changed before its session is made must not get one.
func TestNoSessionOutlivesWhatItWasMadeWith(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		before := f.person(t, "a@example.org")
		other := f.person(t, "b@example.org")
		require.NoError(t, f.logIn(ctx, before, "old"))
		require.NoError(t, f.logIn(ctx, other, "other"))
		require.NoError(t, f.SetPassword(ctx, before, "second password", models.Session{TokenHash: []byte("new")}, did("password_changed")))
		require.ErrorIs(t, f.logIn(ctx, before, "late"), models.ErrNotFound, "its password is no longer the one that was checked")
		require.ErrorIs(t, f.SetPassword(ctx, before, "third", models.Session{TokenHash: []byte("third")}, did("password_changed")), models.ErrNotFound)
		for token, isAlive := range map[string]bool{"old": false, "late": false, "third": false, "new": true, "other": true} {
			session, err := f.Session(ctx, []byte(token))
			if !isAlive {
				require.ErrorIs(t, err, models.ErrNotFound, token)
				continue
			}
			require.NoError(t, err, token)
			require.Equal(t, models.RoleOperator, session.Role)
		}
		now := f.account(t, "a@example.org")
		require.NoError(t, f.OfferTOTP(ctx, now, []byte("sealed")))
		require.NoError(t, f.logIn(ctx, now, "offered"), "what is not confirmed changes nothing")
		offered := f.account(t, "a@example.org")
		require.NoError(t, f.EnableTOTP(ctx, offered, 7, nil, nil, did("totp_enabled")))
		require.ErrorIs(t, f.logIn(ctx, now, "without a code"), models.ErrNotFound)
		require.ErrorIs(t, f.OfferTOTP(ctx, now, []byte("another")), models.ErrNotFound)
		require.NoError(t, f.logIn(ctx, f.account(t, "a@example.org"), "with a code"))
		require.Len(t, f.audited(t, "logged_in"), 4)
		require.Len(t, f.audited(t, "password_changed"), 1)
	})
}

// A browser that logs in again gives up its old session.
func TestANewSessionTakesTheOldOnesPlace(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		account := f.person(t, "a@example.org")
		require.NoError(t, f.logIn(ctx, account, "first"))
		require.NoError(t, f.CreateSession(ctx, account, models.Session{TokenHash: []byte("second")}, []byte("first"), did("logged_in")))
		_, err := f.Session(ctx, []byte("first"))
		require.ErrorIs(t, err, models.ErrNotFound)
		_, err = f.Session(ctx, []byte("second"))
		require.NoError(t, err)
		require.NoError(t, f.EndSession(ctx, []byte("second")))
		require.NoError(t, f.EndSession(ctx, []byte("second")), "twice is no error")
		_, err = f.Session(ctx, []byte("second"))
		require.ErrorIs(t, err, models.ErrNotFound)
	})
}

// Of many who change one thing at once, one does; of many who log in at once, each gets a session.
func TestManyAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := withTimeout(t)
		const many = 20
		var isNew, enabled, changed atomic.Int64
		count := func(counter *atomic.Int64, ok bool) {
			if ok {
				counter.Add(1)
			}
		}
		together(many, func(i int) {
			ok, err := f.RegisterOperator(ctx, models.Operator{ID: models.NewID(), Email: "a@example.org", Name: fmt.Sprint("Shop ", i)}, "")
			if err != nil {
				t.Errorf("registering: %v", err)
			}
			count(&isNew, ok)
		})
		require.EqualValues(t, many, isNew.Load(), "the newest application counts, until somebody has followed a link")
		require.Len(t, f.audited(t, "operator_registered"), 1)
		require.Len(t, f.audited(t, "operator_registered_again"), many-1)

		account := f.account(t, "a@example.org")
		together(many, func(i int) {
			if err := f.logIn(ctx, account, fmt.Sprint("token", i)); err != nil {
				t.Errorf("logging in: %v", err)
			}
		})
		for i := range many {
			_, err := f.Session(ctx, fmt.Append(nil, "token", i))
			require.NoError(t, err)
		}
		require.NoError(t, f.OfferTOTP(ctx, account, []byte("sealed")))
		offered := f.account(t, "a@example.org")
		together(many, func(int) { count(&enabled, f.EnableTOTP(ctx, offered, 7, nil, nil, did("totp_enabled")) == nil) })
		require.Equal(t, int64(1), enabled.Load())

		// One recovery code that is used many times at once, and one that is used while the codes are replaced.
		var used, replaced atomic.Int64
		enabledAccount := f.account(t, "a@example.org")
		require.NoError(t, f.PutRecoveryCodes(ctx, enabledAccount, []byte("two codes"), nil, did("recovery_codes_replaced")))
		account = f.account(t, "a@example.org")
		together(many, func(int) {
			count(&used, f.UseRecoveryCode(ctx, account, []byte("one code"), did("recovery_code_used")) == nil)
		})
		require.Equal(t, int64(1), used.Load())
		require.Len(t, f.audited(t, "recovery_code_used"), 1)
		account = f.account(t, "a@example.org")
		require.Equal(t, "one code", string(account.RecoverySealed))
		together(many, func(i int) {
			if i%2 == 0 {
				count(&used, f.UseRecoveryCode(ctx, account, []byte("no code"), did("recovery_code_used")) == nil)
				return
			}
			err := f.PutRecoveryCodes(ctx, account, []byte("ten codes"), nil, did("recovery_codes_replaced"))
			count(&replaced, err == nil)
		})
		require.Equal(t, int64(2), used.Load()+replaced.Load(), "one of all won")
		require.ErrorIs(t, f.PutRecoveryCodes(ctx, enabledAccount, []byte("stale"), nil, did("stale")), models.ErrNotFound)

		account = f.account(t, "a@example.org")
		together(many, func(i int) {
			err := f.SetPassword(ctx, account, fmt.Sprint("new", i), models.Session{TokenHash: fmt.Append(nil, "changed", i)}, did("password_changed"))
			count(&changed, err == nil)
		})
		require.Equal(t, int64(1), changed.Load())
		var alive int64
		require.NoError(t, f.read(ctx).Model(&models.Session{}).Where("account_id = ?", account.ID).Count(&alive).Error)
		require.Equal(t, int64(1), alive, "only whoever changed the password is still logged in")
	})
}

// A subject's tries count anew when its window is over; old rows go, also while many count at once.
func TestAttemptsOfTheWindowBefore(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := withTimeout(t)
		now := epoch
		f.now = func() time.Time { return now }
		for i := range 20 {
			for want := range int64(3) {
				tries, until, err := f.CountAttempt(ctx, fmt.Sprint("subject", i))
				require.NoError(t, err)
				require.Equal(t, want+1, tries)
				require.Equal(t, epoch.Add(AttemptsWindow), until.UTC())
			}
		}
		now = epoch.Add(AttemptsWindow)
		together(20, func(i int) {
			// Each comes back while the others take the old rows away.
			tries, until, err := f.CountAttempt(ctx, fmt.Sprint("subject", 19-i))
			if err != nil || tries != 1 || !until.Equal(now.Add(AttemptsWindow)) {
				t.Errorf("tries %d until %s: %v", tries, until, err)
			}
		})
		now = now.Add(AttemptsWindow)
		_, _, err := f.CountAttempt(ctx, "last")
		require.NoError(t, err)
		var rows int64
		require.NoError(t, f.read(ctx).Model(&models.LoginAttempt{}).Count(&rows).Error)
		require.Equal(t, int64(1), rows)
	})
}

// Requests are counted several at a time, by all processes together, and anew when the window is over. The login counts
// of the same name are others.
func TestCountRequests(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := withTimeout(t)
		now := epoch
		f.now = func() time.Time { return now }
		together(10, func(int) {
			if _, _, err := f.CountRequests(ctx, "subject", 3, time.Minute); err != nil {
				t.Error(err)
			}
		})
		now = epoch.Add(time.Minute - time.Millisecond)
		used, until, err := f.CountRequests(ctx, "subject", 5, time.Minute)
		require.NoError(t, err)
		require.EqualValues(t, 35, used)
		require.Equal(t, epoch.Add(time.Minute), until.UTC())
		tries, _, err := f.CountAttempt(ctx, "subject")
		require.NoError(t, err)
		require.EqualValues(t, 1, tries)
		now = epoch.Add(time.Minute)
		used, until, err = f.CountRequests(ctx, "subject", 5, time.Minute)
		require.NoError(t, err)
		require.EqualValues(t, 5, used)
		require.Equal(t, now.Add(time.Minute), until.UTC())
	})
}
