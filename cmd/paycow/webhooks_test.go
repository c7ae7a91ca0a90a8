//go:build !slim

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"

	"paycow/internal/secrets"
	"paycow/models"
	"paycow/store"
)

// behind opens the database of a running stack behind the program's back, with its master key.
func (s *stack) behind() (*store.Store, *secrets.Keyring) {
	s.t.Helper()
	db, err := store.Open(s.t.Context(), "sqlite:"+s.dir+"/"+devDatabaseName, slog.New(slog.DiscardHandler))
	require.NoError(s.t, err)
	s.t.Cleanup(func() { require.NoError(s.t, db.Close()) })
	var inDirectory devSecrets
	content, err := os.ReadFile(filepath.Join(s.dir, devSecretsName))
	require.NoError(s.t, err)
	require.NoError(s.t, json.Unmarshal(content, &inDirectory))
	var master []byte
	require.NoError(s.t, masterKey(&master)(inDirectory.MasterKey))
	keys, err := secrets.NewKeyring(master)
	require.NoError(s.t, err)
	require.NoError(s.t, db.UseMasterKey(s.t.Context(), keys, nil))
	return db, keys
}

// hook is a shop's webhook endpoint. It collects what it takes, and verifies it with the library of Standard Webhooks.
type hook struct {
	t        testing.TB
	url      string
	endpoint models.WebhookEndpoint
	secret   string

	mu     sync.Mutex
	answer int // status of the next answers, or hangs
	tries  int // requests that came
	taken  []taken
	wrong  []error
}

// taken is a message that was answered with 2xx.
type taken struct {
	id   string
	at   time.Time
	body struct {
		Type      models.EventType
		Timestamp time.Time
		Schema    int
		Data      struct {
			ID     string `json:"_id"`
			Status string
		}
	}
}

// hangs is in place of the status of an answer that never comes.
const hangs = 0

func newHook(t testing.TB, db *store.Store, keys *secrets.Keyring, operatorID, events string) *hook {
	t.Helper()
	h := &hook{t: t, answer: http.StatusOK}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	h.url = server.URL
	h.endpoint = models.WebhookEndpoint{
		ID: models.NewID(), OperatorID: operatorID, URL: server.URL + "/hook", Enabled: true, EventTypes: events,
	}
	var err error
	h.secret, h.endpoint.SecretSealed, err = secrets.NewWebhookSecret(h.endpoint.ID, keys)
	require.NoError(t, err)
	h.endpoint, err = db.CreateWebhookEndpoint(t.Context(), h.endpoint, "", models.AuditEntry{Actor: "test", Action: "test"})
	require.NoError(t, err)
	return h
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.answer == hangs {
		h.mu.Unlock()
		<-r.Context().Done()
		h.mu.Lock()
		return
	}
	message := taken{id: r.Header.Get(standardwebhooks.HeaderWebhookID), at: time.Now()}
	if err == nil {
		var verifier *standardwebhooks.Webhook
		if verifier, err = standardwebhooks.NewWebhook(h.secret); err == nil {
			err = errors.Join(verifier.Verify(body, r.Header), json.Unmarshal(body, &message.body))
		}
	}
	if err != nil {
		h.wrong = append(h.wrong, err)
	}
	if h.tries++; h.answer < 300 {
		h.taken = append(h.taken, message)
	}
	w.WriteHeader(h.answer)
}

func (h *hook) set(answer int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answer = answer
}

// seen returns how many requests came, and what was taken of them. Everything was signed.
func (h *hook) seen() (tries int, messages []taken) {
	h.t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	require.Empty(h.t, h.wrong)
	return h.tries, slices.Clone(h.taken)
}

// awaitTaken waits until the endpoint has taken so many messages, and returns them.
func (h *hook) awaitTaken(count int) (messages []taken) {
	h.t.Helper()
	eventually(h.t, fmt.Sprintf("%d messages are delivered", count), func() error {
		var tries int
		if tries, messages = h.seen(); len(messages) < count {
			return fmt.Errorf("%d of %d requests were taken", len(messages), tries)
		}
		return nil
	})
	return messages
}

func (s *stack) operatorID(db *store.Store) string {
	s.t.Helper()
	operator, err := db.OperatorByEmail(s.t.Context(), s.file.Operator.Email)
	require.NoError(s.t, err)
	return operator.ID
}

