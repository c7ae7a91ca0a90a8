package store

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"paycow/internal/secrets"
	"paycow/models"
)

// endpoint makes an endpoint of an operator that is told of paid and expired payments.
func (f *fixture) endpoint(t testing.TB, operatorID string) (e models.WebhookEndpoint, secret string) {
	t.Helper()
	id := models.NewID()
	e = models.WebhookEndpoint{
		ID: id, OperatorID: operatorID, URL: "https://shop.example/" + id, Enabled: true,
		EventTypes: "payment.paid payment.expired",
	}
	secret, sealed, err := secrets.NewWebhookSecret(e.ID, f.keys.(*secrets.Keyring))
	require.NoError(t, err)
	e.SecretSealed = sealed
	e, err = f.CreateWebhookEndpoint(t.Context(), e, "", aChange)
	require.NoError(t, err)
	stored, err := f.WebhookEndpoint(t.Context(), e.ID)
	require.NoError(t, err)
	e.OldSecretSealed = stored.OldSecretSealed // SQLite reads nil
	require.Equal(t, e, stored)
	return stored, secret
}

func (f *fixture) wanting(t testing.TB, operatorID string, kind models.EventType) (ids []string) {
	t.Helper()
	err := f.write(t.Context(), func(tx *gorm.DB) error {
		listening, err := f.listeningEndpoints(tx, operatorID)
		ids = pluck(wanting(listening, kind), func(e models.WebhookEndpoint) string { return e.ID })
		return err
	})
	require.NoError(t, err)
	return ids
}

// Whoever can write rows has nothing sent anywhere else, and signs nothing with a secret of their own.
func TestAnEndpointCannotBeChangedByARow(t *testing.T) {
	for name, attack := range map[string]string{
		"another address":    "UPDATE webhook_endpoints SET url = 'https://attacker.example/' WHERE id = @id",
		"another operator":   "UPDATE webhook_endpoints SET operator_id = @operator WHERE id = @id",
		"more events":        "UPDATE webhook_endpoints SET event_types = '*' WHERE id = @id",
		"disabled":           "UPDATE webhook_endpoints SET enabled = NOT enabled WHERE id = @id",
		"another's secret":   "UPDATE webhook_endpoints SET secret_sealed = (SELECT secret_sealed FROM webhook_endpoints WHERE id = @other) WHERE id = @id",
		"an old secret":      "UPDATE webhook_endpoints SET old_secret_sealed = secret_sealed, old_secret_until = @later WHERE id = @id",
		"a longer overlap":   "UPDATE webhook_endpoints SET old_secret_until = @later WHERE id = @id",
		"another time":       "UPDATE webhook_endpoints SET created_at = @later WHERE id = @id",
		"another's proof":    "UPDATE webhook_endpoints SET mac = (SELECT mac FROM webhook_endpoints WHERE id = @other) WHERE id = @id",
		"no proof":           "UPDATE webhook_endpoints SET mac = @empty WHERE id = @id",
		"another's address":  "UPDATE webhook_endpoints SET url = (SELECT url FROM webhook_endpoints WHERE id = @other) WHERE id = @id",
		"a new id":           "UPDATE webhook_endpoints SET id = @new WHERE id = @id",
		"events and address": "UPDATE webhook_endpoints SET url = url || ' payment.paid', event_types = 'payment.expired' WHERE id = @id",
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, f *fixture) {
				ctx := t.Context()
				e, _ := f.endpoint(t, f.operator.ID)
				stranger := f.addOperator(t).ID
				other, _ := f.endpoint(t, stranger)
				planted := "0123456789abcdef01234567"
				require.NoError(t, f.writer.Exec(attack, map[string]any{
					"id": e.ID, "other": other.ID, "operator": stranger, "later": f.Store.now().Add(time.Hour), "empty": []byte{}, "new": planted,
				}).Error)
				id := e.ID
				if name == "a new id" {
					id = planted
				}
				_, err := f.WebhookEndpoint(ctx, id)
				require.ErrorIs(t, err, models.ErrEndpointAltered)
				require.Empty(t, f.wanting(t, f.operator.ID, models.EventPaid))
				require.Equal(t, []string{other.ID}, f.wanting(t, stranger, models.EventPaid))
				// No change gives the attacker's row a proof.
				owner := f.operator.ID
				if name == "another operator" {
					owner = stranger
				}
				require.ErrorIs(t, f.disable(t, id, "It is gone."), models.ErrEndpointAltered)
				text := "x"
				_, err = f.ChangeWebhookEndpoint(ctx, owner, id, "", WebhookChange{Description: &text}, aChange)
				require.ErrorIs(t, err, models.ErrEndpointAltered)
				_, err = f.RotateWebhookSecret(ctx, owner, id, "", []byte("sealed"), 0, aChange)
				require.ErrorIs(t, err, models.ErrEndpointAltered)
				shown, err := f.WebhookEndpointOf(ctx, id, owner)
				require.NoError(t, err)
				require.False(t, shown.Enabled)
				require.Contains(t, shown.DisabledReason, "not written by PayCow")
				listed, err := f.WebhookEndpoints(ctx, owner)
				require.NoError(t, err)
				require.Contains(t, listed, shown)
				require.NoError(t, f.DeleteWebhookEndpoint(ctx, owner, id, "", aChange), "it can be removed")
			})
		})
	}
}

