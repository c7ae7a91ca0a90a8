package api

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"paycow/web"
)

// asset serves what pages load. The address changes with the content, so it may be kept for ever.
func (s *Server) asset(c *gin.Context) error {
	asset, ok := web.FindAsset(c.Param("version"), c.Param("name"))
	if !ok {
		return errNoRoute
	}
	c.Header("Cache-Control", "public, max-age=31536000, immutable")
	c.Header("Vary", "Accept-Encoding")
	content := asset.Content
	if takesGzip(c.Request) && len(asset.Gzipped) < len(content) {
		c.Header("Content-Encoding", "gzip")
		content = asset.Gzipped
	}
	c.Data(http.StatusOK, asset.ContentType, content)
	return nil
}

// takesGzip tells whether the client has said that it takes gzip and has not refused it with a weight of 0 (RFC 9110,
// section 12.5.3).
func takesGzip(r *http.Request) bool {
	for item := range strings.SplitSeq(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		coding, weight, _ := strings.Cut(strings.ToLower(item), ";")
		if coding = strings.TrimSpace(coding); coding != "gzip" && coding != "*" {
			continue
		}
		digits := strings.Trim(strings.TrimPrefix(strings.TrimSpace(weight), "q="), "0.")
		return strings.TrimSpace(weight) == "" || digits != ""
	}
	return false
}
