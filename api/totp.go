package api

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"paycow/internal/secrets"
	"paycow/models"
	"paycow/web"
)

// sealOwner returns the owner under which an account's second factor is sealed.
func sealOwner(account models.Account) string {
	return models.TOTPOwner(account.Role, account.ID)
}

// totpDigits is how many digits a code of the app has. A recovery code is longer.
const totpDigits = 6

// useCode checks a code of the account's second factor, or one of its recovery codes, and marks it as used. Returns
// errLoginFailed if it is wrong or was used before.
func (s *Server) useCode(c *gin.Context, account models.Account, code string) error {
	if len(code) > totpDigits {
		return s.useRecoveryCode(c, account, code)
	}
	ctx := c.Request.Context()
	step, err := s.matchCode(account, account.TOTPSealed, code)
	if err != nil {
		return err
	}
	fresh, err := s.Store.UseTOTPStep(ctx, account, step)
	if err != nil {
		return fmt.Errorf("mark the code as used: %w", err)
	}
	if !fresh {
		return errLoginFailed.because(errors.New("the code was used before"))
	}
	return nil
}

// useRecoveryCode checks one of the account's recovery codes and marks it as used.
func (s *Server) useRecoveryCode(c *gin.Context, account models.Account, code string) error {
	hashes, err := s.openRecovery(account)
	if err != nil {
		return err
	}
	left, ok := secrets.UseRecoveryCode(hashes, code)
	if !ok {
		return errLoginFailed.because(errors.New("the recovery code is wrong or was used before"))
	}
	sealed, err := secrets.Seal(models.RecoveryOwner(account.Role, account.ID), left, s.MasterKey)
	if err != nil {
		return fmt.Errorf("seal the recovery codes: %w", err)
	}
	err = s.Store.UseRecoveryCode(c.Request.Context(), account, sealed,
		auditOf(c, account, "recovery_code_used", "Used a recovery code; %d are left.", secrets.RecoveryCodesLeft(left)))
	if errors.Is(err, models.ErrNotFound) {
		return errLoginFailed.because(errors.New("the recovery codes were changed in the meantime"))
	}
	if err != nil {
		return fmt.Errorf("mark the recovery code as used: %w", err)
	}
	return nil
}

// openRecovery returns what recognises the account's recovery codes, "" if it has none.
func (s *Server) openRecovery(account models.Account) (hashes string, err error) {
	if len(account.RecoverySealed) == 0 {
		return "", nil
	}
	hashes, err = secrets.Open(models.RecoveryOwner(account.Role, account.ID), account.RecoverySealed, s.MasterKey)
	if err != nil {
		return "", fmt.Errorf("open the recovery codes of %s: %w", account.Actor(), err)
	}
	return hashes, nil
}

// recoveryCodesLeft returns how many recovery codes the account has. Codes that do not open count as none.
func (s *Server) recoveryCodesLeft(c *gin.Context, account models.Account) int {
	hashes, err := s.openRecovery(account)
	if err != nil {
		s.Log.WarnContext(c, "the recovery codes do not open", "error", err)
	}
	return secrets.RecoveryCodesLeft(hashes)
}

// newRecoveryCodes returns new recovery codes, and what to store.
func (s *Server) newRecoveryCodes(account models.Account) (codes []string, sealed []byte, err error) {
	codes, hashes := secrets.NewRecoveryCodes()
	sealed, err = secrets.Seal(models.RecoveryOwner(account.Role, account.ID), hashes, s.MasterKey)
	if err != nil {
		return nil, nil, fmt.Errorf("seal the recovery codes: %w", err)
	}
	return codes, sealed, nil
}

// matchCode returns the time step to which a code of a sealed secret belongs. Returns errLoginFailed if the code is
// wrong.
func (s *Server) matchCode(account models.Account, sealed []byte, code string) (step int64, err error) {
	secret, err := secrets.Open(sealOwner(account), sealed, s.MasterKey)
	if err != nil {
		return 0, fmt.Errorf("open the second factor of %s: %w", account.Actor(), err)
	}
	step, ok, err := secrets.MatchTOTP(secret, code, s.Clock())
	if err != nil {
		return 0, err
	}
	if !ok {
		return 0, errLoginFailed.because(errors.New("the code is wrong"))
	}
	return step, nil
}

var errTOTPCode = &failure{
	status: http.StatusForbidden, code: "wrong_code", field: "code", msg: "The code is wrong or was used before.",
}

var errFactorOff = conflict("totp_not_enabled", "The second factor is not enabled.")

var errFactorChanged = &failure{
	status: http.StatusConflict, code: "changed_meanwhile", msg: "The second factor was changed in the meantime.",
}

// startTOTP returns a new secret, which takes effect once a code has confirmed it.
func (s *Server) startTOTP(c *gin.Context) error {
	who := personOfRequest(c)
	body, err := readFields(c, "password")
	if err != nil {
		return err
	}
	if err := s.confirm(c, who, body, "password"); err != nil {
		return err
	}
	if who.account.HasTOTP() {
		return conflict("totp_enabled", "The second factor is already enabled.")
	}
	secret, uri, err := secrets.NewTOTP(who.account.Email)
	if err != nil {
		return err
	}
	sealed, err := secrets.Seal(sealOwner(who.account), secret, s.MasterKey)
	if err != nil {
		return fmt.Errorf("seal the second factor: %w", err)
	}
	err = s.Store.OfferTOTP(c.Request.Context(), who.account, sealed)
	if errors.Is(err, models.ErrNotFound) {
		return errFactorChanged.because(err)
	}
	if err != nil {
		return fmt.Errorf("store the second factor: %w", err)
	}
	picture, err := web.QRPicture(uri)
	if err != nil {
		return err
	}
	writeJSON(c, http.StatusOK, gin.H{"secret": secret, "uri": uri, "qrSvg": picture})
	return nil
}

