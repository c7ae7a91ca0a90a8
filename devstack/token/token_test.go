package token

import (
	"math"
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/stretchr/testify/require"
)

func TestFirstState(t *testing.T) {
	t.Parallel()
	b := setup(t)
	decimals, err := b.usdt.UnpackDecimals(b.call(b.usdt.PackDecimals()))
	require.NoError(t, err)
	require.EqualValues(t, 6, decimals)
	symbol, err := b.usdt.UnpackSymbol(b.call(b.usdt.PackSymbol()))
	require.NoError(t, err)
	require.Equal(t, "USDT", symbol)
	require.EqualValues(t, initialSupply, b.totalSupply())
	require.EqualValues(t, initialSupply, b.balance(b.owner.address))
}

func TestTransfersReturnNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.do(b.owner, b.usdt.PackApprove(b.alice.address, units(100)))
	for name, message := range map[string]ethereum.CallMsg{
		"transfer":     {From: b.owner.address, To: &b.address, Data: b.usdt.PackTransfer(b.bob.address, units(1))},
		"transferFrom": {From: b.alice.address, To: &b.address, Data: b.usdt.PackTransferFrom(b.owner.address, b.bob.address, units(1))},
		"approve":      {From: b.bob.address, To: &b.address, Data: b.usdt.PackApprove(b.alice.address, units(1))},
	} {
		output, err := b.backend.Client().CallContract(b.ctx, message, nil)
		require.NoError(t, err, name)
		require.Empty(t, output, name)
	}
	abi, err := TestUSDTMetaData.ParseABI()
	require.NoError(t, err)
	for _, name := range []string{"transfer", "transferFrom", "approve"} {
		require.Empty(t, abi.Methods[name].Outputs, name)
	}
}

func TestTransferWithoutFee(t *testing.T) {
	t.Parallel()
	b := setup(t)
	logs := b.do(b.owner, b.usdt.PackTransfer(b.alice.address, units(5_000_000)))
	require.Equal(t, []transfer{{b.owner.address, b.alice.address, 5_000_000}}, b.transfers(logs))
	require.Equal(t, crypto.Keccak256Hash([]byte("Transfer(address,address,uint256)")), logs[0].Topics[0])
	require.Len(t, logs[0].Topics, 3)
	require.EqualValues(t, 5_000_000, b.balance(b.alice.address))
	require.Equal(t, []transfer{{b.alice.address, b.bob.address, 0}},
		b.transfers(b.do(b.alice, b.usdt.PackTransfer(b.bob.address, units(0)))), "nothing can be sent, and is logged")
	b.refuse(b.alice, b.usdt.PackTransfer(b.bob.address, units(5_000_001)), "the balance is too small")
}

func TestFeeIsLoggedToTheOwnerFirst(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.do(b.owner, b.usdt.PackTransfer(b.alice.address, units(50_000_000_000)))
	logs := b.do(b.owner, b.usdt.PackSetParams(units(10), units(20)))
	event, err := b.usdt.UnpackParamsEvent(logs[0])
	require.NoError(t, err)
	require.EqualValues(t, 10, event.FeeBasisPoints.Int64())
	require.EqualValues(t, 20_000_000, event.MaxFee.Int64())

	ownerBefore := b.balance(b.owner.address)
	logs = b.do(b.alice, b.usdt.PackTransfer(b.bob.address, units(100_000_000)))
	require.Equal(t, []transfer{
		{b.alice.address, b.owner.address, 100_000},
		{b.alice.address, b.bob.address, 99_900_000},
	}, b.transfers(logs))
	require.EqualValues(t, 99_900_000, b.balance(b.bob.address))
	require.Equal(t, ownerBefore+100_000, b.balance(b.owner.address))

	logs = b.do(b.alice, b.usdt.PackTransfer(b.bob.address, units(40_000_000_000)))
	require.Equal(t, transfer{b.alice.address, b.owner.address, 20_000_000}, b.transfers(logs)[0], "the maximum holds")

	b.do(b.alice, b.usdt.PackApprove(b.bob.address, units(10_000_000)))
	logs = b.do(b.bob, b.usdt.PackTransferFrom(b.alice.address, b.withoutEtherOrCode, units(10_000_000)))
	require.Equal(t, []transfer{
		{b.alice.address, b.owner.address, 10_000},
		{b.alice.address, b.withoutEtherOrCode, 9_990_000},
	}, b.transfers(logs))

	require.Len(t, b.transfers(b.do(b.alice, b.usdt.PackTransfer(b.bob.address, units(999)))), 1, "a fee that rounds to nothing is not logged")
	b.refuse(b.owner, b.usdt.PackSetParams(units(20), units(1)), "the fee rate is too high")
	b.refuse(b.owner, b.usdt.PackSetParams(units(1), units(50)), "the maximum fee is too high")
	b.do(b.owner, b.usdt.PackSetParams(units(0), units(0)))
	require.Len(t, b.transfers(b.do(b.alice, b.usdt.PackTransfer(b.bob.address, units(1_000_000)))), 1)
}

