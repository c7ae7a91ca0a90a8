//go:build !slim

package main

import (
	"context"
	"crypto/ecdsa"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/crypto"
	"github.com/urfave/cli/v3"

	"paycow/chain"
	"paycow/devstack/localchain"
	"paycow/devstack/temporal"
	"paycow/engine"
	"paycow/models"
)

const (
	devNamespace = "paycow"
	// devMaxUnpaid is larger than an installation's default: no wallet looks for this money, and load tests pay nothing.
	devMaxUnpaid = 200_000
	// devRates is how many times the usual rate limits apply, for load tests.
	devRates = 100
)

func devCommand() *cli.Command {
	return &cli.Command{
		Name:  "dev",
		Usage: "run everything in one process for development: Temporal, a local chain with a test USDT, the API, a worker",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "data-dir", Value: devDataDir, Usage: "directory for all data"},
			&cli.StringFlag{Name: "http", Value: "127.0.0.1:8080", Usage: "listen address of the API and the pages"},
			&cli.StringFlag{Name: "temporal", Value: "127.0.0.1:7233", Usage: "listen address of Temporal"},
			&cli.StringFlag{Name: "temporal-ui", Value: "127.0.0.1:8233", Usage: "listen address of Temporal's web UI"},
			temporalUIWritesFlag(),
			&cli.StringFlag{
				Name: "rpc", Value: "127.0.0.1:8545", Usage: "listen address of the local chain, for HTTP and WebSocket",
			},
			&cli.DurationFlag{
				Name: "block-time", Value: time.Second, Usage: "time between blocks; with 0, only dev_mine makes blocks",
			},
			&cli.DurationFlag{
				Name: "window", Value: models.DefaultPaymentWindow, Usage: "time from a payment's creation to its expiry",
			},
			&cli.Uint64Flag{
				Name: "confirmations", Value: models.DefaultConfirmations,
				Usage: "confirmations that a transfer needs to be credited, in blocks",
			},
			&cli.IntFlag{
				Name: "max-unpaid", Value: devMaxUnpaid,
				Usage: "payments in a row that nobody pays, after which no more can be created; 0 for any number",
			},
			&cli.StringFlag{
				Name:  "rpc-url",
				Usage: "URLs of Ethereum nodes to use instead of the local chain, separated by commas; needs --token",
			},
			&cli.Uint64Flag{Name: "rpc-quorum", Usage: "number of these nodes that must agree; 1 with one node, otherwise 2"},
			&cli.StringFlag{Name: "token", Usage: "address of the token contract on that chain"},
			&cli.StringFlag{Name: "metrics", Usage: "listen address of /metrics; empty for none"},
			&cli.StringFlag{Name: "database", Usage: "postgres:// URL of a database to use instead of the SQLite file"},
			&cli.BoolFlag{Name: "fresh", Usage: "delete the data directory first"},
			&cli.StringFlag{
				Name: "log-level", Value: "warn", Usage: "lowest level that is logged: debug, info, warn or error",
			},
		},
		Action: runDev,
	}
}

// devFlags names, for a setting of the table, the flag of paycow dev that sets it.
var devFlags = map[string]string{
	"HTTP_ADDR": "http", "BLOCK_TIME": "block-time", "PAYMENT_WINDOW": "window", "CONFIRMATIONS": "confirmations",
	"ETH_RPC_URLS": "rpc-url", "RPC_QUORUM": "rpc-quorum", "TOKEN_ADDRESS": "token", "METRICS_ADDR": "metrics",
	"DATABASE_URL": "database", "LOG_LEVEL": "log-level", "MAX_UNPAID": "max-unpaid",
}

