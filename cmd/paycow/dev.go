//go:build !slim

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/urfave/cli/v3"
	"golang.org/x/sync/errgroup"

	"paycow/chain"
	"paycow/devstack/localchain"
	"paycow/devstack/temporal"
	"paycow/engine"
	"paycow/internal/secrets"
	"paycow/models"
	"paycow/store"
)

// devFile is dev.json: all that a developer or a test needs to use the running stack.
type devFile struct {
	APIURL            string      `json:"apiUrl"`
	TemporalAddress   string      `json:"temporalAddress"`
	TemporalNamespace string      `json:"temporalNamespace"`
	TemporalUIURL     string      `json:"temporalUiUrl"`
	RPCURL            string      `json:"rpcUrl"`
	WSURL             string      `json:"wsUrl"` // "" with an outside node that is reached by http
	ChainID           uint64      `json:"chainId"`
	TokenAddress      string      `json:"tokenAddress"`
	TokenOwnerKey     string      `json:"tokenOwnerKey"` // "" with an outside node
	FaucetKey         string      `json:"faucetKey"`     // "" with an outside node
	XPub              string      `json:"xpub"`
	Operator          devOperator `json:"operator"`
	Admin             devAdmin    `json:"admin"`
}

type devOperator struct {
	Email     string `json:"email"`
	Password  string `json:"password"`
	APIKey    string `json:"apiKey"`
	APISecret string `json:"apiSecret"`
}

type devAdmin struct {
	Email    string `json:"email"`
	Password string `json:"password"`
}

const (
	devFileName     = "dev.json"
	devSecretsName  = "secrets.json"
	devDatabaseName = "paycow.db"
)

// devSecrets are made once for a data directory.
type devSecrets struct {
	MasterKey        string `json:"masterKey"`
	Seed             string `json:"seed"` // of the deposit addresses
	OperatorPassword string `json:"operatorPassword"`
	AdminPassword    string `json:"adminPassword"`
}

func devCommand() *cli.Command {
	return &cli.Command{
		Name:  "dev",
		Usage: "run everything in one process for development: workflow engine, local chain with a USDT-like token, API, worker",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "data-dir", Value: ".paycow", Usage: "where everything is kept"},
			&cli.StringFlag{Name: "http", Value: "127.0.0.1:8080", Usage: "listen address of the API and the pages"},
			&cli.StringFlag{Name: "temporal", Value: "127.0.0.1:7233", Usage: "listen address of the workflow engine"},
			&cli.StringFlag{Name: "temporal-ui", Value: "127.0.0.1:8233", Usage: "listen address of the workflow engine's web UI"},
			&cli.StringFlag{Name: "rpc", Value: "127.0.0.1:8545", Usage: "listen address of the local chain, HTTP and WS"},
			&cli.DurationFlag{Name: "block-time", Value: time.Second, Usage: "time between blocks; 0: a block only by dev_mine"},
			&cli.DurationFlag{Name: "window", Value: time.Hour, Usage: "from a payment's creation to its expiry"},
			&cli.Uint64Flag{Name: "confirmations", Value: models.DefaultConfirmations, Usage: "confirmations in blocks before a transfer is credited"},
			&cli.StringFlag{Name: "rpc-url", Usage: "use these Ethereum nodes, by comma, instead of the local chain (with --token)"},
			&cli.StringFlag{Name: "rpc-quorum", Usage: "how many of them must agree; 1 with one node, else 2"},
			&cli.StringFlag{Name: "token", Usage: "contract of the token on that chain"},
			&cli.StringFlag{Name: "metrics", Usage: "listen address of /metrics; none unless given"},
			&cli.StringFlag{Name: "database", Usage: "postgres://… instead of the SQLite file"},
			&cli.BoolFlag{Name: "fresh", Usage: "start over: delete what the data directory holds"},
			&cli.StringFlag{Name: "log-level", Value: "warn", Usage: "debug, info, warn or error"},
		},
		Action: runDev,
	}
}

// dev is a running development stack.
type dev struct {
	cmd      *cli.Command
	out      io.Writer
	log      *slog.Logger
	dir      string
	settings Settings
	secrets  devSecrets
	file     devFile
	node     string         // the Ethereum node as it may be printed: an outside one's URL often holds an API key
	closers  []func() error // in the order of opening
}

