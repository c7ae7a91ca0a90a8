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
	// The chain's clock may be this far ahead without anything being done about it: two ticks can fall into one second.
	toleratedLeadSeconds = 2
	// While it is further ahead, every so many'th block is left out, like a slot missed on mainnet.
	leaveOutEvery = 10
)

// Config says how a chain is run.
type Config struct {
	// DataDir is where the chain is kept. Empty keeps it in memory.
	DataDir string
	// ListenAddr is the host:port on which HTTP and WebSocket are served. Port 0 picks a free one, empty means
	// 127.0.0.1:0.
	ListenAddr string
	// BlockTime is the interval between blocks. Zero makes blocks only when asked to by Mine or dev_mine.
	BlockTime time.Duration
	// Logger gets geth's warnings and errors. Nil means slog's default logger.
	Logger *slog.Logger
}

// Chain is a running chain. Its methods may be called concurrently.
type Chain struct {
	stack  *node.Node
	blocks *producer
	logger *slog.Logger

	stopTicking context.CancelFunc
	ticking     sync.WaitGroup
	closeOnce   sync.Once
	closeErr    error
}

// Start opens the chain in the data directory, or begins one there with the token deployed, and serves it. The context
// bounds the start only; the chain runs until Close.
// Returns ErrOtherChain if the directory holds a chain with another beginning.
func Start(ctx context.Context, cfg Config) (*Chain, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	logger := cfg.Logger
	if logger == nil {
		logger = slog.Default()
	}
	if cfg.BlockTime < 0 {
		return nil, fmt.Errorf("the block time %s is negative", cfg.BlockTime)
	}
	routeGethLog(logger)

	stack, backend, err := newNode(cfg)
	if err != nil {
		return nil, err
	}
	blocks := &producer{backend: backend}
	blocks.moveFinality(blocks.head().Number.Uint64())
	stack.RegisterAPIs(devAPIs(blocks))
	// The token is deployed before the port opens, so no client ever meets a chain without it.
	if err := deployToken(blocks); err != nil {
		return nil, errors.Join(err, stack.Close())
	}
	if err := stack.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start the node: %w", err), stack.Close())
	}
	// Without peers there is nothing to wait for.
	backend.SetSynced()

	tickContext, stopTicking := context.WithCancel(context.WithoutCancel(ctx))
	chain := &Chain{stack: stack, blocks: blocks, logger: logger, stopTicking: stopTicking}
	if cfg.BlockTime > 0 {
		chain.ticking.Add(1)
		go chain.tick(tickContext, cfg.BlockTime)
	}
	return chain, nil
}

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
		// Below a second the clock cannot be caught up with, so nothing is left out.
		if blockTime >= time.Second && count%leaveOutEvery == 0 && c.blocks.isAhead() {
			continue
		}
		if _, err := c.blocks.mine(1); err != nil {
			c.logger.Error("local chain could not make a block", "error", err)
		}
	}
}

func (p *producer) isAhead() bool {
	return p.head().Time > uint64(time.Now().Unix())+toleratedLeadSeconds
}

// HTTPURL is the RPC address for HTTP, usable on this machine.
func (c *Chain) HTTPURL() string { return reachable(c.stack.HTTPEndpoint()) }

// WSURL is the RPC address for WebSocket, on the same port.
func (c *Chain) WSURL() string { return reachable(c.stack.WSEndpoint()) }

// reachable replaces the address that means "all interfaces", which cannot be dialled everywhere.
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

// ChainID is the id that transactions for this chain are signed with.
func (c *Chain) ChainID() uint64 { return chainIDNumber }

// TokenAddress is the same on every chain this package starts.
func (c *Chain) TokenAddress() common.Address { return tokenAddress() }

// TokenOwnerKey may issue, pause, blacklist and so on. It owns half of the supply.
func (c *Chain) TokenOwnerKey() *ecdsa.PrivateKey { return tokenOwnerKey() }

// FaucetKey owns the other half of the token's supply, and much ether.
func (c *Chain) FaucetKey() *ecdsa.PrivateKey { return faucetKey() }

// Mine adds blocks at once. The first holds the transactions that were waiting.
// Returns ErrTooManyBlocks if the number is not within 1 to 10,000.
func (c *Chain) Mine(blocks int) error {
	_, err := c.blocks.mine(blocks)
	return err
}

// Reorg replaces the last depth blocks by depth+1 others. The replaced blocks' transactions are mined again in the new
// branch, one block later than before, or lost altogether: neither in the new branch nor in the pool.
// Returns ErrReorgDepth if the depth is below 1, above 64, or would remove the token.
func (c *Chain) Reorg(depth int, dropTransactions bool) error {
	_, err := c.blocks.reorg(depth, dropTransactions)
	return err
}

// Replace puts blocks that hold exactly these transactions, which must be valid in this order, in the place of the last
// depth blocks: a transaction can be mined earlier or later than before, behind others, or give way to another one of
// its sender and nonce. What the replaced blocks held besides is lost, as Reorg says. Returns ErrReorgDepth as Reorg
// does, and when there are no more new blocks than old ones.
func (c *Chain) Replace(depth int, branch [][]*types.Transaction) error {
	_, err := c.blocks.replace(depth, func([]*types.Block) [][]*types.Transaction { return branch })
	return err
}

// Close stops making blocks, closes the port and the database. It may be called more than once.
func (c *Chain) Close() error {
	c.closeOnce.Do(func() {
		c.stopTicking()
		c.ticking.Wait()
		c.closeErr = c.stack.Close()
	})
	return c.closeErr
}
