// Package api serves PayCow over HTTP, on gin: the calls of operators and admins, the public status of payments, all
// pages, and the probes for machines. It decides nothing about a payment: it reads the row, queries the payment's
// workflow and passes decisions on to it.
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

	"paycow/internal/logs"
	"paycow/internal/secrets"
	"paycow/internal/webhooks"
	"paycow/models"
	"paycow/store"
	"paycow/web"
)

// Engine is what the API needs from the workflow engine.
type Engine interface {
	// QueryState returns the state that the payment's workflow holds. Returns models.ErrNotFound if the engine has no
	// such workflow.
	QueryState(ctx context.Context, paymentID string) (models.PaymentState, error)
	// SignalReject and SignalAccept signal a decision to the payment's workflow, which they start if it is not
	// running.
	SignalReject(ctx context.Context, payment models.Payment, decision models.DecisionSignal) error
	SignalAccept(ctx context.Context, payment models.Payment, decision models.DecisionSignal) error
	Ping(ctx context.Context) error
}

// Starter is notified when a payment was committed, so that its workflow starts soon. Notify never blocks. The row
// itself is the outbox.
type Starter interface {
	Notify(p models.Payment)
}

// Addresses derives deposit addresses, in EIP-55 form. The same index always yields the same address.
type Addresses interface {
	Address(index uint32) (string, error)
}

// Config configures a Server. Store, Engine, Starter, Addresses, TestAddresses and PublicURL are required. The zero
// value of any other field means the default given beside it.
type Config struct {
	Store     *store.Store
	Engine    Engine
	Starter   Starter
	Addresses Addresses // for new payments
	// TestAddresses are for test payments: addresses of the same wallet that no payment gets.
	TestAddresses Addresses
	// PreviousAddresses are the account keys from which the addresses of earlier payments were derived.
	PreviousAddresses []Addresses

	// PublicURL is where payers and integrators reach this installation. If it begins with https, plain http is
	// refused.
	PublicURL string
	// TrustedProxies are the peers whose X-Forwarded-Proto and X-Forwarded-For headers are trusted. Default: none.
	TrustedProxies []netip.Prefix

	Confirmations uint64        // required of a new payment's transfers, in blocks; default models.DefaultConfirmations
	Quorum        int           // nodes that must agree, see models.Quorum
	PaymentWindow time.Duration // from a payment's creation to its expiry; default models.DefaultPaymentWindow
	MinAmount     models.Amount // the smallest amount of one payment; default models.DefaultMinAmount
	MaxAmount     models.Amount // the largest amount of one payment; default models.DefaultMaxAmount
	// MaxOpen is how many payments of an operator may be open at a time; 0 = any number.
	MaxOpen int
	// MaxTests is how many test payments an operator may create in 24 hours, and how many test events it may ask for on
	// each side, real and test; 0 = any number.
	MaxTests int
	// MaxUnpaid is how many payments in a row an operator may create, other than through links, of which none receives
	// anything; 0 = any number.
	MaxUnpaid int
	// RatePerKey, RatePerNetwork and RateOfStatus are how many requests a minute an API key may make, a network address,
	// and a network address for the public status of payments; 0 = any number.
	RatePerKey, RatePerNetwork, RateOfStatus int

	BlockTime time.Duration // usual time between blocks; default models.DefaultBlockTime
	LagLimit  time.Duration // largest age of the newest block read for /readyz; default 10 block times plus 30 s
	// OwnClock says that the chain's clock is not the world's, as that of a local chain, so no clock is compared with it.
	OwnClock bool
	// AdminsNeedFactor makes admins set up a second factor before anything else.
	AdminsNeedFactor bool
	// MasterKey seals API secrets and second factors. Without it no operator can be approved and no secret revealed.
	MasterKey *secrets.Keyring
	// TemporalUIURL is where admins reach Temporal's web UI, "" if they cannot. TemporalNamespace is the namespace to
	// link to.
	TemporalUIURL     string
	TemporalNamespace string

	// WebhookURLs say which URLs webhook endpoints may have. Default: public https only.
	WebhookURLs webhooks.URLRules

	// Mail sends a text message. Without it, admins pass links on themselves.
	Mail func(ctx context.Context, to, subject, text string) error

	Network      web.Network   // where payments are made, for the checkout page; chain id and token are required
	DecisionWait time.Duration // how long reject and accept wait for the workflow's decision; default 8 s

	// TestByMetadata makes a payment whose metadata names an outcome a test payment, whatever key made it. It is for
	// development only.
	TestByMetadata bool
	// Faucet pays an address from a test faucet and returns the transaction's hash. It is nil outside development.
	Faucet func(ctx context.Context, address string, amount models.Amount) (txHash string, err error)

	Clock func() time.Time // default time.Now
	Log   *slog.Logger     // default slog.Default()
}

