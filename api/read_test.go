package api

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"paycow/api/apitest"
	"paycow/models"
	"paycow/views"
)

const exampleTx = "0x1a2b3c4d1a2b3c4d1a2b3c4d1a2b3c4d1a2b3c4d1a2b3c4d1a2b3c4d1a2b3c4d"

// block returns a block of the test chain. Its hash is derived from its number.
func block(number uint64) models.BlockRef {
	return models.BlockRef{
		Number: number, Hash: fmt.Sprintf("0x%064x", number), Time: time.Now().UTC().Truncate(time.Second),
	}
}

// startChain sets the watcher's position to a block.
func (f *fixture) startChain(number uint64) {
	f.Helper()
	require.NoError(f, f.store.InitCursor(f.Context(), models.NetworkERC20, block(number), number))
}

// moveChain advances the watcher to a block, which contains the given transfers.
func (f *fixture) moveChain(from, to uint64, transfers ...models.TokenTransfer) {
	f.Helper()
	require.NoError(f, f.store.Advance(f.Context(), models.NetworkERC20, models.BlockBatch{
		From: block(from), To: block(to), Head: to, Agreed: true, Transfers: transfers,
	}))
}

// giveConfirmations moves the chain until a transfer in that block has the confirmations of the payment.
func (f *fixture) giveConfirmations(p models.Payment, block uint64) {
	f.Helper()
	cursor, err := f.store.Cursor(f.Context(), models.NetworkERC20)
	require.NoError(f, err)
	if at := block + p.Confirmations - 1; cursor.BlockNumber < at {
		f.moveChain(cursor.BlockNumber, at)
	}
}

func transferTo(p models.Payment, amount models.Amount, number uint64) models.TokenTransfer {
	return models.TokenTransfer{
		TransferKey: models.TransferKey{ChainID: 1337, TxHash: exampleTx},
		From:        "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
		To:          p.DepositAddress, Amount: amount, LogIndex: 4, Block: block(number),
	}
}

// short creates a payment that got 49 of its 50 USDT, and has expired with the given exception.
func (f *fixture) short(account apitest.Account, exception models.Exception) models.Payment {
	f.Helper()
	cursor, err := f.store.Cursor(f.Context(), models.NetworkERC20)
	if errors.Is(err, models.ErrNotFound) {
		f.startChain(100)
		cursor, err = f.store.Cursor(f.Context(), models.NetworkERC20)
	}
	require.NoError(f, err)
	p := f.payment(account)
	transfer := transferTo(p, 49*models.USDT, cursor.BlockNumber+1)
	transfer.TxHash = hexHash(0xabc000 + cursor.BlockNumber)
	f.moveChain(cursor.BlockNumber, cursor.BlockNumber+1, transfer)
	f.giveConfirmations(p, cursor.BlockNumber+1)
	snapshot, err := f.store.Snapshot(f.Context(), p.ID)
	require.NoError(f, err)
	state := snapshot.State
	state.Version++
	state.Status, state.AmountReceived, state.AmountCredited = models.StatusDetected, 49*models.USDT, 49*models.USDT
	result, err := f.store.Credit(f.Context(), models.CreditInput{
		PaymentID: p.ID, OperatorID: p.OperatorID, Credits: snapshot.Transfers, State: state,
	})
	require.NoError(f, err)
	require.True(f, result.Recorded, result.Refused)
	return f.record(p.ID, func(s *models.PaymentState) { s.Status, s.Exception = models.StatusExpired, exception })
}

func TestPublicData(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 12, 21, 30, 0, 0, time.UTC)
	f := setup(t, func(c *Config) { c.Clock = func() time.Time { return now } })
	p := f.payment(f.account)
	got := f.call(f.other, http.MethodGet, "/payment/data/"+p.ID, "")
	require.Equal(t, http.StatusOK, got.status)
	require.Equal(t, fmt.Sprintf(`{"_id":"%s","userId":"user_123456","amountRequested":50.00,"amountReceived":0.00,"currencyInfo":"USDT",`+
		`"depositAddress":"%s","depositNetwork":"ERC20","status":"PENDING","confirmations":0,"paymentReference":"%s","txHash":null,`+
		`"expiresAt":"2026-03-12T22:30:00.000Z","createdAt":"2026-03-12T21:30:00.000Z","exception":null,"requiredConfirmations":12,`+
		`"serverTime":"2026-03-12T21:30:00.000Z"}`, p.ID, p.DepositAddress, p.Reference), got.body)
}

