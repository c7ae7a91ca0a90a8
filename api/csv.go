package api

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"paycow/store"
)

// row is a line of a CSV response.
type row interface{ cells() []string }

// column is a column of a CSV response: the name of the member in JSON, and what people call it.
type column struct{ name, title string }

// csvStyle is the parameter that says whom a CSV file is for.
const csvStyle = "csv"

// csvStyles are its values. The first is the default: the columns are named like the members in JSON. Spreadsheets get
// names that people understand, and a byte order mark, by which they recognise UTF-8.
var csvStyles = []string{"plain", "spreadsheet"}

const byteOrderMark = "\ufeff"

// csvHead returns what a CSV file begins with, before its header, and the header.
func csvHead(c *gin.Context, columns []column) (mark string, header []string) {
	forPeople := c.Query(csvStyle) == csvStyles[1]
	header = make([]string, len(columns))
	for i, column := range columns {
		header[i] = column.name
		if forPeople {
			header[i] = column.title
		}
	}
	if forPeople {
		mark = byteOrderMark
	}
	return mark, header
}

// list is a list that is read page by page, as JSON or as a CSV file of all pages.
type list[R row] struct {
	name    string // of the member with the rows
	file    string // the name of the CSV file
	columns []column
	page    func(ctx context.Context, cursor string, limit int) (rows []R, next string, err error)
}

// writeList responds with a page of a list from the cursor onwards, or with all pages as CSV if the client prefers
// that.
func writeList[R row](s *Server, c *gin.Context, l list[R], cursor string, limit int) error {
	read := func(cursor string) (rows []R, next string, err error) {
		ctx, cancel := context.WithTimeout(c.Request.Context(), requestTimeout)
		defer cancel()
		return l.page(ctx, cursor, limit)
	}
	if wantsCSV(c) {
		limit = maxListLimit // a small page would cost a query for a few rows
		return streamCSV(s, c, l.file, l.columns, cursor, read)
	}
	rows, next, err := read(cursor)
	if err != nil {
		return err
	}
	answer := gin.H{l.name: rows, "nextCursor": textOrNull(next)}
	if at, ok := store.SearchedTo(next); ok {
		answer["searchedTo"] = instant(at)
	}
	writeJSON(c, http.StatusOK, answer)
	return nil
}

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
	s *Server, c *gin.Context, filename string, columns []column, cursor string,
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
	mark, header := csvHead(c, columns)
	if _, err := c.Writer.WriteString(mark); err != nil {
		return fmt.Errorf("write the byte order mark: %w", err)
	}
	out := csv.NewWriter(c.Writer)
	out.UseCRLF = true // RFC 4180
	if err := out.Write(header); err != nil {
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
