//go:build !slim

package main

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/core/types"
	"github.com/stretchr/testify/require"

	"paycow/devstack/localchain"
	"paycow/models"
	"paycow/store"
)

// kills is how many payments are interrupted by kill -9, each at a random moment of its life.
const kills = 10

// TestKilledAtAnyMoment kills the program while a payment is made, paid, confirmed and credited, and starts it again. The
// payment still ends PAID and is credited once. The chain lives in the killed process too, so it may lose a block that was
// being made, and loses its pool: the payer's wallet sends the same transaction again, as wallets do.
func TestKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	s := startStack(t, "--block-time", "200ms", "--window", "24h")
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, seed))
	total := models.Amount(0)
	for i := range kills {
		// A payment lives for about 12 blocks of 200 ms, after a few milliseconds for its creation.
		moment := time.Duration(random.Int64N(int64(3200 * time.Millisecond)))
		if i == 0 {
			moment = time.Duration(random.Int64N(int64(10 * time.Millisecond))) // around the answer to create
		}
		amount := models.Amount(10_000_000 + i)
		body := fmt.Sprintf(`{"amount":%s,"userId":"kill_%d","network":"ERC20"}`, amount, i)
		key := fmt.Sprintf("kill-%d-%d", seed, i)

		killed := make(chan struct{})
		go func() {
			defer close(killed)
			time.Sleep(moment)
			_ = s.cmd.Process.Kill()
		}()
		var tx *types.Transaction
		var payment created
		if code, _, err := s.call(http.MethodPost, "/api/payment/create", body, &payment, "Idempotency-Key", key); err == nil && code == http.StatusOK {
			// The chain may be gone by now; then the payer tries again after the restart.
			tx, _ = transferToken(t, s.file.RPCURL, s.file.TokenAddress, s.file.FaucetKey, payment.DepositAddress, amount)
		}
		<-killed
		<-s.ended
		s.start()

		// What was answered survives; what was not can be asked again.
		var again created
		s.must(http.MethodPost, "/api/payment/create", body, &again, "Idempotency-Key", key)
		if payment.SessionID != "" {
			require.Equal(t, payment, again)
		}
		if tx == nil {
			tx = s.send(again.DepositAddress, amount)
		} else {
			require.NoError(t, localchain.Rebroadcast(t.Context(), s.file.RPCURL, tx))
		}
		s.await(again.SessionID, "PAID")
		total += amount
		v := s.view(again.SessionID)
		require.Len(t, v.Ledger, 1, "killed after %s", moment)
		require.Equal(t, amount, v.Ledger[0].Amount)
		require.Equal(t, s.received(tx, again.DepositAddress), v.AmountCredited)
		require.Equal(t, total, s.available(), "killed after %s", moment)
		t.Logf("killed after %s (created %t, sent %t)", moment, payment.SessionID != "", tx != nil)
	}
}

// TestCrashBetweenCommitAndAnswer kills the program when a payment is committed and nobody has read the answer. The same
// call made again after the restart gives the payment that was made, and no second one.
func TestCrashBetweenCommitAndAnswer(t *testing.T) {
	s := startStack(t, "--block-time", "0s")
	const body = `{"amount":50.00,"userId":"lost_answer","network":"ERC20"}`
	connection, err := net.Dial("tcp", s.url[len("http://"):])
	require.NoError(t, err)
	defer connection.Close()
	_, err = fmt.Fprintf(connection, "POST /api/payment/create HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\n"+
		"x-api-key: %s\r\nx-api-secret: %s\r\nIdempotency-Key: lost\r\nContent-Length: %d\r\n\r\n%s", s.key, s.secret, len(body), body)
	require.NoError(t, err)
	db, err := store.Open(t.Context(), "sqlite:"+s.dir+"/"+devDatabaseName, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer db.Close()
	operator, err := db.OperatorByEmail(t.Context(), s.file.Operator.Email)
	require.NoError(t, err)
	var made []models.Payment
	eventually(t, "the payment is committed", func() error {
		var err error
		made, _, err = db.ListPayments(t.Context(), store.PaymentFilter{OperatorID: operator.ID, Limit: 10})
		if err == nil && len(made) == 0 {
			err = errors.New("there is none")
		}
		return err
	})
	s.kill()
	s.start()
	var again created
	s.must(http.MethodPost, "/api/payment/create", body, &again, "Idempotency-Key", "lost")
	require.Equal(t, made[0].ID, again.SessionID)
	require.Equal(t, made[0].DepositAddress, again.DepositAddress)
	var list struct{ Payments []status }
	s.must(http.MethodGet, "/api/payments", "", &list)
	require.Len(t, list.Payments, 1)
	s.send(again.DepositAddress, 50*models.USDT)
	s.mine(12)
	s.await(again.SessionID, "PAID")
}
