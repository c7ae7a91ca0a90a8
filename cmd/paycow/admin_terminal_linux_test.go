package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// terminal is a pseudo-terminal: what a person types goes into the first file, the program reads the second.
func terminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("this machine has no pseudo-terminals: %v", err)
	}
	t.Cleanup(func() { _ = person.Close() })
	fd := int(person.Fd())
	require.NoError(t, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	require.NoError(t, err)
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = program.Close() })
	return person, program
}

func hasEcho(terminal *os.File) bool {
	settings, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
	return err == nil && settings.Lflag&unix.ECHO != 0
}

func TestAdminCreateAsksWithoutEcho(t *testing.T) {
	b := newAdminBench(t)
	for name, c := range map[string]struct {
		second string
		works  bool
	}{"the same twice": {adminsPassword, true}, "a slip": {adminsPassword + "x", false}} {
		prompts := b.shown
		person, program := terminal(t)
		require.True(t, term.IsTerminal(int(program.Fd())))
		shown := make(chan string, 1)
		go func() {
			var seen bytes.Buffer
			_, _ = io.Copy(&seen, person) // until the other side is closed
			shown <- seen.String()
		}()
		typed := make(chan error, 1)
		running, ended := context.WithCancel(t.Context())
		go func() {
			for _, line := range []struct{ after, text string }{{"Password: ", adminsPassword}, {"Once more: ", c.second}} {
				for !strings.Contains(prompts.String(), line.after) || hasEcho(program) { // the program is not listening yet
					if running.Err() != nil {
						typed <- errors.New("it ended without asking")
						return
					}
					time.Sleep(time.Millisecond)
				}
				if _, err := person.WriteString(line.text + "\n"); err != nil {
					typed <- err
					return
				}
			}
			typed <- nil
		}()
		email := strings.ReplaceAll(name, " ", "-") + "@example.org"
		output, err := b.run(t.Context(), program, "--email", email)
		ended()
		require.NoError(t, <-typed, output)
		require.Equal(t, c.works, err == nil, "%s: %s", name, output)
		require.Contains(t, output, "Password: ")
		require.Contains(t, output, "Once more: ")
		require.True(t, hasEcho(program), "the terminal is as it was")
		require.NoError(t, program.Close())
		require.NotContains(t, output+<-shown, adminsPassword)
		require.Equal(t, c.works, b.hasAdmin(email, adminsPassword))
	}
}

// Whoever gives up at the prompt gets a terminal back that shows what is typed.
func TestAdminCreateGivesTheTerminalBack(t *testing.T) {
	b := newAdminBench(t)
	_, program := terminal(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	go func() {
		for hasEcho(program) && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		cancel() // as an interrupt does
	}()
	output, err := b.run(ctx, program, "--email", "a@example.org")
	require.ErrorIs(t, err, context.Canceled)
	require.Contains(t, output, "nothing was changed")
	require.True(t, hasEcho(program))
	require.False(t, b.hasAdmin("a@example.org", adminsPassword))
}
