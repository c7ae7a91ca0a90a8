package chain

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"paycow/models"
)

// SeenTransfer is a transaction in a node's pool that says it pays an address. It promises nothing.
type SeenTransfer struct {
	TxHash string
	To     string // EIP-55 form
	Amount models.Amount
}

// The functions of the token that move money at once.
var (
	transferSelector     = [4]byte(crypto.Keccak256([]byte("transfer(address,uint256)"))[:4])
	transferFromSelector = [4]byte(crypto.Keccak256([]byte("transferFrom(address,address,uint256)"))[:4])
)

// decodePending reads whom a transaction means to pay. ok is false when it is no plain transfer of the token.
func decodePending(token common.Address, transaction PendingTransaction) (seen SeenTransfer, ok bool) {
	if transaction.To == nil || *transaction.To != token || len(transaction.Input) < 4 {
		return SeenTransfer{}, false
	}
	arguments := 0
	switch [4]byte(transaction.Input[:4]) {
	case transferSelector:
		arguments = 2
	case transferFromSelector:
		arguments = 3
	}
	words := transaction.Input[4:]
	if arguments == 0 || len(words) != arguments*common.HashLength {
		return SeenTransfer{}, false
	}
	word := func(i int) common.Hash { return common.Hash(words[i*common.HashLength : (i+1)*common.HashLength]) }
	last := word(arguments - 1)
	to, okTo := topicAddress(word(arguments - 2))
	value := new(big.Int).SetBytes(last[:])
	if !okTo || !value.IsInt64() || value.Sign() == 0 {
		return SeenTransfer{}, false
	}
	return SeenTransfer{TxHash: transaction.Hash.Hex(), To: to, Amount: models.Amount(value.Int64())}, true
}

// MempoolConfig is what a MempoolWatch has to know. Zero durations and numbers mean the defaults beside them.
type MempoolConfig struct {
	Network string
	Token   common.Address

	Every    time.Duration // 500 ms: how often what was seen is looked up and noted
	Retry    time.Duration // 30 s: after a failed subscription, or when no node offers one
	BatchMax int           // 500: how many are looked up at once; what a burst brings beyond is dropped
}

func (c MempoolConfig) withDefaults() MempoolConfig {
	if c.Every <= 0 {
		c.Every = 500 * time.Millisecond
	}
	if c.Retry <= 0 {
		c.Retry = 30 * time.Second
	}
	if c.BatchMax <= 0 {
		c.BatchMax = 500
	}
	return c
}

// MempoolStore is what a MempoolWatch asks.
type MempoolStore interface {
	// OurAddresses returns those of the addresses (EIP-55 form) that are deposit addresses.
	OurAddresses(ctx context.Context, network string, addresses []string) ([]string, error)
}

// MempoolWatch notes transactions on their way to our addresses, at the first node that tells of its pool. Nothing depends
// on it: what it misses is seen when it is mined.
type MempoolWatch struct {
	config MempoolConfig
	panel  Panel
	store  MempoolStore
	note   func(ctx context.Context, network string, seen []SeenTransfer) error
	logger *slog.Logger
}

// NewMempoolWatch returns a watch that calls note with what pays our addresses.
func NewMempoolWatch(config MempoolConfig, panel Panel, store MempoolStore, note func(ctx context.Context, network string, seen []SeenTransfer) error, logger *slog.Logger) *MempoolWatch {
	return &MempoolWatch{config: config.withDefaults(), panel: panel, store: store, note: note, logger: logger.With("network", config.Network)}
}

// Run watches until the context ends, and returns its error.
func (w *MempoolWatch) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		err := w.watch(ctx)
		if ctx.Err() != nil {
			break
		}
		w.logger.Debug("pending transactions are not watched now", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(w.config.Retry):
		}
	}
	return ctx.Err()
}

// watch follows one subscription until it ends.
func (w *MempoolWatch) watch(ctx context.Context) error {
	failure := models.ErrNoSubscriptions
	for _, member := range w.panel.Members() {
		pending := make(chan PendingTransaction, w.config.BatchMax)
		subscription, err := member.SubscribePending(ctx, pending)
		if err != nil {
			failure = fmt.Errorf("%s: %w", member.Name(), err)
			continue
		}
		failure = w.follow(ctx, pending, subscription.Err())
		subscription.Unsubscribe()
		return failure
	}
	return failure
}

func (w *MempoolWatch) follow(ctx context.Context, pending <-chan PendingTransaction, ended <-chan error) error {
	ticker := time.NewTicker(w.config.Every)
	defer ticker.Stop()
	var seen []SeenTransfer
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-ended:
			if err == nil {
				err = errors.New("the node ended the subscription")
			}
			return err
		case transaction := <-pending:
			if one, ok := decodePending(w.config.Token, transaction); ok && len(seen) < w.config.BatchMax {
				seen = append(seen, one)
			}
		case <-ticker.C:
			if err := w.noteOurs(ctx, seen); err != nil {
				w.logger.Warn("pending transactions could not be noted", "error", err)
			}
			seen = nil
		}
	}
}

// noteOurs notes those that pay an address of ours.
func (w *MempoolWatch) noteOurs(ctx context.Context, seen []SeenTransfer) error {
	paid := map[string]bool{}
	for _, one := range seen {
		paid[one.To] = true
	}
	if len(paid) == 0 {
		return nil
	}
	found, err := w.store.OurAddresses(ctx, w.config.Network, sortedKeys(paid))
	if err != nil {
		return fmt.Errorf("look for our addresses: %w", err)
	}
	ours := map[string]bool{}
	for _, address := range found {
		ours[address] = true
	}
	var noted []SeenTransfer
	for _, one := range seen {
		if ours[one.To] {
			noted = append(noted, one)
		}
	}
	if len(noted) == 0 {
		return nil
	}
	return w.note(ctx, w.config.Network, noted)
}
