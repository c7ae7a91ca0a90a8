package api

import (
	"encoding/csv"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
)

// row is a line of a CSV response.
type row interface{ cells() []string }

// wantsCSV reports whether the client prefers CSV to JSON: whichever its Accept header names first.
func wantsCSV(c *gin.Context) bool {
	c.Header("Vary", "Accept")
	for part := range strings.SplitSeq(strings.Join(c.Request.Header.Values("Accept"), ","), ",") {
		mediaType, parameters, err := mime.ParseMediaType(part)
		if err != nil || strings.Trim(parameters["q"], "0.") == "" && parameters["q"] != "" {
			continue
		}
		switch mediaType {
		case "text/csv":
			return true
		case "application/json", "application/*", "*/*":
			return false
		}
	}
	return false
}

// The CSV files that are written at the same time, in all and to one network, and how long one may take.
const (
	maxExports           = 32
	maxExportsPerNetwork = 4
	exportLifetime       = 15 * time.Minute
)

var errTooManyExports = &failure{
	status: http.StatusTooManyRequests, code: "too_many_exports", retryAfter: 10 * time.Second,
	msg: "Too many CSV files are being downloaded at the moment; please try again.",
}

// beginCSV sends the header of a CSV file.
func beginCSV(c *gin.Context, filename string) {
	c.Header("Content-Type", "text/csv; charset=utf-8; header=present")
	c.Header("Content-Disposition", `attachment; filename="`+filename+`"`)
	c.Status(http.StatusOK)
}

// streamCSV writes every row from the cursor onwards, page by page, so that memory use does not depend on the length
// of the list. If a later page fails, or the client reads too slowly, the connection is cut: a truncated file must not
// look complete.
func streamCSV[R row](
	s *Server, c *gin.Context, filename string, columns []string, cursor string,
	page func(cursor string) (rows []R, next string, err error),
) error {
	if isHead(c.Request.Context()) {
		beginCSV(c, filename)
		return nil
	}
	release, ok := s.exports.take(networkOf(c.ClientIP()))
	if !ok {
		return errTooManyExports
	}
	defer release()
	end := time.Now().Add(exportLifetime)
	rows, next, err := page(cursor)
	if err != nil {
		return err // nothing has been written, so this becomes an ordinary error response
	}
	beginCSV(c, filename)
	out := csv.NewWriter(c.Writer)
	out.UseCRLF = true // RFC 4180
	if err := out.Write(columns); err != nil {
		return fmt.Errorf("write the CSV header: %w", err)
	}
	deadlines := http.NewResponseController(c.Writer)
	for {
		// The server's write timeout is meant for short responses. If it cannot be extended, it stays.
		_ = deadlines.SetWriteDeadline(time.Now().Add(requestTimeout))
		for _, r := range rows {
			if err := out.Write(r.cells()); err != nil {
				return fmt.Errorf("write a CSV row: %w", err)
			}
		}
		out.Flush()
		if err := out.Error(); err != nil {
			return fmt.Errorf("write the CSV: %w", err)
		}
		c.Writer.Flush()
		if next == "" {
			return nil
		}
		if time.Now().After(end) {
			return errors.New("the client reads the CSV too slowly")
		}
		if rows, next, err = page(next); err != nil {
			return err
		}
	}
}

// separators are the characters at which spreadsheets of some countries begin a new cell, whatever the file is.
const separators = ";,|\t\r\n"

// formulaSigns begin a formula, in their full-width forms too.
const formulaSigns = "=+-@\uff1d\uff0b\uff0d\uff20"

// harmless puts an apostrophe before everything in a text that a spreadsheet would run as a formula: at its beginning
// and after each character that may begin a new cell, also behind spaces and quotation marks. The apostrophe stays in
// the text, so a program that reads the file must remove it.
func harmless(cell string) string {
	var out strings.Builder
	begins := true
	for _, r := range cell {
		switch {
		case strings.ContainsRune(separators, r):
			if begins && out.Len() == 0 {
				out.WriteByte('\'') // spreadsheets ignore control characters at the beginning
			}
			begins = true
		case begins && strings.ContainsRune(formulaSigns, r):
			out.WriteByte('\'')
			begins = false
		case r != ' ' && r != '"' && r != '\'' && r != '\u00a0':
			begins = false
		}
		out.WriteRune(r)
	}
	return out.String()
}
