package chain

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/rpc"

	"paycow/models"
)

// Meaning is what an answer of a node means to the caller. Nodes say the same in many ways: with a JSON-RPC error of
// various codes and words, with an HTTP status, with null, or by not answering. MeaningOf is the one place that tells
// them apart.
type Meaning int

// The meanings.
const (
	// MeansAnswer is an answer to the question.
	MeansAnswer Meaning = iota
	// MeansNotOffered is a call, or a form of it, that the node does not offer.
	MeansNotOffered
	// MeansNotYet is a block or a transaction that the node does not have.
	MeansNotYet
	// MeansTooOld is a block or a state that the node no longer keeps.
	MeansTooOld
	// MeansTooMuch is a question or an answer that is too large.
	MeansTooMuch
	// MeansRefused is a call that the node does not answer for now, because there were too many.
	MeansRefused
	// MeansBroken is everything else: no connection, no answer in time, an answer that makes no sense.
	MeansBroken
)

// String returns the name in metrics and logs.
func (m Meaning) String() string {
	switch m {
	case MeansAnswer:
		return "answer"
	case MeansNotOffered:
		return "not_offered"
	case MeansNotYet:
		return "not_yet"
	case MeansTooOld:
		return "too_old"
	case MeansTooMuch:
		return "too_much"
	case MeansRefused:
		return "refused"
	default:
		return "broken"
	}
}

// isWell reports whether the node did its job. Not to have or not to offer something is no fault.
func (m Meaning) isWell() bool { return m < MeansRefused }

// NodeError is why a node did not answer a call.
type NodeError struct {
	Meaning Meaning
	Method  string
	// After is how long the node asked to be left alone, 0 when it did not say.
	After time.Duration
	cause error
	hide  []string // what its words must not contain
}

// Error says what the node said.
func (e *NodeError) Error() string { return e.Words() }

// Unwrap returns the cause.
func (e *NodeError) Unwrap() error { return e.cause }

// asNodeError returns the error of a call with its meaning. The pause is what the node asked for.
func asNodeError(method string, err error, pause time.Duration) *NodeError {
	known := &NodeError{Meaning: MeaningOf(err), Method: method, cause: err}
	if status, ok := errors.AsType[rpc.HTTPError](err); ok && pause > 0 &&
		status.StatusCode == http.StatusServiceUnavailable {
		known.Meaning = MeansRefused // it says when to come again (RFC 9110, 10.2.3)
	}
	if known.Meaning == MeansRefused {
		known.After = pause
	}
	return known
}

// Words says in the node's own words, as far as it said something, why it did not answer. They name no address.
func (e *NodeError) Words() string {
	words := wordsOf(e.cause)
	for _, secret := range e.hide {
		words = strings.ReplaceAll(words, secret, "…")
	}
	words = clip(words)
	if e.Method != "" {
		words = e.Method + ": " + words
	}
	return words
}

func wordsOf(err error) string {
	said, refused := refusalOf(err)
	status, isStatus := errors.AsType[rpc.HTTPError](err)
	_, isAddress := errors.AsType[*net.OpError](err)
	switch {
	case isStatus && refused:
		return status.Status + ": " + said.Message
	case isStatus && gatewayWords(status.Body) != "":
		return status.Status + ": " + gatewayWords(status.Body)
	case isStatus:
		return status.Status
	case refused:
		return said.Message
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	case isAddress:
		return "no connection"
	}
	if known, ok := errors.AsType[*url.Error](err); ok {
		err = known.Err
	}
	return err.Error()
}

// wordsFrom returns the words of the node in an error, or all of an error that is not a node's.
func wordsFrom(err error) string {
	if known, ok := errors.AsType[*NodeError](err); ok {
		return known.Words()
	}
	return clip(err.Error())
}

// wordsMax is how many bytes of a node's words are kept.
const wordsMax = 300

// clip shortens what a node says, and keeps control characters out of logs.
func clip(words string) string {
	words = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(words, "?"))
	if len(words) > wordsMax {
		words = strings.ToValidUTF8(words[:wordsMax], "") + "…"
	}
	return words
}

// refusal is a JSON-RPC error object. It is also the error of a call that was answered with it in a form that
// go-ethereum's client does not read.
type refusal struct {
	Code    int
	Message string
}

// Error returns the node's words.
func (r refusal) Error() string { return r.Message }

// ErrorCode returns the JSON-RPC code, 0 when there is none.
func (r refusal) ErrorCode() int { return r.Code }

// UnmarshalJSON reads an error object, or words alone. A code in quotes counts as well.
func (r *refusal) UnmarshalJSON(text []byte) error {
	if json.Unmarshal(text, &r.Message) == nil {
		return nil
	}
	var fields struct {
		Code    json.RawMessage `json:"code"`
		Message string          `json:"message"`
	}
	if err := json.Unmarshal(text, &fields); err != nil {
		return err
	}
	r.Message = fields.Message
	r.Code, _ = strconv.Atoi(strings.Trim(string(fields.Code), `"`))
	return nil
}

