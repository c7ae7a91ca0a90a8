package simulate

import (
	"context"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"paycow/chain/chaintest"
	"paycow/models"
	"paycow/rules"
	"paycow/store"
)

// again is a payment that gets an address which was paid before, as after a restore of the database that nobody noticed.
type again struct {
	at         int // the step at which the payment is created
	address    common.Address
	lastBefore uint64             // the block up to which what was paid to the address is certainly of the time before
	world      []*chaintest.Block // when the payment was created
}

// paidBefore makes the transaction of somebody who paid the address before.
func (sim *simulation) paidBefore() []chaintest.Transaction {
	if sim.step >= sim.again.at || sim.step < sim.again.at-8 || sim.rnd("paid before")%4 != 0 {
		return nil
	}
	tx := chaintest.Transaction{Hash: common.BigToHash(new(big.Int).SetUint64(sim.rnd("tx before")))}
	amount := new(big.Int).SetUint64((1 + sim.rnd("amount before")%70) * 1_000_000)
	tx.Outputs = []chaintest.Output{chaintest.Transfer(chaintest.Token, stranger, sim.again.address, amount)}
	sim.tracef("transaction %s pays %s before its payment is created", tx.Hash.Hex(), sim.again.address)
	return []chaintest.Transaction{tx}
}

// createAgain creates the payment when its step has come.
func (sim *simulation) createAgain(ctx context.Context) {
	if sim.step != sim.again.at {
		return
	}
	number := len(sim.runs)
	p, _, err := sim.db.Store.CreatePayment(ctx, store.NewPayment{
		ID: fmt.Sprintf("%024x", sim.rnd("id again")), Reference: fmt.Sprintf("%016x", sim.rnd("reference again")),
		OperatorID: operatorID, UserID: "user", Network: models.NetworkERC20, Currency: models.CurrencyUSDT, AmountRequested: asked,
		Confirmations: sim.confirmationsOf(number), CreatedAt: time.Now(), ExpiresAt: time.Now().Add(time.Duration(3+sim.rnd("window again")%4) * time.Minute),
	}, func(uint32) (string, error) { return sim.again.address.Hex(), nil })
	if err != nil {
		sim.t.Fatal(err)
	}
	sim.again.lastBefore, sim.again.world = p.CreatedAfter, slices.Clone(sim.world.Blocks())
	sim.tracef("payment %d is created after block %d", number, p.CreatedAfter)
	sim.runs = append(sim.runs, &run{
		payment: p, number: number, rules: rules.NewPayment(models.NewPaymentInput(p, sim.required(), chaintest.BlockTime)), alive: true,
	})
}

// wentBack notes that the cursor went back: what is mined above that block is mined after the payment's creation.
func (sim *simulation) wentBack(to models.BlockRef) {
	sim.again.lastBefore = min(sim.again.lastBefore, to.Number)
}

// isEarly reports whether a transfer was mined before its payment was created, and so must never pay it.
func (sim *simulation) isEarly(p models.Payment, t models.TokenTransfer) bool {
	return common.HexToAddress(p.DepositAddress) == sim.again.address && t.Block.Number <= sim.again.lastBefore
}

// judgeEarly checks that what does not pay is older than the payment, so that no payer loses a payment.
func (sim *simulation) judgeEarly(r *run, all []models.TokenTransfer) {
	for _, t := range all {
		if t.To != r.payment.DepositAddress || !sim.isEarly(r.payment, t) {
			continue
		}
		world := sim.again.world
		if t.Block.Number >= uint64(len(world)) || world[t.Block.Number].Header.Hash.Hex() != t.Block.Hash {
			sim.failf("payment %d: %s of block %s does not pay, although it was mined after the creation", r.number, t.TransferKey, t.Block)
		}
		sim.tracef("payment %d: %s of block %s was mined before the creation", r.number, t.TransferKey, t.Block)
	}
}
