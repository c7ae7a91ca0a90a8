package store

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"paycow/models"
)

// How many rows a page holds: when its reader names no limit, and at most.
const (
	defaultPageRows = 50
	maxPageRows     = 1000
)

// pageOrder is the order of a list that is read page by page: by these columns, which are unique together, all in the
// same direction.
type pageOrder[T any] []pageColumn[T]

// pageColumn is one column of a pageOrder.
type pageColumn[T any] struct {
	sql    string // a column or an expression
	format func(row T) string
	parse  func(text string) (value any, ok bool)
}

// idColumn orders rows by a number that the database gives them, from 1.
func idColumn[T any](sql string, id func(row T) int64) pageColumn[T] {
	return pageColumn[T]{
		sql:    sql,
		format: func(row T) string { return strconv.FormatInt(id(row), 10) },
		parse: func(text string) (any, bool) {
			n, ok := parseCanonicalInt(text)
			return n, ok && n > 0
		},
	}
}

// timeColumn orders rows by a time in whole milliseconds.
func timeColumn[T any](sql string, at func(row T) time.Time) pageColumn[T] {
	return pageColumn[T]{
		sql:    sql,
		format: func(row T) string { return strconv.FormatInt(at(row).UnixMilli(), 10) },
		parse: func(text string) (any, bool) {
			n, ok := parseCanonicalInt(text)
			return time.UnixMilli(n).UTC(), ok && n >= 0 && n <= maxCursorMillis
		},
	}
}

// maxCursorMillis is in the year 9999, which both databases can store.
const maxCursorMillis = 253_402_300_799_999

// hexColumn orders rows by an id of models.NewID.
func hexColumn[T any](sql string, id func(row T) string) pageColumn[T] {
	return pageColumn[T]{
		sql:    sql,
		format: id,
		parse: func(text string) (any, bool) {
			return text, len(text) == 24 && strings.Trim(text, "0123456789abcdef") == ""
		},
	}
}

// flagColumn puts the rows for which a condition holds first. The SQL expression is 1 for them and 0 for the others.
func flagColumn[T any](sql string, holds func(row T) bool) pageColumn[T] {
	return pageColumn[T]{
		sql: sql,
		format: func(row T) string {
			if holds(row) {
				return "1"
			}
			return "0"
		},
		parse: func(text string) (any, bool) {
			n, ok := parseCanonicalInt(text)
			return n, ok && (n == 0 || n == 1)
		},
	}
}

// pageDirection is the direction in which a list is read.
type pageDirection struct{ sql, beyond string }

var (
	newestFirst = pageDirection{sql: "DESC", beyond: "<"}
	oldestFirst = pageDirection{sql: "ASC", beyond: ">"}
)

// readPage reads one page of a query's rows. cursor is the nextCursor of the page before, "" for the first page; limit
// is the number of rows, 0 for the default. nextCursor is "" on the last page. Returns models.ErrBadCursor.
func readPage[T any](
	query *gorm.DB,
	order pageOrder[T],
	direction pageDirection,
	cursor string,
	limit int,
) (rows []T, nextCursor string, err error) {
	columns := make([]string, len(order))
	for i, column := range order {
		columns[i] = column.sql
	}
	if cursor != "" {
		place, err := order.parse(cursor)
		if err != nil {
			return nil, "", err
		}
		query = query.Where("("+strings.Join(columns, ", ")+") "+direction.beyond+" ?", place)
	}
	if limit <= 0 {
		limit = defaultPageRows
	}
	limit = min(limit, maxPageRows)
	// One row more than the page holds tells whether another page follows.
	for i := range columns {
		columns[i] += " " + direction.sql
	}
	if err := query.Order(strings.Join(columns, ", ")).Limit(limit + 1).Find(&rows).Error; err != nil {
		return nil, "", err
	}
	if len(rows) > limit {
		rows = rows[:limit]
		nextCursor = order.cursor(rows[limit-1])
	}
	return rows, nextCursor, nil
}

// cursor names a row by its place in the order.
func (o pageOrder[T]) cursor(row T) string {
	place := make([]string, len(o))
	for i, column := range o {
		place[i] = column.format(row)
	}
	return encodeCursor(strings.Join(place, "."))
}

// parse returns the values of the columns at the place that a cursor names.
func (o pageOrder[T]) parse(cursor string) ([]any, error) {
	text, err := decodeCursor(cursor)
	if err != nil {
		return nil, err
	}
	place := strings.Split(text, ".")
	if len(place) != len(o) {
		return nil, models.ErrBadCursor
	}
	values := make([]any, len(o))
	for i, column := range o {
		var ok bool
		if values[i], ok = column.parse(place[i]); !ok {
			return nil, models.ErrBadCursor
		}
	}
	return values, nil
}

// parseCanonicalInt refuses other spellings of a number ("+1", "007"), so that each page has one cursor.
func parseCanonicalInt(text string) (n int64, ok bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && strconv.FormatInt(n, 10) == text
}

func encodeCursor(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

func decodeCursor(cursor string) (string, error) {
	if len(cursor) > 100 {
		return "", models.ErrBadCursor
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil {
		return "", models.ErrBadCursor
	}
	return string(text), nil
}
