//go:build !slim

package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// TestPaidAfterExactlyTwelveConfirmations pays from the faucet on a chain that makes a block only when it is told to.
func TestPaidAfterExactlyTwelveConfirmations(t *testing.T) {
	s := startStack(t, "--block-time", "0s")
	payment := s.create("50.00")
	require.Equal(t, "PENDING", s.status(payment.SessionID).Status)

	out, err := program(t, "pay", payment.SessionID, "--data-dir", s.dir).CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "Sent 50.00 USDT to "+payment.DepositAddress)

	s.mine(1)
	s.await(payment.SessionID, "DETECTED")
	require.EqualValues(t, 1, s.status(payment.SessionID).Confirmations)
	s.mine(1)
	s.await(payment.SessionID, "CONFIRMING")
	for confirmations := uint64(3); confirmations <= 11; confirmations++ {
		s.mine(1)
		s.awaitConfirmations(payment.SessionID, confirmations)
		require.Equal(t, "CONFIRMING", s.status(payment.SessionID).Status)
	}
	s.awaitRest(payment.SessionID)
	require.Equal(t, status{Status: "CONFIRMING", Confirmations: 11, AmountReceived: 50 * models.USDT, TxHash: s.status(payment.SessionID).TxHash}, s.status(payment.SessionID))
	require.Zero(t, s.available())
	s.mine(1)
	s.await(payment.SessionID, "PAID")
	v := s.awaitConfirmations(payment.SessionID, 12)
	require.Equal(t, 50*models.USDT, v.AmountCredited)
	require.Len(t, v.Ledger, 1)
	require.Equal(t, 50*models.USDT, s.available())
}

// TestStopAndRestart ends the program in the middle of a payment and goes on with it.
func TestStopAndRestart(t *testing.T) {
	s := startStack(t, "--block-time", "0s")
	payment := s.create("12.5")
	tx := s.send(payment.DepositAddress, 12_500_000)
	s.mine(3)
	s.await(payment.SessionID, "CONFIRMING")
	require.Zero(t, s.stop(), "SIGTERM ends the program cleanly")
	before := s.file
	s.start()
	require.Equal(t, before.Operator, s.file.Operator)
	require.Equal(t, before.XPub, s.file.XPub)
	require.Equal(t, "CONFIRMING", s.status(payment.SessionID).Status)
	s.mine(9)
	s.await(payment.SessionID, "PAID")
	require.Equal(t, s.received(tx, payment.DepositAddress), s.available())
}
