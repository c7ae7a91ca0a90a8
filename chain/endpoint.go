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

// Endpoint is one Ethereum node. Its answers are one node's word.
type Endpoint interface {
	// Name tells nodes apart in logs and pages. It holds no secret.
	Name() string
	// Close ends the connection. Calls made later connect again.
	Close()
	// ChainID returns the id of the chain that the node follows.
	ChainID(ctx context.Context) (uint64, error)
	// Syncing tells whether the node says that it is still catching up.
	Syncing(ctx context.Context) (bool, error)
	// HeadHeader returns the header of the newest block.
	HeadHeader(ctx context.Context) (Header, error)
	// HeaderByNumber returns the header of the canonical block with that number, or ErrBlockNotFound.
	HeaderByNumber(ctx context.Context, number uint64) (Header, error)
	// FinalizedNumber returns the number of the newest finalized block; ok is false when the node knows of none.
	FinalizedNumber(ctx context.Context) (number uint64, ok bool, err error)
	// TokenLogsByBlockHash returns the token's watched logs in the block with that hash.
	TokenLogsByBlockHash(ctx context.Context, token common.Address, hash common.Hash) ([]types.Log, error)
	// TokenLogsInRange returns the token's watched logs in the canonical blocks from one number to another, both included.
	TokenLogsInRange(ctx context.Context, token common.Address, from, to uint64) ([]types.Log, error)
	// ReceiptsByBlockHash returns all receipts of the block with that hash.
	ReceiptsByBlockHash(ctx context.Context, hash common.Hash) ([]*types.Receipt, error)
	// Receipt returns a transaction's receipt; ok is false when the node has none.
	Receipt(ctx context.Context, txHash common.Hash) (receipt *types.Receipt, ok bool, err error)
	// Balances returns what the token's balanceOf says of each address at the block with that hash, in micro-USDT.
	Balances(ctx context.Context, token common.Address, addresses []common.Address, block common.Hash) ([]*big.Int, error)
	// SubscribeHeads sends each new head to the channel until the subscription ends. Returns ErrNoSubscriptions when
	// there are none to be had.
	SubscribeHeads(ctx context.Context, heads chan<- Header) (ethereum.Subscription, error)
	// SubscribePending sends each transaction that enters the node's pool. Returns ErrNoSubscriptions when there are none
	// to be had.
	SubscribePending(ctx context.Context, pending chan<- PendingTransaction) (ethereum.Subscription, error)
}

// PendingTransaction is a transaction in a node's pool.
type PendingTransaction struct {
	Hash  common.Hash
	To    *common.Address // nil when it makes a contract
	Input []byte
}

// BlockSource is what following the chain needs. Its answers come from the best node that gives a believable one.
type BlockSource interface {
	// HeadHeader returns the header of the newest block.
	HeadHeader(ctx context.Context) (Header, error)
	// HeaderByNumber returns the header of the canonical block with that number, or ErrBlockNotFound.
	HeaderByNumber(ctx context.Context, number uint64) (Header, error)
	// AgreedHeader returns the header of the canonical block with that number when as many nodes as the quorum have the same
	// block there. Returns ErrQuorumMissing when they do not.
	AgreedHeader(ctx context.Context, number uint64) (Header, error)
	// FinalizedNumber returns the highest number that the quorum calls final; ok is false when there is none.
	FinalizedNumber(ctx context.Context) (number uint64, ok bool, err error)
	// BlockLogs returns the token's watched logs of one block. Returns ErrDoubtful when no node gives a believable answer.
	BlockLogs(ctx context.Context, header Header) ([]types.Log, error)
	// RangeLogs returns the token's watched logs in the canonical blocks from one number to another, both included.
	RangeLogs(ctx context.Context, from, to uint64) ([]types.Log, error)
	// ReceiptsByBlockHash returns all receipts of the block with that hash. It is asked only in doubt.
	ReceiptsByBlockHash(ctx context.Context, hash common.Hash) ([]*types.Receipt, error)
	// SubscribeHeads sends each new head to the channel until the subscription ends. Returns ErrNoSubscriptions when
	// there are none to be had.
	SubscribeHeads(ctx context.Context, heads chan<- Header) (ethereum.Subscription, error)
}

// Member is a node of a pool that may be asked now. What it answers counts towards its health.
type Member = Endpoint

// Panel is the nodes whose agreement decides.
type Panel interface {
	// Members returns the usable nodes, best first.
	Members() []Member
	// Quorum returns how many nodes must agree.
	Quorum() int
	// Report says that a node was contradicted.
	Report(name string, state models.NodeState, reason string)
}

// Alarms is where what a person must know of is raised.
type Alarms interface {
	// Raise opens an alarm, or counts it when one of its kind and subject is open.
	Raise(ctx context.Context, alarm models.Alarm) error
	// Resolve closes the open alarm of that kind and subject, if there is one.
	Resolve(ctx context.Context, network string, kind models.AlarmKind, subject, by, resolution string) error
}

// UnmarshalJSON reads a pending transaction as the RPC writes it.
func (p *PendingTransaction) UnmarshalJSON(text []byte) error {
	var fields struct {
		Hash  *common.Hash    `json:"hash"`
		To    *common.Address `json:"to"`
		Input hexutil.Bytes   `json:"input"`
	}
	if err := json.Unmarshal(text, &fields); err != nil {
		return fmt.Errorf("read a pending transaction: %w", err)
	}
	if fields.Hash == nil {
		return errors.New("a pending transaction has no hash")
	}
	*p = PendingTransaction{Hash: *fields.Hash, To: fields.To, Input: fields.Input}
	return nil
}
