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
	// A nonce can be taken by another process that uses the same key between our asking for it and our sending.
	nonceAttempts = 5
	// Gas is estimated for the present state; a transfer mined a little later may need some more.
	gasMarginPercent = 25
)

// Pay sends amountUnits micro-USDT of the token from the key's account to the address, through the node at rpcURL, and
// returns the transaction's hash without waiting for a block. Any node and any ERC-20 token will do. It may be called
// concurrently, also with one key: payments that use the same key and node are sent one after the other. Returns the
// node's message if it refuses, for instance because the account owns too little.
func Pay(
	ctx context.Context,
	rpcURL string,
	tokenContract common.Address,
	key *ecdsa.PrivateKey,
	to common.Address,
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

// SendCall signs a call of a contract and sends it, with the promises of Pay. The signed transaction is returned so
// that it can be sent again with Rebroadcast after a reorg lost it.
func SendCall(
	ctx context.Context,
	rpcURL string,
	key *ecdsa.PrivateKey,
	contract common.Address,
	data []byte,
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
			return nil, fmt.Errorf("sign: %w", err)
		}
		err = client.SendTransaction(ctx, signed)
		if err == nil || isAlreadyKnown(err) {
			account.sent[draft.Nonce] = signed.Hash()
			return signed, nil
		}
		if !isNonceTaken(err) || attempt == nonceAttempts {
			return nil, fmt.Errorf("send: %w", err)
		}
	}
}

// Rebroadcast sends a transaction that is signed already. That the node has it, in its pool or in a block, counts as
// success. It serves tests that lose transactions: in a reorg, or by killing the program.
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
	// A node refuses the nonce of a transaction that is mined already, and does not say that it is this one.
	if _, _, err := client.TransactionByHash(ctx, signed.Hash()); err == nil {
		return nil
	}
	return fmt.Errorf("send %s again: %w", signed.Hash(), sendErr)
}

// draftCall fills in everything but the nonce.
func draftCall(
	ctx context.Context,
	client *ethclient.Client,
	from, contract common.Address,
	data []byte,
) (*types.DynamicFeeTx, error) {
	chainID, err := client.ChainID(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask for the chain id: %w", err)
	}
	gas, err := client.EstimateGas(ctx, ethereum.CallMsg{From: from, To: &contract, Data: data})
	if err != nil {
		return nil, fmt.Errorf("estimate gas: %w", err)
	}
	tipWei, err := client.SuggestGasTipCap(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask for the tip: %w", err)
	}
	head, err := client.HeaderByNumber(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("read the head: %w", err)
	}
	baseFeeWei := head.BaseFee
	if baseFeeWei == nil {
		return nil, errors.New("the node's chain has no base fee (EIP-1559)")
	}
	// Twice the base fee is enough for six full blocks in a row.
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

// sendingAccount remembers what was sent lately from one account through one node, because a node's count of pending
// transactions lags a little behind what it has accepted.
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

// nextNonce starts from the node's count and steps over the transactions of ours that the node has accepted but not
// counted yet. One that it does not know any more, after a reorg or a restart, leaves a gap, and the gap is what is
// returned.
func (a *sendingAccount) nextNonce(ctx context.Context, client *ethclient.Client) (uint64, error) {
	nonce, err := client.PendingNonceAt(ctx, a.address)
	if err != nil {
		return 0, fmt.Errorf("ask for the nonce: %w", err)
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
			return 0, fmt.Errorf("look for transaction %s: %w", hash, err)
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

// Nodes say these things in words only; the words are those of geth and anvil.

func isAlreadyKnown(err error) bool { return saysOneOf(err, "already known", "already imported") }

func isNonceTaken(err error) bool {
	return saysOneOf(err, "nonce too low", "replacement transaction underpriced", "invalid transaction nonce")
}

func saysOneOf(err error, phrases ...string) bool {
	text := strings.ToLower(err.Error())
	for _, phrase := range phrases {
		if strings.Contains(text, phrase) {
			return true
		}
	}
	return false
}
