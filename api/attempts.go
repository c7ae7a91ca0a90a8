package api

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"paycow/internal/secrets"
	"paycow/models"
	"paycow/store"
)

// The number of attempts allowed in store.AttemptsWindow.
const (
	// maxAttemptsPerAccount are those for one account from one network, from one known device, or by one person who is
	// logged in.
	maxAttemptsPerAccount = 10
	// maxAttemptsPerNetwork are those of one network, for any accounts.
	maxAttemptsPerNetwork = 60
	// maxAttemptsFromAnywhere are those for one account from all devices that it is not known on. It slows down guessing
	// from many networks; devices on which the account was logged in to before are let through.
	maxAttemptsFromAnywhere = 100
	// maxRegistrations are the applications of one network.
	maxRegistrations = 20
	// maxInvitations are the links that one operator sends to its team. They go to any e-mail address.
	maxInvitations = 20
)

// The actions of the audit log when a limit of one account is reached.
const (
	loginLimited      = "login_limited"
	invitationLimited = "invitation_limited"
)

// attempt is an attempt to log in, to register or to confirm an action.
type attempt struct {
	counters []counter // in the order in which they are counted
	role     models.Role
	email    string
}

// counter counts attempts under a name.
type counter struct {
	name  string
	limit int64
	// resets is true when an attempt that succeeded begins the count anew.
	resets bool
	// action and detail are what the audit log says when the limit is reached.
	action, detail string
}

func networkCounter(network string) counter {
	return counter{
		name: "address:" + network, limit: maxAttemptsPerNetwork, action: "address_limited",
		detail: "Too many attempts from this network address.",
	}
}

func accountCounter(name string, limit int64, resets bool) counter {
	return counter{
		name: name, limit: limit, resets: resets, action: loginLimited, detail: "Too many attempts for this account.",
	}
}

// loginAttempt returns the attempt to log in to an account, which need not exist. Counters' names hold a hash of the
// e-mail address, because people sometimes type their password there.
//
// Others cannot keep the account's owner out: what they try is counted for their networks, and from wherever they try,
// devices on which the owner has logged in before have a counter of their own.
func (s *Server) loginAttempt(c *gin.Context, role models.Role, email string, account models.Account) attempt {
	name := accountCounterName(role, email)
	network := networkOf(c.ClientIP())
	try := attempt{role: role, email: email, counters: []counter{networkCounter(network)}}
	if device := s.knownDevice(c, account); device != "" {
		try.counters = append(try.counters, accountCounter("device:"+device, maxAttemptsPerAccount, true))
		return try
	}
	try.counters = append(
		try.counters,
		accountCounter(name+"@"+network, maxAttemptsPerAccount, true),
		accountCounter(name, maxAttemptsFromAnywhere, false),
	)
	return try
}

// The names of an account's counters. One network's counter of logins adds "@" and the network.
func accountCounterName(role models.Role, email string) string {
	if role == models.RoleMember { // members log in where operators do
		role = models.RoleOperator
	}
	sum := sha256.Sum256([]byte(email))
	return "account:" + string(role) + ":" + hex.EncodeToString(sum[:16])
}

func codeCounterName(account models.Account) string {
	return "code:" + string(account.Role) + ":" + account.ID
}

func confirmCounterName(account models.Account) string {
	return "confirm:" + string(account.Role) + ":" + account.ID
}

// AccountCounters returns the names of all counters of attempts of an account, except those of known devices. Deleting
// them unlocks the account.
func AccountCounters(account models.Account) []string {
	return []string{
		accountCounterName(account.Role, account.Email), codeCounterName(account), confirmCounterName(account),
	}
}

// codeAttempt returns the attempt to give a second factor's code after the right password. It is counted for the
// account alone, from wherever it comes: a code has only a million values.
func codeAttempt(account models.Account) attempt {
	return attempt{
		counters: []counter{accountCounter(codeCounterName(account), maxAttemptsPerAccount, true)},
		role:     account.Role, email: account.Email,
	}
}

// registration returns the attempt to register. It is counted apart from logins, so that nobody can use it to keep an
// account's owner out.
func registration(c *gin.Context, email string) attempt {
	return attempt{role: models.RoleOperator, email: email, counters: []counter{{
		name: "register:" + networkOf(c.ClientIP()), limit: maxRegistrations, action: "registration_limited",
		detail: "Too many registrations from this network address.",
	}}}
}

// invitation returns the attempt to send a link to a member. A successful one counts too.
func invitation(account models.Account) attempt {
	return attempt{role: account.Role, email: account.Email, counters: []counter{{
		name: "invite:" + account.OperatorID, limit: maxInvitations, action: invitationLimited,
		detail: "Too many invitations to the team.",
	}}}
}

// confirmAttempt returns the attempt to confirm an action. It is counted apart from logins, so that failed logins by
// others cannot keep a logged-in person from changing a password or a key.
func confirmAttempt(c *gin.Context, account models.Account) attempt {
	return attempt{role: account.Role, email: account.Email, counters: []counter{
		networkCounter(networkOf(c.ClientIP())),
		accountCounter(confirmCounterName(account), maxAttemptsPerAccount, true),
	}}
}

