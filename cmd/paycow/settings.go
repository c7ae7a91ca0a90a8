package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
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
)

// Settings are the values a process runs with, checked.
type Settings struct {
	PublicURL      string
	HTTPAddr       string
	DatabaseURL    string
	Temporal       engine.Settings
	RPCURLs        []string // of the Ethereum nodes, in order of preference
	RPCQuorum      int      // nodes that must agree; 0 when neither it nor the nodes are known to this process
	ChainID        uint64
	Token          common.Address
	TemporalUIURL  string // where admins reach the engine's web UI, "" = not at all
	ExplorerURL    string // of a block explorer, for links of the pages; "" = none
	XPub           *chain.XPub
	Confirmations  uint64        // needed for a credit, in blocks
	FinalizedAbove models.Amount // micro-USDT from which a credit also waits for its block to be final; 0 = never
	PaymentWindow  time.Duration
	BlockTime      time.Duration // usual time between blocks; 0 = blocks come when they are asked for (development only)
	MaxAmount      models.Amount
	MasterKey      []byte // 32 bytes
	TrustedProxies []netip.Prefix
	MetricsAddr    string        // listen address of /metrics, "" = none
	WatchMempool   bool          // look for transfers that are on their way
	ReconcileEvery time.Duration // from one reconciliation to the next
	LogLevel       slog.Level
	LogFormat      string
}

// ExpiryGrace is how long after a payment's end its timer fires: by then the chain has usually been read past it.
func (s Settings) ExpiryGrace() time.Duration { return 2*s.BlockTime + 3*time.Second }

// setting is one row of the table of settings. Its environment variable is PAYCOW_<name>, or PAYCOW_<name>_FILE with the
// path of a file that holds the value.
type setting struct {
	name     string
	fallback string
	secret   bool // never a flag, because command lines can be seen by others
	help     string
	read     func(s *Settings, value string) error
}

func (d setting) env() string  { return "PAYCOW_" + d.name }
func (d setting) flag() string { return strings.ToLower(strings.ReplaceAll(d.name, "_", "-")) }

var allSettings = []setting{
	{"PUBLIC_URL", "", false, "where payers and integrators reach this installation, such as https://pay.example.com", readPublicURL},
	{"HTTP_ADDR", ":8080", false, "listen address of the API and the pages", text(func(s *Settings) *string { return &s.HTTPAddr })},
	{"DATABASE_URL", "sqlite:paycow.db", true, "postgres://… or sqlite:<file>", text(func(s *Settings) *string { return &s.DatabaseURL })},
	{"TEMPORAL_ADDRESS", "127.0.0.1:7233", false, "host:port of the Temporal frontend", text(func(s *Settings) *string { return &s.Temporal.Address })},
	{"TEMPORAL_NAMESPACE", "paycow", false, "Temporal namespace; made when missing", text(func(s *Settings) *string { return &s.Temporal.Namespace })},
	{"TEMPORAL_TLS_CA", "", false, "PEM file of the authority that signed the frontend's certificate; turns TLS on", text(func(s *Settings) *string { return &s.Temporal.TLSCA })},
	{"TEMPORAL_TLS_CERT", "", false, "PEM file of a client certificate; turns TLS on", text(func(s *Settings) *string { return &s.Temporal.TLSCert })},
	{"TEMPORAL_TLS_KEY", "", false, "PEM file of the client certificate's key", text(func(s *Settings) *string { return &s.Temporal.TLSKey })},
	{"TEMPORAL_TLS_SERVER_NAME", "", false, "name expected in the frontend's certificate; turns TLS on", text(func(s *Settings) *string { return &s.Temporal.TLSServerName })},
	{"ETH_RPC_URLS", "", true, "URLs of Ethereum nodes by comma, the preferred one first: http, https, ws or wss", readRPCURLs},
	{"RPC_QUORUM", "", false, "nodes that must agree before anything is credited or expires; 1 with one node, else 2", readQuorum},
	{"CHAIN_ID", "1", false, "chain id of the network; a node on another chain is refused", readChainID},
	{"TOKEN_ADDRESS", "0xdAC17F958D2ee523a2206206994597C13D831ec7", false, "contract of USDT", readToken},
	{"TEMPORAL_UI_URL", "", false, "where admins reach Temporal's web UI, for links on the admin page; empty = no links", readTemporalUIURL},
	{"EXPLORER_URL", "", false, "block explorer that the checkout page links transactions to; https://etherscan.io on chain 1; none = no links", readExplorerURL},
	{"XPUB", "", false, "BIP-32 public account key (m/44'/60'/0') from which deposit addresses are derived", readXPub},
	{"CONFIRMATIONS", "12", false, "confirmations in blocks before a transfer is credited, at least 1", readConfirmations},
	{"FINALIZED_ABOVE", "", false, "amount in USDT above which a credit also waits until its block is finalized; empty = never", readFinalizedAbove},
	{"PAYMENT_WINDOW", "1h", false, "from a payment's creation to its expiry", duration(func(s *Settings) *time.Duration { return &s.PaymentWindow }, time.Second)},
	{"BLOCK_TIME", "12s", false, "usual time between blocks", duration(func(s *Settings) *time.Duration { return &s.BlockTime }, time.Millisecond)},
	{"MAX_AMOUNT", "1000000", false, "largest amount of one payment in USDT", readMaxAmount},
	{"MASTER_KEY", "", true, "64 hex digits (32 bytes) that seal the operators' API secrets", readMasterKey},
	{"TRUSTED_PROXIES", "", false, "addresses or CIDR ranges, by comma, whose X-Forwarded-For and -Proto are believed", readProxies},
	{"METRICS_ADDR", "", false, "listen address of /metrics for Prometheus; it asks for no password; empty = none", text(func(s *Settings) *string { return &s.MetricsAddr })},
	{"WATCH_MEMPOOL", "false", false, "true: also look for transfers on their way, which the checkout page then shows; every pending transaction is read for it", readWatchMempool},
	{"RECONCILE_EVERY", "10m", false, "from one reconciliation of ledger, chain and workflows to the next, at least 1m", duration(func(s *Settings) *time.Duration { return &s.ReconcileEvery }, time.Minute)},
	{"LOG_LEVEL", "info", false, "debug, info, warn or error", func(s *Settings, v string) error { return s.LogLevel.UnmarshalText([]byte(v)) }},
	{"LOG_FORMAT", "text", false, "text or json", readLogFormat},
}

