// Package api is PayCow's HTTP side on gin: the operators' calls, the public status of a payment, its checkout page and the
// calls of machines. It decides nothing about a payment: it reads the row, asks the payment's workflow and passes decisions on.
package api

import (
	"context"
	"log/slog"
	"math"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	lru "github.com/hashicorp/golang-lru/v2"

	"paycow/models"
	"paycow/store"
	"paycow/web"
)

// Store is what the API needs of the database. Errors are those of package store.
type Store interface {
	Ping(ctx context.Context) error
	Credential(ctx context.Context, apiKey string) (models.Credential, models.Operator, error)
	CreatePayment(ctx context.Context, payment store.NewPayment, derive func(index uint32) (string, error)) (p models.Payment, created bool, err error)
	Payment(ctx context.Context, id string) (models.Payment, error)
	OperatorPayment(ctx context.Context, operatorID, id string) (models.Payment, error)
	ListPayments(ctx context.Context, filter store.PaymentFilter) (payments []models.Payment, nextCursor string, err error)
	Transfers(ctx context.Context, paymentID string) ([]models.Transfer, error)
	Events(ctx context.Context, paymentID string) ([]models.PaymentEvent, error)
	LedgerOfPayment(ctx context.Context, paymentID string) ([]store.LedgerLine, error)
	Ledger(ctx context.Context, operatorID, cursor string, limit int) (lines []store.LedgerLine, nextCursor string, err error)
	Balance(ctx context.Context, operatorID string) (available, pending models.Amount, err error)
	Cursor(ctx context.Context, network string) (models.ChainCursor, error)
	// PaymentOfKey returns the payment that the idempotency key made, models.ErrNotFound when the key is not in force, or
	// models.ErrIdempotencyMismatch.
	PaymentOfKey(ctx context.Context, payment store.NewPayment) (models.Payment, error)
	Pauses(ctx context.Context, network string) ([]models.Pause, error)
	PaymentsByID(ctx context.Context, ids []string) ([]models.Payment, error)
	// OnTheirWay sums up by payment what nodes hold in their pools.
	OnTheirWay(ctx context.Context, paymentIDs []string) (map[string]models.Amount, error)
	NodeHealth(ctx context.Context, network string) ([]models.NodeHealth, error)
	OpenAlarms(ctx context.Context, network string) ([]models.Alarm, error)
}

// Engine is what the API needs of the workflow engine.
type Engine interface {
	// QueryState asks the payment's workflow for its state. Returns models.ErrNotFound when the engine has no such workflow.
	QueryState(ctx context.Context, paymentID string) (models.PaymentState, error)
	// SignalReject and SignalAccept hand a decision to the payment's workflow, and start it when it is not running.
	SignalReject(ctx context.Context, payment models.Payment, decision models.DecisionSignal) error
	SignalAccept(ctx context.Context, payment models.Payment, decision models.DecisionSignal) error
	Ping(ctx context.Context) error
}

// Starter is told of a payment whose row was committed, so that its workflow starts at once. It never blocks and may
// forget: the row itself is the outbox.
type Starter interface {
	Notify(payment models.Payment)
}

// Addresses derives deposit addresses, in EIP-55 form. The same index always gives the same address.
type Addresses interface {
	Address(index uint32) (string, error)
}

// DefaultMaxAmount is the largest amount of one payment unless the configuration says otherwise.
const DefaultMaxAmount = 1_000_000 * models.USDT

// Config is all that the API is made of. Store, Engine, Starter, Addresses and PublicURL are needed; zero values of the
// others take the default named beside them.
type Config struct {
	Store     Store
	Engine    Engine
	Starter   Starter
	Addresses Addresses

	// PublicURL is where payers and integrators reach this installation. When it begins with https, plain http is refused.
	PublicURL string
	// TrustedProxies are the peers whose X-Forwarded-Proto and X-Forwarded-For are believed. Default: none.
	TrustedProxies []netip.Prefix

	Confirmations uint64        // that a new payment's transfers need, in blocks; default models.DefaultConfirmations
	Quorum        int           // nodes that must agree; default 1 when the worker tells of one node, else 2
	PaymentWindow time.Duration // from a payment's creation to its expiry; default 1 h
	MaxAmount     models.Amount // of one payment; default DefaultMaxAmount
	BlockTime     time.Duration // usual time between blocks; default 12 s
	LagLimit      time.Duration // how old the newest block read may be before /readyz says no; default 10 block times and 30 s
	Network       web.Network   // where payments are made, for the checkout page; its chain id and token are needed
	DecisionWait  time.Duration // how long reject and accept wait for the workflow's decision; default 8 s

	// Faucet pays an address from a test faucet and returns the transaction's hash. It is there in development only; nil
	// otherwise.
	Faucet func(ctx context.Context, address string, amount models.Amount) (txHash string, err error)

	Clock  func() time.Time // default time.Now
	Logger *slog.Logger     // default slog.Default()
}

