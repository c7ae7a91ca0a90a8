package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/sync/singleflight"

	"paycow/models"
)

const (
	// checkTimeout is how long each check may take. It is generous, because a busy machine is not a broken one.
	checkTimeout = 5 * time.Second
	// readinessLifetime is how long a result is reused, so that frequent probes cause no load.
	readinessLifetime = time.Second
)

// The statuses of /readyz.
const (
	statusReady    = "ready"
	statusNotReady = "not_ready"
)

func (s *Server) healthz(c *gin.Context) error {
	writeJSON(c, http.StatusOK, gin.H{"status": "ok"})
	return nil
}

// check is the result of one check.
type check struct {
	OK     bool    `json:"ok"`
	Reason *string `json:"reason"`
}

// readyView is the response of /readyz.
type readyView struct {
	Status string `json:"status"` // statusReady or statusNotReady
	Checks struct {
		Database check `json:"database"`
		Temporal check `json:"temporal"`
		// Chain says whether the watcher keeps up with the chain and the nodes agree on what it read.
		Chain check `json:"chain"`
		// Nodes says whether enough Ethereum nodes are usable to credit anything.
		Nodes check `json:"nodes"`
		// Crediting is false while an alarm stops it.
		Crediting check `json:"crediting"`
		// Token is false while nobody can pay: the token is paused, or has moved to a contract that is not watched yet.
		Token check `json:"token"`
	} `json:"checks"`
}

// readiness caches the last result.
type readiness struct {
	mutex sync.Mutex
	view  readyView
	at    time.Time
	asked singleflight.Group // by those who do not wait for the end
}

func (s *Server) readyz(c *gin.Context) error {
	view := s.readyNow(c.Request.Context())
	status := http.StatusOK
	if view.Status != statusReady {
		status = http.StatusServiceUnavailable
	}
	writeJSON(c, status, view)
	return nil
}

// isReadyWithin reports whether the installation is ready, and false if the checks take longer than the limit.
func (s *Server) isReadyWithin(ctx context.Context, limit time.Duration) bool {
	view := s.ready.asked.DoChan("", func() (any, error) { return s.readyNow(ctx), nil })
	select {
	case result := <-view:
		return result.Val.(readyView).Status == statusReady //nolint:forcetypeassert // the function above returns it
	case <-time.After(limit):
		return false
	}
}

func (s *Server) readyNow(ctx context.Context) readyView {
	s.ready.mutex.Lock()
	defer s.ready.mutex.Unlock()
	if time.Since(s.ready.at) < readinessLifetime {
		return s.ready.view
	}
	// Others share the result, so it must not depend on this client's connection.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTimeout)
	defer cancel()
	view := readyView{Status: statusReady}
	var group sync.WaitGroup
	parts := []struct {
		name   string
		result *check
		ask    func(context.Context) error
	}{
		{"database", &view.Checks.Database, s.checkDatabase},
		{"temporal", &view.Checks.Temporal, s.checkEngine},
		{"chain", &view.Checks.Chain, s.checkChain},
		{"nodes", &view.Checks.Nodes, s.checkNodes},
		{"crediting", &view.Checks.Crediting, s.checkCrediting},
		{"token", &view.Checks.Token, s.checkToken},
	}
	for _, part := range parts {
		group.Go(func() {
			err := part.ask(ctx)
			part.result.OK = err == nil
			if err != nil {
				s.Log.WarnContext(ctx, "not ready", "check", part.name, "error", err)
				part.result.Reason = textOrNull(reasonOf(err))
			}
		})
	}
	group.Wait()
	for _, part := range parts {
		if !part.result.OK {
			view.Status = statusNotReady
		}
	}
	s.ready.view, s.ready.at = view, time.Now()
	return view
}

// What is wrong with a database that can be read.
var (
	errDatabaseFull = &failure{code: "database_full", msg: "The database has no room to write; its disk is full."}

	errDatabaseReadOnly = &failure{
		code: "database_read_only", msg: "The database is read-only: it is a standby, or it was closed for writing.",
	}
)

