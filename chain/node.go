package chain

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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
	secrets     []string // parts of the URL that may be secret
	lacks       capabilities

	dialing chan struct{} // holds a token while nobody dials
	mu      sync.Mutex
	client  *rpc.Client
	silence time.Time // when the first call of those began that got no answer since the last one; zero if none
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
		secrets: secretsOf(parsed), dialing: make(chan struct{}, 1),
	}
	node.dialing <- struct{}{}
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
	id, err := call(ctx, n, "eth_chainId", func(ctx context.Context, client *rpc.Client) (uint64, error) {
		var id *quantity
		if err := client.CallContext(ctx, &id, "eth_chainId"); err != nil {
			return 0, err
		}
		if id == nil {
			return 0, errors.New("the node answered null")
		}
		return uint64(*id), nil
	})
	return id, offeredByAll(err)
}

// HeadHeader returns the header of the newest block.
func (n *Node) HeadHeader(ctx context.Context) (Header, error) {
	header, err := n.header(ctx, "latest")
	return header, offeredByAll(err)
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
	switch {
	case err == nil:
		return header.Number, true, nil
	case MeaningOf(err) < MeansRefused: // some nodes refuse the tag, others answer with null
		return 0, false, nil
	default:
		if _, refused := refusalOf(err); refused && MeaningOf(err) == MeansBroken {
			return 0, false, nil // in words that are not known
		}
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

// TokenLogsByBlockHash returns the contracts' watched logs in the block with that hash. From a node that does not offer
// that, it reads the logs of the block with the same number, if that is the node's canonical block. Returns
// models.ErrBlockNotFound.
func (n *Node) TokenLogsByBlockHash(ctx context.Context, contracts Contracts, hash common.Hash) ([]types.Log, error) {
	return eitherWay(ctx, &n.lacks, logsByHash,
		func(ctx context.Context) ([]types.Log, error) {
			logs, err := n.logs(ctx, map[string]any{"blockHash": hash}, contracts)
			if err == nil && logs == nil {
				return nil, models.ErrBlockNotFound // null: perhaps the node does not offer this
			}
			return logs, err
		},
		func(ctx context.Context) ([]types.Log, error) {
			block, err := n.block(ctx, hash)
			if err != nil {
				return nil, err
			}
			logs, err := n.TokenLogsInRange(ctx, contracts, uint64(*block.Number), uint64(*block.Number))
			if err != nil {
				return nil, err
			}
			// The canonical block is compared after its logs were read, so that they are not of a branch that it replaced.
			header, err := n.HeaderByNumber(ctx, uint64(*block.Number))
			if err != nil {
				return nil, err
			}
			if header.Hash != hash {
				return nil, fmt.Errorf("%w: %s is not canonical at %s", models.ErrBlockNotFound, hash, n.name)
			}
			return logs, nil
		})
}

// TokenLogsInRange returns the contracts' watched logs in the canonical blocks from one number to another, both
// included.
func (n *Node) TokenLogsInRange(ctx context.Context, contracts Contracts, from, to uint64) ([]types.Log, error) {
	blocks := map[string]any{"fromBlock": hexutil.EncodeUint64(from), "toBlock": hexutil.EncodeUint64(to)}
	return n.logs(ctx, blocks, contracts)
}

// logs returns nil when the node answers null, and an empty list when it answers with one.
func (n *Node) logs(ctx context.Context, blocks map[string]any, contracts Contracts) ([]types.Log, error) {
	blocks["address"], blocks["topics"] = contracts, [][]common.Hash{watchedTopics}
	return call(ctx, n, "eth_getLogs", func(ctx context.Context, client *rpc.Client) ([]types.Log, error) {
		var answer *[]*rpcLog
		if err := client.CallContext(ctx, &answer, "eth_getLogs", blocks); err != nil {
			return nil, err
		}
		if answer == nil {
			return nil, nil // some nodes say so that there is none
		}
		logs := make([]types.Log, len(*answer))
		for i, log := range *answer {
			if log == nil {
				return nil, errors.New("read the logs: one of them is null")
			}
			logs[i] = types.Log(*log)
		}
		return logs, nil
	})
}

// block asks for the block with that hash. Returns models.ErrBlockNotFound.
func (n *Node) block(ctx context.Context, hash common.Hash) (rpcBlock, error) {
	return call(ctx, n, "eth_getBlockByHash", func(ctx context.Context, client *rpc.Client) (rpcBlock, error) {
		var block *rpcBlock
		if err := client.CallContext(ctx, &block, "eth_getBlockByHash", hash, false); err != nil {
			return rpcBlock{}, err
		}
		if block == nil {
			return rpcBlock{}, models.ErrBlockNotFound
		}
		if block.Number == nil || block.Hash == nil || *block.Hash != hash {
			return rpcBlock{}, fmt.Errorf("read block %s: the node returned another block", hash)
		}
		return *block, nil
	})
}

// ReceiptsByBlockHash returns all receipts of the block with that hash, in their order. From a node that does not offer
// that, it reads the receipt of each transaction. Returns models.ErrBlockNotFound.
func (n *Node) ReceiptsByBlockHash(ctx context.Context, hash common.Hash) ([]*types.Receipt, error) {
	return eitherWay(ctx, &n.lacks, blockReceipts,
		func(ctx context.Context) ([]*types.Receipt, error) {
			const method = "eth_getBlockReceipts"
			return call(ctx, n, method, func(ctx context.Context, client *rpc.Client) ([]*types.Receipt, error) {
				var answer *[]*rpcReceipt
				if err := client.CallContext(ctx, &answer, method, hash); err != nil {
					return nil, err
				}
				if answer == nil {
					return nil, models.ErrBlockNotFound
				}
				return receiptsOf(*answer, hash)
			})
		},
		func(ctx context.Context) ([]*types.Receipt, error) {
			block, err := n.block(ctx, hash)
			if err != nil {
				return nil, err
			}
			answers := make([]*rpcReceipt, len(block.Transactions))
			calls := make([]rpc.BatchElem, len(answers))
			for i, tx := range block.Transactions {
				calls[i] = rpc.BatchElem{
					Method: "eth_getTransactionReceipt", Args: []any{common.Hash(tx)}, Result: &answers[i],
				}
			}
			if err := n.batch(ctx, calls); err != nil {
				return nil, err
			}
			return receiptsOf(answers, hash)
		})
}

// receiptsOf returns the receipts of a block. Each must be there, and be of that block. Returns
// models.ErrBlockNotFound.
func receiptsOf(answers []*rpcReceipt, block common.Hash) ([]*types.Receipt, error) {
	receipts := make([]*types.Receipt, len(answers))
	for i, receipt := range answers {
		if receipt == nil || receipt.BlockHash != block {
			return nil, fmt.Errorf("%w: receipt %d of block %s is missing or of another block", models.ErrBlockNotFound, i,
				block)
		}
		receipts[i] = (*types.Receipt)(receipt)
	}
	return receipts, nil
}

// Receipt returns a transaction's receipt. ok is false when the node has none.
func (n *Node) Receipt(ctx context.Context, txHash common.Hash) (receipt *types.Receipt, ok bool, err error) {
	const method = "eth_getTransactionReceipt"
	answer, err := call(ctx, n, method, func(ctx context.Context, client *rpc.Client) (*rpcReceipt, error) {
		var answer *rpcReceipt
		err := client.CallContext(ctx, &answer, method, txHash)
		return answer, err
	})
	if MeaningOf(err) == MeansNotYet {
		return nil, false, nil
	}
	return (*types.Receipt)(answer), err == nil && answer != nil, err
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
	subscription, err := call(
		ctx,
		n,
		"eth_subscribe",
		func(ctx context.Context, client *rpc.Client) (*rpc.ClientSubscription, error) {
			return client.EthSubscribe(ctx, channel, what...)
		},
	)
	switch {
	case err == nil:
		return subscription, nil
	case MeaningOf(err) == MeansNotOffered:
		return nil, models.ErrNoSubscriptions
	default:
		return nil, err
	}
}

// call makes one RPC call within the time limit. Its errors contain no secret of the URL and are a *NodeError.
func call[T any](
	ctx context.Context, n *Node, method string, do func(context.Context, *rpc.Client) (T, error),
) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, n.callTimeout)
	defer cancel()
	var none T
	client, err := n.connection(ctx)
	if err != nil {
		return none, fmt.Errorf("connect to %s: %w", n.name, n.failed("connect", err, 0))
	}
	began := time.Now()
	replied, reply := withReply(boundReply(ctx, method))
	result, err := do(replied, client)
	n.watchSilence(ctx, client, began, err)
	if err != nil {
		return none, fmt.Errorf("ask %s: %w", n.name, n.failed(method, reply.failure(err), reply.pause))
	}
	return result, nil
}

