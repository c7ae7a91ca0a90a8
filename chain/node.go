package chain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/rpc"

	"paycow/models"
)

// callTimeout bounds one RPC call, including the time to reconnect.
const callTimeout = 10 * time.Second

// Node is one Ethereum RPC endpoint. It is safe for concurrent use. The first call connects, and after a connection
// broke the next call connects again, so a node that is down costs failing calls and never a restart.
type Node struct {
	name        string // scheme and host only: the path and the query often hold an API key
	url         string
	callTimeout time.Duration
	transport   *retryAfterTransport

	mu     sync.Mutex
	client *rpc.Client
}

var _ Endpoint = (*Node)(nil)

// Dial returns the node at an http, https, ws or wss URL and tries to connect. A node that is down right now is logged
// and is no error; only a URL that can never work is one.
func Dial(ctx context.Context, rawURL string, log *slog.Logger) (*Node, error) {
	parsed, err := url.Parse(strings.TrimSpace(rawURL))
	if err != nil || parsed.Host == "" {
		// Without the cause, which repeats the URL with its API key.
		return nil, errors.New("the RPC URL is not a URL with a host")
	}
	switch parsed.Scheme {
	case "http", "https", "ws", "wss":
	default:
		return nil, fmt.Errorf(
			"the RPC URL begins with %q; it must begin with http, https, ws or wss",
			parsed.Scheme+"://",
		)
	}
	node := &Node{
		name: parsed.Scheme + "://" + parsed.Host, url: parsed.String(), callTimeout: callTimeout,
		transport: &retryAfterTransport{base: http.DefaultTransport},
	}
	if _, err := node.ChainID(ctx); err != nil {
		log.WarnContext(ctx, "the node does not answer yet", "node", node.name, "error", err)
	}
	return node, nil
}

// Name returns the endpoint without the parts of its URL that may be secret.
func (n *Node) Name() string { return n.name }

// Close ends the connection. Later calls connect again.
func (n *Node) Close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.client != nil {
		n.client.Close()
		n.client = nil
	}
}

// ChainID returns the id of the chain that the node follows.
func (n *Node) ChainID(ctx context.Context) (uint64, error) {
	return call(ctx, n, "eth_chainId", func(ctx context.Context, client *rpc.Client) (uint64, error) {
		var id hexutil.Uint64
		err := client.CallContext(ctx, &id, "eth_chainId")
		return uint64(id), err
	})
}

// HeadHeader returns the header of the newest block.
func (n *Node) HeadHeader(ctx context.Context) (Header, error) {
	return n.header(ctx, "latest")
}

// HeaderByNumber returns the header of the canonical block with that number. Returns models.ErrBlockNotFound.
func (n *Node) HeaderByNumber(ctx context.Context, number uint64) (Header, error) {
	header, err := n.header(ctx, hexutil.EncodeUint64(number))
	if err != nil {
		return Header{}, fmt.Errorf("read the header of block %d: %w", number, err)
	}
	if header.Number != number {
		return Header{}, fmt.Errorf("read the header of block %d: the node returned block %d", number, header.Number)
	}
	return header, nil
}

// FinalizedNumber returns the number of the newest finalized block. ok is false when the node knows none.
func (n *Node) FinalizedNumber(ctx context.Context) (number uint64, ok bool, err error) {
	header, err := n.header(ctx, "finalized")
	var refusal rpc.Error
	switch {
	case err == nil:
		return header.Number, true, nil
	case errors.Is(err, models.ErrBlockNotFound), errors.As(err, &refusal):
		return 0, false, nil // geth answers with an error, others with null
	default:
		return 0, false, err
	}
}

// header asks for a block by number or tag.
func (n *Node) header(ctx context.Context, block string) (Header, error) {
	return call(ctx, n, "eth_getBlockByNumber", func(ctx context.Context, client *rpc.Client) (Header, error) {
		var header *Header
		if err := client.CallContext(ctx, &header, "eth_getBlockByNumber", block, false); err != nil {
			return Header{}, err
		}
		if header == nil {
			return Header{}, models.ErrBlockNotFound
		}
		return *header, nil
	})
}

// TokenLogsByBlockHash returns the contracts' watched logs in the block with that hash.
func (n *Node) TokenLogsByBlockHash(ctx context.Context, contracts Contracts, hash common.Hash) ([]types.Log, error) {
	return n.logs(
		ctx,
		ethereum.FilterQuery{
			BlockHash: &hash,
			Addresses: contracts,
			Topics:    [][]common.Hash{watchedTopics},
		},
	)
}

// TokenLogsInRange returns the contracts' watched logs in the canonical blocks from one number to another, both
// included.
func (n *Node) TokenLogsInRange(ctx context.Context, contracts Contracts, from, to uint64) ([]types.Log, error) {
	return n.logs(ctx, ethereum.FilterQuery{
		FromBlock: new(big.Int).SetUint64(from), ToBlock: new(big.Int).SetUint64(to),
		Addresses: contracts, Topics: [][]common.Hash{watchedTopics},
	})
}

func (n *Node) logs(ctx context.Context, query ethereum.FilterQuery) ([]types.Log, error) {
	return call(ctx, n, "eth_getLogs", func(ctx context.Context, client *rpc.Client) ([]types.Log, error) {
		return ethclient.NewClient(client).FilterLogs(ctx, query)
	})
}

