package nodetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Kind says what PayCow makes of a behaviour.
type Kind int

const (
	// Harmless is a behaviour that delays nothing, even of a single node.
	Harmless Kind = iota
	// Slows is one that a single node delays payments with.
	Slows
	// Stops is one with which a single node keeps payments from being paid for as long as it lasts. A person is told.
	Stops
)

// Named is a behaviour with its name. docs/nodes.md says who behaves so.
type Named struct {
	Name string
	Kind Kind
	Play Behaviour
	// Says are words that a person is shown while a single node behaves so and Stops payments.
	Says string
}

// Behaviours are those that were seen or reported.
var Behaviours = []Named{
	{Name: "logs are numbered anew in each transaction", Play: changingLogs(renumber)},

	{Name: "block receipts: HTTP 400 with a JSON-RPC error", Play: refusing("eth_getBlockReceipts", Answer{
		Status: http.StatusBadRequest, Error: &RPCError{-32600, "unsupported method: eth_getBlockReceipts on this plan"},
	})},
	{Name: "block receipts: HTTP 403 with a JSON-RPC error", Play: refusing("eth_getBlockReceipts", Answer{
		Status: http.StatusForbidden, Error: &RPCError{-32601, "Method not found"},
	})},
	{Name: "block receipts: method not found", Play: refusing("eth_getBlockReceipts", Answer{
		Error: &RPCError{-32601, "the method eth_getBlockReceipts does not exist/is not available"},
	})},
	{Name: "block receipts: null", Play: refusing("eth_getBlockReceipts", Answer{})},
	{Name: "block receipts: an error in unknown words", Play: refusing("eth_getBlockReceipts", Answer{
		Error: &RPCError{-32000, "nope"},
	})},
	{
		Name: "finalized: HTTP 400",
		Play: refusingTag("finalized", Answer{Status: http.StatusBadRequest, Raw: []byte("bad request")}),
	},
	{Name: "finalized: null", Play: refusingTag("finalized", Answer{})},
	{Name: "finalized: an error", Play: refusingTag("finalized", Answer{Error: &RPCError{-32602, "invalid block tag"}})},
	{
		Name: "logs by block hash: invalid params",
		Play: refusingLogsByHash(Answer{Error: &RPCError{-32602, "blockHash is not supported"}}),
	},
	{Name: "logs by block hash: HTTP 400", Play: refusingLogsByHash(Answer{
		Status: http.StatusBadRequest, Error: &RPCError{-32602, "invalid argument 0: unknown field blockHash"},
	})},
	{Name: "logs by block hash: null", Play: refusingLogsByHash(Answer{})},
	{
		Name: "batches: HTTP 413 and no block receipts",
		Play: both(refusing("eth_getBlockReceipts", Answer{Error: &RPCError{-32601, "no"}}),
			refusing(BatchMethod, Answer{Status: http.StatusRequestEntityTooLarge, Raw: []byte("too large")})),
	},

	{Name: "log times are numbers", Play: changingLogs(setEach("blockTimestamp", 1_700_000_000))},
	{Name: "receipts have an empty contract address", Play: changing(isReceipts, setEach("contractAddress", ""))},
	{
		Name: "receipts lack fields that nothing needs",
		Play: changing(isReceipts, dropEach("logsBloom", "effectiveGasPrice", "gasUsed")),
	},
	{Name: "logs do not say whether they were removed", Play: changingLogs(dropEach("removed"))},
	{Name: "blocks have fields of a future fork", Play: changing(isBlock, setEach("futureField", map[string]any{"a": 1}))},

	{Name: "old blocks: null", Play: forgetting(Answer{})},
	{Name: "old blocks: error 4444", Play: forgetting(Answer{Error: &RPCError{4444, "pruned history unavailable"}})},

	{
		Name: "a third of the calls is refused with 429", Kind: Slows,
		Play: every(3, Answer{Status: http.StatusTooManyRequests}),
	},
	{Name: "a third of the calls is refused with a JSON-RPC error", Kind: Slows, Play: every(3, Answer{
		Error: &RPCError{-32005, "rate limit exceeded"},
	})},
	{Name: "every call is refused with 429", Kind: Stops, Says: "429", Play: every(1, Answer{
		Status: http.StatusTooManyRequests, RetryAfter: "1",
	})},
	{Name: "daily quota used up", Kind: Stops, Says: "daily request count exceeded", Play: every(1, Answer{
		Status: http.StatusPaymentRequired, Error: &RPCError{-32005, "daily request count exceeded, request rate limited"},
	})},

	{
		Name: "chain id 0x0", Kind: Stops, Says: "chain 0 ",
		Play: both(every(5, Answer{Break: true}), answering("eth_chainId", `"0x0"`)),
	},
	{Name: "replies of 40 MB", Kind: Stops, Says: "too large", Play: huge},
	{Name: "every call takes 1.5 s", Kind: Slows, Play: slow(1500 * time.Millisecond)},
	{Name: "half of the connections break", Kind: Slows, Play: every(2, Answer{Break: true})},
	{Name: "no call is answered", Kind: Stops, Says: "no answer", Play: every(1, Answer{Silent: true})},
	{Name: "an HTML page with status 502", Kind: Stops, Says: "502", Play: every(1, Answer{
		Status: http.StatusBadGateway, Raw: []byte("<html><body>Bad Gateway</body></html>"),
	})},
	{Name: "an HTML page with status 200", Kind: Stops, Says: "invalid character", Play: every(1, Answer{
		Raw: []byte("<html><body>Welcome</body></html>"),
	})},
	{
		Name: "replies cut off", Kind: Stops, Says: "unexpected EOF",
		Play: every(1, Answer{Raw: []byte(`{"jsonrpc":"2.0","id":1,"res`)}),
	},
	{
		Name: "internal errors", Kind: Stops, Says: "internal error",
		Play: every(1, Answer{Error: &RPCError{-32603, "internal error"}}),
	},
	{
		Name: "every call: HTTP 400 without JSON", Kind: Stops, Says: "no app with this id",
		Play: every(1, Answer{Status: http.StatusBadRequest, Raw: []byte("no app with this id")}),
	},
	{
		Name: "every call: the key is disabled", Kind: Stops, Says: "this API key is disabled",
		Play: every(1, Answer{Error: &RPCError{-32000, "this API key is disabled"}}),
	},
	{Name: "every call: null", Kind: Stops, Says: "the node answered null", Play: every(1, Answer{})},
}

