package chain

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/rpc"

	"paycow/models"
)

const (
	// feeInterval is how often the token's fee is read: it changes seldom, and nothing waits for it.
	feeInterval = 10 * time.Minute
	// upgradesMax is how many upgrades of the token are followed at most.
	upgradesMax = 8
)

// tokenStateInterval returns how often the state of the token is read: every other block, within bounds.
func (c Config) tokenStateInterval() time.Duration {
	const shortest, longest = 500 * time.Millisecond, time.Minute
	return min(max(2*c.BlockTime, shortest), longest)
}

// tokenCheck is when the state of the token was read.
type tokenCheck struct {
	at         time.Time
	feeAt      time.Time
	block      uint64    // at which it was read last
	known      bool      // at that block; an alarm of an earlier process is resolved when it becomes true
	stuckSince time.Time // zero while the quorum agrees on it
}

// tokenSubject is the subject of the alarm that the quorum does not agree on the token's state.
const tokenSubject = "token"

// checkToken has a quorum of nodes say what the token's contracts are at the agreed block: paused, or deprecated in
// favour of another one. That corrects the events that were read, and an upgrade is followed. What is not known stays
// unknown, so nothing expires meanwhile; the rest of the cross-check goes on.
func (c *CrossCheck) checkToken(ctx context.Context, cursor models.ChainCursor) {
	now := time.Now()
	if c.token.known && cursor.AgreedNumber == c.token.block || now.Sub(c.token.at) < c.config.tokenStateInterval() {
		return
	}
	c.token.at = now
	err := c.readToken(ctx, cursor, now)
	switch {
	case ctx.Err() != nil, errors.Is(err, models.ErrCursorMoved):
	case err == nil:
		if !c.token.known {
			c.resolve(ctx, models.AlarmQuorumMissing, tokenSubject, "Enough nodes agree on the token's state.")
		}
		c.token.known, c.token.block, c.token.stuckSince = true, cursor.AgreedNumber, time.Time{}
	default:
		c.token.known = false
		c.log.WarnContext(ctx, "the state of the token is not known", "block", cursor.AgreedNumber, "error", err)
		if c.token.stuckSince.IsZero() {
			c.token.stuckSince = now
		}
		if now.Sub(c.token.stuckSince) >= quorumAlarmAfter {
			c.raise(ctx, models.AlarmQuorumMissing, tokenSubject, fmt.Sprintf(
				"Since %s, too few nodes have agreed on whether the token is paused or deprecated, so nothing expires: %v",
				c.token.stuckSince.UTC().Format(time.RFC3339), err))
			c.token.stuckSince = now
		}
	}
}

func (c *CrossCheck) resolve(ctx context.Context, kind models.AlarmKind, subject, resolution string) {
	err := c.alarms.Resolve(ctx, c.config.Network, kind, subject, models.ActorSystem, resolution)
	if err != nil {
		c.log.ErrorContext(ctx, "cannot resolve an alarm", "alarm", string(kind), "error", err)
	}
}

// readToken reads the state of each watched contract at a block and stores it.
func (c *CrossCheck) readToken(ctx context.Context, cursor models.ChainCursor, now time.Time) error {
	block := cursor.Agreed()
	withFee := now.Sub(c.token.feeAt) >= feeInterval
	states := make([]models.TokenState, 0, len(c.contracts))
	for _, contract := range c.contracts {
		state, err := c.pool.tokenState(ctx, contract, common.HexToHash(block.Hash), withFee)
		if err != nil {
			return err
		}
		state.Token = c.contracts.key(contract)
		states = append(states, state)
	}
	// An upgrade comes first: which blocks hold its transfers depends on where the state was known last.
	if err := c.followUpgrade(ctx, cursor, states); err != nil {
		return err
	}
	corrected, err := c.store.SetTokenState(ctx, c.config.Network, block, states)
	if err != nil {
		return fmt.Errorf("store the token's state at block %d: %w", block.Number, err)
	}
	for _, event := range corrected {
		c.log.WarnContext(ctx, "the token's state contradicts the events that were read", "block", block.Number,
			"kind", string(event.Kind))
	}
	if withFee {
		c.token.feeAt = now
	}
	return nil
}

