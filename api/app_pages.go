package api

import (
	"bytes"
	"net/http"

	"github.com/gin-gonic/gin"

	"paycow/web"
)

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
