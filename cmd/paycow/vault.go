package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/urfave/cli/v3"
	"golang.org/x/term"

	"paycow/chain"
	"paycow/contracts"
	"paycow/internal/vault"
	"paycow/models"
)

const (
	// maxSecretLine bounds what is read of a secret: the longest mnemonic has 24 words of at most 8 letters.
	maxSecretLine = 1024
	// maxAuthorizations bounds what one run signs.
	maxAuthorizations = 100_000
)

// secretFile is where the mnemonic or private key is read from.
type secretFile struct {
	file   *os.File
	prompt io.Writer
	lines  *bufio.Reader
}

func vaultCommand(in *os.File) *cli.Command {
	return &cli.Command{
		Name: "vault", Usage: "let deposits be sent to the treasury, and nowhere else (EIP-7702)",
		Commands: []*cli.Command{{
			Name: "sign",
			Usage: "sign the authorizations of deposit addresses, on a machine without a network; they are printed as JSON " +
				"lines. The mnemonic or xprv is read from the prompt, or from the first line of standard input or --fd, and a " +
				"passphrase from the second",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "treasury", Usage: "the address that all money is sent to, with its checksum (EIP-55)"},
				&cli.StringFlag{Name: "token-address", Usage: "the token's contract", Value: defaultSettings().Token.Hex()},
				&cli.Uint64Flag{
					Name: "chain-id", Usage: "the chain for which the signatures are valid", Value: defaultSettings().ChainID,
				},
				&cli.StringFlag{
					Name: "xpub", Usage: "the xpub of the account m/44'/60'/0', for comparison with what you type",
					Sources: cli.EnvVars("PAYCOW_XPUB"),
				},
				&cli.Uint32Flag{
					Name: "first", Usage: "the index of the first address", Value: models.DefaultReservedAddresses,
				},
				&cli.Uint32Flag{Name: "count", Usage: "how many addresses, one index after the other", Value: 10_000},
				&cli.Uint64SliceFlag{
					Name: "nonce", Usage: "the nonce of each address: 0 while it has sent nothing and was never delegated. " +
						"Repeat the flag for several",
					Value: []uint64{0},
				},
				&cli.BoolFlag{Name: "revoke", Usage: "sign that delegations end, instead of --treasury"},
				&cli.IntFlag{
					Name: "fd", Usage: "the number of the file descriptor to read the secret from, instead of standard input",
				},
			},
			Action: func(ctx context.Context, cmd *cli.Command) error {
				request, err := readSignRequest(cmd)
				if err != nil {
					return err
				}
				source := secretFile{file: in, prompt: cmd.Root().ErrWriter}
				if cmd.IsSet("fd") {
					source.file = os.NewFile(uintptr(cmd.Int("fd")), "--fd")
				}
				return signAuthorizations(ctx, request, source, cmd.Root().Writer)
			},
		}},
	}
}

// signRequest says what is signed.
type signRequest struct {
	treasury, token common.Address
	contract        common.Address // that the accounts are delegated to; 0 ends delegations
	chainID         uint64
	wallet          *chain.XPub
	first, count    uint32
	nonces          []uint64
}

func readSignRequest(cmd *cli.Command) (r signRequest, err error) {
	r = signRequest{
		chainID: cmd.Uint64("chain-id"), first: cmd.Uint32("first"), count: cmd.Uint32("count"),
		nonces: cmd.Uint64Slice("nonce"),
	}
	switch {
	case r.chainID == 0:
		return r, errors.New("--chain-id 0 would be valid on every chain")
	case r.count == 0 || r.count > maxAuthorizations:
		return r, fmt.Errorf("--count must be between 1 and %d", maxAuthorizations)
	case cmd.String("xpub") == "":
		return r, errors.New("--xpub is needed: the xpub that your server has in PAYCOW_XPUB")
	case cmd.IsSet("treasury") == cmd.Bool("revoke"):
		return r, errors.New("one of --treasury and --revoke is needed")
	}
	if cmd.Bool("revoke") && (!cmd.IsSet("nonce") || slices.Contains(r.nonces, 0)) {
		return r, errors.New("--revoke needs --nonce, at least 1: a delegated address has used nonce 0, and for another " +
			"one the signature would use up the nonce of its authorization")
	}
	if cmd.Uint64("chain-id") != defaultSettings().ChainID && !cmd.Bool("revoke") && !cmd.IsSet("token-address") {
		return r, errors.New("--token-address is needed with --chain-id: another chain has another token")
	}
	if r.wallet, err = chain.NewXPub(cmd.String("xpub")); err != nil {
		return r, fmt.Errorf("--xpub: %w", err)
	}
	if cmd.Bool("revoke") {
		return r, nil
	}
	if r.treasury, err = addressWithChecksum(cmd.String("treasury")); err != nil {
		return r, fmt.Errorf("--treasury: %w", err)
	}
	if r.token, err = addressWithChecksum(cmd.String("token-address")); err != nil {
		return r, fmt.Errorf("--token-address: %w", err)
	}
	contract, err := contracts.VaultOf(r.treasury, r.token)
	r.contract = contract.Address
	return r, err
}

