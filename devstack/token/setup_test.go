package token

import (
	"context"
	"crypto/ecdsa"
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient/simulated"
	"github.com/ethereum/go-ethereum/params"
	"github.com/stretchr/testify/require"
)

const initialSupply = 1_000_000_000_000

// account is a key with ether on the simulated chain.
type account struct {
	key     *ecdsa.PrivateKey
	address common.Address
}

// bundle is a simulated chain with the token deployed on it.
type bundle struct {
	t                  *testing.T
	ctx                context.Context
	backend            *simulated.Backend
	usdt               *TestUSDT
	address            common.Address
	owner, alice, bob  account
	withoutEtherOrCode common.Address
}

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{t: t, ctx: t.Context(), usdt: NewTestUSDT(), withoutEtherOrCode: common.HexToAddress("0xdead")}
	alloc := types.GenesisAlloc{}
	for _, one := range []*account{&b.owner, &b.alice, &b.bob} {
		key, err := crypto.GenerateKey()
		require.NoError(t, err)
		one.key, one.address = key, crypto.PubkeyToAddress(key.PublicKey)
		alloc[one.address] = types.Account{Balance: big.NewInt(params.Ether)}
	}
	b.backend = simulated.NewBackend(alloc)
	t.Cleanup(func() { require.NoError(t, b.backend.Close()) })
	b.address = b.deploy(TestUSDTMetaData.Bin, b.usdt.PackConstructor(big.NewInt(initialSupply)))
	return b
}

func (b *bundle) deploy(bytecode string, constructorArguments []byte) common.Address {
	b.t.Helper()
	receipt := b.transact(b.owner, nil, append(common.FromHex(bytecode), constructorArguments...))
	require.Equal(b.t, types.ReceiptStatusSuccessful, receipt.Status)
	return receipt.ContractAddress
}

// transact sends a transaction with a fixed gas limit, so that one that reverts is mined too, and mines it.
func (b *bundle) transact(from account, to *common.Address, data []byte) *types.Receipt {
	b.t.Helper()
	client := b.backend.Client()
	nonce, err := client.PendingNonceAt(b.ctx, from.address)
	require.NoError(b.t, err)
	chainID, err := client.ChainID(b.ctx)
	require.NoError(b.t, err)
	transaction, err := types.SignNewTx(from.key, types.LatestSignerForChainID(chainID), &types.DynamicFeeTx{
		ChainID: chainID, Nonce: nonce, To: to, Data: data, Gas: 4_000_000,
		GasTipCap: big.NewInt(params.GWei), GasFeeCap: big.NewInt(10 * params.GWei),
	})
	require.NoError(b.t, err)
	require.NoError(b.t, client.SendTransaction(b.ctx, transaction))
	b.backend.Commit()
	receipt, err := client.TransactionReceipt(b.ctx, transaction.Hash())
	require.NoError(b.t, err)
	return receipt
}

// do calls the token and expects success.
func (b *bundle) do(from account, data []byte) []*types.Log {
	b.t.Helper()
	receipt := b.transact(from, &b.address, data)
	require.Equal(b.t, types.ReceiptStatusSuccessful, receipt.Status)
	return receipt.Logs
}

// refuse calls the token and expects a revert with this reason.
func (b *bundle) refuse(from account, data []byte, reason string) {
	b.t.Helper()
	_, err := b.backend.Client().CallContract(b.ctx, ethereum.CallMsg{From: from.address, To: &b.address, Data: data}, nil)
	require.ErrorContains(b.t, err, reason)
	receipt := b.transact(from, &b.address, data)
	require.Equal(b.t, types.ReceiptStatusFailed, receipt.Status)
	require.Empty(b.t, receipt.Logs)
}

func (b *bundle) call(data []byte) []byte {
	b.t.Helper()
	output, err := b.backend.Client().CallContract(b.ctx, ethereum.CallMsg{To: &b.address, Data: data}, nil)
	require.NoError(b.t, err)
	return output
}

func (b *bundle) balance(holder common.Address) int64 {
	b.t.Helper()
	balance, err := b.usdt.UnpackBalanceOf(b.call(b.usdt.PackBalanceOf(holder)))
	require.NoError(b.t, err)
	return balance.Int64()
}

func (b *bundle) totalSupply() int64 {
	b.t.Helper()
	supply, err := b.usdt.UnpackTotalSupply(b.call(b.usdt.PackTotalSupply()))
	require.NoError(b.t, err)
	return supply.Int64()
}

// transfer is the content of a Transfer log.
type transfer struct {
	from, to common.Address
	value    int64
}

func (b *bundle) transfers(logs []*types.Log) []transfer {
	b.t.Helper()
	short := []transfer{}
	for _, log := range logs {
		if event, err := b.usdt.UnpackTransferEvent(log); err == nil {
			short = append(short, transfer{event.From, event.To, event.Value.Int64()})
		}
	}
	return short
}

func units(amount int64) *big.Int { return big.NewInt(amount) }
