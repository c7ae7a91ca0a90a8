package store

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"paycow/models"
)

const (
	defaultPageRows = 50
	maxPageRows     = 1000
)

func pageLimit(limit int) int {
	if limit <= 0 {
		return defaultPageRows
	}
	return min(limit, maxPageRows)
}

// paymentCursor names the last payment of a page by what the list is ordered by.
func paymentCursor(p models.Payment) string {
	return encodeCursor(strconv.FormatInt(p.CreatedAt.UnixMilli(), 10) + "." + p.ID)
}

func parsePaymentCursor(cursor string) (createdAt time.Time, id string, err error) {
	text, err := decodeCursor(cursor)
	if err != nil {
		return time.Time{}, "", err
	}
	return parsePlace(text)
}

// parsePlace reads a place in a list that is ordered by time and id.
func parsePlace(text string) (createdAt time.Time, id string, err error) {
	millis, id, ok := strings.Cut(text, ".")
	unixMilli, err := strconv.ParseInt(millis, 10, 64)
	if err != nil || !ok || !isCanonicalInt(millis) || unixMilli < 0 || unixMilli > maxCursorMillis || len(id) != 24 || strings.Trim(id, "0123456789abcdef") != "" {
		return time.Time{}, "", models.ErrBadCursor
	}
	return time.UnixMilli(unixMilli).UTC(), id, nil
}

// operatorCursor names the last operator of a page: whether it waits for approval, and where it stands among its like.
func operatorCursor(o models.Operator) string {
	isWaiting := "0."
	if o.Status == models.OperatorPending {
		isWaiting = "1."
	}
	return encodeCursor(isWaiting + strconv.FormatInt(o.CreatedAt.UnixMilli(), 10) + "." + o.ID)
}

func parseOperatorCursor(cursor string) (isWaiting int, createdAt time.Time, id string, err error) {
	text, err := decodeCursor(cursor)
	if err != nil {
		return 0, time.Time{}, "", err
	}
	flag, place, _ := strings.Cut(text, ".")
	if flag != "0" && flag != "1" {
		return 0, time.Time{}, "", models.ErrBadCursor
	}
	if flag == "1" {
		isWaiting = 1
	}
	createdAt, id, err = parsePlace(place)
	return isWaiting, createdAt, id, err
}

// maxCursorMillis is in the year 9999, within what both databases hold.
const maxCursorMillis = 253_402_300_799_999

func ledgerCursor(entryID int64) string { return encodeCursor(strconv.FormatInt(entryID, 10)) }

func parseLedgerCursor(cursor string) (entryID int64, err error) {
	text, err := decodeCursor(cursor)
	if err != nil {
		return 0, err
	}
	entryID, err = strconv.ParseInt(text, 10, 64)
	if err != nil || entryID <= 0 || !isCanonicalInt(text) {
		return 0, models.ErrBadCursor
	}
	return entryID, nil
}

// isCanonicalInt refuses other spellings of a number ("+1", "007"), so that a page has one cursor.
func isCanonicalInt(text string) bool {
	n, err := strconv.ParseInt(text, 10, 64)
	return err == nil && strconv.FormatInt(n, 10) == text
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
