//go:build !slim

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/urfave/cli/v3"

	"paycow/devstack/localchain"
	"paycow/models"
)

func payCommand() *cli.Command {
	return &cli.Command{
		Name: "pay", Usage: "pay a payment of a running `paycow dev` from its faucet",
		ArgsUsage: "<paymentId>", ArgValidator: oneArgument("the payment's ID"),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "data-dir", Value: devDataDir, Usage: "data directory of the running stack"},
			&cli.StringFlag{Name: "amount", Usage: "USDT to send; by default, what is still missing"},
		},
		Action: func(ctx context.Context, cmd *cli.Command) error {
			file, err := readDevFile(cmd.String("data-dir"))
			if err != nil {
				return err
			}
			return pay(ctx, cmd.Root().Writer, file, cmd.Args().First(), cmd.String("amount"))
		},
	}
}

// pay sends the given amount, or what is missing, from the faucet to a payment's deposit address.
func pay(ctx context.Context, out io.Writer, file devFile, paymentID, amountText string) error {
	if file.FaucetKey == "" {
		return errors.New("this stack uses outside Ethereum nodes and has no faucet: pay with a wallet")
	}
	payment, err := fetchPayment(ctx, file.APIURL, paymentID)
	if err != nil {
		return err
	}
	missing := payment.AmountRequested - payment.AmountReceived
	if amountText != "" {
		if err := amount(&missing)(amountText); err != nil {
			return fmt.Errorf("--amount: %w (not %q)", err, amountText)
		}
	}
	if missing <= 0 {
		return errors.New("the payment has received its amount; use --amount to send more")
	}
	hash, err := payFromFaucet(ctx, file, payment.DepositAddress, missing)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "Sent %s USDT to %s in transaction %s\n", missing, payment.DepositAddress, hash)
	return nil
}

// payFromFaucet sends test tokens from a development stack's faucet to an address and returns the transaction's hash.
func payFromFaucet(ctx context.Context, file devFile, address string, amount models.Amount) (txHash string, err error) {
	key, err := crypto.HexToECDSA(strings.TrimPrefix(file.FaucetKey, "0x"))
	if err != nil {
		return "", fmt.Errorf("read the faucet's key from %s: %w", devFileName, err)
	}
	token, recipient := common.HexToAddress(file.TokenAddress), common.HexToAddress(address)
	hash, err := localchain.Pay(ctx, file.RPCURL, token, key, recipient, int64(amount))
	if err != nil {
		return "", fmt.Errorf("send the tokens: %w", err)
	}
	return hash.Hex(), nil
}

// publicPayment is the part of a payment's public data that `paycow pay` needs.
type publicPayment struct {
	AmountRequested models.Amount `json:"amountRequested"`
	AmountReceived  models.Amount `json:"amountReceived"`
	DepositAddress  string        `json:"depositAddress"`
	Message         string        `json:"msg"`
}

func fetchPayment(ctx context.Context, apiURL, paymentID string) (publicPayment, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var payment publicPayment
	address := apiURL + "/payment/data/" + url.PathEscape(paymentID)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return payment, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return payment, fmt.Errorf("is `paycow dev` running? %w", err)
	}
	defer response.Body.Close() //nolint:errcheck // it was only read
	if err := json.NewDecoder(response.Body).Decode(&payment); err != nil {
		return payment, fmt.Errorf("read the payment: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return payment, fmt.Errorf("read payment %s: %s", paymentID, payment.Message)
	}
	return payment, nil
}
