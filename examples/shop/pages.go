package main

import (
	"crypto/rand"
	_ "embed" // the pages
	"errors"
	"html/template"
	"net/http"
	"regexp"

	"github.com/shopspring/decimal"

	"paycow/client"
)

//go:embed pages.html
var pagesHTML string

var pages = template.Must(template.New("").Parse(pagesHTML))

// product is something to buy.
type product struct {
	Name  string
	Price decimal.Decimal // in USDT
}

// products are the shop's, by the name that forms send.
var products = map[string]product{
	"mug":   {"A mug with a cow on it", decimal.RequireFromString("12.50")},
	"shirt": {"A shirt with a cow on it", decimal.RequireFromString("25")},
	"cow":   {"A wooden cow", decimal.RequireFromString("99.99")},
}

// orderIDs are what rand.Text makes.
var orderIDs = regexp.MustCompile(`^[A-Z2-7]{26}$`)

// texts tell a customer what became of a payment, by its exception or else its status.
var texts = map[string]string{
	string(client.StatusPENDING):    "Waiting for your payment.",
	string(client.StatusDETECTED):   "Your payment is on its way.",
	string(client.StatusCONFIRMING): "Your payment has arrived and is being confirmed.",
	string(client.StatusPAID):       "Paid. Thank you! The goods are on their way.",
	string(client.StatusEXPIRED):    "The time to pay has passed. Nothing was charged.",
	string(client.StatusREJECTED):   "The order was cancelled.",

	string(client.ExceptionUNDERPAID):         "Not paid: less than the price arrived in time. We will write to you.",
	string(client.ExceptionOVERPAID):          "Paid. More than the price arrived: we will write to you about the rest.",
	string(client.ExceptionPAIDLATE):          "Your payment came after the time to pay. We will write to you.",
	string(client.ExceptionREVERTED):          "Not paid: the network took your payment back. It often comes again.",
	string(client.ExceptionACCEPTED):          "Paid. Thank you! The goods are on their way.",
	string(client.ExceptionUNDERPAIDACCEPTED): "Paid. Thank you! The goods are on their way.",
	string(client.ExceptionAFTERREJECT):       "The order was cancelled, and then money arrived. We will write to you.",
	string(exceptionTest):                     "This was a test; nothing was paid.",
}

// Text tells the customer what became of the payment.
func (o order) Text() string {
	if text, ok := texts[string(o.Exception)]; ok {
		return text
	}
	return texts[string(o.Status)]
}

// IsOpen reports whether the customer may still pay.
func (o order) IsOpen() bool {
	return (o.Status == client.StatusPENDING || o.Status == client.StatusDETECTED) && o.Exception != exceptionTest
}

// handler routes the shop's requests.
func (s *shop) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.showProducts)
	mux.HandleFunc("POST /order", s.placeOrder)
	mux.HandleFunc("GET /orders/{id}", s.withOrder(s.showOrder))
	mux.HandleFunc("POST /orders/{id}/pay", s.withOrder(s.leadToCheckout))
	mux.HandleFunc("POST /webhooks", s.receive)
	return mux
}

func (s *shop) show(w http.ResponseWriter, page string, data any) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if err := pages.ExecuteTemplate(w, page, data); err != nil {
		s.log.Error("show a page", "error", err)
	}
}

// showProducts shows what there is to buy. The page holds the id of the order that is placed from it, so that a form
// that is sent twice places one.
func (s *shop) showProducts(w http.ResponseWriter, _ *http.Request) {
	s.show(w, "products", map[string]any{"Order": rand.Text(), "Products": products})
}

// placeOrder writes the order and leads to the checkout page. The order comes first: if PayCow cannot be reached, the
// order's page has a button that tries again.
func (s *shop) placeOrder(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<10)
	id := r.PostFormValue("order")
	wanted, isKnown := products[r.PostFormValue("product")]
	if !isKnown || !orderIDs.MatchString(id) {
		http.Error(w, "there is no such product", http.StatusBadRequest)
		return
	}
	o, err := s.books.addOrder(r.Context(), id, wanted.Name, wanted.Price)
	if err != nil {
		s.fail(w, "write an order", err)
		return
	}
	s.leadToCheckout(w, r, o)
}

// leadToCheckout makes the payment unless it was made, and leads to the checkout page.
func (s *shop) leadToCheckout(w http.ResponseWriter, r *http.Request, o order) {
	target, err := s.pay(r.Context(), o)
	if err != nil {
		s.log.Warn("an order has no payment yet", "order", o.ID, "error", err)
		target = "/orders/" + o.ID
	}
	http.Redirect(w, r, target, http.StatusSeeOther) //nolint:gosec // PayCow's checkout page, or a page of the shop
}

// withOrder calls a function with the order that the request's path names.
func (s *shop) withOrder(do func(w http.ResponseWriter, r *http.Request, o order)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		o, err := readOrder(r.Context(), s.books.db, r.PathValue("id"))
		switch {
		case errors.Is(err, errNoOrder):
			http.NotFound(w, r)
		case err != nil:
			s.fail(w, "read an order", err)
		default:
			do(w, r, o)
		}
	}
}

func (s *shop) showOrder(w http.ResponseWriter, _ *http.Request, o order) { s.show(w, "order", o) }
