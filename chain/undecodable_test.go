package chain_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"paycow/chain"
	"paycow/chain/chaintest"
	"paycow/models"
)

// unknownType is a type of transaction that go-ethereum does not know yet.
const unknownType = 0x7d

// withUnknownType returns a chain that holds a transfer to us in block 1, in a block with a transaction of an unknown
// type: the transfer's own, or another one.
func withUnknownType(own bool) *chaintest.Chain {
	c := chaintest.NewChain()
	transfer, other := chaintest.Tx(1, chaintest.Pay(chaintest.Payee1, 50)), chaintest.Tx(2, chaintest.Pay(chaintest.Stranger, 7))
	if own {
		transfer.Type = unknownType
	} else {
		other.Type = unknownType
	}
	c.Mine(transfer, other)
	for range 14 {
		c.Mine()
	}
	return c
}

func verification(t models.TokenTransfer) chain.Verification {
	wanted := credited(t)
	wanted.Notice.Canonical, wanted.Notice.CreditedAmount, wanted.Confirmations = true, 0, 12
	return wanted
}

// Nobody can compute the root of receipts of a type that is not known yet. That is not the nodes' fault, and crediting
// goes on by their agreement.
func TestATypeOfTransactionThatIsNotKnownStopsNothing(t *testing.T) {
	t.Parallel()
	for _, own := range []bool{true, false} {
		for quorum := 1; quorum <= 3; quorum++ {
			synctest.Test(t, func(t *testing.T) {
				c := withUnknownType(own)
				p := newPanel(c, quorum, chaintest.LieNone, chaintest.LieNone, chaintest.LieNone)
				alarms := &chaintest.Alarms{}
				endpoints := make([]chain.Endpoint, len(p.nodes))
				for i, node := range p.nodes {
					endpoints[i] = node
					node.Finalize(10)
				}
				p.pool = chain.NewPool(endpoints, configOf(quorum), alarms, quiet())
				store := ourStore()
				s := startAt(1)
				s.quorum = quorum
				catchUp(t, s.follower(p.pool, store, alarms))
				exhaust(t, newCheck(p, store, alarms))
				require.Len(t, store.Canonical(), 1)
				cursor, err := store.Cursor(t.Context(), models.NetworkERC20)
				require.NoError(t, err)
				require.EqualValues(t, 15, cursor.AgreedNumber)

				verifier := chain.NewVerifier(configOf(quorum), p.pool)
				wanted := verification(store.Canonical()[0])
				require.NoError(t, verifier.VerifyTransfer(t.Context(), wanted))
				require.True(t, alarms.IsOpen(models.AlarmReceiptsUndecodable))
				require.Empty(t, p.reported())
				require.Zero(t, alarms.Count(models.AlarmNodeLying))
				wanted.Notice.Amount++
				require.Error(t, verifier.VerifyTransfer(t.Context(), wanted), "what the nodes do not agree on is not credited")
			})
		}
	}
}

// A node that leaves out every log of a block whose receipts cannot be checked is contradicted by its own receipts or
// by the others; a node that lies about such a block still changes nothing.
func TestALieAboutABlockThatCannotBeCheckedChangesNothing(t *testing.T) {
	t.Parallel()
	for lie := chaintest.LieHideAll; lie <= chaintest.LieAnotherAccount; lie++ {
		for liar := range 3 {
			synctest.Test(t, func(t *testing.T) {
				c := withUnknownType(false)
				lies := make([]chaintest.Lie, 3)
				lies[liar] = lie
				p := newPanel(c, 2, lies...)
				store, alarms := ourStore(), &chaintest.Alarms{}
				s := startAt(1)
				s.quorum = 2
				catchUp(t, s.follower(p.pool, store, alarms))
				exhaust(t, newCheck(p, store, alarms))
				require.Equal(t, unnumbered(c.Truth(store.Ours, 0)), unnumbered(canonicalOurs(store)))
				for name := range p.reported() {
					require.Equal(t, p.nodes[liar].Name(), name)
				}
				require.NoError(t, chain.NewVerifier(configOf(2), p.pool).VerifyTransfer(t.Context(), verification(store.Canonical()[0])))
			})
		}
	}
}

// Two nodes contradict each other and neither can be proved right: with a quorum of two nothing is decided, and with
// three nodes the two that agree decide.
func TestReceiptsThatAQuorumReturnsDecideAboutABlockThatCannotBeChecked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPanel(withUnknownType(true), 2, chaintest.LieAnotherAmount, chaintest.LieNone)
		store, alarms := ourStore(), &chaintest.Alarms{}
		s := startAt(1)
		s.quorum = 2
		catchUp(t, s.follower(p.gullible(0), store, alarms))
		require.EqualValues(t, 99, store.Canonical()[0].Amount)
		exhaust(t, newCheck(p, store, alarms))
		require.EqualValues(t, 50, store.Canonical()[0].Amount, "both return the same receipts")
	})
}

// A receipt that lacks what every known type has is still read as far as it goes.
func TestAReceiptOfAnotherFormIsRead(t *testing.T) {
	t.Parallel()
	const receipt = `{"type":"0x7d","status":"0x1","transactionHash":"0x0700000000000000000000000000000000000000000000000000000000000000",
		"blockHash":"0x0900000000000000000000000000000000000000000000000000000000000000","blockNumber":"0x50","logs":[{
		"address":"0x00000000000000000000000000000000070ce400","topics":["0x0100000000000000000000000000000000000000000000000000000000000000"],"data":"0x","blockNumber":"0x50","transactionHash":
		"0x0700000000000000000000000000000000000000000000000000000000000000","transactionIndex":"0x0","blockHash":
		"0x0900000000000000000000000000000000000000000000000000000000000000","logIndex":"0x0","removed":false}]}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := make([]byte, 4096)
		n, _ := r.Body.Read(body)
		result := receipt
		if strings.Contains(string(body[:n]), "eth_getBlockReceipts") {
			result = "[" + receipt + "]"
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"jsonrpc":"2.0","id":1,"result":` + result + `}`))
	}))
	defer server.Close()
	node, err := chain.Dial(t.Context(), server.URL, quiet())
	require.NoError(t, err)
	defer node.Close()
	receipts, err := node.ReceiptsByBlockHash(t.Context(), common.Hash{9})
	require.NoError(t, err)
	require.Len(t, receipts, 1)
	require.Len(t, receipts[0].Logs, 1)
	one, ok, err := node.Receipt(t.Context(), common.Hash{7})
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, common.Hash{9}, one.BlockHash)
	require.EqualValues(t, 1, one.Status)
}
