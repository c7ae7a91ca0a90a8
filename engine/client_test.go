package engine

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// TestSummariesFitTemporal: Temporal refuses a summary of more than 400 bytes, and a user id may hold 256 characters.
func TestSummariesFitTemporal(t *testing.T) {
	t.Parallel()
	client := NewClient(nil, ClientSettings{})
	short := client.startOptions(models.Payment{Currency: models.CurrencyUSDT, AmountRequested: models.USDT, UserID: "user_1"})
	require.Equal(t, "USDT 1.00 for user_1", short.StaticSummary)
	long := client.startOptions(models.Payment{
		Currency: models.CurrencyUSDT, AmountRequested: models.DefaultMaxAmount, UserID: strings.Repeat("😀", 256),
	})
	require.LessOrEqual(t, len(long.StaticSummary), 400)
}
