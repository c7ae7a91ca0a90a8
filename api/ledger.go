package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"paycow/models"
	"paycow/views"
)

// balance is the balance of an operator.
type balance struct {
	Currency  string        `json:"currency"`
	Available models.Amount `json:"available"` // credited
	Pending   models.Amount `json:"pending"`   // seen on the chain and not yet credited
	Test      bool          `json:"test,omitzero"`
}

func (s *Server) balance(c *gin.Context) error {
	if isTestKey(c) { // no test payment is money
		writeJSON(c, http.StatusOK, balance{Currency: models.CurrencyUSDT, Test: true})
		return nil
	}
	available, pending, err := s.Store.Balance(c.Request.Context(), operatorOfRequest(c).ID)
	if err != nil {
		return fmt.Errorf("read the balance: %w", err)
	}
	writeJSON(c, http.StatusOK, balance{Currency: models.CurrencyUSDT, Available: available, Pending: pending})
	return nil
}

// ledgerList is one page of the entries behind a balance.
type ledgerList struct {
	Entries    []ledgerView `json:"entries"`
	NextCursor *string      `json:"nextCursor"`
	Test       bool         `json:"test,omitzero"`
}

var ledgerColumns = []column{
	{"id", "Entry"},
	{"transactionId", "Ledger transaction"},
	{"kind", "Kind"},
	{"amount", "Amount"},
	{"currency", "Currency"},
	{"paymentId", "Payment id"},
	{"externalId", "Cause"},
	{"createdAt", "Booked (UTC)"},
}

// ledgerView is an entry of an account, as an answer or a row of a CSV file.
type ledgerView struct{ views.LedgerLine }

func (l ledgerView) cells() []string {
	return []string{
		strconv.FormatInt(l.ID, 10), l.TransactionID, string(l.Kind), l.Amount.String(), models.CurrencyUSDT,
		l.PaymentID, l.ExternalID,
		l.CreatedAt.String(),
	}
}

func (s *Server) listLedger(c *gin.Context) error {
	query, err := parseQuery(c.Request.URL, "cursor", "limit", csvStyle)
	if err != nil {
		return err
	}
	limit, err := query.limit()
	if err != nil {
		return err
	}
	operator := operatorOfRequest(c)
	page := func(cursor string) (rows []ledgerView, next string, err error) {
		ctx, cancel := context.WithTimeout(c.Request.Context(), requestTimeout)
		defer cancel()
		if isTestKey(c) {
			return []ledgerView{}, "", nil
		}
		lines, next, err := s.Store.Ledger(ctx, operator.ID, cursor, limit)
		if err != nil {
			return nil, "", fmt.Errorf("list the ledger: %w", err)
		}
		rows = make([]ledgerView, len(lines))
		for i, line := range lines {
			rows[i] = ledgerView{views.NewLedgerLine(line)}
		}
		return rows, next, nil
	}
	if wantsCSV(c) {
		limit = maxListLimit // a small page would cost a query for a few rows
		return streamCSV(s, c, "ledger.csv", ledgerColumns, query["cursor"], page)
	}
	entries, next, err := page(query["cursor"])
	if err != nil {
		return err
	}
	writeJSON(c, http.StatusOK, ledgerList{Entries: entries, NextCursor: textOrNull(next), Test: isTestKey(c)})
	return nil
}
