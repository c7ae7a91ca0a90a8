//go:build !slim

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/rpc"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"

	"paycow/devstack/localchain"
	"paycow/devstack/token"
	"paycow/internal/pgtest"
	"paycow/models"
)

// asProgram makes the test binary behave as paycow itself, so that the tests start, kill and restart the real program.
const asProgram = "PAYCOW_TEST_AS_PROGRAM"

// quickProgram names a paycow binary without the race detector, for tests of the pages; the test binary itself if it is
// not set.
const quickProgram = "PAYCOW_TEST_QUICK_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	pgtest.Main(m)
}

// within bounds how long anything here may take on a slow machine. Nothing waits for it when all is well.
const within = 90 * time.Second

// program returns a paycow process that is not started yet. It dies with the test.
func program(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	return programAt(self, args...)
}

func programAt(path string, args ...string) *exec.Cmd {
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// stack is a running `paycow dev` in a process and a directory of its own.
type stack struct {
	*shop
	t    testing.TB
	dir  string
	args []string
	path string // of the program; the test binary if it is empty
	file devFile
	cmd  *exec.Cmd
	// ended is closed once cmd has ended and its ProcessState may be read.
	ended chan struct{}
	log   *output
}

// output collects what a program prints. It may be read while the program runs.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// startStack runs `paycow dev` on free ports with these further arguments.
func startStack(t testing.TB, args ...string) *stack {
	t.Helper()
	return (&stack{t: t, args: args}).run()
}

// run gives the stack a directory, starts it, and ends it with the test.
func (s *stack) run() *stack {
	t := s.t
	t.Helper()
	s.dir = t.TempDir()
	t.Cleanup(func() {
		s.kill()
		if t.Failed() {
			t.Logf("the program said:\n%s", s.log)
		}
	})
	s.start()
	return s
}

// start starts the program, on the same ports as before if it ran before, and returns when it is ready.
func (s *stack) start() {
	s.t.Helper()
	listen := map[string]string{"--http": "127.0.0.1:0", "--temporal": "127.0.0.1:0", "--temporal-ui": "127.0.0.1:0", "--rpc": "127.0.0.1:0"}
	if s.file.APIURL != "" {
		listen["--http"] = s.file.APIURL[len("http://"):]
		listen["--temporal"] = s.file.TemporalAddress
		if s.file.FaucetKey != "" {
			listen["--rpc"] = s.file.RPCURL[len("http://"):]
		}
	}
	args := append([]string{"dev", "--data-dir", s.dir}, s.args...)
	for flag, address := range listen {
		args = append(args, flag, address)
	}
	if s.log == nil {
		s.log = &output{}
	}
	path := filepath.Join(s.dir, devFileName)
	if err := os.Remove(path); err != nil {
		require.ErrorIs(s.t, err, os.ErrNotExist)
	}
	if s.path == "" {
		s.cmd = program(s.t, args...)
	} else {
		s.cmd = programAt(s.path, args...)
	}
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	require.NoError(s.t, s.cmd.Start())
	s.ended = make(chan struct{})
	go func(cmd *exec.Cmd, ended chan struct{}) { _ = cmd.Wait(); close(ended) }(s.cmd, s.ended)
	eventually(s.t, "the stack is ready", func() error {
		select {
		case <-s.ended:
			s.t.Fatalf("paycow dev ended: %s", s.cmd.ProcessState)
		default:
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return json.Unmarshal(content, &s.file)
	})
	s.shop = &shop{t: s.t, url: s.file.APIURL, key: s.file.Operator.APIKey, secret: s.file.Operator.APISecret}
}

// kill ends the program with SIGKILL.
func (s *stack) kill() {
	if s.cmd == nil || s.cmd.Process == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	select {
	case <-s.ended:
	case <-time.After(within):
	}
}

// stop ends the program with SIGTERM and returns its exit code.
func (s *stack) stop() int {
	s.t.Helper()
	require.NoError(s.t, s.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-s.ended:
	case <-time.After(within):
		s.t.Fatalf("the program goes on %s after SIGTERM", within)
	}
	return s.cmd.ProcessState.ExitCode()
}

// mine makes blocks on the local chain.
func (s *stack) mine(blocks int) {
	s.t.Helper()
	c, err := rpc.Dial(s.file.RPCURL)
	require.NoError(s.t, err)
	defer c.Close()
	require.NoError(s.t, c.Call(nil, "dev_mine", blocks))
}

// reorg replaces the newest blocks of the local chain.
func (s *stack) reorg(depth int, drop bool) {
	s.t.Helper()
	c, err := rpc.Dial(s.file.RPCURL)
	require.NoError(s.t, err)
	defer c.Close()
	require.NoError(s.t, c.Call(nil, "dev_reorg", depth, drop))
}

// send transfers tokens from the faucet and returns the signed transaction, which waits for a block.
func (s *stack) send(to string, amount models.Amount) *types.Transaction {
	s.t.Helper()
	tx, err := transferToken(s.t, s.file.RPCURL, s.file.TokenAddress, s.file.FaucetKey, to, amount)
	require.NoError(s.t, err)
	return tx
}

// transferToken signs and sends a transfer of tokens. The transaction is returned also when only its sending failed.
func transferToken(t testing.TB, rpcURL, contract, key, to string, amount models.Amount) (*types.Transaction, error) {
	t.Helper()
	private, err := crypto.HexToECDSA(key[2:])
	require.NoError(t, err)
	data := token.NewTestUSDT().PackTransfer(common.HexToAddress(to), big.NewInt(int64(amount)))
	return localchain.SendCall(t.Context(), rpcURL, private, common.HexToAddress(contract), data)
}

// received is what the token's Transfer logs of a transaction say went to an address.
func (s *stack) received(tx *types.Transaction, to string) models.Amount {
	s.t.Helper()
	c, err := ethclient.Dial(s.file.RPCURL)
	require.NoError(s.t, err)
	defer c.Close()
	receipt, err := c.TransactionReceipt(s.t.Context(), tx.Hash())
	require.NoError(s.t, err)
	total := models.Amount(0)
	for _, l := range receipt.Logs {
		if len(l.Topics) == 3 && common.BytesToAddress(l.Topics[2].Bytes()) == common.HexToAddress(to) {
			total += models.Amount(new(big.Int).SetBytes(l.Data).Int64())
		}
	}
	return total
}

// awaitRest waits until a payment's workflow has nothing left to do: without another block, signal or timer nothing more
// happens, however long one waits.
func (s *stack) awaitRest(id string) {
	s.t.Helper()
	temporal := s.temporal()
	eventually(s.t, "the workflow of payment "+id+" has nothing left to do", func() error {
		d, err := temporal.DescribeWorkflowExecution(s.t.Context(), models.PaymentWorkflowID(id), "")
		if err != nil {
			return err
		}
		if d.PendingWorkflowTask != nil || len(d.PendingActivities) > 0 {
			return fmt.Errorf("pending are %v and %v", d.PendingWorkflowTask, d.PendingActivities)
		}
		return nil
	})
}

// temporal connects to the stack's workflow engine.
func (s *stack) temporal() client.Client {
	s.t.Helper()
	c, err := client.Dial(client.Options{
		HostPort: s.file.TemporalAddress, Namespace: s.file.TemporalNamespace, Logger: sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	require.NoError(s.t, err)
	s.t.Cleanup(c.Close)
	return c
}

// shop is an operator's server that calls the API.
type shop struct {
	t                testing.TB
	url, key, secret string
}

// created is the answer to create.
type created struct {
	SessionID      string `json:"sessionId"`
	PaymentURL     string `json:"paymentUrl"`
	DepositAddress string `json:"depositAddress"`
	Reference      string `json:"paymentReference"`
}

// status is the public status of a payment.
type status struct {
	Status         string        `json:"status"`
	Exception      string        `json:"exception"`
	Confirmations  uint64        `json:"confirmations"`
	AmountReceived models.Amount `json:"amountReceived"`
	TxHash         string        `json:"txHash"`
}

// timelineEntry is a state that a payment was in.
type timelineEntry struct {
	status
	AmountCredited models.Amount `json:"amountCredited"`
}

// view is the part of the operator's full view that the tests look at.
type view struct {
	status
	AmountCredited models.Amount `json:"amountCredited"`
	Transfers      []struct {
		TxHash        string `json:"txHash"`
		State         string `json:"state"`
		Confirmations uint64 `json:"confirmations"`
	} `json:"transfers"`
	Timeline []timelineEntry `json:"timeline"`
	Ledger   []struct {
		ExternalID string        `json:"externalId"`
		Amount     models.Amount `json:"amount"`
	} `json:"ledger"`
}

// call makes one request and reads the answer into out when it is a 2xx.
func (s *shop) call(method, path, body string, out any, headers ...string) (code int, answer string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, s.url+path, bytes.NewBufferString(body))
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("x-api-key", s.key)
	request.Header.Set("x-api-secret", s.secret)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode < 300 && out != nil {
		err = json.Unmarshal(content, out)
	}
	return response.StatusCode, string(content), err
}

// must makes a request that has to succeed.
func (s *shop) must(method, path, body string, out any, headers ...string) {
	s.t.Helper()
	code, answer, err := s.call(method, path, body, out, headers...)
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusOK, code, answer)
}

// create makes a payment of that many USDT.
func (s *shop) create(amount string, headers ...string) created {
	s.t.Helper()
	var c created
	s.must(http.MethodPost, "/api/payment/create", fmt.Sprintf(`{"amount":%s,"userId":"user_123456","network":"ERC20"}`, amount), &c, headers...)
	return c
}

func (s *shop) status(id string) status {
	s.t.Helper()
	var out status
	s.must(http.MethodGet, "/payment/data/"+id, "", &out)
	return out
}

func (s *shop) view(id string) view {
	s.t.Helper()
	var out view
	s.must(http.MethodGet, "/api/payment/"+id, "", &out)
	return out
}

func (s *shop) available() models.Amount {
	s.t.Helper()
	var out struct{ Available models.Amount }
	s.must(http.MethodGet, "/api/balance", "", &out)
	return out.Available
}

// await waits until the payment has the status, as "PAID" or "EXPIRED UNDERPAID".
func (s *shop) await(id, want string) {
	s.t.Helper()
	eventually(s.t, "payment "+id+" is "+want, func() error {
		var out status
		code, answer, err := s.call(http.MethodGet, "/payment/data/"+id, "", &out)
		if err != nil {
			return err
		}
		if is := joined(out); is != want {
			return fmt.Errorf("it is %q (%d %s)", is, code, answer)
		}
		return nil
	})
}

func joined(s status) string {
	if s.Exception == "" {
		return s.Status
	}
	return s.Status + " " + s.Exception
}

// awaitConfirmations waits until the watcher has read so many blocks on top of the payment's first transfer.
func (s *shop) awaitConfirmations(id string, want uint64) view {
	s.t.Helper()
	var v view
	eventually(s.t, fmt.Sprintf("payment %s has %d confirmations", id, want), func() error {
		v = s.view(id)
		if len(v.Transfers) == 0 || v.Transfers[0].Confirmations != want {
			return fmt.Errorf("transfers: %+v", v.Transfers)
		}
		return nil
	})
	return v
}

// eventually repeats a check until it passes, and fails the test when it does not within the time.
func eventually(t testing.TB, what string, check func() error) {
	t.Helper()
	deadline := time.Now().Add(within)
	pause := 5 * time.Millisecond
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited %s in vain until %s: %v", within, what, err)
		}
		time.Sleep(pause)
		pause = min(2*pause, 200*time.Millisecond)
	}
}
