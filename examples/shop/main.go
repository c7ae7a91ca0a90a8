// Command shop is a small shop that is paid through PayCow: where to begin with a shop of your own. README.md says how
// to run it. What it promises:
//
//   - An order has one payment, whatever crashes between the order and the payment.
//   - An order is marked paid once, however often PayCow tells of it, and whenever one of the two is killed.
//   - Anything that webhooks missed is read from the list of events.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"paycow/client"
)

// shop is the program.
type shop struct {
	books      *books
	paycow     *client.ClientWithResponses
	webhookURL string // where PayCow reaches POST /webhooks
	log        *slog.Logger
	hasEnabled bool // the webhook endpoint, since the start
}

func main() {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, log, os.Args[1:])
	stop()
	if err != nil {
		log.Error("the shop ends", "error", err)
		os.Exit(1)
	}
}

// credentials say which installation of PayCow the shop uses, and as whom.
type credentials struct{ url, key, secret string }

// readCredentials reads them from the environment, or from the file that `paycow dev` writes: those for tests, or the
// others.
func readCredentials(devFile string, isTest bool) (credentials, error) {
	found := credentials{os.Getenv("PAYCOW_URL"), os.Getenv("PAYCOW_API_KEY"), os.Getenv("PAYCOW_API_SECRET")}
	if devFile != "" {
		content, err := os.ReadFile(devFile) //nolint:gosec // the path is given by whoever starts the program
		if err != nil {
			return found, fmt.Errorf("read what paycow dev wrote (is it running?): %w", err)
		}
		var dev struct {
			APIURL   string `json:"apiUrl"`
			Operator struct {
				APIKey        string `json:"apiKey"`
				APISecret     string `json:"apiSecret"`
				TestAPIKey    string `json:"testApiKey"`
				TestAPISecret string `json:"testApiSecret"`
			} `json:"operator"`
		}
		if err := json.Unmarshal(content, &dev); err != nil {
			return found, fmt.Errorf("read %s: %w", devFile, err)
		}
		found = credentials{dev.APIURL, dev.Operator.APIKey, dev.Operator.APISecret}
		if isTest {
			found = credentials{dev.APIURL, dev.Operator.TestAPIKey, dev.Operator.TestAPISecret}
		}
	}
	if found.url == "" || found.key == "" || found.secret == "" {
		return found, errors.New("set PAYCOW_URL, PAYCOW_API_KEY and PAYCOW_API_SECRET, or -dev")
	}
	return found, nil
}

// run serves the shop until the context ends.
func run(ctx context.Context, log *slog.Logger, args []string) error {
	flags := flag.NewFlagSet("shop", flag.ContinueOnError)
	listen := flags.String("listen", "127.0.0.1:8090", "address to listen on")
	database := flags.String("database", "", "SQLite file with the orders (default shop.db, with -test shop-test.db)")
	webhookURL := flags.String("webhook-url", "", "where PayCow reaches POST /webhooks (default: at -listen)")
	devFile := flags.String("dev", "", "take address and credentials from this file of paycow dev, .paycow/dev.json")
	isTest := flags.Bool("test", false, "take test payments, which involve no money, as real ones; with -dev, make them")
	pause := flags.Duration("catch-up", time.Minute, "how often to read the list of events")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *database == "" { // orders of tests and of real payments never meet
		*database = map[bool]string{false: "shop.db", true: "shop-test.db"}[*isTest]
	}
	found, err := readCredentials(*devFile, *isTest)
	if err != nil {
		return err
	}
	paycow, err := client.New(found.url, found.key, found.secret)
	if err != nil {
		return err
	}
	books, err := openBooks(ctx, *database)
	if err != nil {
		return err
	}
	defer books.close()
	books.takesTests = *isTest
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", *listen)
	if err != nil {
		return err
	}
	address := "http://" + listener.Addr().String()
	if *webhookURL == "" {
		*webhookURL = address + "/webhooks"
	}
	s := &shop{books: books, paycow: paycow, webhookURL: *webhookURL, log: log}
	log.Info("the shop is open", "url", address)
	go s.follow(ctx, *pause)
	return serve(ctx, listener, s.handler())
}

// serve answers requests until the context ends, and then those that have begun.
func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadTimeout: 10 * time.Second, WriteTimeout: time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		return server.Shutdown(end)
	}
}
