package store

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

func (f *fixture) createWith(t testing.TB, at time.Time, metadata models.Metadata) models.Payment {
	t.Helper()
	in := f.newPayment()
	in.CreatedAt, in.Metadata = at, metadata
	p, _, err := f.CreatePayment(t.Context(), in, derive)
	require.NoError(t, err)
	return p
}

func TestPaymentsAreFoundByTheirMetadata(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		web := models.Metadata{"source": "web", "order": "1"}
		var want []string
		for i := range 5 { // newest first; two of the same time
			want = append([]string{f.createWith(t, epoch.Add(time.Duration(i/2)*time.Minute), web).ID}, want...)
		}
		f.createWith(t, epoch, models.Metadata{"source": "app", "web": "source"})
		f.createWith(t, epoch, nil)
		own := f.operator
		f.operator = f.addOperator(t)
		f.createWith(t, epoch, web)

		find := func(filter PaymentFilter) (found []string) {
			filter.OperatorID = own.ID
			for {
				payments, next, err := f.ListPayments(t.Context(), filter)
				require.NoError(t, err)
				for _, p := range payments {
					found = append(found, p.ID)
				}
				if filter.Cursor = next; next == "" {
					return found
				}
			}
		}
		found := find(PaymentFilter{MetadataKey: "source", MetadataValue: new("web"), Limit: 2})
		require.ElementsMatch(t, want, found)
		require.Equal(t, find(PaymentFilter{UserID: "user_123456"})[:3], found[:3], "in the order of every list")
		require.Len(t, find(PaymentFilter{MetadataKey: "source", MetadataValue: new("web"), From: epoch.Add(time.Minute), To: epoch.Add(2 * time.Minute)}), 2)
		require.Len(t, find(PaymentFilter{MetadataKey: "source", MetadataValue: new("web"), UserID: "user_123456"}), 5)
		for key, value := range map[string]string{"source": "we", "order": "2", "SOURCE": "web", "web": "web", "%": "%"} {
			require.Empty(t, find(PaymentFilter{MetadataKey: key, MetadataValue: new(value)}), key)
		}

		// By key alone: any value, the empty one too.
		empty := func() string {
			current := f.operator
			defer func() { f.operator = current }()
			f.operator = own
			return f.createWith(t, epoch.Add(3*time.Minute), models.Metadata{"source": ""}).ID
		}()
		all := find(PaymentFilter{MetadataKey: "source", Limit: 2})
		require.Len(t, all, 7, "five, the app's and the empty one; none of another operator")
		require.Equal(t, append([]string{empty}, found...), append(all[:1:1], slices.DeleteFunc(all[1:], func(id string) bool {
			return !slices.Contains(want, id)
		})...), "newest first")
		require.Equal(t, []string{empty}, find(PaymentFilter{MetadataKey: "source", MetadataValue: new("")}))
		require.Len(t, find(PaymentFilter{MetadataKey: "order"}), 5)
		require.Len(t, find(PaymentFilter{MetadataKey: "web"}), 1)
		require.Len(t, find(PaymentFilter{MetadataKey: "source", To: epoch.Add(time.Minute), Status: models.StatusPending}), 3)
		for _, key := range []string{"sourc", "source ", "SOURCE", "%", "_ource", "1"} {
			require.Empty(t, find(PaymentFilter{MetadataKey: key}), key)
		}
	})
}

// The longest entries there can be fit into the index, also where a database cannot compress them.
func TestTheLongestMetadata(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		random := func(runes int) string {
			var text strings.Builder
			for _, b := range func() []byte { b := make([]byte, 2*runes); _, _ = rand.Read(b); return b }() {
				if text.Len() < 4*runes {
					text.WriteRune(0x20000 + rune(b)*97) // four bytes each
				}
			}
			return text.String()
		}
		metadata := models.Metadata{}
		for i := range models.MaxMetadataEntries {
			metadata[fmt.Sprintf("%02d", i)+random(models.MaxMetadataKeyRunes-2)] = random(models.MaxMetadataValueRunes)
		}
		p := f.createWith(t, epoch, metadata)
		require.Equal(t, metadata, f.payment(t, p.ID).Metadata)
		require.NoError(t, f.CheckAddress(t.Context(), f.payment(t, p.ID)))
		for key, value := range metadata {
			found, _, err := f.ListPayments(t.Context(), PaymentFilter{OperatorID: f.operator.ID, MetadataKey: key, MetadataValue: new(value)})
			require.NoError(t, err)
			require.Len(t, found, 1)
		}
	})
}

// The proof of a payment made before descriptions and metadata covers ten terms. It must hold for ever.
func TestProofsFromBeforeMetadataHold(t *testing.T) {
	t.Parallel()
	p := models.Payment{ID: "id", OperatorID: "op", Network: "ERC20", Currency: "USDT", AddressIndex: 7, DepositAddress: "0xA", AmountRequested: 5, ExpiresAt: time.UnixMilli(9), Confirmations: 12, ReturnURL: "https://shop.example"}
	before := []string{"id", "op", "ERC20", "USDT", "7", "0xA", "5", "9", "12", "https://shop.example"}
	require.Equal(t, before, termsOf(p))
	p.Metadata = models.Metadata{}
	require.Equal(t, before, termsOf(p))

	// No two payments have the same terms.
	seen := map[string]bool{}
	for _, description := range []string{"", "metadata", "a"} {
		for _, metadata := range []models.Metadata{nil, {"a": "b"}, {"b": "a"}, {"metadata": "a"}, {"a": "b", "metadata": "a"}, {"description": "a"}} {
			p.Description, p.Metadata = description, metadata
			terms := fmt.Sprintf("%q", termsOf(p))
			require.False(t, seen[terms], terms)
			seen[terms] = true
		}
	}
}