func (s *Server) enableTOTP(c *gin.Context) error {
	who := personOfRequest(c)
	body, err := readFields(c, "code", "recoveryCodes")
	if err != nil {
		return err
	}
	code, err := codeOf(body)
	if err != nil {
		return err
	}
	wantsCodes, err := body.flag("recoveryCodes")
	if err != nil {
		return err
	}
	if len(who.account.TOTPPending) == 0 || who.account.HasTOTP() {
		return conflict("totp_not_started", "Setting up the second factor has not been started.")
	}
	if err := s.countAttempt(c, confirmAttempt(c, who.account)); err != nil {
		return err
	}
	step, err := s.matchCode(who.account, who.account.TOTPPending, code)
	if isFailure(err, errLoginFailed.code) {
		return errTOTPCode.because(err)
	}
	if err != nil {
		return err
	}
	var codes []string
	var recovery []byte
	if wantsCodes {
		if codes, recovery, err = s.newRecoveryCodes(who.account); err != nil {
			return err
		}
	}
	err = s.Store.EnableTOTP(c.Request.Context(), who.account, step, recovery, who.tokenHash,
		auditOf(c, who.account, "totp_enabled", "Enabled the second factor; all other sessions ended."))
	if errors.Is(err, models.ErrNotFound) {
		return errFactorChanged.because(err)
	}
	if err != nil {
		return fmt.Errorf("enable the second factor: %w", err)
	}
	if wantsCodes {
		writeJSON(c, http.StatusOK, gin.H{"recoveryCodes": codes})
		return nil
	}
	c.Status(http.StatusNoContent)
	return nil
}

// replaceRecoveryCodes returns new recovery codes. The earlier ones no longer work.
func (s *Server) replaceRecoveryCodes(c *gin.Context) error {
	who := personOfRequest(c)
	body, err := readFields(c, "password", "code")
	if err != nil {
		return err
	}
	if !who.account.HasTOTP() {
		return errFactorOff
	}
	if err := s.confirmFully(c, who, body); err != nil {
		return err
	}
	// A recovery code that confirmed this has changed the stored ones.
	account, err := s.Store.AccountByID(c.Request.Context(), who.account.Role, who.account.ID)
	if err != nil {
		return fmt.Errorf("read the account: %w", err)
	}
	codes, sealed, err := s.newRecoveryCodes(account)
	if err != nil {
		return err
	}
	err = s.Store.PutRecoveryCodes(c.Request.Context(), account, sealed, who.tokenHash,
		auditOf(c, account, "recovery_codes_replaced", "Replaced the recovery codes; all other sessions ended."))
	if errors.Is(err, models.ErrNotFound) {
		return errFactorChanged.because(err)
	}
	if err != nil {
		return fmt.Errorf("store the recovery codes: %w", err)
	}
	writeJSON(c, http.StatusOK, gin.H{"recoveryCodes": codes})
	return nil
}

var errFactorRequired = &failure{
	status: http.StatusForbidden, code: "second_factor_required",
	msg: "Admins need a second factor. Set one up under Security first.",
}

// needsFactor reports whether the person must set up a second factor before anything else.
func (s *Server) needsFactor(who person) bool {
	return s.AdminsNeedFactor && who.account.Role == models.RoleAdmin && !who.account.HasTOTP()
}

// requireFactor refuses admins without a second factor.
func (s *Server) requireFactor(c *gin.Context) {
	if s.needsFactor(personOfRequest(c)) {
		s.fail(c, errFactorRequired)
	}
}

func (s *Server) disableTOTP(c *gin.Context) error {
	who := personOfRequest(c)
	body, err := readFields(c, "password", "code")
	if err != nil {
		return err
	}
	if !who.account.HasTOTP() {
		return errFactorOff
	}
	if err := s.confirmFully(c, who, body); err != nil {
		return err
	}
	err = s.Store.DisableTOTP(c.Request.Context(), who.account, who.tokenHash,
		auditOf(c, who.account, "totp_disabled", "Disabled the second factor; all other sessions ended."))
	if errors.Is(err, models.ErrNotFound) {
		return errFactorChanged.because(err)
	}
	if err != nil {
		return fmt.Errorf("disable the second factor: %w", err)
	}
	c.Status(http.StatusNoContent)
	return nil
}

// isFailure reports whether an error is a failure with this code.
func isFailure(err error, code string) bool {
	f, ok := errors.AsType[*failure](err)
	return ok && f.code == code
}

// codeOf reads a code of a second factor or a recovery code. Spaces are removed, because apps show codes in groups.
func codeOf(body fields) (string, error) {
	code, err := body.text("code", 1, 40)
	return strings.ReplaceAll(code, " ", ""), err
}