// both plays one behaviour upon another.
func both(outer, inner Behaviour) Behaviour {
	return func(call Call, next func() Answer) Answer {
		return outer(call, func() Answer { return inner(call, next) })
	}
}

func refusing(method string, answer Answer) Behaviour {
	return func(call Call, next func() Answer) Answer {
		if call.Method == method {
			return answer
		}
		return next()
	}
}

func answering(method, result string) Behaviour {
	return refusing(method, Answer{Result: []byte(result)})
}

func refusingTag(tag string, answer Answer) Behaviour {
	return func(call Call, next func() Answer) Answer {
		if call.Method == "eth_getBlockByNumber" && call.Param(0) == strconv.Quote(tag) {
			return answer
		}
		return next()
	}
}

func refusingLogsByHash(answer Answer) Behaviour {
	return func(call Call, next func() Answer) Answer {
		if call.Method == "eth_getLogs" && strings.Contains(call.Param(0), "blockHash") {
			return answer
		}
		return next()
	}
}

// RefusesRanges refuses the logs of more than one block.
func RefusesRanges(call Call, next func() Answer) Answer {
	var filter struct {
		From string `json:"fromBlock"`
		To   string `json:"toBlock"`
	}
	if call.Method == "eth_getLogs" && json.Unmarshal(call.Params[0], &filter) == nil && filter.From != filter.To {
		return Answer{Status: http.StatusBadRequest, Error: &RPCError{-32602, "ranges are not offered"}}
	}
	return next()
}

// CutsRanges leaves out the logs in the middle of a range, without an error.
func CutsRanges(call Call, next func() Answer) Answer {
	answer := next()
	var logs []json.RawMessage
	if call.Method == "eth_getLogs" && strings.Contains(call.Param(0), "fromBlock") &&
		json.Unmarshal(answer.Result, &logs) == nil && len(logs) > 2 {
		answer.Result = mustMarshal([]json.RawMessage{logs[0], logs[len(logs)-1]})
	}
	return answer
}

