// Package api is PayCow's HTTP side on gin: the operators' calls, the public status of a payment, its checkout page and the
// calls of machines. It decides nothing about a payment: it reads the row, asks the payment's workflow and passes decisions on.
package api

import (
	"context"
	"log/slog"
	"math"
	"net/http"
	"net/netip"
	"net/url"
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
	AccountStore
	AdminStore
}

// AccountStore keeps accounts, sessions and what operators set themselves.
type AccountStore interface {
	RegisterOperator(ctx context.Context, operator models.Operator, address string) (isNew bool, err error)
	Operator(ctx context.Context, id string) (models.Operator, error)
	AccountByEmail(ctx context.Context, role models.Role, email string) (models.Account, error)
	AccountByID(ctx context.Context, role models.Role, id string) (models.Account, error)
	CreateSession(ctx context.Context, account models.Account, session models.Session, oldTokenHash []byte, entry models.AuditEntry) error
	Session(ctx context.Context, tokenHash []byte) (models.Session, error)
	EndSession(ctx context.Context, tokenHash []byte) error
	CountAttempt(ctx context.Context, subject string) (tries int64, until time.Time, err error)
	ForgetAttempts(ctx context.Context, subject string) error
	SetPassword(ctx context.Context, account models.Account, hash string, session models.Session, entry models.AuditEntry) error
	OfferTOTP(ctx context.Context, account models.Account, sealed []byte) error
	EnableTOTP(ctx context.Context, account models.Account, step int64, entry models.AuditEntry) error
	DisableTOTP(ctx context.Context, account models.Account, entry models.AuditEntry) error
	UseTOTPStep(ctx context.Context, account models.Account, step int64) (bool, error)
	CurrentCredential(ctx context.Context, operatorID string) (models.Credential, error)
	RotateCredential(ctx context.Context, current, next models.Credential, oldUntil time.Time, entry models.AuditEntry) error
	SetOperatorSettings(ctx context.Context, id, name, website, returnOrigins string, entry models.AuditEntry) error
	OperatorFigures(ctx context.Context, operatorID string, days int) (store.Figures, error)
	Audit(ctx context.Context, entry models.AuditEntry) error
}

// AdminStore is what admins see and change.
type AdminStore interface {
	ListOperators(ctx context.Context, filter store.OperatorFilter) (operators []store.ListedOperator, nextCursor string, err error)
	ChangeOperator(ctx context.Context, id string, from []models.OperatorStatus, to models.OperatorStatus, reason string,
		credential *models.Credential, entry models.AuditEntry) (models.Operator, error)
	ListAlarms(ctx context.Context, filter store.AlarmFilter) (alarms []models.Alarm, nextCursor string, err error)
	ResolveAlarm(ctx context.Context, id int64, by, address, resolution string) error
	ListAudit(ctx context.Context, filter store.AuditFilter) (entries []models.AuditEntry, nextCursor string, err error)
	QueueFigures(ctx context.Context, head uint64) (store.Figures, error)
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
	// MasterKey seals API secrets and second factors. Without it nobody can be approved and no secret shown.
	MasterKey []byte
	// TemporalUIURL is where admins reach the engine's web UI, "" when they do not; TemporalNamespace is the one to show there.
	TemporalUIURL     string
	TemporalNamespace string

	Network      web.Network   // where payments are made, for the checkout page; its chain id and token are needed
	DecisionWait time.Duration // how long reject and accept wait for the workflow's decision; default 8 s

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
	hashers   chan struct{}

	crossOrigin *http.CrossOriginProtection
	isHTTPS     bool
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
	s.followers, s.hashers = newFollowers(s), make(chan struct{}, maxHashing)
	absentPassword() // made now, so that the first login of somebody unknown does not take longer than the others
	s.crossOrigin = http.NewCrossOriginProtection()
	if err := s.crossOrigin.AddTrustedOrigin(originText(s.PublicURL)); err != nil {
		s.Logger.Warn("the public URL is no origin", "error", err) // the browser's own word about the site still counts
	}
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
	s.addAppPages(router)
	router.GET("/payment/:id", s.handle(s.checkoutPage))
	router.GET("/payment/:id/events", s.stream(s.checkoutEvents))
	if s.Faucet != nil {
		router.POST("/payment/:id/faucet", s.sameOrigin, s.handle(s.payFromFaucet))
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
	s.routePeople(router)
	return router
}

// routePeople adds the calls of the dashboard and of the admin page.
func (s *Server) routePeople(router *gin.Engine) {
	anyone := router.Group("/api", s.sameOrigin)
	anyone.POST("/operator/register", s.handle(s.register))
	anyone.POST("/operator/login", s.handle(s.login(models.RoleOperator, "/dashboard.html")))
	anyone.POST("/operator/logout", s.handle(s.logout))
	anyone.POST("/admin/login", s.handle(s.login(models.RoleAdmin, "/admin.html")))
	anyone.POST("/admin/logout", s.handle(s.logout))

	operator := anyone.Group("/operator", s.loggedInAs(models.RoleOperator))
	operator.GET("/me", s.handle(s.me))
	operator.POST("/credentials/reveal", s.handle(s.revealCredential))
	operator.POST("/credentials/rotate", s.handle(s.rotateCredential))
	operator.GET("/settings", s.handle(s.operatorSettings))
	operator.PUT("/settings", s.handle(s.putOperatorSettings))
	operator.GET("/stats", s.handle(s.operatorStats))

	admin := anyone.Group("/admin", s.loggedInAs(models.RoleAdmin))
	admin.GET("/me", s.handle(s.adminMe))
	admin.GET("/operators", s.handle(s.adminOperators))
	for name := range operatorChanges {
		admin.POST("/operators/:id/"+name, s.handle(s.changeOperator(name)))
	}
	admin.GET("/payments", s.handle(s.adminPayments))
	admin.GET("/payment/:id", s.handle(s.adminPayment))
	admin.GET("/health", s.handle(s.adminHealth))
	admin.GET("/alarms", s.handle(s.adminAlarms))
	admin.POST("/alarms/:id/resolve", s.handle(s.resolveAlarm))
	admin.GET("/audit", s.handle(s.adminAudit))

	for _, group := range []*gin.RouterGroup{operator, admin} {
		group.POST("/password", s.handle(s.changePassword))
		group.POST("/totp/start", s.handle(s.startTOTP))
		group.POST("/totp/enable", s.handle(s.enableTOTP))
		group.POST("/totp/disable", s.handle(s.disableTOTP))
	}
}

// originText returns the origin of an address: scheme and host.
func originText(address string) string {
	parsed, err := url.Parse(address)
	if err != nil {
		return address
	}
	return originOf(parsed)
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
