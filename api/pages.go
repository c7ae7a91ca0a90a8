package api

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/klauspost/compress/gzhttp"

	"paycow/web"
)

const htmlType = "text/html; charset=utf-8"

// compressed negotiates the content coding of pages and assets with the client. Answers of calls are not compressed:
// some hold a secret next to text that the caller chose, and their length would reveal it.
var compressed = newCompressor(gzip.DefaultCompression)

// compressedFast is compressed for pages that are made for one reader: the work is done for each load again.
var compressedFast = newCompressor(gzip.BestSpeed)

func newCompressor(level int) func(http.Handler) http.HandlerFunc {
	wrap, err := gzhttp.NewWrapper(gzhttp.EnableZstd(false), gzhttp.CompressionLevel(level))
	if err != nil {
		panic(err) // only for options that contradict each other
	}
	return wrap
}

// writePage renders a page and sends it. vary names the request headers that the page depends on.
func writePage(c *gin.Context, status int, render func(io.Writer) error, vary ...string) error {
	var page bytes.Buffer
	if err := render(&page); err != nil {
		return err
	}
	c.Header("Content-Type", htmlType)
	c.Header("Content-Security-Policy", web.ContentSecurityPolicy)
	for _, name := range vary {
		c.Writer.Header().Add("Vary", name)
	}
	compressedFast(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = page.WriteTo(w) // an error means that the client has gone
	})).ServeHTTP(c.Writer, c.Request)
	return nil
}

// languageCookie remembers the language that somebody chose on a page, for a year.
const (
	languageCookie       = "paycow_language"
	languageCookieMaxAge = 365 * 24 * time.Hour
)

// writeTranslated renders and sends a page in the language chosen with ?lang=, which a cookie remembers unless it is an
// error page, else in the remembered one, else in the one the browser prefers.
func (s *Server) writeTranslated(c *gin.Context, status int, render func(io.Writer, web.Language) error) error {
	chosen, isChosen := web.LanguageOf(c.Query("lang"))
	switch {
	case isChosen && status == http.StatusOK:
		http.SetCookie(c.Writer, &http.Cookie{ //nolint:gosec // it holds no secret, and may come over http
			Name: languageCookie, Value: chosen.Tag, Path: "/", MaxAge: int(languageCookieMaxAge.Seconds()),
			HttpOnly: true, Secure: s.isHTTPS, SameSite: http.SameSiteLaxMode,
		})
	case !isChosen:
		remembered, _ := c.Cookie(languageCookie) // "" if there is none
		chosen = web.FindLanguage(remembered, c.GetHeader("Accept-Language"))
	}
	return writePage(c, status, func(w io.Writer) error { return render(w, chosen) }, "Accept-Language", "Cookie")
}

// serveContent sends content that does not change while the process runs, and answers conditional and range requests.
// The tag is weak, because it is the same for the plain and the compressed form.
func serveContent(c *gin.Context, contentType, tag string, content []byte) {
	c.Header("Content-Type", contentType)
	c.Header("ETag", `W/"`+tag+`"`)
	compressed(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	})).ServeHTTP(c.Writer, c.Request)
}

// homeWait is how long the front page waits for the checks of /readyz.
const homeWait = time.Second

// home serves the front page. It says to everybody whether the installation is ready, and to nobody why not.
func (s *Server) home(c *gin.Context) error {
	home := web.Home{IsReady: s.isReadyWithin(c.Request.Context(), homeWait)}
	return s.writeTranslated(c, http.StatusOK, func(w io.Writer, l web.Language) error {
		return web.WriteHome(w, l, home)
	})
}

// addAppPages serves the pages of operators and admins. The pages are the same for everybody: their scripts fill them
// with the answers of calls.
func (s *Server) addAppPages(router gin.IRoutes) {
	for _, page := range web.AppPages() {
		router.GET("/"+string(page), s.handle(func(c *gin.Context) error {
			return s.writeTranslated(c, http.StatusOK, func(w io.Writer, l web.Language) error {
				return web.WriteAppPage(w, l, page)
			})
		}))
	}
}

// asset serves a file that pages load. Its address changes with its content, so browsers may keep it for good.
func (*Server) asset(c *gin.Context) error {
	asset, ok := web.FindAsset(c.Param("version"), c.Param("name"))
	if !ok {
		return errNoRoute
	}
	c.Header("Cache-Control", "public, max-age=31536000, immutable")
	serveContent(c, asset.ContentType, asset.Version, asset.Content)
	return nil
}

// fixedAsset serves a file that browsers and crawlers ask for at a fixed address. They keep it for a day.
func fixedAsset(name string) func(*gin.Context) error {
	asset := web.NamedAsset(name)
	return func(c *gin.Context) error {
		c.Header("Cache-Control", "public, max-age=86400")
		serveContent(c, asset.ContentType, asset.Version, asset.Content)
		return nil
	}
}

//go:embed openapi.json
var openAPIDocument []byte

func (*Server) openAPI(c *gin.Context) error {
	c.Data(http.StatusOK, "application/json; charset=utf-8", openAPIDocument)
	return nil
}

// renderDocs renders the developer documentation, which New calls at most once.
func (s *Server) renderDocs() (*web.Docs, error) {
	return web.NewDocs(web.DocsConfig{
		PublicURL: s.PublicURL, OpenAPI: openAPIDocument, Errors: documentedErrors,
		Confirmations: s.Confirmations, Window: s.PaymentWindow, MaxAmount: s.MaxAmount,
	})
}

// addDocs adds the routes of the developer documentation. Each search is work of its own, so searches are limited.
func (s *Server) addDocs(router *gin.Engine) {
	router.GET("/docs/search", s.limitNetwork, s.handle(s.searchDocs))
	router.GET("/docs/search/", s.handle(leaveOutSlash))
	for _, path := range []string{
		"/docs", "/docs/:page", "/docs/reference", "/docs/reference/:page", "/docs/reference/schemas/:page",
	} {
		router.GET(path, s.handle(s.docsPage))
		router.GET(path+"/", s.handle(leaveOutSlash))
	}
}

// leaveOutSlash redirects to the same path without the slash at its end.
func leaveOutSlash(c *gin.Context) error {
	target := *c.Request.URL
	target.Path, target.RawPath = strings.TrimSuffix(target.Path, "/"), ""
	c.Redirect(http.StatusPermanentRedirect, target.RequestURI())
	return nil
}

// searchDocs serves the page with what a search of the documentation has found.
func (s *Server) searchDocs(c *gin.Context) error {
	docs, err := s.docs()
	if err != nil {
		return err
	}
	return writePage(c, http.StatusOK, func(w io.Writer) error { return docs.WriteSearch(w, c.Query("q")) })
}

// docsPage serves a page of the developer documentation. Browsers keep it and revalidate it by its tag.
func (s *Server) docsPage(c *gin.Context) error {
	docs, err := s.docs()
	if err != nil {
		return err
	}
	page, ok := docs.Page(c.Request.URL.Path)
	if !ok {
		return errNoRoute
	}
	c.Header("Cache-Control", "no-cache")
	c.Header("Content-Security-Policy", web.ContentSecurityPolicy)
	serveContent(c, htmlType, page.Version, page.Content)
	return nil
}
