package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/urfave/cli/v3"

	"paycow/chain"
	"paycow/engine"
	"paycow/models"
	"paycow/store"
)

// Settings are the checked values that a process runs with.
type Settings struct {
	PublicURL      string // of this installation, without a slash at the end
	AllowHTTP      bool   // PublicURL may begin with http:// although others reach it
	HTTPAddr       string
	DatabaseURL    string
	Temporal       engine.Settings
	RPCURLs        []string // of the Ethereum nodes, the preferred one first
	RPCQuorum      int      // nodes that must agree; 0 = not set, and this process has no nodes
	ChainID        uint64
	Token          common.Address
	TemporalUIURL  string        // where admins reach Temporal's web UI, "" = no links to it
	ExplorerURL    string        // block explorer that the pages link to, "" or noExplorer = no links
	Genesis        common.Hash   // of the chain that the database belongs to; zero = not known yet
	XPub           *chain.XPub   // for new addresses
	PreviousXPubs  []*chain.XPub // of earlier addresses
	Treasury       []common.Address
	Reserved       uint32        // first indexes of each account key that are never handed out
	Confirmations  uint64        // that a transfer needs to be credited, in blocks
	FinalizedAbove models.Amount // micro-USDT above which a credit also waits until its block is final; 0 = never
	PaymentWindow  time.Duration // from a payment's creation to its expiry
	BlockTime      time.Duration // usual time between blocks; 0 = blocks are made on request (development only)
	MaxAmount      models.Amount // of one payment, in micro-USDT
	MinAmount      models.Amount // of one payment, in micro-USDT
	MaxOpen        int           // payments of an operator that are open at a time; 0 = any number
	MaxTests       int           // test payments of an operator in a day, and test events of a side; 0 = any number
	MaxUnpaid      int           // payments in a row of an operator that receive nothing; 0 = any number
	RatePerKey     int           // requests a minute of one API key; 0 = any number
	RatePerNetwork int           // requests a minute of one network address; 0 = any number
	RateOfStatus   int           // requests a minute of one network address for public states; 0 = any number
	MasterKey      []byte        // 32 bytes
	PreviousKeys   [][]byte      // master keys from before, of 32 bytes
	TrustedProxies []netip.Prefix
	WebhookHosts   []string      // hosts, some with a port, that webhooks reach whatever their address is
	MetricsAddr    string        // listen address of /metrics, "" = none
	WatchMempool   bool          // also look for pending transfers
	ReconcileEvery time.Duration // time from one reconciliation to the next
	Ages           store.Ages    // of old rows
	SMTPURL        string        // "" for no mail
	MailFrom       string
	LogLevel       slog.Level
	LogFormat      string

	dataDir  string // of paycow dev, "" for other commands
	ownChain bool   // the chain is in the data directory, too
	isDev    bool   // paycow dev: admins need no second factor
}

// ExpiryGrace returns how long after the end of a payment's window its timer fires. By then the blocks up to that end
// have usually been read.
func (s *Settings) ExpiryGrace() time.Duration { return 2*s.BlockTime + 3*time.Second }

// setting is one row of the table of settings. Its value comes from a flag, from the environment variable
// PAYCOW_<name>, or from the file that PAYCOW_<name>_FILE names, in this order. An empty value means the default.
type setting struct {
	name     string
	fallback string                   // the default, as it would be typed; "" = none
	secret   bool                     // has no flag, because other users of the machine can read command lines
	help     string                   // one phrase
	set      func(value string) error // checks a value and stores it
}

func (d setting) env() string  { return "PAYCOW_" + d.name }
func (d setting) flag() string { return strings.ToLower(strings.ReplaceAll(d.name, "_", "-")) }

// apply checks a value and stores it. The error calls the setting by the given label.
func (d setting) apply(label, value string) error {
	err := d.set(value)
	switch {
	case err == nil:
		return nil
	case d.secret:
		return fmt.Errorf("%s: %w", label, err)
	default:
		return fmt.Errorf("%s: %w (not %q)", label, err, value)
	}
}

