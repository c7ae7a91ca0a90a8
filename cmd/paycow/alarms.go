package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v3"

	"paycow/models"
	"paycow/store"
)

// alarmsShown bounds how many alarms are listed, newest first.
const alarmsShown = 200

func alarmsCommand() *cli.Command {
	return &cli.Command{
		Name: "alarms", Usage: "list the open alarms, or resolve one",
		Flags: append(settingFlags(), &cli.BoolFlag{Name: "all", Usage: "also those that were resolved"}),
		Action: func(ctx context.Context, cmd *cli.Command) error {
			if cmd.Args().Present() {
				return fmt.Errorf("%q is unknown: paycow alarms [--all], or paycow alarms resolve ID --note …", cmd.Args().First())
			}
			return withStore(ctx, cmd, func(db *store.Store) error {
				list := db.OpenAlarms
				if cmd.Bool("all") {
					list = func(ctx context.Context, network string) ([]models.Alarm, error) {
						alarms, _, err := db.ListAlarms(ctx, store.AlarmFilter{Network: network, Limit: alarmsShown})
						return alarms, err
					}
				}
				alarms, err := list(ctx, models.NetworkERC20)
				if err != nil {
					return fmt.Errorf("read the alarms: %w", err)
				}
				return writeAlarms(cmd.Root().Writer, alarms)
			})
		},
		Commands: []*cli.Command{{
			Name: "resolve", Usage: "close an alarm after it was dealt with", ArgsUsage: "ID",
			Flags: append(settingFlags(), &cli.StringFlag{Name: "note", Usage: "what was found and done; it is kept in the audit log", Required: true}),
			Action: func(ctx context.Context, cmd *cli.Command) error {
				id, err := strconv.ParseInt(cmd.Args().First(), 10, 64)
				if err != nil || cmd.Args().Len() != 1 {
					return errors.New("name one alarm by its number: paycow alarms resolve ID --note …")
				}
				note := strings.TrimSpace(cmd.String("note"))
				if note == "" {
					return errors.New("--note must say what was found and done")
				}
				return withStore(ctx, cmd, func(db *store.Store) error {
					err := db.ResolveAlarm(ctx, id, models.ActorCLI, "", note)
					if errors.Is(err, models.ErrNotFound) {
						return fmt.Errorf("there is no open alarm %d", id)
					}
					if err != nil {
						return fmt.Errorf("resolve alarm %d: %w", id, err)
					}
					fmt.Fprintf(cmd.Root().Writer, "Alarm %d is resolved.\n", id)
					return nil
				})
			},
		}},
	}
}

// withStore opens the database of the settings for one call. needed are the settings that must be set.
func withStore(ctx context.Context, cmd *cli.Command, call func(db *store.Store) error) error {
	s, err := loadSettings(cmd)
	if err != nil {
		return err
	}
	db, err := store.Open(ctx, s.DatabaseURL, newLogger(cmd.Root().ErrWriter, s))
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	if err := db.CheckSchema(ctx); err != nil {
		return errors.Join(err, db.Close())
	}
	return errors.Join(call(db), db.Close())
}

func writeAlarms(w io.Writer, alarms []models.Alarm) error {
	if len(alarms) == 0 {
		_, err := fmt.Fprintln(w, "There are no alarms.")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tKIND\tSINCE\tTIMES\tABOUT\tMESSAGE")
	for _, alarm := range alarms {
		message := alarm.Message
		if alarm.Kind.HaltsCrediting() && alarm.ResolvedAt == nil {
			message += " Nothing is credited until this is resolved."
		}
		if alarm.ResolvedAt != nil {
			message += fmt.Sprintf(" Resolved %s by %s: %s", alarm.ResolvedAt.UTC().Format(time.DateTime), alarm.ResolvedBy, alarm.Resolution)
		}
		fmt.Fprintf(table, "%d\t%s\t%s\t%d\t%s\t%s\n", alarm.ID, alarm.Kind, alarm.RaisedAt.UTC().Format(time.DateTime), alarm.Count, orDash(alarm.Subject), message)
	}
	return table.Flush()
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
