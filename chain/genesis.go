package chain

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"paycow/internal/retry"
	"paycow/models"
)

// genesisPause is the time between two attempts to learn the genesis block from a quorum of nodes.
const genesisPause = 5 * time.Second

// Genesis returns the hash of the first block that a quorum of the nodes with these URLs states. known is false when
// there is none: nodes may be down, or not keep that block. Nodes with another chain id have no say.
func Genesis(
	ctx context.Context, urls []string, config Config, log *slog.Logger,
) (hash common.Hash, known bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, contractCheckTimeout)
	defer cancel()
	pool, err := DialPool(ctx, urls, config, nil, log)
	if err != nil {
		return common.Hash{}, false, err
	}
	defer pool.Close()
	header, err := pool.AgreedHeader(ctx, 0)
	if err != nil {
		log.WarnContext(ctx, "the genesis block is not known yet: too few nodes state the same one", "error", err)
		return common.Hash{}, false, nil // the watcher asks again
	}
	return header.Hash, true, nil
}

// OtherChain returns what the nodes with these URLs have in place of a block that was read from them long ago, when
// that shows that they follow another chain now; "" otherwise. A quorum of them must state another block there. With
// restarted, a chain that does not reach that block any more counts, too: a development chain began anew.
func OtherChain(
	ctx context.Context, urls []string, config Config, stored models.BlockRef, restarted bool, log *slog.Logger,
) (instead string, err error) {
	ctx, cancel := context.WithTimeout(ctx, contractCheckTimeout)
	defer cancel()
	pool, err := DialPool(ctx, urls, config, nil, log)
	if err != nil {
		return "", err
	}
	defer pool.Close()
	header, err := pool.AgreedHeader(ctx, stored.Number)
	if err == nil {
		if header.Hash.Hex() == stored.Hash {
			return "", nil
		}
		return header.Ref().String(), nil
	}
	if head, headErr := pool.HeadHeader(ctx); restarted && headErr == nil && head.Number < stored.Number {
		return "a chain that ends at block " + head.Ref().String(), nil
	}
	return "", nil
}

// bindGenesis learns the genesis block from a quorum of nodes, if it is not known, and binds the store to it. Returns a
// *models.BindingError when the store belongs to another chain with the same id.
func (w *Watcher) bindGenesis(ctx context.Context) error {
	if w.pool.genesis.Load() != nil {
		return nil
	}
	return retry.Until(ctx, retry.Policy{Pause: genesisPause}, func() error {
		header, err := w.pool.AgreedHeader(ctx, 0)
		if err != nil {
			return err
		}
		err = w.store.BindGenesis(ctx, header.Hash.Hex())
		if _, other := errors.AsType[*models.BindingError](err); other {
			return retry.Permanent(err)
		}
		if err == nil {
			w.pool.expectGenesis(header.Hash)
		}
		return err
	})
}

// expectGenesis makes the pool exclude nodes whose chain begins with another block.
func (p *Pool) expectGenesis(hash common.Hash) {
	p.genesis.Store(&hash)
	for _, m := range p.members {
		m.mu.Lock()
		m.chainOK = false // it is checked again at the next call
		m.mu.Unlock()
	}
}

// otherChain returns why the node is of another chain, "" if it is not: its chain id differs, or its first block. A
// node that does not keep its first block is judged by the chain id alone.
func (m *member) otherChain(ctx context.Context) (reason string, err error) {
	id, err := m.endpoint.ChainID(ctx)
	if err != nil {
		return "", err
	}
	if id != m.pool.config.ChainID {
		return fmt.Sprintf("it follows chain %d instead of %d", id, m.pool.config.ChainID), nil
	}
	genesis := m.pool.genesis.Load()
	if genesis == nil {
		return "", nil
	}
	first, err := m.endpoint.HeaderByNumber(ctx, 0)
	switch {
	case err == nil && first.Hash != *genesis:
		return fmt.Sprintf("its chain begins with block %s instead of %s", first.Hash, *genesis), nil
	case err != nil && !MeaningOf(err).isWell() && !wasRefusedInWords(err):
		return "", err
	}
	return "", nil
}
