package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"paycow/models"
)

// keyState is a row of what is known about the master key. Its MAC covers name and value.
type keyState struct {
	Name      string `gorm:"primaryKey"`
	Value     string
	MAC       []byte `gorm:"column:mac"`
	UpdatedAt time.Time
}

// TableName implements GORM's Tabler.
func (keyState) TableName() string { return "master_keys" }

// The rows: which master key the database belongs to, and whether every row that is older than the proofs has got its
// own. Until then the value is the time up to which rows may lack it.
const (
	keyCheck     = "check"
	keyProofs    = "proofs"
	valueCheck   = "this database"
	valueDone    = "done"
	sampledSeals = 50
)

// Derives reports whether one of the installation's account keys has the address at the index.
type Derives func(address string, index uint32) (bool, error)

// UseMasterKey makes the store work with the keys. The first start of a new version proves the rows that there are,
// in a pass that continues after an interruption; derives checks their addresses, nil in a process without account
// keys. From then on a row without a proof counts as planted.
//
// Returns models.ErrMasterKey when the database belongs to another master key, and models.ErrProofsGone when what is
// known about the key was removed from the database.
func (s *Store) UseMasterKey(ctx context.Context, keys Keys, derives Derives) error {
	until := ""
	err := s.write(ctx, func(tx *gorm.DB) (err error) {
		until, err = s.bindKey(tx, keys)
		return err
	})
	if err != nil {
		return wrap(err, "compare the master key with the database")
	}
	s.keys = keys
	if until == valueDone {
		return nil
	}
	before, err := time.Parse(time.RFC3339Nano, until)
	if err != nil {
		return fmt.Errorf("read up to when rows lack a proof: %w", err)
	}
	return wrap(s.proveOldRows(ctx, before, derives), "prove the rows of an earlier version")
}

// bindKey binds the database to the master key at the first start, and compares it at every later one. It returns the
// state of the pass.
func (s *Store) bindKey(tx *gorm.DB, keys Keys) (until string, err error) {
	states, err := keyStates(tx)
	if err != nil {
		return "", err
	}
	check, hasCheck := states[keyCheck]
	proofs, hasProofs := states[keyProofs]
	switch {
	case !hasCheck && !hasProofs:
		return s.bindFirst(tx, keys)
	case !hasCheck || !hasProofs:
		return "", models.ErrProofsGone
	case !keys.CheckMAC(check.MAC, proofOfKeyState, keyCheck, check.Value),
		!keys.CheckMAC(proofs.MAC, proofOfKeyState, keyProofs, proofs.Value):
		return "", models.ErrMasterKey
	}
	return proofs.Value, nil
}

func (s *Store) bindFirst(tx *gorm.DB, keys Keys) (until string, err error) {
	var proved int64
	err = tx.Raw(`SELECT (SELECT count(*) FROM (SELECT 1 FROM payments WHERE length(mac) > 0 LIMIT 1) p)
		+ (SELECT count(*) FROM credentials WHERE length(secret_mac) > 0)`).Scan(&proved).Error
	if err != nil {
		return "", fmt.Errorf("look for rows with a proof: %w", err)
	}
	if proved > 0 {
		return "", models.ErrProofsGone
	}
	if err := opensOne(tx, keys); err != nil {
		return "", err
	}
	until = s.now().Add(time.Millisecond).Format(time.RFC3339Nano)
	for _, state := range []keyState{{Name: keyCheck, Value: valueCheck}, {Name: keyProofs, Value: until}} {
		state.MAC, state.UpdatedAt = keys.MAC(proofOfKeyState, state.Name, state.Value), s.now()
		if err := tx.Create(&state).Error; err != nil {
			return "", fmt.Errorf("bind the database to the master key: %w", err)
		}
	}
	return until, nil
}

// opensOne returns models.ErrMasterKey if the database holds sealed API secrets and none of the newest opens: it was
// used with another master key before it knew its own.
func opensOne(tx *gorm.DB, keys Keys) error {
	var sealed []models.Credential
	if err := tx.Order("created_at DESC").Limit(sampledSeals).Find(&sealed).Error; err != nil {
		return fmt.Errorf("read the newest API secrets: %w", err)
	}
	for _, credential := range sealed {
		if keys.Opens(credential.APIKey, credential.SecretSealed) {
			return nil
		}
	}
	if len(sealed) > 0 {
		return models.ErrMasterKey
	}
	return nil
}