// Sizes of the in-memory caches, in entries.
const (
	stateCacheEntries   = 16384
	addressCacheEntries = 16384
	shopCacheEntries    = 4096
)

// createPath is the path of the call that creates a payment.
const createPath = "/api/payment/create"

// Server serves HTTP requests.
type Server struct {
	Config
	router    *gin.Engine
	states    *stateReader
	addresses *lru.Cache[uint32, string]
	// handedOut holds the addresses that the append-only table confirmed, with their indexes, by payment and address.
	handedOut     *lru.Cache[string, uint32]
	shops         *lru.Cache[string, shop] // by operator
	ready         readiness
	chain         *chainReader
	followers     *followers
	exports       *budget // CSV files
	unpaid        *quota
	open          *quota
	linkOpen      *quota // for payments through links
	tests         *quota
	endpointTests *quota
	rates         *limiter
	docs          func() (*web.Docs, error)
	passwords     passwords

	crossOrigin *http.CrossOriginProtection
	isHTTPS     bool
	warnProxy   sync.Once
}

// New returns a server with this configuration.
func New(config Config) *Server {
	config.Store.UseCredentialCache()
	return newServer(config, secrets.HashPassword)
}

func newServer(config Config, hash func(password string) string) *Server {
	config.PublicURL = strings.TrimRight(config.PublicURL, "/")
	setDefault(&config.Confirmations, models.DefaultConfirmations)
	setDefault(&config.PaymentWindow, models.DefaultPaymentWindow)
	setDefault(&config.MinAmount, models.DefaultMinAmount)
	setDefault(&config.MaxAmount, models.DefaultMaxAmount)
	setDefault(&config.BlockTime, models.DefaultBlockTime)
	setDefault(&config.LagLimit, 10*config.BlockTime+30*time.Second)
	setDefault(&config.DecisionWait, 8*time.Second)
	if config.Clock == nil {
		config.Clock = time.Now
	}
	if config.Log == nil {
		config.Log = slog.Default()
	}
	config.Log = logs.Bounded(config.Log)
	s := &Server{
		Config: config, states: newStateReader(config.Engine, config.Log),
		addresses: newCache[uint32, string](addressCacheEntries), handedOut: newCache[string, uint32](addressCacheEntries),
		shops:   newCache[string, shop](shopCacheEntries),
		isHTTPS: strings.HasPrefix(strings.ToLower(config.PublicURL), "https://"),
	}
	s.chain = newChainReader(s.readChain, s.Log)
	s.followers, s.passwords = newFollowers(s), newPasswords(hash)
	s.exports = newBudget(maxExports, maxExportsPerNetwork)
	s.unpaid = s.newUnpaidQuota()
	s.open = s.newQuota(s.Store.OpenCount, errTooManyOpen) // each has a workflow of its own
	s.linkOpen = s.newQuota(s.Store.OpenCount, errTooManyOpen)
	// Tests end within seconds, so nothing else keeps them from filling the disk that real payments need.
	s.tests = s.newQuota(s.Store.TestCountOfDay, errTooManyTests)
	s.endpointTests = s.newQuota(s.Store.TestDeliveriesOfDay, errTooManyTests)
	s.rates = newLimiter(s.Store.CountRequests, s.Clock)
	s.crossOrigin = http.NewCrossOriginProtection()
	if err := s.crossOrigin.AddTrustedOrigin(originText(s.PublicURL)); err != nil {
		// The check by Sec-Fetch-Site works without it.
		s.Log.WarnContext(context.Background(), "the public URL has no valid origin", "error", err)
	}
	s.docs = sync.OnceValues(s.renderDocs)
	s.router = s.newRouter()
	return s
}

// EndStreams ends all event streams, so that the process can end. Open pages reconnect elsewhere.
func (s *Server) EndStreams() { s.followers.close() }

// Handler returns the handler of every route. HEAD is answered wherever GET is.
func (s *Server) Handler() http.Handler { return headAsGet(s.router) }

