package contracts

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"io"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/eth/ethconfig"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/ethclient/simulated"
	"github.com/ethereum/go-ethereum/node"
	"github.com/ethereum/go-ethereum/params"
	"github.com/holiman/uint256"
	"github.com/stretchr/testify/require"

	"paycow/devstack/token"
)

// deployerCode is the code of the deterministic deployer.
var deployerCode = common.FromHex("0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe0" +
	"3601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3")

// chains are the nodes and rules on which the contracts are tested: geth with today's rules and with those of EIP-8037,
// under which new state costs about ten times as much, and anvil, another implementation of the EVM.
var chains = map[string]func(t *testing.T, rich ...common.Address) (client simulated.Client, mine func()){
	"Osaka": func(t *testing.T, rich ...common.Address) (simulated.Client, func()) { return gethWith(t, nil, rich) },
	"Amsterdam": func(t *testing.T, rich ...common.Address) (simulated.Client, func()) {
		return gethWith(t, new(uint64), rich)
	},
	"anvil": anvil,
}

// gethWith starts a node in this process on which the rich have ether. amsterdam is when that fork begins, nil for never.
func gethWith(t *testing.T, amsterdam *uint64, rich []common.Address) (simulated.Client, func()) {
	t.Helper()
	alloc := types.GenesisAlloc{Deployer: {Code: deployerCode, Nonce: 1, Balance: new(big.Int)}}
	for _, address := range rich {
		alloc[address] = types.Account{Balance: manyWei()}
	}
	backend := simulated.NewBackend(alloc, func(_ *node.Config, config *ethconfig.Config) {
		rules := *params.AllDevChainProtocolChanges
		rules.BogotaTime = nil // its rules are not finished in geth
		rules.AmsterdamTime = amsterdam
		config.Genesis.Config = &rules
	})
	t.Cleanup(func() { require.NoError(t, backend.Close()) })
	return backend.Client(), func() { backend.Commit() }
}

func manyWei() *big.Int { return new(big.Int).Mul(big.NewInt(1_000_000), big.NewInt(params.Ether)) }

// anvil starts anvil as a process of its own. It mines each transaction at once.
func anvil(t *testing.T, rich ...common.Address) (simulated.Client, func()) {
	t.Helper()
	program, err := filepath.Abs("../cmd/paycow/testdata/clients/node_modules/@foundry-rs/anvil-" +
		runtime.GOOS + "-" + runtime.GOARCH + "/bin/anvil")
	require.NoError(t, err)
	if _, err := os.Stat(program); err != nil {
		t.Skip("anvil is not installed: make test-deps")
	}
	run := exec.CommandContext(t.Context(), program, "--hardfork", "prague", "--port", "0", "--chain-id", "1337")
	output, err := run.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, run.Start())
	t.Cleanup(func() {
		_ = run.Process.Kill()
		_ = run.Wait()
	})
	lines := bufio.NewScanner(output)
	address := ""
	for address == "" && lines.Scan() {
		_, address, _ = strings.Cut(lines.Text(), "Listening on ")
	}
	require.NotEmpty(t, address, "anvil has not said where it listens")
	go func() { _, _ = io.Copy(io.Discard, output) }()
	client, err := ethclient.Dial("http://" + address)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	for _, one := range rich {
		require.NoError(t, client.Client().CallContext(t.Context(), nil, "anvil_setBalance", one, hexutil.EncodeBig(manyWei())))
	}
	return client, func() {}
}

// onEachChain runs a test on every kind of chain.
func onEachChain(t *testing.T, run func(t *testing.T, b *bundle)) {
	t.Parallel()
	for name := range chains {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, setup(t, name))
		})
	}
}

// bundle is a chain with the test token, a vault and the sweeper.
type bundle struct {
	t       *testing.T
	ctx     context.Context
	client  simulated.Client
	mine    func()
	chainID *big.Int
	usdt    *token.TestUSDT
	tokenAt common.Address
	// owner owns the token and its supply. stranger is somebody who has ether for fees.
	owner, stranger *ecdsa.PrivateKey
	treasury        common.Address
	vault, sweeper  Contract
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := crypto.GenerateKey()
	require.NoError(t, err)
	return key
}

func newKeys(t *testing.T, count int) []*ecdsa.PrivateKey {
	t.Helper()
	keys := make([]*ecdsa.PrivateKey, count)
	for i := range keys {
		keys[i] = newKey(t)
	}
	return keys
}

func addressOf(key *ecdsa.PrivateKey) common.Address { return crypto.PubkeyToAddress(key.PublicKey) }

func addressesOf(keys []*ecdsa.PrivateKey) []common.Address {
	addresses := make([]common.Address, len(keys))
	for i, key := range keys {
		addresses[i] = addressOf(key)
	}
	return addresses
}