// table returns all settings. Their values are stored in s.
func (s *Settings) table() []setting {
	return slices.Concat(s.generalTable(), s.temporalTable(), s.chainTable(), s.limitTable(), s.paymentTable())
}

func (s *Settings) generalTable() []setting {
	return []setting{
		{
			name: "PUBLIC_URL", set: publicURL(&s.PublicURL),
			help: "URL at which payers and shops reach this installation, such as https://pay.example.com",
		},
		{
			name: "ALLOW_HTTP", fallback: "false", set: boolean(&s.AllowHTTP),
			help: "accept a PUBLIC_URL with http:// that is not of this machine: secrets cross the network in the clear",
		},
		{
			name: "HTTP_ADDR", fallback: ":8080", set: text(&s.HTTPAddr),
			help: "listen address of the API and the pages",
		},
		{
			name: "RATE_PER_CREDENTIAL", fallback: strconv.Itoa(models.DefaultRatePerKey), set: wholeNumberOrZero(&s.RatePerKey),
			help: "requests a minute that an API key may make; 0 for any number",
		},
		{
			name: "RATE_PER_NETWORK", fallback: strconv.Itoa(models.DefaultRatePerNetwork),
			set:  wholeNumberOrZero(&s.RatePerNetwork),
			help: "requests a minute that a network address may make; an IPv6 /48 four times as many; 0 for any number",
		},
		{
			name: "RATE_OF_STATUS", fallback: strconv.Itoa(models.DefaultRateOfStatus),
			set:  wholeNumberOrZero(&s.RateOfStatus),
			help: "requests a minute that a network address may make for the public status of payments; 0 for any number",
		},
		{
			name: "DATABASE_URL", fallback: "sqlite:paycow.db", secret: true, set: text(&s.DatabaseURL),
			help: "database, as postgres://... or sqlite:<file>",
		},
		{
			name: "MASTER_KEY", secret: true, set: masterKey(&s.MasterKey),
			help: "key that encrypts secrets and proves rows of the database, as 64 hex digits (32 bytes)",
		},
		{
			name: "PREVIOUS_MASTER_KEYS", secret: true, set: masterKeys(&s.PreviousKeys),
			help: "earlier master keys, separated by commas, until paycow rekey has replaced them",
		},
		{
			name: "TRUSTED_PROXIES", set: addressRanges(&s.TrustedProxies),
			help: "addresses or CIDR ranges of proxies whose X-Forwarded-For and -Proto are trusted, separated by commas",
		},
		{
			name: "WEBHOOK_HOSTS", set: webhookHosts(&s.WebhookHosts),
			help: "hosts, or host:port, that webhooks may reach at a private address, separated by commas",
		},
		{
			name: "SMTP_URL", secret: true, set: text(&s.SMTPURL),
			help: "mail server, as smtps://user:password@host or smtp://...; without it no mails are sent",
		},
		{
			name: "MAIL_FROM", set: text(&s.MailFrom), help: "sender of mails, such as PayCow <pay@example.com>",
		},
		{
			name: "METRICS_ADDR", set: text(&s.MetricsAddr),
			help: "listen address of /metrics for Prometheus, which asks for no password; empty for none",
		},
		{
			name: "LOG_LEVEL", fallback: "info", set: logLevel(&s.LogLevel),
			help: "lowest level that is logged: debug, info, warn or error",
		},
		{
			name: "LOG_FORMAT", fallback: "text", set: oneOf(&s.LogFormat, "text", "json"),
			help: "format of the log: text or json",
		},
	}
}

