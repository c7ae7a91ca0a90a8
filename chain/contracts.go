package chain

import (
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"paycow/models"
)

// Contracts are the contracts that are watched as one token: first the one that the database is bound to, then those
// that it was upgraded to, in the order of the upgrades.
type Contracts []common.Address

// contractsAt returns the contracts that are watched from a cursor on.
func (c Config) contractsAt(cursor models.ChainCursor) Contracts {
	contracts := make(Contracts, 0, 1+len(cursor.Upgrades))
	contracts = append(contracts, c.Token)
	for _, upgrade := range cursor.Upgrades {
		contracts = append(contracts, common.HexToAddress(upgrade))
	}
	return contracts
}

// Has reports whether a contract is watched.
func (c Contracts) Has(contract common.Address) bool { return slices.Contains(c, contract) }

// keyOf returns the key of a log of a watched contract.
func (c Contracts) keyOf(chainID uint64, log types.Log, ordinal int) models.TransferKey {
	return models.TransferKey{ChainID: chainID, TxHash: log.TxHash.Hex(), Ordinal: ordinal, Token: c.key(log.Address)}
}

// source is where the logs come from that an ordinal counts: one contract, in one transaction.
type source struct {
	contract common.Address
	txHash   common.Hash
}

func sourceOf(log types.Log) source { return source{log.Address, log.TxHash} }

// key returns how a models.TransferKey names the contract: "" for the first one.
func (c Contracts) key(contract common.Address) string {
	if len(c) > 0 && contract == c[0] {
		return ""
	}
	return contract.Hex()
}