// refusalIn returns the JSON-RPC error in the body of an HTTP response. Some nodes answer a batch with an array.
func refusalIn(body []byte) (refusal, bool) {
	type answer struct {
		Error *refusal `json:"error"`
	}
	var one answer
	if json.Unmarshal(body, &one) == nil && one.Error != nil {
		return *one.Error, true
	}
	var several []answer
	if json.Unmarshal(body, &several) == nil && len(several) > 0 && several[0].Error != nil {
		return *several[0].Error, true
	}
	return refusal{}, false
}

// gatewayWords returns what a gateway before the node says in the body of an HTTP response: the message of an object,
// or a plain text. It returns "" for a page that is meant for people.
func gatewayWords(body []byte) string {
	var object struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &object) == nil {
		return object.Message
	}
	text := strings.TrimSpace(string(body))
	if text == "" || strings.ContainsAny(text[:1], "<{[") {
		return ""
	}
	return text
}

// MeaningOf returns what the outcome of a call to a node means.
func MeaningOf(err error) Meaning {
	if err == nil {
		return MeansAnswer
	}
	if known, ok := errors.AsType[*NodeError](err); ok {
		return known.Meaning
	}
	switch {
	case errors.Is(err, models.ErrBlockNotFound), errors.Is(err, ethereum.NotFound), errors.Is(err, rpc.ErrNoResult):
		return MeansNotYet
	case errors.Is(err, models.ErrNoSubscriptions), errors.Is(err, rpc.ErrNotificationsUnsupported):
		return MeansNotOffered
	}
	if status, ok := errors.AsType[rpc.HTTPError](err); ok {
		return meaningOfStatus(status)
	}
	if said, ok := refusalOf(err); ok {
		return meaningOfRefusal(said)
	}
	return MeansBroken
}

// refusalOf returns the JSON-RPC error that a node answered with.
func refusalOf(err error) (refusal, bool) {
	if said, ok := errors.AsType[rpc.Error](err); ok {
		return refusal{Code: said.ErrorCode(), Message: said.Error()}, true
	}
	if status, ok := errors.AsType[rpc.HTTPError](err); ok {
		return refusalIn(status.Body)
	}
	return refusal{}, false
}

// meaningOfStatus reads an HTTP status that is not 2xx. What the JSON-RPC error in the body says is more precise than
// the status, except that 429 always means too many calls.
func meaningOfStatus(status rpc.HTTPError) Meaning {
	if status.StatusCode == http.StatusTooManyRequests {
		return MeansRefused
	}
	if said, ok := refusalIn(status.Body); ok {
		if meaning := meaningOfRefusal(said); meaning != MeansBroken {
			return meaning
		}
	} else if meaning, ok := meaningOfWords(gatewayWords(status.Body)); ok {
		return meaning
	}
	switch status.StatusCode {
	case http.StatusRequestEntityTooLarge:
		return MeansTooMuch
	case http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusUnprocessableEntity, http.StatusNotImplemented:
		return MeansNotOffered
	default:
		return MeansBroken
	}
}

// JSON-RPC error codes (JSON-RPC 2.0, 5.1; EIP-1474; EIP-4444 as geth uses it).
const (
	codeMethodNotFound   = -32601
	codeInvalidParams    = -32602
	codeUnsupported      = -32004
	codeLimitExceeded    = -32005
	codePrunedHistory    = 4444
	codeTooManyRequests  = 429
	codeTooManyRequests2 = -32029
)

