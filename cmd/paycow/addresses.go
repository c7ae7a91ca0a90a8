package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/urfave/cli/v3"

	"paycow/store"
)

// addressPage is how many addresses are read at once.
const addressPage = 1000

func addressesCommand() *cli.Command {
	return &cli.Command{
		Name: "addresses", Usage: "list deposit addresses",
		Commands: []*cli.Command{{
			Name: "export",
			Usage: "print every deposit address with its index as CSV, for a wallet that looks only so far past the last used " +
				"index by itself",
			Flags: append(settingFlags(),
				&cli.BoolFlag{Name: "funded", Usage: "only addresses of payments that received money"}),
			Action: func(ctx context.Context, cmd *cli.Command) error {
				return withStore(ctx, cmd, func(_ Settings, db *store.Store) error {
					return exportAddresses(ctx, db, cmd.Root().Writer, cmd.Bool("funded"))
				})
			},
		}, recoverCommand()},
	}
}

// exportAddresses writes the addresses in the order of their account keys and indexes.
func exportAddresses(ctx context.Context, db *store.Store, out io.Writer, fundedOnly bool) error {
	table := csv.NewWriter(out)
	header := []string{"account_key", "index", "address", "payment_id", "operator_id", "amount_received", "created_at"}
	if err := table.Write(header); err != nil {
		return fmt.Errorf("print the addresses: %w", err)
	}
	var last *store.UsedAddress
	for {
		page, err := db.UsedAddresses(ctx, last, addressPage)
		if err != nil {
			return err
		}
		for _, a := range page {
			if fundedOnly && a.AmountReceived == 0 && a.AmountCredited == 0 {
				continue
			}
			err := table.Write([]string{
				a.XPub, strconv.FormatUint(uint64(a.Index), 10), a.Address, a.PaymentID, a.OperatorID, a.AmountReceived.String(),
				a.CreatedAt.UTC().Format(time.RFC3339),
			})
			if err != nil {
				return fmt.Errorf("print the addresses: %w", err)
			}
		}
		table.Flush()
		if err := table.Error(); err != nil {
			return fmt.Errorf("print the addresses: %w", err)
		}
		if len(page) < addressPage {
			return nil
		}
		last = &page[len(page)-1]
	}
}