func (s *Server) newRouter() *gin.Engine {
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	router.HandleMethodNotAllowed = true
	router.RedirectTrailingSlash = false // a redirected POST would send the secret twice
	router.ContextWithFallback = true
	router.ForwardedByClientIP = false // resolveClient does it
	router.Use(s.resolveClient, s.identify, s.recoverPanic, s.requireHTTPS)
	router.NoRoute(s.handle(func(*gin.Context) error { return errNoRoute }))
	router.NoMethod(s.handle(refuseMethod))

	router.GET("/", s.handle(s.home))
	s.addDocs(router)
	router.GET("/healthz", s.handle(s.healthz))
	router.GET("/readyz", s.handle(s.readyz))
	router.GET("/openapi.json", s.handle(s.openAPI))
	router.GET("/assets/:version/*name", s.handle(s.asset))
	for _, name := range []string{"favicon.ico", "robots.txt"} {
		router.GET("/"+name, s.handle(fixedAsset(name)))
	}
	s.addAppPages(router)
	router.GET("/logos/:version", s.limitNetwork, s.handle(s.logo))
	payer := router.Group("/payment", s.limitNetwork)
	payer.GET("/:id", s.handle(s.checkoutPage))
	payer.GET("/:id/events", s.stream(s.checkoutEvents))
	if s.Faucet != nil {
		payer.POST("/:id/faucet", s.sameOrigin, s.handle(s.payFromFaucet))
	}
	payer.GET("/data/:id", s.limitStatus, s.handle(s.publicPayment))
	link := router.Group(linkPath, s.limitNetwork)
	link.GET("/:id", s.handle(s.linkPage))
	link.POST("/:id", s.sameOrigin, s.handle(s.useLink))

	operator := router.Group("/api", s.limitNetwork, s.authenticate, s.limitKey)
	operator.POST(strings.TrimPrefix(createPath, "/api"), s.handle(s.createPayment))
	operator.GET("/payment/:id", s.handle(s.operatorPayment))
	operator.POST("/payment/:id/reject", s.handle(s.rejectPayment))
	operator.POST("/payment/:id/accept", s.handle(s.acceptPayment))
	operator.GET("/payments", s.stream(s.listPayments))
	operator.GET("/balance", s.handle(s.balance))
	operator.GET("/ledger", s.stream(s.listLedger))
	operator.GET("/keys", s.handle(s.listKeys))
	operator.POST("/keys", s.handle(s.createKey))
	operator.DELETE(strings.TrimPrefix(keyPath, "/api"), s.handle(s.revokeKey))
	operator.GET("/events", s.handle(s.listEvents))
	links := operator.Group("/payment-links", s.refuseTestKey)
	links.GET("", s.handle(s.listLinks))
	links.POST("", s.handle(s.createLink))
	links.GET("/:id", s.handle(s.readLink))
	links.POST("/:id/disable", s.handle(s.disableLink))
	s.routeWebhooks(operator)
	s.routePeople(router)
	return router
}

// routeWebhooks adds the calls about webhook endpoints and deliveries.
func (s *Server) routeWebhooks(operator *gin.RouterGroup) {
	operator.GET("/webhook-endpoints", s.handle(s.listEndpoints))
	operator.POST("/webhook-endpoints", s.handle(s.createEndpoint))
	operator.GET("/webhook-endpoints/:id", s.handle(s.readEndpoint))
	operator.PATCH("/webhook-endpoints/:id", s.handle(s.changeEndpoint))
	operator.DELETE("/webhook-endpoints/:id", s.handle(s.deleteEndpoint))
	operator.POST("/webhook-endpoints/:id/rotate-secret", s.handle(s.rotateWebhookSecret))
	operator.POST("/webhook-endpoints/:id/test", s.handle(s.testEndpoint))
	operator.POST("/webhook-endpoints/:id/redeliver-failed", s.handle(s.redeliverFailed))
	operator.GET("/webhook-deliveries", s.handle(s.listDeliveries))
	operator.GET("/webhook-deliveries/:id", s.handle(s.readDelivery))
	operator.POST("/webhook-deliveries/:id/redeliver", s.handle(s.redeliver))
}