func TestAllowances(t *testing.T) {
	t.Parallel()
	b := setup(t)
	logs := b.do(b.owner, b.usdt.PackApprove(b.alice.address, units(10)))
	approval, err := b.usdt.UnpackApprovalEvent(logs[0])
	require.NoError(t, err)
	require.EqualValues(t, 10, approval.Value.Int64())
	b.refuse(b.owner, b.usdt.PackApprove(b.alice.address, units(20)), "reset the allowance to zero first")
	b.do(b.alice, b.usdt.PackTransferFrom(b.owner.address, b.bob.address, units(4)))
	b.refuse(b.alice, b.usdt.PackTransferFrom(b.owner.address, b.bob.address, units(7)), "the allowance is too small")

	b.do(b.owner, b.usdt.PackApprove(b.alice.address, units(0)))
	unlimited := new(big.Int).Sub(new(big.Int).Lsh(units(1), 256), units(1))
	b.do(b.owner, b.usdt.PackApprove(b.alice.address, unlimited))
	b.do(b.alice, b.usdt.PackTransferFrom(b.owner.address, b.bob.address, units(4)))
	left, err := b.usdt.UnpackAllowance(b.call(b.usdt.PackAllowance(b.owner.address, b.alice.address)))
	require.NoError(t, err)
	require.Equal(t, unlimited, left, "an unlimited allowance is not used up")
}

func TestBlacklistStopsSendersOnly(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.do(b.owner, b.usdt.PackTransfer(b.alice.address, units(100)))
	b.do(b.alice, b.usdt.PackApprove(b.bob.address, units(100)))
	logs := b.do(b.owner, b.usdt.PackAddBlackList(b.alice.address))
	added, err := b.usdt.UnpackAddedBlackListEvent(logs[0])
	require.NoError(t, err)
	require.Equal(t, b.alice.address, added.User)

	b.refuse(b.alice, b.usdt.PackTransfer(b.bob.address, units(1)), "the sender is blacklisted")
	b.refuse(b.bob, b.usdt.PackTransferFrom(b.alice.address, b.bob.address, units(1)), "the sender is blacklisted")
	b.do(b.owner, b.usdt.PackTransfer(b.alice.address, units(50)))
	require.EqualValues(t, 150, b.balance(b.alice.address), "receiving is possible")

	logs = b.do(b.owner, b.usdt.PackDestroyBlackFunds(b.alice.address))
	require.Len(t, logs, 1)
	destroyed, err := b.usdt.UnpackDestroyedBlackFundsEvent(logs[0])
	require.NoError(t, err)
	require.Equal(t, b.alice.address, destroyed.BlackListedUser)
	require.EqualValues(t, 150, destroyed.Balance.Int64())
	require.Empty(t, b.transfers(logs))
	require.EqualValues(t, 0, b.balance(b.alice.address))
	require.EqualValues(t, initialSupply-150, b.totalSupply())

	logs = b.do(b.owner, b.usdt.PackRemoveBlackList(b.alice.address))
	_, err = b.usdt.UnpackRemovedBlackListEvent(logs[0])
	require.NoError(t, err)
	b.refuse(b.owner, b.usdt.PackDestroyBlackFunds(b.alice.address), "the address is not blacklisted")
	b.do(b.alice, b.usdt.PackTransfer(b.bob.address, units(0)))
}

func TestPause(t *testing.T) {
	t.Parallel()
	b := setup(t)
	logs := b.do(b.owner, b.usdt.PackPause())
	require.Equal(t, crypto.Keccak256Hash([]byte("Pause()")), logs[0].Topics[0])
	b.refuse(b.owner, b.usdt.PackTransfer(b.alice.address, units(1)), "the token is paused")
	b.refuse(b.owner, b.usdt.PackPause(), "the token is paused")
	logs = b.do(b.owner, b.usdt.PackUnpause())
	require.Equal(t, crypto.Keccak256Hash([]byte("Unpause()")), logs[0].Topics[0])
	b.refuse(b.owner, b.usdt.PackUnpause(), "the token is not paused")
	b.do(b.owner, b.usdt.PackTransfer(b.alice.address, units(1)))
}

