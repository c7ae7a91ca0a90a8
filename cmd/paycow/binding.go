package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/ethereum/go-ethereum/common"

	"paycow/chain"
	"paycow/models"
	"paycow/store"
)

// bindDatabase writes what the database belongs to at the first start, and refuses to go on at a later one when the
// settings say something else. It sets the genesis block that every node must have, if it is known.
func (s *Settings) bindDatabase(ctx context.Context, db *store.Store, log *slog.Logger) error {
	binding := store.Binding{ChainID: s.ChainID, Token: s.Token.Hex(), Derives: s.derives}
	if len(s.RPCURLs) > 0 {
		genesis, known, err := chain.Genesis(ctx, s.RPCURLs, s.chainConfig(), log)
		if err != nil {
			return fmt.Errorf("PAYCOW_ETH_RPC_URLS: %w", err)
		}
		if known {
			binding.Genesis = genesis.Hex()
		}
	}
	if s.XPub != nil {
		binding.XPub = s.XPub.Fingerprint()
	}
	for _, previous := range s.PreviousXPubs {
		binding.PreviousXPubs = append(binding.PreviousXPubs, previous.Fingerprint())
	}
	bound, err := db.Bind(ctx, binding)
	if differs, ok := errors.AsType[*models.BindingError](err); ok {
		return s.explainBinding(differs)
	}
	if err != nil {
		return err
	}
	s.Genesis = common.HexToHash(bound.GenesisHash)
	if err := s.compareHistory(ctx, db, log); err != nil {
		return err
	}
	return s.nameOwnAddresses(ctx, db)
}

// compareHistory refuses nodes whose chain is another one than was read before, although it begins with the same block:
// a chain for development that began anew. The oldest block that is remembered must be final, so that a reorg is not
// taken for that. Under paycow dev, where nothing may ever be final, it counts in any case.
func (s *Settings) compareHistory(ctx context.Context, db *store.Store, log *slog.Logger) error {
	if len(s.RPCURLs) == 0 || s.ownChain {
		return nil
	}
	stored, err := db.LowestRecentBlock(ctx, models.NetworkERC20)
	if errors.Is(err, models.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	cursor, err := db.Cursor(ctx, models.NetworkERC20)
	if err != nil {
		return err
	}
	if s.dataDir == "" && stored.Number > cursor.FinalizedNumber {
		return nil
	}
	instead, err := chain.OtherChain(ctx, s.RPCURLs, s.chainConfig(), stored, s.dataDir != "", log)
	if err != nil || instead == "" {
		return err
	}
	return s.explainBinding(&models.BindingError{
		Part: models.BoundToHistory, Bound: stored.String(), Configured: instead,
	})
}

// nameOwnAddresses tells the database which addresses are ours without being deposit addresses: the treasury, and the
// first addresses of each account key, which are never handed out.
func (s *Settings) nameOwnAddresses(ctx context.Context, db *store.Store) error {
	treasury := make([]string, len(s.Treasury))
	for i, address := range s.Treasury {
		treasury[i] = address.Hex()
	}
	if err := db.AddTreasury(ctx, treasury); err != nil {
		return err
	}
	if s.XPub == nil {
		return nil // this process hands out no addresses
	}
	if err := db.ReserveAddresses(ctx, s.Reserved); err != nil {
		return fmt.Errorf("PAYCOW_RESERVED_ADDRESSES: %w", err)
	}
	for _, key := range s.accountKeys() {
		known, err := db.HasReservedAddresses(ctx, key.Fingerprint(), s.Reserved)
		if err != nil {
			return err
		}
		if known {
			continue
		}
		addresses := make([]string, s.Reserved)
		for i := range addresses {
			if addresses[i], err = key.Address(uint32(i)); err != nil {
				return fmt.Errorf("PAYCOW_XPUB: %w", err)
			}
		}
		if err := db.AddReservedAddresses(ctx, key.Fingerprint(), addresses); err != nil {
			return err
		}
	}
	return nil
}

// derives reports whether one of the account keys has the address at the index.
func (s *Settings) derives(address string, index uint32) (bool, error) {
	for _, key := range s.accountKeys() {
		derived, err := key.Address(index)
		if err != nil || derived == address {
			return err == nil, err
		}
	}
	return false, nil
}

// accountKeys returns the key for new addresses, if this process has it, and the earlier ones.
func (s *Settings) accountKeys() []*chain.XPub {
	if s.XPub == nil {
		return s.PreviousXPubs
	}
	return append([]*chain.XPub{s.XPub}, s.PreviousXPubs...)
}

// explainBinding says what to do when the database belongs to something else than is configured.
func (s *Settings) explainBinding(e *models.BindingError) error {
	const elsewhere = "or use another database (PAYCOW_DATABASE_URL)"
	advice := map[models.BoundTo]string{
		models.BoundToChain: "PAYCOW_CHAIN_ID: %w; set it back, " + elsewhere,
		models.BoundToToken: "PAYCOW_TOKEN_ADDRESS: %w; set it back, " + elsewhere +
			"; an upgrade of the token needs no change here, because PayCow follows it by itself",
		models.BoundToGenesis: "PAYCOW_ETH_RPC_URLS: %w: the nodes follow another chain that has the same chain id; " +
			"use nodes of the chain that the database belongs to, " + elsewhere,
		models.BoundToXPub: "PAYCOW_XPUB: %w; set it back or, to use a new key for new addresses, " +
			"put the earlier keys into PAYCOW_PREVIOUS_XPUBS",
	}
	advice[models.BoundToHistory] = advice[models.BoundToGenesis]
	if s.dataDir != "" {
		advice[models.BoundToHistory] = "the chain was restarted: %w; start over with --fresh, or use another --data-dir"
		advice[models.BoundToGenesis] = "the chain was restarted: %w; start over with --fresh, or use another --data-dir"
		for _, part := range []models.BoundTo{models.BoundToChain, models.BoundToToken, models.BoundToXPub} {
			advice[part] = "this data directory belongs to another chain or key: %w; start over with --fresh, " +
				"or use another --data-dir"
		}
	}
	return fmt.Errorf(advice[e.Part], e)
}