func (s *Settings) temporalTable() []setting {
	return []setting{
		{
			name: "TEMPORAL_ADDRESS", fallback: "127.0.0.1:7233", set: text(&s.Temporal.Address),
			help: "host:port of Temporal's frontend",
		},
		{
			name: "TEMPORAL_NAMESPACE", fallback: "paycow", set: text(&s.Temporal.Namespace),
			help: "Temporal namespace, which the worker creates if it is missing",
		},
		{
			name: "TEMPORAL_TLS_CA", set: text(&s.Temporal.TLSCA),
			help: "PEM file of the authority that signed the frontend's certificate; turns TLS on",
		},
		{
			name: "TEMPORAL_TLS_CERT", set: text(&s.Temporal.TLSCert),
			help: "PEM file of a client certificate; turns TLS on",
		},
		{
			name: "TEMPORAL_TLS_KEY", set: text(&s.Temporal.TLSKey),
			help: "PEM file of the client certificate's key",
		},
		{
			name: "TEMPORAL_TLS_SERVER_NAME", set: text(&s.Temporal.TLSServerName),
			help: "name expected in the frontend's certificate; turns TLS on",
		},
		{
			name: "TEMPORAL_UI_URL", set: webURL(&s.TemporalUIURL, "https", "http"),
			help: "URL of Temporal's web UI, for links on the admin page; empty for no links",
		},
	}
}

func (s *Settings) chainTable() []setting {
	return []setting{
		{
			name: "ETH_RPC_URLS", secret: true, set: nodeURLs(&s.RPCURLs),
			help: "http, https, ws or wss URLs of Ethereum nodes, separated by commas, the preferred node first",
		},
		{
			name: "RPC_QUORUM", set: wholeNumber(&s.RPCQuorum, math.MaxUint8),
			help: "number of nodes that must agree before a payment is credited or expires; 1 with one node, otherwise 2",
		},
		{
			name: "CHAIN_ID", fallback: "1", set: wholeNumber(&s.ChainID, math.MaxInt64),
			help: "chain ID of the network; nodes on another chain are not used",
		},
		{
			name: "TOKEN_ADDRESS", fallback: "0xdAC17F958D2ee523a2206206994597C13D831ec7", set: contractAddress(&s.Token),
			help: "address of the USDT contract",
		},
		{
			name: "EXPLORER_URL", set: explorerURL(&s.ExplorerURL),
			help: `block explorer that the checkout page links to, or "none"; https://etherscan.io on chain 1`,
		},
		{
			name: "BLOCK_TIME", fallback: durationText(models.DefaultBlockTime), set: duration(&s.BlockTime, time.Millisecond),
			help: "usual time between blocks",
		},
		{
			name: "WATCH_MEMPOOL", fallback: "false", set: boolean(&s.WatchMempool),
			help: "read all pending transactions, so that the checkout page can show a transfer before it is in a block",
		},
	}
}

// limitTable holds what bounds the payments of each operator that has no limits of its own.
func (s *Settings) limitTable() []setting {
	return []setting{
		{
			name: "MAX_OPEN", fallback: strconv.Itoa(models.DefaultMaxOpen), set: wholeNumberOrZero(&s.MaxOpen),
			help: "payments of an operator that may be open at a time; 0 for any number",
		},
		{
			name: "MAX_TESTS", fallback: strconv.Itoa(models.DefaultMaxTests), set: wholeNumberOrZero(&s.MaxTests),
			help: "test payments that an operator may create in 24 hours, and test events of each side; 0 for any number",
		},
		{
			name: "MAX_UNPAID", fallback: strconv.Itoa(models.DefaultMaxUnpaid), set: wholeNumberOrZero(&s.MaxUnpaid),
			help: "payments in a row that an operator may create without one of them receiving money; 0 for any number",
		},
		{
			name: "MIN_AMOUNT", fallback: models.DefaultMinAmount.String(), set: amount(&s.MinAmount),
			help: "smallest amount of one payment, in USDT",
		},
		{
			name: "MAX_AMOUNT", fallback: models.DefaultMaxAmount.String(), set: amount(&s.MaxAmount),
			help: "largest amount of one payment, in USDT",
		},
	}
}