// TestAPaidPaymentIsDelivered follows one payment's events to a shop's endpoint: each once, signed, in order.
func TestAPaidPaymentIsDelivered(t *testing.T) {
	s := startStack(t, "--block-time", "0s")
	db, keys := s.behind()
	operatorID := s.operatorID(db)
	h := newHook(t, db, keys, operatorID, models.AllEventTypes)
	payment := s.create("50.00")
	s.send(payment.DepositAddress, 50*models.USDT)
	s.mine(12)
	s.await(payment.SessionID, "PAID")
	var last taken
	eventually(t, "payment.paid is delivered", func() error {
		if _, messages := h.seen(); len(messages) > 0 {
			last = messages[len(messages)-1]
		}
		if last.body.Type != models.EventPaid {
			return errors.New("the last message is " + string(last.body.Type))
		}
		return nil
	})
	events, _, err := db.ListEvents(t.Context(), store.EventFilter{OperatorID: operatorID})
	require.NoError(t, err)
	messages := h.awaitTaken(len(events))
	require.Len(t, messages, len(events), "each event once")
	for _, event := range events {
		i := slices.IndexFunc(messages, func(m taken) bool { return m.id == event.ID })
		require.GreaterOrEqual(t, i, 0)
		require.Equal(t, event.Type, messages[i].body.Type)
		require.Equal(t, payment.SessionID, messages[i].body.Data.ID)
		require.Equal(t, event.CreatedAt, messages[i].body.Timestamp)
		require.WithinDuration(t, event.CreatedAt, messages[i].at, 5*time.Second)
	}
	require.Equal(t, "PAID", last.body.Data.Status)

	// Temporal's cost of a delivery that succeeds at once.
	id := models.WebhookWorkflowID(h.endpoint.ID, last.id)
	temporal := s.temporal()
	eventually(t, "the workflow has ended", func() error {
		d, err := temporal.DescribeWorkflowExecution(t.Context(), id, "")
		if err == nil && d.GetWorkflowExecutionInfo().GetStatus() != enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED {
			err = errors.New(d.GetWorkflowExecutionInfo().GetStatus().String())
		}
		if err == nil {
			require.LessOrEqual(t, d.GetWorkflowExecutionInfo().GetHistoryLength(), int64(6))
		}
		return err
	})

	// It is delivered again on request, with the same id. A repeated start of its workflow sends nothing.
	delivery := models.DeliveryID(h.endpoint.ID, last.id)
	before, _ := h.seen()
	row, err := db.Redeliver(t.Context(), operatorID, delivery)
	require.NoError(t, err)
	require.Equal(t, 2, row.Round)
	messages = h.awaitTaken(before + 1)
	require.Equal(t, last.id, messages[before].id)
	var logged store.LoggedDelivery
	eventually(t, "the second round is noted", func() error {
		var err error
		if logged, err = db.Delivery(t.Context(), delivery, operatorID); err == nil && len(logged.Attempts) < 2 {
			err = errors.New("it is not")
		}
		return err
	})
	require.Len(t, logged.Attempts, 2)
	require.Equal(t, models.DeliveryDelivered, logged.Status)
	record(t, s, "delivered", id)
}

// record writes the histories of a delivery's workflow, once it has ended, to the folder that the command line names.
func record(t *testing.T, s *stack, name, id string) {
	t.Helper()
	for run, history := range histories(t, s.temporal(), id) {
		t.Logf("%s, run %d: %d events", name, run+1, len(history.Events))
		if *historiesDir != "" {
			writeHistory(t, filepath.Join(*historiesDir, fmt.Sprintf("%s_%d.json", name, run+1)), history)
		}
	}
}

// TestAnEndpointThatWasDown is killed between the tries, and the shop asks Temporal to go on.
func TestAnEndpointThatWasDown(t *testing.T) {
	s := startStack(t, "--block-time", "0s")
	db, keys := s.behind()
	operatorID := s.operatorID(db)
	h := newHook(t, db, keys, operatorID, string(models.EventDetected))
	h.set(http.StatusInternalServerError)
	payment := s.create("50.00")
	s.send(payment.DepositAddress, 50*models.USDT)
	s.mine(1)
	eventually(t, "the first try failed", func() error {
		if tries, _ := h.seen(); tries == 0 {
			return errors.New("no request came")
		}
		return nil
	})
	s.kill()
	s.start()
	eventually(t, "the second try failed, too", func() error {
		all, _, err := db.ListDeliveries(t.Context(), store.DeliveryFilter{OperatorID: operatorID})
		if err == nil && (len(all) != 1 || all[0].Tries < 2) {
			err = fmt.Errorf("deliveries: %+v", all)
		}
		return err
	})
	all, _, err := db.ListDeliveries(t.Context(), store.DeliveryFilter{OperatorID: operatorID})
	require.NoError(t, err)
	require.Equal(t, models.DeliveryPending, all[0].Status)
	require.Greater(t, time.Until(*all[0].NextTryAt), 2*time.Minute)
	h.set(http.StatusOK)
	require.NoError(t, s.temporal().SignalWorkflow(t.Context(), models.WebhookWorkflowID(h.endpoint.ID, all[0].EventID), "",
		models.SignalRedeliver, nil))
	messages := h.awaitTaken(1)
	require.Equal(t, all[0].EventID, messages[0].id)
	require.Equal(t, payment.SessionID, messages[0].body.Data.ID)
	record(t, s, "down", models.WebhookWorkflowID(h.endpoint.ID, all[0].EventID))
}

