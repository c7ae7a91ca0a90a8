package realnode

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"log/slog"
	"maps"
	"math/big"
	"sync"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/eth"
	"github.com/ethereum/go-ethereum/eth/ethconfig"
	"github.com/ethereum/go-ethereum/eth/filters"
	"github.com/ethereum/go-ethereum/log"
	"github.com/ethereum/go-ethereum/miner"
	"github.com/ethereum/go-ethereum/node"
	"github.com/ethereum/go-ethereum/p2p"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/rpc"
	"github.com/stretchr/testify/require"

	"paycow/chain"
	"paycow/chain/chaintest"
	"paycow/models"
)

// gethChain is a real geth in this process that serves RPC on a free port. The test decides which transactions each
// block contains and which branch is canonical.
type gethChain struct {
	t       testing.TB
	stack   *node.Node
	backend *eth.Ethereum

	mu       sync.Mutex
	senders  []*ecdsa.PrivateKey       // each sends one transaction, so a lost one leaves no gap in the nonces
	payments map[common.Hash][]payment // the transfers that a transaction emits
}

// gethSenders is the largest number of transactions that a test can send.
const gethSenders = 600

var gethKeys = sync.OnceValue(func() []*ecdsa.PrivateKey {
	keys := make([]*ecdsa.PrivateKey, gethSenders)
	for i := range keys {
		key, err := crypto.ToECDSA(crypto.Keccak256(big.NewInt(int64(i + 1)).Bytes()))
		if err != nil {
			panic(err)
		}
		keys[i] = key
	}
	return keys
})

// emitterCode returns the code of a token that emits one Transfer log for each 96 bytes (from, to, value) of its input.
// These tests need nothing else of a token.
func emitterCode() []byte {
	op := func(codes ...vm.OpCode) (code []byte) {
		for _, c := range codes {
			code = append(code, byte(c))
		}
		return code
	}
	var code []byte
	add := func(parts ...[]byte) {
		for _, part := range parts {
			code = append(code, part...)
		}
	}
	push := func(n byte) []byte { return []byte{byte(vm.PUSH1), n} }
	add(push(0)) // the offset stays on the stack
	loop := byte(len(code))
	add(op(vm.JUMPDEST, vm.DUP1, vm.CALLDATASIZE, vm.GT, vm.ISZERO))
	end := len(code) + 1
	add(push(0), op(vm.JUMPI))
	add(op(vm.DUP1), push(0x40), op(vm.ADD, vm.CALLDATALOAD), push(0), op(vm.MSTORE)) // value into memory
	add(op(vm.DUP1), push(0x20), op(vm.ADD, vm.CALLDATALOAD))                         // to
	add(op(vm.DUP2, vm.CALLDATALOAD))                                                 // from
	add(op(vm.PUSH32), chaintest.TransferTopic[:], push(0x20), push(0), op(vm.LOG3))
	add(push(0x60), op(vm.ADD), push(loop), op(vm.JUMP))
	code[end] = byte(len(code))
	add(op(vm.JUMPDEST, vm.STOP))
	return code
}

var quietGeth = sync.OnceFunc(func() { log.SetDefault(log.NewLogger(slog.DiscardHandler)) })

func newGethChain(t testing.TB) *gethChain {
	t.Helper()
	quietGeth()
	chainConfig := *params.AllDevChainProtocolChanges
	chainConfig.BogotaTime = nil
	alloc := types.GenesisAlloc{chaintest.Token: {Code: emitterCode(), Balance: new(big.Int)}}
	maps.Copy(alloc, core.SystemContractAllocs())
	for _, key := range gethKeys() {
		alloc[crypto.PubkeyToAddress(key.PublicKey)] = types.Account{
			Balance: new(big.Int).Mul(big.NewInt(100), big.NewInt(params.Ether)),
		}
	}

	nodeConfig := node.DefaultConfig
	nodeConfig.DataDir = "" // in memory
	nodeConfig.P2P = p2p.Config{NoDiscovery: true, NoDial: true}
	nodeConfig.HTTPHost, nodeConfig.HTTPPort, nodeConfig.HTTPModules = "127.0.0.1", 0, []string{"eth"}
	nodeConfig.WSHost, nodeConfig.WSPort, nodeConfig.WSModules = "127.0.0.1", 0, []string{"eth"}
	ethConfig := ethconfig.Defaults
	ethConfig.Genesis = &core.Genesis{
		Config:    &chainConfig,
		GasLimit:  60_000_000,
		Alloc:     alloc,
		Timestamp: 1_700_000_000,
	}
	ethConfig.SyncMode = ethconfig.FullSync
	ethConfig.LogNoHistory = true
	ethConfig.DatabaseCache, ethConfig.TrieCleanCache, ethConfig.SnapshotCache = 16, 16, 0

	stack, err := node.New(&nodeConfig)
	require.NoError(t, err)
	t.Cleanup(func() { stack.Close() })
	backend, err := eth.New(stack, &ethConfig)
	require.NoError(t, err)
	stack.RegisterAPIs([]rpc.API{{
		Namespace: "eth", Service: filters.NewFilterAPI(filters.NewFilterSystem(backend.APIBackend, filters.Config{})),
	}})
	require.NoError(t, stack.Start())
	backend.SetSynced()
	return &gethChain{t: t, stack: stack, backend: backend, senders: gethKeys(), payments: map[common.Hash][]payment{}}
}