// countAttempt counts an attempt and returns a 429 if there were too many. The network is checked first, so that a
// blocked one cannot use up the attempts of the accounts it names.
func (s *Server) countAttempt(c *gin.Context, try attempt) error {
	for _, counter := range try.counters {
		tries, until, err := s.Store.CountAttempt(c.Request.Context(), counter.name)
		if err != nil {
			return fmt.Errorf("count the attempt: %w", err)
		}
		if tries <= counter.limit {
			continue
		}
		if tries == counter.limit+1 {
			entry := models.AuditEntry{
				Actor: models.ActorSystem, Action: counter.action, Detail: counter.detail, Address: c.ClientIP(),
			}
			kind, _, _ := strings.Cut(counter.name, ":")
			if err := s.auditLimit(c, try, kind, entry); err != nil {
				return err
			}
		}
		return &failure{
			status: http.StatusTooManyRequests, code: "too_many_attempts", retryAfter: max(time.Second, time.Until(until)),
			msg: "Too many attempts; please try again later.",
		}
	}
	return nil
}

// forgetAttempt begins the counts of an attempt that succeeded anew.
func (s *Server) forgetAttempt(c *gin.Context, try attempt) error {
	for _, counter := range try.counters {
		if !counter.resets {
			continue
		}
		if err := s.Store.ForgetAttempts(c.Request.Context(), counter.name); err != nil {
			return fmt.Errorf("reset the attempts: %w", err)
		}
	}
	return nil
}

// auditLimit records that a limit was reached, and for which account if it exists. The e-mail address of an unknown
// account is not recorded, because people sometimes type their password there.
//
// An account has one such line in each window for each kind of counter. All networks and all unknown accounts have one
// together, because a stranger can use any number of them.
func (s *Server) auditLimit(c *gin.Context, try attempt, kind string, entry models.AuditEntry) error {
	ctx := c.Request.Context()
	account, err := s.Store.AccountByEmail(ctx, try.role, try.email)
	switch {
	case err == nil:
		entry.Subject = account.Subject()
	case errors.Is(err, models.ErrNotFound):
		entry.Subject = string(try.role) + ":unknown"
	default:
		return fmt.Errorf("read the account: %w", err)
	}
	s.Log.WarnContext(c, "too many attempts to log in", "request_id", requestID(c), "account", entry.Subject, "address",
		entry.Address)
	name := "limited:" + kind + ":" + entry.Subject
	if account.ID == "" || entry.Action != loginLimited && entry.Action != invitationLimited {
		name = "limited:unknown"
		entry.Detail += fmt.Sprintf(" Further networks and unknown accounts in the next %d minutes are only in the process "+
			"log.", int(store.AttemptsWindow.Minutes()))
	}
	lines, _, err := s.Store.CountAttempt(ctx, name)
	if err != nil {
		return fmt.Errorf("count the lines about limits: %w", err)
	}
	if lines > 1 {
		return nil
	}
	if err := s.Store.Audit(ctx, entry); err != nil {
		return fmt.Errorf("write the audit log: %w", err)
	}
	return nil
}

// deviceCookieAge is how long a browser keeps the cookie that makes it a known device.
const deviceCookieAge = 180 * 24 * time.Hour

// deviceCookieName is prefixed like the session's cookie.
func (s *Server) deviceCookieName() string {
	if s.isHTTPS {
		return "__Host-paycow_device"
	}
	return "paycow_device"
}

// knownDevice returns the id of the device if the account was logged in to from it before, else "".
func (s *Server) knownDevice(c *gin.Context, account models.Account) string {
	cookie, err := c.Request.Cookie(s.deviceCookieName())
	if err != nil || account.ID == "" || len(cookie.Value) > maxCredentialBytes {
		return ""
	}
	return secrets.DeviceID(cookie.Value, account, s.MasterKey)
}

// rememberDevice makes the browser a known device of the account.
func (s *Server) rememberDevice(c *gin.Context, account models.Account) {
	if s.knownDevice(c, account) != "" {
		return
	}
	token := secrets.NewDeviceToken(account, s.MasterKey)
	if token == "" {
		return
	}
	//nolint:gosec // without https, as in development, no browser would keep a secure one
	http.SetCookie(c.Writer, &http.Cookie{
		Name: s.deviceCookieName(), Value: token, Path: "/", HttpOnly: true, Secure: s.isHTTPS,
		SameSite: http.SameSiteLaxMode, MaxAge: int(deviceCookieAge.Seconds()),
	})
}

// networkOf returns what a provider typically assigns to one customer: an IPv4 address, or the /64 prefix of an IPv6
// address.
func networkOf(address string) string {
	parsed, err := netip.ParseAddr(address)
	if err != nil || parsed.Unmap().Is4() {
		return address
	}
	prefix, err := parsed.Prefix(64)
	if err != nil {
		return address
	}
	return prefix.String()
}
