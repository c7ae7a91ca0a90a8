//go:build !slim

package main

import (
	"crypto/ecdsa"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"testing"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/params"
	"github.com/stretchr/testify/require"

	"paycow/devstack/token"
	"paycow/models"
)

// fate is what a reorg does to a payment's transaction.
type fate string

const (
	fateLost          fate = "lost"
	fateOtherBlock    fate = "in another block"
	fateOtherLogIndex fate = "with another log index"
	fateOtherAmount   fate = "replaced by another amount"
)

// standing is where a payment stands when the reorg comes.
type standing struct {
	name          string
	end           models.Status // "" for an open payment
	amount        models.Amount // what is sent of the 50 USDT
	confirmations int           // of its transaction; 0 when it is not mined yet
	before        string        // the status and exception that this makes
}

var standings = []standing{
	{"pending", "", 50 * models.USDT, 0, "PENDING"},
	{"detected", "", 50 * models.USDT, 1, "DETECTED"},
	{"a part, confirming", "", 20 * models.USDT, 2, "DETECTED"},
	{"a part, credited", "", 20 * models.USDT, 13, "DETECTED"},
	{"confirming with 2", "", 50 * models.USDT, 2, "CONFIRMING"},
	{"confirming with 11", "", 50 * models.USDT, 11, "CONFIRMING"},
	{"paid with 12", "", 50 * models.USDT, 12, "PAID"},
	{"paid with 30", "", 50 * models.USDT, 30, "PAID"},
	{"rejected, detected", models.StatusRejected, 50 * models.USDT, 1, "REJECTED"},
	{"rejected, credited", models.StatusRejected, 50 * models.USDT, 13, "REJECTED AFTER_REJECT"},
	{"expired, detected", models.StatusExpired, 50 * models.USDT, 1, "EXPIRED"},
	{"expired, credited", models.StatusExpired, 50 * models.USDT, 13, "EXPIRED PAID_LATE"},
}

// subject is one payment that goes through one reorg.
type subject struct {
	created
	standing
	fate  fate
	payer *ecdsa.PrivateKey // of its own, so that a lost transaction holds up no other
	tx    *types.Transaction
	seen  map[common.Hash]bool // transactions that were mined at some time
}

func (s *subject) String() string { return s.name + ", " + string(s.fate) }

// reorgChain is the chain of TestReorgsAtEveryState together with an account that pays for all.
type reorgChain struct {
	*installation
	client *ethclient.Client
	signer types.Signer
	nonce  uint64 // of the faucet
}

// call signs a call of the token with a nonce of the caller's choice.
func (c *reorgChain) call(key *ecdsa.PrivateKey, nonce uint64, to common.Address, wei int64, data []byte) *types.Transaction {
	tx, err := types.SignNewTx(key, c.signer, &types.DynamicFeeTx{
		ChainID: new(big.Int).SetUint64(c.chain.ChainID()), Nonce: nonce, To: &to, Value: big.NewInt(wei), Data: data, Gas: 200_000,
		GasTipCap: big.NewInt(params.GWei), GasFeeCap: big.NewInt(20 * params.GWei),
	})
	require.NoError(c.t, err)
	return tx
}

func (c *reorgChain) transfer(key *ecdsa.PrivateKey, nonce uint64, to string, amount models.Amount) *types.Transaction {
	return c.call(key, nonce, c.chain.TokenAddress(), 0, token.NewTestUSDT().PackTransfer(common.HexToAddress(to), big.NewInt(int64(amount))))
}

func (c *reorgChain) submit(tx *types.Transaction) {
	require.NoError(c.t, c.client.SendTransaction(c.t.Context(), tx))
}

func (c *reorgChain) mine(blocks int) { require.NoError(c.t, c.chain.Mine(blocks)) }

// fund gives an account ether for its fees and tokens.
func (c *reorgChain) fund(account common.Address) {
	c.submit(c.call(c.chain.FaucetKey(), c.nonce, account, params.Ether/10, nil))
	c.submit(c.transfer(c.chain.FaucetKey(), c.nonce+1, account.Hex(), 100*models.USDT))
	c.nonce += 2
}

// mined is a transfer as the chain itself tells of it.
type mined struct {
	amount        models.Amount
	confirmations uint64
}