func TestConfirmationsFollowTheChain(t *testing.T) {
	t.Parallel()
	f := setup(t)
	p := f.payment(f.account)
	f.startChain(100)
	f.moveChain(100, 101, transferTo(p, 50*models.USDT, 101))
	f.record(p.ID, func(s *models.PaymentState) {
		s.Status, s.AmountReceived, s.TxHash, s.LastBlock = models.StatusConfirming, 50*models.USDT, exampleTx, 101
	})
	at := uint64(101)
	for _, c := range []struct{ head, public, operator uint64 }{
		{101, 1, 1},
		{102, 2, 2},
		{111, 11, 11},
		{112, 12, 12},
		{113, 12, 13},
		{200, 12, 100},
	} {
		if c.head > at {
			f.moveChain(at, c.head)
			at = c.head
		}
		public := parse[views.PublicPayment](t, f.call(f.account, http.MethodGet, "/payment/data/"+p.ID, "").body)
		require.Equal(t, c.public, public.Confirmations, "head %d", c.head)
		require.Equal(t, exampleTx, *public.TxHash)
		full := parse[views.OperatorPayment](t, f.call(f.account, http.MethodGet, "/api/payment/"+p.ID, "").body)
		require.Len(t, full.Transfers, 1)
		require.Equal(t, c.operator, full.Transfers[0].Confirmations)
		require.Equal(t, views.TransferConfirming, full.Transfers[0].State)
	}
}

func TestOperatorView(t *testing.T) {
	t.Parallel()
	f := setup(t)
	p := f.payment(f.account)
	f.startChain(100)
	f.moveChain(100, 101, transferTo(p, 50*models.USDT, 101))
	f.moveChain(101, 113)
	balanceNow := parse[balance](t, f.call(f.account, http.MethodGet, "/api/balance", "").body)
	require.Equal(t, balance{Currency: "USDT", Available: 0, Pending: 50 * models.USDT}, balanceNow)

	f.credit(p)
	full := parse[views.OperatorPayment](t, f.call(f.account, http.MethodGet, "/api/payment/"+p.ID, "").body)
	require.Equal(t, models.StatusPaid, full.Status)
	require.Equal(t, views.TransferCredited, full.Transfers[0].State)
	require.Equal(t, []models.Status{models.StatusPending, models.StatusPaid},
		[]models.Status{full.Timeline[0].Status, full.Timeline[1].Status})
	require.Len(t, full.Ledger, 1, "the other leg of the booking is not the operator's")
	require.Equal(t, 50*models.USDT, full.Ledger[0].Amount)

	balanceNow = parse[balance](t, f.call(f.account, http.MethodGet, "/api/balance", "").body)
	require.Equal(t, balance{Currency: "USDT", Available: 50 * models.USDT, Pending: 0}, balanceNow)
	require.Equal(t, balance{Currency: "USDT"}, parse[balance](t,
		f.call(f.other, http.MethodGet, "/api/balance", "").body))

	ledger := parse[ledgerList](t, f.call(f.account, http.MethodGet, "/api/ledger", "").body)
	require.Len(t, ledger.Entries, 1)
	require.Equal(t, p.ID, ledger.Entries[0].PaymentID)
	require.Nil(t, ledger.NextCursor)
	require.Equal(t, `{"entries":[],"nextCursor":null}`, f.call(f.other, http.MethodGet, "/api/ledger", "").body)
	text := f.call(f.account, http.MethodGet, "/api/ledger", "", "Accept", "text/csv").body
	require.Equal(t, 2, strings.Count(text, "\r\n"))
	require.Contains(t, text, ",CREDIT,50.00,USDT,"+p.ID+",transfer:1337:"+exampleTx+":0,")
}

// credit books the payment's only transfer and makes the payment PAID.
func (f *fixture) credit(p models.Payment) {
	f.Helper()
	snapshot, err := f.store.Snapshot(f.Context(), p.ID)
	require.NoError(f, err)
	state := snapshot.State
	state.Version++
	state.Status, state.AmountReceived, state.AmountCredited = models.StatusPaid, 50*models.USDT, 50*models.USDT
	state.TxHash, state.LastBlock = exampleTx, snapshot.Transfers[0].Block.Number
	f.giveConfirmations(p, state.LastBlock)
	result, err := f.store.Credit(f.Context(), models.CreditInput{
		PaymentID: p.ID, OperatorID: p.OperatorID, DepositAddress: p.DepositAddress, Confirmations: 12,
		Credits: snapshot.Transfers, State: state,
	})
	require.NoError(f, err)
	require.True(f, result.Recorded)
}