func TestEndpointsWanting(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		e, _ := f.endpoint(t, f.operator.ID)
		all, _ := f.endpoint(t, f.operator.ID)
		all.EventTypes = models.AllEventTypes
		require.NoError(t, f.write(t.Context(), func(tx *gorm.DB) error { return f.saveEndpoint(tx, all) }))
		f.endpoint(t, f.addOperator(t).ID)
		require.ElementsMatch(t, []string{e.ID, all.ID}, f.wanting(t, f.operator.ID, models.EventPaid))
		require.Equal(t, []string{all.ID}, f.wanting(t, f.operator.ID, models.EventDetected))

		require.NoError(t, f.disable(t, all.ID, "It answered 410."))
		require.Equal(t, []string{e.ID}, f.wanting(t, f.operator.ID, models.EventPaid))
		disabled, err := f.WebhookEndpoint(t.Context(), all.ID)
		require.NoError(t, err)
		require.Equal(t, "It answered 410.", disabled.DisabledReason)
		require.NoError(t, f.disable(t, all.ID, "Again."))
		again, err := f.WebhookEndpoint(t.Context(), all.ID)
		require.NoError(t, err)
		require.Equal(t, disabled, again)
		require.Len(t, f.audited(t, "webhook_endpoint_disabled"), 1)
		require.ErrorIs(t, f.disable(t, models.NewID(), "Gone."), gorm.ErrRecordNotFound)
	})
}

// Another master key keeps the secrets, and gives a row that was changed no proof.
func TestRekeyWebhookEndpoints(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		e, secret := f.endpoint(t, f.operator.ID)
		half, halfSecret := f.endpoint(t, f.operator.ID)
		altered, _ := f.endpoint(t, f.operator.ID)
		foreign, _ := f.endpoint(t, f.operator.ID)
		until := f.Store.now().Add(time.Hour)
		e.OldSecretSealed, e.OldSecretUntil = e.SecretSealed, &until
		secrets, sealed := reseal(t, f, e.ID)
		e.SecretSealed = sealed
		foreign.SecretSealed = sealed // of another endpoint: proven, and does not open
		require.NoError(t, f.write(ctx, func(tx *gorm.DB) error {
			require.NoError(t, f.saveEndpoint(tx, e))
			return f.saveEndpoint(tx, foreign)
		}))
		require.NoError(t, f.writer.Exec("UPDATE webhook_endpoints SET url = 'https://attacker.example/' WHERE id = ?", altered.ID).Error)

		f.keys = ringOf(8, 7)
		// A process that has the new key already: proof by the new one, secret sealed with the old one.
		require.NoError(t, f.write(ctx, func(tx *gorm.DB) error { return f.saveEndpoint(tx, half) }))
		changed, left, err := f.rekeyWebhookEndpoints(ctx)
		require.NoError(t, err)
		require.Equal(t, []int{2, 2}, []int{changed, left})
		changed, left, err = f.Rekey(ctx)
		require.NoError(t, err)
		require.Equal(t, []int{0, 2}, []int{changed, left}, "a repeat changes nothing")

		f.keys = ringOf(8)
		got, err := f.WebhookEndpoint(ctx, e.ID)
		require.NoError(t, err)
		opened, err := f.WebhookSecrets(got, f.Store.now())
		require.NoError(t, err)
		require.Equal(t, []string{secrets, secret}, opened)
		opened, err = f.WebhookSecrets(got, until)
		require.NoError(t, err)
		require.Equal(t, []string{secrets}, opened, "the old one ends")
		got, err = f.WebhookEndpoint(ctx, half.ID)
		require.NoError(t, err)
		opened, err = f.WebhookSecrets(got, f.Store.now())
		require.NoError(t, err)
		require.Equal(t, []string{halfSecret}, opened)
		for _, id := range []string{altered.ID, foreign.ID} {
			_, err = f.WebhookEndpoint(ctx, id)
			require.ErrorIs(t, err, models.ErrEndpointAltered)
		}
		f.keys = ringOf(7)
		got, err = f.WebhookEndpoint(ctx, foreign.ID)
		require.NoError(t, err)
		_, err = f.WebhookSecrets(got, f.Store.now())
		require.ErrorIs(t, err, models.ErrSealBroken)
	})
}

