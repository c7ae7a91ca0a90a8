package store

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"paycow/models"
)

// WebhookEndpoint returns an endpoint that this program wrote. Returns models.ErrNotFound, and
// models.ErrEndpointAltered for a row that was changed or planted: nothing may be sent to it.
func (s *Store) WebhookEndpoint(ctx context.Context, id string) (models.WebhookEndpoint, error) {
	endpoint, err := s.provenEndpoint(s.read(ctx).Where("id = ?", id))
	return endpoint, wrap(err, "read a webhook endpoint")
}

// provenEndpoint returns the endpoint that a query finds. Returns models.ErrEndpointAltered if the row has no valid
// proof.
func (s *Store) provenEndpoint(query *gorm.DB) (models.WebhookEndpoint, error) {
	var endpoint models.WebhookEndpoint
	if err := query.Take(&endpoint).Error; err != nil {
		return models.WebhookEndpoint{}, err
	}
	if !s.isProvenEndpoint(query.Statement.Context, endpoint) {
		return models.WebhookEndpoint{}, fmt.Errorf("webhook endpoint %s: %w", endpoint.ID, models.ErrEndpointAltered)
	}
	return endpoint, nil
}

// isProvenEndpoint reports whether this program wrote the endpoint's row as it is. It logs it if not.
func (s *Store) isProvenEndpoint(ctx context.Context, e models.WebhookEndpoint) bool {
	if s.keys.CheckMAC(e.MAC, proofOfEndpoint, partsOfWebhookEndpoint(e)...) {
		return true
	}
	operatorID, _ := models.OperatorOfSide(e.OperatorID)
	s.log.ErrorContext(ctx, "a webhook endpoint was not created by this program, or its row was changed; it gets nothing",
		"endpoint_id", e.ID, "operator_id", operatorID)
	return false
}

func (s *Store) proofOf(e models.WebhookEndpoint) []byte {
	return s.keys.MAC(proofOfEndpoint, partsOfWebhookEndpoint(e)...)
}

// WebhookSecrets returns the secrets that sign what is sent to an endpoint at a time, the newest first: one, or two
// while the overlap of a rotation runs. Returns models.ErrSealBroken.
func (s *Store) WebhookSecrets(e models.WebhookEndpoint, now time.Time) ([]string, error) {
	sealed := [][]byte{e.SecretSealed}
	if isOverlapping(e, now) {
		sealed = append(sealed, e.OldSecretSealed)
	}
	secrets := make([]string, len(sealed))
	for i, one := range sealed {
		var err error
		if secrets[i], err = s.keys.Open(models.WebhookOwner(e.ID), one); err != nil {
			return nil, fmt.Errorf("open the secret of webhook endpoint %s: %w", e.ID, err)
		}
	}
	return secrets, nil
}

// isOverlapping reports whether the secret before the last rotation still signs.
func isOverlapping(e models.WebhookEndpoint, now time.Time) bool {
	return e.OldSecretUntil != nil && e.OldSecretUntil.After(now)
}

// listeningEndpoints returns the endpoints of an operator that may be told of events.
func (s *Store) listeningEndpoints(tx *gorm.DB, operatorID string) (listening []models.WebhookEndpoint, err error) {
	var enabled []models.WebhookEndpoint
	err = tx.Where("operator_id = ? AND enabled", operatorID).Order("created_at, id").Find(&enabled).Error
	if err != nil {
		return nil, fmt.Errorf("read an operator's webhook endpoints: %w", err)
	}
	for _, e := range enabled {
		if s.isProvenEndpoint(tx.Statement.Context, e) {
			listening = append(listening, e)
		}
	}
	return listening, nil
}

// disableEndpoint disables an endpoint for a reason of PayCow itself, a sentence, and writes the audit log. disabled is
// false if the endpoint was disabled already, and then it stays as it is. Returns models.ErrEndpointAltered,
// or gorm.ErrRecordNotFound when there is no such endpoint.
func (s *Store) disableEndpoint(
	tx *gorm.DB, id, reason string,
) (endpoint models.WebhookEndpoint, disabled bool, err error) {
	endpoint, err = s.provenEndpoint(tx.Clauses(rowLock).Where("id = ?", id))
	if err != nil || !endpoint.Enabled {
		return endpoint, false, err
	}
	endpoint.Enabled, endpoint.DisabledReason = false, reason
	if err := s.saveEndpoint(tx, endpoint); err != nil {
		return endpoint, false, err
	}
	operatorID, _ := models.OperatorOfSide(endpoint.OperatorID)
	return endpoint, true, s.audit(tx, models.AuditEntry{
		Actor: models.ActorSystem, Action: "webhook_endpoint_disabled", Subject: "operator:" + operatorID,
		Detail: fmt.Sprintf("Disabled the webhook endpoint %s at %s. %s", endpoint.ID, endpoint.Host(), reason),
	})
}

