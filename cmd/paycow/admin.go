package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/mail"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/urfave/cli/v3"
	"golang.org/x/term"

	"paycow/internal/secrets"
	"paycow/models"
	"paycow/store"
)

const (
	minAdminPasswordRunes = 12
	maxAdminPasswordBytes = 256
)

func adminCommand() *cli.Command {
	return &cli.Command{
		Name: "admin", Usage: "manage admins",
		Commands: []*cli.Command{{
			Name: "create", Usage: "create an admin; the password is asked for, or read from the first line of standard input",
			Flags: append(settingFlags(), &cli.StringFlag{Name: "email", Usage: "the admin's e-mail address", Required: true}),
			Action: func(ctx context.Context, cmd *cli.Command) error {
				s, err := loadSettings(cmd)
				if err != nil {
					return err
				}
				email, err := adminEmail(cmd.String("email"))
				if err != nil {
					return err
				}
				password, err := readNewPassword(os.Stdin, cmd.Root().ErrWriter)
				if err != nil {
					return err
				}
				db, err := store.Open(ctx, s.DatabaseURL, newLogger(cmd.Root().ErrWriter, s))
				if err != nil {
					return fmt.Errorf("open the database: %w", err)
				}
				if err := createAdmin(ctx, db, email, password); err != nil {
					return errors.Join(err, db.Close())
				}
				fmt.Fprintf(cmd.Root().Writer, "%s can log in at /login.html?admin now.\n", email)
				return db.Close()
			},
		}},
	}
}

func adminEmail(text string) (string, error) {
	email := strings.ToLower(strings.TrimSpace(text))
	if parsed, err := mail.ParseAddress(email); err != nil || parsed.Address != email {
		return "", errors.New("--email must be an e-mail address")
	}
	return email, nil
}

// createAdmin stores a new admin.
func createAdmin(ctx context.Context, db *store.Store, email, password string) error {
	admin := models.Admin{ID: models.NewID(), Email: email, PasswordHash: secrets.HashPassword(password)}
	if err := db.CreateAdmin(ctx, admin); err != nil {
		if errors.Is(err, models.ErrAlreadyExists) {
			return fmt.Errorf("there is an admin with the e-mail address %s already", email)
		}
		return fmt.Errorf("store the admin: %w", err)
	}
	return nil
}

// readNewPassword asks for a password twice, without showing it, or reads the first line of what is no terminal. A password is
// never a flag: command lines can be seen by others.
func readNewPassword(in *os.File, prompt io.Writer) (string, error) {
	if !term.IsTerminal(int(in.Fd())) { //nolint:gosec // a file descriptor fits
		line, err := bufio.NewReader(io.LimitReader(in, maxAdminPasswordBytes+2)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("read the password: %w", err)
		}
		return checkNewPassword(strings.TrimRight(line, "\r\n"))
	}
	var typed [2]string
	for i, ask := range []string{"Password: ", "Once more: "} {
		fmt.Fprint(prompt, ask)
		password, err := term.ReadPassword(int(in.Fd())) //nolint:gosec // a file descriptor fits
		fmt.Fprintln(prompt)
		if err != nil {
			return "", fmt.Errorf("read the password: %w", err)
		}
		typed[i] = string(password)
	}
	if typed[0] != typed[1] {
		return "", errors.New("the two passwords differ; nothing was changed")
	}
	return checkNewPassword(typed[0])
}

func checkNewPassword(password string) (string, error) {
	switch {
	case utf8.RuneCountInString(password) < minAdminPasswordRunes:
		return "", fmt.Errorf("the password needs at least %d characters; it is asked for at a prompt, or read from the first line of standard input", minAdminPasswordRunes)
	case len(password) > maxAdminPasswordBytes || strings.ContainsRune(password, 0):
		return "", fmt.Errorf("the password must have at most %d bytes and no NUL", maxAdminPasswordBytes)
	}
	return password, nil
}
