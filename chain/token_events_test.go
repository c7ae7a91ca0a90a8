package chain

import (
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/stretchr/testify/require"

	"paycow/models"
)

// eventLog is a log of the token with unindexed arguments.
func eventLog(signature string, words ...[]byte) types.Log {
	log := types.Log{
		Address:     testToken,
		Topics:      []common.Hash{crypto.Keccak256Hash([]byte(signature))},
		BlockHash:   common.HexToHash(testBlock.Hash),
		BlockNumber: testBlock.Number,
	}
	for _, word := range words {
		log.Data = append(log.Data, common.LeftPadBytes(word, common.HashLength)...)
	}
	return log
}

func TestDecodeTokenEvents(t *testing.T) {
	t.Parallel()
	address := ourAddress1.Bytes()
	for signature, test := range map[string]struct {
		words [][]byte
		want  models.TokenEvent
	}{
		"Pause()":                              {want: models.TokenEvent{Kind: models.TokenPause}},
		"Unpause()":                            {want: models.TokenEvent{Kind: models.TokenUnpause}},
		"Params(uint256,uint256)":              {words: [][]byte{{10}, big.NewInt(5_000_000).Bytes()}, want: models.TokenEvent{Kind: models.TokenParams, Value: "10/5000000"}},
		"Deprecate(address)":                   {words: [][]byte{address}, want: models.TokenEvent{Kind: models.TokenDeprecate, Address: ourAddress1.Hex()}},
		"AddedBlackList(address)":              {words: [][]byte{address}, want: models.TokenEvent{Kind: models.TokenBlacklisted, Address: ourAddress1.Hex()}},
		"RemovedBlackList(address)":            {words: [][]byte{address}, want: models.TokenEvent{Kind: models.TokenUnblacklisted, Address: ourAddress1.Hex()}},
		"DestroyedBlackFunds(address,uint256)": {words: [][]byte{address, {7}}, want: models.TokenEvent{Kind: models.TokenFundsDestroyed, Address: ourAddress1.Hex(), Value: "7"}},
	} {
		log := eventLog(signature, test.words...)
		require.True(t, isWatched(log, Contracts{testToken}), signature)
		decode := func(log types.Log) []models.TokenEvent {
			return DecodeLogs(testChainID, Contracts{testToken}, testBlock, []types.Log{log, log}).Events
		}
		got := decode(log)
		require.Len(t, got, 1, signature)
		require.Equal(t, test.want.Kind, got[0].Kind)
		require.Equal(t, test.want.Address, got[0].Address)
		require.Equal(t, test.want.Value, got[0].Value)
		require.True(t, got[0].Canonical)
		for name, spoil := range map[string]func(*types.Log){
			"longer":       func(l *types.Log) { l.Data = append(l.Data, make([]byte, 32)...) },
			"a byte":       func(l *types.Log) { l.Data = append(l.Data, 0) },
			"indexed":      func(l *types.Log) { l.Topics = append(l.Topics, common.Hash{}) },
			"removed":      func(l *types.Log) { l.Removed = true },
			"elsewhere":    func(l *types.Log) { l.BlockHash[0]++ },
			"a stranger's": func(l *types.Log) { l.Address = stranger },
		} {
			spoilt := eventLog(signature, test.words...)
			spoil(&spoilt)
			require.Empty(t, decode(spoilt), "%s %s", signature, name)
		}
	}
}

// FuzzDecodeLogs feeds logs of every watched event made of arbitrary bytes. Nothing may panic, come twice, or come out
// of a log that is not of the block.
func FuzzDecodeLogs(f *testing.F) {
	for i := range watchedTopics {
		f.Add(byte(i), make([]byte, 64), make([]byte, 32), byte(0))
		f.Add(byte(i), []byte{}, common.LeftPadBytes(ourAddress1[:], 64), byte(1))
		f.Add(byte(i), append(make([]byte, 12), ourAddress1[:]...), []byte{}, byte(2))
	}
	f.Fuzz(func(t *testing.T, event byte, topics, data []byte, flags byte) {
		log := types.Log{
			Address: testToken, Topics: []common.Hash{watchedTopics[int(event)%len(watchedTopics)]}, Data: data,
			BlockHash: common.HexToHash(testBlock.Hash), Removed: flags&1 != 0,
		}
		if flags&2 != 0 {
			log.BlockHash[3]++
		}
		for start := 0; start+common.HashLength <= len(topics) && len(log.Topics) < 4; start += common.HashLength {
			log.Topics = append(log.Topics, common.BytesToHash(topics[start:start+common.HashLength]))
		}
		decoded := DecodeLogs(testChainID, Contracts{testToken}, testBlock, []types.Log{log, log})
		found := len(decoded.Transfers) + len(decoded.Events) + len(decoded.Oversized)
		if found > 1 || found > 0 && flags&3 != 0 {
			t.Fatalf("%+v came out of %+v", decoded, log)
		}
	})
}

func TestDecodePending(t *testing.T) {
	t.Parallel()
	call := func(signature string, words ...[]byte) PendingTransaction {
		input := crypto.Keccak256([]byte(signature))[:4]
		for _, word := range words {
			input = append(input, common.LeftPadBytes(word, common.HashLength)...)
		}
		return PendingTransaction{Hash: common.Hash{0x11}, To: &testToken, Input: input}
	}
	from := func(sender common.Address, transaction PendingTransaction) PendingTransaction {
		transaction.From = sender
		return transaction
	}
	want := models.SeenTransfer{TxHash: common.Hash{0x11}.Hex(), To: ourAddress1.Hex(), Amount: 5}
	for i, transaction := range []PendingTransaction{
		call("transfer(address,uint256)", ourAddress1[:], []byte{5}),
		from(stranger, call("transfer(address,uint256)", ourAddress1[:], []byte{5})),
		call("transferFrom(address,address,uint256)", stranger[:], ourAddress1[:], []byte{5}),
		from(testToken, call("transferFrom(address,address,uint256)", stranger[:], ourAddress1[:], []byte{5})),
	} {
		if i > 0 {
			want.From = stranger.Hex()
		}
		seen, ok := decodePending(testToken, transaction)
		require.True(t, ok)
		require.Equal(t, want, seen)
		for _, length := range []int{0, 3, 4, len(transaction.Input) - 1} {
			short := transaction
			short.Input = short.Input[:length]
			_, ok := decodePending(testToken, short)
			require.False(t, ok)
		}
		transaction.To = &stranger
		_, ok = decodePending(testToken, transaction)
		require.False(t, ok)
		transaction.To = nil
		_, ok = decodePending(testToken, transaction)
		require.False(t, ok)
	}
	for _, other := range []PendingTransaction{
		call("approve(address,uint256)", ourAddress1[:], []byte{5}),
		call("transfer(address,uint256)", ourAddress1[:], []byte{0}),
		call("transfer(address,uint256)", ourAddress1[:], make([]byte, 24), []byte{1}),
		call("transfer(address,uint256)", append([]byte{1}, ourAddress1[:]...), []byte{5}),
		call("transfer(address,uint256)", ourAddress1[:], append([]byte{0x80}, make([]byte, 7)...)),
	} {
		_, ok := decodePending(testToken, other)
		require.False(t, ok)
	}
}
