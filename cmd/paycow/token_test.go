//go:build !slim

package main

import (
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/params"
	"github.com/stretchr/testify/require"

	"paycow/devstack/localchain"
	"paycow/devstack/token"
	"paycow/models"
)

// deployUpgrade makes a contract that takes over the token's transfers, with an account's balance.
func (s *stack) deployUpgrade(holder common.Address, balance models.Amount) common.Address {
	s.t.Helper()
	owner, err := crypto.HexToECDSA(strings.TrimPrefix(s.file.TokenOwnerKey, "0x"))
	require.NoError(s.t, err)
	c, err := ethclient.Dial(s.file.RPCURL)
	require.NoError(s.t, err)
	defer c.Close()
	id := new(big.Int).SetUint64(s.file.ChainID)
	nonce, err := c.PendingNonceAt(s.t.Context(), crypto.PubkeyToAddress(owner.PublicKey))
	require.NoError(s.t, err)
	upgrade := token.NewTestUSDTUpgrade()
	data := append(common.FromHex(token.TestUSDTUpgradeMetaData.Bin), upgrade.PackConstructor(common.HexToAddress(s.file.TokenAddress))...)
	tx, err := types.SignNewTx(owner, types.LatestSignerForChainID(id), &types.DynamicFeeTx{
		ChainID: id, Nonce: nonce, Data: data, Gas: 3_000_000, GasTipCap: big.NewInt(params.GWei), GasFeeCap: big.NewInt(20 * params.GWei),
	})
	require.NoError(s.t, err)
	require.NoError(s.t, c.SendTransaction(s.t.Context(), tx))
	s.mine(1)
	address := crypto.CreateAddress(crypto.PubkeyToAddress(owner.PublicKey), nonce)
	_, err = localchain.SendCall(s.t.Context(), s.file.RPCURL, owner, address, upgrade.PackMigrate(holder, big.NewInt(int64(balance))))
	require.NoError(s.t, err)
	s.mine(1)
	return address
}

// TestTheTokenIsUpgraded: the issuer moves the token to another contract while a payment is open. The payer pays the old contract,
// as the page says, and the payment becomes PAID; no setting was touched. So does one that is paid before PayCow follows.
func TestTheTokenIsUpgraded(t *testing.T) {
	t.Parallel()
	s := startStack(t, "--block-time", "0s")
	faucet, err := crypto.HexToECDSA(strings.TrimPrefix(s.file.FaucetKey, "0x"))
	require.NoError(t, err)
	before, open := s.create("10.00"), s.create("50.00")
	s.send(before.DepositAddress, 10*models.USDT)
	s.mine(12)
	s.await(before.SessionID, "PAID")

	upgrade := s.deployUpgrade(crypto.PubkeyToAddress(faucet.PublicKey), 1000*models.USDT)
	s.callToken(s.file.TokenOwnerKey, token.NewTestUSDT().PackDeprecate(upgrade))
	s.mine(1)
	s.send(open.DepositAddress, 20*models.USDT) // in the block after the upgrade
	s.mine(1)
	in := &installation{t: t, shop: s.shop, env: []string{"PAYCOW_DATABASE_URL=sqlite:" + s.dir + "/" + devDatabaseName}}
	eventually(t, "the upgrade is followed", func() error {
		s.mine(1)
		if _, out, _ := in.attempt("alarms"); !strings.Contains(out, "watches both as one token") || !strings.Contains(out, upgrade.Hex()) {
			return fmt.Errorf("alarms: %s", out)
		}
		return nil
	})
	s.send(open.DepositAddress, 30*models.USDT)
	s.mine(12)
	s.await(open.SessionID, "PAID")
	v := s.view(open.SessionID)
	require.Len(t, v.Transfers, 2)
	require.Equal(t, 60*models.USDT, s.available())
	require.Zero(t, s.stop())
	s.start()
	late := s.create("5.00")
	s.send(late.DepositAddress, 5*models.USDT)
	s.mine(12)
	s.await(late.SessionID, "PAID")
}

