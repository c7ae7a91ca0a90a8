package localchain

import (
	"context"
	"log/slog"
	"math/big"
	"os"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/stretchr/testify/require"

	"paycow/devstack/token"
)

// bundle is a running chain with a client and the helpers of the tests.
type bundle struct {
	*Chain
	t      *testing.T
	ctx    context.Context
	client *ethclient.Client
}

func setup(t *testing.T, cfg Config) *bundle {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	chain, err := Start(ctx, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, chain.Close()) })
	client, err := ethclient.DialContext(ctx, chain.HTTPURL())
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return &bundle{Chain: chain, t: t, ctx: ctx, client: client}
}

func (b *bundle) pay(to common.Address, amountUnits int64) common.Hash {
	b.t.Helper()
	hash, err := Pay(b.ctx, b.HTTPURL(), b.TokenAddress(), b.FaucetKey(), to, amountUnits)
	require.NoError(b.t, err)
	return hash
}

func (b *bundle) mine(blocks int) {
	b.t.Helper()
	require.NoError(b.t, b.Mine(blocks))
}

func (b *bundle) header(number uint64) *types.Header {
	b.t.Helper()
	header, err := b.client.HeaderByNumber(b.ctx, new(big.Int).SetUint64(number))
	require.NoError(b.t, err)
	return header
}

func (b *bundle) head() *types.Header {
	b.t.Helper()
	header, err := b.client.HeaderByNumber(b.ctx, nil)
	require.NoError(b.t, err)
	return header
}

func (b *bundle) balance(holder common.Address) int64 {
	b.t.Helper()
	contract := token.NewTestUSDT()
	output, err := b.client.CallContract(b.ctx, callTo(b.TokenAddress(), contract.PackBalanceOf(holder)), nil)
	require.NoError(b.t, err)
	balance, err := contract.UnpackBalanceOf(output)
	require.NoError(b.t, err)
	return balance.Int64()
}

// minedIn returns the receipt of a transaction, or nil if the canonical chain does not contain it.
func (b *bundle) minedIn(hash common.Hash) *types.Receipt {
	receipt, err := b.client.TransactionReceipt(b.ctx, hash)
	if err != nil {
		return nil
	}
	return receipt
}

func (b *bundle) isKnown(hash common.Hash) bool {
	_, _, err := b.client.TransactionByHash(b.ctx, hash)
	return err == nil
}

// recipient returns an address; tests use different numbers.
func recipient(number int64) common.Address {
	return common.BigToAddress(big.NewInt(0xC0FFEE000000 + number))
}

func background() context.Context { return context.Background() }
