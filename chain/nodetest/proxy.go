// Package nodetest holds a proxy that stands before a real Ethereum node and behaves as nodes and providers in the wild
// do, for tests.
package nodetest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"
)

// Call is one call that a client makes.
type Call struct {
	ID     json.RawMessage   `json:"id"`
	Method string            `json:"method"`
	Params []json.RawMessage `json:"params"`
	// Number counts the calls to the proxy, from 1.
	Number int `json:"-"`
}

// Param returns a parameter as text, "" when there is none.
func (c Call) Param(i int) string {
	if i >= len(c.Params) {
		return ""
	}
	return string(c.Params[i])
}

// RPCError is a JSON-RPC error.
type RPCError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// Answer is what a call is answered with.
type Answer struct {
	Result json.RawMessage
	Error  *RPCError
	// Status is the HTTP status, 0 means 200. A WebSocket has none.
	Status     int
	RetryAfter string // header
	// Raw replaces the whole body.
	Raw []byte
	// Silent means that no byte is ever sent, and the connection stays open.
	Silent bool
	// Break means that the connection is closed.
	Break bool
}

// Behaviour answers a call. next asks the real node.
type Behaviour func(call Call, next func() Answer) Answer

// Proxy is the proxy. It is safe for concurrent use.
type Proxy struct {
	server *httptest.Server
	node   string
	socket string

	mu        sync.Mutex
	behaviour Behaviour
	calls     map[string]int
	number    int
	sockets   int // WebSockets that were opened
	mute      bool
}

// Start starts a proxy before the node with these http and ws URLs. The proxy is honest until Play.
func Start(t testing.TB, node, socket string) *Proxy {
	t.Helper()
	p := &Proxy{node: node, socket: socket, calls: map[string]int{}}
	p.server = httptest.NewServer(http.HandlerFunc(p.serve))
	t.Cleanup(func() {
		p.Play(nil)
		p.server.CloseClientConnections()
		p.server.Close()
	})
	return p
}

// URL returns the proxy's http URL.
func (p *Proxy) URL() string { return p.server.URL }

// WebSocketURL returns the proxy's ws URL.
func (p *Proxy) WebSocketURL() string { return "ws" + strings.TrimPrefix(p.server.URL, "http") }

// Play makes the proxy behave like that from the next call on; nil makes it honest.
func (p *Proxy) Play(behaviour Behaviour) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.behaviour = behaviour
}

// Mute lets the bytes of every WebSocket that is open now vanish in both directions, without closing it, as a firewall
// does that forgot the connection.
func (p *Proxy) Mute() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mute = true
}

// Calls returns how often each method was called since Calls was called last.
func (p *Proxy) Calls() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	calls := p.calls
	p.calls = map[string]int{}
	return calls
}

// Sockets returns how many WebSockets were opened.
func (p *Proxy) Sockets() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sockets
}

func (p *Proxy) serve(w http.ResponseWriter, r *http.Request) {
	if websocket.IsWebSocketUpgrade(r) {
		p.serveSocket(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	reply := p.answer(r.Context(), body)
	switch {
	case reply.Silent:
		<-r.Context().Done()
		return
	case reply.Break:
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/json")
	if reply.RetryAfter != "" {
		w.Header().Set("Retry-After", reply.RetryAfter)
	}
	if reply.Status != 0 {
		w.WriteHeader(reply.Status)
	}
	_, _ = w.Write(reply.Raw)
}

// answer answers a request, which holds one call or a batch of them. Raw of the answer is the whole body.
func (p *Proxy) answer(ctx context.Context, body []byte) Answer {
	if trimmed := bytes.TrimSpace(body); len(trimmed) == 0 || trimmed[0] != '[' {
		var call Call
		if json.Unmarshal(body, &call) != nil {
			return Answer{Status: http.StatusBadRequest}
		}
		answer := p.answerCall(ctx, call)
		if answer.Raw == nil {
			answer.Raw = message(call, answer)
		}
		return answer
	}
	var calls []Call
	if json.Unmarshal(body, &calls) != nil {
		return Answer{Status: http.StatusBadRequest}
	}
	if whole := p.answerCall(ctx, Call{Method: BatchMethod, Params: []json.RawMessage{body}}); whole.isForAll() {
		if whole.Raw == nil {
			whole.Raw = message(calls[0], whole)
		}
		return whole
	}
	messages := make([]json.RawMessage, len(calls))
	for i, call := range calls {
		answer := p.answerCall(ctx, call)
		if answer.Status != 0 || answer.Silent || answer.Break || answer.Raw != nil {
			return answer
		}
		messages[i] = message(call, answer)
	}
	raw, err := json.Marshal(messages)
	if err != nil {
		return Answer{Status: http.StatusInternalServerError}
	}
	return Answer{Raw: raw}
}

// BatchMethod is the method by which a behaviour sees a batch as a whole, before its calls. The real node does not
// answer it.
const BatchMethod = "batch"

func (a Answer) isForAll() bool {
	return a.Status != 0 || a.Error != nil || a.Silent || a.Break || a.Raw != nil
}

func (p *Proxy) answerCall(ctx context.Context, call Call) Answer {
	p.mu.Lock()
	p.number++
	call.Number = p.number
	p.calls[call.Method]++
	behaviour := p.behaviour
	p.mu.Unlock()
	next := func() Answer {
		if call.Method == BatchMethod {
			return Answer{}
		}
		return p.ask(ctx, call)
	}
	if behaviour == nil {
		return next()
	}
	return behaviour(call, next)
}

// ask passes a call on to the real node.
func (p *Proxy) ask(ctx context.Context, call Call) Answer {
	text, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": call.Method, "params": call.Params})
	if err != nil {
		return Answer{Break: true}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.node, bytes.NewReader(text))
	if err != nil {
		return Answer{Break: true}
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return Answer{Break: true}
	}
	defer func() { _ = response.Body.Close() }()
	var said struct {
		Result json.RawMessage `json:"result"`
		Error  *RPCError       `json:"error"`
	}
	if json.NewDecoder(response.Body).Decode(&said) != nil {
		return Answer{Break: true}
	}
	return Answer{Result: said.Result, Error: said.Error}
}

// message writes an answer as JSON-RPC does.
func message(call Call, answer Answer) []byte {
	fields := map[string]any{"jsonrpc": "2.0", "id": call.ID}
	switch {
	case answer.Error != nil:
		fields["error"] = answer.Error
	case answer.Result == nil:
		fields["result"] = nil
	default:
		fields["result"] = answer.Result
	}
	text, err := json.Marshal(fields)
	if err != nil {
		return []byte(err.Error())
	}
	return text
}
