package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"paycow/internal/secrets"
	"paycow/models"
	"paycow/store"
	"paycow/views"
)

func (s *Server) adminMe(c *gin.Context) error {
	who := personOfRequest(c)
	writeJSON(c, http.StatusOK, gin.H{
		"email": who.account.Email, "totpEnabled": who.account.HasTOTP(),
		"recoveryCodesLeft": s.recoveryCodesLeft(c, who.account), "secondFactorRequired": s.needsFactor(who),
		"temporalUiUrl": textOrNull(s.TemporalUIURL), "limits": s.allowed(models.Operator{}),
	})
	return nil
}

// temporalURL returns the address of a workflow or a schedule in Temporal's web UI, nil if no UI is configured. kind is
// "workflows" or "schedules".
func (s *Server) temporalURL(kind, id string) *string {
	if s.TemporalUIURL == "" {
		return nil
	}
	address := s.TemporalUIURL + "/namespaces/" + url.PathEscape(s.TemporalNamespace) +
		"/" + kind + "/" + url.PathEscape(id)
	return &address
}

// adminOperatorView is an operator as shown to admins.
type adminOperatorView struct {
	ID    string `json:"id"`
	Email string `json:"email"`
	// EmailVerified is false until the owner of the e-mail address has set a password with the link.
	EmailVerified bool                  `json:"emailVerified"`
	Name          string                `json:"name"`
	Website       string                `json:"website"`
	Status        models.OperatorStatus `json:"status"`
	StatusReason  string                `json:"statusReason"`
	CreatedAt     instant               `json:"createdAt"`
	Payments      int64                 `json:"payments"`
	Volume        models.Amount         `json:"volume"`
	UnpaidRun     int64                 `json:"unpaidRun"`
	Limits        ownLimits             `json:"limits"`
}

func newAdminOperatorView(o store.ListedOperator) adminOperatorView {
	return adminOperatorView{
		ID: o.ID, Email: o.Email, EmailVerified: o.EmailVerifiedAt != nil, Name: o.Name, Website: o.Website,
		Status: o.Status, StatusReason: o.StatusReason,
		CreatedAt: instant(o.CreatedAt), Payments: o.Payments, Volume: o.Volume, UnpaidRun: o.UnpaidRun,
		Limits: ownLimits(o.Limits),
	}
}

var operatorColumns = []column{
	{"id", "Operator id"},
	{"name", "Name"},
	{"email", "E-mail"},
	{"emailVerified", "E-mail verified"},
	{"website", "Website"},
	{"status", "Status"},
	{"statusReason", "Reason"},
	{"createdAt", "Since (UTC)"},
	{"payments", "Payments"},
	{"volume", "Volume, USDT"},
	{"unpaidRun", "Unpaid in a row"},
}

func (v adminOperatorView) cells() []string {
	return []string{
		v.ID, harmless(v.Name), harmless(v.Email), strconv.FormatBool(v.EmailVerified), harmless(v.Website),
		string(v.Status), harmless(v.StatusReason), v.CreatedAt.String(), strconv.FormatInt(v.Payments, 10),
		v.Volume.String(), strconv.FormatInt(v.UnpaidRun, 10),
	}
}

func (s *Server) adminOperators(c *gin.Context) error {
	query, err := parseQuery(c.Request.URL, "status", "search", "waiting", "cursor", "limit", csvStyle)
	if err != nil {
		return err
	}
	filter := store.OperatorFilter{
		Status: models.OperatorStatus(query["status"]), Search: strings.TrimSpace(query["search"]),
	}
	known := []models.OperatorStatus{
		models.OperatorPending, models.OperatorActive, models.OperatorSuspended,
		models.OperatorRejected,
	}
	if filter.Status != "" && !slices.Contains(known, filter.Status) {
		return invalid("status", "invalid_parameter", "status must be one of %s.", listOf(known))
	}
	if filter.Waiting, err = query.boolean("waiting"); err != nil {
		return err
	}
	limit, err := query.limit()
	if err != nil {
		return err
	}
	page := func(ctx context.Context, cursor string, limit int) (rows []adminOperatorView, next string, err error) {
		filter.Cursor, filter.Limit = cursor, limit
		operators, next, err := s.Store.ListOperators(ctx, filter)
		if err != nil {
			return nil, "", fmt.Errorf("list the operators: %w", err)
		}
		rows = make([]adminOperatorView, len(operators))
		for i, o := range operators {
			rows[i] = newAdminOperatorView(o)
		}
		return rows, next, nil
	}
	return writeList(s, c, list[adminOperatorView]{"operators", "operators.csv", operatorColumns, page}, query["cursor"],
		limit)
}