func runDev(ctx context.Context, cmd *cli.Command) (err error) {
	d := &dev{cmd: cmd, out: cmd.Root().Writer, dir: cmd.String("data-dir")}
	if err := d.readFlags(); err != nil {
		return err
	}
	d.log = newLogger(cmd.Root().ErrWriter, d.settings)
	defer func() { err = errors.Join(err, d.close()) }()
	started := time.Now()
	if err := d.prepareDirectory(); err != nil {
		return err
	}
	if err := d.startChain(ctx); err != nil {
		return err
	}
	if err := d.prepareDatabase(ctx); err != nil {
		return err
	}
	if err := d.startEngine(ctx); err != nil {
		return err
	}
	return d.serve(ctx, started)
}

// readFlags checks the flags before anything is started.
func (d *dev) readFlags() error {
	s := Settings{
		HTTPAddr: d.cmd.String("http"), Confirmations: d.cmd.Uint64("confirmations"), PaymentWindow: d.cmd.Duration("window"),
		BlockTime: d.cmd.Duration("block-time"), MaxAmount: models.DefaultMaxAmount, WatchMempool: true, ReconcileEvery: devReconcileEvery,
		MetricsAddr: d.cmd.String("metrics"),
	}
	var wrong []error
	if s.Confirmations < 1 {
		wrong = append(wrong, errors.New("--confirmations must be at least 1"))
	}
	if s.PaymentWindow < time.Second {
		wrong = append(wrong, errors.New("--window must be at least 1s"))
	}
	if s.BlockTime < 0 {
		wrong = append(wrong, errors.New("--block-time must not be negative"))
	}
	if err := s.LogLevel.UnmarshalText([]byte(d.cmd.String("log-level"))); err != nil {
		wrong = append(wrong, errors.New("--log-level must be debug, info, warn or error"))
	}
	rpcURL, token := d.cmd.String("rpc-url"), d.cmd.String("token")
	if (rpcURL == "") != (token == "") {
		wrong = append(wrong, errors.New("--rpc-url and --token belong together"))
	}
	if rpcURL != "" && token != "" {
		if err := readRPCURLs(&s, rpcURL); err != nil {
			wrong = append(wrong, fmt.Errorf("--rpc-url: %w", err))
		}
		if quorum := d.cmd.String("rpc-quorum"); quorum != "" {
			if err := readQuorum(&s, quorum); err != nil {
				wrong = append(wrong, fmt.Errorf("--rpc-quorum: %w", err))
			}
		}
		if err := s.settleQuorum(); err != nil {
			wrong = append(wrong, fmt.Errorf("--rpc-quorum: %w", err))
		}
		if err := readToken(&s, token); err != nil {
			wrong = append(wrong, fmt.Errorf("--token: %w", err))
		}
	}
	if database := d.cmd.String("database"); database != "" && !strings.HasPrefix(database, "postgres://") && !strings.HasPrefix(database, "postgresql://") {
		wrong = append(wrong, errors.New("--database must be a postgres:// URL"))
	}
	d.settings = s
	return errors.Join(wrong...)
}

// sayf prints what is being done.
func (d *dev) sayf(format string, values ...any) { fmt.Fprintf(d.out, "→ "+format+"\n", values...) }

func (d *dev) onClose(closer func() error) { d.closers = append(d.closers, closer) }

// close stops everything, last started first.
func (d *dev) close() error {
	var wrong []error
	for _, closer := range slices.Backward(d.closers) {
		wrong = append(wrong, closer())
	}
	return errors.Join(wrong...)
}

// prepareDirectory makes the data directory and what is kept in it from run to run.
func (d *dev) prepareDirectory() error {
	path := filepath.Join(d.dir, devSecretsName)
	if d.cmd.Bool("fresh") {
		if err := removeDevDirectory(d.dir, path); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return fmt.Errorf("--data-dir: %w", err)
	}
	// The last run's is stale until everything is ready again.
	if err := os.Remove(filepath.Join(d.dir, devFileName)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("--data-dir: %w", err)
	}
	content, err := os.ReadFile(path) //nolint:gosec // in the directory that the user named
	switch {
	case errors.Is(err, os.ErrNotExist):
		d.sayf("new data directory %s", d.dir)
		d.secrets = devSecrets{MasterKey: randomHex(32), Seed: randomHex(32), OperatorPassword: randomHex(8), AdminPassword: randomHex(8)}
		if err := writeJSON(path, d.secrets); err != nil {
			return err
		}
	case err != nil:
		return fmt.Errorf("--data-dir: %w", err)
	default:
		d.sayf("data directory %s (--fresh starts over)", d.dir)
		if err := json.Unmarshal(content, &d.secrets); err != nil {
			return fmt.Errorf("%s is damaged, --fresh starts over: %w", path, err)
		}
	}
	if err := readMasterKey(&d.settings, d.secrets.MasterKey); err != nil {
		return fmt.Errorf("%s is damaged, --fresh starts over: the master key %w", path, err)
	}
	seed, err := hex.DecodeString(d.secrets.Seed)
	if err != nil {
		return fmt.Errorf("%s is damaged, --fresh starts over: %w", path, err)
	}
	if d.file.XPub, err = chain.NewDevXPub(seed); err != nil {
		return fmt.Errorf("derive the extended public key: %w", err)
	}
	d.settings.XPub, err = chain.NewXPub(d.file.XPub)
	return err
}

