package api

import (
	"database/sql"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// sql runs a statement on the API's database, past every trigger of payments.
func (f *fixture) sql(statement string, values ...any) {
	f.Helper()
	db, err := sql.Open("sqlite", f.path+"?_pragma=busy_timeout(5000)")
	require.NoError(f, err)
	defer db.Close()
	_, err = db.ExecContext(f.Context(), "DROP TRIGGER IF EXISTS payments_terms_stand")
	require.NoError(f, err)
	_, err = db.ExecContext(f.Context(), statement, values...)
	require.NoError(f, err)
}

// One UPDATE points a payment's row at the attacker's address, with the index that the address belongs to. Nobody is shown
// it: not the payer, not the shop, not in a list.
func TestASwappedAddressIsNeverShown(t *testing.T) {
	t.Parallel()
	for name, attack := range map[string]string{
		"address and index": `UPDATE payments SET deposit_address = (SELECT deposit_address FROM payments WHERE id = ?1),
			address_index = (SELECT address_index FROM payments WHERE id = ?1) WHERE id = ?2`,
		"with the proof": `UPDATE payments SET deposit_address = (SELECT deposit_address FROM payments WHERE id = ?1),
			address_index = (SELECT address_index FROM payments WHERE id = ?1), mac = (SELECT mac FROM payments WHERE id = ?1)
			WHERE id = ?2`,
		"the amount":   "UPDATE payments SET amount_requested = 1 + length(?1) * 0 WHERE id = ?2",
		"without mac":  "UPDATE payments SET mac = x'' WHERE id = ?2 AND ?1 <> ''",
		"the operator": "UPDATE payments SET user_id = user_id, operator_id = (SELECT operator_id FROM payments WHERE id = ?1) WHERE id = ?2",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := setup(t)
			key := []string{"Idempotency-Key", "order-1"}
			body := `{"amount":50.00,"userId":"user_123456","network":"ERC20"}`
			victim := f.row(parse[created](f, f.call(f.account, http.MethodPost, "/api/payment/create", body, key...).body).PaymentID)
			thief := f.payment(f.other)
			require.Equal(t, http.StatusOK, f.call(f.account, http.MethodGet, "/payment/"+victim.ID, "").status, "shown before, so it is cached")
			f.sql(attack, thief.ID, victim.ID)
			for _, path := range []string{
				"/payment/" + victim.ID, "/payment/data/" + victim.ID, "/api/payment/" + victim.ID, "/payment/" + victim.ID + "/events",
				"/api/payments", "/payment/" + victim.ID + "/qr.svg",
			} {
				for _, account := range []func() answer{
					func() answer { return f.call(f.account, http.MethodGet, path, "") },
					func() answer { return f.call(f.other, http.MethodGet, path, "") },
				} {
					got := account()
					if path != "/api/payments" {
						require.GreaterOrEqual(t, got.status, 400, path)
						require.NotContains(t, got.body, victim.DepositAddress, path)
						require.NotContains(t, strings.ToLower(got.body), strings.ToLower(thief.DepositAddress), path)
						continue
					}
					for _, listed := range parse[paymentList](t, got.body).Payments {
						require.True(t, listed.ID != victim.ID || listed.DepositAddress == nil)
					}
				}
			}
			again := f.call(f.account, http.MethodPost, "/api/payment/create", body, key...)
			if name != "the operator" {
				require.Equal(t, http.StatusInternalServerError, again.status, again.body)
				require.Equal(t, "internal_error", parse[errorBody](t, again.body).Code)
			}
			require.NotContains(t, again.body, thief.DepositAddress)
			alarms, err := f.store.OpenAlarms(t.Context(), models.NetworkERC20)
			require.NoError(t, err)
			require.Len(t, alarms, 1)
			require.Equal(t, models.AlarmPaymentAltered, alarms[0].Kind)
			require.EqualValues(t, 1, alarms[0].Count, "raised once, however often it is asked for")
			require.Contains(t, f.log.String(), victim.ID)
		})
	}
}

// A payment whose row in the append-only table of addresses says otherwise is refused too.
func TestAnAddressThatWasNotHandedOutIsNotShown(t *testing.T) {
	t.Parallel()
	f := setup(t)
	p := f.payment(f.account)
	f.server.handedOut.Purge() // as in another process
	f.sql("DROP TRIGGER deposit_addresses_no_update")
	f.sql("UPDATE deposit_addresses SET address_index = 77777 WHERE payment_id = ?", p.ID)
	require.Equal(t, http.StatusInternalServerError, f.call(f.account, http.MethodGet, "/payment/data/"+p.ID, "").status)
}