func (s *Settings) paymentTable() []setting {
	return []setting{
		{
			// Whoever reads it can link all deposits of the installation; and it might be a private key by mistake.
			name: "XPUB", secret: true, set: accountKey(&s.XPub),
			help: "BIP-32 public account key (m/44'/60'/0') from which deposit addresses are derived",
		},
		{
			name: "PREVIOUS_XPUBS", secret: true, set: accountKeys(&s.PreviousXPubs),
			help: "account keys of earlier deposit addresses, separated by commas, after PAYCOW_XPUB was given a new one",
		},
		{
			name: "RESERVED_ADDRESSES", fallback: strconv.Itoa(models.DefaultReservedAddresses),
			set:  wholeNumber(&s.Reserved, maxReserved),
			help: "first address indexes that are never handed out, because a wallet uses them itself; fixed at first use",
		},
		{
			name: "TREASURY", set: addressList(&s.Treasury),
			help: "addresses that you sweep to, separated by commas; what they send to deposit addresses is never credited",
		},
		{
			name: "CONFIRMATIONS", fallback: strconv.Itoa(models.DefaultConfirmations),
			set:  wholeNumber(&s.Confirmations, math.MaxUint16),
			help: "confirmations that a transfer needs to be credited, in blocks",
		},
		{
			name: "FINALIZED_ABOVE", set: amount(&s.FinalizedAbove),
			help: "amount in USDT above which a credit also waits until its block is finalized; empty for never",
		},
		{
			name: "PAYMENT_WINDOW", fallback: durationText(models.DefaultPaymentWindow),
			set:  duration(&s.PaymentWindow, time.Second),
			help: "time from a payment's creation to its expiry",
		},
		{
			name: "RECONCILE_EVERY", fallback: durationText(models.DefaultReconcileInterval),
			set:  duration(&s.ReconcileEvery, time.Minute),
			help: "time from one reconciliation of ledger, chain and workflows to the next, at least 1m",
		},
		{
			name: "KEEP_AUDIT", fallback: durationText(models.DefaultKeepAudit), set: duration(&s.Ages.Audit, oneYear),
			help: "age at which lines of the audit log are dropped, at least a year (8760h)",
		},
		{
			name: "KEEP_REPORTS", fallback: durationText(models.DefaultKeepReports), set: duration(&s.Ages.Reports, oneDay),
			help: "age at which reports of reconciliations are dropped, at least a day (24h)",
		},
		{
			name: "KEEP_ALARMS", fallback: durationText(models.DefaultKeepAlarms), set: duration(&s.Ages.Alarms, oneDay),
			help: "time after which resolved alarms are dropped, at least a day (24h)",
		},
		{
			name: "KEEP_EVENTS", fallback: durationText(models.DefaultKeepEvents),
			set:  duration(&s.Ages.Events, thirtyDays),
			help: "age at which events for shops are dropped, at least 30 days (720h)",
		},
		{
			name: "KEEP_DELIVERIES", fallback: durationText(models.DefaultKeepDeliveries),
			set:  duration(&s.Ages.Deliveries, oneDay),
			help: "age at which webhook deliveries that ended are dropped, with their attempts, at least a day (24h)",
		},
	}
}

const (
	oneDay  = 24 * time.Hour
	oneYear = 365 * oneDay // the database itself keeps the audit log for so long
	// thirtyDays is how long the database itself keeps events.
	thirtyDays = 30 * oneDay
)

// maxReserved bounds the reserved addresses: a process derives all of them at its first start.
const maxReserved = 10_000

// The settings without a default that a command needs.
var (
	needsForAPI    = []string{"PUBLIC_URL", "XPUB", "MASTER_KEY"}
	needsForWorker = []string{"PUBLIC_URL", "ETH_RPC_URLS", "MASTER_KEY"}
	needsForChain  = []string{"ETH_RPC_URLS"}
)

// settingFlags returns the flags that stand for settings. They hold text: a typed flag would stop at the first wrong
// value.
func settingFlags() []cli.Flag {
	var flags []cli.Flag
	for _, d := range new(Settings).table() {
		if !d.secret {
			flags = append(flags, &cli.StringFlag{
				Name: d.flag(), Usage: d.help, Sources: cli.EnvVars(d.env()), DefaultText: d.fallback,
			})
		}
	}
	return flags
}