func TestAnotherOperatorsPaymentIsUnknown(t *testing.T) {
	t.Parallel()
	f := setup(t)
	p := f.payment(f.other)
	strip := func(a answer) string {
		return strings.ReplaceAll(a.body, a.header.Get("X-Request-Id"), "")
	}
	for _, call := range []struct{ method, suffix, body string }{
		{http.MethodGet, "", ""}, {http.MethodPost, "/reject", `{"reason":"r"}`}, {http.MethodPost, "/accept", ""},
	} {
		foreign := f.call(f.account, call.method, "/api/payment/"+p.ID+call.suffix, call.body)
		unknown := f.call(f.account, call.method, "/api/payment/"+models.NewID()+call.suffix, call.body)
		require.Equal(t, http.StatusNotFound, foreign.status)
		require.Equal(t, strip(unknown), strip(foreign))
		require.Len(t, foreign.header, len(unknown.header))
	}
	require.Zero(t, f.engine.signals.Load())
}

func TestStateComesFromTheNewerOfRowAndWorkflow(t *testing.T) {
	t.Parallel()
	f := setup(t)
	p := f.started(f.account)
	status := func() models.Status {
		return parse[views.PublicPayment](t, f.call(f.account, http.MethodGet, "/payment/data/"+p.ID, "").body).Status
	}
	newer := p.PaymentState
	newer.Version, newer.Status = p.Version+1, models.StatusDetected
	f.engine.onQuery(func(context.Context, string) (models.PaymentState, error) { return newer, nil })
	require.Equal(t, models.StatusDetected, status(), "the workflow is ahead of the row")
	f.record(p.ID, func(s *models.PaymentState) { s.Status = models.StatusDetected })
	f.record(p.ID, func(s *models.PaymentState) { s.Status = models.StatusConfirming })
	require.Equal(t, models.StatusConfirming, status(), "an older answer than the row is never shown")
	f.record(p.ID, func(s *models.PaymentState) { s.Status = models.StatusPaid })
	before := f.engine.queries.Load()
	require.Equal(t, models.StatusPaid, status())
	require.Equal(t, before, f.engine.queries.Load(), "a payment that has ended asks nobody")
}

func TestThousandPollsCostOneQueryAVersion(t *testing.T) {
	t.Parallel()
	f := setup(t)
	p := f.started(f.account)
	f.engine.onQuery(func(context.Context, string) (models.PaymentState, error) { return f.row(p.ID).PaymentState, nil })
	poll := func(times int) {
		var group sync.WaitGroup
		const pollers = 20
		for range pollers {
			group.Go(func() {
				for range times / pollers {
					f.server.states.current(t.Context(), f.row(p.ID))
				}
			})
		}
		group.Wait()
	}
	poll(1000)
	require.EqualValues(t, 1, f.engine.queries.Load())
	f.record(p.ID, func(s *models.PaymentState) { s.Status = models.StatusDetected })
	poll(1000)
	require.EqualValues(t, 2, f.engine.queries.Load())

	// A workflow that is behind the row must not be queried on every poll either.
	old := p.PaymentState
	f.engine.onQuery(func(context.Context, string) (models.PaymentState, error) { return old, nil })
	f.record(p.ID, func(s *models.PaymentState) { s.Status = models.StatusConfirming })
	poll(1000)
	require.EqualValues(t, 3, f.engine.queries.Load())
	for range 3 {
		require.Equal(t, http.StatusOK, f.call(f.account, http.MethodGet, "/payment/data/"+p.ID, "").status)
	}
	require.EqualValues(t, 3, f.engine.queries.Load())
}

func TestTheRowAnswersWhileTheEngineIsAway(t *testing.T) {
	t.Parallel()
	f := setup(t)
	first, second := f.started(f.account), f.started(f.account)
	f.engine.onQuery(func(context.Context, string) (models.PaymentState, error) {
		return models.PaymentState{}, errors.New("connection refused")
	})
	for _, p := range []models.Payment{first, second, first, second} {
		require.Equal(t, models.StatusPending, f.server.states.current(t.Context(), p).Status)
	}
	require.EqualValues(t, 1, f.engine.queries.Load(), "after a failure nobody asks for a while")
	f.server.states.pausedUntil.Store(0)
	f.engine.onQuery(func(_ context.Context, id string) (models.PaymentState, error) {
		return f.row(id).PaymentState,
			nil
	})
	f.server.states.current(t.Context(), first)
	require.EqualValues(t, 2, f.engine.queries.Load())
}

