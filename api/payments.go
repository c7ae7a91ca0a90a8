package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/gin-gonic/gin"

	"paycow/models"
	"paycow/store"
	"paycow/views"
)

// publicPayment returns the public status of a payment to anyone who knows its id.
func (s *Server) publicPayment(c *gin.Context) error {
	id, err := paymentIDOf(c)
	if err != nil {
		return err
	}
	p, head, err := s.paymentByID(c.Request.Context(), id)
	if err != nil {
		return err
	}
	writeJSON(c, http.StatusOK, views.PublicPayment{
		Payment: s.newPaymentView(c.Request.Context(), p, head), ServerTime: instant(s.Clock()),
	})
	return nil
}

func (s *Server) operatorPayment(c *gin.Context) error {
	id, err := paymentIDOf(c)
	if err != nil {
		return err
	}
	view, err := s.viewOfRequest(c, id)
	if err != nil {
		return err
	}
	writeJSON(c, http.StatusOK, view)
	return nil
}

// listedPayment is a payment in a list. Its state comes from the row: lists query no workflow.
type listedPayment struct {
	views.Payment
	AmountCredited models.Amount `json:"amountCredited"`
	views.Shop
	operatorID string
}

func (s *Server) newListedPayment(ctx context.Context, p models.Payment, head uint64) listedPayment {
	listed := listedPayment{
		Payment: s.newPaymentView(ctx, p, head), AmountCredited: p.AmountCredited, Shop: views.NewShop(p),
		operatorID: p.OperatorID,
	}
	if err := s.checkTerms(p); err != nil {
		// One tampered row must not hide all others.
		s.Log.ErrorContext(ctx, "the address does not match; leaving it out of the list", "payment_id", p.ID,
			"operator_id", p.OperatorID, "error", err)
		listed.DepositAddress, listed.Shop = nil, views.NewShop(models.Payment{})
	}
	return listed
}

// paymentList is one page of an operator's payments.
type paymentList struct {
	Payments   []listedPayment `json:"payments"`
	NextCursor *string         `json:"nextCursor"`
	// SearchedTo is the creation of the oldest payment that a search has looked at for parts of words, if there are more.
	SearchedTo *instant `json:"searchedTo,omitempty"`
	// Totals are those of all pages, if they were asked for; null for too many payments.
	Totals *paymentTotals `json:"totals,omitempty"`
}

// paymentTotals are the number and the sums of payments. The zero value is written as null.
type paymentTotals struct{ sums *totalsView }

type totalsView struct {
	Payments        int64         `json:"payments"`
	AmountRequested models.Amount `json:"amountRequested"`
	AmountReceived  models.Amount `json:"amountReceived"`
	AmountCredited  models.Amount `json:"amountCredited"`
}

func (t paymentTotals) MarshalJSON() ([]byte, error) { return json.Marshal(t.sums) }

// totalsOf returns the totals of a list of payments.
func (s *Server) totalsOf(ctx context.Context, filter store.PaymentFilter) (*paymentTotals, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	sums, ok, err := s.Store.TotalPayments(ctx, filter)
	if err != nil {
		return nil, fmt.Errorf("total the payments: %w", err)
	}
	if !ok {
		return &paymentTotals{}, nil
	}
	view := totalsView(sums)
	return &paymentTotals{&view}, nil
}

// wantsTotals reports whether a list of payments is to have totals.
func wantsTotals(c *gin.Context, filter store.PaymentFilter, isTest bool) (bool, error) {
	switch c.Query("totals") {
	case "", "false":
		return false, nil
	case "true":
	default:
		return false, invalid("totals", "invalid_parameter", "totals must be true or false.")
	}
	if filter.Search != "" || isTest {
		return false, invalid("totals", "invalid_parameter", "There are no totals of a search, nor of test payments.")
	}
	return true, nil
}

var paymentColumns = []column{
	{"_id", "Payment id"},
	{"userId", "User"},
	{"amountRequested", "Amount due"},
	{"amountReceived", "Amount received"},
	{"amountCredited", "Amount credited"},
	{"currencyInfo", "Currency"},
	{"depositAddress", "Deposit address"},
	{"depositNetwork", "Network"},
	{"status", "Status"},
	{"exception", "Exception"},
	{"confirmations", "Confirmations"},
	{"paymentReference", "Reference"},
	{"txHash", "Transaction"},
	{"createdAt", "Created (UTC)"},
	{"expiresAt", "Expires (UTC)"},
	{"description", "Description"},
	{"metadata", "Metadata"},
}

