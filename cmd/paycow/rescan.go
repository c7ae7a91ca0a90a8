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

// plainProgressEvery is how often a line tells of the progress where no terminal shows a bar.
const plainProgressEvery = 5 * time.Second

func rescanCommand() *cli.Command {
	return &cli.Command{
		Name: "rescan", Usage: "read blocks again and add the transfers that are missing; safe to repeat",
		Flags: append(settingFlags(),
			&cli.Uint64Flag{Name: "from", Usage: "first block number to read", Required: true},
			&cli.Uint64Flag{Name: "to", Usage: "last block number to read", Required: true}),
		Action: func(ctx context.Context, cmd *cli.Command) error {
			from, to := cmd.Uint64("from"), cmd.Uint64("to")
			if from > to {
				return fmt.Errorf("--from %d is above --to %d", from, to)
			}
			s, err := loadSettings(cmd, needsForWorker...)
			if err != nil {
				return err
			}
			p, err := openParts(ctx, s, newLogger(cmd.Root().ErrWriter, s))
			if err != nil {
				return err
			}
			return errors.Join(p.rescan(ctx, cmd.Root().Writer, cmd.Root().ErrWriter, from, to), p.close())
		},
	}
}

// rescan reads the blocks from one number to another again, both included. What it adds is due to be signalled, so the
// watching worker tells the payments with its next block.
func (p *parts) rescan(ctx context.Context, out, progress io.Writer, from, to uint64) error {
	cursor, err := p.store.Cursor(ctx, models.NetworkERC20)
	if errors.Is(err, models.ErrNotFound) {
		return errors.New("no block was read yet, so there is nothing to read again")
	}
	if err != nil {
		return fmt.Errorf("read the cursor: %w", err)
	}
	if to > cursor.BlockNumber {
		return fmt.Errorf("--to %d is above block %d, the newest that was read; what lies above is read for the first time by the worker", to, cursor.BlockNumber)
	}
	pool, err := p.dialPool(ctx)
	if err != nil {
		return err
	}
	defer pool.Close()
	pool.Probe(ctx)
	show, done := newProgress(progress, to-from+1)
	report, err := chain.NewCrossCheck(p.settings.chainConfig(), pool, p.store, p.store, p.log).Rescan(ctx, from, to, show)
	done()
	if err != nil {
		return fmt.Errorf("rescan: %w", err)
	}
	fmt.Fprintf(out, "Read %d blocks from %d to %d: found %d of our transfers, added %d that were missing.\n", report.Blocks, from, to, report.Found, report.Added)
	return nil
}

// newProgress returns what shows the progress over so many blocks, and what ends it: a bar on a terminal, else a line every
// few seconds.
func newProgress(w io.Writer, blocks uint64) (show func(done uint64), end func()) {
	if file, ok := w.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		bar := progressbar.NewOptions64(int64(blocks), progressbar.OptionSetWriter(w), progressbar.OptionSetDescription("blocks"), //nolint:gosec // block numbers are far smaller
			progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString("blocks"), progressbar.OptionSetPredictTime(true),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
		return func(done uint64) { _ = bar.Set64(int64(done)) }, func() { _ = bar.Finish() } //nolint:gosec // as above
	}
	last := time.Now()
	return func(done uint64) {
		if time.Since(last) >= plainProgressEvery {
			last = time.Now()
			fmt.Fprintf(w, "%d of %d blocks\n", done, blocks)
		}
	}, func() {}
}