// Limits of the in-memory caches, in entries.
const (
	stateCacheEntries   = 16384
	addressCacheEntries = 16384
)

// Server answers HTTP requests.
type Server struct {
	Config
	router    *gin.Engine
	states    *stateReader
	addresses *lru.Cache[uint32, string]
	ready     readiness
	pauses    pauseCache
	followers *followers
	docs      func() (web.Page, error)
	isHTTPS   bool
}

// New returns a server for this configuration.
func New(config Config) *Server {
	config.PublicURL = strings.TrimRight(config.PublicURL, "/")
	setDefault(&config.Confirmations, models.DefaultConfirmations)
	setDefault(&config.PaymentWindow, time.Hour)
	setDefault(&config.MaxAmount, DefaultMaxAmount)
	setDefault(&config.BlockTime, 12*time.Second)
	setDefault(&config.LagLimit, 10*config.BlockTime+30*time.Second)
	setDefault(&config.DecisionWait, 8*time.Second)
	if config.Clock == nil {
		config.Clock = time.Now
	}
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	s := &Server{
		Config: config, states: newStateReader(config.Engine, config.Logger), addresses: newCache[uint32, string](addressCacheEntries),
		isHTTPS: strings.HasPrefix(strings.ToLower(config.PublicURL), "https://"),
	}
	s.followers = newFollowers(s)
	s.docs = sync.OnceValues(s.renderDocs)
	s.router = s.newRouter()
	return s
}

// EndStreams ends the answers that would go on by themselves, so that the process can end. Open pages connect again.
func (s *Server) EndStreams() { s.followers.close() }

// Handler returns the handler of every route.
func (s *Server) Handler() http.Handler { return s.router }

func (s *Server) newRouter() *gin.Engine {
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	router.HandleMethodNotAllowed = true
	router.RedirectTrailingSlash = false // a redirected POST would send its secret twice
	router.ContextWithFallback = true
	if err := router.SetTrustedProxies(prefixTexts(s.TrustedProxies)); err != nil {
		panic(err) // a netip.Prefix always prints as a valid CIDR
	}
	router.Use(s.identify, s.recoverPanic, s.requireHTTPS)
	router.NoRoute(s.handle(func(*gin.Context) error { return errNoRoute }))
	router.NoMethod(s.handle(func(*gin.Context) error { return errMethodNotAllowed }))

	router.GET("/", s.handle(s.home))
	router.GET("/docs", s.handle(s.docsPage))
	router.GET("/healthz", s.handle(s.healthz))
	router.GET("/readyz", s.handle(s.readyz))
	router.GET("/openapi.json", s.handle(s.openAPI))
	router.GET("/assets/:version/*name", s.handle(s.asset))
	router.GET("/payment/:id", s.handle(s.checkoutPage))
	router.GET("/payment/:id/events", s.stream(s.checkoutEvents))
	if s.Faucet != nil {
		router.POST("/payment/:id/faucet", s.handle(s.payFromFaucet))
	}
	router.GET("/payment/data/:id", s.handle(s.publicPayment))

	operator := router.Group("/api", s.authenticate)
	operator.POST("/payment/create", s.handle(s.createPayment))
	operator.GET("/payment/:id", s.handle(s.operatorPayment))
	operator.POST("/payment/:id/reject", s.handle(s.rejectPayment))
	operator.POST("/payment/:id/accept", s.handle(s.acceptPayment))
	operator.GET("/payments", s.stream(s.listPayments))
	operator.GET("/balance", s.handle(s.balance))
	operator.GET("/ledger", s.stream(s.listLedger))
	return router
}

func setDefault[T comparable](value *T, fallback T) {
	var zero T
	if *value == zero {
		*value = fallback
	}
}

func newCache[K comparable, V any](entries int) *lru.Cache[K, V] {
	cache, err := lru.New[K, V](entries)
	if err != nil {
		panic(err) // only for a size below 1, and ours are constants
	}
	return cache
}

func prefixTexts(prefixes []netip.Prefix) []string {
	texts := make([]string, len(prefixes))
	for i, prefix := range prefixes {
		texts[i] = prefix.String()
	}
	return texts
}

// secondsUp rounds a span up to whole seconds, as Retry-After and the page's refresh need it.
func secondsUp(span time.Duration) int { return int(math.Ceil(span.Seconds())) }
