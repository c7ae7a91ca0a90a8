package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v3"

	"paycow/api"
	"paycow/internal/secrets"
	"paycow/models"
	"paycow/store"
)

// accessChange is what a command does to the access of an account, as the admin page can too.
type accessChange struct {
	name, usage string
	needed      []string // settings
	do          func(ctx context.Context, s Settings, db *store.Store, account models.Account) (done string, err error)
}

// accessCommands returns the commands that change the access of a role's accounts.
func accessCommands(role models.Role) []*cli.Command {
	changes := []accessChange{
		{name: "end-sessions", usage: "log an account out everywhere", do: endSessions},
		{
			name: "password-link", usage: "print a link with which the account's owner sets a password, once, within 24 hours",
			needed: []string{"PUBLIC_URL", "MASTER_KEY"}, do: makePasswordLink,
		},
		{
			name: "remove-totp", usage: "remove a second factor that was lost; the account is logged out everywhere",
			do: removeTOTP,
		},
		{name: "unlock", usage: "let an account log in again after too many attempts", do: unlock},
	}
	if role == models.RoleAdmin {
		changes = append(changes,
			accessChange{name: "disable", usage: "disable an admin, who is logged out everywhere", do: setDisabled(true)},
			accessChange{name: "enable", usage: "enable a disabled admin", do: setDisabled(false)})
	} else {
		changes = append(changes, accessChange{
			name: "revoke-keys", usage: "revoke all API keys of an operator at once", do: revokeKeys,
		})
	}
	commands := make([]*cli.Command, len(changes))
	for i, change := range changes {
		commands[i] = &cli.Command{
			Name: change.name, Usage: change.usage,
			Flags: append(settingFlags(), emailFlag("the account's e-mail address")),
			Action: func(ctx context.Context, cmd *cli.Command) error {
				return changeAccounts(ctx, cmd, func(s Settings, db *store.Store) error {
					return changeAccess(ctx, s, db, role, cmd.String("email"), change, cmd.Root().Writer)
				}, change.needed...)
			},
		}
	}
	return commands
}

func changeAccess(
	ctx context.Context, s Settings, db *store.Store, role models.Role, email string, change accessChange, out io.Writer,
) error {
	email, err := models.NormalEmail(email)
	if err != nil {
		return err
	}
	account, err := db.AccountByEmail(ctx, role, email)
	if errors.Is(err, models.ErrNotFound) {
		return fmt.Errorf("no %s has the e-mail address %s", role, email)
	}
	if err != nil {
		return err
	}
	done, err := change.do(ctx, s, db, account)
	if err == nil {
		fmt.Fprintln(out, done)
	}
	return err
}

// byCommand returns an entry of the audit log for what was done to an account on the command line.
func byCommand(account models.Account, action, detail string) models.AuditEntry {
	return models.AuditEntry{
		Actor: models.ActorCLI, Action: action, Subject: account.Subject(), Detail: detail,
	}
}

func endSessions(ctx context.Context, _ Settings, db *store.Store, account models.Account) (string, error) {
	err := db.EndSessions(ctx, account, nil, byCommand(account, "sessions_ended", "Ended all sessions."))
	return account.Email + " is logged out everywhere.", err
}

func removeTOTP(ctx context.Context, _ Settings, db *store.Store, account models.Account) (string, error) {
	err := db.RemoveSecondFactor(ctx, account,
		byCommand(account, "totp_removed", "Removed the second factor; all sessions ended."))
	return account.Email + " logs in without a code now, and is logged out everywhere.", err
}

func unlock(ctx context.Context, _ Settings, db *store.Store, account models.Account) (string, error) {
	err := db.Unlock(ctx, api.AccountCounters(account),
		byCommand(account, "account_unlocked", "Began the counts of attempts to log in anew."))
	return account.Email + " can try to log in again.", err
}

func revokeKeys(ctx context.Context, _ Settings, db *store.Store, account models.Account) (string, error) {
	if account.Role == models.RoleMember {
		return "", errors.New("API keys belong to the shop and not to its members; give the e-mail address of its owner")
	}
	operator := models.Account{Role: models.RoleOperator, ID: account.OperatorID}
	revoked, err := db.RevokeCredentials(ctx, operator.ID, byCommand(operator, "keys_revoked", "Revoked all API keys."))
	return fmt.Sprintf("%d API keys of %s are revoked.", revoked, account.Email), err
}

func makePasswordLink(ctx context.Context, s Settings, db *store.Store, account models.Account) (string, error) {
	keys, err := s.keyring()
	if err != nil {
		return "", err
	}
	token, hash, err := secrets.NewLinkToken(keys)
	if err != nil {
		return "", err
	}
	link := models.PasswordLink{
		TokenHash: hash, Role: account.Role, AccountID: account.ID, ExpiresAt: time.Now().Add(models.PasswordLinkLifetime),
	}
	err = db.PutPasswordLink(ctx, link, byCommand(account, "password_link_made", "Made a link to set a password."))
	return api.PasswordLinkURL(s.PublicURL, token), err
}

func setDisabled(disabled bool) func(context.Context, Settings, *store.Store, models.Account) (string, error) {
	action, detail, done := "admin_enabled", "Enabled the admin %s.", "can log in again."
	if disabled {
		action, detail, done = "admin_disabled", "Disabled the admin %s; all sessions ended.", "can no longer log in."
	}
	return func(ctx context.Context, _ Settings, db *store.Store, account models.Account) (string, error) {
		err := db.SetAdminDisabled(ctx, account.ID, disabled, byCommand(account, action, fmt.Sprintf(detail, account.Email)))
		if errors.Is(err, models.ErrNotPossible) {
			return "", errors.New("the last admin who is enabled cannot be disabled; create another one first")
		}
		return account.Email + " " + done, err
	}
}

func adminListCommand() *cli.Command {
	return &cli.Command{
		Name: "list", Usage: "list the admins", Flags: settingFlags(),
		Action: func(ctx context.Context, cmd *cli.Command) error {
			return withStore(ctx, cmd, func(_ Settings, db *store.Store) error {
				admins, err := db.Admins(ctx)
				if err != nil {
					return err
				}
				table := tabwriter.NewWriter(cmd.Root().Writer, 0, 0, 2, ' ', 0)
				fmt.Fprintln(table, "E-MAIL\tSECOND FACTOR\tDISABLED")
				for _, a := range admins {
					factor, disabled := "no", ""
					if a.HasTOTP() {
						factor = "yes"
					}
					if a.DisabledAt != nil {
						disabled = a.DisabledAt.UTC().Format(time.RFC3339)
					}
					fmt.Fprintf(table, "%s\t%s\t%s\n", a.Email, factor, disabled)
				}
				return table.Flush()
			})
		},
	}
}