func TestAPollerThatGivesUpDoesNotTakeTheAnswerFromTheOthers(t *testing.T) {
	t.Parallel()
	f := setup(t)
	p := f.started(f.account)
	newer := p.PaymentState
	newer.Version, newer.Status = p.Version+1, models.StatusDetected
	f.engine.onQuery(func(ctx context.Context, _ string) (models.PaymentState, error) { return newer, ctx.Err() })
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	require.Equal(t, models.StatusDetected, f.server.states.current(gone, p).Status)
}

func TestAWorkflowNotYetStartedIsNotAsked(t *testing.T) {
	t.Parallel()
	f := setup(t)
	p := f.payment(f.account)
	f.call(f.account, http.MethodGet, "/payment/data/"+p.ID, "")
	require.Zero(t, f.engine.queries.Load())
}

func TestListPagesAndFilters(t *testing.T) {
	t.Parallel()
	clock := time.Date(2026, 3, 12, 21, 30, 0, 0, time.UTC)
	f := setup(t, func(c *Config) { c.Clock = func() time.Time { return clock } })
	var ids []string
	for range 7 {
		clock = clock.Add(time.Minute)
		ids = append([]string{f.payment(f.account).ID}, ids...)
	}
	f.payment(f.other)
	f.record(ids[0], func(s *models.PaymentState) {
		s.Status, s.Exception = models.StatusExpired,
			models.ExceptionUnderpaid
	})
	list := func(query string) (found []string) {
		for cursor := ""; ; {
			path := "/api/payments?limit=3" + query + cursor
			got := f.call(f.account, http.MethodGet, path, "")
			require.Equal(t, http.StatusOK, got.status, got.body)
			page := parse[paymentList](t, got.body)
			require.LessOrEqual(t, len(page.Payments), 3)
			for _, p := range page.Payments {
				found = append(found, p.ID)
			}
			if page.NextCursor == nil {
				return found
			}
			cursor = "&cursor=" + *page.NextCursor
		}
	}
	require.Equal(t, ids, list(""))
	require.Equal(t, ids[:1], list("&status=EXPIRED"))
	require.Equal(t, ids[:1], list("&exception=UNDERPAID"))
	require.Equal(t, ids[1:], list("&status=PENDING&userId=user_123456"))
	require.Empty(t, list("&userId=user_12345"))
	require.Equal(t, ids[2:3], list("&reference="+f.row(ids[2]).Reference))
	require.Equal(t, ids[2:4], list("&from=2026-03-12T21:34:00Z&to=2026-03-12T23:36:00%2B02:00"))
	require.Equal(t, `{"payments":[],"nextCursor":null}`,
		f.call(f.account, http.MethodGet, "/api/payments?userId=nobody", "").body)
	require.Zero(t, f.engine.queries.Load(), "a list asks no workflow")

	got := f.call(f.account, http.MethodGet, "/api/payments?limit=2&status=PENDING", "", "Accept", "text/csv")
	require.Equal(t, "text/csv; charset=utf-8; header=present", got.header.Get("Content-Type"))
	require.Equal(t, `attachment; filename="payments.csv"`, got.header.Get("Content-Disposition"))
	rows, err := csv.NewReader(strings.NewReader(got.body)).ReadAll()
	require.NoError(t, err)
	require.Equal(t, namesOf(paymentColumns), rows[0])
	require.Len(t, rows, 7, "a CSV answer has every page")
	require.Equal(t, ids[1], rows[1][0])
	require.Equal(t, "50.00", rows[1][2])
}

func TestSpreadsheetFormulasAreNeutralised(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for _, userID := range []string{"=1+1", "+1", "-1", "@SUM(A1)", "plain", `quo"te,comma`} {
		body := fmt.Sprintf(`{"amount":1,"userId":%q,"network":"ERC20"}`, userID)
		require.Equal(t, http.StatusOK, f.call(f.account, http.MethodPost, "/api/payment/create", body).status)
	}
	rows, err := csv.NewReader(strings.NewReader(f.call(f.account, http.MethodGet, "/api/payments", "", "Accept",
		"text/csv").body)).ReadAll()
	require.NoError(t, err)
	var users []string
	for _, row := range rows[1:] {
		users = append(users, row[1])
	}
	require.ElementsMatch(t, []string{"'=1+1", "'+1", "'-1", "'@SUM(A1)", "plain", `quo"te,comma`}, users)
}