// removeDevDirectory deletes a data directory, and nothing that is not one.
func removeDevDirectory(dir, marker string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) || (err == nil && len(entries) == 0) {
		return nil
	}
	if _, markerErr := os.Stat(marker); err != nil || markerErr != nil {
		return fmt.Errorf("--fresh deletes only a directory that paycow dev has made, and %s is none", dir)
	}
	return os.RemoveAll(dir)
}

// startChain starts the local chain, or finds out about the outside one.
func (d *dev) startChain(ctx context.Context) error {
	if len(d.settings.RPCURLs) > 0 {
		if err := d.useOutsideNodes(ctx); err != nil {
			return err
		}
	} else {
		d.sayf("starting the local Ethereum chain")
		local, err := localchain.Start(ctx, localchain.Config{
			DataDir: filepath.Join(d.dir, "chain"), ListenAddr: d.cmd.String("rpc"), BlockTime: d.settings.BlockTime, Logger: d.log,
		})
		if err != nil {
			return fmt.Errorf("local chain: %w", err)
		}
		d.onClose(local.Close)
		d.settings.RPCURLs, d.settings.RPCQuorum = []string{local.WSURL()}, 1
		d.settings.ChainID, d.settings.Token = local.ChainID(), local.TokenAddress()
		d.file.RPCURL, d.file.WSURL = local.HTTPURL(), local.WSURL()
		d.node = d.file.RPCURL
		d.file.TokenOwnerKey, d.file.FaucetKey = hexKey(local.TokenOwnerKey()), hexKey(local.FaucetKey())
	}
	d.file.ChainID, d.file.TokenAddress = d.settings.ChainID, d.settings.Token.Hex()
	return nil
}

// useOutsideNodes finds out which chain the given nodes follow, from the first that answers, and looks at the token there.
func (d *dev) useOutsideNodes(ctx context.Context) error {
	var names []string
	var unreachable []error
	for i, rawURL := range d.settings.RPCURLs {
		node, err := chain.Dial(ctx, rawURL, d.log)
		if err != nil {
			return fmt.Errorf("--rpc-url: %w", err)
		}
		names = append(names, node.Name())
		if d.settings.ChainID == 0 {
			if d.settings.ChainID, err = node.ChainID(ctx); err != nil {
				unreachable = append(unreachable, err)
				d.settings.ChainID = 0
			} else {
				d.file.RPCURL, d.file.WSURL = rawURL, ""
				if strings.HasPrefix(rawURL, "ws") {
					d.file.WSURL = rawURL
				}
				if i > 0 {
					d.log.WarnContext(ctx, "an Ethereum node before this one cannot be reached", "node", node.Name())
				}
			}
		}
		node.Close()
	}
	if d.settings.ChainID == 0 {
		return fmt.Errorf("--rpc-url: %w", errors.Join(unreachable...))
	}
	d.node = strings.Join(names, ", ")
	d.sayf("using the Ethereum nodes at %s, of which %d must agree", d.node, d.settings.RPCQuorum)
	if err := chain.CheckTokenContract(ctx, d.settings.RPCURLs, d.settings.chainConfig(), d.log); err != nil {
		return fmt.Errorf("--token: %w", err)
	}
	return nil
}

// prepareDatabase brings the schema up to date and makes the demo operator and admin.
func (d *dev) prepareDatabase(ctx context.Context) error {
	d.settings.DatabaseURL = d.cmd.String("database")
	if d.settings.DatabaseURL == "" {
		d.settings.DatabaseURL = "sqlite:" + filepath.Join(d.dir, devDatabaseName)
	}
	d.sayf("preparing the database")
	db, err := store.Open(ctx, d.settings.DatabaseURL, d.log)
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	defer db.Close() //nolint:errcheck // nothing is under way
	if err := db.Migrate(ctx); err != nil {
		return err
	}
	d.file.Operator = devOperator{Email: "operator@paycow.test", Password: d.secrets.OperatorPassword}
	d.file.Operator.APIKey, d.file.Operator.APISecret, err = d.demoCredentials(ctx, db)
	if err != nil {
		return fmt.Errorf("demo operator: %w", err)
	}
	d.file.Admin = devAdmin{Email: "admin@paycow.test", Password: d.secrets.AdminPassword}
	if _, err := db.AdminByEmail(ctx, d.file.Admin.Email); errors.Is(err, models.ErrNotFound) {
		err = db.CreateAdmin(ctx, models.Admin{ID: models.NewID(), Email: d.file.Admin.Email, PasswordHash: secrets.HashPassword(d.file.Admin.Password)})
		if err != nil {
			return fmt.Errorf("demo admin: %w", err)
		}
	} else if err != nil {
		return fmt.Errorf("demo admin: %w", err)
	}
	return nil
}