// every answers each nth call otherwise.
func every(n int, answer Answer) Behaviour {
	return func(call Call, next func() Answer) Answer {
		if call.Number%n == 0 {
			return answer
		}
		return next()
	}
}

func slow(delay time.Duration) Behaviour {
	return func(_ Call, next func() Answer) Answer {
		time.Sleep(delay)
		return next()
	}
}

func huge(Call, func() Answer) Answer { return Answer{Raw: hugeReply()} }

// hugeReply is made once: making it for each call would cost more than reading it.
var hugeReply = sync.OnceValue(func() []byte {
	return slices.Concat([]byte(`{"jsonrpc":"2.0","id":1,"result":"0x`), bytes.Repeat([]byte("00"), 20<<20), []byte(`"}`))
})

// oldBelow is how many of the newest blocks a node keeps that forgets old ones.
const oldBelow = 100

// forgetting answers so for blocks that are more than oldBelow blocks below the head.
func forgetting(answer Answer) Behaviour {
	var head atomic.Uint64
	return func(call Call, next func() Answer) Answer {
		if call.Method != "eth_getBlockByNumber" {
			return next()
		}
		number, err := strconv.ParseUint(strings.Trim(call.Param(0), `"`), 0, 64)
		if err != nil {
			said := next()
			var block struct {
				Number string `json:"number"`
			}
			if json.Unmarshal(said.Result, &block) == nil && call.Param(0) == `"latest"` {
				number, _ := strconv.ParseUint(block.Number, 0, 64)
				head.Store(number)
			}
			return said
		}
		if number+oldBelow < head.Load() {
			return answer
		}
		return next()
	}
}

func isReceipts(method string) bool {
	return method == "eth_getBlockReceipts" || method == "eth_getTransactionReceipt"
}

func isBlock(method string) bool { return strings.HasPrefix(method, "eth_getBlockBy") }

// change changes an object of a list, given the one before it.
type change func(i int, object, before map[string]any)

func mustMarshal(value any) json.RawMessage {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return text
}

// changing changes each object of the answers to some methods.
func changing(applies func(method string) bool, change change) Behaviour {
	return func(call Call, next func() Answer) Answer {
		answer := next()
		if !applies(call.Method) {
			return answer
		}
		var one map[string]any
		if json.Unmarshal(answer.Result, &one) == nil && one != nil {
			change(0, one, nil)
			answer.Result = mustMarshal(one)
			return answer
		}
		var several []map[string]any
		if json.Unmarshal(answer.Result, &several) != nil {
			return answer
		}
		var before map[string]any
		for i, object := range several {
			change(i, object, before)
			before = object
		}
		answer.Result = mustMarshal(several)
		return answer
	}
}

// changingLogs changes each log, also those in receipts.
func changingLogs(change change) Behaviour {
	ofReceipt := func(_ int, receipt, _ map[string]any) {
		logs, _ := receipt["logs"].([]any)
		var before map[string]any
		for i, log := range logs {
			if fields, ok := log.(map[string]any); ok {
				change(i, fields, before)
				before = fields
			}
		}
	}
	isLogs := func(method string) bool { return method == "eth_getLogs" }
	return both(changing(isLogs, change), changing(isReceipts, ofReceipt))
}

func setEach(field string, value any) change {
	return func(_ int, object, _ map[string]any) { object[field] = value }
}

func dropEach(fields ...string) change {
	return func(_ int, object, _ map[string]any) {
		for _, field := range fields {
			delete(object, field)
		}
	}
}

// renumber counts the logs of each transaction anew.
func renumber(_ int, object, before map[string]any) {
	index := uint64(0)
	if before != nil && before["transactionHash"] == object["transactionHash"] {
		last, _ := strconv.ParseUint(fmt.Sprint(before["logIndex"]), 0, 64)
		index = last + 1
	}
	object["logIndex"] = fmt.Sprintf("%#x", index)
}