// routePeople adds the calls of the dashboard and the admin page.
func (s *Server) routePeople(router *gin.Engine) {
	anyone := router.Group("/api", s.limitNetwork, s.sameOrigin)
	anyone.POST("/operator/register", s.handle(s.register))
	anyone.POST("/operator/login", s.handle(s.login(models.RoleOperator, "/dashboard.html")))
	anyone.POST("/operator/logout", s.handle(s.logout))
	anyone.POST("/admin/login", s.handle(s.login(models.RoleAdmin, "/admin.html")))
	anyone.POST("/admin/logout", s.handle(s.logout))

	anyone.POST("/account/password", s.handle(s.setPasswordByLink))

	operator := anyone.Group("/operator", s.loggedInAs(models.RoleOperator))
	operator.GET("/me", s.handle(s.me))
	operator.POST("/credentials/reveal", s.handle(s.revealCredential))
	operator.POST("/credentials/rotate", s.handle(s.rotateCredential))
	operator.GET("/settings", s.handle(s.operatorSettings))
	operator.PUT("/settings", s.refuseSuspended, s.handle(s.putOperatorSettings))
	operator.GET("/notifications", s.handle(s.notifications))
	operator.PUT("/notifications", s.refuseSuspended, s.handle(s.putNotifications))
	operator.GET("/tolerance", s.handle(s.tolerance))
	operator.PUT("/tolerance", s.refuseSuspended, s.handle(s.putTolerance))
	operator.GET("/confirmations", s.handle(s.confirmations))
	operator.PUT("/confirmations", s.refuseSuspended, s.handle(s.putConfirmations))
	operator.PUT("/logo", s.refuseSuspended, s.handle(s.putLogo))
	operator.DELETE("/logo", s.refuseSuspended, s.handle(s.removeLogo))
	operator.GET("/stats", s.handle(s.operatorStats))
	s.routeTeam(anyone)
	anyone.POST("/webhook-endpoints/:id/secret", s.loggedInAs(models.RoleOperator), s.handle(s.revealWebhookSecret))

	account := anyone.Group("/admin", s.loggedInAs(models.RoleAdmin))
	account.GET("/me", s.handle(s.adminMe))
	admin := account.Group("", s.requireFactor)
	admin.GET("/operators", s.stream(s.adminOperators))
	for name := range operatorChanges {
		admin.POST("/operators/:id/"+name, s.handle(s.changeOperator(name)))
	}
	admin.POST("/operators/:id/delete", s.handle(s.deleteOperator))
	admin.PUT("/operators/:id/limits", s.handle(s.setLimits))
	for name, change := range accessChanges(models.RoleOperator) {
		admin.POST("/operators/:id/"+name, s.handle(s.changeAccess(models.RoleOperator, change)))
	}
	admin.GET("/operators/:id/keys", s.handle(s.listKeysOfOperator))
	admin.POST("/operators/:id/keys/:key/revoke",
		s.handle(s.changeAccess(models.RoleOperator, revokeKeyOfOperator)))
	admin.GET("/operators/:id/members", s.handle(s.listMembersOfOperator))
	admin.POST("/operators/:id/members/:member/remove",
		s.handle(s.changeAccess(models.RoleOperator, removeMemberOfOperator)))
	admin.GET("/admins", s.handle(s.adminAccounts))
	for name, change := range accessChanges(models.RoleAdmin) {
		admin.POST("/admins/:id/"+name, s.handle(s.changeAccess(models.RoleAdmin, change)))
	}
	admin.GET("/payments", s.stream(s.adminPayments))
	admin.GET("/payment/:id", s.handle(s.adminPayment))
	admin.GET("/health", s.handle(s.adminHealth))
	admin.GET("/health/history", s.handle(s.healthHistory))
	admin.GET("/alarms", s.handle(s.adminAlarms))
	admin.POST("/alarms/:id/resolve", s.handle(s.resolveAlarm))
	admin.GET("/audit", s.stream(s.adminAudit))

	for _, group := range []*gin.RouterGroup{operator, account} {
		group.POST("/password", s.handle(s.changePassword))
		group.POST("/totp/start", s.handle(s.startTOTP))
		group.POST("/totp/enable", s.handle(s.enableTOTP))
		group.POST("/totp/disable", s.handle(s.disableTOTP))
		group.POST("/totp/recovery-codes", s.handle(s.replaceRecoveryCodes))
		group.GET("/sessions", s.handle(s.listSessions))
		group.POST("/sessions/end", s.handle(s.endSessions))
	}
}

// originText returns the origin of an address, that is its scheme and host.
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
		panic(err) // only for a size below 1
	}
	return cache
}

// secondsUp rounds a duration up to whole seconds.
func secondsUp(span time.Duration) int { return int(math.Ceil(span.Seconds())) }
