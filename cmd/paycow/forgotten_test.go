package main

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/chain"
	"paycow/engine"
	"paycow/models"
	"paycow/store"
)

// Whoever can start workflows in the engine cannot stop the creation of payments: only a payment whose address is derived
// from the account key counts as forgotten.
func TestAnInventedWorkflowIsNoForgottenPayment(t *testing.T) {
	db, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "paycow.db"), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer db.Close()
	require.NoError(t, db.Migrate(t.Context()))
	account, err := chain.NewDevXPub([]byte("a seed of the tests, 32 bytes ok"))
	require.NoError(t, err)
	a := &app{store: db}
	a.settings.XPub, err = chain.NewXPub(account)
	require.NoError(t, err)
	operator := models.Operator{ID: models.NewID(), Email: "shop@example.com", Status: models.OperatorActive}
	require.NoError(t, db.CreateOperator(t.Context(), operator, nil))
	known, _, err := db.CreatePayment(t.Context(), store.NewPayment{
		ID: models.NewID(), Reference: models.NewReference(), OperatorID: operator.ID, UserID: "u", Network: models.NetworkERC20,
		Currency: models.CurrencyUSDT, AmountRequested: models.USDT, CreatedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour),
	}, a.settings.XPub.Address)
	require.NoError(t, err)
	at := func(index uint32) *uint32 { return &index }
	ours, err := a.settings.XPub.Address(5000)
	require.NoError(t, err)
	forgotten := engine.KnownPayment{ID: models.NewID(), OperatorID: operator.ID, DepositAddress: ours, AddressIndex: at(5000)}
	found, err := a.forgotten(t.Context(), []engine.KnownPayment{
		{ID: known.ID, DepositAddress: known.DepositAddress, AddressIndex: &known.AddressIndex},
		{ID: models.NewID()},
		{ID: "no id", DepositAddress: "no address", AddressIndex: at(1 << 31)},
		{ID: models.NewID(), DepositAddress: ours, AddressIndex: at(5001)},
		{ID: models.NewID(), DepositAddress: ours},
		{ID: models.NewID(), DepositAddress: "0x5742A96E40000000000000000000000000000000", AddressIndex: at(5000)},
		forgotten, forgotten,
	})
	require.NoError(t, err)
	require.NotEmpty(t, found)
	for _, f := range found {
		require.Equal(t, models.ForgottenAddress{
			Address: ours, XPub: a.settings.XPub.Fingerprint(), Index: 5000, PaymentID: forgotten.ID, OperatorID: operator.ID,
		}, f)
	}
}
