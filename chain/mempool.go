package chain

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"paycow/internal/retry"
	"paycow/models"
)

const (
	// mempoolInterval is how often the transactions seen since the last time are looked up and stored.
	mempoolInterval = 500 * time.Millisecond
	// mempoolRetryDelay is the pause after a failed subscription, or when no node offers one.
	mempoolRetryDelay = 30 * time.Second
	// mempoolBatch is how many transactions are looked up at once. What a burst brings beyond that is dropped.
	mempoolBatch = 500
)

// decodePending decodes which address a transaction would pay. ok is false unless it is a plain transfer of the token.
func decodePending(token common.Address, transaction PendingTransaction) (seen models.SeenTransfer, ok bool) {
	if transaction.To == nil || *transaction.To != token || len(transaction.Input) < 4 {
		return models.SeenTransfer{}, false
	}
	method, err := tokenABI.MethodById(transaction.Input[:4])
	if err != nil || method.Name != "transfer" && method.Name != "transferFrom" {
		return models.SeenTransfer{}, false
	}
	arguments, ok := unpackStrictly(method.Inputs, transaction.Input[4:])
	if !ok {
		return models.SeenTransfer{}, false
	}
	last := len(arguments) - 1
	to, value := arguments[last-1].(common.Address), arguments[last].(*big.Int)
	if !value.IsInt64() || value.Sign() == 0 {
		return models.SeenTransfer{}, false
	}
	from := transaction.From
	if last == 2 { // transferFrom moves what is another's
		from = arguments[0].(common.Address)
	}
	return models.SeenTransfer{
		TxHash: transaction.Hash.Hex(), From: textOf(from), To: to.Hex(), Amount: models.Amount(value.Int64()),
	}, true
}

// textOf returns an address in EIP-55 form, "" for the zero address.
func textOf(address common.Address) string {
	if address == (common.Address{}) {
		return ""
	}
	return address.Hex()
}

// MempoolStore is where a MempoolWatch stores what it sees.
type MempoolStore interface {
	// OurAddresses returns those of the addresses (EIP-55 form) that are deposit addresses.
	OurAddresses(ctx context.Context, network string, addresses []string) ([]string, error)
	// NoteSeen stores pending transfers for a while.
	NoteSeen(ctx context.Context, network string, seen []models.SeenTransfer) error
}

// MempoolWatch stores pending transfers to our addresses, as the first node reports them that offers its mempool.
// Nothing depends on it: a transfer that it misses is seen when it is mined.
type MempoolWatch struct {
	config Config
	pool   *Pool
	store  MempoolStore
	log    *slog.Logger
}

// NewMempoolWatch returns a watch that subscribes at the pool's nodes.
func NewMempoolWatch(config Config, pool *Pool, store MempoolStore, log *slog.Logger) *MempoolWatch {
	return &MempoolWatch{config: config, pool: pool, store: store, log: log.With("network", config.Network)}
}

// Run watches until ctx ends and returns its error.
func (w *MempoolWatch) Run(ctx context.Context) error {
	policy := retry.Policy{Pause: mempoolRetryDelay, OnRetry: func(err error, _ time.Duration) {
		w.log.DebugContext(ctx, "not watching pending transactions", "error", err)
	}}
	_ = retry.Until(ctx, policy, func() error { return w.subscribe(ctx) }) // it ends only with ctx
	return ctx.Err()
}

// subscribe subscribes at the first node that offers it, and stores what arrives until the subscription ends. It never
// returns nil.
func (w *MempoolWatch) subscribe(ctx context.Context) error {
	failure := models.ErrNoSubscriptions
	for _, node := range w.pool.usable() {
		pending := make(chan PendingTransaction, mempoolBatch)
		subscription, err := node.SubscribePending(ctx, pending)
		if err != nil {
			failure = fmt.Errorf("%s: %w", node.Name(), err)
			continue
		}
		failure = w.receive(ctx, pending, subscription.Err())
		subscription.Unsubscribe()
		return failure
	}
	return failure
}

func (w *MempoolWatch) receive(ctx context.Context, pending <-chan PendingTransaction, ended <-chan error) error {
	ticker := time.NewTicker(mempoolInterval)
	defer ticker.Stop()
	var seen []models.SeenTransfer
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
			if one, ok := decodePending(w.config.Token, transaction); ok && len(seen) < mempoolBatch {
				seen = append(seen, one)
			}
		case <-ticker.C:
			if err := w.storeOurs(ctx, seen); err != nil {
				w.log.WarnContext(ctx, "cannot store pending transfers", "error", err)
			}
			seen = nil
		}
	}
}

// storeOurs stores those that would pay an address of ours.
func (w *MempoolWatch) storeOurs(ctx context.Context, seen []models.SeenTransfer) error {
	recipients := map[string]bool{}
	for _, one := range seen {
		recipients[one.To] = true
	}
	ours, err := ourAddresses(ctx, w.store, w.config.Network, recipients)
	if err != nil {
		return err
	}
	var noted []models.SeenTransfer
	for _, one := range seen {
		if ours[one.To] {
			noted = append(noted, one)
		}
	}
	if len(noted) == 0 {
		return nil
	}
	return w.store.NoteSeen(ctx, w.config.Network, noted)
}
