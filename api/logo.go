package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"paycow/internal/pictures"
	"paycow/models"
)

// logoTypes are the media types of the pictures that can become a logo.
var logoTypes = []string{"image/png", "image/jpeg", "image/webp"}

var errNotALogo = &failure{
	status: http.StatusUnsupportedMediaType, code: "unsupported_media_type",
	msg: "Content-Type must be image/png, image/jpeg or image/webp, and Content-Encoding must not be set.",
}

// logoView says where an operator's logo is.
type logoView struct {
	LogoURL *string `json:"logoUrl"` // null without a logo
}

func (s *Server) putLogo(c *gin.Context) error {
	if !isPicture(c.Request.Header) {
		return errNotALogo
	}
	body, err := readBody(c)
	if err != nil {
		return err
	}
	content, err := pictures.Logo(body)
	switch {
	case errors.Is(err, pictures.ErrTooLarge):
		return invalid("", "invalid_logo", "The logo must be at most %d pixels wide and high.", pictures.MaxSide).because(err)
	case errors.Is(err, pictures.ErrNotAPicture):
		return invalid("", "invalid_logo", "The logo must be a PNG, JPEG or WebP picture that is not animated.").because(err)
	case err != nil:
		return err
	}
	who := personOfRequest(c)
	sum := sha256.Sum256(content)
	logo := models.Logo{OperatorID: who.account.OperatorID, Version: hex.EncodeToString(sum[:16]), Content: content}
	if err := s.Store.SetLogo(c.Request.Context(), logo, auditOfOperator(c, who.account, "logo_changed",
		"Changed the logo on the checkout page.")); err != nil {
		return fmt.Errorf("store the logo: %w", err)
	}
	s.shops.Remove(logo.OperatorID)
	writeJSON(c, http.StatusOK, newLogoView(logo.Version))
	return nil
}

func (s *Server) removeLogo(c *gin.Context) error {
	who := personOfRequest(c)
	if err := s.Store.RemoveLogo(c.Request.Context(), who.account.OperatorID, auditOfOperator(c, who.account,
		"logo_removed", "Removed the logo from the checkout page.")); err != nil {
		return fmt.Errorf("remove the logo: %w", err)
	}
	s.shops.Remove(who.account.OperatorID)
	c.Status(http.StatusNoContent)
	return nil
}

// logoOf returns where an operator's logo is.
func (s *Server) logoOf(ctx context.Context, operatorID string) (logoView, error) {
	version, err := s.Store.LogoVersion(ctx, operatorID)
	if err != nil {
		return logoView{}, fmt.Errorf("read the version of the logo: %w", err)
	}
	return newLogoView(version), nil
}

// logo serves a logo. Its address changes with its content and names nobody, so browsers may keep it, and nobody learns
// from a request for it which payment the payer looks at.
func (s *Server) logo(c *gin.Context) error {
	version := c.Param("version")
	if !isLowerHex(version, 32) {
		return errNoRoute
	}
	content, err := s.Store.LogoContent(c.Request.Context(), version)
	if errors.Is(err, models.ErrNotFound) {
		return errNoRoute
	}
	if err != nil {
		return fmt.Errorf("read a logo: %w", err)
	}
	c.Header("Cache-Control", "public, max-age=31536000, immutable")
	serveContent(c, "image/png", version, content)
	return nil
}

func newLogoView(version string) logoView {
	if version == "" {
		return logoView{}
	}
	return logoView{LogoURL: textOrNull("/logos/" + version)}
}

func isPicture(header http.Header) bool {
	if types := header.Values("Content-Type"); len(types) != 1 || header.Get("Content-Encoding") != "" {
		return false
	}
	mediaType, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	return err == nil && slices.Contains(logoTypes, mediaType)
}
