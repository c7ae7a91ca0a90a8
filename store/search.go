package store

import (
	"slices"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"gorm.io/gorm"

	"paycow/models"
)

// What a search costs does not grow with the history: one request looks at so many payments at most for parts of words,
// at fewer if their texts are long, and its cursor leads further back.
const (
	maxSearched      = 5000
	maxSearchedBytes = 8 << 20
	searchedBatch    = 500
)

// searchedColumns are the columns of payments that a search compares, and those of the order.
const searchedColumns = "payments.id, payments.created_at, payments.reference, payments.user_id, " +
	"payments.description, payments.metadata, payments.tx_hash, payments.deposit_address"

// partsCursor begins the cursors of a search that has listed every complete match.
const partsCursor = "parts."

// paymentSearch is a search for a part among payments or test payments. Complete matches come first, from all of
// history: each is found through an index. Then come payments of which a text contains what is searched, in any case,
// newest first. No index that both databases have finds those, so payments are read and compared, a bounded number for
// each page.
type paymentSearch[T any] struct {
	filter   PaymentFilter
	query    *gorm.DB // with the filter's other conditions
	order    pageOrder[T]
	complete *gorm.DB // selects the ids of complete matches
	payment  func(T) models.Payment
	load     func(ids []string) ([]T, error)
}

func (s paymentSearch[T]) page() (rows []T, nextCursor string, err error) {
	limit := s.filter.Limit
	if limit <= 0 {
		limit = defaultPageRows
	}
	cursor, isInParts := strings.CutPrefix(s.filter.Cursor, partsCursor)
	if !isInParts {
		query := s.query.Session(&gorm.Session{}).Where("payments.id IN (?)", s.complete)
		rows, nextCursor, err = readPage(query, s.order, newestFirst, cursor, limit)
		if err != nil || nextCursor != "" {
			return rows, nextCursor, err
		}
		cursor = ""
	}
	ids, next, more, err := s.parts(cursor, limit-len(rows))
	if err != nil {
		return nil, "", err
	}
	found, err := s.load(ids)
	if err != nil {
		return nil, "", err
	}
	place := func(row T) int { return slices.Index(ids, s.payment(row).ID) }
	slices.SortFunc(found, func(a, b T) int { return place(a) - place(b) })
	if more {
		nextCursor = partsCursor + next
	}
	return append(rows, found...), nextCursor, nil
}

// parts returns the ids of payments of which a text contains what is searched, at most limit, from the cursor on. It
// leaves out complete matches. more says that there are payments that it has not looked at, from next on.
func (s paymentSearch[T]) parts(cursor string, limit int) (ids []string, next string, more bool, err error) {
	if limit == 0 {
		return nil, cursor, true, nil
	}
	// A hash may be that of any transfer of a payment. All other complete matches are in the payment's own columns.
	var complete []string
	if len(s.filter.Search) == len(common.Hash{}.Hex()) {
		if err := s.complete.Scan(&complete).Error; err != nil {
			return nil, "", false, err
		}
	}
	wanted, bytes := strings.ToLower(s.filter.Part), 0
	for looked := 0; looked < maxSearched && bytes < maxSearchedBytes; looked += searchedBatch {
		query := s.query.Session(&gorm.Session{}).Select(searchedColumns)
		rows, after, err := readPage(query, s.order, newestFirst, cursor, searchedBatch)
		if err != nil {
			return nil, "", false, err
		}
		for i, row := range rows {
			p := s.payment(row)
			bytes += metadataBytes(p)
			if !hasPart(p, wanted) || isComplete(p, s.filter.Search) || slices.Contains(complete, p.ID) {
				continue
			}
			ids = append(ids, p.ID)
			if isLast := after == "" && i == len(rows)-1; len(ids) == limit && !isLast {
				return ids, s.order.cursor(row), true, nil
			}
		}
		if after == "" {
			return ids, "", false, nil
		}
		cursor = after
	}
	return ids, cursor, true, nil
}

// SearchedTo returns the creation of the oldest payment that a search had looked at when it returned a cursor. ok is
// false for any other cursor.
func SearchedTo(nextCursor string) (at time.Time, ok bool) {
	cursor, isInParts := strings.CutPrefix(nextCursor, partsCursor)
	if !isInParts || cursor == "" {
		return time.Time{}, false
	}
	place, err := paymentOrder.parse(cursor)
	if err != nil {
		return time.Time{}, false
	}
	at, ok = place[0].(time.Time)
	return at, ok
}

// metadataBytes returns the size of a payment's metadata, the only text of it that may be long.
func metadataBytes(p models.Payment) (bytes int) {
	for key, value := range p.Metadata {
		bytes += len(key) + len(value)
	}
	return bytes
}

// hasPart reports whether a text of a payment contains what is searched, which is in lower case.
func hasPart(p models.Payment, wanted string) bool {
	has := func(text string) bool { return strings.Contains(strings.ToLower(text), wanted) }
	for key, value := range p.Metadata {
		if has(key) || has(value) {
			return true
		}
	}
	return slices.ContainsFunc([]string{p.Reference, p.UserID, p.Description, p.TxHash, p.DepositAddress}, has)
}

// isComplete reports whether one of the payment's own columns is what is searched.
func isComplete(p models.Payment, searched string) bool {
	return slices.Contains([]string{p.ID, p.Reference, p.UserID, p.TxHash, p.DepositAddress}, searched)
}