func (p listedPayment) cells() []string {
	cells := []string{
		p.ID, harmless(p.UserID), p.AmountRequested.String(), p.AmountReceived.String(), p.AmountCredited.String(),
		p.CurrencyInfo,
		textOrEmpty(p.DepositAddress), p.DepositNetwork, p.Status.String(), string(p.Exception),
		fmt.Sprint(p.Confirmations),
		p.PaymentReference, textOrEmpty(p.TxHash), p.CreatedAt.String(), p.ExpiresAt.String(),
		harmless(textOrEmpty(p.Description)), harmless(p.Metadata.JSON()),
	}
	if p.Test {
		cells = append(cells, "true")
	}
	return cells
}

func (s *Server) listPayments(c *gin.Context) error {
	filter, err := parsePaymentFilter(c.Request.URL, "metadata"+anyKey, metadataKey, "test", "totals")
	if err != nil {
		return err
	}
	filter.OperatorID = operatorOfRequest(c).ID
	isTest, err := wantsTests(c)
	if err != nil {
		return err
	}
	withTotals, err := wantsTotals(c, filter, isTest)
	if err != nil {
		return err
	}
	read, columns := s.listPage, paymentColumns
	if isTest {
		read, columns = s.listTestPage, append(slices.Clone(columns), column{"test", "Test payment"})
	}
	page := func(cursor string) (rows []listedPayment, next string, err error) {
		ctx, cancel := context.WithTimeout(c.Request.Context(), requestTimeout)
		defer cancel()
		filter.Cursor = cursor
		return read(ctx, filter)
	}
	if wantsCSV(c) {
		filter.Limit = maxListLimit // a small page would cost a query for a few rows
		return streamCSV(s, c, "payments.csv", columns, filter.Cursor, page)
	}
	payments, next, err := page(filter.Cursor)
	if err != nil {
		return err
	}
	answer := paymentList{Payments: payments, NextCursor: textOrNull(next)}
	if at, ok := store.SearchedTo(next); ok {
		answer.SearchedTo = (*instant)(&at)
	}
	if withTotals {
		if answer.Totals, err = s.totalsOf(c.Request.Context(), filter); err != nil {
			return err
		}
	}
	writeJSON(c, http.StatusOK, answer)
	return nil
}

// listPage reads one page of an operator's payments.
func (s *Server) listPage(
	ctx context.Context, filter store.PaymentFilter,
) (rows []listedPayment, next string, err error) {
	payments, next, err := s.Store.ListPayments(ctx, filter)
	if err != nil {
		return nil, "", fmt.Errorf("list the payments: %w", err)
	}
	// The block is read after the rows, so that the confirmations shown fit their states.
	known, err := s.chain.since(ctx, models.NetworkERC20, time.Now())
	if err != nil {
		return nil, "", err
	}
	head := known.head
	rows = make([]listedPayment, len(payments))
	for i, p := range payments {
		rows[i] = s.newListedPayment(ctx, p, head)
	}
	return rows, next, nil
}

// parsePaymentFilter reads the parameters of a list of payments. more names additional parameters that the list
// accepts.
func parsePaymentFilter(address *url.URL, more ...string) (store.PaymentFilter, error) {
	query, err := parseQuery(address,
		append([]string{
			"status", "exception", "userId", "reference", "search", "match", "from", "to", "cursor", "limit", csvStyle,
		}, more...)...)
	if err != nil {
		return store.PaymentFilter{}, err
	}
	filter := store.PaymentFilter{
		Status: models.Status(query["status"]), Exception: models.Exception(query["exception"]),
		UserID: query["userId"], Reference: query["reference"], Cursor: query["cursor"], OperatorID: query["operatorId"],
		Search: normalSearch(query["search"]),
	}
	switch query["match"] {
	case "", "exact":
	case "part":
		filter.Part = query["search"]
	default:
		return filter, invalid("match", "invalid_parameter", "match must be exact or part.")
	}
	if filter.Status != "" && !slices.Contains(models.Statuses(), filter.Status) {
		return filter, invalid("status", "invalid_parameter", "status must be one of %s.", listOf(models.Statuses()))
	}
	if filter.Exception != "" && !slices.Contains(models.Exceptions(), filter.Exception) {
		return filter, invalid("exception", "invalid_parameter", "exception must be one of %s.",
			listOf(models.Exceptions()))
	}
	if filter.Reference != "" && !isLowerHex(filter.Reference, 16) {
		return filter, invalid("reference", "invalid_parameter", "reference must be 16 lower-case hex digits.")
	}
	if filter.MetadataKey, filter.MetadataValue, err = query.metadata(); err != nil {
		return filter, err
	}
	if filter.From, filter.To, err = query.span(); err != nil {
		return filter, err
	}
	filter.Limit, err = query.limit()
	return filter, err
}

