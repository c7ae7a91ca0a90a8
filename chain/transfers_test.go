package chain

import (
	"encoding/binary"
	"errors"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"paycow/models"
)

var testBlock = models.BlockRef{Number: 7, Hash: common.Hash{0xb1}.Hex()}

// blockLog is a well-formed log of testBlock for the tests to spoil.
func blockLog(tx byte, index uint, p payment) types.Log {
	log := transferLog(p)
	log.BlockNumber, log.BlockHash, log.TxHash, log.Index = testBlock.Number, common.HexToHash(
		testBlock.Hash,
	), common.Hash{
		tx,
	}, index
	return log
}

func TestDecodeTransfers(t *testing.T) {
	t.Parallel()
	value := func(text string) payment {
		number, ok := new(big.Int).SetString(text, 10)
		require.True(t, ok)
		return payment{from: stranger, to: ourAddress1, value: number}
	}
	spoil := func(change func(*types.Log)) types.Log {
		log := blockLog(1, 3, pay(ourAddress1, 5))
		change(&log)
		return log
	}
	tests := map[string]struct {
		log    types.Log
		amount models.Amount // 0: not decoded
		reason error         // nil: not rejected
	}{
		"a transfer": {log: blockLog(1, 3, pay(ourAddress1, 5)), amount: 5},
		"the least":  {log: blockLog(1, 3, value("1")), amount: 1},
		"the most":   {log: blockLog(1, 3, value("9223372036854775807")), amount: 1<<63 - 1},
		"one more than the most": {
			log:    blockLog(1, 3, value("9223372036854775808")),
			reason: models.ErrAmountTooLarge,
		},
		"64 bits": {
			log:    blockLog(1, 3, value("18446744073709551615")),
			reason: models.ErrAmountTooLarge,
		},
		"64 bits and one": {
			log:    blockLog(1, 3, value("18446744073709551617")),
			reason: models.ErrAmountTooLarge,
		},
		"256 bits": {
			log: blockLog(1, 3,
				payment{to: ourAddress1, value: new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1))}),
			reason: models.ErrAmountTooLarge,
		},
		"nothing":          {log: blockLog(1, 3, pay(ourAddress1, 0))},
		"another contract": {log: spoil(func(l *types.Log) { l.Address = stranger })},
		"another event":    {log: spoil(func(l *types.Log) { l.Topics[0][31]++ })},
		"no topics":        {log: spoil(func(l *types.Log) { l.Topics = nil })},
		"value as a topic, as in an NFT": {
			log:    spoil(func(l *types.Log) { l.Topics, l.Data = append(l.Topics, common.BytesToHash(l.Data)), nil }),
			reason: models.ErrMalformedLog,
		},
		"recipient not indexed": {
			log:    spoil(func(l *types.Log) { l.Topics = l.Topics[:2] }),
			reason: models.ErrMalformedLog,
		},
		"no data": {
			log:    spoil(func(l *types.Log) { l.Data = nil }),
			reason: models.ErrMalformedLog,
		},
		"data a byte short": {
			log:    spoil(func(l *types.Log) { l.Data = l.Data[1:] }),
			reason: models.ErrMalformedLog,
		},
		"data a byte long": {
			log:    spoil(func(l *types.Log) { l.Data = append(l.Data, 0) }),
			reason: models.ErrMalformedLog,
		},
		"recipient wider than 20 bytes": {
			log:    spoil(func(l *types.Log) { l.Topics[2][11] = 1 }),
			reason: models.ErrMalformedLog,
		},
		"sender wider than 20 bytes": {
			log:    spoil(func(l *types.Log) { l.Topics[1][0] = 0x80 }),
			reason: models.ErrMalformedLog,
		},
		"removed": {
			log:    spoil(func(l *types.Log) { l.Removed = true }),
			reason: models.ErrForeignLog,
		},
		"another block": {
			log:    spoil(func(l *types.Log) { l.BlockHash[31]++ }),
			reason: models.ErrForeignLog,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			transfers, rejected := DecodeTransfers(testChainID, Contracts{testToken}, testBlock, []types.Log{test.log})
			if test.reason == nil {
				require.Empty(t, rejected)
			} else {
				require.Len(t, rejected, 1)
				require.ErrorIs(t, rejected[0].Reason, test.reason)
				require.Equal(t, common.Hash{1}.Hex(), rejected[0].TxHash)
				require.EqualValues(t, 3, rejected[0].LogIndex)
			}
			if errors.Is(test.reason, models.ErrAmountTooLarge) {
				require.Equal(t, ourAddress1.Hex(), rejected[0].To)
			}
			if test.amount == 0 {
				require.Empty(t, transfers)
				return
			}
			require.Equal(t, []models.TokenTransfer{
				{
					TransferKey: models.TransferKey{ChainID: testChainID, TxHash: common.Hash{1}.Hex()},
					From:        transfers[0].From,
					To:          ourAddress1.Hex(),
					Amount:      test.amount,
					LogIndex:    3,
					Block:       testBlock,
				},
			}, transfers)
		})
	}
}

func TestAddressesAreInEIP55AndHashesInLowerCase(t *testing.T) {
	t.Parallel()
	log := blockLog(0xAB, 0, payment{
		from:  common.HexToAddress("0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"),
		to:    common.HexToAddress("0xFB6916095CA1DF60BB79CE92CE3EA74C37C5D359"),
		value: big.NewInt(1),
	})
	transfers, _ := DecodeTransfers(1, Contracts{testToken}, testBlock, []types.Log{log})
	require.Equal(t, "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", transfers[0].From)
	require.Equal(t, "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359", transfers[0].To)
	require.Equal(t, "0xab00000000000000000000000000000000000000000000000000000000000000", transfers[0].TxHash)
}