// operatorChange is a change of an operator's status by an admin.
type operatorChange struct {
	from   []models.OperatorStatus
	to     models.OperatorStatus
	action string // in the audit log
	// needsReason says that a reason is required, which the operator sees.
	needsReason bool
}

var operatorChanges = map[string]operatorChange{
	"approve": {[]models.OperatorStatus{models.OperatorPending}, models.OperatorActive, "operator_approved", false},
	"reject":  {[]models.OperatorStatus{models.OperatorPending}, models.OperatorRejected, "operator_rejected", true},
	"suspend": {[]models.OperatorStatus{models.OperatorActive}, models.OperatorSuspended, "operator_suspended", true},
	"reactivate": {
		[]models.OperatorStatus{models.OperatorSuspended},
		models.OperatorActive, "operator_reactivated",
		false,
	},
}

var errUnknownOperator = &failure{
	status: http.StatusNotFound, code: "operator_not_found", msg: "No operator has this id.",
}

func (s *Server) changeOperator(name string) func(*gin.Context) error {
	change := operatorChanges[name]
	return func(c *gin.Context) error {
		id := c.Param("id")
		if !isLowerHex(id, 24) {
			return errUnknownOperator
		}
		known := []string{"reason"}
		if name == "approve" {
			known = append(known, "createdAt")
		}
		body, err := readFields(c, known...)
		if err != nil {
			return err
		}
		applied, err := appliedAt(body)
		if err != nil {
			return err
		}
		reason := ""
		if _, isThere := body["reason"]; isThere || change.needsReason {
			if reason, err = body.text("reason", 1, maxReasonRunes); err != nil {
				return err
			}
		}
		var first *models.Credential
		if name == "approve" {
			credential, _, err := secrets.NewCredential(id, s.MasterKey)
			if err != nil {
				return fmt.Errorf("create the first credential: %w", err)
			}
			first = &credential
		}
		entry := auditOf(c, personOfRequest(c).account, change.action, "%s", reason)
		entry.Subject = "operator:" + id
		operator, err := s.Store.ChangeOperator(c.Request.Context(), id, change.from, change.to, reason, applied, first,
			entry)
		switch {
		case errors.Is(err, models.ErrChangedMeanwhile):
			return conflict("changed_meanwhile", "A newer application has replaced the one that you saw.")
		case errors.Is(err, models.ErrNotFound):
			return errUnknownOperator.because(err)
		case errors.Is(err, models.ErrAlreadyExists):
			return errEmailTaken
		case errors.Is(err, models.ErrNotPossible):
			return conflict("not_possible",
				fmt.Sprintf("Only an operator that is %s can be changed in this way; this one is %s.",
					listOf(change.from), operator.Status))
		case err != nil:
			return fmt.Errorf("change the operator: %w", err)
		}
		view := struct {
			adminOperatorView
			*approvalLink
		}{adminOperatorView: newAdminOperatorView(store.ListedOperator{Operator: operator})}
		if name == "approve" && operator.EmailVerifiedAt == nil {
			if view.approvalLink, err = s.sendApprovalLink(c, operator); err != nil {
				return err
			}
		}
		writeJSON(c, http.StatusOK, view)
		return nil
	}
}

