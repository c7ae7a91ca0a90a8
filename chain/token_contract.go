package chain

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"
)

// contractCheckTimeout is how long a node may take to say what is at the token's address.
const contractCheckTimeout = 5 * time.Second

// CheckTokenContract returns an error when a node of the configured chain says that there is no contract at the token's
// address: payments in that token could never arrive. A node that cannot be asked is logged and is no error.
func CheckTokenContract(ctx context.Context, urls []string, config Config, log *slog.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, contractCheckTimeout)
	defer cancel()
	var group errgroup.Group
	for _, rawURL := range urls {
		group.Go(func() error { return checkContractAt(ctx, rawURL, config, log) })
	}
	return group.Wait()
}

func checkContractAt(ctx context.Context, rawURL string, config Config, log *slog.Logger) error {
	node, err := Dial(ctx, rawURL, log)
	if err != nil {
		return err
	}
	defer node.Close()
	id, err := node.ChainID(ctx)
	if err != nil {
		log.WarnContext(ctx, "the token's contract was not checked: the node does not answer", "node", node.Name(),
			"error", err)
		return nil
	}
	if id != config.ChainID {
		return nil // a node of another chain: the pool leaves it out and raises an alarm
	}
	deployed, err := node.HasCode(ctx, config.Token)
	if err != nil {
		log.WarnContext(ctx, "the token's contract was not checked: the node does not return the code", "node",
			node.Name(), "error", err)
		return nil
	}
	if !deployed {
		return fmt.Errorf("there is no contract at %s on chain %d, says %s", config.Token, config.ChainID, node.Name())
	}
	return nil
}