// What the commands need to be set, besides what has a default.
var (
	needsForAPI    = []string{"PUBLIC_URL", "XPUB", "MASTER_KEY"}
	needsForWorker = []string{"ETH_RPC_URLS"}
)

// settingFlags are the flags that stand for settings.
func settingFlags() []cli.Flag {
	var flags []cli.Flag
	for _, d := range allSettings {
		if !d.secret {
			flags = append(flags, &cli.StringFlag{Name: d.flag(), Usage: d.help, Sources: cli.EnvVars(d.env()), DefaultText: d.fallback})
		}
	}
	return flags
}

// loadSettings reads and checks every setting, and returns one sentence for each that is wrong or missing.
func loadSettings(cmd *cli.Command, needed ...string) (Settings, error) {
	var s Settings
	var wrong []error
	for _, d := range allSettings {
		value, err := d.lookup(cmd)
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		if value == "" {
			if slices.Contains(needed, d.name) {
				wrong = append(wrong, fmt.Errorf("%s must be set: %s", d.env(), d.help))
			}
			continue
		}
		if err := d.read(&s, value); err != nil {
			shown := strconv.Quote(value)
			if d.secret {
				shown = "its value"
			}
			wrong = append(wrong, fmt.Errorf("%s: %s: %w", d.env(), shown, err))
		}
	}
	if s.ExplorerURL == "" && s.ChainID == 1 {
		s.ExplorerURL = "https://etherscan.io"
	}
	if err := s.settleQuorum(); err != nil {
		wrong = append(wrong, fmt.Errorf("PAYCOW_RPC_QUORUM: %w", err))
	}
	return s, errors.Join(wrong...)
}

// settleQuorum sets the default that the number of nodes gives, and refuses more than there are.
func (s *Settings) settleQuorum() error {
	nodes := len(s.RPCURLs)
	switch {
	case nodes == 0:
		return nil // this process asks none
	case s.RPCQuorum == 0:
		s.RPCQuorum = min(nodes, 2)
	case s.RPCQuorum > nodes:
		return fmt.Errorf("%d nodes cannot agree when PAYCOW_ETH_RPC_URLS names %d", s.RPCQuorum, nodes)
	}
	return nil
}

// lookup finds a setting's value: flag or environment, then the file, then the default.
func (d setting) lookup(cmd *cli.Command) (string, error) {
	value := os.Getenv(d.env())
	if !d.secret && cmd.IsSet(d.flag()) {
		value = cmd.String(d.flag())
	}
	if path := os.Getenv(d.env() + "_FILE"); value == "" && path != "" {
		content, err := os.ReadFile(path) //nolint:gosec // the path is the administrator's setting
		if err != nil {
			return "", fmt.Errorf("%s_FILE cannot be read: %w", d.env(), err)
		}
		value = strings.TrimSpace(string(content))
	}
	if value == "" {
		value = d.fallback
	}
	return value, nil
}

// settingsCommand prints the table of settings, both as "paycow settings" and as "paycow help settings".
func settingsCommand() *cli.Command {
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SETTING\tDEFAULT\tMEANING")
	for _, d := range allSettings {
		fmt.Fprintf(table, "%s\t%s\t%s\n", d.env(), d.fallback, d.help)
	}
	fmt.Fprintln(table, "\nEach can also be read from the file that <SETTING>_FILE names.")
	_ = table.Flush() // into memory
	return &cli.Command{
		Name: "settings", Usage: "print the table of settings", Description: b.String(),
		Action: func(_ context.Context, cmd *cli.Command) error {
			_, err := fmt.Fprint(cmd.Root().Writer, b.String())
			return err
		},
	}
}

