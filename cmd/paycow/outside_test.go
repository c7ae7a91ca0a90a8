//go:build !slim

package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/rpc"
	"github.com/stretchr/testify/require"

	"paycow/devstack/localchain"
	"paycow/devstack/token"
	"paycow/models"
)

// clientsDir holds the programs from outside, and what npm installs for them.
var clientsDir = filepath.Join("testdata", "clients")

// installClients makes sure that viem and anvil are there, once a run. Its error says why they cannot be had.
var installClients = sync.OnceValue(func() error {
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			return err
		}
	}
	if areClientsInstalled() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	// npm's own patience without a network is more than two minutes.
	install := exec.CommandContext(ctx, "npm", "install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error",
		"--fetch-retries=2", "--fetch-retry-mintimeout=500", "--fetch-retry-maxtimeout=2000")
	install.Dir = clientsDir
	if out, err := install.CombinedOutput(); err != nil {
		return fmt.Errorf("npm install: %w %s", err, out)
	}
	return nil
})

// areClientsInstalled tells whether npm has installed here what package.json names.
func areClientsInstalled() bool {
	var wanted struct{ Dependencies map[string]string }
	if readJSON(filepath.Join(clientsDir, "package.json"), &wanted) != nil {
		return false
	}
	for name, version := range wanted.Dependencies {
		var installed struct{ Version string }
		if readJSON(filepath.Join(clientsDir, "node_modules", name, "package.json"), &installed) != nil || installed.Version != version {
			return false
		}
	}
	return true
}

func readJSON(path string, out any) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(content, out)
}

// needClients skips the test where clients from npm cannot be had.
func needClients(t testing.TB) {
	t.Helper()
	if err := installClients(); err != nil {
		t.Skipf("viem and anvil cannot be had here: %v", err)
	}
}

// order is what pay.mjs is told.
type order struct {
	RPCURL  string `json:"rpcUrl"`
	ChainID uint64 `json:"chainId"`
	Token   string `json:"token"`
	Key     string `json:"key"`
	To      string `json:"to"`
	Units   string `json:"units"`
}

// sendWithViem transfers tokens of an account with viem and returns the transaction's hash.
func (s *stack) sendWithViem(key, to string, amount models.Amount) common.Hash {
	s.t.Helper()
	text, err := json.Marshal(order{
		RPCURL: s.file.RPCURL, ChainID: s.file.ChainID, Token: s.file.TokenAddress, Key: key, To: to, Units: fmt.Sprint(int64(amount)),
	})
	require.NoError(s.t, err)
	cmd := exec.CommandContext(s.t.Context(), "node", "pay.mjs", string(text))
	cmd.Dir = clientsDir
	out, err := cmd.CombinedOutput()
	require.NoError(s.t, err, string(out))
	require.Regexp(s.t, "^0x[0-9a-f]{64}\n$", string(out))
	return common.HexToHash(strings.TrimSpace(string(out)))
}

// stays checks that a payment has reached a status and a balance at which it rests.
func (s *stack) stays(id, want string, available models.Amount) {
	s.t.Helper()
	s.awaitRest(id)
	require.Equal(s.t, want, joined(s.status(id)))
	require.Equal(s.t, available, s.available())
}

// TestPaidByAnOutsideClient pays with viem through the RPC port, on a chain that makes a block only when it is told to.
func TestPaidByAnOutsideClient(t *testing.T) {
	t.Parallel()
	needClients(t)
	s := startStack(t, "--block-time", "0s")

	payment := s.create("50.00")
	hash := s.sendWithViem(s.file.FaucetKey, payment.DepositAddress, 50*models.USDT)
	for confirmations := uint64(1); confirmations <= 11; confirmations++ {
		s.mine(1)
		s.awaitConfirmations(payment.SessionID, confirmations)
	}
	s.await(payment.SessionID, "CONFIRMING")
	require.EqualValues(t, 11, s.status(payment.SessionID).Confirmations)
	s.stays(payment.SessionID, "CONFIRMING", 0)
	// One more, and only one.
	s.mine(1)
	s.await(payment.SessionID, "PAID")
	v := s.awaitConfirmations(payment.SessionID, 12)
	require.Equal(t, hash.Hex(), v.TxHash)
	require.Equal(t, 50*models.USDT, s.receivedIn(hash, payment.DepositAddress))
	require.Equal(t, 50*models.USDT, v.AmountCredited)
	require.Equal(t, 50*models.USDT, s.available())
}