// devSettings returns the table's defaults with what development changes and what the flags say. The error has one
// line for each wrong flag.
func devSettings(cmd *cli.Command) (Settings, error) {
	s := defaultSettings()
	s.isDev, s.WatchMempool = true, true
	s.DatabaseURL, s.ChainID = "", 0 // found out later
	s.MaxOpen, s.MaxTests = 0, 0     // load tests leave theirs open
	for _, rate := range []*int{&s.RatePerKey, &s.RatePerNetwork, &s.RateOfStatus} {
		*rate *= devRates
	}
	s.BlockTime = cmd.Duration("block-time")
	var wrong []error
	for _, d := range s.table() {
		flag, ok := devFlags[d.name]
		if !ok {
			continue
		}
		value := fmt.Sprint(cmd.Value(flag))
		// Only here may the block time be 0, which the table refuses.
		if value == "" || (flag == "block-time" && s.BlockTime == 0) || (flag == "rpc-quorum" && !cmd.IsSet(flag)) {
			continue
		}
		wrong = append(wrong, d.apply("--"+flag, value))
	}
	if (cmd.String("rpc-url") == "") != (cmd.String("token") == "") {
		wrong = append(wrong, errors.New("--rpc-url and --token belong together"))
	}
	if err := s.resolveQuorum(); err != nil {
		wrong = append(wrong, fmt.Errorf("--rpc-quorum: %w", err))
	}
	if s.DatabaseURL != "" && !isPostgres(s.DatabaseURL) {
		wrong = append(wrong, errors.New("--database: must be a postgres:// URL"))
	}
	return s, errors.Join(wrong...)
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
	node     string         // the Ethereum nodes, as they may be printed: an outside node's URL often holds an API key
	closers  []func() error // in the order of opening
}

func runDev(ctx context.Context, cmd *cli.Command) (err error) {
	started := time.Now()
	d := &dev{cmd: cmd, out: cmd.Root().Writer, dir: cmd.String("data-dir")}
	if d.settings, err = devSettings(cmd); err != nil {
		return err
	}
	d.settings.dataDir = d.dir
	d.log = newLogger(cmd.Root().ErrWriter, d.settings)
	defer func() { err = errors.Join(err, d.close()) }()
	if err := d.prepareDirectory(); err != nil {
		return err
	}
	if err := d.startChain(ctx); err != nil {
		return err
	}
	if err := d.prepareDatabase(ctx); err != nil {
		return err
	}
	if err := d.startTemporal(ctx); err != nil {
		return err
	}
	return d.serve(ctx, started)
}

// sayf prints what is being done.
func (d *dev) sayf(format string, values ...any) { fmt.Fprintf(d.out, "→ "+format+"\n", values...) }

func (d *dev) onClose(closer func() error) { d.closers = append(d.closers, closer) }

// close stops everything, in the reverse order of opening.
func (d *dev) close() error {
	var wrong []error
	for _, closer := range slices.Backward(d.closers) {
		wrong = append(wrong, closer())
	}
	return errors.Join(wrong...)
}

// startChain starts the local chain, or checks the outside nodes.
func (d *dev) startChain(ctx context.Context) error {
	start := d.startLocalChain
	if len(d.settings.RPCURLs) > 0 {
		start = d.useOutsideNodes
	}
	if err := start(ctx); err != nil {
		return err
	}
	d.file.ChainID, d.file.TokenAddress = d.settings.ChainID, d.settings.Token.Hex()
	return nil
}

func (d *dev) startLocalChain(ctx context.Context) error {
	d.sayf("starting the local Ethereum chain")
	local, err := localchain.Start(ctx, localchain.Config{
		DataDir: filepath.Join(d.dir, "chain"), ListenAddr: d.cmd.String("rpc"),
		BlockTime: d.settings.BlockTime, Log: d.log,
	})
	if err != nil {
		return fmt.Errorf("start the local chain: %w", err)
	}
	d.onClose(local.Close)
	d.settings.RPCURLs, d.settings.RPCQuorum = []string{local.WSURL()}, 1
	d.settings.ChainID, d.settings.Token, d.settings.ownChain = local.ChainID(), local.TokenAddress(), true
	d.file.RPCURL, d.file.WSURL = local.HTTPURL(), local.WSURL()
	d.node = d.file.RPCURL
	d.file.TokenOwnerKey, d.file.FaucetKey = hexKey(local.TokenOwnerKey()), hexKey(local.FaucetKey())
	return nil
}

func hexKey(key *ecdsa.PrivateKey) string { return "0x" + hex.EncodeToString(crypto.FromECDSA(key)) }