// ReceiptsByBlockHash returns all receipts of the block with that hash.
func (n *Node) ReceiptsByBlockHash(ctx context.Context, hash common.Hash) ([]*types.Receipt, error) {
	return call(
		ctx,
		n,
		"eth_getBlockReceipts",
		func(ctx context.Context, client *rpc.Client) ([]*types.Receipt, error) {
			var texts []json.RawMessage
			if err := client.CallContext(ctx, &texts, "eth_getBlockReceipts", hash); err != nil {
				return nil, err
			}
			if texts == nil {
				return nil, ethereum.NotFound
			}
			receipts := make([]*types.Receipt, len(texts))
			for i, text := range texts {
				var err error
				if receipts[i], err = decodeReceipt(text); err != nil {
					return nil, fmt.Errorf("receipt %d of block %s: %w", i, hash, err)
				}
			}
			return receipts, nil
		},
	)
}

// Receipt returns a transaction's receipt. ok is false when the node has none.
func (n *Node) Receipt(ctx context.Context, txHash common.Hash) (receipt *types.Receipt, ok bool, err error) {
	receipt, err = call(
		ctx,
		n,
		"eth_getTransactionReceipt",
		func(ctx context.Context, client *rpc.Client) (*types.Receipt, error) {
			var text json.RawMessage
			if err := client.CallContext(ctx, &text, "eth_getTransactionReceipt", txHash); err != nil {
				return nil, err
			}
			if len(text) == 0 || string(text) == "null" {
				return nil, ethereum.NotFound
			}
			return decodeReceipt(text)
		},
	)
	if errors.Is(err, ethereum.NotFound) {
		return nil, false, nil
	}
	return receipt, err == nil, err
}

// Syncing reports whether the node says that it is still catching up.
func (n *Node) Syncing(ctx context.Context) (bool, error) {
	return call(ctx, n, "eth_syncing", func(ctx context.Context, client *rpc.Client) (bool, error) {
		progress, err := ethclient.NewClient(client).SyncProgress(ctx)
		return progress != nil, err
	})
}

// HasCode reports whether there is a contract at the address in the newest block.
func (n *Node) HasCode(ctx context.Context, address common.Address) (bool, error) {
	return call(ctx, n, "eth_getCode", func(ctx context.Context, client *rpc.Client) (bool, error) {
		code, err := ethclient.NewClient(client).CodeAt(ctx, address, nil)
		return len(code) > 0, err
	})
}

// SubscribePending sends each transaction that enters the node's mempool until the subscription ends or fails. The
// channel must be read. Returns models.ErrNoSubscriptions when the node offers none.
func (n *Node) SubscribePending(ctx context.Context, pending chan<- PendingTransaction) (ethereum.Subscription, error) {
	return n.subscribe(ctx, pending, "newPendingTransactions", true)
}

// SubscribeHeads sends each new head to the channel until the subscription ends or fails. The channel must be read.
// Returns models.ErrNoSubscriptions when the node offers none.
func (n *Node) SubscribeHeads(ctx context.Context, heads chan<- Header) (ethereum.Subscription, error) {
	return n.subscribe(ctx, heads, "newHeads")
}

func (n *Node) subscribe(ctx context.Context, channel any, what ...any) (ethereum.Subscription, error) {
	const methodNotFound, invalidParams = -32601, -32602
	subscription, err := call(
		ctx,
		n,
		"eth_subscribe",
		func(ctx context.Context, client *rpc.Client) (*rpc.ClientSubscription, error) {
			return client.EthSubscribe(ctx, channel, what...)
		},
	)
	var refusal rpc.Error
	switch {
	case err == nil:
		return subscription, nil
	case errors.Is(err, rpc.ErrNotificationsUnsupported),
		errors.As(err, &refusal) && (refusal.ErrorCode() == methodNotFound || refusal.ErrorCode() == invalidParams):
		return nil, models.ErrNoSubscriptions
	default:
		return nil, err
	}
}

// call makes one RPC call within the time limit. Its errors contain no secret of the URL.
func call[T any](
	ctx context.Context, n *Node, method string, do func(context.Context, *rpc.Client) (T, error),
) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, n.callTimeout)
	defer cancel()
	var none T
	client, err := n.connection(ctx)
	if err != nil {
		return none, fmt.Errorf("connect to %s: %w", n.name, n.withoutURL(err))
	}
	result, err := do(ctx, client)
	var status rpc.HTTPError
	if errors.As(err, &status) && status.StatusCode == http.StatusTooManyRequests {
		err = &RateLimitError{After: n.transport.pause(), cause: err}
	}
	if err != nil {
		return none, fmt.Errorf("%s at %s: %w", method, n.name, n.withoutURL(err))
	}
	return result, nil
}

// connection returns the client. After a WebSocket broke, go-ethereum's client reconnects by itself at the next call;
// only the first connection is made here.
func (n *Node) connection(ctx context.Context) (*rpc.Client, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.client == nil {
		client, err := rpc.DialOptions(ctx, n.url, rpc.WithHTTPClient(&http.Client{Transport: n.transport}))
		if err != nil {
			return nil, err
		}
		n.client = client
	}
	return n.client, nil
}

// withoutURL removes the URL from an HTTP error, because it often contains an API key and errors are logged.
func (n *Node) withoutURL(err error) error {
	if urlError, ok := errors.AsType[*url.Error](err); ok {
		urlError.URL = n.name
	}
	return err
}
