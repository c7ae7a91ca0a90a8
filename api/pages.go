package api

import (
	"bytes"
	_ "embed"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"paycow/web"
)

func (s *Server) home(c *gin.Context) error {
	var page bytes.Buffer
	if err := web.WriteHome(&page); err != nil {
		return err
	}
	writePage(c, http.StatusOK, page.Bytes())
	return nil
}

// addAppPages serves the pages of operators and admins. They hold nothing of anybody: what they show comes from calls.
func (s *Server) addAppPages(router gin.IRoutes) {
	for _, page := range web.AppPages() {
		router.GET("/"+string(page), s.handle(func(c *gin.Context) error {
			var text bytes.Buffer
			if err := web.WriteAppPage(&text, page); err != nil {
				return err
			}
			writePage(c, http.StatusOK, text.Bytes())
			return nil
		}))
	}
}

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

//go:embed openapi.json
var openAPIDocument []byte

func (s *Server) openAPI(c *gin.Context) error {
	c.Data(http.StatusOK, "application/json; charset=utf-8", openAPIDocument)
	return nil
}

// writePage writes a page, compressed for whoever takes it so. No page holds a secret, so its length tells nothing.
// vary names further request headers that it depends on.
func writePage(c *gin.Context, status int, page []byte, vary ...string) {
	c.Header("Content-Security-Policy", web.ContentSecurityPolicy)
	c.Header("Vary", strings.Join(append([]string{"Accept-Encoding"}, vary...), ", "))
	if takesGzip(c.Request) {
		c.Header("Content-Encoding", "gzip")
		page = web.Gzip(page)
	}
	c.Data(status, "text/html; charset=utf-8", page)
}

// docsPage answers with the developers' documentation. It is kept by browsers and asked for again by its tag.
func (s *Server) docsPage(c *gin.Context) error {
	page, err := s.docs()
	if err != nil {
		return err
	}
	c.Header("Cache-Control", "no-cache")
	c.Header("Content-Security-Policy", web.ContentSecurityPolicy)
	c.Header("Vary", "Accept-Encoding")
	c.Header("ETag", page.ETag)
	if strings.Contains(c.Request.Header.Get("If-None-Match"), page.ETag) {
		c.Status(http.StatusNotModified)
		return nil
	}
	content := page.Content
	if takesGzip(c.Request) {
		c.Header("Content-Encoding", "gzip")
		content = page.Gzipped
	}
	c.Data(http.StatusOK, "text/html; charset=utf-8", content)
	return nil
}

// renderDocs makes the documentation page, which is done once.
func (s *Server) renderDocs() (web.Page, error) {
	return web.NewDocs(web.DocsConfig{
		PublicURL: s.PublicURL, OpenAPI: openAPIDocument, Errors: documentedErrors(),
		Confirmations: s.Confirmations, Window: s.PaymentWindow, MaxAmount: s.MaxAmount,
	})
}