// silenceMax is how long a connection may give no answer to any call before it is closed.
const silenceMax = 4 * time.Second

// watchSilence closes a connection on which calls were given up and nothing was answered for a while. A machine or a
// firewall that vanishes tells nobody, and a socket to it stays open for hours. The next call connects again.
func (n *Node) watchSilence(ctx context.Context, client *rpc.Client, began time.Time, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.client != client {
		return
	}
	if err == nil || ctx.Err() == nil {
		n.silence = time.Time{}
		return
	}
	if n.silence.IsZero() {
		n.silence = began
	}
	if time.Since(n.silence) >= silenceMax {
		client.Close()
		n.client, n.silence = nil, time.Time{}
	}
}

// connection returns the client, and connects if there is none.
func (n *Node) connection(ctx context.Context) (*rpc.Client, error) {
	if client := n.connected(); client != nil {
		return client, nil
	}
	select {
	case <-n.dialing:
		defer func() { n.dialing <- struct{}{} }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if client := n.connected(); client != nil {
		return client, nil
	}
	client, err := rpc.DialOptions(ctx, n.url,
		rpc.WithHTTPClient(&http.Client{Transport: replyTransport{http.DefaultTransport}}),
		rpc.WithWebsocketMessageSizeLimit(replyMax))
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.client = client
	return client, nil
}

func (n *Node) connected() *rpc.Client {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.client
}

// failed returns the error of a call without the URL, which often contains an API key: errors are logged and shown.
func (n *Node) failed(method string, err error, pause time.Duration) error {
	if urlError, ok := errors.AsType[*url.Error](err); ok {
		urlError.URL = n.name
	}
	known := asNodeError(method, err, pause)
	known.hide = n.secrets
	return known
}

// secretMin is how many bytes a part of a path or a query has at least that may be an API key.
const secretMin = 8

// secretsOf returns the parts of a node's URL that may be secret. Some nodes and gateways repeat them in their errors.
func secretsOf(u *url.URL) []string {
	var secrets []string
	add := func(texts ...string) {
		for _, text := range texts {
			if len(text) >= secretMin {
				secrets = append(secrets, text, url.PathEscape(text), url.QueryEscape(text))
			}
		}
	}
	add(strings.Split(u.Path, "/")...)
	for _, values := range u.Query() {
		add(values...)
	}
	if password, ok := u.User.Password(); ok && password != "" {
		secrets = append(secrets, password)
	}
	if u.User != nil {
		add(u.User.Username())
	}
	return secrets
}

// offeredByAll returns the error of a call that every node offers for its newest block: whatever it says instead of an
// answer, it is of no use then.
func offeredByAll(err error) error {
	if known, ok := errors.AsType[*NodeError](err); ok && known.Meaning.isWell() {
		known.Meaning = MeansBroken
	}
	return err
}