func setup(t *testing.T, chain string) *bundle {
	t.Helper()
	b := &bundle{
		t: t, ctx: t.Context(), usdt: token.NewTestUSDT(), treasury: addressOf(newKey(t)),
		owner: newKey(t), stranger: newKey(t),
	}
	b.client, b.mine = chains[chain](t, addressOf(b.owner), addressOf(b.stranger))
	var err error
	b.chainID, err = b.client.ChainID(b.ctx)
	require.NoError(t, err)
	b.tokenAt = b.deploy(token.TestUSDTMetaData.Bin, b.usdt.PackConstructor(big.NewInt(1e15)))
	b.vault, err = VaultOf(b.treasury, b.tokenAt)
	require.NoError(b.t, err)
	b.sweeper = TheSweeper()
	for _, contract := range []Contract{b.vault, b.sweeper} {
		b.do(b.stranger, Deployer, contract.DeployData)
	}
	return b
}

// deploy creates a contract in the usual way.
func (b *bundle) deploy(creation string, arguments []byte) common.Address {
	b.t.Helper()
	receipt := b.send(b.owner, nil, slices.Concat(common.FromHex(creation), arguments))
	require.Equal(b.t, types.ReceiptStatusSuccessful, receipt.Status)
	return receipt.ContractAddress
}

// do sends a transaction that must not revert.
func (b *bundle) do(
	from *ecdsa.PrivateKey, to common.Address, data []byte, authorizations ...types.SetCodeAuthorization,
) *types.Receipt {
	b.t.Helper()
	receipt := b.send(from, &to, data, authorizations...)
	require.Equal(b.t, types.ReceiptStatusSuccessful, receipt.Status)
	return receipt
}

// send mines a transaction, with a fixed gas limit, so that one that reverts is mined too. With authorizations it is a
// set-code transaction (EIP-7702).
func (b *bundle) send(
	from *ecdsa.PrivateKey, to *common.Address, data []byte, authorizations ...types.SetCodeAuthorization,
) *types.Receipt {
	b.t.Helper()
	nonce, err := b.client.PendingNonceAt(b.ctx, addressOf(from))
	require.NoError(b.t, err)
	var content types.TxData = &types.DynamicFeeTx{
		ChainID: b.chainID, Nonce: nonce, To: to, Data: data, Gas: params.MaxTxGas,
		GasTipCap: big.NewInt(params.GWei), GasFeeCap: big.NewInt(10 * params.GWei),
	}
	if len(authorizations) > 0 {
		content = &types.SetCodeTx{
			ChainID: uint256.MustFromBig(b.chainID), Nonce: nonce, To: *to, Data: data, Gas: params.MaxTxGas,
			GasTipCap: uint256.NewInt(params.GWei), GasFeeCap: uint256.NewInt(10 * params.GWei), AuthList: authorizations,
		}
	}
	return b.mined(from, content)
}

// mined signs a transaction, mines it and returns its receipt.
func (b *bundle) mined(from *ecdsa.PrivateKey, content types.TxData) *types.Receipt {
	b.t.Helper()
	transaction, err := types.SignNewTx(from, types.LatestSignerForChainID(b.chainID), content)
	require.NoError(b.t, err)
	require.NoError(b.t, b.client.SendTransaction(b.ctx, transaction))
	b.mine()
	var receipt *types.Receipt
	// Just after its start geth answers that it is still indexing.
	require.Eventually(b.t, func() bool {
		receipt, err = b.client.TransactionReceipt(b.ctx, transaction.Hash())
		return err == nil
	}, 10*time.Second, time.Millisecond)
	return receipt
}

// authorize returns each key's authorization to delegate its account to a contract.
func (b *bundle) authorize(contract common.Address, nonce uint64, keys ...*ecdsa.PrivateKey) []types.SetCodeAuthorization {
	b.t.Helper()
	signed := make([]types.SetCodeAuthorization, len(keys))
	for i, key := range keys {
		var err error
		signed[i], err = types.SignSetCode(key, types.SetCodeAuthorization{
			ChainID: *uint256.MustFromBig(b.chainID), Address: contract, Nonce: nonce,
		})
		require.NoError(b.t, err)
	}
	return signed
}

// delegate delegates accounts to the vault, without sweeping them.
func (b *bundle) delegate(keys ...*ecdsa.PrivateKey) {
	b.t.Helper()
	for few := range slices.Chunk(keys, 50) {
		b.do(b.stranger, common.HexToAddress("0xdead"), nil, b.authorize(b.vault.Address, 0, few...)...)
	}
}

// pay sends micro-USDT of the owner to each account.
func (b *bundle) pay(amount int64, accounts ...common.Address) (gas uint64) {
	b.t.Helper()
	for _, account := range accounts {
		gas = b.do(b.owner, b.tokenAt, b.usdt.PackTransfer(account, big.NewInt(amount))).GasUsed
	}
	return gas
}

func (b *bundle) call(to common.Address, data []byte) ([]byte, error) {
	return b.client.CallContract(b.ctx, ethereum.CallMsg{From: addressOf(b.stranger), To: &to, Data: data}, nil)
}

func (b *bundle) balance(holder common.Address) int64 {
	b.t.Helper()
	return b.balanceOf(b.tokenAt, holder)
}

// balanceOf returns the holder's units of any token.
func (b *bundle) balanceOf(tokenAt, holder common.Address) int64 {
	b.t.Helper()
	answer, err := b.call(tokenAt, b.usdt.PackBalanceOf(holder))
	require.NoError(b.t, err)
	balance, err := b.usdt.UnpackBalanceOf(answer)
	require.NoError(b.t, err)
	return balance.Int64()
}