func text(field func(*Settings) *string) func(*Settings, string) error {
	return func(s *Settings, value string) error { *field(s) = value; return nil }
}

func duration(field func(*Settings) *time.Duration, least time.Duration) func(*Settings, string) error {
	return func(s *Settings, value string) error {
		d, err := time.ParseDuration(value)
		if err != nil || d < least {
			return fmt.Errorf("must be a duration of at least %s, such as 90s or 1h", least)
		}
		*field(s) = d
		return nil
	}
}

func readPublicURL(s *Settings, value string) error {
	u, err := url.Parse(value)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("must be an http or https URL")
	}
	s.PublicURL = strings.TrimRight(value, "/")
	return nil
}

func readTemporalUIURL(s *Settings, value string) error {
	u, err := url.Parse(value)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("must be an http or https URL")
	}
	s.TemporalUIURL = strings.TrimRight(value, "/")
	return nil
}

// noExplorer is the value that turns the default off.
const noExplorer = "none"

func readExplorerURL(s *Settings, value string) error {
	u, err := url.Parse(value)
	if value != noExplorer && (err != nil || u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "") {
		return errors.New("must be an https URL, or none")
	}
	s.ExplorerURL = strings.TrimRight(value, "/")
	return nil
}

func readRPCURLs(s *Settings, value string) error {
	s.RPCURLs = nil
	for item := range strings.SplitSeq(value, ",") {
		item = strings.TrimSpace(item)
		u, err := url.Parse(item)
		if err != nil || u.Host == "" || !slices.Contains([]string{"http", "https", "ws", "wss"}, u.Scheme) {
			return errors.New("must be http, https, ws or wss URLs, by comma")
		}
		if slices.Contains(s.RPCURLs, item) {
			return errors.New("names a node twice, which would agree with itself")
		}
		s.RPCURLs = append(s.RPCURLs, item)
	}
	return nil
}

func readQuorum(s *Settings, value string) error {
	n, err := strconv.ParseUint(value, 10, 8)
	if err != nil || n == 0 {
		return errors.New("must be a whole number from 1 to 255")
	}
	s.RPCQuorum = int(n)
	return nil
}

func readFinalizedAbove(s *Settings, value string) error {
	amount, err := models.ParseAmount(value)
	if err != nil || amount <= 0 {
		return errors.New("must be a positive amount with at most 6 decimals, or empty")
	}
	s.FinalizedAbove = amount
	return nil
}

func readWatchMempool(s *Settings, value string) error {
	watch, err := strconv.ParseBool(value)
	if err != nil {
		return errors.New("must be true or false")
	}
	s.WatchMempool = watch
	return nil
}

func readChainID(s *Settings, value string) error {
	id, err := strconv.ParseUint(value, 10, 63)
	if err != nil || id == 0 {
		return errors.New("must be a positive whole number")
	}
	s.ChainID = id
	return nil
}

func readToken(s *Settings, value string) error {
	if !common.IsHexAddress(value) {
		return errors.New("must be an address: 0x and 40 hex digits")
	}
	s.Token = common.HexToAddress(value)
	return nil
}

func readXPub(s *Settings, value string) error {
	xpub, err := chain.NewXPub(value)
	s.XPub = xpub
	return err
}

func readConfirmations(s *Settings, value string) error {
	n, err := strconv.ParseUint(value, 10, 16)
	if err != nil || n == 0 {
		return errors.New("must be a whole number from 1 to 65535")
	}
	s.Confirmations = n
	return nil
}

func readMaxAmount(s *Settings, value string) error {
	amount, err := models.ParseAmount(value)
	if err != nil || amount <= 0 {
		return errors.New("must be a positive amount with at most 6 decimals")
	}
	s.MaxAmount = amount
	return nil
}

func readMasterKey(s *Settings, value string) error {
	key, err := hex.DecodeString(value)
	if err != nil || len(key) != 32 {
		return errors.New("must be 64 hex digits")
	}
	s.MasterKey = key
	return nil
}

func readProxies(s *Settings, value string) error {
	for item := range strings.SplitSeq(value, ",") {
		item = strings.TrimSpace(item)
		prefix, err := netip.ParsePrefix(item)
		if err != nil {
			address, addressErr := netip.ParseAddr(item)
			if addressErr != nil {
				return errors.New("must be addresses or CIDR ranges, by comma")
			}
			prefix = netip.PrefixFrom(address, address.BitLen())
		}
		s.TrustedProxies = append(s.TrustedProxies, prefix)
	}
	return nil
}

func readLogFormat(s *Settings, value string) error {
	if value != "text" && value != "json" {
		return errors.New("must be text or json")
	}
	s.LogFormat = value
	return nil
}