// TestOrdinalsDoNotDependOnTheBlock mines one transaction's logs among others at random, in random order and with logs
// repeated: identity and amounts stay, whatever the other logs are.
func TestOrdinalsDoNotDependOnTheBlock(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Int64Range(0, 5), 1, 8).Draw(t, "values")
		want := map[int]models.Amount{}
		var logs []types.Log
		index := uint(0)
		other := func() {
			for range rapid.IntRange(0, 3).Draw(t, "others") {
				log := blockLog(2, index, pay(stranger, 9))
				if rapid.Bool().Draw(t, "another contract") {
					log.Address, log.TxHash = stranger, common.Hash{1}
				}
				logs = append(logs, log)
				index++
			}
		}
		for ordinal, value := range values {
			other()
			logs = append(logs, blockLog(1, index, pay(ourAddress1, value)))
			index++
			if value > 0 {
				want[ordinal] = models.Amount(value)
			}
		}
		other()
		logs = append(logs, logs[rapid.IntRange(0, len(logs)-1).Draw(t, "repeated")])
		seed := rapid.Uint64().Draw(t, "order")
		rand.New(rand.NewPCG(seed, 1)).Shuffle(len(logs), func(i, j int) { logs[i], logs[j] = logs[j], logs[i] })

		transfers, _ := DecodeTransfers(testChainID, Contracts{testToken}, testBlock, logs)
		got := map[int]models.Amount{}
		for i, transfer := range transfers {
			if transfer.TxHash == (common.Hash{1}).Hex() {
				got[transfer.Ordinal] = transfer.Amount
			}
			require.True(t, i == 0 || transfer.LogIndex > transfers[i-1].LogIndex, "in order of the log index")
		}
		require.Equal(t, want, got)
	})
}

// FuzzDecodeTransfers feeds logs made of arbitrary bytes. Nothing may panic, and what is decoded must say what the log
// says.
func FuzzDecodeTransfers(f *testing.F) {
	f.Add(byte(3), make([]byte, 64), make([]byte, 32), uint16(0), byte(0))
	f.Add(byte(3), append(make([]byte, 12), ourAddress1[:]...), common.BigToHash(big.NewInt(5)).Bytes(), uint16(1),
		byte(7))
	f.Add(byte(4), []byte{1}, []byte{}, uint16(9), byte(255))
	f.Fuzz(func(t *testing.T, topics byte, topicBytes, data []byte, index uint16, flags byte) {
		log := types.Log{
			Address:   testToken,
			BlockHash: common.HexToHash(testBlock.Hash),
			Index:     uint(index),
			Data:      data,
			Removed:   flags&1 != 0,
		}
		for i := range int(topics % 6) {
			var topic common.Hash
			if start := (i - 1) * common.HashLength; i > 0 && start < len(topicBytes) {
				copy(topic[:], topicBytes[start:])
			}
			if i == 0 && flags&2 == 0 {
				topic = transferTopic
			}
			log.Topics = append(log.Topics, topic)
		}
		if flags&4 != 0 {
			binary.BigEndian.PutUint16(log.BlockHash[:], index)
		}
		transfers, rejected := DecodeTransfers(testChainID, Contracts{testToken}, testBlock, []types.Log{log, log})
		if len(transfers) > 1 {
			t.Fatal("a log that is there twice was decoded twice")
		}
		if len(transfers)+len(rejected) > 2 {
			t.Fatal("more came out than went in")
		}
		for _, transfer := range transfers {
			value := new(big.Int).SetBytes(data)
			to := common.BytesToHash(common.HexToAddress(transfer.To).Bytes())
			from := common.BytesToHash(common.HexToAddress(transfer.From).Bytes())
			if log.Removed || len(log.Topics) != 3 || log.Topics[0] != transferTopic || len(data) != 32 || transfer.Amount <= 0 ||
				value.Cmp(big.NewInt(int64(transfer.Amount))) != 0 || log.Topics[1] != from ||
				log.Topics[2] != to ||
				log.BlockHash.Hex() != testBlock.Hash ||
				transfer.Ordinal != 0 {
				t.Fatalf("%+v was decoded from %+v", transfer, log)
			}
		}
	})
}

// TestOrdinalsCountOneContract: two contracts that are watched as one token both emit logs in one transaction. Neither
// changes how the other one's transfers are identified, so nothing that was recorded before an upgrade gets another
// key.
func TestOrdinalsCountOneContract(t *testing.T) {
	t.Parallel()
	upgraded := common.HexToAddress("0x00000000000000000000000000000000070ce401")
	foreign := common.HexToAddress("0x00000000000000000000000000000000070ce402")
	var logs []types.Log
	for i, contract := range []common.Address{upgraded, testToken, foreign, upgraded, testToken} {
		log := transferLog(pay(ourAddress1, int64(i+1)))
		log.Address, log.TxHash, log.Index = contract, common.Hash{1}, uint(i)
		log.BlockHash, log.BlockNumber = common.HexToHash(testBlock.Hash), testBlock.Number
		logs = append(logs, log)
	}
	keys := func(contracts Contracts) map[models.Amount]string {
		found := map[models.Amount]string{}
		transfers, _ := DecodeTransfers(testChainID, contracts, testBlock, logs)
		for _, transfer := range transfers {
			found[transfer.Amount] = transfer.String()
		}
		return found
	}
	tx := "1337:" + common.Hash{1}.Hex()
	require.Equal(t, map[models.Amount]string{2: tx + ":0", 5: tx + ":1"}, keys(Contracts{testToken}))
	require.Equal(t, map[models.Amount]string{
		1: tx + ":0:" + upgraded.Hex(), 2: tx + ":0", 4: tx + ":1:" + upgraded.Hex(), 5: tx + ":1",
	}, keys(Contracts{testToken, upgraded}))
}