func databaseFailure(err error) *failure {
	switch {
	case errors.Is(err, models.ErrDatabaseFull):
		return errDatabaseFull.because(err)
	case errors.Is(err, models.ErrDatabaseReadOnly):
		return errDatabaseReadOnly.because(err)
	default:
		return errNoDatabase.because(err)
	}
}

func (s *Server) checkDatabase(ctx context.Context) error {
	if err := s.Store.CheckWritable(ctx); err != nil {
		return databaseFailure(err)
	}
	restored, err := s.Store.IsRestored(ctx, models.NetworkERC20)
	if err != nil {
		return errNoDatabase.because(err)
	}
	if restored {
		return errDatabaseRestored
	}
	skew, err := s.Store.ClockSkew(ctx)
	if err != nil {
		return errNoDatabase.because(err)
	}
	if skew > models.MaxClockSkew || skew < -models.MaxClockSkew {
		return &failure{
			code: "clock_skew", msg: fmt.Sprintf("This machine's clock is %s from the database's; the limit is %s.",
				skew.Abs().Round(time.Second), models.MaxClockSkew),
		}
	}
	return nil
}

func (s *Server) checkEngine(ctx context.Context) error {
	if err := s.Engine.Ping(ctx); err != nil {
		return errNoEngine.because(err)
	}
	return nil
}

// checkChain returns an error unless the watcher keeps up: it has read up to the head, the head is recent, and the
// nodes agree.
func (s *Server) checkChain(ctx context.Context) error {
	cursor, err := s.Store.Cursor(ctx, models.NetworkERC20)
	if errors.Is(err, models.ErrNotFound) {
		return &failure{msg: "The chain watcher has not read a block yet." + s.nodesSay(ctx), code: "chain_unread"}
	}
	if err != nil {
		return &failure{msg: "The chain watcher's position cannot be read.", code: "chain_unknown", cause: err}
	}
	if err := s.checkClock(ctx, cursor); err != nil {
		return err
	}
	if age := s.Clock().Sub(cursor.BlockTime).Round(time.Second); age > s.LagLimit {
		return &failure{
			code: "chain_lagging", msg: fmt.Sprintf("The newest block read is %d, from %s ago; the limit is %s.%s",
				cursor.BlockNumber, age, s.LagLimit, s.nodesSay(ctx)),
		}
	}
	limitBlocks := uint64(max(0, s.LagLimit/s.BlockTime))
	if cursor.HeadNumber > cursor.BlockNumber+limitBlocks {
		return &failure{
			code: "chain_lagging",
			msg: fmt.Sprintf("The newest block read is %d, the chain is at %d; the limit is %d blocks.%s",
				cursor.BlockNumber, cursor.HeadNumber, limitBlocks, s.nodesSay(ctx)),
		}
	}
	if cursor.BlockNumber > cursor.AgreedNumber+limitBlocks {
		return &failure{
			code: "chain_unagreed",
			msg: fmt.Sprintf("The newest block read is %d, the nodes agree up to %d; the limit is %d blocks.%s",
				cursor.BlockNumber, cursor.AgreedNumber, limitBlocks, s.nodesSay(ctx)),
		}
	}
	return nil
}

// checkClock returns an error if the clock that payments are made by is behind the chain's, or the clock of the worker
// that watches the chain is wrong.
func (s *Server) checkClock(ctx context.Context, cursor models.ChainCursor) error {
	_, err := s.paymentTime(ctx, models.NetworkERC20, models.MaxHeadAhead)
	if errors.Is(err, models.ErrClockBehind) {
		return &failure{
			code: "clock_skew", cause: err,
			msg: fmt.Sprintf("Block %d, which the nodes agree on, is more than %s in the future by the gateway's clock: "+
				"set that clock.", cursor.AgreedNumber, models.MaxHeadAhead),
		}
	}
	alarms, err := s.Store.OpenAlarms(ctx, models.NetworkERC20)
	if err != nil {
		return &failure{msg: "The alarms cannot be read.", code: "alarms_unknown", cause: err}
	}
	for _, alarm := range alarms {
		if alarm.Kind == models.AlarmClockSkew {
			return &failure{
				code: "clock_skew",
				msg: fmt.Sprintf("The clock of the worker that watches the chain is wrong: alarm %d (%s) says by how much.",
					alarm.ID, alarm.Kind),
			}
		}
	}
	return nil
}

