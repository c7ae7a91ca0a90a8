package contracts

import (
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/params"
	"github.com/stretchr/testify/require"

	"paycow/contracts/contracttest"
	"paycow/devstack/token"
)

// The manners of contracttest.HostileToken.
const (
	honest = iota
	returnsFalse
	reverts
	burnsGas
	returnsMuch
	callsBack
	claimsMore
)

var (
	vaultCalls   = NewVault()
	sweeperCalls = NewSweeper()
	badToken     = contracttest.NewHostileToken()
)

func (b *bundle) hostileToken(manner uint8) common.Address {
	b.t.Helper()
	return b.deploy(contracttest.HostileTokenMetaData.Bin, badToken.PackConstructor(manner))
}

// sweepReceipt sweeps accounts in one batch, as a stranger.
func (b *bundle) sweepReceipt(data []byte) *types.Receipt {
	b.t.Helper()
	return b.do(b.stranger, b.sweeper.Address, data)
}

func TestCodeOnTheChainIsTheExpectedOne(t *testing.T) {
	onEachChain(t, func(t *testing.T, b *bundle) {
		for name, contract := range map[string]Contract{"vault": b.vault, "sweeper": b.sweeper} {
			code, err := b.client.CodeAt(b.ctx, contract.Address, nil)
			require.NoError(t, err)
			require.Equal(t, contract.Code, code, name)
		}
		other, err := VaultOf(addressOf(b.owner), b.tokenAt)
		require.NoError(t, err)
		require.NotEqual(t, b.vault.Address, other.Address, "the address follows from the treasury")
		require.NotEqual(t, b.vault.Code, other.Code)
	})
}

func TestVaultRefusesAddressesThatWouldLoseMoney(t *testing.T) {
	t.Parallel()
	b := setup(t, "Osaka")
	for name, given := range map[string]struct{ treasury, token common.Address }{
		"no treasury":                     {common.Address{}, b.tokenAt},
		"the token is the treasury":       {b.tokenAt, b.tokenAt},
		"no token":                        {b.treasury, common.Address{}},
		"the token's address has no code": {b.treasury, addressOf(newKey(t))},
	} {
		arguments := vaultCalls.PackConstructor(given.treasury, given.token)
		receipt := b.send(b.owner, nil, append(common.FromHex(VaultMetaData.Bin), arguments...))
		require.Equal(t, types.ReceiptStatusFailed, receipt.Status, name)
		if name != "the token's address has no code" { // which only the chain can tell
			_, err := VaultOf(given.treasury, given.token)
			require.ErrorIs(t, err, ErrBadAddress, name)
		}
	}
}

func TestSweepLeavesOneUnit(t *testing.T) {
	onEachChain(t, func(t *testing.T, b *bundle) {
		key := newKey(t)
		account := addressOf(key)
		b.pay(7_000_000, account)
		b.delegate(key)
		b.do(b.stranger, account, vaultCalls.PackSweep())
		require.EqualValues(t, 6_999_999, b.balance(b.treasury))
		require.EqualValues(t, 1, b.balance(account))

		receipt := b.do(b.stranger, account, vaultCalls.PackSweep())
		require.Empty(t, receipt.Logs, "there is nothing to sweep")
		receipt = b.do(b.stranger, account, vaultCalls.PackSweepToken(b.tokenAt))
		require.Empty(t, receipt.Logs, "sweepToken keeps the unit too")
		require.EqualValues(t, 1, b.balance(account))
	})
}

func TestOtherTokensAndEtherReachTheTreasury(t *testing.T) {
	onEachChain(t, func(t *testing.T, b *bundle) {
		keys := newKeys(t, 3)
		accounts := addressesOf(keys)
		other := b.hostileToken(honest)
		for _, account := range accounts {
			b.do(b.stranger, other, badToken.PackMint(account, big.NewInt(3)))
			require.Equal(t, types.ReceiptStatusSuccessful, b.sendEther(b.stranger, account, big.NewInt(params.GWei)).Status)
		}
		b.delegate(keys...)
		receipt := b.sendEther(b.stranger, accounts[0], big.NewInt(params.GWei))
		require.Equal(t, types.ReceiptStatusSuccessful, receipt.Status, "a delegated account can be sent ether")
		t.Logf("a transfer of ether to a delegated account costs %d gas", receipt.GasUsed)

		b.sweepReceipt(sweeperCalls.PackSweepToken(accounts, gasEach, other))
		require.EqualValues(t, 9, b.balanceOf(other, b.treasury), "nothing of another token stays")
		b.sweepReceipt(sweeperCalls.PackSweepEther(accounts, gasEach))
		wei, err := b.client.BalanceAt(b.ctx, b.treasury, nil)
		require.NoError(t, err)
		require.Equal(t, int64(4*params.GWei), wei.Int64())
	})
}