// saveEndpoint writes an endpoint that the transaction holds locked and has found proven, with its new proof.
func (s *Store) saveEndpoint(tx *gorm.DB, e models.WebhookEndpoint) error {
	if e.OldSecretSealed == nil { // as SQLite reads an empty one
		e.OldSecretSealed = []byte{}
	}
	e.UpdatedAt, e.MAC = s.now(), s.proofOf(e)
	err := tx.Model(&models.WebhookEndpoint{}).Where("id = ?", e.ID).UpdateColumns(map[string]any{
		"url": e.URL, "event_types": e.EventTypes, "description": e.Description, "enabled": e.Enabled,
		"disabled_reason": e.DisabledReason, "failing_since": e.FailingSince, "secret_sealed": e.SecretSealed,
		"old_secret_sealed": e.OldSecretSealed, "old_secret_until": e.OldSecretUntil, "mac": e.MAC,
		"updated_at": e.UpdatedAt,
	}).Error
	if err != nil {
		return fmt.Errorf("write webhook endpoint %s: %w", e.ID, err)
	}
	return nil
}

// CreateWebhookEndpoint stores an endpoint of an operator, and writes the audit log. maker is as in changeKeys. Returns
// models.ErrNotFound when the maker is no longer valid, and models.ErrNotPossible when there are
// models.MaxWebhookEndpoints.
func (s *Store) CreateWebhookEndpoint(
	ctx context.Context, e models.WebhookEndpoint, maker string, entry models.AuditEntry,
) (models.WebhookEndpoint, error) {
	e.CreatedAt = s.orNow(e.CreatedAt)
	e.UpdatedAt, e.OldSecretSealed, e.OldSecretUntil = e.CreatedAt, []byte{}, nil
	e.MAC = s.proofOf(e)
	err := s.changeKeys(ctx, e.OperatorID, maker, func(tx *gorm.DB) error {
		var count int64
		err := tx.Model(&models.WebhookEndpoint{}).Where("operator_id = ?", e.OperatorID).Count(&count).Error
		if err != nil {
			return err
		}
		if count >= models.MaxWebhookEndpoints {
			return models.ErrNotPossible
		}
		if err := tx.Create(&e).Error; err != nil {
			return err
		}
		return s.audit(tx, entry)
	})
	return e, wrap(err, "create a webhook endpoint")
}

// WebhookEndpoints returns the endpoints of an operator, newest first. One whose row was changed or planted by somebody
// else is shown as disabled, with the reason.
func (s *Store) WebhookEndpoints(ctx context.Context, operatorID string) ([]models.WebhookEndpoint, error) {
	var endpoints []models.WebhookEndpoint
	err := s.read(ctx).Where("operator_id = ?", operatorID).Order("created_at DESC, id DESC").
		Limit(maxListedEndpoints).Find(&endpoints).Error
	for i := range endpoints {
		s.showAltered(ctx, &endpoints[i])
	}
	return endpoints, wrap(err, "list an operator's webhook endpoints")
}

// maxListedEndpoints leaves room for planted rows.
const maxListedEndpoints = 10 * models.MaxWebhookEndpoints

// WebhookEndpointOf returns an endpoint of one of these sides, as WebhookEndpoints shows it. Returns
// models.ErrNotFound.
func (s *Store) WebhookEndpointOf(ctx context.Context, id string, sides ...string) (models.WebhookEndpoint, error) {
	var endpoint models.WebhookEndpoint
	err := s.read(ctx).Where("id = ? AND operator_id IN ?", id, sides).Take(&endpoint).Error
	if err == nil {
		s.showAltered(ctx, &endpoint)
	}
	return endpoint, wrap(err, "read an operator's webhook endpoint")
}

func (s *Store) showAltered(ctx context.Context, e *models.WebhookEndpoint) {
	if !s.isProvenEndpoint(ctx, *e) {
		e.Enabled = false
		e.DisabledReason = "Its row in the database was not written by PayCow. Delete this endpoint and create it again."
	}
}