// appliedAt returns when the application was made that the admin has seen, nil if the request does not say.
func appliedAt(body fields) (*time.Time, error) {
	if _, isThere := body["createdAt"]; !isThere {
		return nil, nil //nolint:nilnil // any application
	}
	text, err := body.text("createdAt", 1, 40)
	if err != nil {
		return nil, err
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return nil, invalid("createdAt", "invalid_field", "createdAt must be a time such as 2026-03-12T21:30:00.000Z.")
	}
	return &at, nil
}

// approvalLink says how the owner of an account that was approved gets the link with which they set their password.
type approvalLink struct {
	// MailedTo is the e-mail address that the link was sent to, null if it was not.
	MailedTo *string `json:"mailedTo"`
	// URL is the link, for the admin to pass on, null if it was mailed. MailProblem says why it was not.
	URL         *string `json:"url"`
	MailProblem *string `json:"mailProblem"`
}

// sendApprovalLink makes the link with which an operator sets the first password. It is mailed, which shows that the
// e-mail address belongs to whoever uses it; where that is not possible, the admin passes it on.
func (s *Server) sendApprovalLink(c *gin.Context, operator models.Operator) (*approvalLink, error) {
	account := models.Account{Role: models.RoleOperator, ID: operator.ID, Email: operator.Email}
	link, _, err := s.newPasswordLink(c, account)
	if err != nil {
		return nil, err
	}
	if s.Mail == nil {
		return &approvalLink{URL: &link}, nil
	}
	mailedTo, problem := s.mailLink(c, operator.ID, operator.Email, "Your PayCow account is approved",
		approvalText(operator.Name, link))
	if problem != nil {
		return &approvalLink{URL: &link, MailProblem: problem}, nil
	}
	return &approvalLink{MailedTo: mailedTo}, nil
}

// mailLink mails a link and returns to whom, or why it was not mailed.
func (s *Server) mailLink(c *gin.Context, operatorID, to, subject, text string) (mailedTo, problem *string) {
	if err := s.Mail(c.Request.Context(), to, subject, text); err != nil {
		s.Log.WarnContext(c, "cannot send a link", "request_id", requestID(c), "operator_id", operatorID, "error", err)
		return nil, new("The mail server did not take the message.")
	}
	return &to, nil
}

// approvalText is the message with the link. It contains nothing that somebody who registered another person's address
// could have chosen, except the name of the shop.
func approvalText(name, link string) string {
	return fmt.Sprintf("The account for %s was approved.\n\n"+
		"Set your password here. The link works once, for 24 hours:\n\n%s\n\n"+
		"If you did not apply for an account, ignore this message.\n", name, link)
}

// deleteOperator deletes an application whose e-mail address was never verified.
func (s *Server) deleteOperator(c *gin.Context) error {
	id := c.Param("id")
	if !isLowerHex(id, 24) {
		return errUnknownOperator
	}
	if _, err := readFields(c); err != nil {
		return err
	}
	operator, err := s.Store.Operator(c.Request.Context(), id)
	if err == nil {
		entry := auditOf(c, personOfRequest(c).account, "registration_deleted", "Deleted the application of %s.",
			operator.Email)
		entry.Subject = "operator:" + id
		err = s.Store.DeleteRegistration(c.Request.Context(), id, entry)
	}
	switch {
	case errors.Is(err, models.ErrNotFound):
		return errUnknownOperator.because(err)
	case errors.Is(err, models.ErrNotPossible):
		return conflict("not_possible",
			"Only an operator without payments whose e-mail address was never verified can be deleted.")
	case err != nil:
		return fmt.Errorf("delete the application: %w", err)
	}
	c.Status(http.StatusNoContent)
	return nil
}

// adminPayment is a payment in the list for admins.
type adminPayment struct {
	listedPayment
	OperatorID    string  `json:"operatorId"`
	OperatorEmail string  `json:"operatorEmail"`
	WorkflowURL   *string `json:"workflowUrl"`
}