// demoCredentials returns the demo operator's key and secret, making the operator the first time.
func (d *dev) demoCredentials(ctx context.Context, db *store.Store) (apiKey, apiSecret string, err error) {
	operator, err := db.OperatorByEmail(ctx, d.file.Operator.Email)
	if errors.Is(err, models.ErrNotFound) {
		credential, secret, err := createOperator(ctx, db, d.settings.MasterKey, d.file.Operator.Email, "Demo shop", d.file.Operator.Password)
		return credential.APIKey, secret, err
	}
	if err != nil {
		return "", "", err
	}
	credentials, err := db.CredentialsOf(ctx, operator.ID)
	if err != nil {
		return "", "", err
	}
	for _, credential := range credentials {
		if credential.RevokedAt == nil {
			secret, err := secrets.OpenSecret(credential, d.settings.MasterKey)
			if err != nil {
				return "", "", fmt.Errorf("the database belongs to another data directory: %w", err)
			}
			return credential.APIKey, secret, nil
		}
	}
	return "", "", errors.New("has no credentials")
}

func (d *dev) startEngine(ctx context.Context) error {
	d.sayf("starting the workflow engine")
	e, err := temporal.Start(ctx, temporal.Config{
		DataDir: filepath.Join(d.dir, "temporal"), FrontendAddr: d.cmd.String("temporal"), UIAddr: d.cmd.String("temporal-ui"),
		UINamespace: devNamespace, Logger: d.log,
	})
	if err != nil {
		return fmt.Errorf("workflow engine: %w", err)
	}
	d.onClose(e.Stop)
	d.settings.Temporal = engine.Settings{Address: e.Address(), Namespace: devNamespace}
	d.settings.TemporalUIURL = e.UIURL()
	d.file.TemporalAddress, d.file.TemporalNamespace, d.file.TemporalUIURL = e.Address(), devNamespace, e.UIURL()
	return nil
}

const (
	devNamespace = "paycow"
	// devReconcileEvery is shorter than an installation's, so that a developer sees the report.
	devReconcileEvery = time.Minute
)

// serve runs API, worker and outbox, writes dev.json once all are ready, and returns when ctx ends or one of them fails.
func (d *dev) serve(ctx context.Context, started time.Time) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", d.settings.HTTPAddr)
	if err != nil {
		return fmt.Errorf("--http: %w", err)
	}
	d.file.APIURL = "http://" + listener.Addr().String()
	d.settings.PublicURL = d.file.APIURL
	p, err := openParts(ctx, d.settings, d.log)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	d.onClose(p.close)
	if d.file.FaucetKey != "" {
		p.walletRPCURL, p.faucet = d.file.RPCURL, d.payFromFaucet
	}
	d.sayf("preparing the engine's namespace and starting API and worker")
	if err := engine.EnsureNamespace(ctx, p.temporal, devNamespace, namespaceRetention, engine.SearchAttributes()); err != nil {
		return errors.Join(err, listener.Close())
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { p.outbox.Run(ctx); return nil })
	group.Go(func() error { return p.serveMetrics(ctx) })
	group.Go(func() error { return p.serveAPI(ctx, listener) })
	group.Go(func() error {
		return p.runWorker(ctx, func() {
			if err := writeJSON(filepath.Join(d.dir, devFileName), d.file); err != nil {
				d.log.ErrorContext(ctx, "dev.json not written", "error", err)
			}
			d.greet(time.Since(started))
		})
	})
	err = group.Wait()
	d.sayf("stopping")
	return err
}

