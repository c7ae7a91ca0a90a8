package nodetest

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"

	"github.com/gorilla/websocket"
)

// socket is one WebSocket of a client, with one to the node for what the node sends by itself.
type socket struct {
	proxy  *Proxy
	client *websocket.Conn
	node   *websocket.Conn

	mu   sync.Mutex // of writing to the client
	mute bool
}

func (p *Proxy) serveSocket(w http.ResponseWriter, r *http.Request) {
	upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	client, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer func() { _ = client.Close() }()
	node, response, err := websocket.DefaultDialer.DialContext(r.Context(), p.socket, nil)
	if err != nil {
		return
	}
	defer func() { _ = node.Close(); _ = response.Body.Close() }()
	p.mu.Lock()
	p.sockets++
	p.mute = false // only the sockets before this one vanished
	number := p.sockets
	p.mu.Unlock()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	s := &socket{proxy: p, client: client, node: node}
	client.SetPingHandler(func(string) error { return nil }) // answered below only while bytes arrive
	go s.passOn(number)
	for {
		_, body, err := client.ReadMessage()
		if err != nil {
			return
		}
		if s.isMute(number) {
			continue
		}
		var call Call
		if json.Unmarshal(body, &call) == nil && strings.HasSuffix(call.Method, "subscribe") {
			p.mu.Lock()
			p.calls[call.Method]++
			behaviour := p.behaviour
			p.mu.Unlock()
			if behaviour != nil {
				if a := behaviour(call, func() Answer { return Answer{Result: []byte("null")} }); a.Error != nil {
					s.write(message(call, a))
					continue
				}
			}
			if node.WriteMessage(websocket.TextMessage, body) != nil {
				return
			}
			continue
		}
		go func() {
			answer := p.answer(ctx, body)
			switch {
			case answer.Silent:
			case answer.Break:
				_ = client.Close()
			default:
				s.write(answer.Raw)
			}
		}()
	}
}

// passOn passes on what the node sends by itself and its answers to subscriptions.
func (s *socket) passOn(number int) {
	for {
		_, body, err := s.node.ReadMessage()
		if err != nil {
			_ = s.client.Close()
			return
		}
		if !s.isMute(number) {
			s.write(body)
		}
	}
}

func (s *socket) write(body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.mute {
		_ = s.client.WriteMessage(websocket.TextMessage, body)
	}
}

// isMute reports whether the bytes of this socket vanish. Once they do, they do for good.
func (s *socket) isMute(number int) bool {
	s.proxy.mu.Lock()
	muted := s.proxy.mute && number <= s.proxy.sockets
	s.proxy.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mute = s.mute || muted
	return s.mute
}
