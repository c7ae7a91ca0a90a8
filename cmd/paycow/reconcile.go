package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v3"

	"paycow/models"
)

func reconcileCommand() *cli.Command {
	return &cli.Command{
		Name:  "reconcile",
		Usage: "compare ledger, transfers, chain and workflows now; the exit code is 1 if anything differs",
		Flags: append(settingFlags(), &cli.BoolFlag{Name: "json", Usage: "print the report as JSON"}),
		Action: func(ctx context.Context, cmd *cli.Command) error {
			return withApp(ctx, cmd, func(a *app) error { return a.reconcile(ctx, cmd.Root().Writer, cmd.Bool("json")) })
		},
	}
}

// reconcile does once what the schedule does regularly, and prints the report. It returns an error unless everything
// was compared and agrees.
func (a *app) reconcile(ctx context.Context, out io.Writer, asJSON bool) error {
	pool, err := a.dialPool(ctx)
	if err != nil {
		return err
	}
	defer pool.Close()
	pool.Probe(ctx)
	report, err := a.activitiesOn(pool).ReconcileNow(ctx, models.ReconciliationInput{Network: models.NetworkERC20})
	if err != nil {
		return fmt.Errorf("reconcile: %w", err)
	}
	if asJSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(report)
	} else {
		err = writeReconciliation(out, report)
	}
	switch {
	case err != nil:
		return fmt.Errorf("print the report: %w", err)
	case len(report.Differences) > 0:
		return fmt.Errorf("found %d differences", len(report.Differences))
	case report.Unchecked != "":
		return errors.New("not everything could be compared")
	}
	return nil
}

func writeReconciliation(w io.Writer, r models.Reconciliation) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	took := r.FinishedAt.Sub(r.StartedAt).Round(time.Millisecond)
	fmt.Fprintf(table, "Reconciliation of %s in %s\n\n", r.Network, took)
	fmt.Fprintf(table, "  at block\t%s\n", models.BlockRef{Number: r.BlockNumber, Hash: r.BlockHash})
	fmt.Fprintf(table, "  ledger transactions\t%d\n", r.LedgerTransactions)
	fmt.Fprintf(table, "  transfers\t%d\n", r.Transfers)
	fmt.Fprintf(table, "  balances read from the chain\t%d\n", r.Addresses)
	fmt.Fprintf(table, "  open payments\t%d\n", r.OpenPayments)
	fmt.Fprintf(table, "  missing workflows, now started\t%d\n\n", r.WorkflowsStarted)
	if r.Unchecked != "" {
		fmt.Fprintf(table, "Not compared: %s\n", r.Unchecked)
	}
	if len(r.Differences) == 0 {
		fmt.Fprintln(table, "Nothing differs.")
		return table.Flush()
	}
	fmt.Fprintf(table, "%d differences:\n\n", len(r.Differences))
	for _, d := range r.Differences {
		fmt.Fprintf(table, "  %s\t%s\t%s\n", d.Check, d.Subject, d.Detail)
	}
	return table.Flush()
}