// greet prints where everything is and how to make the first payment.
func (d *dev) greet(took time.Duration) {
	table := tabwriter.NewWriter(d.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "\nPayCow is ready after %s.\n\n", took.Round(10*time.Millisecond))
	fmt.Fprintf(table, "  API and pages\t%s\n", d.file.APIURL)
	fmt.Fprintf(table, "  Temporal UI\t%s\n", d.file.TemporalUIURL)
	fmt.Fprintf(table, "  Ethereum RPC\t%s\t(chain %s, token %s)\n", d.node, strconv.FormatUint(d.file.ChainID, 10), d.file.TokenAddress)
	fmt.Fprintf(table, "  Everything else\t%s\t(keys, credentials, accounts)\n", filepath.Join(d.dir, devFileName))
	_ = table.Flush()
	fmt.Fprintf(d.out, `
The first payment, in another terminal:

  curl -X POST %s/api/payment/create -H 'Content-Type: application/json' \
    -H 'x-api-key: %s' -H 'x-api-secret: %s' \
    -d '{"amount": 50.00, "userId": "user_123456", "network": "ERC20"}'
`, d.file.APIURL, d.file.Operator.APIKey, d.file.Operator.APISecret)
	if d.file.FaucetKey != "" {
		fmt.Fprintf(d.out, "  go run ./cmd/paycow pay <sessionId>%s\n", d.dataDirFlag())
	} else {
		fmt.Fprintln(d.out, "  and send the amount in the token to the deposit address.")
	}
	fmt.Fprintln(d.out)
}

func (d *dev) dataDirFlag() string {
	if d.cmd.IsSet("data-dir") {
		return " --data-dir " + d.dir
	}
	return ""
}

func hexKey(key *ecdsa.PrivateKey) string { return "0x" + hex.EncodeToString(crypto.FromECDSA(key)) }

func randomHex(bytes int) string {
	b := make([]byte, bytes)
	rand.Read(b) // never fails: crypto/rand ends the process instead
	return hex.EncodeToString(b)
}

// writeJSON replaces a file that holds secrets in one step, so that a reader never sees half of it.
func writeJSON(path string, value any) error {
	content, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	temporary := path + ".new"
	if err := os.WriteFile(temporary, append(content, '\n'), 0o600); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.Rename(temporary, path)
}

func payCommand() *cli.Command {
	return &cli.Command{
		Name: "pay", Usage: "pay a payment of a running `paycow dev` from its faucet", ArgsUsage: "<paymentId>",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "data-dir", Value: ".paycow", Usage: "data directory of the running stack"},
			&cli.StringFlag{Name: "amount", Usage: "USDT to send; what is missing unless given"},
		},
		Action: func(ctx context.Context, cmd *cli.Command) error {
			if cmd.Args().Len() != 1 {
				return errors.New("name one payment: paycow pay <paymentId>")
			}
			content, err := os.ReadFile(filepath.Join(cmd.String("data-dir"), devFileName))
			if err != nil {
				return fmt.Errorf("is `paycow dev` running? %w", err)
			}
			var file devFile
			if err := json.Unmarshal(content, &file); err != nil {
				return fmt.Errorf("read %s: %w", devFileName, err)
			}
			return pay(ctx, cmd.Root().Writer, file, cmd.Args().First(), cmd.String("amount"))
		},
	}
}

// payFromFaucet sends test tokens to an address.
func (d *dev) payFromFaucet(ctx context.Context, address string, amount models.Amount) (string, error) {
	return fromFaucet(ctx, d.file, address, amount)
}

// fromFaucet sends test tokens from the faucet of a development stack to an address and returns the transaction's hash.
func fromFaucet(ctx context.Context, file devFile, address string, amount models.Amount) (string, error) {
	key, err := crypto.HexToECDSA(strings.TrimPrefix(file.FaucetKey, "0x"))
	if err != nil {
		return "", fmt.Errorf("faucet key in %s: %w", devFileName, err)
	}
	hash, err := localchain.Pay(ctx, file.RPCURL, common.HexToAddress(file.TokenAddress), key, common.HexToAddress(address), int64(amount))
	if err != nil {
		return "", fmt.Errorf("pay: %w", err)
	}
	return hash.Hex(), nil
}

// pay sends the given amount, or what is missing, from the faucet to a payment's deposit address.
func pay(ctx context.Context, out io.Writer, file devFile, paymentID, amountText string) error {
	if file.FaucetKey == "" {
		return errors.New("this stack uses an outside Ethereum node, so there is no faucet: pay with a wallet")
	}
	payment, err := fetchPayment(ctx, file.APIURL, paymentID)
	if err != nil {
		return err
	}
	amount := payment.AmountRequested - payment.AmountReceived
	if amountText != "" {
		if amount, err = models.ParseAmount(amountText); err != nil {
			return fmt.Errorf("--amount: %w", err)
		}
	}
	if amount <= 0 {
		return errors.New("nothing is missing; --amount sends more")
	}
	hash, err := fromFaucet(ctx, file, payment.DepositAddress, amount)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "Sent %s USDT to %s in transaction %s\n", amount, payment.DepositAddress, hash)
	return nil
}
