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

	"github.com/urfave/cli/v3"
	"golang.org/x/term"

	"paycow/internal/secrets"
	"paycow/models"
	"paycow/store"
)

// adminCommand manages admins. Passwords come from in.
func adminCommand(in *os.File) *cli.Command {
	return &cli.Command{
		Name: "admin", Usage: "manage admins",
		Commands: []*cli.Command{{
			Name: "create", Usage: "create an admin; the password is asked for, or read from the first line of standard input",
			Flags: append(settingFlags(), &cli.StringFlag{Name: "email", Usage: "the admin's e-mail address", Required: true}),
			Action: func(ctx context.Context, cmd *cli.Command) error {
				if cmd.Args().Present() {
					return errors.New("paycow admin create takes --email and nothing else; the password is asked for") // which may be what was typed, so it is not repeated
				}
				email, err := adminEmail(cmd.String("email"))
				if err != nil {
					return err
				}
				return withStore(ctx, cmd, func(db *store.Store) error {
					if _, err := db.AdminByEmail(ctx, email); err == nil {
						return errAdminExists(email)
					} else if !errors.Is(err, models.ErrNotFound) {
						return fmt.Errorf("look for the admin: %w", err)
					}
					password, err := readNewPassword(ctx, in, cmd.Root().ErrWriter)
					if err != nil {
						return err
					}
					if err := createAdmin(ctx, db, email, password); err != nil {
						return err
					}
					fmt.Fprintf(cmd.Root().Writer, "%s can log in at /login.html?admin now.\n", email)
					return nil
				})
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

func errAdminExists(email string) error {
	return fmt.Errorf("there is an admin with the e-mail address %s already", email)
}

// createAdmin stores a new admin.
func createAdmin(ctx context.Context, db *store.Store, email, password string) error {
	if problem := secrets.PasswordProblem(password, email); problem != "" {
		return fmt.Errorf("the password %s; it is asked for at a prompt, or read from the first line of standard input", problem)
	}
	err := db.CreateAdmin(ctx, models.Admin{ID: models.NewID(), Email: email, PasswordHash: secrets.HashPassword(password)})
	if errors.Is(err, models.ErrAlreadyExists) {
		return errAdminExists(email)
	}
	if err != nil {
		return fmt.Errorf("store the admin: %w", err)
	}
	return nil
}

// readNewPassword asks for a password twice, without showing it, or reads the first line of what is no terminal. A password is
// never a flag: command lines can be seen by others.
func readNewPassword(ctx context.Context, in *os.File, prompt io.Writer) (string, error) {
	if !term.IsTerminal(int(in.Fd())) {
		line, err := bufio.NewReader(io.LimitReader(in, secrets.MaxPasswordBytes+2)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("read the password: %w", err)
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

// readHidden reads a line from a terminal without showing it. Whoever gives up (ctx) gets the terminal back as it was: the
// program catches the interrupt, so reading would go on and leave nothing to be seen of what is typed next.
func readHidden(ctx context.Context, in *os.File) (string, error) {
	fd := int(in.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
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
			return "", fmt.Errorf("read the password: %w", got.err)
		}
		return string(got.text), nil
	case <-ctx.Done():
		return "", errors.Join(errors.New("nothing was changed"), term.Restore(fd, before), ctx.Err())
	}
}
