package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
	"paycow/store"
)

// TestAddressesExport prints the addresses of more payments than one page holds.
func TestAddressesExport(t *testing.T) {
	db, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "paycow.db"), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer db.Close()
	require.NoError(t, db.Migrate(t.Context()))
	operator := models.Operator{ID: models.NewID(), Email: "shop@example.com", Status: models.OperatorActive}
	require.NoError(t, db.CreateOperator(t.Context(), operator, nil))
	for range addressPage + 1 {
		_, _, err := db.CreatePayment(t.Context(), store.NewPayment{
			ID: models.NewID(), Reference: models.NewReference(), OperatorID: operator.ID, UserID: "u", Network: models.NetworkERC20,
			Currency: models.CurrencyUSDT, AmountRequested: models.USDT, CreatedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour),
		}, func(index uint32) (string, error) { return fmt.Sprintf("0x%040d", index), nil })
		require.NoError(t, err)
	}
	var all, funded bytes.Buffer
	require.NoError(t, exportAddresses(t.Context(), db, &all, false))
	rows, err := csv.NewReader(&all).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 1+addressPage+1)
	require.Equal(t, []string{"account_key", "index", "address", "payment_id", "operator_id", "amount_received", "created_at"}, rows[0])
	seen := map[string]bool{}
	for _, row := range rows[1:] {
		require.False(t, seen[row[1]], "index %s twice", row[1])
		seen[row[1]] = true
		require.Equal(t, fmt.Sprintf("0x%040s", row[1]), row[2])
	}
	require.NoError(t, exportAddresses(t.Context(), db, &funded, true))
	require.Equal(t, 1, bytes.Count(funded.Bytes(), []byte("\n")), "only the header")
}