func (c *gethChain) httpURL() string { return c.stack.HTTPEndpoint() }
func (c *gethChain) wsURL() string   { return c.stack.WSEndpoint() }

func (c *gethChain) head() *types.Header { return c.backend.BlockChain().CurrentBlock() }

func (c *gethChain) header(number uint64) chain.Header {
	header := c.backend.BlockChain().GetHeaderByNumber(number)
	require.NotNil(c.t, header)
	return chain.Header{Number: number, Hash: header.Hash(), Time: timeOf(header)}
}

func (c *gethChain) ref(number uint64) models.BlockRef { return c.header(number).Ref() }

// transaction returns a signed transaction that emits these transfers when it is mined.
func (c *gethChain) transaction(payments ...payment) *types.Transaction {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	require.NotEmpty(c.t, c.senders, "no senders left")
	key := c.senders[0]
	c.senders = c.senders[1:]
	var data []byte
	for _, p := range payments {
		data = append(data, common.BytesToHash(p.from[:]).Bytes()...)
		data = append(data, common.BytesToHash(p.to[:]).Bytes()...)
		data = append(data, common.BigToHash(p.value).Bytes()...)
	}
	tx, err := types.SignNewTx(key, types.LatestSignerForChainID(big.NewInt(chaintest.ChainID)), &types.DynamicFeeTx{
		ChainID:   big.NewInt(chaintest.ChainID),
		GasTipCap: big.NewInt(1),
		GasFeeCap: big.NewInt(10 * params.GWei),
		Gas:       400_000,
		To:        &chaintest.Token,
		Data:      data,
	})
	require.NoError(c.t, err)
	c.payments[tx.Hash()] = payments
	return tx
}

// build stores a block on a parent without making it the head.
func (c *gethChain) build(parent *types.Header, transactions ...*types.Transaction) *types.Header {
	c.t.Helper()
	var random common.Hash
	_, _ = rand.Read(random[:])
	block, _, err := c.backend.Miner().BuildTestingPayload(&miner.BuildPayloadArgs{
		Parent:      parent.Hash(),
		Timestamp:   parent.Time + 12,
		Random:      random,
		Withdrawals: types.Withdrawals{},
		BeaconRoot:  &common.Hash{},
	}, transactions, len(transactions) == 0, nil)
	require.NoError(c.t, err)
	_, err = c.backend.BlockChain().InsertBlockWithoutSetHead(context.Background(), block, false)
	require.NoError(c.t, err)
	return block.Header()
}

// setHead makes a block the head: a descendant, a block on another branch, or an ancestor.
func (c *gethChain) setHead(header *types.Header) {
	c.t.Helper()
	block := c.backend.BlockChain().GetBlockByHash(header.Hash())
	require.NotNil(c.t, block)
	_, err := c.backend.BlockChain().SetCanonical(block)
	require.NoError(c.t, err)
}

// mine adds a block with these transactions.
func (c *gethChain) mine(transactions ...*types.Transaction) *types.Header {
	c.t.Helper()
	header := c.build(c.head(), transactions...)
	c.setHead(header)
	return header
}

func (c *gethChain) mineEmpty(blocks int) {
	c.t.Helper()
	for range blocks {
		c.mine()
	}
}

// reorg replaces the last depth blocks with depth+1 others; fill returns the transactions of the i-th of them.
func (c *gethChain) reorg(depth int, fill func(i int) []*types.Transaction) {
	c.t.Helper()
	parent := c.backend.BlockChain().GetHeaderByNumber(c.head().Number.Uint64() - uint64(depth))
	for i := range depth + 1 {
		parent = c.build(parent, fill(i)...)
	}
	c.setHead(parent)
}

func (c *gethChain) finalize(number uint64) {
	c.backend.BlockChain().SetFinalized(c.backend.BlockChain().GetHeaderByNumber(number))
}

// truth returns the transfers to our addresses above a block, according to the transactions that the test sent.
func (c *gethChain) truth(ours map[string]bool, above uint64) []models.TokenTransfer {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := []models.TokenTransfer{}
	for number := above + 1; number <= c.head().Number.Uint64(); number++ {
		block := c.backend.BlockChain().GetBlockByNumber(number)
		logIndex := uint(0)
		for _, tx := range block.Transactions() {
			for ordinal, p := range c.payments[tx.Hash()] {
				if ours[p.to.Hex()] && p.value.Sign() > 0 && p.value.IsInt64() {
					found = append(found, models.TokenTransfer{
						TransferKey: models.TransferKey{
							ChainID: chaintest.ChainID,
							TxHash:  tx.Hash().Hex(),
							Ordinal: ordinal,
						},
						From:     p.from.Hex(),
						To:       p.to.Hex(),
						Amount:   models.Amount(p.value.Int64()),
						LogIndex: logIndex,
						Block:    chain.Header{Number: number, Hash: block.Hash(), Time: timeOf(block.Header())}.Ref(),
					})
				}
				logIndex++
			}
		}
	}
	return found
}