// TestFeeOfTheToken switches the token's fee on, so that less arrives than was sent and the log of the owner's share comes first.
func TestFeeOfTheToken(t *testing.T) {
	t.Parallel()
	needClients(t)
	s := startStack(t, "--block-time", "0s")
	// 0.1 %, at most 40 USDT.
	s.callToken(s.file.TokenOwnerKey, token.NewTestUSDT().PackSetParams(big.NewInt(10), big.NewInt(40)))
	s.mine(1)

	payment := s.create("50.00")
	first := s.sendWithViem(s.file.FaucetKey, payment.DepositAddress, 50*models.USDT)
	s.mine(1)
	const net = 49_950_000
	require.EqualValues(t, net, s.receivedIn(first, payment.DepositAddress))
	s.await(payment.SessionID, "DETECTED")
	require.EqualValues(t, net, s.status(payment.SessionID).AmountReceived)

	// What arrived is credited when it is confirmed, and the payment goes on waiting for the rest.
	s.mine(11)
	s.awaitAvailable(net)
	s.mine(3)
	s.awaitConfirmations(payment.SessionID, 15)
	s.stays(payment.SessionID, "DETECTED", net)

	// Of 0.05005 USDT the token keeps 0.00005.
	second := s.sendWithViem(s.file.FaucetKey, payment.DepositAddress, 50_050)
	s.mine(1)
	require.EqualValues(t, 50_000, s.receivedIn(second, payment.DepositAddress))
	s.mine(1)
	s.await(payment.SessionID, "CONFIRMING")
	s.mine(9)
	s.awaitConfirmations(payment.SessionID, 26)
	s.stays(payment.SessionID, "CONFIRMING", net)
	s.mine(1)
	s.await(payment.SessionID, "PAID")
	v := s.view(payment.SessionID)
	require.Len(t, v.Transfers, 2)
	require.Len(t, v.Ledger, 2)
	require.Equal(t, 50*models.USDT, v.AmountReceived)
	require.Equal(t, 50*models.USDT, v.AmountCredited)
	require.Equal(t, s.receivedIn(first, payment.DepositAddress)+s.receivedIn(second, payment.DepositAddress), s.available())
}

// TestOutsideNode lets the stack watch a node that is not its own, with another token contract on another chain.
func TestOutsideNode(t *testing.T) {
	t.Parallel()
	needClients(t)
	for _, scheme := range []string{"http", "ws"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			node := startAnvil(t, scheme+"://")
			payer := node.keys[1]
			contract := node.deployToken(t, node.keys[0], payer)
			s := startStack(t, "--rpc-url", node.url, "--token", contract.Hex(), "--block-time", "1s")
			require.EqualValues(t, 31337, s.file.ChainID)
			require.Equal(t, contract.Hex(), s.file.TokenAddress)
			require.Equal(t, node.url, s.file.RPCURL)
			require.Empty(t, s.file.FaucetKey+s.file.TokenOwnerKey, "the keys of an outside chain are not ours")

			payment := s.create("50.00")
			out, err := program(t, "pay", payment.SessionID, "--data-dir", s.dir).CombinedOutput()
			require.Error(t, err)
			require.Contains(t, string(out), "pay with a wallet")
			// anvil makes a block for each transaction, and none without.
			hash := s.sendWithViem(hexKey(payer), payment.DepositAddress, 50*models.USDT)
			s.await(payment.SessionID, "DETECTED")
			node.mine(t, 1)
			s.await(payment.SessionID, "CONFIRMING")
			node.mine(t, 9)
			s.awaitConfirmations(payment.SessionID, 11)
			s.stays(payment.SessionID, "CONFIRMING", 0)
			node.mine(t, 1)
			s.await(payment.SessionID, "PAID")
			v := s.awaitConfirmations(payment.SessionID, 12)
			require.Equal(t, hash.Hex(), v.TxHash)
			require.Equal(t, s.receivedIn(hash, payment.DepositAddress), s.available())
			require.Equal(t, 50*models.USDT, s.available())

			// The outside chain goes on while the stack is away.
			next := s.create("7.25")
			require.Zero(t, s.stop())
			missed, err := localchain.Pay(t.Context(), node.url, contract, payer, common.HexToAddress(next.DepositAddress), 7_250_000)
			require.NoError(t, err)
			node.mine(t, 200)
			s.start()
			s.await(next.SessionID, "PAID")
			require.EqualValues(t, 7_250_000, s.receivedIn(missed, next.DepositAddress))
			require.EqualValues(t, 57_250_000, s.available())
			require.Zero(t, s.stop())
			require.NotContains(t, s.log.String(), nodeSecret)
		})
	}
}

// TestTokenThatIsNone gives an address at which the outside node has no contract.
func TestTokenThatIsNone(t *testing.T) {
	t.Parallel()
	needClients(t)
	node := startAnvil(t, "http://")
	nobody := crypto.PubkeyToAddress(node.keys[0].PublicKey).Hex()
	out, err := program(t, "dev", "--data-dir", t.TempDir(), "--rpc-url", node.url, "--token", nobody).CombinedOutput()
	require.Error(t, err, string(out))
	require.Contains(t, string(out), "--token: there is no contract at "+nobody+" on chain 31337")
	require.NotContains(t, string(out), nodeSecret)
}

