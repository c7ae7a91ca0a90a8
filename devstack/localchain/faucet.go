package localchain

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"sync"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/ethclient"

	"paycow/devstack/token"
)

const (
	// nonceAttempts is how often a transaction is sent with a new nonce: another process with the same key may use the
	// nonce between our reading and our sending.
	nonceAttempts = 5
	// gasMarginPercent is added to the gas estimate, which is for the current state: a transfer mined later may need
	// more.
	gasMarginPercent = 25
)

// Pay sends amountUnits micro-USDT of the token from the key's account to the address, through the node at rpcURL. It
// returns the transaction's hash without waiting for a block. It works with any node and any ERC-20 token.
//
// Pay may be called concurrently, with the same key too: payments with the same key and node are sent one after the
// other. If the node refuses, the error contains its message, for instance that the balance is too small.
func Pay(
	ctx context.Context, rpcURL string, tokenContract common.Address, key *ecdsa.PrivateKey, to common.Address,
	amountUnits int64,
) (common.Hash, error) {
	if amountUnits < 0 {
		return common.Hash{}, fmt.Errorf("pay: the amount of %d micro-USDT is negative", amountUnits)
	}
	data := token.NewTestUSDT().PackTransfer(to, big.NewInt(amountUnits))
	transaction, err := SendCall(ctx, rpcURL, key, tokenContract, data)
	if err != nil {
		return common.Hash{}, fmt.Errorf("pay %d micro-USDT to %s: %w", amountUnits, to, err)
	}
	return transaction.Hash(), nil
}

// SendCall signs a contract call and sends it, with the same guarantees as Pay. It returns the signed transaction, so
// that Rebroadcast can send it again if a reorg loses it.
func SendCall(
	ctx context.Context, rpcURL string, key *ecdsa.PrivateKey, contract common.Address, data []byte,
) (*types.Transaction, error) {
	client, err := ethclient.DialContext(ctx, rpcURL)
	if err != nil {
		return nil, fmt.Errorf("dial the node: %w", err)
	}
	defer client.Close()
	draft, err := draftCall(ctx, client, addressOf(key), contract, data)
	if err != nil {
		return nil, err
	}
	account := sendingAccountFor(rpcURL, addressOf(key))
	account.mu.Lock()
	defer account.mu.Unlock()
	for attempt := 1; ; attempt++ {
		if draft.Nonce, err = account.nextNonce(ctx, client); err != nil {
			return nil, err
		}
		signed, err := types.SignNewTx(key, types.LatestSignerForChainID(draft.ChainID), draft)
		if err != nil {
			return nil, fmt.Errorf("sign the transaction: %w", err)
		}
		err = client.SendTransaction(ctx, signed)
		if err == nil || isAlreadyKnown(err) {
			account.sent[draft.Nonce] = signed.Hash()
			return signed, nil
		}
		if !isNonceTaken(err) || attempt == nonceAttempts {
			return nil, fmt.Errorf("send the transaction: %w", err)
		}
	}
}

// Rebroadcast sends a signed transaction. It also succeeds if the node already has the transaction, in its pool or in a
// block. Tests that lose transactions use it: in a reorg, or by killing the program.
func Rebroadcast(ctx context.Context, rpcURL string, signed *types.Transaction) error {
	client, err := ethclient.DialContext(ctx, rpcURL)
	if err != nil {
		return fmt.Errorf("dial the node: %w", err)
	}
	defer client.Close()
	sendErr := client.SendTransaction(ctx, signed)
	if sendErr == nil || isAlreadyKnown(sendErr) {
		return nil
	}
	// If the transaction is mined already, a node refuses its nonce without saying that it has the same transaction.
	if _, _, err := client.TransactionByHash(ctx, signed.Hash()); err == nil {
		return nil
	}
	return fmt.Errorf("send %s again: %w", signed.Hash(), sendErr)
}

// draftCall returns an unsigned transaction without a nonce.
func draftCall(
	ctx context.Context, client *ethclient.Client, from, contract common.Address, data []byte,
) (*types.DynamicFeeTx, error) {
	chainID, err := client.ChainID(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the chain id: %w", err)
	}
	gas, err := client.EstimateGas(ctx, ethereum.CallMsg{From: from, To: &contract, Data: data})
	if err != nil {
		return nil, fmt.Errorf("estimate gas: %w", err)
	}
	tipWei, err := client.SuggestGasTipCap(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the suggested tip: %w", err)
	}
	head, err := client.HeaderByNumber(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("read the head: %w", err)
	}
	baseFeeWei := head.BaseFee
	if baseFeeWei == nil {
		return nil, errors.New("the node's chain has no base fee (EIP-1559)")
	}
	// Twice the base fee is enough even after five full blocks in a row: each raises it by an eighth at most.
	feeCapWei := new(big.Int).Add(tipWei, new(big.Int).Lsh(baseFeeWei, 1))
	return &types.DynamicFeeTx{
		ChainID:   chainID,
		GasTipCap: tipWei,
		GasFeeCap: feeCapWei,
		Gas:       gas + gas*gasMarginPercent/100,
		To:        &contract,
		Data:      data,
	}, nil
}

// sendingAccount remembers the latest transactions sent from one account through one node, because a node's count of
// pending transactions can lag behind the transactions it has accepted.
type sendingAccount struct {
	address common.Address
	mu      sync.Mutex
	sent    map[uint64]common.Hash // by nonce
}

var (
	sendingAccountsMu sync.Mutex
	sendingAccounts   = map[string]*sendingAccount{}
)

func sendingAccountFor(rpcURL string, address common.Address) *sendingAccount {
	sendingAccountsMu.Lock()
	defer sendingAccountsMu.Unlock()
	name := rpcURL + " " + address.Hex()
	if sendingAccounts[name] == nil {
		sendingAccounts[name] = &sendingAccount{address: address, sent: map[uint64]common.Hash{}}
	}
	return sendingAccounts[name]
}

// nextNonce returns the account's next free nonce. It starts from the node's count and skips the transactions sent here
// that the node has accepted but not counted yet. A transaction that the node no longer knows, after a reorg or a
// restart, leaves a gap; nextNonce returns that gap.
func (a *sendingAccount) nextNonce(ctx context.Context, client *ethclient.Client) (uint64, error) {
	nonce, err := client.PendingNonceAt(ctx, a.address)
	if err != nil {
		return 0, fmt.Errorf("read the nonce: %w", err)
	}
	for {
		hash, isOurs := a.sent[nonce]
		if !isOurs {
			break
		}
		_, _, err := client.TransactionByHash(ctx, hash)
		if errors.Is(err, ethereum.NotFound) {
			break
		}
		if err != nil {
			return 0, fmt.Errorf("look up transaction %s: %w", hash, err)
		}
		nonce++
	}
	const rememberedNonces = 1_000
	for old := range a.sent {
		if old+rememberedNonces < nonce {
			delete(a.sent, old)
		}
	}
	return nonce, nil
}

// isAlreadyKnown and isNonceTaken recognize errors by the texts of geth and anvil: nodes report no code for them.

func isAlreadyKnown(err error) bool { return containsOneOf(err, "already known", "already imported") }

func isNonceTaken(err error) bool {
	return containsOneOf(err, "nonce too low", "replacement transaction underpriced", "invalid transaction nonce")
}

func containsOneOf(err error, phrases ...string) bool {
	text := strings.ToLower(err.Error())
	for _, phrase := range phrases {
		if strings.Contains(text, phrase) {
			return true
		}
	}
	return false
}