func (s *Server) adminPayments(c *gin.Context) error {
	filter, err := parsePaymentFilter(c.Request.URL, "operatorId")
	if err != nil {
		return err
	}
	filter.EveryOperator = true
	emails := map[string]string{}
	page := func(ctx context.Context, cursor string, limit int) (rows []adminPayment, next string, err error) {
		filter.Cursor, filter.Limit = cursor, limit
		listed, next, err := s.listPage(ctx, filter)
		if err != nil {
			return nil, "", err
		}
		rows = make([]adminPayment, len(listed))
		for i, p := range listed {
			email, err := s.emailOfOperator(ctx, emails, p.operatorID)
			if err != nil {
				return nil, "", err
			}
			rows[i] = adminPayment{p, p.operatorID, email, s.temporalURL("workflows", models.PaymentWorkflowID(p.ID))}
		}
		return rows, next, nil
	}
	return writeList(s, c, list[adminPayment]{"payments", "payments.csv", adminPaymentColumns, page}, filter.Cursor,
		filter.Limit)
}

// adminPaymentColumns are those of an operator's list, and whose payment it is.
var adminPaymentColumns = append(slices.Clone(paymentColumns),
	column{"operatorId", "Operator id"}, column{"operatorEmail", "Operator"})

func (p adminPayment) cells() []string {
	return append(p.listedPayment.cells(), p.OperatorID, harmless(p.OperatorEmail))
}

func (s *Server) emailOfOperator(ctx context.Context, known map[string]string, id string) (string, error) {
	if email, ok := known[id]; ok {
		return email, nil
	}
	operator, err := s.Store.Operator(ctx, id)
	if err != nil {
		return "", fmt.Errorf("read the operator: %w", err)
	}
	known[id] = operator.Email
	return operator.Email, nil
}

func (s *Server) adminPayment(c *gin.Context) error {
	id, err := paymentIDOf(c)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	row, err := s.Store.Payment(ctx, id)
	if err != nil {
		return fmt.Errorf("read the payment: %w", err)
	}
	view, err := s.newOperatorView(ctx, row.OperatorID, id)
	if err != nil {
		return err
	}
	email, err := s.emailOfOperator(ctx, map[string]string{}, row.OperatorID)
	if err != nil {
		return err
	}
	writeJSON(c, http.StatusOK, struct {
		views.OperatorPayment
		OperatorID    string  `json:"operatorId"`
		OperatorEmail string  `json:"operatorEmail"`
		WorkflowURL   *string `json:"workflowUrl"`
	}{view, row.OperatorID, email, s.temporalURL("workflows", models.PaymentWorkflowID(id))})
	return nil
}

// adminHealth reports the checks of /readyz and, beyond them, chain positions, nodes and queues.
func (s *Server) adminHealth(c *gin.Context) error {
	ctx := c.Request.Context()
	ready := s.readyNow(ctx)
	cursor, err := s.Store.Cursor(ctx, models.NetworkERC20)
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		return fmt.Errorf("read the chain cursor: %w", err)
	}
	nodes, err := s.Store.NodeHealth(ctx, models.NetworkERC20)
	if err != nil {
		return fmt.Errorf("read the nodes: %w", err)
	}
	queues, err := s.Store.QueueFigures(ctx, cursor.BlockNumber)
	if err != nil {
		return fmt.Errorf("read the queues: %w", err)
	}
	nodeViews := make([]gin.H, 0, len(nodes))
	for _, node := range nodes {
		nodeViews = append(nodeViews, newNodeView(node, s.isCurrent(node)))
	}
	lag := uint64(0)
	if cursor.HeadNumber > cursor.BlockNumber {
		lag = cursor.HeadNumber - cursor.BlockNumber
	}
	writeJSON(c, http.StatusOK, gin.H{
		"status": ready.Status, "checks": ready.Checks,
		"chain": gin.H{
			"head": cursor.HeadNumber, "read": cursor.BlockNumber, "agreed": cursor.AgreedNumber,
			"finalized": cursor.FinalizedNumber,
			"lagBlocks": lag, "readAt": instantOrNull(cursor.UpdatedAt), "blockTime": instantOrNull(cursor.BlockTime),
		},
		"nodes": nodeViews, "queues": gin.H{
			"unstarted": queues.Unstarted, "unsignalled": queues.Unsignalled, "unpaidRun": queues.UnpaidRun,
		},
		"watcherUrl":        s.temporalURL("workflows", models.ChainWatchWorkflowID(models.NetworkERC20)),
		"reconciliationUrl": s.temporalURL("schedules", models.ReconciliationScheduleID(models.NetworkERC20)),
	})
	return nil
}