// saidWords are words of nodes and providers, in lower case, with what they mean. The first that is found counts.
// docs/nodes.md says where they are from.
var saidWords = []struct {
	words   string
	meaning Meaning
}{
	{"rate limit", MeansRefused},
	{"ratelimit", MeansRefused},
	{"too many requests", MeansRefused},
	{"request limit", MeansRefused},
	{"request count exceeded", MeansRefused},
	{"requests per second", MeansRefused},
	{"compute units", MeansRefused},
	{"throughput", MeansRefused},
	{"capacity", MeansRefused},
	{"quota", MeansRefused},
	{"throttle", MeansRefused},
	{"credits", MeansRefused},
	{"rate exceeded", MeansRefused},
	{"rps limit", MeansRefused},
	{"usage limit", MeansRefused},
	{"limit reached", MeansRefused},
	{"tier limit", MeansRefused},
	{"try again later", MeansRefused},
	{"pruned", MeansTooOld},
	{"missing trie node", MeansTooOld},
	{"old data not available", MeansTooOld},
	{"state not available", MeansTooOld},
	{"state is not available", MeansTooOld},
	{"state histories", MeansTooOld},
	{"historical state", MeansTooOld},
	{"history unavailable", MeansTooOld},
	{"before the earliest", MeansTooOld},
	{"state unavailable", MeansTooOld},
	{"no state available", MeansTooOld},
	{"archive", MeansTooOld},
	{"beyond current head", MeansNotYet},
	{"beyond head", MeansNotYet},
	{"more than", MeansTooMuch},
	{"too large", MeansTooMuch},
	{"too big", MeansTooMuch},
	{"too wide", MeansTooMuch},
	{"too long", MeansTooMuch},
	{"too many", MeansTooMuch},
	{"block range", MeansTooMuch},
	{"blocks range", MeansTooMuch},
	{"ranges over", MeansTooMuch},
	{"requested blocks", MeansTooMuch},
	{"range exceed", MeansTooMuch},
	{"size exceeded", MeansTooMuch},
	{"max results", MeansTooMuch},
	{"max range", MeansTooMuch},
	{"exceeds the range", MeansTooMuch},
	{"exceeds max", MeansTooMuch},
	{"exceed maximum", MeansTooMuch},
	{"exceeds maximum", MeansTooMuch},
	{"exceeds limit", MeansTooMuch},
	{"limited to", MeansTooMuch},
	{"limit the query", MeansTooMuch},
	{"blocks distance", MeansTooMuch},
	{"range too high", MeansTooMuch},
	{"response size", MeansTooMuch},
	{"query timeout", MeansTooMuch},
	{"timed out", MeansTooMuch},
	{"batch", MeansTooMuch},
	{"unknown block", MeansNotYet},
	{"block not found", MeansNotYet},
	{"header not found", MeansNotYet},
	{"not found: block", MeansNotYet},
	{"header for hash not found", MeansNotYet},
	{"block does not exist", MeansNotYet},
	{"cannot be found", MeansNotYet},
	{"could not be found", MeansNotYet},
	{"cannot find block", MeansNotYet},
	{"resource not found", MeansNotYet},
	{"finalized block not found", MeansNotYet},
	{"does not exist", MeansNotOffered},
	{"not available", MeansNotOffered},
	{"not supported", MeansNotOffered},
	{"unsupported", MeansNotOffered},
	{"not allowed", MeansNotOffered},
	{"not enabled", MeansNotOffered},
	{"not implemented", MeansNotOffered},
	{"whitelist", MeansNotOffered},
	{"disabled", MeansNotOffered},
	{"forbidden", MeansNotOffered},
	{"upgrade your plan", MeansNotOffered},
	{"paid plan", MeansNotOffered},
}

// meaningOfRefusal reads a JSON-RPC error: first the codes that mean one thing, then the words, then the other codes.
func meaningOfRefusal(said refusal) Meaning {
	switch said.Code {
	case codeMethodNotFound, codeUnsupported:
		return MeansNotOffered
	case codePrunedHistory:
		return MeansTooOld
	case codeTooManyRequests, codeTooManyRequests2:
		return MeansRefused
	}
	if meaning, ok := meaningOfWords(said.Message); ok {
		return meaning
	}
	switch said.Code {
	case codeLimitExceeded:
		return MeansRefused
	case codeInvalidParams:
		return MeansNotOffered
	default:
		return MeansBroken
	}
}

// meaningOfWords returns what the words of a node mean. ok is false when they are not known.
func meaningOfWords(words string) (meaning Meaning, ok bool) {
	text := strings.ToLower(words)
	for _, known := range saidWords {
		if strings.Contains(text, known.words) {
			return known.meaning, true
		}
	}
	return MeansBroken, false
}

// mayBeTooLong reports whether an error may mean that the range or its answer is too large. Nodes word that in many
// ways, so every answer counts except those that clearly mean something else.
func mayBeTooLong(err error) bool {
	switch MeaningOf(err) {
	case MeansTooMuch:
		return true
	case MeansRefused: // the limit that -32005 speaks of can be that of a range, unless words say more (EIP-1474)
		said, ok := refusalOf(err)
		_, known := meaningOfWords(said.Message)
		return ok && said.Code == codeLimitExceeded && !known
	case MeansAnswer, MeansNotYet, MeansTooOld:
		return false
	case MeansNotOffered, MeansBroken:
	}
	if status, ok := errors.AsType[rpc.HTTPError](err); ok {
		switch status.StatusCode {
		case http.StatusBadRequest, http.StatusRequestTimeout, http.StatusUnprocessableEntity, http.StatusGatewayTimeout:
			return true
		}
	}
	said, refused := refusalOf(err)
	return refused && said.Code != codeMethodNotFound || errors.Is(err, context.DeadlineExceeded) || isTooLarge(err)
}
