package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

func TestOperators(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		at := time.Date(2026, 1, 2, 3, 4, 5, 678_912_345, time.FixedZone("somewhere", 3600))
		operator := models.Operator{ID: models.NewID(), Email: "a@example.com", Name: "A", Status: models.OperatorPending, PasswordHash: "h", CreatedAt: at, UpdatedAt: at}
		credential := models.Credential{APIKey: "pk_1", OperatorID: operator.ID, SecretHash: []byte{0, 1, 255}, SecretSealed: []byte("sealed"), CreatedAt: at}
		require.NoError(t, f.CreateOperator(ctx, operator, &credential))

		gotCredential, gotOperator, err := f.Credential(ctx, "pk_1")
		require.NoError(t, err)
		kept := time.Date(2026, 1, 2, 2, 4, 5, 678_000_000, time.UTC)
		operator.CreatedAt, operator.UpdatedAt, credential.CreatedAt = kept, kept, kept
		operator.EmailVerifiedAt = &kept // by whoever created it
		// None: empty or null, as the database has it.
		operator.SecondFactor, operator.ToleranceMAC = gotOperator.SecondFactor, gotOperator.ToleranceMAC
		operator.ConfirmationStepsMAC, operator.NotifyMAC = gotOperator.ConfirmationStepsMAC, gotOperator.NotifyMAC
		operator.Notify = models.NotificationSettings{Security: true, Exceptions: true}
		require.False(t, gotOperator.HasTOTP())
		require.Equal(t, operator, gotOperator)
		require.True(t, f.keys.IsCurrent(gotCredential.SecretMAC))
		credential.SecretMAC = gotCredential.SecretMAC
		require.Equal(t, credential, gotCredential)

		taken := operator
		taken.ID = models.NewID()
		require.ErrorIs(t, f.CreateOperator(ctx, taken, nil), models.ErrAlreadyExists)
		taken.Email = "b@example.com"
		require.ErrorIs(t, f.CreateOperator(ctx, taken, &credential), models.ErrAlreadyExists, "the API key is taken")
		_, err = f.OperatorByEmail(ctx, "b@example.com")
		require.ErrorIs(t, err, models.ErrNotFound, "nothing of the failed call stays")
		got, err := f.OperatorByEmail(ctx, "a@example.com")
		require.NoError(t, err)
		require.Equal(t, operator, got)

		revokedAt := kept
		revoked := models.Credential{APIKey: "pk_2", OperatorID: operator.ID, SecretHash: []byte{1}, SecretSealed: []byte{1}, SecretMAC: []byte{1}, CreatedAt: kept.Add(time.Second), RevokedAt: &revokedAt}
		require.NoError(t, f.writer.Create(&revoked).Error)
		_, _, err = f.Credential(ctx, "pk_2")
		require.ErrorIs(t, err, models.ErrNotFound)
		all, err := f.CredentialsOf(ctx, operator.ID)
		require.NoError(t, err)
		require.Equal(t, []models.Credential{credential, revoked}, all)
	})
}

// Pages of operators hold each of them once, those who wait first, also when some are approved between two pages.
func TestOperatorsArePagedWhileTheyChange(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		const many = 9
		for i := range many {
			f.person(t, fmt.Sprintf("%d@example.org", i))
		}
		seen := map[string]int{}
		cursor := ""
		for page := 0; ; page++ {
			operators, next, err := f.ListOperators(ctx, OperatorFilter{Cursor: cursor, Limit: 3})
			require.NoError(t, err)
			for _, o := range operators {
				seen[o.ID]++
			}
			if page == 0 {
				for _, o := range operators {
					require.Equal(t, models.OperatorPending, o.Status)
				}
				_, err := f.ChangeOperator(ctx, operators[0].ID, []models.OperatorStatus{models.OperatorPending}, models.OperatorRejected, "no", nil, nil, did("operator_rejected"))
				require.NoError(t, err)
			}
			if next == "" {
				break
			}
			cursor = next
		}
		require.Len(t, seen, many+1, "the fixture's own operator is one of them")
		for _, cursor := range []string{"x", encodeCursor("."), encodeCursor("2.1.x"), encodeCursor("1.1"), encodeCursor("1.-5." + models.NewID()), encodeCursor("0.01." + models.NewID())} {
			_, _, err := f.ListOperators(ctx, OperatorFilter{Cursor: cursor})
			require.ErrorIs(t, err, models.ErrBadCursor, cursor)
		}
	})
}