// addressWithChecksum reads an address. Without a checksum a slip would go unnoticed, and what is sent there is lost.
func addressWithChecksum(text string) (common.Address, error) {
	address, err := common.NewMixedcaseAddressFromString(text)
	if err != nil {
		return common.Address{}, fmt.Errorf("%q is not an address", text)
	}
	if !address.ValidChecksum() {
		return common.Address{}, fmt.Errorf("the checksum of %s is wrong or missing; copy the address again", text)
	}
	return address.Address(), nil
}

// words says what is signed, before the secret is typed.
func (r signRequest) words() (string, error) {
	firstAddress, err := r.wallet.Address(r.first)
	if err != nil {
		return "", err
	}
	last := uint64(r.first) + uint64(r.count) - 1
	lastAddress, err := r.wallet.Address(uint32(min(last, 1<<32-1)))
	if err != nil {
		return "", err
	}
	effect := fmt.Sprintf("Whoever has these signatures can let the addresses run the contract %s.\n"+
		"It sends what they hold to %s, and can do nothing else.", r.contract, r.treasury)
	if r.contract == (common.Address{}) {
		effect = "Whoever has these signatures can end the addresses' delegation."
	}
	return fmt.Sprintf(`You sign for %d addresses of your wallet, on chain %d:
  index %d: %s
  index %d: %s
%s
Each signature is valid once, while the address has the nonce %s.
`, r.count, r.chainID, r.first, firstAddress, last, lastAddress, effect, numbers(r.nonces, " or ")), nil
}

func numbers(list []uint64, separator string) string {
	texts := make([]string, len(list))
	for i, n := range list {
		texts[i] = fmt.Sprint(n)
	}
	return strings.Join(texts, separator)
}

// signAuthorizations writes one JSON line for each address and nonce. It opens no connection.
func signAuthorizations(ctx context.Context, r signRequest, source secretFile, out io.Writer) error {
	words, err := r.words()
	if err != nil {
		return err
	}
	fmt.Fprint(source.prompt, words)
	secret, err := source.read(ctx, "Mnemonic or xprv: ")
	if err != nil {
		return err
	}
	passphrase := ""
	if len(strings.Fields(secret)) > 1 {
		if passphrase, err = source.read(ctx, "Passphrase (empty for none): "); err != nil {
			return err
		}
	}
	account, err := vault.NewAccount(secret, passphrase)
	if err != nil {
		return err
	}
	var lines bytes.Buffer // all or nothing
	encoder := json.NewEncoder(&lines)
	for index := r.first; index-r.first < r.count; index++ {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := r.sign(account, index, encoder); err != nil {
			return err
		}
	}
	if _, err := lines.WriteTo(out); err != nil {
		return fmt.Errorf("print the authorizations: %w", err)
	}
	return nil
}

// sign signs for one address, and checks each signature as the server will.
func (r signRequest) sign(account *vault.Account, index uint32, out *json.Encoder) error {
	for _, nonce := range r.nonces {
		signed, err := account.Sign(index, r.chainID, r.contract, nonce)
		if err != nil {
			return err
		}
		if signed.Account == r.treasury {
			return fmt.Errorf("the treasury %s is the deposit address with index %d", r.treasury, index)
		}
		if err := signed.Verify(r.wallet, r.chainID, r.contract); err != nil {
			return fmt.Errorf("what you typed does not belong to the xpub; check each word, and the passphrase: %w", err)
		}
		if err := out.Encode(signed); err != nil {
			return fmt.Errorf("write an authorization: %w", err)
		}
	}
	return nil
}

// read asks for a line on a terminal, without showing it, or reads the next line of another file.
func (s *secretFile) read(ctx context.Context, question string) (string, error) {
	if term.IsTerminal(int(s.file.Fd())) {
		fmt.Fprint(s.prompt, question)
		defer fmt.Fprintln(s.prompt)
		return readHidden(ctx, s.file)
	}
	if s.lines == nil {
		s.lines = bufio.NewReader(io.LimitReader(s.file, 2*maxSecretLine))
	}
	line, err := s.lines.ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the secret: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}
