package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v3"
	"golang.org/x/term"

	"paycow/internal/secrets"
	"paycow/models"
	"paycow/store"
)

// adminCommand manages admins. Passwords are read from in.
func adminCommand(in *os.File) *cli.Command {
	return &cli.Command{
		Name: "admin", Usage: "manage admins",
		Commands: append([]*cli.Command{adminListCommand(), {
			Name:  "create",
			Usage: "create an admin; asks for the password, or reads it from the first line of standard input",
			Flags: append(settingFlags(), emailFlag("the admin's e-mail address")),
			Action: func(ctx context.Context, cmd *cli.Command) error {
				email, err := models.NormalEmail(cmd.String("email"))
				if err != nil {
					return fmt.Errorf("%q is %w", cmd.String("email"), err)
				}
				return changeAccounts(ctx, cmd, func(_ Settings, db *store.Store) error {
					if _, err := db.AdminByEmail(ctx, email); err == nil {
						return errAdminExists(email)
					} else if !errors.Is(err, models.ErrNotFound) {
						return fmt.Errorf("look up the admin: %w", err)
					}
					password, err := readNewPassword(ctx, in, cmd.Root().ErrWriter)
					if err != nil {
						return err
					}
					if err := createAdmin(ctx, db, email, password); err != nil {
						return err
					}
					fmt.Fprintf(cmd.Root().Writer, "%s can now log in at /login.html?admin.\n", email)
					return nil
				})
			},
		}}, accessCommands(models.RoleAdmin)...),
	}
}

// emailFlag is the required flag --email, which takes one plain e-mail address.
func emailFlag(usage string) *cli.StringFlag {
	return &cli.StringFlag{Name: "email", Usage: usage, Required: true, Validator: func(text string) error {
		_, err := models.NormalEmail(text)
		return err
	}}
}

func errAdminExists(email string) error {
	return fmt.Errorf("an admin with the e-mail address %s already exists", email)
}

// createAdmin stores a new admin.
func createAdmin(ctx context.Context, db *store.Store, email, password string) error {
	if problem := secrets.PasswordProblem(password, email); problem != "" {
		return fmt.Errorf("the password %s; type it at the prompt, or put it on the first line of standard input", problem)
	}
	admin := models.Admin{ID: models.NewID(), Email: email, PasswordHash: secrets.HashPassword(password)}
	err := db.CreateAdmin(ctx, admin)
	if errors.Is(err, models.ErrAlreadyExists) {
		return errAdminExists(email)
	}
	if err != nil {
		return fmt.Errorf("store the admin: %w", err)
	}
	return nil
}

// readNewPassword asks for a password twice without showing it. If in is not a terminal, it reads the first line
// instead. A password is never a flag, because other users of the machine can read command lines.
func readNewPassword(ctx context.Context, in *os.File, prompt io.Writer) (string, error) {
	if !term.IsTerminal(int(in.Fd())) {
		line, err := bufio.NewReader(io.LimitReader(in, secrets.MaxPasswordBytes+2)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("read what was typed: %w", err)
		}
		return strings.TrimRight(line, "\r\n"), nil
	}
	var typed [2]string
	for i, ask := range []string{"Password: ", "Once more: "} {
		fmt.Fprint(prompt, ask)
		password, err := readHidden(ctx, in)
		fmt.Fprintln(prompt)
		if err != nil {
			return "", err
		}
		typed[i] = password
	}
	if typed[0] != typed[1] {
		return "", errors.New("the two passwords differ; nothing was changed")
	}
	return typed[0], nil
}

// readHidden reads a line from a terminal without showing it. If ctx ends first, it restores the terminal. It must,
// because the program catches the interrupt: the read would go on, and the terminal would stay silent after the
// program has ended.
func readHidden(ctx context.Context, in *os.File) (string, error) {
	fd := int(in.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("read what was typed: %w", err)
	}
	type line struct {
		text []byte
		err  error
	}
	read := make(chan line, 1)
	go func() {
		text, err := term.ReadPassword(fd)
		read <- line{text, err}
	}()
	select {
	case got := <-read:
		if got.err != nil {
			return "", fmt.Errorf("read what was typed: %w", got.err)
		}
		return string(got.text), nil
	case <-ctx.Done():
		return "", errors.Join(errors.New("nothing was changed"), term.Restore(fd, before), ctx.Err())
	}
}
