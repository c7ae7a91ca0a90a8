// Command paycow is the whole program: the API, the worker, the administrator's commands and the development stack.
// Only this package knows all the others: it reads the settings and wires everything together.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/urfave/cli/v3"

	"paycow/internal/logs"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, newProgram(os.Stdin, os.Stdout, os.Stderr), os.Args); err != nil {
		fmt.Fprintln(os.Stderr, "paycow:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called above
	}
}

// run runs a command and returns when it is done or ctx ends. A command that was stopped through ctx has not failed.
func run(ctx context.Context, program *cli.Command, args []string) error {
	err := program.Run(ctx, args)
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return nil //nolint:nilerr // it was told to stop
	}
	return err
}

// newProgram returns the command tree. Passwords are read from in.
func newProgram(in *os.File, stdout, stderr io.Writer) *cli.Command {
	program := &cli.Command{
		Name:      "paycow",
		Usage:     "accept USDT (ERC-20) payments",
		Writer:    stdout,
		ErrWriter: stderr,
		// main prints the error and ends the process.
		ExitErrHandler: func(context.Context, *cli.Command, error) {},
		// A command without a validator of its own takes no arguments.
		ArgValidator: noArguments,
		Commands: append([]*cli.Command{
			serveCommand(), apiCommand(), workerCommand(), migrateCommand(), operatorCommand(), adminCommand(in),
			settingsCommand(), rescanCommand(), reconcileCommand(), addressesCommand(), rekeyCommand(), alarmsCommand(),
			vaultCommand(in),
		}, devCommands()...),
	}
	_ = program.Walk(func(cmd *cli.Command) error {
		cmd.OnUsageError = usageError
		return nil
	})
	return program
}

// usageError is one sentence about a wrong flag. Without it the library prints the command's whole help as well.
func usageError(_ context.Context, cmd *cli.Command, err error, _ bool) error {
	return fmt.Errorf("%w (see %s --help)", err, cmd.FullName())
}

// noArguments refuses arguments and does not repeat them: one may be a password that was typed in the wrong place.
func noArguments(ctx context.Context, cmd *cli.Command) error {
	switch {
	case !cmd.Args().Present(), cmd.Name == "help":
		return nil
	case cmd == cmd.Root():
		return usageError(ctx, cmd, errors.New("unknown command"), true)
	default:
		return usageError(ctx, cmd, errors.New("unexpected argument"), true)
	}
}

// oneArgument refuses any other number of arguments than one.
func oneArgument(what string) cli.ArgValidatorFunc {
	return func(ctx context.Context, cmd *cli.Command) error {
		if cmd.Args().Len() != 1 {
			return usageError(ctx, cmd, fmt.Errorf("one argument is needed: %s", what), true)
		}
		return nil
	}
}

// newLogger returns the logger of a process. Its lines are bounded, see package logs.
func newLogger(w io.Writer, s Settings) *slog.Logger {
	options := &slog.HandlerOptions{Level: s.LogLevel}
	if s.LogFormat == "json" {
		return slog.New(logs.Handler(slog.NewJSONHandler(w, options)))
	}
	return slog.New(logs.Handler(slog.NewTextHandler(w, options)))
}