// nodesSay returns a sentence with the words of the first node that has trouble, to be added to another sentence; ""
// when none has. It names no node.
func (s *Server) nodesSay(ctx context.Context) string {
	nodes, err := s.Store.NodeHealth(ctx, models.NetworkERC20)
	if err != nil {
		return ""
	}
	for _, node := range nodes {
		if node.Reason != "" {
			return fmt.Sprintf(" Of node %d: %s.", node.Position+1, strings.TrimRight(node.Reason, "."))
		}
	}
	return ""
}

// nodesMaxAge is how old the report of the watching worker about its nodes may be. It reports every few seconds.
const nodesMaxAge = time.Minute

// isCurrent reports whether a worker reported the node lately. Otherwise nothing is known of it.
func (s *Server) isCurrent(node models.NodeHealth) bool {
	return s.Clock().Sub(node.UpdatedAt) <= nodesMaxAge
}

// checkNodes returns an error unless enough nodes are usable to form a quorum. The error names no node.
func (s *Server) checkNodes(ctx context.Context) error {
	nodes, err := s.Store.NodeHealth(ctx, models.NetworkERC20)
	if err != nil {
		return &failure{msg: "The state of the Ethereum nodes cannot be read.", code: "nodes_unknown", cause: err}
	}
	if len(nodes) == 0 {
		return &failure{msg: "No worker has reported its Ethereum nodes yet.", code: "nodes_unknown"}
	}
	usable, newest := 0, time.Time{}
	for _, node := range nodes {
		if node.State.IsUsable() {
			usable++
		}
		if node.UpdatedAt.After(newest) {
			newest = node.UpdatedAt
		}
	}
	if age := s.Clock().Sub(newest).Round(time.Second); age > nodesMaxAge {
		return &failure{code: "nodes_unknown", msg: fmt.Sprintf("No worker has reported its Ethereum nodes for %s.", age)}
	}
	if needed := models.Quorum(s.Quorum, len(nodes)); usable < needed {
		return &failure{
			code: "quorum_missing",
			msg: fmt.Sprintf("%d of %d Ethereum nodes are usable, and %d must agree before anything is credited or expires.%s",
				usable, len(nodes), needed, s.nodesSay(ctx)),
		}
	}
	return nil
}

// checkCrediting returns an error if an open alarm halts crediting.
func (s *Server) checkCrediting(ctx context.Context) error {
	alarms, err := s.Store.OpenAlarms(ctx, models.NetworkERC20)
	if err != nil {
		return &failure{msg: "The alarms cannot be read.", code: "alarms_unknown", cause: err}
	}
	for _, alarm := range alarms {
		if alarm.Kind.HaltsCrediting() {
			return &failure{
				code: "crediting_stopped",
				msg: fmt.Sprintf("Crediting is halted by alarm %d (%s) until an admin resolves it.", alarm.ID,
					alarm.Kind),
			}
		}
	}
	return nil
}

// checkToken returns an error while nobody can pay, as the nodes agree.
func (s *Server) checkToken(ctx context.Context) error {
	token, err := s.Store.TokenCondition(ctx, models.NetworkERC20)
	switch {
	case err != nil:
		return &failure{msg: "The state of the token cannot be read.", code: "token_unknown", cause: err}
	case token.Paused:
		return &failure{code: "token_paused", msg: "The token is paused: nobody can pay, and no payment's window runs out."}
	case token.Unfollowed != "":
		return &failure{
			code: "token_deprecated",
			msg: fmt.Sprintf("The token is deprecated in favour of %s, which is not watched yet: no payment is created, and "+
				"no window runs out.", token.Unfollowed),
		}
	}
	return nil
}

// reasonOf returns the public reason why a check failed.
func reasonOf(err error) string { return asFailure(err).msg }