// instantOrNull returns nil for the zero time.
func instantOrNull(at time.Time) *instant {
	if at.IsZero() {
		return nil
	}
	kept := instant(at)
	return &kept
}

// alarmView is an alarm as shown to admins.
type alarmView struct {
	ID             int64            `json:"id"`
	Kind           models.AlarmKind `json:"kind"`
	Subject        string           `json:"subject"`
	Message        string           `json:"message"`
	Count          int64            `json:"count"`
	RaisedAt       instant          `json:"raisedAt"`
	LastAt         instant          `json:"lastAt"`
	ResolvedAt     *instant         `json:"resolvedAt"`
	ResolvedBy     *string          `json:"resolvedBy"`
	Resolution     *string          `json:"resolution"`
	HaltsCrediting bool             `json:"haltsCrediting"`
}

func (s *Server) adminAlarms(c *gin.Context) error {
	query, err := parseQuery(c.Request.URL, "open", "cursor", "limit")
	if err != nil {
		return err
	}
	open, err := query.boolean("open")
	if err != nil {
		return err
	}
	limit, err := query.limit()
	if err != nil {
		return err
	}
	alarms, next, err := s.Store.ListAlarms(c.Request.Context(), store.AlarmFilter{
		Network: models.NetworkERC20, Open: open, Cursor: query["cursor"], Limit: limit,
	})
	if err != nil {
		return fmt.Errorf("list the alarms: %w", err)
	}
	views := make([]alarmView, 0, len(alarms))
	for _, a := range alarms {
		view := alarmView{
			ID: a.ID, Kind: a.Kind, Subject: a.Subject, Message: a.Message, Count: a.Count,
			RaisedAt: instant(a.RaisedAt), LastAt: instant(a.LastAt),
			ResolvedBy: textOrNull(a.ResolvedBy), Resolution: textOrNull(a.Resolution),
			HaltsCrediting: a.Kind.HaltsCrediting(),
		}
		if a.ResolvedAt != nil {
			view.ResolvedAt = instantOrNull(*a.ResolvedAt)
		}
		views = append(views, view)
	}
	writeJSON(c, http.StatusOK, gin.H{"alarms": views, "nextCursor": textOrNull(next)})
	return nil
}

func (s *Server) resolveAlarm(c *gin.Context) error {
	unknown := &failure{status: http.StatusNotFound, code: "alarm_not_found", msg: "No open alarm has this number."}
	id, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil {
		return unknown.because(err)
	}
	body, err := readFields(c, "resolution")
	if err != nil {
		return err
	}
	resolution, err := body.text("resolution", 1, maxReasonRunes)
	if err != nil {
		return err
	}
	who := personOfRequest(c)
	err = s.Store.ResolveAlarm(c.Request.Context(), id, who.account.Actor(), c.ClientIP(), resolution)
	if errors.Is(err, models.ErrNotFound) {
		return unknown.because(err)
	}
	if err != nil {
		return fmt.Errorf("resolve the alarm: %w", err)
	}
	c.Status(http.StatusNoContent)
	return nil
}

// newNodeView shows what a worker last reported about one of its Ethereum nodes.
func newNodeView(node models.NodeHealth, isCurrent bool) gin.H {
	return gin.H{
		"name": node.Name, "state": node.State, "usable": node.State.IsUsable(), "reason": node.Reason, "head": node.Head,
		"latencyMillis": node.LatencyMillis, "since": instant(node.Since), "updatedAt": instant(node.UpdatedAt),
		"current": isCurrent,
	}
}
