package api

import (
	"bytes"
	"net/http"

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