func keyStates(tx *gorm.DB) (map[string]keyState, error) {
	var rows []keyState
	if err := tx.Clauses(rowLock).Order("name").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read what is known about the master key: %w", err)
	}
	states := make(map[string]keyState, len(rows))
	for _, row := range rows {
		states[row.Name] = row
	}
	return states, nil
}

// setKeyState writes the value of a row, with a proof by the current master key.
func (s *Store) setKeyState(ctx context.Context, name, value string) error {
	return s.writer.WithContext(ctx).Model(&keyState{}).Where("name = ?", name).UpdateColumns(map[string]any{
		"value": value, "mac": s.keys.MAC(proofOfKeyState, name, value), "updated_at": s.now(),
	}).Error
}

// proveOldRows gives payments and credentials from before the proofs their own, in batches. A payment whose address is
// not the one handed out, or not derived from an account key, gets none.
func (s *Store) proveOldRows(ctx context.Context, before time.Time, derives Derives) error {
	s.log.InfoContext(ctx, "proving the rows of an earlier version")
	for after := ""; ; {
		var payments []models.Payment
		err := s.read(ctx).Where("length(mac) = 0 AND id > ? AND created_at < ?", after, before).
			Order("id").Limit(batchRows).Find(&payments).Error
		if err != nil {
			return fmt.Errorf("read payments without a proof: %w", err)
		}
		if len(payments) == 0 {
			break
		}
		after = payments[len(payments)-1].ID
		if err := s.provePayments(ctx, payments, derives); err != nil {
			return err
		}
	}
	var credentials []models.Credential
	err := s.read(ctx).Where("length(secret_mac) = 0 AND revoked_at IS NULL AND created_at < ?", before).
		Find(&credentials).Error
	if err != nil {
		return fmt.Errorf("read API keys without a proof: %w", err)
	}
	for _, credential := range credentials {
		err := s.writer.WithContext(ctx).Model(&models.Credential{}).
			Where("api_key = ? AND length(secret_mac) = 0", credential.APIKey).
			UpdateColumn("secret_mac", s.keys.MAC(proofOfCredential, partsOfCredential(credential)...)).Error
		if err != nil {
			return fmt.Errorf("prove API key %s: %w", credential.APIKey, err)
		}
	}
	var own []ownAddress
	if err := s.read(ctx).Where("length(mac) = 0 AND created_at < ?", before).Find(&own).Error; err != nil {
		return fmt.Errorf("read our addresses without a proof: %w", err)
	}
	for _, row := range own {
		if err := s.proveOwn(s.writer.WithContext(ctx), row); err != nil {
			return err
		}
	}
	return s.setKeyState(ctx, keyProofs, valueDone)
}

func (s *Store) provePayments(ctx context.Context, payments []models.Payment, derives Derives) error {
	ids := pluck(payments, func(p models.Payment) string { return p.ID })
	var addresses []models.DepositAddress
	if err := s.read(ctx).Where("payment_id IN ?", ids).Find(&addresses).Error; err != nil {
		return fmt.Errorf("read the addresses that were handed out: %w", err)
	}
	handedOut := make(map[string]models.DepositAddress, len(addresses))
	for _, address := range addresses {
		handedOut[address.PaymentID] = address
	}
	return s.write(ctx, func(tx *gorm.DB) error {
		for _, p := range payments {
			known := handedOut[p.ID]
			ok := known.Address == p.DepositAddress && known.Index == p.AddressIndex
			if ok && derives != nil {
				var err error
				if ok, err = derives(p.DepositAddress, p.AddressIndex); err != nil {
					return fmt.Errorf("derive the address of payment %s: %w", p.ID, err)
				}
			}
			if !ok {
				err := fmt.Errorf("payment %s: address %s with index %d was not handed out for it: %w",
					p.ID, p.DepositAddress, p.AddressIndex, models.ErrPaymentAltered)
				if err := s.raise(tx, alarmOfAltered(p, err)); err != nil {
					return err
				}
				continue
			}
			err := tx.Model(&models.Payment{}).Where("id = ?", p.ID).
				UpdateColumn("mac", s.keys.MAC(proofOfPayment, termsOf(p)...)).Error
			if err != nil {
				return fmt.Errorf("prove payment %s: %w", p.ID, err)
			}
		}
		return nil
	})
}

