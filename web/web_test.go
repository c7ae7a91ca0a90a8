package web

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

func examplePayment(change func(*models.Payment)) models.Payment {
	p := models.Payment{
		ID: strings.Repeat("a", 24), UserID: "<script>alert(1)</script>", Reference: "0123456789abcdef", Network: models.NetworkERC20,
		Currency: models.CurrencyUSDT, AmountRequested: 50 * models.USDT, DepositAddress: "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
		ExpiresAt: time.Date(2026, 3, 12, 22, 30, 0, 0, time.UTC),
	}
	p.Status = models.StatusPending
	change(&p)
	return p
}

func render(t *testing.T, p models.Payment, confirmations uint64) string {
	t.Helper()
	var page bytes.Buffer
	require.NoError(t, WriteCheckout(&page, Checkout{
		Payment: p, Confirmations: confirmations, RequiredConfirmations: 12,
		Now: p.ExpiresAt.Add(-30 * time.Minute), Refresh: 5 * time.Second,
	}))
	return page.String()
}

func TestCheckout(t *testing.T) {
	t.Parallel()
	const refresh, address, noteLost = `http-equiv="refresh" content="5"`, "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", "is lost"
	cases := []struct {
		name    string
		change  func(*models.Payment)
		confirm uint64
		has     []string
		hasNot  []string
	}{
		{"pending", func(*models.Payment) {}, 0, []string{refresh, address, noteLost, "50.00", "PENDING", "30 minutes left"}, []string{"Confirmations", "Received"}},
		{"short", func(p *models.Payment) {
			p.Status, p.AmountReceived, p.TxHash = models.StatusDetected, 20*models.USDT, "0x12"
		}, 1, []string{refresh, address, "20.00 USDT, 30.00 USDT missing", "1/12"}, nil},
		{"confirming", func(p *models.Payment) {
			p.Status, p.AmountReceived, p.TxHash = models.StatusConfirming, 50*models.USDT, "0x12"
		}, 7, []string{refresh, "7/12", "CONFIRMING", "0x12"}, []string{address, "missing"}},
		{"paid", func(p *models.Payment) {
			p.Status, p.AmountReceived, p.TxHash = models.StatusPaid, 50*models.USDT, "0x12"
		}, 12, []string{"12/12", "Payment complete"}, []string{"refresh", address}},
		{"expired", func(p *models.Payment) { p.Status = models.StatusExpired }, 0, []string{"Payment expired"}, []string{"refresh", address}},
		{"underpaid", func(p *models.Payment) {
			p.Status, p.Exception, p.AmountReceived = models.StatusExpired, models.ExceptionUnderpaid, 1
		}, 0, []string{"contact the shop", "0.000001"}, []string{"refresh", address}},
		{"rejected", func(p *models.Payment) { p.Status = models.StatusRejected }, 0, []string{"declined"}, []string{"refresh", address}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			page := render(t, examplePayment(c.change), c.confirm)
			for _, text := range c.has {
				require.Contains(t, page, text)
			}
			for _, text := range append(c.hasNot, "<script", "alert(1)", "http://", "https://") {
				require.NotContains(t, page, text)
			}
			require.Less(t, len(page), 8<<10, "the page must stay small")
		})
	}
}

// A transfer in a node's pool is told of while nothing has come, and never later.
func TestCheckoutTellsOfTransfersOnTheirWay(t *testing.T) {
	t.Parallel()
	const line = "A transfer of 50.00 USDT was seen on its way; it counts once it is in a block."
	for _, status := range []models.Status{
		models.StatusPending, models.StatusDetected, models.StatusConfirming, models.StatusPaid, models.StatusExpired, models.StatusRejected,
	} {
		p := examplePayment(func(p *models.Payment) { p.Status = status })
		var page bytes.Buffer
		require.NoError(t, WriteCheckout(&page, Checkout{Payment: p, OnItsWay: 50 * models.USDT, RequiredConfirmations: 12, Now: p.CreatedAt}))
		require.Equal(t, status == models.StatusPending, strings.Contains(page.String(), line), status)
	}
	require.NotContains(t, render(t, examplePayment(func(*models.Payment) {}), 0), "on its way")
}

// A pause of the token moves the end that the page shows.
func TestCheckoutShowsTheWindowsRealEnd(t *testing.T) {
	t.Parallel()
	p := examplePayment(func(*models.Payment) {})
	var page bytes.Buffer
	require.NoError(t, WriteCheckout(&page, Checkout{Payment: p, WindowEnd: p.ExpiresAt.Add(10 * time.Minute), RequiredConfirmations: 12, Now: p.ExpiresAt}))
	require.Contains(t, page.String(), "10 minutes left")
}

// No page holds a style or a script of its own: the policy would drop it.
func TestPagesHoldNothingThatThePolicyDrops(t *testing.T) {
	t.Parallel()
	var home, problem bytes.Buffer
	require.NoError(t, WriteHome(&home))
	require.NoError(t, WriteProblem(&problem, Problem{Title: "<b>", Message: "m", RequestID: "r"}))
	require.NotContains(t, problem.String(), "<b>")
	for _, page := range []string{home.String(), problem.String(), render(t, examplePayment(func(*models.Payment) {}), 0)} {
		require.NotRegexp(t, `<style|\sstyle=|\son[a-z]+=|<script(?: [^>]*)?>[^<]`, page)
		require.Contains(t, page, `<link rel="stylesheet" href="/assets/`)
	}
}

func TestRemaining(t *testing.T) {
	t.Parallel()
	for left, want := range map[time.Duration]string{
		-time.Second: "the time is over, waiting for the network", time.Second: "less than a minute left", time.Minute: "1 minute left",
		119 * time.Second: "1 minute left", time.Hour: "60 minutes left", 26 * time.Hour: "26 hours left",
	} {
		require.Equal(t, want, remaining(left))
	}
}
