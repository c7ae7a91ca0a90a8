package store

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// Of many that use one code, count one attempt or rotate one key at once, the database lets one win.
func TestAccountsUnderConcurrency(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		operator := models.Operator{ID: models.NewID(), Email: "race@example.org", Name: "Shop", Status: models.OperatorActive, PasswordHash: "x"}
		first := models.Credential{APIKey: "pk_first", OperatorID: operator.ID, SecretHash: []byte{1}, SecretSealed: []byte{1}}
		require.NoError(t, f.CreateOperator(ctx, operator, &first))
		account, err := f.AccountByEmail(ctx, models.RoleOperator, operator.Email)
		require.NoError(t, err)
		require.False(t, account.HasTOTP())
		const many = 20
		var used, rotated, counted [many]bool
		var group sync.WaitGroup
		for i := range many {
			group.Go(func() {
				ok, err := f.UseTOTPStep(ctx, account, 100)
				used[i] = ok && err == nil
				tries, _, err := f.CountAttempt(ctx, "account:x")
				counted[i] = err == nil && tries <= 5
				next := models.Credential{APIKey: "pk_next" + string(rune('a'+i)), OperatorID: operator.ID, SecretHash: []byte{1}, SecretSealed: []byte{1}}
				err = f.RotateCredential(ctx, first.APIKey, next, time.Now().Add(time.Hour), models.AuditEntry{Actor: "t", Action: "credential_rotated"})
				rotated[i] = err == nil
			})
		}
		group.Wait()
		count := func(all [many]bool) (n int) {
			for _, one := range all {
				if one {
					n++
				}
			}
			return n
		}
		require.Equal(t, 1, count(used), "a code is good once")
		require.Equal(t, 1, count(rotated), "one key takes the old one's place")
		require.Equal(t, 5, count(counted), "each attempt counts once")
		ok, err := f.UseTOTPStep(ctx, account, 99)
		require.NoError(t, err)
		require.False(t, ok, "nor is an older one")
		require.NoError(t, f.ForgetAttempts(ctx, "account:x"))
		tries, _, err := f.CountAttempt(ctx, "account:x")
		require.NoError(t, err)
		require.Equal(t, int64(1), tries)
	})
}

// An old key works until its time is over, a session until it was not used for long or is old.
func TestThingsThatRunOut(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		now := time.Now().UTC().Truncate(time.Millisecond)
		f.now = func() time.Time { return now }
		operator := models.Operator{ID: models.NewID(), Email: "out@example.org", Name: "Shop", Status: models.OperatorActive, PasswordHash: "x"}
		first := models.Credential{APIKey: "pk_old", OperatorID: operator.ID, SecretHash: []byte{1}, SecretSealed: []byte{1}}
		require.NoError(t, f.CreateOperator(ctx, operator, &first))
		next := models.Credential{APIKey: "pk_new", OperatorID: operator.ID, SecretHash: []byte{1}, SecretSealed: []byte{1}}
		require.NoError(t, f.RotateCredential(ctx, first.APIKey, next, now.Add(time.Hour), models.AuditEntry{Actor: "t", Action: "credential_rotated"}))
		_, _, err := f.Credential(ctx, "pk_old")
		require.NoError(t, err)
		account := models.Account{Role: models.RoleOperator, ID: operator.ID, PasswordHash: "x"}
		session := models.Session{TokenHash: []byte("hash")}
		require.NoError(t, f.CreateSession(ctx, account, session, nil, models.AuditEntry{Actor: "t", Action: "logged_in"}))
		now = now.Add(time.Hour)
		_, _, err = f.Credential(ctx, "pk_old")
		require.ErrorIs(t, err, models.ErrNotFound)
		current, err := f.CurrentCredential(ctx, operator.ID)
		require.NoError(t, err)
		require.Equal(t, "pk_new", current.APIKey)
		for range 20 { // used now and then, it lives as long as a session may
			_, err = f.Session(ctx, session.TokenHash)
			require.NoError(t, err)
			now = now.Add(8 * time.Hour)
		}
		now = now.Add(8 * time.Hour)
		_, err = f.Session(ctx, session.TokenHash)
		require.ErrorIs(t, err, models.ErrNotFound, "it is too old")
		require.NoError(t, f.CreateSession(ctx, account, models.Session{TokenHash: []byte("other")}, nil, models.AuditEntry{Actor: "t", Action: "logged_in"}))
		now = now.Add(models.SessionIdle)
		_, err = f.Session(ctx, []byte("other"))
		require.ErrorIs(t, err, models.ErrNotFound, "it was not used for long")
	})
}