// followUpgrade makes the contract watched that one of the watched contracts was upgraded to.
func (c *CrossCheck) followUpgrade(
	ctx context.Context, cursor models.ChainCursor, states []models.TokenState,
) error {
	at := cursor.Agreed()
	for _, state := range states {
		next := common.HexToAddress(state.Upgrade)
		if !state.Deprecated || next == (common.Address{}) || c.contracts.Has(next) || len(c.contracts) > upgradesMax {
			continue
		}
		isToken, err := c.pool.isToken(ctx, next, common.HexToHash(at.Hash))
		if err != nil {
			return err
		}
		if !isToken {
			continue // nobody can pay; every window waits
		}
		from, err := c.upgradedFrom(ctx, cursor, state)
		if err != nil {
			return err
		}
		upgrade := models.TokenUpgrade{Address: next.Hex(), From: from, At: at}
		if err := c.store.FollowUpgrade(ctx, c.config.Network, upgrade); err != nil {
			return fmt.Errorf("follow the token's upgrade to %s: %w", next, err)
		}
		c.log.WarnContext(ctx, "the token was upgraded; both contracts are watched", "block", from.Number+1,
			"contract", next.Hex())
	}
	return nil
}

// upgradedFrom returns the block before the upgrade: before its log or, when none was read, the last one at which the
// token's state was known. At the first start that is the first block.
func (c *CrossCheck) upgradedFrom(
	ctx context.Context, cursor models.ChainCursor, state models.TokenState,
) (models.BlockRef, error) {
	at, before := cursor.Agreed(), cursor.TokenNumber
	number, err := c.store.DeprecatedAt(ctx, state.Token, state.Upgrade)
	switch {
	case err == nil && number > 0:
		before = number - 1
	case err != nil && !errors.Is(err, models.ErrNotFound):
		return models.BlockRef{}, fmt.Errorf("look for the upgrade's event: %w", err)
	}
	if before >= at.Number {
		return at, nil
	}
	header, err := c.pool.AgreedHeader(ctx, before)
	if err != nil {
		return models.BlockRef{}, fmt.Errorf("read the block before the upgrade: %w", err)
	}
	return header.Ref(), nil
}

// tokenState returns what a quorum of nodes says that a contract is at the block with that hash. Returns
// models.ErrQuorumMissing. A node that contradicts the quorum is reported: the block's hash allows one answer only.
func (p *Pool) tokenState(
	ctx context.Context, contract common.Address, block common.Hash, withFee bool,
) (models.TokenState, error) {
	return agreeOn(ctx, p, fmt.Sprintf("the state of the contract %s", contract),
		func(ctx context.Context, m *member) (models.TokenState, error) {
			return readTokenState(ctx, m, contract, block, withFee)
		})
}

// isToken reports whether a quorum of nodes says that a contract has a supply at the block with that hash.
func (p *Pool) isToken(ctx context.Context, contract common.Address, block common.Hash) (bool, error) {
	return agreeOn(ctx, p, fmt.Sprintf("the contract %s", contract), func(ctx context.Context, m *member) (bool, error) {
		answers, err := m.CallToken(ctx, contract, block, "totalSupply")
		return err == nil && len(answers[0]) == common.HashLength, err
	})
}

// agreeOn asks nodes until a quorum gives the same answer. what says what the answer is about.
func agreeOn[T comparable](
	ctx context.Context, p *Pool, what string, ask func(ctx context.Context, m *member) (T, error),
) (T, error) {
	type answer struct {
		node  *member
		value T
		err   error
	}
	quorum, nodes := p.config.quorum(), p.usable()
	votes := map[T]int{}
	var answers []answer
	var winner, none T
	var failure error
	read := func(ctx context.Context, m *member) answer {
		value, err := ask(ctx, m)
		return answer{m, value, err}
	}
	gather(ctx, nodes, quorum, read, func(a answer) (missing int) {
		answers = append(answers, a)
		if a.err != nil {
			failure = cmp.Or(failure, a.err)
		} else if votes[a.value]++; votes[a.value] > votes[winner] {
			winner = a.value
		}
		return quorum - votes[winner]
	})
	if votes[winner] < quorum {
		err := fmt.Errorf("%w: %d of %d needed nodes agree on %s", models.ErrQuorumMissing, votes[winner], quorum, what)
		if failure != nil {
			err = fmt.Errorf("%w: %w", err, failure)
		}
		return none, err
	}
	for _, a := range answers {
		if a.err == nil && a.value != winner && quorum > 1 {
			p.reportLying(ctx, a.node, fmt.Sprintf("about %s it says %v, the quorum says %v", what, a.value, winner))
		}
	}
	return winner, nil
}

