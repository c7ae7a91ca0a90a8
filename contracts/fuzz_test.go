package contracts

import (
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/state"
	"github.com/ethereum/go-ethereum/core/tracing"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/core/vm/runtime"
	"github.com/ethereum/go-ethereum/params"
	"github.com/holiman/uint256"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"paycow/contracts/contracttest"
	"paycow/devstack/token"
)

// machine is the EVM of geth without a chain around it: fast enough for many thousands of calls.
type machine struct {
	t        require.TestingT
	state    *state.StateDB
	owner    common.Address // of the token
	stranger common.Address
	treasury common.Address
	tokenAt  common.Address
	sweeper  common.Address
	accounts []common.Address // delegated to the vault
	bad      []common.Address // a token of each hostile manner
	usdt     *token.TestUSDT
}

func newMachine(t require.TestingT) *machine {
	db, err := state.New(types.EmptyRootHash, state.NewDatabaseForTesting())
	require.NoError(t, err)
	m := &machine{
		t: t, state: db, usdt: token.NewTestUSDT(),
		owner: common.HexToAddress("0x1001"), stranger: common.HexToAddress("0x1002"), treasury: common.HexToAddress("0x1003"),
	}
	for _, rich := range []common.Address{m.owner, m.stranger} {
		db.AddBalance(rich, uint256.NewInt(params.Ether), tracing.BalanceChangeUnspecified)
	}
	m.tokenAt = m.create(token.TestUSDTMetaData.Bin, m.usdt.PackConstructor(big.NewInt(1e15)))
	vault := m.create(VaultMetaData.Bin, NewVault().PackConstructor(m.treasury, m.tokenAt))
	m.sweeper = m.create(SweeperMetaData.Bin, nil)
	for manner := uint8(honest); manner <= claimsMore; manner++ {
		m.bad = append(m.bad, m.create(contracttest.HostileTokenMetaData.Bin, badToken.PackConstructor(manner)))
	}
	for i := range 4 {
		account := common.BigToAddress(big.NewInt(int64(0x2000 + i)))
		db.SetCode(account, types.AddressToDelegation(vault), tracing.CodeChangeUnspecified)
		m.accounts = append(m.accounts, account)
	}
	return m
}

func (m *machine) config(from common.Address) *runtime.Config {
	rules := *params.AllDevChainProtocolChanges
	rules.BogotaTime = nil
	return &runtime.Config{
		ChainConfig: &rules, State: m.state, Origin: from, GasLimit: 3_000_000, Random: new(common.Hash),
		BlockNumber: new(big.Int), Difficulty: new(big.Int), EVMConfig: vm.Config{},
	}
}

func (m *machine) create(bytecode string, arguments []byte) common.Address {
	_, address, _, err := runtime.Create(append(common.FromHex(bytecode), arguments...), m.config(m.owner))
	require.NoError(m.t, err)
	return address
}

// call calls a contract and returns whether it succeeded. One that reverts has changed nothing.
func (m *machine) call(from, to common.Address, data []byte) bool {
	_, _, err := runtime.Call(to, data, m.config(from))
	return err == nil
}

func (m *machine) balance(holder common.Address) int64 {
	answer, _, err := runtime.Call(m.tokenAt, m.usdt.PackBalanceOf(holder), m.config(m.stranger))
	require.NoError(m.t, err)
	balance, err := m.usdt.UnpackBalanceOf(answer)
	require.NoError(m.t, err)
	return balance.Int64()
}

func (m *machine) wei(holder common.Address) uint64 { return m.state.GetBalance(holder).Uint64() }

// held returns what accounts and treasury hold together.
func (m *machine) held() (units int64, wei uint64) {
	for _, holder := range append([]common.Address{m.treasury}, m.accounts...) {
		units += m.balance(holder)
		wei += m.wei(holder)
	}
	return units, wei
}