// TestARestartedChainIsRefused: the chain outside began anew, with the same chain id. The data directory belongs to the one before.
func TestARestartedChainIsRefused(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	startChain := func() *localchain.Chain {
		local, err := localchain.Start(t.Context(), localchain.Config{ListenAddr: address, Log: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		return local
	}
	local := startChain()
	s := startStack(t, "--rpc-url", local.HTTPURL(), "--token", local.TokenAddress().Hex(), "--block-time", "1s")
	require.Zero(t, s.stop())
	s.start()
	require.Zero(t, s.stop())
	require.NoError(t, local.Close())
	local = startChain()
	defer local.Close()
	cmd := program(t, append([]string{"dev", "--data-dir", s.dir, "--http", "127.0.0.1:0", "--temporal", "127.0.0.1:0", "--temporal-ui", "127.0.0.1:0"}, s.args...)...)
	out, err := cmd.CombinedOutput()
	require.Error(t, err, string(out))
	require.Contains(t, string(out), "the chain was restarted")
	require.Contains(t, string(out), "--fresh")
	require.Contains(t, string(out), "--data-dir")
}

// TestAnotherSettingIsRefused: each long-running command and each command that reads the chain refuses settings that the database
// does not belong to, also while a process with the right ones runs.
func TestAnotherSettingIsRefused(t *testing.T) {
	t.Parallel()
	in := setupInstallation(t, nil)
	in.serve("serve")
	in.awaitReady()
	code, answer, err := in.call(http.MethodGet, "/readyz", "", nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, code, answer)
	for _, command := range [][]string{{"serve"}, {"api"}, {"worker"}, {"rescan", "--from", "1", "--to", "1"}, {"reconcile"}} {
		for _, wrong := range []string{"PAYCOW_CHAIN_ID=5", "PAYCOW_TOKEN_ADDRESS=0x00000000000000000000000000000000DeaDBeef"} {
			if command[0] != "api" && strings.HasPrefix(wrong, "PAYCOW_TOKEN") && command[0] != "rescan" && command[0] != "reconcile" {
				continue // there is no contract, which is said first
			}
			cmd := program(t, command...)
			cmd.Env = append(append(cmd.Env, in.env...), wrong, "PAYCOW_HTTP_ADDR=127.0.0.1:0")
			out, err := cmd.CombinedOutput()
			require.Error(t, err, "%v %s: %s", command, wrong, out)
			require.Contains(t, string(out), "set it back", "%v %s", command, wrong)
			require.Contains(t, string(out), strings.SplitN(wrong, "=", 2)[0])
		}
	}
}

// callToken sends a call by the token's owner and mines it.
func (in *installation) callToken(data []byte) {
	in.t.Helper()
	_, err := localchain.SendCall(in.t.Context(), in.chain.HTTPURL(), in.chain.TokenOwnerKey(), in.chain.TokenAddress(), data)
	require.NoError(in.t, err)
	require.NoError(in.t, in.chain.Mine(1))
}

func (in *installation) awaitAlarm(kind models.AlarmKind, isOpen bool) {
	in.t.Helper()
	eventually(in.t, fmt.Sprintf("alarm %s is open: %v", kind, isOpen), func() error {
		alarms, err := in.db.OpenAlarms(in.t.Context(), models.NetworkERC20)
		if err == nil && isOpen != slices.ContainsFunc(alarms, func(a models.Alarm) bool { return a.Kind == kind }) {
			err = fmt.Errorf("open: %v", alarms)
		}
		return err
	})
}

// TestTheTokenWasNotAsUsualBeforeTheStart: the token was paused, charged a fee or was deprecated before the first block that is read, so
// no event tells of it. PayCow knows it all the same, with one node and with a quorum, and everything is as usual once that is over.
func TestTheTokenWasNotAsUsualBeforeTheStart(t *testing.T) {
	t.Parallel()
	contract := token.NewTestUSDT()
	for _, nodes := range []int{1, 2} {
		setup := func(t *testing.T, before []byte) *installation {
			in := setupInstallation(t, func(wsURL string) string {
				return strings.Join([]string{wsURL, "http" + strings.TrimPrefix(wsURL, "ws")}[:nodes], ",")
			})
			in.env = append(in.env, "PAYCOW_PAYMENT_WINDOW=10s")
			in.callToken(before)
			require.NoError(t, in.chain.Mine(1))
			client, err := ethclient.Dial(in.chain.HTTPURL())
			require.NoError(t, err)
			defer client.Close()
			head, err := client.HeaderByNumber(t.Context(), nil)
			require.NoError(t, err)
			first := models.BlockRef{Number: head.Number.Uint64(), Hash: head.Hash().Hex(), Time: time.Unix(int64(head.Time), 0)}
			require.NoError(t, in.db.InitCursor(t.Context(), models.NetworkERC20, first, first.Number)) // reading begins after it
			in.serve("serve")
			return in
		}
		t.Run(fmt.Sprintf("paused, %d nodes", nodes), func(t *testing.T) {
			t.Parallel()
			in := setup(t, contract.PackPause())
			in.awaitNotReady("The token is paused")
			in.awaitAlarm(models.AlarmTokenPaused, true)
			payment := in.create("50.00")
			require.NoError(t, in.chain.Mine(15)) // past the window
			in.callToken(contract.PackUnpause())
			in.awaitAlarm(models.AlarmTokenPaused, false)
			in.pay(payment.DepositAddress, 50*models.USDT)
			require.NoError(t, in.chain.Mine(12))
			in.await(payment.SessionID, "PAID")
			in.awaitReady()
		})
		t.Run(fmt.Sprintf("with a fee, %d nodes", nodes), func(t *testing.T) {
			t.Parallel()
			in := setup(t, contract.PackSetParams(big.NewInt(10), big.NewInt(20)))
			in.awaitAlarm(models.AlarmTokenFeeChanged, true)
			in.awaitReady()
			payment := in.create("50.00")
			in.pay(payment.DepositAddress, 50*models.USDT)
			require.NoError(t, in.chain.Mine(25))
			in.await(payment.SessionID, "EXPIRED UNDERPAID")
			require.Equal(t, 49_950_000*models.Amount(1), in.available())
			in.callToken(contract.PackSetParams(big.NewInt(0), big.NewInt(0)))
			in.awaitAlarm(models.AlarmTokenFeeChanged, false)
		})
		t.Run(fmt.Sprintf("deprecated, %d nodes", nodes), func(t *testing.T) {
			t.Parallel()
			nowhere := common.HexToAddress("0x00000000000000000000000000000000DeaDBeef")
			in := setup(t, contract.PackDeprecate(nowhere))
			in.awaitNotReady("The token is deprecated in favour of " + nowhere.Hex())
			in.awaitAlarm(models.AlarmTokenDeprecated, true)
			code, answer, err := in.call(http.MethodPost, "/api/payment/create", `{"amount": 5, "userId": "u", "network": "ERC20"}`, nil)
			require.NoError(t, err)
			require.Equal(t, http.StatusServiceUnavailable, code, answer)
			require.Contains(t, answer, "token_deprecated")
		})
	}
}