func TestACutCSVDoesNotLookWhole(t *testing.T) {
	t.Parallel()
	f := setup(t)
	pages := 0
	f.server.router.GET("/list", f.server.stream(func(c *gin.Context) error {
		return streamCSV(f.server, c, "list.csv", ledgerColumns, "", func(string) (rows []ledgerView, next string, err error) {
			if pages++; pages > 1 {
				return nil, "", errors.New("the second page fails")
			}
			return []ledgerView{{views.LedgerLine{ID: 1}}}, "next", nil
		})
	}))
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.url+"/list", nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)
	_, err = csv.NewReader(response.Body).ReadAll()
	require.Error(t, err)
}

func TestWantsCSV(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for accept, isCSV := range map[string]bool{
		"": false, "*/*": false, "text/csv": true, "text/csv; charset=utf-8": true, "application/json": false,
		"application/json, text/csv": false,
		"text/csv, application/json": true, "text/html, text/csv;q=0.9, */*;q=0.8": true, "text/csv;q=0, */*": false,
		"text/csv;q=0.0": false, "TEXT/CSV": true, ";": false,
	} {
		got := f.call(f.account, http.MethodGet, "/api/ledger", "", "Accept", accept)
		require.Equal(t, isCSV, strings.HasPrefix(got.header.Get("Content-Type"), "text/csv"), accept)
		require.Equal(t, "Accept", got.header.Get("Vary"))
	}
}

// A list says how many payments its filters select and what they add up to, if it is asked.
func TestTotalsOfAList(t *testing.T) {
	t.Parallel()
	f := setup(t)
	first := f.payment(f.account)
	f.payment(f.account)
	f.payment(f.other)
	f.record(first.ID, func(s *models.PaymentState) {
		s.Status, s.AmountReceived = models.StatusDetected, 20*models.USDT
	})
	read := func(query string) string {
		t.Helper()
		got := f.call(f.account, http.MethodGet, "/api/payments?"+query, "")
		require.Equal(t, http.StatusOK, got.status, got.body)
		return got.body
	}
	require.Contains(t, read("limit=1&totals=true"),
		`"totals":{"payments":2,"amountRequested":100.00,"amountReceived":20.00,"amountCredited":0.00}`)
	require.Contains(t, read("status=DETECTED&totals=true"), `"totals":{"payments":1,"amountRequested":50.00`)
	require.Contains(t, read("status=PAID&totals=true"), `"totals":{"payments":0,"amountRequested":0.00`)
	require.NotContains(t, read("totals=false"), "totals")
	for _, query := range []string{"totals=perhaps", "totals=true&search=x", "totals=true&test=true"} {
		require.Equal(t, http.StatusBadRequest, f.call(f.account, http.MethodGet, "/api/payments?"+query, "").status, query)
	}
}

// A search with match=part finds parts of words, in any case, of real and of test payments. Without it, a search finds
// complete matches only, and its page is the only one.
func TestSearchOverTheAPI(t *testing.T) {
	t.Parallel()
	f := setup(t)
	const digits = "00AA00aa00AA00aa00AA00aa00AA00aa00AA00aa"
	admin := f.admin("admin@example.org")
	for _, test := range []struct{ metadata, query string }{
		{"", ""},
		{`,"metadata":{"simulate":"rejected"}`, "&test=true"},
	} {
		body := `{"amount":1,"userId":"u","network":"ERC20","description":"Two Espresso Cups ` + digits + `"` + test.metadata + `}`
		maker := f.account
		if test.query != "" {
			maker = f.testKey(f.account)
		}
		require.Equal(t, http.StatusOK, f.call(maker, http.MethodPost, createPath, body).status)
		for search, want := range map[string]int{"espresso": 1, "SSO%20CU": 1, "%25": 0, "latte": 0, digits: 1} {
			got := f.call(f.account, http.MethodGet, "/api/payments?match=part&search="+search+test.query, "")
			require.Len(t, parse[paymentList](t, got.body).Payments, want, search+test.query)
			require.NotContains(t, got.body, "searchedTo", "all payments were looked at")
			for _, match := range []string{"", "&match=exact"} {
				got = f.call(f.account, http.MethodGet, "/api/payments?search="+search+match+test.query, "")
				require.Contains(t, got.body, `"payments":[],"nextCursor":null`, search+match+test.query)
			}
			if test.query == "" {
				list := admin.must(http.StatusOK, http.MethodGet, "/api/admin/payments?match=part&search="+search, nil).body
				require.Len(t, parse[paymentList](t, list).Payments, want, search)
			}
		}
		exact := f.call(f.account, http.MethodGet, "/api/payments?search=u"+test.query, "")
		require.Len(t, parse[paymentList](t, exact.body).Payments, 1)
	}
	require.Equal(t, http.StatusBadRequest, f.call(f.account, http.MethodGet, "/api/payments?match=some&search=u", "").status)
}