// Rekey makes every proof and seals every secret with the current master key, after which no earlier one is needed. It
// works in batches beside running processes, and continues after an interruption. What an earlier key does not prove or
// open stays as it is. It returns how many rows changed and how many could not be.
func (s *Store) Rekey(ctx context.Context) (changed, left int, err error) {
	for _, pass := range []func(context.Context) (int, int, error){
		s.rekeyPayments, s.rekeyDecisions, s.rekeyCredentials, s.rekeySessions, s.rekeyFactors, s.rekeyMembers,
		s.rekeyOwnAddresses, s.rekeyWebhookEndpoints, s.rekeyDeliveries, s.rekeyOperators, s.rekeyTestPayments,
		s.rekeyPaymentLinks,
	} {
		did, not, err := pass(ctx)
		changed, left = changed+did, left+not
		if err != nil {
			return changed, left, wrap(err, "change to the current master key")
		}
	}
	states, err := keyStates(s.read(ctx))
	if err != nil {
		return changed, left, wrap(err, "change to the current master key")
	}
	for name, state := range states {
		if s.keys.IsCurrent(state.MAC) {
			continue
		}
		if err := s.setKeyState(ctx, name, state.Value); err != nil {
			return changed, left, wrap(err, "change to the current master key")
		}
		changed++
	}
	return changed, left, nil
}

// remac returns the proof of a row by the current master key. ok is false when the row keeps the one it has: it is
// current, or it proves nothing.
func (s *Store) remac(mac []byte, purpose string, parts []string) (next []byte, ok, broken bool) {
	switch {
	case s.keys.IsCurrent(mac):
		return nil, false, false
	case !s.keys.CheckMAC(mac, purpose, parts...):
		return nil, false, len(mac) > 0
	}
	return s.keys.MAC(purpose, parts...), true, false
}

// operatorProofs are the proofs that the row of an operator has for its settings.
var operatorProofs = []struct {
	column, purpose string
	of              func(models.Operator) (mac []byte, parts []string)
}{
	{"tolerance_mac", proofOfTolerance, func(o models.Operator) ([]byte, []string) {
		return o.ToleranceMAC, partsOfTolerance(o.ID, o.Tolerance)
	}},
	{"confirmation_steps_mac", proofOfSteps, func(o models.Operator) ([]byte, []string) {
		return o.ConfirmationStepsMAC, partsOfSteps(o.ID, o.ConfirmationSteps)
	}},
	{"notify_mac", proofOfNotify, func(o models.Operator) ([]byte, []string) {
		return o.NotifyMAC, partsOfNotifications(o.ID, o.Notify)
	}},
}

// rekeyOperators proves the settings of operators anew. One that changed meanwhile is left to the process that changed
// it.
func (s *Store) rekeyOperators(ctx context.Context) (changed, left int, err error) {
	for _, proof := range operatorProofs {
		var operators []models.Operator
		if err := s.read(ctx).Where("length(" + proof.column + ") > 0").Order("id").Find(&operators).Error; err != nil {
			return changed, left, fmt.Errorf("read the settings of operators: %w", err)
		}
		for _, o := range operators {
			old, parts := proof.of(o)
			mac, ok, broken := s.remac(old, proof.purpose, parts)
			if broken {
				left++
			}
			if !ok {
				continue
			}
			changed++
			err := s.writer.WithContext(ctx).Table(tableOf(models.RoleOperator)).
				Where("id = ? AND "+proof.column+" = ?", o.ID, old).UpdateColumn(proof.column, mac).Error
			if err != nil {
				return changed, left, fmt.Errorf("prove the %s of operator %s: %w", proof.purpose, o.ID, err)
			}
		}
	}
	return changed, left, nil
}