// transfersTo asks the node, not the program.
func (c *reorgChain) transfersTo(address string) map[common.Hash]mined {
	c.t.Helper()
	head, err := c.client.BlockNumber(c.t.Context())
	require.NoError(c.t, err)
	logs, err := c.client.FilterLogs(c.t.Context(), ethereum.FilterQuery{
		FromBlock: new(big.Int), Addresses: []common.Address{c.chain.TokenAddress()},
		Topics: [][]common.Hash{{crypto.Keccak256Hash([]byte("Transfer(address,address,uint256)"))}, nil, {common.BytesToHash(common.HexToAddress(address).Bytes())}},
	})
	require.NoError(c.t, err)
	found := map[common.Hash]mined{}
	for _, l := range logs {
		found[l.TxHash] = mined{models.Amount(new(big.Int).SetBytes(l.Data).Int64()), head - l.BlockNumber + 1}
	}
	return found
}

// truth is what a payment must look like, computed from the chain alone.
func (c *reorgChain) truth(s *subject) (state string, received, credited models.Amount) {
	onChain := c.transfersTo(s.DepositAddress)
	confirming := models.Amount(0)
	for hash, transfer := range onChain {
		s.seen[hash] = true
		received += transfer.amount
		if transfer.confirmations >= 2 {
			confirming += transfer.amount
		}
		if transfer.confirmations >= 12 {
			credited += transfer.amount
		}
	}
	exception := func(credited models.Exception) string {
		switch {
		case credited != "":
			return " " + string(credited)
		case len(s.seen) > len(onChain):
			return " REVERTED"
		default:
			return ""
		}
	}
	ifCredited := func(e models.Exception) models.Exception {
		if credited > 0 {
			return e
		}
		return ""
	}
	const requested = 50 * models.USDT
	switch {
	case s.end == models.StatusRejected:
		state = "REJECTED" + exception(ifCredited(models.ExceptionAfterReject))
	case s.end == models.StatusExpired:
		state = "EXPIRED" + exception(ifCredited(models.ExceptionPaidLate))
	case credited >= requested:
		state = "PAID"
	case confirming >= requested:
		state = "CONFIRMING" + exception("")
	case received > 0:
		state = "DETECTED" + exception("")
	default:
		state = "PENDING" + exception("")
	}
	return state, received, credited
}

// check waits until all payments look as the chain says, and compares amounts, ledger and balance with it.
func (c *reorgChain) check(when string, subjects []*subject) {
	c.t.Helper()
	for _, s := range subjects {
		eventually(c.t, fmt.Sprintf("%s: payment %s (%s) is as the chain says", when, s.SessionID, s), func() error {
			state, received, credited := c.truth(s)
			v := c.view(s.SessionID)
			booked := models.Amount(0)
			for _, entry := range v.Ledger {
				booked += entry.Amount
			}
			if is := joined(v.status); is == state && v.AmountReceived == received && v.AmountCredited == credited && booked == credited {
				return nil
			}
			rows, _ := c.db.Transfers(c.t.Context(), s.SessionID)
			stored, _ := json.Marshal(rows)
			return fmt.Errorf("it is %q with %s received, %s credited, %s booked instead of %q with %s and %s; its rows: %s",
				joined(v.status), v.AmountReceived, v.AmountCredited, booked, state, received, credited, stored)
		})
	}
}