// readTokenState reads from one node what a contract is at the block with that hash.
func readTokenState(
	ctx context.Context, node Endpoint, contract common.Address, block common.Hash, withFee bool,
) (state models.TokenState, err error) {
	functions := []string{"paused", "deprecated"}
	if withFee {
		functions = append(functions, "basisPointsRate", "maximumFee")
	}
	answers, err := node.CallToken(ctx, contract, block, functions...)
	if err != nil {
		return state, err
	}
	paused, _ := firstValue("paused", answers[0]).(bool)
	deprecated, _ := firstValue("deprecated", answers[1]).(bool)
	state.Paused, state.Deprecated = paused, deprecated
	if withFee {
		rate, hasRate := firstValue("basisPointsRate", answers[2]).(*big.Int)
		maximum, hasMaximum := firstValue("maximumFee", answers[3]).(*big.Int)
		if state.HasFee = hasRate && hasMaximum; state.HasFee {
			state.Fee = rate.String() + "/" + maximum.String()
		}
	}
	if !deprecated {
		return state, nil
	}
	if answers, err = node.CallToken(ctx, contract, block, "upgradedAddress"); err != nil {
		return state, err
	}
	upgrade, _ := firstValue("upgradedAddress", answers[0]).(common.Address)
	state.Upgrade = upgrade.Hex()
	return state, nil
}

// firstValue decodes what a function returned. It is nil when the contract does not have the function.
func firstValue(function string, answer hexutil.Bytes) any {
	values, ok := unpackStrictly(tokenABI.Methods[function].Outputs, answer)
	if !ok {
		return nil
	}
	return values[0]
}

// CallToken calls functions of a contract at the block with that hash, in one request.
func (n *Node) CallToken(
	ctx context.Context, contract common.Address, block common.Hash, functions ...string,
) ([]hexutil.Bytes, error) {
	return call(ctx, n, "eth_call", func(ctx context.Context, client *rpc.Client) ([]hexutil.Bytes, error) {
		answers := make([]hexutil.Bytes, len(functions))
		batch := make([]rpc.BatchElem, len(functions))
		for i, function := range functions {
			input := hexutil.Bytes(tokenABI.Methods[function].ID)
			batch[i] = rpc.BatchElem{Method: "eth_call", Result: &answers[i], Args: []any{
				map[string]any{"to": contract, "data": input}, map[string]any{"blockHash": block},
			}}
		}
		if err := client.BatchCallContext(ctx, batch); err != nil {
			return nil, err
		}
		for i, element := range batch {
			switch {
			case element.Error == nil:
			case isRevert(element.Error):
				answers[i] = nil
			default:
				return nil, element.Error
			}
		}
		return answers, nil
	})
}

// isRevert reports whether the contract itself refused a call, which is an answer. Nodes word that in many ways.
func isRevert(err error) bool {
	var refusal rpc.Error
	if !errors.As(err, &refusal) {
		return false
	}
	const executionReverted = 3
	text := strings.ToLower(refusal.Error())
	return refusal.ErrorCode() == executionReverted || strings.Contains(text, "revert") ||
		strings.Contains(text, "invalid opcode") || strings.Contains(text, "invalid jump") ||
		strings.Contains(text, "vm execution error")
}

// isUpgradeOf returns nil when a quorum of nodes says that the token was upgraded to a contract: what the first
// contract says at the block with that hash leads there. Returns models.ErrTransferDiffers when it does not.
func (p *Pool) isUpgradeOf(ctx context.Context, first, upgrade common.Address, block common.Hash) error {
	contract := first
	for range upgradesMax {
		state, err := p.tokenState(ctx, contract, block, false)
		if err != nil {
			return err
		}
		contract = common.HexToAddress(state.Upgrade)
		if !state.Deprecated || contract == (common.Address{}) {
			break
		}
		if contract == upgrade {
			return nil
		}
	}
	return fmt.Errorf("%w: the token was not upgraded to the contract %s", models.ErrTransferDiffers, upgrade)
}
