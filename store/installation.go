package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"paycow/models"
)

// Binding is what a process is configured for. The database must belong to the same.
type Binding struct {
	ChainID uint64
	Genesis string // hash of the chain's first block; "" when no quorum of nodes has stated it
	Token   string // address of the token's contract, in EIP-55 form
	// XPub is the fingerprint of the account key for new addresses, "" in a process that derives none.
	XPub string
	// PreviousXPubs are the fingerprints of the keys from which earlier addresses were derived.
	PreviousXPubs []string
	// Derives reports whether one of these keys has the address at the index.
	Derives func(address string, index uint32) (bool, error)
}

// Bind writes what the database belongs to at the first start, and compares with it at every later one. A database that
// is older than this row is bound to what is configured, after a check of what it holds. A key for new addresses is
// added only if every key that the database knows is among the previous ones. Returns a *models.BindingError when
// something differs.
func (s *Store) Bind(ctx context.Context, b Binding) (bound models.Installation, err error) {
	key := ""
	err = s.write(ctx, func(tx *gorm.DB) error {
		row := models.Installation{ID: 1, ChainID: b.ChainID, Token: b.Token, BoundAt: s.now()}
		inserted := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&row)
		if inserted.Error != nil {
			return fmt.Errorf("write what the database belongs to: %w", inserted.Error)
		}
		if inserted.RowsAffected == 1 {
			if err := checkStoredChain(tx, b.ChainID); err != nil {
				return err
			}
		}
		bound = models.Installation{} // of an earlier attempt
		if err := tx.Clauses(rowLock).Where("id = 1").Take(&bound).Error; err != nil {
			return fmt.Errorf("read what the database belongs to: %w", err)
		}
		if bound.ChainID != b.ChainID {
			return &models.BindingError{
				Part: models.BoundToChain, Bound: strconv.FormatUint(bound.ChainID, 10),
				Configured: strconv.FormatUint(b.ChainID, 10),
			}
		}
		if bound.Token != b.Token {
			return &models.BindingError{Part: models.BoundToToken, Bound: bound.Token, Configured: b.Token}
		}
		if err := bindGenesis(tx, &bound, b.Genesis); err != nil {
			return err
		}
		if b.XPub == "" {
			return nil
		}
		key, err = s.bindKeys(tx, b)
		return err
	})
	if err != nil {
		return models.Installation{}, wrap(err, "compare the settings with the database")
	}
	if b.XPub != "" {
		s.addresses.useKey(key)
	}
	return bound, nil
}

// BindGenesis binds the database to the genesis block that a quorum of nodes has stated. Returns a *models.BindingError
// when it belongs to another one, and models.ErrNotFound before the first Bind.
func (s *Store) BindGenesis(ctx context.Context, hash string) error {
	err := s.write(ctx, func(tx *gorm.DB) error {
		var bound models.Installation
		if err := tx.Clauses(rowLock).Where("id = 1").Take(&bound).Error; err != nil {
			return wrap(err, "read what the database belongs to")
		}
		return bindGenesis(tx, &bound, hash)
	})
	return wrap(err, "bind the database to the genesis block")
}

func bindGenesis(tx *gorm.DB, bound *models.Installation, hash string) error {
	switch {
	case hash == "" || hash == bound.GenesisHash:
		return nil
	case bound.GenesisHash != "":
		return &models.BindingError{Part: models.BoundToGenesis, Bound: bound.GenesisHash, Configured: hash}
	}
	bound.GenesisHash = hash
	if err := tx.Model(bound).UpdateColumn("genesis_hash", hash).Error; err != nil {
		return fmt.Errorf("write the genesis block: %w", err)
	}
	return nil
}

// checkStoredChain returns a *models.BindingError when the database holds transfers of another chain.
func checkStoredChain(tx *gorm.DB, chainID uint64) error {
	var other []models.Transfer
	err := tx.Select("chain_id").Where("chain_id < ? OR chain_id > ?", chainID, chainID).Limit(1).Find(&other).Error
	if err != nil {
		return fmt.Errorf("look for transfers of another chain: %w", err)
	}
	if len(other) == 0 {
		return nil
	}
	return &models.BindingError{
		Part: models.BoundToChain, Bound: strconv.FormatUint(other[0].ChainID, 10),
		Configured: strconv.FormatUint(chainID, 10),
	}
}

// bindKeys compares the configured account keys with those that the database knows, and adds the one for new addresses
// if it may. It returns what rows of new addresses name the key.
func (s *Store) bindKeys(tx *gorm.DB, b Binding) (key string, err error) {
	var known []models.AccountKey
	if err := tx.Order("position").Find(&known).Error; err != nil {
		return "", fmt.Errorf("read the account keys: %w", err)
	}
	configured := append([]string{b.XPub}, b.PreviousXPubs...)
	if len(known) == 0 {
		if err := checkStoredAddresses(tx, b); err != nil {
			return "", err
		}
	}
	for _, k := range known {
		if !slices.Contains(configured, k.Fingerprint) {
			return "", &models.BindingError{Part: models.BoundToXPub, Bound: k.Fingerprint, Configured: b.XPub}
		}
	}
	for _, fingerprint := range configured {
		if slices.ContainsFunc(known, func(k models.AccountKey) bool { return k.Fingerprint == fingerprint }) {
			continue
		}
		added := models.AccountKey{Fingerprint: fingerprint, Position: int64(len(known)), CreatedAt: s.now()}
		if err := s.addKey(tx, added); err != nil {
			return "", err
		}
		known = append(known, added)
	}
	if known[0].Fingerprint == b.XPub {
		return "", nil
	}
	return b.XPub, nil
}

// addKey writes an account key. Each key but the first has an address counter of its own, which begins where the first
// one did.
func (s *Store) addKey(tx *gorm.DB, key models.AccountKey) error {
	if err := tx.Create(&key).Error; err != nil {
		return fmt.Errorf("write an account key: %w", err)
	}
	err := s.audit(tx, models.AuditEntry{
		Actor: models.ActorSystem, Action: "xpub_added", Subject: "xpub:" + key.Fingerprint,
		Detail: "Deposit addresses may come from this account key from now on.",
	})
	if err != nil || key.Position == 0 {
		return err
	}
	err = tx.Exec(`INSERT INTO address_counters (name, next_index) VALUES (?, 0) ON CONFLICT (name) DO NOTHING`,
		counterOf(key.Fingerprint)).Error
	if err != nil {
		return fmt.Errorf("write an address counter: %w", err)
	}
	return nil
}

// addressesChecked is how many of the oldest and of the newest addresses are derived again when a database is bound.
const addressesChecked = 100

// checkStoredAddresses returns a *models.BindingError unless the configured keys have the addresses that were handed
// out before the database was bound.
func checkStoredAddresses(tx *gorm.DB, b Binding) error {
	for _, order := range []string{"address_index", "address_index DESC"} {
		var stored []models.DepositAddress
		if err := tx.Order(order).Limit(addressesChecked).Find(&stored).Error; err != nil {
			return fmt.Errorf("read the deposit addresses: %w", err)
		}
		for _, address := range stored {
			ours, err := b.Derives(address.Address, address.Index)
			if err != nil {
				return err
			}
			if !ours {
				return &models.BindingError{
					Part: models.BoundToXPub, Bound: fmt.Sprintf("of %s (index %d)", address.Address, address.Index),
					Configured: b.XPub,
				}
			}
		}
	}
	return nil
}
