package localchain

import (
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/rawdb"
	"github.com/ethereum/go-ethereum/eth"
	"github.com/ethereum/go-ethereum/eth/ethconfig"
	"github.com/ethereum/go-ethereum/eth/filters"
	"github.com/ethereum/go-ethereum/eth/tracers"
	_ "github.com/ethereum/go-ethereum/eth/tracers/native" // callTracer and others for debug_traceTransaction
	"github.com/ethereum/go-ethereum/node"
	"github.com/ethereum/go-ethereum/p2p"
	"github.com/ethereum/go-ethereum/rpc"
)

const (
	defaultListenAddr = "127.0.0.1:0"

	// The caches are small because the chain is small. geth's defaults are for mainnet and would take gigabytes.
	databaseCacheMegabytes  = 16
	databaseHandles         = 64
	trieCleanCacheMegabytes = 16

	// maxPoolTransactions bounds the pool. While blocks are mined on demand only, thousands of payments of the faucet's
	// account may wait in it.
	maxPoolTransactions = 100_000
)

// ErrOtherChain means that the data directory was created with another genesis block, for instance by an older version
// of this program. Its content cannot be used; start over in an empty directory.
var ErrOtherChain = errors.New("the data directory contains another chain; start over in an empty one")

// newNode creates geth without starting it. If it returns an error, it leaves nothing open.
func newNode(cfg Config) (*node.Node, *eth.Ethereum, error) {
	nodeConfig, err := nodeConfigFor(cfg)
	if err != nil {
		return nil, nil, err
	}
	stack, err := node.New(nodeConfig)
	if err != nil {
		return nil, nil, fmt.Errorf("open the node's data directory: %w", err)
	}
	backend, err := eth.New(stack, ethConfig())
	if err != nil {
		closeErr := stack.Close()
		if _, ok := errors.AsType[*core.GenesisMismatchError](err); ok {
			err = fmt.Errorf("%w (%s)", ErrOtherChain, cfg.DataDir)
		}
		return nil, nil, errors.Join(fmt.Errorf("open the chain's database: %w", err), closeErr)
	}
	stack.RegisterAPIs([]rpc.API{{
		Namespace: "eth",
		Service: filters.NewFilterAPI(filters.NewFilterSystem(backend.APIBackend, filters.Config{
			LogQueryLimit: ethconfig.Defaults.LogQueryLimit,
		})),
	}})
	stack.RegisterAPIs(tracers.APIs(backend.APIBackend))
	return stack, backend, nil
}

// nodeConfigFor returns geth's configuration of the RPC server and the data directory.
func nodeConfigFor(cfg Config) (*node.Config, error) {
	listenAddr := cfg.ListenAddr
	if listenAddr == "" {
		listenAddr = defaultListenAddr
	}
	host, portText, err := net.SplitHostPort(listenAddr)
	if err != nil {
		return nil, fmt.Errorf("parse the listen address %q: %w", listenAddr, err)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("parse the listen address %q: the port is not a number from 0 to 65535", listenAddr)
	}
	if host == "" {
		// For geth, an empty host means no server at all.
		host = "0.0.0.0"
	}

	// Pages served from this machine may call the chain from a browser. Pages from elsewhere must not.
	localOrigins := []string{"http://localhost", "http://127.0.0.1"}
	localOriginsAnyPort := []string{"http://localhost", "http://localhost:*", "http://127.0.0.1", "http://127.0.0.1:*"}
	virtualHosts := []string{"localhost"}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		// Other machines reach the node by a host name that is not known here.
		virtualHosts = []string{"*"}
	}
	modules := []string{"eth", "net", "web3", "txpool", "debug", "dev"}

	config := node.DefaultConfig
	config.Name = "localchain"
	config.DataDir = cfg.DataDir
	config.IPCPath = ""
	config.P2P = p2p.Config{NoDiscovery: true, NoDial: true}
	config.HTTPHost, config.HTTPPort = host, int(port)
	config.HTTPModules, config.HTTPCors, config.HTTPVirtualHosts = modules, localOriginsAnyPort, virtualHosts
	// The same host and port makes geth serve both protocols from one listener.
	config.WSHost, config.WSPort = host, int(port)
	config.WSModules, config.WSOrigins = modules, localOrigins
	return &config, nil
}

// ethConfig returns geth's configuration of the chain and the pool.
func ethConfig() *ethconfig.Config {
	config := ethconfig.Defaults
	config.Genesis = genesisBlock()
	config.SyncMode = ethconfig.FullSync

	// Without pruning and with the hash scheme, each block's whole state is written with the block. The path scheme would
	// keep the state of the last 128 blocks in memory, and a kill would set the chain back by as many.
	config.StateScheme = rawdb.HashScheme
	config.NoPruning = true
	config.SnapshotCache = 0

	config.DatabaseCache = databaseCacheMegabytes
	config.DatabaseHandles = databaseHandles
	config.TrieCleanCache = trieCleanCacheMegabytes
	config.TrieDirtyCache = 0

	// The log index lags behind the head and is rebuilt after a reorg. Searching by the headers' blooms is always
	// correct, and fast enough for a chain of this size.
	config.LogNoHistory = true
	config.TransactionHistory = 0 // keep all

	// geth sends no transaction again by itself, so the transactions that dev_reorg dropped stay dropped.
	config.TxPool.NoLocals = true
	config.TxPool.Journal = ""
	config.TxPool.AccountSlots = maxPoolTransactions
	config.TxPool.GlobalSlots = maxPoolTransactions
	config.TxPool.AccountQueue = maxPoolTransactions
	config.TxPool.GlobalQueue = maxPoolTransactions
	config.BlobPool.Datadir = ""

	// Any tip is enough. Otherwise a transaction with a low tip would never be mined.
	miner := config.Miner
	miner.GasPrice = oneWei()
	miner.GasCeil = gasLimit
	config.Miner = miner
	return &config
}