// TestEndpointsThatHangHoldUpNobodyElse has one operator with many deliveries to an endpoint that never answers.
func TestEndpointsThatHangHoldUpNobodyElse(t *testing.T) {
	const many = 300
	s := startStack(t, "--block-time", "0s")
	db, keys := s.behind()
	dead := models.Operator{ID: models.NewID(), Email: "dead@paycow.test", Status: models.OperatorActive}
	require.NoError(t, db.CreateOperator(t.Context(), dead, nil))
	block := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-block }))
	t.Cleanup(func() { close(block); hanging.Close() })
	endpoint := models.WebhookEndpoint{
		ID: models.NewID(), OperatorID: dead.ID, URL: hanging.URL, Enabled: true, EventTypes: models.AllEventTypes,
	}
	var err error
	_, endpoint.SecretSealed, err = secrets.NewWebhookSecret(endpoint.ID, keys)
	require.NoError(t, err)
	endpoint, err = db.CreateWebhookEndpoint(t.Context(), endpoint, "", models.AuditEntry{Actor: "test", Action: "test"})
	require.NoError(t, err)
	for range many {
		_, err := db.CreateTestDelivery(t.Context(), dead.ID, endpoint.ID)
		require.NoError(t, err)
	}
	h := newHook(t, db, keys, s.operatorID(db), models.AllEventTypes)
	longest := time.Duration(0)
	for i := range 10 {
		begun := time.Now()
		_, err := db.CreateTestDelivery(t.Context(), h.endpoint.OperatorID, h.endpoint.ID)
		require.NoError(t, err)
		h.awaitTaken(i + 1)
		longest = max(longest, time.Since(begun))
	}
	t.Logf("the longest of 10 deliveries beside %d that hang took %s", many, longest)
	require.Less(t, longest, 10*time.Second)
	undelivered, _, err := db.ListDeliveries(t.Context(), store.DeliveryFilter{
		OperatorID: dead.ID, Status: models.DeliveryPending, Limit: many + 1,
	})
	require.NoError(t, err)
	require.Len(t, undelivered, many)
}

// killsAfterCredit is how many payments are interrupted by kill -9 after their credit.
const killsAfterCredit = 6

// TestNoEventOfAPaymentIsLost kills the program right after a credit: the event is committed, and its delivery may not
// have started. Every event reaches the shop all the same, repeats have the same id, and nothing else comes.
func TestNoEventOfAPaymentIsLost(t *testing.T) {
	t.Parallel()
	s := startStack(t, "--block-time", "0s", "--window", "24h")
	db, keys := s.behind()
	operatorID := s.operatorID(db)
	h := newHook(t, db, keys, operatorID, models.AllEventTypes)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, seed))
	early := 0
	for i := range killsAfterCredit {
		amount := models.Amount(10_000_000 + i)
		payment := s.create(amount.String())
		s.send(payment.DepositAddress, amount)
		s.mine(12)
		eventually(t, "the payment is credited", func() error {
			p, err := db.Payment(t.Context(), payment.SessionID)
			if err == nil && p.AmountCredited == 0 {
				err = errors.New("it is not")
			}
			return err
		})
		time.Sleep(time.Duration(random.Int64N(int64(1+i%2*300) * int64(time.Millisecond))))
		s.kill()
		events, _, err := db.ListEvents(t.Context(), store.EventFilter{OperatorID: operatorID, PaymentID: payment.SessionID})
		require.NoError(t, err)
		require.Equal(t, models.EventPaid, events[len(events)-1].Type)
		if !slices.Contains(h.ids(), events[len(events)-1].ID) {
			early++
		}
		s.start()
		eventually(t, "every event is delivered", func() error {
			for _, event := range events {
				if !slices.Contains(h.ids(), event.ID) {
					return fmt.Errorf("%s of kill %d is not", event.Type, i+1)
				}
			}
			return nil
		})
	}
	t.Logf("%d of %d kills came before the delivery of payment.paid", early, killsAfterCredit)
	events, next, err := db.ListEvents(t.Context(), store.EventFilter{OperatorID: operatorID, Limit: 10 * killsAfterCredit})
	require.NoError(t, err)
	require.Empty(t, next)
	written := make([]string, len(events))
	for i, event := range events {
		written[i] = event.ID
	}
	for _, id := range h.ids() {
		require.Contains(t, written, id)
	}
}

// ids returns the ids of the messages that were taken, with repeats.
func (h *hook) ids() (ids []string) {
	h.t.Helper()
	_, messages := h.seen()
	for _, m := range messages {
		ids = append(ids, m.id)
	}
	return ids
}