func (s *Store) rekeyPayments(ctx context.Context) (changed, left int, err error) {
	for after := ""; ; {
		var payments []models.Payment
		if err := s.read(ctx).Where("id > ?", after).Order("id").Limit(batchRows).Find(&payments).Error; err != nil {
			return changed, left, fmt.Errorf("read payments: %w", err)
		}
		if len(payments) == 0 {
			return changed, left, nil
		}
		after = payments[len(payments)-1].ID
		err := s.write(ctx, func(tx *gorm.DB) error {
			for _, p := range payments {
				mac, ok, broken := s.remac(p.MAC, proofOfPayment, termsOf(p))
				if broken {
					left++
				}
				if !ok {
					continue
				}
				changed++
				if err := tx.Model(&models.Payment{}).Where("id = ?", p.ID).UpdateColumn("mac", mac).Error; err != nil {
					return fmt.Errorf("prove payment %s: %w", p.ID, err)
				}
			}
			return nil
		})
		if err != nil {
			return changed, left, err
		}
	}
}

func (s *Store) rekeyOwnAddresses(ctx context.Context) (changed, left int, err error) {
	var rows []ownAddress
	if err := s.read(ctx).Order("address").Find(&rows).Error; err != nil {
		return 0, 0, fmt.Errorf("read our addresses: %w", err)
	}
	for _, row := range rows {
		_, ok, broken := s.remac(row.MAC, proofOfOwnAddress, []string{row.Address})
		if broken {
			left++
		}
		if !ok {
			continue
		}
		changed++
		if err := s.proveOwn(s.writer.WithContext(ctx), row); err != nil {
			return changed, left, err
		}
	}
	return changed, left, nil
}

// rekeyDecisions proves the decisions that are not carried out yet. The proof of the others is never asked for again.
func (s *Store) rekeyDecisions(ctx context.Context) (changed, left int, err error) {
	var rows []models.PaymentDecision
	if err := s.read(ctx).Where("settled_at IS NULL").Find(&rows).Error; err != nil {
		return 0, 0, fmt.Errorf("read decisions: %w", err)
	}
	for _, d := range rows {
		mac, ok, broken := s.remac(d.MAC, proofOfDecision, partsOfDecision(d))
		if broken {
			left++
		}
		if !ok {
			continue
		}
		changed++
		if err := s.openDecision(ctx, d).UpdateColumn("mac", mac).Error; err != nil {
			return changed, left, fmt.Errorf("prove a decision on payment %s: %w", d.PaymentID, err)
		}
	}
	return changed, left, nil
}

func (s *Store) rekeyCredentials(ctx context.Context) (changed, left int, err error) {
	var rows []models.Credential
	if err := s.read(ctx).Order("api_key").Find(&rows).Error; err != nil {
		return 0, 0, fmt.Errorf("read API keys: %w", err)
	}
	for _, c := range rows {
		mac, ok, broken := s.remac(c.SecretMAC, proofOfCredential, partsOfCredential(c))
		if broken {
			left++
		}
		var sealed []byte
		if !s.keys.IsCurrent(c.SecretSealed) {
			if sealed, err = s.keys.Reseal(c.APIKey, c.SecretSealed); err != nil {
				s.log.WarnContext(ctx, "an API secret does not open; it stays as it is", "api_key", c.APIKey)
				left++
				sealed = nil
			}
		}
		if !ok && sealed == nil {
			continue
		}
		changed++
		if err := s.rekeyCredential(ctx, c, mac, sealed); err != nil {
			return changed, left, fmt.Errorf("change API key %s to the current master key: %w", c.APIKey, err)
		}
	}
	return changed, left, nil
}

// rekeyCredential writes the proof and the sealed secret of an API key, each unless it is nil. A proof that changed
// meanwhile, because the key was revoked or replaced, is left as it is.
func (s *Store) rekeyCredential(ctx context.Context, c models.Credential, mac, sealed []byte) error {
	row := s.writer.WithContext(ctx).Model(&models.Credential{}).Where("api_key = ?", c.APIKey)
	if sealed != nil {
		if err := row.Session(&gorm.Session{}).UpdateColumn("secret_sealed", sealed).Error; err != nil {
			return err
		}
	}
	if mac == nil {
		return nil
	}
	return row.Session(&gorm.Session{}).Where("secret_mac = ?", c.SecretMAC).UpdateColumn("secret_mac", mac).Error
}

