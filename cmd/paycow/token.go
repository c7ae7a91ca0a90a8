package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/ethereum/go-ethereum/ethclient"
	"golang.org/x/sync/errgroup"

	"paycow/chain"
)

// tokenCheckTimeout is how long a node may take to tell what is at the token's address.
const tokenCheckTimeout = 5 * time.Second

// checkToken returns an error when a node says that there is no contract at the token's address: payments in it would be
// waited for in vain. A node that cannot be asked is warned of and no reason to stop.
func checkToken(ctx context.Context, s Settings, log *slog.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, tokenCheckTimeout)
	defer cancel()
	var group errgroup.Group
	for _, rawURL := range s.RPCURLs {
		group.Go(func() error { return checkTokenAt(ctx, rawURL, s, log) })
	}
	return group.Wait()
}

func checkTokenAt(ctx context.Context, rawURL string, s Settings, log *slog.Logger) error {
	node, err := chain.Dial(ctx, rawURL, log)
	if err != nil {
		return err
	}
	defer node.Close()
	// Errors of the client repeat the URL, which may hold a key, so they are not shown.
	client, err := ethclient.DialContext(ctx, rawURL)
	if err != nil {
		log.WarnContext(ctx, "the token's contract was not checked: the Ethereum node cannot be reached", "node", node.Name())
		return nil
	}
	defer client.Close()
	id, err := client.ChainID(ctx)
	if err != nil {
		log.WarnContext(ctx, "the token's contract was not checked: the Ethereum node does not answer", "node", node.Name())
		return nil
	}
	if !id.IsUint64() || id.Uint64() != s.ChainID {
		return nil // another chain: the pool leaves the node out and says so
	}
	code, err := client.CodeAt(ctx, s.Token, nil)
	if err != nil {
		log.WarnContext(ctx, "the token's contract was not checked: the Ethereum node does not tell", "node", node.Name())
		return nil
	}
	if len(code) == 0 {
		return fmt.Errorf("there is no contract at %s on chain %d, says %s", s.Token, s.ChainID, node.Name())
	}
	return nil
}