// TestTreasuryThatRefusesEther uses a token's contract as treasury: it takes no ether.
func TestTreasuryThatRefusesEther(t *testing.T) {
	t.Parallel()
	b := setup(t, "Osaka")
	vault, err := VaultOf(b.hostileToken(honest), b.tokenAt)
	require.NoError(t, err)
	b.do(b.stranger, Deployer, vault.DeployData)
	key := newKey(t)
	b.do(b.stranger, common.HexToAddress("0xdead"), nil, b.authorize(vault.Address, 0, key)...)
	b.sendEther(b.stranger, addressOf(key), big.NewInt(params.GWei))
	account := addressOf(key)
	require.Equal(t, types.ReceiptStatusFailed, b.send(b.stranger, &account, vaultCalls.PackSweepEther()).Status)
	wei, err := b.client.BalanceAt(b.ctx, account, nil)
	require.NoError(t, err)
	require.Equal(t, int64(params.GWei), wei.Int64())
}

// TestOneBadAccountDoesNotStopTheOthers sweeps good accounts between bad ones of each kind.
func TestOneBadAccountDoesNotStopTheOthers(t *testing.T) {
	onEachChain(t, func(t *testing.T, b *bundle) {
		keys := newKeys(t, 7)
		accounts := addressesOf(keys)
		const withoutCode, blacklisted, burns, returnsMuch, loops = 1, 2, 3, 4, 5
		b.pay(2_000_000, accounts...)
		b.delegate(keys[0], keys[blacklisted], keys[6])
		b.do(b.owner, b.tokenAt, b.usdt.PackAddBlackList(accounts[blacklisted]))
		hostile := contracttest.NewHostileAccount()
		for i, index := range []int{burns, returnsMuch, loops} {
			at := b.deploy(contracttest.HostileAccountMetaData.Bin, hostile.PackConstructor(big.NewInt(int64(i))))
			b.do(b.stranger, common.HexToAddress("0xdead"), nil, b.authorize(at, 0, keys[index])...)
		}
		data := sweeperCalls.PackSweep(accounts, gasEach)
		answer, err := b.call(b.sweeper.Address, data)
		require.NoError(t, err)
		succeeded, err := sweeperCalls.UnpackSweep(answer)
		require.NoError(t, err)
		require.Equal(t, []bool{true, true, false, false, false, false, true}, succeeded,
			"an account without code does nothing and does not revert")
		b.sweepReceipt(data)
		require.EqualValues(t, 2*1_999_999, b.balance(b.treasury))
		for i, account := range accounts {
			left := int64(2_000_000)
			if i == 0 || i == 6 {
				left = 1
			}
			require.Equal(t, left, b.balance(account), "account %d, of which %d has no code", i, withoutCode)
		}
	})
}

// TestHostileTokens calls every account with tokens that strangers made, which cost only the caller.
func TestHostileTokens(t *testing.T) {
	onEachChain(t, func(t *testing.T, b *bundle) {
		key := newKey(t)
		account := addressOf(key)
		b.pay(2_000_000, account)
		b.delegate(key)
		for manner := uint8(returnsFalse); manner <= claimsMore; manner++ {
			bad := b.hostileToken(manner)
			b.do(b.stranger, bad, badToken.PackMint(account, big.NewInt(9)))
			b.sweepReceipt(sweeperCalls.PackSweepToken([]common.Address{account, account}, gasEach, bad))
			require.EqualValues(t, 2_000_000, b.balance(account)+b.balance(b.treasury), "manner %d", manner)
			require.Zero(t, b.balance(addressOf(b.stranger)))
			require.Zero(t, b.balance(bad))
		}
		require.EqualValues(t, 1_999_999, b.balance(b.treasury), "the token that calls back has swept the account")
	})
}