func TestIssueAndRedeemMoveBalancesWithoutTransferLogs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	logs := b.do(b.owner, b.usdt.PackIssue(units(7)))
	issued, err := b.usdt.UnpackIssueEvent(logs[0])
	require.NoError(t, err)
	require.EqualValues(t, 7, issued.Amount.Int64())
	require.Empty(t, b.transfers(logs))
	require.EqualValues(t, initialSupply+7, b.totalSupply())
	require.EqualValues(t, initialSupply+7, b.balance(b.owner.address))

	logs = b.do(b.owner, b.usdt.PackRedeem(units(5)))
	redeemed, err := b.usdt.UnpackRedeemEvent(logs[0])
	require.NoError(t, err)
	require.EqualValues(t, 5, redeemed.Amount.Int64())
	require.Empty(t, b.transfers(logs))
	require.EqualValues(t, initialSupply+2, b.totalSupply())
	b.refuse(b.owner, b.usdt.PackRedeem(units(math.MaxInt64)), "the balance is too small")
}

func TestDeprecatedTokenForwards(t *testing.T) {
	t.Parallel()
	b := setup(t)
	upgrade := NewTestUSDTUpgrade()
	upgradeAddress := b.deploy(TestUSDTUpgradeMetaData.Bin, upgrade.PackConstructor(b.address))
	migration := b.transact(b.owner, &upgradeAddress, upgrade.PackMigrate(b.alice.address, units(900)))
	require.Equal(t, types.ReceiptStatusSuccessful, migration.Status)

	logs := b.do(b.owner, b.usdt.PackDeprecate(upgradeAddress))
	deprecated, err := b.usdt.UnpackDeprecateEvent(logs[0])
	require.NoError(t, err)
	require.Equal(t, upgradeAddress, deprecated.NewAddress)
	require.EqualValues(t, 900, b.balance(b.alice.address))
	require.EqualValues(t, 900, b.totalSupply())

	logs = b.do(b.alice, b.usdt.PackTransfer(b.bob.address, units(300)))
	require.Len(t, logs, 1)
	require.Equal(t, upgradeAddress, logs[0].Address, "the log is the other contract's")
	require.EqualValues(t, 300, b.balance(b.bob.address))

	logs = b.do(b.alice, b.usdt.PackApprove(b.bob.address, units(50)))
	require.Equal(t, upgradeAddress, logs[0].Address)
	b.do(b.bob, b.usdt.PackTransferFrom(b.alice.address, b.bob.address, units(50)))
	require.EqualValues(t, 350, b.balance(b.bob.address))
	direct := b.transact(b.alice, &upgradeAddress, upgrade.PackTransferByLegacy(b.alice.address, b.bob.address, units(1)))
	require.Equal(t, types.ReceiptStatusFailed, direct.Status)
}

func TestOnlyTheOwnerRules(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, data := range map[string][]byte{
		"setParams":         b.usdt.PackSetParams(units(1), units(1)),
		"addBlackList":      b.usdt.PackAddBlackList(b.bob.address),
		"removeBlackList":   b.usdt.PackRemoveBlackList(b.bob.address),
		"destroyBlackFunds": b.usdt.PackDestroyBlackFunds(b.bob.address),
		"issue":             b.usdt.PackIssue(units(1)),
		"redeem":            b.usdt.PackRedeem(units(1)),
		"pause":             b.usdt.PackPause(),
		"unpause":           b.usdt.PackUnpause(),
		"deprecate":         b.usdt.PackDeprecate(b.bob.address),
		"transferOwnership": b.usdt.PackTransferOwnership(b.bob.address),
	} {
		t.Log(name)
		b.refuse(b.alice, data, "only the owner may do this")
	}
	b.do(b.owner, b.usdt.PackTransferOwnership(b.alice.address))
	b.refuse(b.owner, b.usdt.PackIssue(units(1)), "only the owner may do this")
	b.do(b.alice, b.usdt.PackIssue(units(1)))
	require.EqualValues(t, 1, b.balance(b.alice.address))
}