// TestReorgsAtEveryState lets a real chain reorganise 1, 2, 5, 11, 13 and 40 blocks deep while payments stand at every state,
// each with a transaction that is lost, mined in another block, mined behind another log, or replaced by another amount, and
// compares every payment with what the chain says: right after the reorg and when all is confirmed. Two of the reorgs meet a
// program that was just killed.
func TestReorgsAtEveryState(t *testing.T) {
	t.Parallel()
	depths := []int{1, 2, 5, 11, 13, 40}
	c := &reorgChain{installation: setupInstallation(t, nil)}
	c.signer = types.LatestSignerForChainID(new(big.Int).SetUint64(c.chain.ChainID()))
	client, err := ethclient.Dial(c.chain.HTTPURL())
	require.NoError(t, err)
	defer client.Close()
	c.client = client
	c.nonce, err = client.PendingNonceAt(t.Context(), crypto.PubkeyToAddress(c.chain.FaucetKey().PublicKey))
	require.NoError(t, err)
	filler, err := crypto.GenerateKey()
	require.NoError(t, err)
	fillers := uint64(0)
	c.fund(crypto.PubkeyToAddress(filler.PublicKey))

	// The payments that expire come first, with a short window; the chain's clock runs ahead of ours afterwards. Nobody pays
	// them in time.
	c.env = append(c.env, "PAYCOW_PAYMENT_WINDOW=1s")
	serving := c.serveKillable("serve")
	restart := func() {
		require.NoError(t, serving.Process.Kill())
		_ = serving.Wait()
		serving = c.serveKillable("serve")
	}
	c.awaitReady()
	subjects := map[int][]*subject{}
	enrol := func(want func(standing) bool) {
		for _, depth := range depths {
			for _, s := range standings {
				for _, f := range []fate{fateLost, fateOtherBlock, fateOtherLogIndex, fateOtherAmount} {
					if !want(s) {
						continue
					}
					payer, err := crypto.GenerateKey()
					require.NoError(t, err)
					c.fund(crypto.PubkeyToAddress(payer.PublicKey))
					subjects[depth] = append(subjects[depth], &subject{created: c.create("50.00"), standing: s, fate: f, payer: payer, seen: map[common.Hash]bool{}})
				}
			}
		}
	}
	enrol(func(s standing) bool { return s.end == models.StatusExpired })
	c.mine(4) // each block is a second later at least, so the last one is past every window
	for _, depth := range depths {
		for _, s := range subjects[depth] {
			c.await(s.SessionID, "EXPIRED")
		}
	}
	c.env = append(c.env, "PAYCOW_PAYMENT_WINDOW=24h")
	restart()
	c.awaitReady()
	enrol(func(s standing) bool { return s.end != models.StatusExpired })
	c.mine(1)

	checks := 0
	for _, depth := range depths {
		for _, s := range subjects[depth] {
			if s.end == models.StatusRejected {
				c.must(http.MethodPost, "/api/payment/"+s.SessionID+"/reject", `{"reason":"out of stock"}`, nil)
			}
			s.tx = c.transfer(s.payer, 0, s.DepositAddress, s.amount)
		}
		for confirmations := 40; confirmations > 0; confirmations-- {
			for _, s := range subjects[depth] {
				if s.confirmations == confirmations {
					c.submit(s.tx)
				}
			}
			c.mine(1)
		}
		c.awaitRead()
		for _, s := range subjects[depth] {
			state, _, _ := c.truth(s)
			require.Equal(t, s.before, state, "what was prepared: %s", s)
		}
		c.check(fmt.Sprintf("before the reorg of %d", depth), subjects[depth])

		branch := make([][]*types.Transaction, depth+1)
		for i := range branch { // every block begins with somebody else's transfer, so each log moves behind it
			branch[i] = append(branch[i], c.transfer(filler, fillers, common.Address{9}.Hex(), 1))
			fillers++
		}
		for _, s := range subjects[depth] {
			at := depth - s.confirmations // where its transaction is among the replaced blocks
			switch {
			case at < 0: // it is below the fork and stays
				continue
			case at == depth: // it is not mined yet and shows up in the new branch
				at = 0
			}
			switch s.fate {
			case fateLost:
			case fateOtherBlock:
				branch[at+1] = append(branch[at+1], s.tx)
			case fateOtherLogIndex:
				branch[at] = append(branch[at], s.tx)
			case fateOtherAmount:
				branch[at] = append(branch[at], c.transfer(s.payer, 0, s.DepositAddress, 70*models.USDT-s.amount))
			}
		}
		require.NoError(t, c.chain.Replace(depth, branch))
		if depth == 5 || depth == 13 {
			restart()
		}
		c.awaitRead()
		c.check(fmt.Sprintf("after the reorg of %d", depth), subjects[depth])
		c.mine(12)
		c.awaitRead()
		c.check(fmt.Sprintf("12 blocks after the reorg of %d", depth), subjects[depth])
		checks += 3 * len(subjects[depth])
	}

	// In the end all payments of all reorgs, and what the books add up to.
	total := models.Amount(0)
	for _, depth := range depths {
		c.check("in the end", subjects[depth])
		for _, s := range subjects[depth] {
			_, _, credited := c.truth(s)
			total += credited
		}
	}
	require.Equal(t, total, c.available())
	code, out, errs := c.attempt("reconcile")
	require.Zero(t, code, out+errs)
	t.Logf("%d payments, reorgs of depth %v: %d comparisons with the chain agreed; %s USDT credited",
		len(depths)*len(subjects[depths[0]]), depths, checks, total)
}
