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

// sealOwner is what an account's second factor is sealed for.
func sealOwner(account models.Account) string {
	return "totp:" + string(account.Role) + ":" + account.ID
}

// useCode takes a code of the account's second factor, once.
func (s *Server) useCode(ctx context.Context, account models.Account, code string) error {
	step, err := s.matchCode(account, account.TOTPSealed, code)
	if err != nil {
		return err
	}
	fresh, err := s.Store.UseTOTPStep(ctx, account, step)
	if err != nil {
		return fmt.Errorf("note the used code: %w", err)
	}
	if !fresh {
		return errLoginFailed.because(errors.New("the code was used before"))
	}
	return nil
}

// matchCode returns the time step of a code of a sealed secret.
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

var errTOTPCode = &failure{status: http.StatusForbidden, code: "wrong_code", field: "code", msg: "The code is wrong or was used before."}

var errFactorChanged = &failure{status: http.StatusConflict, code: "changed_meanwhile", msg: "The second factor was changed in the meantime."}

// startTOTP hands out a new secret, which counts once a code has confirmed it.
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
		return conflict("totp_enabled", "There is a second factor already.")
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
		return fmt.Errorf("keep the second factor: %w", err)
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
		return conflict("totp_not_started", "No second factor is waiting to be confirmed.")
	}
	if err := s.countAttempt(c, confirmAttempt(who.account)); err != nil {
		return err
	}
	step, err := s.matchCode(who.account, who.account.TOTPPending, code)
	if isFailure(err, errLoginFailed.code) {
		return errTOTPCode.because(err)
	}
	if err != nil {
		return err
	}
	err = s.Store.EnableTOTP(c.Request.Context(), who.account, step, auditOf(c, who.account, "totp_enabled", "Added a second factor."))
	if errors.Is(err, models.ErrNotFound) {
		return errFactorChanged.because(err)
	}
	if err != nil {
		return fmt.Errorf("add the second factor: %w", err)
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
		return conflict("totp_not_enabled", "There is no second factor.")
	}
	if err := s.useCode(c.Request.Context(), who.account, code); err != nil {
		if isFailure(err, errLoginFailed.code) {
			return errTOTPCode.because(err)
		}
		return err
	}
	err = s.Store.DisableTOTP(c.Request.Context(), who.account, auditOf(c, who.account, "totp_disabled", "Removed the second factor."))
	if errors.Is(err, models.ErrNotFound) {
		return errFactorChanged.because(err)
	}
	if err != nil {
		return fmt.Errorf("remove the second factor: %w", err)
	}
	if err := s.forgetConfirms(c, who); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

// isFailure tells whether an error is the failure with that code.
func isFailure(err error, code string) bool {
	f, ok := errors.AsType[*failure](err)
	return ok && f.code == code
}

// codeOf reads a second factor's code. Apps show it in groups, and so it is copied.
func codeOf(body fields) (string, error) {
	code, err := body.text("code", 1, 16)
	return strings.ReplaceAll(code, " ", ""), err
}