// receivedIn is received for a transaction of which only the hash is known.
func (s *stack) receivedIn(hash common.Hash, to string) models.Amount {
	s.t.Helper()
	c, err := ethclient.Dial(s.file.RPCURL)
	require.NoError(s.t, err)
	defer c.Close()
	tx, isPending, err := c.TransactionByHash(s.t.Context(), hash)
	require.NoError(s.t, err)
	require.False(s.t, isPending)
	return s.received(tx, to)
}

// callToken calls the token with a key of dev.json.
func (s *stack) callToken(key string, data []byte) {
	s.t.Helper()
	private, err := crypto.HexToECDSA(strings.TrimPrefix(key, "0x"))
	require.NoError(s.t, err)
	_, err = localchain.SendCall(s.t.Context(), s.file.RPCURL, private, common.HexToAddress(s.file.TokenAddress), data)
	require.NoError(s.t, err)
}

// awaitAvailable waits until the balance is so much.
func (s *stack) awaitAvailable(want models.Amount) {
	s.t.Helper()
	eventually(s.t, fmt.Sprintf("the balance is %s", want), func() error {
		if is := s.available(); is != want {
			return fmt.Errorf("it is %s", is)
		}
		return nil
	})
}

// anvil is a running node of another make.
type anvil struct {
	url  string
	keys []*ecdsa.PrivateKey // of accounts that own ether
}

// nodeSecret stands for the API key that URLs of nodes often hold.
const nodeSecret = "secretOfTheNode"

// startAnvil starts the node on a free port. It dies with the test.
func startAnvil(t testing.TB, scheme string) *anvil {
	t.Helper()
	// The package's own starter leaves its child behind when it is killed.
	binary := filepath.Join(clientsDir, "node_modules", "@foundry-rs", "anvil-"+runtime.GOOS+"-"+runtime.GOARCH, "bin", "anvil")
	if _, err := os.Stat(binary); err != nil {
		t.Skipf("anvil is not made for this machine: %v", err)
	}
	node := &anvil{}
	cmd := exec.Command(binary, "--host", "127.0.0.1", "--port", "0", "--accounts", "0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	listening := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() { // to the end, so that the node never waits for a reader
			if address, ok := strings.CutPrefix(lines.Text(), "Listening on "); ok {
				listening <- address
			}
		}
		close(listening)
	}()
	select {
	case address, ok := <-listening:
		require.True(t, ok, "anvil ended before it listened")
		node.url = scheme + address + "/?key=" + nodeSecret
	case <-time.After(within):
		t.Fatal("anvil does not listen")
	}
	c, err := rpc.Dial(node.url)
	require.NoError(t, err)
	defer c.Close()
	for range 2 {
		key, err := crypto.GenerateKey()
		require.NoError(t, err)
		node.keys = append(node.keys, key)
		require.NoError(t, c.Call(nil, "anvil_setBalance", crypto.PubkeyToAddress(key.PublicKey), hexutil.EncodeUint64(params.Ether)))
	}
	return node
}

// mine makes blocks.
func (n *anvil) mine(t testing.TB, blocks int) {
	t.Helper()
	c, err := rpc.Dial(n.url)
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.Call(nil, "anvil_mine", hexutil.EncodeUint64(uint64(blocks))))
}

// deployToken makes a token of the owner's and gives the holder some.
func (n *anvil) deployToken(t testing.TB, owner, holder *ecdsa.PrivateKey) common.Address {
	t.Helper()
	c, err := ethclient.Dial(n.url)
	require.NoError(t, err)
	defer c.Close()
	id, err := c.ChainID(t.Context())
	require.NoError(t, err)
	contract := token.NewTestUSDT()
	data := append(common.FromHex(token.TestUSDTMetaData.Bin), contract.PackConstructor(big.NewInt(int64(1_000_000*models.USDT)))...)
	tx, err := types.SignNewTx(owner, types.LatestSignerForChainID(id), &types.DynamicFeeTx{
		ChainID: id, Data: data, Gas: 5_000_000, GasTipCap: big.NewInt(params.GWei), GasFeeCap: big.NewInt(10 * params.GWei),
	})
	require.NoError(t, err)
	require.NoError(t, c.SendTransaction(t.Context(), tx))
	address := crypto.CreateAddress(crypto.PubkeyToAddress(owner.PublicKey), 0)
	eventually(t, "the token is deployed", func() error {
		code, err := c.CodeAt(t.Context(), address, nil)
		if err == nil && len(code) == 0 {
			err = fmt.Errorf("no code at %s", address)
		}
		return err
	})
	_, err = localchain.Pay(t.Context(), n.url, address, owner, crypto.PubkeyToAddress(holder.PublicKey), int64(10_000*models.USDT))
	require.NoError(t, err)
	return address
}