// WebhookChange is a change of an endpoint. What is nil stays as it is.
type WebhookChange struct {
	URL, EventTypes, Description *string
	Enabled                      *bool // true also forgets why the endpoint was disabled, and that it was failing
}

// Apply makes the change of a row that is not stored yet, or that the caller stores.
func (change WebhookChange) Apply(e *models.WebhookEndpoint) {
	if change.URL != nil {
		e.URL = *change.URL
	}
	if change.EventTypes != nil {
		e.EventTypes = *change.EventTypes
	}
	if change.Description != nil {
		e.Description = *change.Description
	}
	if change.Enabled != nil {
		e.Enabled = *change.Enabled
		if e.Enabled {
			e.DisabledReason, e.FailingSince = "", nil
		}
	}
}

// ChangeWebhookEndpoint changes an endpoint of an operator, and writes the audit log. maker is as in changeKeys.
// Returns models.ErrNotFound when there is no such endpoint or the maker is no longer valid, and
// models.ErrEndpointAltered.
func (s *Store) ChangeWebhookEndpoint(
	ctx context.Context, operatorID, id, maker string, change WebhookChange, entry models.AuditEntry,
) (models.WebhookEndpoint, error) {
	changed, err := s.changeEndpoint(ctx, operatorID, id, maker, entry, func(e *models.WebhookEndpoint) error {
		change.Apply(e)
		return nil
	})
	return changed, wrap(err, "change a webhook endpoint")
}

// RotateWebhookSecret makes sealed the secret of an operator's endpoint, and writes the audit log. For the overlap, the
// secret before signs too; with none, no earlier secret signs any more. maker is as in changeKeys. Returns
// models.ErrOverlapRunning when there is to be an overlap and an earlier one still runs, models.ErrNotFound when there
// is no such endpoint or the maker is no longer valid, and models.ErrEndpointAltered.
func (s *Store) RotateWebhookSecret(
	ctx context.Context, operatorID, id, maker string, sealed []byte, overlap time.Duration, entry models.AuditEntry,
) (models.WebhookEndpoint, error) {
	changed, err := s.changeEndpoint(ctx, operatorID, id, maker, entry, func(e *models.WebhookEndpoint) error {
		now := s.now()
		switch until := toMillis(now.Add(overlap)); {
		case overlap > 0 && isOverlapping(*e, now):
			return models.ErrOverlapRunning
		case overlap > 0:
			e.OldSecretSealed, e.OldSecretUntil = e.SecretSealed, &until
		default:
			e.OldSecretSealed, e.OldSecretUntil = []byte{}, nil
		}
		e.SecretSealed = sealed
		return nil
	})
	return changed, wrap(err, "rotate the secret of a webhook endpoint")
}

// changeEndpoint changes a proven endpoint of an operator in its turn.
func (s *Store) changeEndpoint(
	ctx context.Context, operatorID, id, maker string, entry models.AuditEntry,
	change func(e *models.WebhookEndpoint) error,
) (changed models.WebhookEndpoint, err error) {
	err = s.changeKeys(ctx, operatorID, maker, func(tx *gorm.DB) error {
		e, err := s.provenEndpoint(tx.Clauses(rowLock).Where("id = ? AND operator_id = ?", id, operatorID))
		if err != nil {
			return err
		}
		if err := change(&e); err != nil {
			return err
		}
		if err := s.saveEndpoint(tx, e); err != nil {
			return err
		}
		changed = e
		return s.audit(tx, entry)
	})
	return changed, err
}

// DeleteWebhookEndpoint deletes an endpoint of an operator, whoever wrote its row, and writes the audit log. maker is
// as in changeKeys. Returns models.ErrNotFound when there is no such endpoint or the maker is no longer valid.
func (s *Store) DeleteWebhookEndpoint(
	ctx context.Context, operatorID, id, maker string, entry models.AuditEntry,
) error {
	err := s.changeKeys(ctx, operatorID, maker, func(tx *gorm.DB) error {
		deleted := tx.Where("id = ? AND operator_id = ?", id, operatorID).Delete(&models.WebhookEndpoint{})
		if deleted.Error != nil {
			return deleted.Error
		}
		if deleted.RowsAffected == 0 {
			return models.ErrNotFound
		}
		return s.audit(tx, entry)
	})
	return wrap(err, "delete a webhook endpoint")
}
