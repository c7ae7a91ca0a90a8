package contracts

import (
	"crypto/ecdsa"
	"math/big"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/params"
	"github.com/stretchr/testify/require"

	"paycow/contracts/contracttest"
)

// gasEach is what the tests allow one account in a batch.
var gasEach = big.NewInt(400_000)

const (
	batchSize = 50
	// What a sweep may cost an account in a batch of fifty, in gas, under the rules before Amsterdam.
	firstSweepLimit = 40_000
	laterSweepLimit = 18_000
)

// TestGasOfASweep prints what sweeps cost, beside the two usual other ways, measured on the same chain.
func TestGasOfASweep(t *testing.T) {
	onEachChain(t, func(t *testing.T, b *bundle) {
		b.pay(5_000_000, b.treasury) // a treasury that is in use
		keys := newKeys(t, batchSize)
		addresses := addressesOf(keys)
		toFresh := b.pay(5_000_000, addresses...)
		sweep := NewSweeper().PackSweep(addresses, gasEach)
		first := b.do(b.stranger, b.sweeper.Address, sweep, b.authorize(b.vault.Address, 0, keys...)...).GasUsed / batchSize
		require.EqualValues(t, 5_000_000+batchSize*4_999_999, b.balance(b.treasury))
		toUsed := b.pay(5_000_000, addresses...)
		later := b.do(b.stranger, b.sweeper.Address, sweep).GasUsed / batchSize
		require.EqualValues(t, 5_000_000+batchSize*9_999_999, b.balance(b.treasury))

		firstClone, laterClone := b.sweepClones()
		t.Logf("gas an account: vault %d, then %d; CREATE2 clone %d, then %d; top-up and transfer %d; the payer's transfer %d, then %d",
			first, later, firstClone, laterClone, b.topUpAndTransfer(newKey(t)), toFresh, toUsed)
		require.Less(t, first, firstClone)
		if !strings.HasSuffix(t.Name(), "/Amsterdam") {
			require.LessOrEqual(t, first, uint64(firstSweepLimit))
			require.LessOrEqual(t, later, uint64(laterSweepLimit))
		}
	})
}

// sweepClones returns the gas an account for sweeping clones that do not exist, and then once more.
func (b *bundle) sweepClones() (first, later uint64) {
	b.t.Helper()
	factory := contracttest.NewCloneFactory()
	at := b.deploy(contracttest.CloneFactoryMetaData.Bin, factory.PackConstructor(b.treasury, b.tokenAt))
	clones := make([]common.Address, batchSize)
	for salt := range clones {
		answer, err := b.call(at, factory.PackAddressOf(common.BigToHash(big.NewInt(int64(salt)))))
		require.NoError(b.t, err)
		clones[salt], err = factory.UnpackAddressOf(answer)
		require.NoError(b.t, err)
	}
	before := b.balance(b.treasury)
	b.pay(5_000_000, clones...)
	first = b.do(b.stranger, at, factory.PackCreateAndSweep(big.NewInt(batchSize))).GasUsed
	b.pay(5_000_000, clones...)
	later = b.do(b.stranger, at, factory.PackSweep(clones)).GasUsed
	require.Equal(b.t, before+batchSize*9_999_999, b.balance(b.treasury))
	return first / batchSize, later / batchSize
}

// topUpAndTransfer returns the gas for sending an account ether, with which it sends its money to the treasury.
func (b *bundle) topUpAndTransfer(account *ecdsa.PrivateKey) uint64 {
	b.t.Helper()
	b.pay(5_000_000, addressOf(account))
	topUp := b.sendEther(b.stranger, addressOf(account), big.NewInt(params.Ether))
	transfer := b.do(account, b.tokenAt, b.usdt.PackTransfer(b.treasury, big.NewInt(4_999_999)))
	return topUp.GasUsed + transfer.GasUsed
}

func (b *bundle) sendEther(from *ecdsa.PrivateKey, to common.Address, wei *big.Int) *types.Receipt {
	b.t.Helper()
	nonce, err := b.client.PendingNonceAt(b.ctx, addressOf(from))
	require.NoError(b.t, err)
	return b.mined(from, &types.DynamicFeeTx{
		ChainID: b.chainID, Nonce: nonce, To: &to, Value: wei, Gas: 400_000,
		GasTipCap: big.NewInt(params.GWei), GasFeeCap: big.NewInt(10 * params.GWei),
	})
}