// normalSearch returns addresses and hashes in the form in which they are stored.
func normalSearch(text string) string {
	switch lower := strings.ToLower(text); {
	case common.IsHexAddress(text):
		return common.HexToAddress(text).Hex()
	case strings.HasPrefix(lower, "0x"):
		return lower
	default:
		return text
	}
}

// paymentIDOf returns the payment's id in the path. A malformed id gets the same 404 as an unknown one.
func paymentIDOf(c *gin.Context) (string, error) {
	id := c.Param("id")
	if !isLowerHex(id, 24) {
		return "", errUnknownPayment
	}
	return id, nil
}

func isLowerHex(text string, digits int) bool {
	if len(text) != digits {
		return false
	}
	for i := range digits {
		if (text[i] < '0' || text[i] > '9') && (text[i] < 'a' || text[i] > 'f') {
			return false
		}
	}
	return true
}

// isPreviousAddress reports whether an earlier account key has the payment's address at its index.
func (s *Server) isPreviousAddress(p models.Payment) bool {
	return slices.ContainsFunc(s.PreviousAddresses, func(previous Addresses) bool {
		derived, err := previous.Address(p.AddressIndex)
		return err == nil && derived == p.DepositAddress
	})
}

// checkAddress derives the payment's address again and returns an error if the row holds another one. Otherwise
// anyone who can write to the database could redirect payers' money.
func (s *Server) checkAddress(p models.Payment) error {
	derived, ok := s.addresses.Get(p.AddressIndex)
	if !ok {
		var err error
		if derived, err = s.Addresses.Address(p.AddressIndex); err != nil {
			return fmt.Errorf("derive the address of payment %s: %w", p.ID, err)
		}
		s.addresses.Add(p.AddressIndex, derived)
	}
	if derived != p.DepositAddress && !s.isPreviousAddress(p) {
		return errInternal.because(fmt.Errorf("payment %s: the row's deposit address %s does not match index %d", p.ID,
			p.DepositAddress, p.AddressIndex))
	}
	return nil
}

// checkTerms refuses a payment whose address does not pass checkAddress, or whose row was changed or planted.
func (s *Server) checkTerms(p models.Payment) error {
	if err := s.checkAddress(p); err != nil {
		return err
	}
	if err := s.Store.CheckTerms(p); err != nil {
		return errInternal.because(err)
	}
	return nil
}

// checkHandedOut refuses a payment that does not pass checkTerms, or whose address was not handed out for it. The first
// refusal raises an alarm.
func (s *Server) checkHandedOut(ctx context.Context, p models.Payment) error {
	if err := s.checkTerms(p); err != nil {
		s.reportAltered(ctx, p)
		return err
	}
	key := handedOutKey(p)
	if index, ok := s.handedOut.Get(key); ok && index == p.AddressIndex {
		return nil // the table is append-only
	}
	if err := s.Store.CheckAddress(ctx, p); err != nil {
		if errors.Is(err, models.ErrPaymentAltered) {
			err = errInternal.because(err)
		}
		return err
	}
	s.handedOut.Add(key, p.AddressIndex)
	return nil
}

func handedOutKey(p models.Payment) string { return p.ID + p.DepositAddress }

// reportAltered raises the alarm for a payment once.
func (s *Server) reportAltered(ctx context.Context, p models.Payment) {
	if _, reported := s.handedOut.Get("altered" + p.ID); reported {
		return
	}
	s.handedOut.Add("altered"+p.ID, 0)
	err := s.Store.Raise(ctx, models.Alarm{
		Network: p.Network, Kind: models.AlarmPaymentAltered, Subject: p.ID,
		Message: fmt.Sprintf("Payment %s: its address %s, index %d and amount are not those it was created with.",
			p.ID, p.DepositAddress, p.AddressIndex),
	})
	if err != nil {
		s.Log.ErrorContext(ctx, "cannot raise an alarm", "payment_id", p.ID, "error", err)
	}
}
