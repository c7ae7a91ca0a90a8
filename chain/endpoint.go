package chain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"

	"paycow/models"
)

// Endpoint is one Ethereum node. What it answers is one node's word.
type Endpoint interface {
	// Name tells nodes apart in logs and pages. It contains no secret.
	Name() string
	// Close ends the connection. Later calls connect again.
	Close()
	// ChainID returns the id of the chain that the node follows.
	ChainID(ctx context.Context) (uint64, error)
	// Syncing reports whether the node says that it is still catching up.
	Syncing(ctx context.Context) (bool, error)
	// HeadHeader returns the header of the newest block.
	HeadHeader(ctx context.Context) (Header, error)
	// HeaderByNumber returns the header of the canonical block with that number. Returns models.ErrBlockNotFound.
	HeaderByNumber(ctx context.Context, number uint64) (Header, error)
	// FinalizedNumber returns the number of the newest finalized block. ok is false when the node knows none.
	FinalizedNumber(ctx context.Context) (number uint64, ok bool, err error)
	// TokenLogsByBlockHash returns the contracts' watched logs in the block with that hash.
	TokenLogsByBlockHash(ctx context.Context, contracts Contracts, hash common.Hash) ([]types.Log, error)
	// TokenLogsInRange returns the contracts' watched logs in the canonical blocks from one number to another, both
	// included.
	TokenLogsInRange(ctx context.Context, contracts Contracts, from, to uint64) ([]types.Log, error)
	// ReceiptsByBlockHash returns all receipts of the block with that hash.
	ReceiptsByBlockHash(ctx context.Context, hash common.Hash) ([]*types.Receipt, error)
	// Receipt returns a transaction's receipt. ok is false when the node has none.
	Receipt(ctx context.Context, txHash common.Hash) (receipt *types.Receipt, ok bool, err error)
	// Balances returns the token's balanceOf each address at the block with that hash, in micro-USDT.
	Balances(
		ctx context.Context, token common.Address, addresses []common.Address, block common.Hash,
	) ([]*big.Int, error)
	// CallToken calls functions of a contract that take no argument, at the block with that hash, and returns what each
	// of them returns: nothing for one that the contract does not have or that it refuses.
	CallToken(
		ctx context.Context, contract common.Address, block common.Hash, functions ...string,
	) ([]hexutil.Bytes, error)
	// SubscribeHeads sends each new head to the channel until the subscription ends. Returns models.ErrNoSubscriptions
	// when the node offers none.
	SubscribeHeads(ctx context.Context, heads chan<- Header) (ethereum.Subscription, error)
	// SubscribePending sends each transaction that enters the node's mempool until the subscription ends. Returns
	// models.ErrNoSubscriptions when the node offers none.
	SubscribePending(ctx context.Context, pending chan<- PendingTransaction) (ethereum.Subscription, error)
}

// PendingTransaction is a transaction in a node's mempool.
type PendingTransaction struct {
	Hash  common.Hash
	From  common.Address  // as the node states it; zero when it does not
	To    *common.Address // nil when it creates a contract
	Input []byte
}

// UnmarshalJSON reads a pending transaction as the RPC encodes it.
func (p *PendingTransaction) UnmarshalJSON(text []byte) error {
	var fields struct {
		Hash  *common.Hash    `json:"hash"`
		From  common.Address  `json:"from"`
		To    *common.Address `json:"to"`
		Input hexutil.Bytes   `json:"input"`
	}
	if err := json.Unmarshal(text, &fields); err != nil {
		return fmt.Errorf("read a pending transaction: %w", err)
	}
	if fields.Hash == nil {
		return errors.New("read a pending transaction: the hash is missing")
	}
	*p = PendingTransaction{Hash: *fields.Hash, From: fields.From, To: fields.To, Input: fields.Input}
	return nil
}

// Alarms raises what a person must know about.
type Alarms interface {
	// Raise opens an alarm, or counts it when one of its kind and subject is open.
	Raise(ctx context.Context, alarm models.Alarm) error
	// Resolve closes the open alarm of that kind and subject, if there is one.
	Resolve(ctx context.Context, network string, kind models.AlarmKind, subject, by, resolution string) error
}