func reseal(t testing.TB, f *fixture, endpointID string) (secret string, sealed []byte) {
	t.Helper()
	secret, sealed, err := secrets.NewWebhookSecret(endpointID, f.keys.(*secrets.Keyring))
	require.NoError(t, err)
	return secret, sealed
}

func TestChangeWebhookEndpoint(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		e, secret := f.endpoint(t, f.operator.ID)
		other, _ := f.endpoint(t, f.operator.ID)
		address, all, yes, no, note := "https://next.example/", models.AllEventTypes, true, false, "The shop"
		changed, err := f.ChangeWebhookEndpoint(ctx, f.operator.ID, e.ID, "", WebhookChange{URL: &address, EventTypes: &all, Description: &note}, aChange)
		require.NoError(t, err)
		require.Equal(t, []string{address, all, note}, []string{changed.URL, changed.EventTypes, changed.Description})
		require.True(t, changed.Enabled)

		require.NoError(t, f.disable(t, e.ID, "It answered 410."))
		require.NoError(t, f.writer.Exec("UPDATE webhook_endpoints SET failing_since = ? WHERE id = ?", epoch, e.ID).Error)
		changed, err = f.ChangeWebhookEndpoint(ctx, f.operator.ID, e.ID, "", WebhookChange{Enabled: &no}, aChange)
		require.NoError(t, err)
		require.Equal(t, "It answered 410.", changed.DisabledReason)
		require.NotNil(t, changed.FailingSince)
		_, err = f.ChangeWebhookEndpoint(ctx, f.operator.ID, e.ID, "", WebhookChange{Enabled: &yes}, aChange)
		require.NoError(t, err)
		changed, err = f.WebhookEndpoint(ctx, e.ID)
		require.NoError(t, err)
		require.True(t, changed.Enabled)
		require.Empty(t, changed.DisabledReason)
		require.Nil(t, changed.FailingSince)
		opened, err := f.WebhookSecrets(changed, f.Store.now())
		require.NoError(t, err)
		require.Equal(t, []string{secret}, opened)
		untouched, err := f.WebhookEndpoint(ctx, other.ID)
		require.NoError(t, err)
		require.Equal(t, other, untouched)

		stranger := f.addOperator(t).ID
		before := len(f.audited(t, "test"))
		_, err = f.ChangeWebhookEndpoint(ctx, stranger, e.ID, "", WebhookChange{URL: &address}, aChange)
		require.ErrorIs(t, err, models.ErrNotFound)
		_, err = f.RotateWebhookSecret(ctx, stranger, e.ID, "", []byte("sealed"), 0, aChange)
		require.ErrorIs(t, err, models.ErrNotFound)
		_, err = f.WebhookEndpointOf(ctx, e.ID, stranger)
		require.ErrorIs(t, err, models.ErrNotFound)
		require.ErrorIs(t, f.DeleteWebhookEndpoint(ctx, stranger, e.ID, "", aChange), models.ErrNotFound)
		listed, err := f.WebhookEndpoints(ctx, stranger)
		require.NoError(t, err)
		require.Empty(t, listed)
		require.Len(t, f.audited(t, "test"), before, "nothing happened")

		require.NoError(t, f.DeleteWebhookEndpoint(ctx, f.operator.ID, e.ID, "", aChange))
		listed, err = f.WebhookEndpoints(ctx, f.operator.ID)
		require.NoError(t, err)
		require.Equal(t, []models.WebhookEndpoint{other}, listed)
		require.ErrorIs(t, f.DeleteWebhookEndpoint(ctx, f.operator.ID, e.ID, "", aChange), models.ErrNotFound)
	})
}

func TestRotateWebhookSecret(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		now := epoch
		f.now = func() time.Time { return now }
		e, first := f.endpoint(t, f.operator.ID)
		rotate := func(overlap time.Duration) (string, error) {
			secret, sealed := reseal(t, f, e.ID)
			_, err := f.RotateWebhookSecret(ctx, f.operator.ID, e.ID, "", sealed, overlap, aChange)
			return secret, err
		}
		signing := func() []string {
			current, err := f.WebhookEndpoint(ctx, e.ID)
			require.NoError(t, err)
			opened, err := f.WebhookSecrets(current, now)
			require.NoError(t, err)
			return opened
		}
		second, err := rotate(time.Hour)
		require.NoError(t, err)
		require.Equal(t, []string{second, first}, signing())
		now = now.Add(time.Hour - time.Millisecond)
		_, err = rotate(time.Hour)
		require.ErrorIs(t, err, models.ErrOverlapRunning)
		require.Equal(t, []string{second, first}, signing())
		third, err := rotate(0)
		require.NoError(t, err)
		require.Equal(t, []string{third}, signing(), "no earlier secret is left")
		fourth, err := rotate(time.Hour)
		require.NoError(t, err)
		require.Equal(t, []string{fourth, third}, signing())
		now = now.Add(time.Hour)
		require.Equal(t, []string{fourth}, signing())
		fifth, err := rotate(time.Hour)
		require.NoError(t, err, "the overlap before has ended")
		require.Equal(t, []string{fifth, fourth}, signing())
	})
}

