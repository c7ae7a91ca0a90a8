package localchain

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/node"
)

const (
	// toleratedLeadSeconds is how far the chain's clock may be ahead before blocks are left out: two ticks can fall into
	// one second.
	toleratedLeadSeconds = 2
	// leaveOutEvery is the interval, in ticks, at which a block is left out while the chain's clock is further ahead,
	// like a missed slot on mainnet.
	leaveOutEvery = 10
)

// Config says how to run a chain.
type Config struct {
	// DataDir is the directory in which the chain is stored. Empty keeps the chain in memory.
	DataDir string
	// ListenAddr is the host:port that serves HTTP and WebSocket. Port 0 picks a free port, and empty means
	// 127.0.0.1:0.
	ListenAddr string
	// BlockTime is the interval between blocks. Zero means that only Mine and dev_mine add blocks.
	BlockTime time.Duration
	// Log receives geth's warnings and errors. Nil means slog.Default().
	Log *slog.Logger
}

// Chain is a running chain. Its methods may be called concurrently.
type Chain struct {
	stack  *node.Node
	blocks *producer
	log    *slog.Logger

	stopTicking context.CancelFunc
	ticking     sync.WaitGroup
	closeOnce   sync.Once
	closeErr    error
}

// Start opens the chain in the data directory, or creates one there with the token deployed, and serves it. The context
// applies to the start only; the chain runs until Close. Start returns ErrOtherChain if the directory contains a chain
// with another genesis block.
func Start(ctx context.Context, cfg Config) (*Chain, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	log := cfg.Log
	if log == nil {
		log = slog.Default()
	}
	if cfg.BlockTime < 0 {
		return nil, fmt.Errorf("the block time %s is negative", cfg.BlockTime)
	}
	routeGethLog(log)

	stack, backend, err := newNode(cfg)
	if err != nil {
		return nil, err
	}
	blocks := &producer{backend: backend}
	blocks.moveFinality(blocks.head().Number.Uint64())
	stack.RegisterAPIs(devAPIs(blocks))
	// The token is deployed before the port opens, so no client ever sees the chain without it.
	if err := deployToken(blocks); err != nil {
		return nil, errors.Join(err, stack.Close())
	}
	if err := stack.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start the node: %w", err), stack.Close())
	}
	// There are no peers to sync with.
	backend.SetSynced()

	tickContext, stopTicking := context.WithCancel(context.WithoutCancel(ctx))
	chain := &Chain{stack: stack, blocks: blocks, log: log, stopTicking: stopTicking}
	if cfg.BlockTime > 0 {
		chain.ticking.Add(1)
		go chain.tick(tickContext, cfg.BlockTime)
	}
	return chain, nil
}

// tick mines a block per block time until ctx ends.
func (c *Chain) tick(ctx context.Context, blockTime time.Duration) {
	defer c.ticking.Done()
	ticker := time.NewTicker(blockTime)
	defer ticker.Stop()
	for count := 1; ; count++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		// With a block time below one second the wall clock cannot catch up, so no block is left out.
		if blockTime >= time.Second && count%leaveOutEvery == 0 && c.blocks.isAhead() {
			continue
		}
		if _, err := c.blocks.mine(1); err != nil {
			c.log.ErrorContext(ctx, "cannot mine a block", "error", err)
		}
	}
}

// isAhead reports whether the chain's clock is too far ahead of the wall clock.
func (p *producer) isAhead() bool {
	return p.head().Time > uint64(time.Now().Unix())+toleratedLeadSeconds
}

// HTTPURL returns the HTTP URL of the RPC, for clients on this machine.
func (c *Chain) HTTPURL() string { return reachable(c.stack.HTTPEndpoint()) }

// WSURL returns the WebSocket URL of the RPC, on the same port.
func (c *Chain) WSURL() string { return reachable(c.stack.WSEndpoint()) }

// reachable replaces the address that means "all interfaces", because some systems cannot dial it.
func reachable(endpoint string) string {
	scheme, address, _ := strings.Cut(endpoint, "://")
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return endpoint
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

// ChainID returns the chain id with which transactions for this chain are signed.
func (c *Chain) ChainID() uint64 { return chainIDNumber }

// TokenAddress returns the address of the token's contract. It is the same on every chain that this package starts.
func (c *Chain) TokenAddress() common.Address { return tokenAddress() }

// TokenOwnerKey returns the key of the token's owner, who may issue, pause, blacklist and so on, and who owns half of
// the supply.
func (c *Chain) TokenOwnerKey() *ecdsa.PrivateKey { return tokenOwnerKey() }

// FaucetKey returns the key of the account that owns the other half of the token's supply, and a billion ether.
func (c *Chain) FaucetKey() *ecdsa.PrivateKey { return faucetKey() }

// Mine adds blocks at once. The first contains the transactions that were waiting in the pool, as many as fit. Mine
// returns ErrTooManyBlocks if the number is not between 1 and 10,000.
func (c *Chain) Mine(blocks int) error {
	_, err := c.blocks.mine(blocks)
	return err
}

// Reorg replaces the last depth blocks with depth+1 others. The transactions of the replaced blocks are mined again in
// the new branch, one block later than before. With dropTransactions they are lost instead: they are neither in the new
// branch nor in the pool. Reorg returns ErrReorgDepth if the depth is below 1, above 64, or would remove the token.
func (c *Chain) Reorg(depth int, dropTransactions bool) error {
	_, err := c.blocks.reorg(depth, dropTransactions)
	return err
}

// Replace replaces the last depth blocks with blocks that contain exactly these transactions, which must be valid in
// this order. A transaction can be mined earlier or later than before, after other transactions, or be replaced by
// another one with its sender and nonce. Transactions of the replaced blocks that are not in the branch are lost, as
// with Reorg. Replace returns ErrReorgDepth as Reorg does, and if the branch is not longer than depth.
func (c *Chain) Replace(depth int, branch [][]*types.Transaction) error {
	_, err := c.blocks.replace(depth, func([]*types.Block) [][]*types.Transaction { return branch })
	return err
}

// Close stops mining and closes the port and the database. It may be called more than once.
func (c *Chain) Close() error {
	c.closeOnce.Do(func() {
		c.stopTicking()
		c.ticking.Wait()
		c.closeErr = c.stack.Close()
	})
	return c.closeErr
}