func TestTokenInItsOddStates(t *testing.T) {
	onEachChain(t, func(t *testing.T, b *bundle) {
		key := newKey(t)
		account := addressOf(key)
		sweep := func() uint64 { return b.send(b.stranger, &account, vaultCalls.PackSweep()).Status }
		b.pay(2_000_000, account)
		b.delegate(key)

		b.do(b.owner, b.tokenAt, b.usdt.PackPause())
		require.Equal(t, types.ReceiptStatusFailed, sweep(), "the token is paused")
		b.do(b.owner, b.tokenAt, b.usdt.PackUnpause())
		b.do(b.owner, b.tokenAt, b.usdt.PackAddBlackList(account))
		require.Equal(t, types.ReceiptStatusFailed, sweep(), "the account is blacklisted")
		b.do(b.owner, b.tokenAt, b.usdt.PackRemoveBlackList(account))
		require.EqualValues(t, 2_000_000, b.balance(account))

		b.do(b.owner, b.tokenAt, b.usdt.PackSetParams(big.NewInt(10), big.NewInt(49)))
		require.Equal(t, types.ReceiptStatusSuccessful, sweep(), "the token takes a fee")
		require.EqualValues(t, 1, b.balance(account))
		require.EqualValues(t, 1_999_999-1_999, b.balance(b.treasury), "0.1 % is the fee")

		upgrade := token.NewTestUSDTUpgrade()
		next := b.deploy(token.TestUSDTUpgradeMetaData.Bin, upgrade.PackConstructor(b.tokenAt))
		b.do(b.owner, b.tokenAt, b.usdt.PackDeprecate(next))
		b.do(b.owner, next, upgrade.PackMigrate(account, big.NewInt(300_000)))
		require.Equal(t, types.ReceiptStatusSuccessful, sweep(), "another contract has taken over")
		require.EqualValues(t, 299_999, b.balance(b.treasury))
	})
}

// TestAuthorizationsOfAThief replays what a thief of the server has. None of it sends anything but to the treasury.
func TestAuthorizationsOfAThief(t *testing.T) {
	onEachChain(t, func(t *testing.T, b *bundle) {
		key := newKey(t)
		account := addressOf(key)
		b.pay(2_000_000, account)
		authorization := b.authorize(b.vault.Address, 0, key)[0]

		thief, err := VaultOf(addressOf(b.stranger), b.tokenAt)
		require.NoError(t, err)
		b.do(b.stranger, Deployer, thief.DeployData)
		changed := authorization
		changed.Address = thief.Address
		b.do(b.stranger, common.HexToAddress("0xdead"), nil, changed)
		require.Empty(t, b.code(account), "another delegate needs another signature")
		b.send(b.stranger, &account, vaultCalls.PackSweep())
		require.EqualValues(t, 2_000_000, b.balance(account))

		b.do(b.stranger, b.sweeper.Address, sweeperCalls.PackSweep([]common.Address{account}, gasEach), authorization)
		require.Equal(t, types.AddressToDelegation(b.vault.Address), b.code(account))
		require.EqualValues(t, 1_999_999, b.balance(b.treasury))
		b.do(b.stranger, common.HexToAddress("0xdead"), nil, authorization)
		require.Equal(t, types.AddressToDelegation(b.vault.Address), b.code(account), "a second use changes nothing")
		require.Zero(t, b.balance(addressOf(b.stranger)))
	})
}

// TestOwnerOfTheKeyLeaves shows that the owner of the mnemonic needs nobody: a delegated account still obeys its key, and a
// delegate of 0 ends the delegation.
func TestOwnerOfTheKeyLeaves(t *testing.T) {
	onEachChain(t, func(t *testing.T, b *bundle) {
		key := newKey(t)
		account := addressOf(key)
		b.pay(2_000_000, account)
		b.delegate(key)
		b.sendEther(b.stranger, account, big.NewInt(params.Ether))
		b.do(key, b.tokenAt, b.usdt.PackTransfer(addressOf(b.owner), big.NewInt(500_000)))
		require.EqualValues(t, 1_500_000, b.balance(account))

		nonce, err := b.client.PendingNonceAt(b.ctx, account)
		require.NoError(t, err)
		b.do(b.stranger, common.HexToAddress("0xdead"), nil, b.authorize(common.Address{}, nonce, key)...)
		require.Empty(t, b.code(account))
		b.do(b.stranger, b.sweeper.Address, sweeperCalls.PackSweep([]common.Address{account}, gasEach))
		require.EqualValues(t, 1_500_000, b.balance(account), "the sweep does nothing any more")
	})
}

func (b *bundle) code(account common.Address) []byte {
	b.t.Helper()
	code, err := b.client.CodeAt(b.ctx, account, nil)
	require.NoError(b.t, err)
	return code
}
