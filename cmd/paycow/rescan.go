package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/urfave/cli/v3"
	"golang.org/x/term"

	"paycow/chain"
	"paycow/models"
)

// plainProgressEvery is how often a line reports the progress where there is no terminal for a bar.
const plainProgressEvery = 5 * time.Second

func rescanCommand() *cli.Command {
	return &cli.Command{
		Name: "rescan", Usage: "read blocks again and add the transfers that are missing; safe to repeat",
		Flags: append(settingFlags(),
			&cli.Uint64Flag{Name: "from", Usage: "number of the first block to read", Required: true},
			&cli.Uint64Flag{Name: "to", Usage: "number of the last block to read", Required: true}),
		Action: func(ctx context.Context, cmd *cli.Command) error {
			from, to := cmd.Uint64("from"), cmd.Uint64("to")
			if from > to {
				return fmt.Errorf("--from %d is above --to %d", from, to)
			}
			return withApp(ctx, cmd, func(a *app) error {
				return a.rescan(ctx, cmd.Root().Writer, cmd.Root().ErrWriter, from, to)
			})
		},
	}
}

// rescan reads the blocks with the given numbers again, both included. The worker that watches the chain signals the
// added transfers to their payments with its next block.
func (a *app) rescan(ctx context.Context, out, progress io.Writer, from, to uint64) error {
	cursor, err := a.store.Cursor(ctx, models.NetworkERC20)
	if errors.Is(err, models.ErrNotFound) {
		return errors.New("no block has been read yet")
	}
	if err != nil {
		return fmt.Errorf("read the cursor: %w", err)
	}
	if to > cursor.BlockNumber {
		return fmt.Errorf("--to %d is above block %d, the newest that the worker has read", to, cursor.BlockNumber)
	}
	pool, err := a.dialPool(ctx)
	if err != nil {
		return err
	}
	defer pool.Close()
	pool.Probe(ctx)
	show, done := newProgress(progress, to-from+1)
	check := chain.NewCrossCheck(a.settings.chainConfig(), pool, a.store, a.store, a.log)
	report, err := check.Rescan(ctx, from, to, show)
	done()
	if err != nil {
		return fmt.Errorf("rescan: %w", err)
	}
	fmt.Fprintf(out, "Read %d blocks from %d to %d: found %d of our transfers, added %d that were missing.\n",
		report.Blocks, from, to, report.Found, report.Added)
	return nil
}

// newProgress returns a function that shows how many of the blocks are done, and one that ends the display. It is a
// bar on a terminal, otherwise a line every few seconds.
func newProgress(w io.Writer, blocks uint64) (show func(done uint64), end func()) {
	if file, ok := w.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		bar := progressbar.NewOptions64(
			int64(blocks), //nolint:gosec // block numbers are far smaller
			progressbar.OptionSetWriter(w), progressbar.OptionSetDescription("blocks"), progressbar.OptionShowCount(),
			progressbar.OptionShowIts(), progressbar.OptionSetItsString("blocks"), progressbar.OptionSetPredictTime(true),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(),
		)
		show = func(done uint64) { _ = bar.Set64(int64(done)) } //nolint:gosec // as above
		return show, func() { _ = bar.Finish() }
	}
	last := time.Now()
	return func(done uint64) {
		if time.Since(last) >= plainProgressEvery {
			last = time.Now()
			fmt.Fprintf(w, "%d of %d blocks\n", done, blocks)
		}
	}, func() {}
}