// defaultSettings returns the defaults of the table.
func defaultSettings() Settings {
	var s Settings
	for _, d := range s.table() {
		if d.fallback != "" {
			if err := d.apply(d.env(), d.fallback); err != nil {
				panic(err) // the table contradicts itself
			}
		}
	}
	return s
}

// loadSettings reads and checks all settings. The error has one line for each that is wrong, or needed and missing.
func loadSettings(cmd *cli.Command, needed ...string) (Settings, error) {
	s := defaultSettings()
	var wrong []error
	for _, d := range s.table() {
		value, err := d.lookup(cmd)
		switch {
		case err != nil:
			wrong = append(wrong, err)
		case value != "":
			wrong = append(wrong, d.apply(d.env(), value))
		case slices.Contains(needed, d.name):
			wrong = append(wrong, fmt.Errorf("%s must be set: %s", d.env(), d.help))
		}
	}
	if s.ExplorerURL == "" && s.ChainID == 1 {
		s.ExplorerURL = "https://etherscan.io"
	}
	if err := s.resolveQuorum(); err != nil {
		wrong = append(wrong, fmt.Errorf("PAYCOW_RPC_QUORUM: %w", err))
	}
	if s.MaxAmount > 0 && s.MinAmount > s.MaxAmount { // 0 is one that could not be read
		wrong = append(wrong, errors.New("PAYCOW_MIN_AMOUNT: must be at most PAYCOW_MAX_AMOUNT"))
	}
	if !s.AllowHTTP && strings.HasPrefix(strings.ToLower(s.PublicURL), "http:") && !isLoopbackURL(s.PublicURL) {
		wrong = append(wrong, errors.New("PAYCOW_PUBLIC_URL: must start with https://, because http:// sends API "+
			"secrets and passwords in the clear; on a network that you trust, PAYCOW_ALLOW_HTTP=true accepts it"))
	}
	return s, errors.Join(wrong...)
}

// resolveQuorum sets the default, which depends on the number of nodes. It returns an error if the quorum is larger
// than that number.
func (s *Settings) resolveQuorum() error {
	nodes := len(s.RPCURLs)
	switch {
	case nodes == 0:
		return nil // this process uses no nodes
	case s.RPCQuorum > nodes:
		return fmt.Errorf("a quorum of %d needs more nodes than the %d configured", s.RPCQuorum, nodes)
	}
	s.RPCQuorum = models.Quorum(s.RPCQuorum, nodes)
	return nil
}

// lookup returns a setting's value, "" if it has none. cli.EnvVars reads the variable of a setting that is also a
// flag. The file is read here: cli.File hides why a file cannot be read, and a source that follows an empty variable
// is not read.
func (d setting) lookup(cmd *cli.Command) (string, error) {
	value := os.Getenv(d.env())
	if !d.secret {
		value = cmd.String(d.flag())
	}
	path := os.Getenv(d.env() + "_FILE")
	if value != "" || path == "" {
		return value, nil
	}
	content, err := os.ReadFile(path) //nolint:gosec // the administrator chooses the path
	if err != nil {
		return "", fmt.Errorf("%s_FILE: %w", d.env(), err)
	}
	return strings.TrimSpace(string(content)), nil
}

// settingsCommand prints the table of settings, both as "paycow settings" and as "paycow help settings".
func settingsCommand() *cli.Command {
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SETTING\tDEFAULT\tMEANING")
	for _, d := range new(Settings).table() {
		fmt.Fprintf(table, "%s\t%s\t%s\n", d.env(), d.fallback, d.help)
	}
	_ = table.Flush() // cannot fail: it writes to memory
	fmt.Fprintln(&b, "\nTo read a setting from a file, put the file's path into <SETTING>_FILE.")
	return &cli.Command{
		Name: "settings", Usage: "print the table of settings", Description: b.String(),
		Action: func(_ context.Context, cmd *cli.Command) error {
			_, err := fmt.Fprint(cmd.Root().Writer, b.String())
			return err
		},
	}
}
