package api

import (
	"context"
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

// useCode checks a code of the account's second factor and marks it as used. Returns errLoginFailed if it is wrong or
// was used before.
func (s *Server) useCode(ctx context.Context, account models.Account, code string) error {
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
	body, err := readFields(c, "code")
	if err != nil {
		return err
	}
	code, err := codeOf(body)
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
	err = s.Store.EnableTOTP(c.Request.Context(), who.account, step, who.tokenHash,
		auditOf(c, who.account, "totp_enabled", "Enabled the second factor; all other sessions ended."))
	if errors.Is(err, models.ErrNotFound) {
		return errFactorChanged.because(err)
	}
	if err != nil {
		return fmt.Errorf("enable the second factor: %w", err)
	}
	c.Status(http.StatusNoContent)
	return nil
}

func (s *Server) disableTOTP(c *gin.Context) error {
	who := personOfRequest(c)
	body, err := readFields(c, "password", "code")
	if err != nil {
		return err
	}
	code, err := codeOf(body)
	if err != nil {
		return err
	}
	if err := s.confirmPassword(c, who, body, "password"); err != nil {
		return err
	}
	if !who.account.HasTOTP() {
		return conflict("totp_not_enabled", "The second factor is not enabled.")
	}
	if err := s.useCode(c.Request.Context(), who.account, code); err != nil {
		if isFailure(err, errLoginFailed.code) {
			return errTOTPCode.because(err)
		}
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
	if err := s.forgetAttempt(c, confirmAttempt(c, who.account)); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

// isFailure reports whether an error is a failure with this code.
func isFailure(err error, code string) bool {
	f, ok := errors.AsType[*failure](err)
	return ok && f.code == code
}

// codeOf reads the code of a second factor. Spaces are removed, because apps show codes in groups.
func codeOf(body fields) (string, error) {
	code, err := body.text("code", 1, 16)
	return strings.ReplaceAll(code, " ", ""), err
}
