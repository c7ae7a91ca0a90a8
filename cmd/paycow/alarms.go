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

// alarmsShown is how many alarms --all lists, newest first.
const alarmsShown = 200

func alarmsCommand() *cli.Command {
	return &cli.Command{
		Name: "alarms", Usage: "list the open alarms, or resolve one",
		Flags: append(settingFlags(), &cli.BoolFlag{Name: "all", Usage: "also list resolved alarms"}),
		Action: func(ctx context.Context, cmd *cli.Command) error {
			return withStore(ctx, cmd, func(_ Settings, db *store.Store) error {
				alarms, err := listAlarms(ctx, db, cmd.Bool("all"))
				if err != nil {
					return fmt.Errorf("read the alarms: %w", err)
				}
				return writeAlarms(cmd.Root().Writer, alarms)
			})
		},
		Commands: []*cli.Command{resolveAlarmCommand()},
	}
}

func resolveAlarmCommand() *cli.Command {
	return &cli.Command{
		Name: "resolve", Usage: "close an alarm that has been dealt with",
		ArgsUsage: "ID", ArgValidator: oneArgument("the alarm's ID"),
		Flags: append(settingFlags(), &cli.StringFlag{
			Name: "note", Usage: "what was found and done; the audit log keeps it", Required: true, Validator: notBlank,
		}),
		Action: func(ctx context.Context, cmd *cli.Command) error {
			id, err := strconv.ParseInt(cmd.Args().First(), 10, 64)
			if err != nil {
				return fmt.Errorf("the alarm's ID must be a number (not %q)", cmd.Args().First())
			}
			return withStore(ctx, cmd, func(_ Settings, db *store.Store) error {
				err := db.ResolveAlarm(ctx, id, models.ActorCLI, "", strings.TrimSpace(cmd.String("note")))
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
	}
}

func notBlank(text string) error {
	if strings.TrimSpace(text) == "" {
		return errors.New("must not be empty")
	}
	return nil
}

func listAlarms(ctx context.Context, db *store.Store, all bool) ([]models.Alarm, error) {
	if !all {
		return db.OpenAlarms(ctx, models.NetworkERC20)
	}
	alarms, _, err := db.ListAlarms(ctx, store.AlarmFilter{Network: models.NetworkERC20, Limit: alarmsShown})
	return alarms, err
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
			resolvedAt := alarm.ResolvedAt.UTC().Format(time.DateTime)
			message += fmt.Sprintf(" Resolved %s by %s: %s", resolvedAt, alarm.ResolvedBy, alarm.Resolution)
		}
		fmt.Fprintf(table, "%d\t%s\t%s\t%d\t%s\t%s\n",
			alarm.ID, alarm.Kind, alarm.RaisedAt.UTC().Format(time.DateTime), alarm.Count, orDash(alarm.Subject), message)
	}
	return table.Flush()
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