// FuzzCallOfAnAccount lets a stranger call a delegated account with any data. What leaves it reaches the treasury.
func FuzzCallOfAnAccount(f *testing.F) {
	calls := NewVault()
	for _, seed := range [][]byte{
		nil, calls.PackSweep(), calls.PackSweepEther(), calls.PackTREASURY(), calls.PackTOKEN(),
		{1},
		{1, 2, 3, 4},
		calls.PackSweepToken(common.HexToAddress("0x1004")), token.NewTestUSDT().PackTransfer(common.Address{}, big.NewInt(1)),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m := newMachine(t)
		account := m.accounts[0]
		require.True(t, m.call(m.owner, m.tokenAt, m.usdt.PackTransfer(account, big.NewInt(1_000_000))))
		m.state.AddBalance(account, uint256.NewInt(1_000), tracing.BalanceChangeUnspecified)
		m.call(m.stranger, account, data)
		units, wei := m.held()
		require.EqualValues(t, 1_000_000, units)
		require.EqualValues(t, 1_000, wei)
	})
}

// TestNothingLeavesButToTheTreasury mixes what strangers, payers and the token's issuer can do, in any order.
func TestNothingLeavesButToTheTreasury(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := newMachine(t)
		var paidUnits int64
		var paidWei uint64
		account := func() common.Address { return rapid.SampledFrom(m.accounts).Draw(t, "account") }
		t.Repeat(map[string]func(*rapid.T){
			"pay": func(t *rapid.T) {
				amount := rapid.Int64Range(0, 1e9).Draw(t, "units")
				if m.call(m.owner, m.tokenAt, m.usdt.PackTransfer(account(), big.NewInt(amount))) {
					paidUnits += amount
				}
			},
			"send ether": func(t *rapid.T) {
				wei := rapid.Uint64Range(0, 1e9).Draw(t, "wei")
				m.state.AddBalance(account(), uint256.NewInt(wei), tracing.BalanceChangeUnspecified)
				paidWei += wei
			},
			"send another token": func(t *rapid.T) {
				m.call(m.stranger, rapid.SampledFrom(m.bad).Draw(t, "token"), badToken.PackMint(account(), big.NewInt(7)))
			},
			"pause or go on": func(*rapid.T) {
				if !m.call(m.owner, m.tokenAt, m.usdt.PackPause()) {
					require.True(t, m.call(m.owner, m.tokenAt, m.usdt.PackUnpause()))
				}
			},
			"block an account":   func(*rapid.T) { m.call(m.owner, m.tokenAt, m.usdt.PackAddBlackList(account())) },
			"unblock an account": func(*rapid.T) { m.call(m.owner, m.tokenAt, m.usdt.PackRemoveBlackList(account())) },
			"sweep": func(*rapid.T) {
				swept := account()
				if before := m.balance(swept); m.call(m.stranger, swept, vaultCalls.PackSweep()) {
					require.Equal(t, min(before, 1), m.balance(swept))
				}
			},
			"sweep another token": func(t *rapid.T) {
				m.call(m.stranger, account(), vaultCalls.PackSweepToken(rapid.SampledFrom(m.bad).Draw(t, "token")))
			},
			"sweep ether": func(*rapid.T) {
				swept := account()
				require.True(t, m.call(m.stranger, swept, vaultCalls.PackSweepEther()))
				require.Zero(t, m.wei(swept))
			},
			"sweep in a batch": func(t *rapid.T) {
				batch := rapid.SliceOfN(rapid.SampledFrom(m.accounts), 0, 6).Draw(t, "accounts")
				require.True(t, m.call(m.stranger, m.sweeper, sweeperCalls.PackSweep(batch, gasEach)))
			},
			"": func(t *rapid.T) {
				units, wei := m.held()
				require.Equal(t, paidUnits, units)
				require.Equal(t, paidWei, wei)
				require.Zero(t, m.balance(m.stranger))
				require.Zero(t, m.balance(m.sweeper))
				for _, bad := range m.bad {
					require.Zero(t, m.balance(bad))
				}
			},
		})
	})
}