func (s *Store) rekeySessions(ctx context.Context) (changed, left int, err error) {
	var rows []models.Session
	if err := s.read(ctx).Find(&rows).Error; err != nil {
		return 0, 0, fmt.Errorf("read sessions: %w", err)
	}
	for _, session := range rows {
		mac, ok, _ := s.remac(session.MAC, proofOfSession, partsOfSession(session))
		if !ok {
			continue // a session that proves nothing is none
		}
		changed++
		err := s.writer.WithContext(ctx).Model(&models.Session{}).Where("token_hash = ?", session.TokenHash).
			UpdateColumn("mac", mac).Error
		if err != nil {
			return changed, left, fmt.Errorf("prove a session: %w", err)
		}
	}
	return changed, left, nil
}

// rekeyFactors seals the second factors of operators, members and admins again. A factor that changed meanwhile is left
// to the process that changed it.
func (s *Store) rekeyFactors(ctx context.Context) (changed, left int, err error) {
	for _, role := range []models.Role{models.RoleOperator, models.RoleMember, models.RoleAdmin} {
		var accounts []models.Account
		if err := s.read(ctx).Table(tableOf(role)).Order("id").Find(&accounts).Error; err != nil {
			return changed, left, fmt.Errorf("read second factors: %w", err)
		}
		for _, account := range accounts {
			totp, recovery := models.TOTPOwner(role, account.ID), models.RecoveryOwner(role, account.ID)
			for column, kept := range map[string]struct {
				owner  string
				sealed []byte
			}{
				"totp_sealed": {totp, account.TOTPSealed}, "totp_pending": {totp, account.TOTPPending},
				"recovery_sealed": {recovery, account.RecoverySealed},
			} {
				sealed := kept.sealed
				if len(sealed) == 0 || s.keys.IsCurrent(sealed) {
					continue
				}
				next, err := s.keys.Reseal(kept.owner, sealed)
				if errors.Is(err, models.ErrSealBroken) {
					s.log.WarnContext(ctx, "a second factor does not open; it stays as it is", "account", account.ID)
					left++
					continue
				}
				if err != nil {
					return changed, left, fmt.Errorf("seal the second factor of %s: %w", account.ID, err)
				}
				changed++
				err = s.writer.WithContext(ctx).Table(tableOf(role)).Where("id = ? AND "+column+" = ?", account.ID, sealed).
					UpdateColumn(column, next).Error
				if err != nil {
					return changed, left, fmt.Errorf("seal the second factor of %s: %w", account.ID, err)
				}
			}
		}
	}
	return changed, left, nil
}

// rekeyWebhookEndpoints seals the secrets of endpoints again and proves their rows. A row that proves nothing stays as
// it is.
func (s *Store) rekeyWebhookEndpoints(ctx context.Context) (changed, left int, err error) {
	var ids []string
	if err := s.read(ctx).Model(&models.WebhookEndpoint{}).Order("id").Pluck("id", &ids).Error; err != nil {
		return 0, 0, fmt.Errorf("read webhook endpoints: %w", err)
	}
	for _, id := range ids {
		done := false
		err := s.write(ctx, func(tx *gorm.DB) (err error) {
			done, err = s.rekeyWebhookEndpoint(tx, id)
			return err
		})
		switch {
		case errors.Is(err, gorm.ErrRecordNotFound): // deleted meanwhile
		case errors.Is(err, models.ErrEndpointAltered), errors.Is(err, models.ErrSealBroken):
			s.log.WarnContext(ctx, "a webhook endpoint stays as it is", "endpoint_id", id, "error", err)
			left++
		case err != nil:
			return changed, left, err
		case done:
			changed++
		}
	}
	return changed, left, nil
}

func (s *Store) rekeyWebhookEndpoint(tx *gorm.DB, id string) (changed bool, err error) {
	e, err := s.provenEndpoint(tx.Clauses(rowLock).Where("id = ?", id))
	if err != nil {
		return false, err
	}
	isCurrent := s.keys.IsCurrent(e.MAC)
	for _, sealed := range []*[]byte{&e.SecretSealed, &e.OldSecretSealed} {
		if len(*sealed) == 0 || s.keys.IsCurrent(*sealed) {
			continue
		}
		isCurrent = false
		if *sealed, err = s.keys.Reseal(models.WebhookOwner(id), *sealed); err != nil {
			return false, fmt.Errorf("seal a secret: %w", err)
		}
	}
	if isCurrent {
		return false, nil
	}
	return true, s.saveEndpoint(tx, e)
}
