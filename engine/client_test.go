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

// TestSearchAttributesAtTheStart: a keyword in Temporal's PostgreSQL has at most 255 characters, and a user id may hold
// 256.
func TestSearchAttributesAtTheStart(t *testing.T) {
	t.Parallel()
	client := NewClient(nil, ClientSettings{})
	attributes := client.startOptions(models.Payment{UserID: "user_1"}).TypedSearchAttributes
	userID, _ := attributes.GetKeyword(userIDKey)
	require.Equal(t, "user_1", userID)
	require.False(t, attributes.ContainsKey(paymentExceptionKey), "an ordinary payment has no exception")

	attributes = client.startOptions(models.Payment{
		UserID: strings.Repeat("é", 256), PaymentState: models.PaymentState{Exception: models.ExceptionUnderpaid},
	}).TypedSearchAttributes
	userID, _ = attributes.GetKeyword(userIDKey)
	require.Equal(t, strings.Repeat("é", 255), userID)
	exception, _ := attributes.GetKeyword(paymentExceptionKey)
	require.Equal(t, "UNDERPAID", exception)
}