// Of rotations at once, one wins and no secret that signs is lost: the endpoint's first secret still signs.
func TestRotationsAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		e, first := f.endpoint(t, f.operator.ID)
		won := make([]string, 4)
		together(len(won), func(i int) {
			secret, sealed := reseal(t, f, e.ID)
			_, err := f.RotateWebhookSecret(ctx, f.operator.ID, e.ID, "", sealed, time.Hour, aChange)
			if err == nil {
				won[i] = secret
			} else {
				assert.ErrorIs(t, err, models.ErrOverlapRunning)
			}
		})
		won = slices.DeleteFunc(won, func(secret string) bool { return secret == "" })
		require.Len(t, won, 1)
		current, err := f.WebhookEndpoint(ctx, e.ID)
		require.NoError(t, err)
		opened, err := f.WebhookSecrets(current, f.Store.now())
		require.NoError(t, err)
		require.Equal(t, []string{won[0], first}, opened)
	})
}

// An operator never has more endpoints than allowed, however many are made at once.
func TestAnOperatorHasSoManyEndpoints(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		add := func() error {
			e := models.WebhookEndpoint{ID: models.NewID(), OperatorID: f.operator.ID, URL: "https://shop.example/", SecretSealed: []byte("sealed")}
			_, err := f.CreateWebhookEndpoint(ctx, e, "", aChange)
			return err
		}
		var refused atomic.Int64
		together(models.MaxWebhookEndpoints+5, func(int) {
			if err := add(); err != nil {
				assert.ErrorIs(t, err, models.ErrNotPossible)
				refused.Add(1)
			}
		})
		require.EqualValues(t, 5, refused.Load())
		listed, err := f.WebhookEndpoints(ctx, f.operator.ID)
		require.NoError(t, err)
		require.Len(t, listed, models.MaxWebhookEndpoints)
		f.endpoint(t, f.addOperator(t).ID)
		require.NoError(t, f.DeleteWebhookEndpoint(ctx, f.operator.ID, listed[0].ID, "", aChange))
		require.NoError(t, add())
	})
}

// disable disables an endpoint as PayCow itself does.
func (f *fixture) disable(t testing.TB, id, reason string) error {
	return f.write(t.Context(), func(tx *gorm.DB) error {
		_, _, err := f.disableEndpoint(tx, id, reason)
		return err
	})
}

// A disabling by PayCow and a change by the operator at once lose neither: both are in the row, with a proof.
func TestDisablingAgainstAChange(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		for range 5 {
			e, _ := f.endpoint(t, f.operator.ID)
			address := "https://next.example/"
			together(2, func(i int) {
				if i == 0 {
					assert.NoError(t, f.disable(t, e.ID, "It answered 410."))
					return
				}
				_, err := f.ChangeWebhookEndpoint(ctx, f.operator.ID, e.ID, "", WebhookChange{URL: &address}, aChange)
				assert.NoError(t, err)
			})
			current, err := f.WebhookEndpoint(ctx, e.ID)
			require.NoError(t, err)
			require.Equal(t, address, current.URL)
			require.False(t, current.Enabled)
		}
	})
}

// An API key that was revoked changes no endpoint.
func TestARevokedKeyChangesNoEndpoint(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		key := f.limitedKey(t)
		e, _ := f.endpoint(t, key.OperatorID)
		change := func() error {
			_, err := f.ChangeWebhookEndpoint(ctx, key.OperatorID, e.ID, key.APIKey, WebhookChange{}, aChange)
			return err
		}
		require.NoError(t, change())
		require.NoError(t, f.RevokeCredential(ctx, key.OperatorID, key.APIKey, "", aChange))
		require.ErrorIs(t, change(), models.ErrNotFound)
		_, err := f.CreateWebhookEndpoint(ctx, models.WebhookEndpoint{ID: models.NewID(), OperatorID: key.OperatorID, SecretSealed: []byte("s")}, key.APIKey, aChange)
		require.ErrorIs(t, err, models.ErrNotFound)
		_, err = f.RotateWebhookSecret(ctx, key.OperatorID, e.ID, key.APIKey, []byte("s"), 0, aChange)
		require.ErrorIs(t, err, models.ErrNotFound)
		require.ErrorIs(t, f.DeleteWebhookEndpoint(ctx, key.OperatorID, e.ID, key.APIKey, aChange), models.ErrNotFound)
	})
}