// useOutsideNodes reads the chain's ID from the first node that answers and checks the token there.
func (d *dev) useOutsideNodes(ctx context.Context) error {
	var names []string
	var unreachable []error
	for _, rawURL := range d.settings.RPCURLs {
		node, err := chain.Dial(ctx, rawURL, d.log)
		if err != nil {
			return fmt.Errorf("--rpc-url: %w", err)
		}
		names = append(names, node.Name())
		if d.settings.ChainID == 0 {
			if err := d.useChainOf(ctx, node, rawURL); err != nil {
				unreachable = append(unreachable, err)
			}
		}
		node.Close()
	}
	switch err := errors.Join(unreachable...); {
	case d.settings.ChainID == 0:
		return fmt.Errorf("--rpc-url: %w", err)
	case refusePublicChain(d.settings.ChainID) != nil:
		return fmt.Errorf("--rpc-url: %w", refusePublicChain(d.settings.ChainID))
	case err != nil:
		d.log.WarnContext(ctx, "some Ethereum nodes cannot be reached", "error", err)
	}
	d.node = strings.Join(names, ", ")
	d.sayf("using the Ethereum nodes at %s; %d must agree", d.node, d.settings.RPCQuorum)
	if err := chain.CheckTokenContract(ctx, d.settings.RPCURLs, d.settings.chainConfig(), d.log); err != nil {
		return fmt.Errorf("--token: %w", err)
	}
	return nil
}

// useChainOf takes the chain's ID from a node and makes it the node that dev.json names.
func (d *dev) useChainOf(ctx context.Context, node *chain.Node, rawURL string) error {
	id, err := node.ChainID(ctx)
	if err != nil {
		return err
	}
	d.settings.ChainID, d.file.RPCURL = id, rawURL
	if strings.HasPrefix(rawURL, "ws") {
		d.file.WSURL = rawURL
	}
	return nil
}

func (d *dev) startTemporal(ctx context.Context) error {
	d.sayf("starting Temporal")
	server, err := temporal.Start(ctx, temporal.Config{
		FairQueues: []string{models.TaskQueueWebhooks},
		DataDir:    filepath.Join(d.dir, "temporal"), FrontendAddr: d.cmd.String("temporal"),
		UIAddr: d.cmd.String("temporal-ui"), UINamespace: devNamespace, UIWrites: d.cmd.Bool("temporal-ui-writes"),
		Log: d.log,
	})
	if err != nil {
		return fmt.Errorf("start Temporal: %w", err)
	}
	d.onClose(server.Stop)
	d.settings.Temporal = engine.Settings{Address: server.Address(), Namespace: devNamespace}
	d.settings.TemporalUIURL = server.UIURL()
	d.file.TemporalAddress, d.file.TemporalNamespace = server.Address(), devNamespace
	d.file.TemporalUIURL = server.UIURL()
	return nil
}

// serve runs the API, the worker and the outbox, and writes dev.json once they are ready. It returns when ctx ends or
// one of them fails.
func (d *dev) serve(ctx context.Context, started time.Time) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", d.settings.HTTPAddr)
	if err != nil {
		return fmt.Errorf("--http: %w", err)
	}
	d.file.APIURL = "http://" + listener.Addr().String()
	d.settings.PublicURL = d.file.APIURL
	a, err := openApp(ctx, d.settings, d.log)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	d.onClose(a.close)
	if d.file.FaucetKey != "" {
		a.walletRPCURL = d.file.RPCURL
		a.faucet = func(ctx context.Context, address string, amount models.Amount) (txHash string, err error) {
			return payFromFaucet(ctx, d.file, address, amount)
		}
	}
	d.sayf("preparing Temporal's namespace, then starting the API and the worker")
	if err := a.ensureNamespace(ctx); err != nil {
		return errors.Join(err, listener.Close())
	}
	err = a.run(ctx, listener, true, func() {
		if err := d.writeFiles(); err != nil {
			d.log.ErrorContext(ctx, "cannot write the connection files", "error", err)
		}
		greet(d.out, d.file, greeting{
			took: time.Since(started), node: d.node, dir: d.dir, isUsualDir: !d.cmd.IsSet("data-dir"), program: invocation(),
		})
	})
	d.sayf("stopping")
	return err
}
