package api

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
	"paycow/store"
	"paycow/views"
)

func TestListEvents(t *testing.T) {
	t.Parallel()
	f := setup(t)
	p := f.payment(f.account)
	f.startChain(100)
	f.moveChain(100, 101, transferTo(p, 50*models.USDT, 101))
	f.moveChain(101, 113)
	f.credit(p)
	second := f.payment(f.account)
	require.Equal(t, http.StatusOK,
		f.call(f.account, http.MethodPost, "/api/payment/"+second.ID+"/reject", `{"reason":"r"}`).status)

	list := func(query string) eventList {
		got := f.call(f.account, http.MethodGet, "/api/events"+query, "")
		require.Equal(t, http.StatusOK, got.status, got.body)
		return parse[eventList](t, got.body)
	}
	all := list("")
	require.Nil(t, all.NextCursor)
	require.Len(t, all.Events, 2)
	require.Equal(t, models.EventPaid, all.Events[0].Type)
	require.Equal(t, models.EventRejected, all.Events[1].Type)
	rows, _, err := f.store.ListEvents(t.Context(), store.EventFilter{OperatorID: f.operatorID(f.account)})
	require.NoError(t, err)
	for _, row := range rows {
		message, err := json.Marshal(views.NewEventMessage(row))
		require.NoError(t, err)
		f.isMessage(message)
	}

	told := parse[views.OperatorPayment](t, string(all.Events[0].Data))
	shown := parse[views.OperatorPayment](t, f.call(f.account, http.MethodGet, "/api/payment/"+p.ID, "").body)
	shown.ServerTime = told.ServerTime
	require.Equal(t, shown, told, "what the API answers with")
	require.Equal(t, all.Events[0].Timestamp, told.ServerTime)

	first := list("?limit=1")
	require.Equal(t, all.Events[:1], first.Events)
	require.Equal(t, all.Events[1:], list("?limit=1&cursor="+*first.NextCursor).Events)
	require.Equal(t, all.Events[1:], list("?payment="+second.ID).Events)
	require.Equal(t, all.Events[:1], list("?type=payment.paid").Events)
	require.Equal(t, all.Events, list("?from="+all.Events[0].Timestamp.String()).Events)
	require.Empty(t, list("?from="+instant(time.Now().Add(time.Hour)).String()).Events)
	require.Empty(t, list("?payment="+models.NewID()).Events)

	const nothing = `{"events":[],"nextCursor":null}`
	require.Equal(t, nothing, f.call(f.other, http.MethodGet, "/api/events", "").body)
	require.Equal(t, nothing, f.call(f.other, http.MethodGet, "/api/events?payment="+p.ID, "").body)
}

func TestBadEventQueries(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for query, field := range map[string]string{
		"type=paid":                           "type",
		"type=payment.PAID":                   "type",
		"type=":                               "type",
		"type=payment.paid&type=payment.paid": "type",
		"payment=x":                           "payment",
		"payment=648F3A9B2C1D4E5F60718293":    "payment",
		"payment=648f3a9b2c1d4e5f6071829":     "payment",
		"cursor=x":                            "cursor",
		"cursor=%00":                          "cursor",
		"from=yesterday":                      "from",
		"from=2026-03-12T22:30:00Z&to=2026-03-12T22:29:59Z": "to",
		"limit=0":     "limit",
		"limit=201":   "limit",
		"status=PAID": "status",
	} {
		got := f.call(f.account, http.MethodGet, "/api/events?"+query, "")
		require.Equal(t, http.StatusBadRequest, got.status, "%s: %s", query, got.body)
		require.Equal(t, field, parse[map[string]string](t, got.body)["field"], query)
	}
	require.Equal(t, http.StatusUnauthorized, f.public("/api/events").status)
}
