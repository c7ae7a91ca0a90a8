package api

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"paycow/models"
)

const (
	defaultListLimit = 50
	maxListLimit     = 200
	// maxParameterRunes bounds every query parameter, in characters. Cursors are the longest.
	maxParameterRunes = 256
)

// parameters holds the query parameters of a request. Each appears at most once and has a value.
type parameters map[string]string

// parseQuery reads the query string as strictly as request bodies are read: a misspelled filter must not list
// everything.
func parseQuery(address *url.URL, known ...string) (parameters, error) {
	values, err := url.ParseQuery(address.RawQuery)
	if err != nil {
		return nil, invalid("", "malformed_query", "The query string is malformed.").because(err)
	}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names) // the same request always gets the same error
	query := parameters{}
	for _, name := range names {
		member := memberOf(name)
		switch texts := values[name]; {
		case !slices.Contains(known, name) && (member == "" || !slices.Contains(known, member)):
			return nil, invalid(models.Shorten(name, maxShownRunes), "unknown_parameter",
				"The parameter %s is unknown; the known parameters are %s.", quote(name), strings.Join(known, ", "))
		case len(texts) > 1:
			if member != "" {
				name = strings.TrimSuffix(member, anyKey)
			}
			return nil, invalid(name, "invalid_parameter", "%s must be given only once.", name)
		case member != "", name == metadataKey:
			query[name] = texts[0] // its reader checks it
		case name == csvStyle && !slices.Contains(csvStyles, texts[0]):
			return nil, invalid(name, "invalid_parameter", "%s must be one of %s.", name, listOf(csvStyles))
		default:
			if query[name], err = checkText("invalid_parameter", name, texts[0], 1, maxParameterRunes); err != nil {
				return nil, err
			}
		}
	}
	return query, nil
}

// metadataKey is the parameter that asks for a key in the metadata, whatever its value.
const metadataKey = "metadataKey"

// anyKey stands for the key in the name of a parameter such as metadata[order].
const anyKey = "[key]"

// memberOf returns the known name of a parameter such as metadata[order]: metadata[key]. It returns "" for others.
func memberOf(name string) string {
	base, rest, ok := strings.Cut(name, "[")
	if !ok || !strings.HasSuffix(rest, "]") {
		return ""
	}
	return base + anyKey
}

// metadata returns the entry of metadata that a list asks for, or its key and nil if any value will do. It returns ""
// and nil if the list asks for none.
func (q parameters) metadata() (key string, value *string, err error) {
	const code, name = "invalid_parameter", "metadata"
	anyValue, hasKey := q[metadataKey]
	found := 0
	for parameter, text := range q {
		if memberOf(parameter) == name+anyKey {
			found++
			key, value = strings.TrimSuffix(strings.TrimPrefix(parameter, name+"["), "]"), &text
		}
	}
	switch {
	case found == 0 && hasKey:
		key, err = checkText(code, metadataKey, anyValue, 1, models.MaxMetadataKeyRunes)
		return key, nil, err
	case found == 0:
		return "", nil, nil
	case hasKey:
		return "", nil, invalid(metadataKey, code, "%s must not be given together with metadata[key].", metadataKey)
	case found > 1:
		return "", nil, invalid(name, code, "%s must be given with only one key.", name)
	}
	if err := checkMetadataKey(code, name, key); err != nil {
		return "", nil, err
	}
	return key, value, checkMetadataValue(code, name, key, *value)
}

func (q parameters) instant(name string) (time.Time, error) {
	text, isThere := q[name]
	if !isThere {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || at.IsZero() {
		return time.Time{}, invalid(name, "invalid_parameter",
			"%s must be a time such as 2026-03-12T22:30:00Z (RFC 3339; write + as %%2B).", name)
	}
	return at.UTC(), nil
}

// boolean returns a parameter that is true or false, nil if it is not there.
func (q parameters) boolean(name string) (*bool, error) {
	text, isThere := q[name]
	if !isThere {
		return nil, nil //nolint:nilnil // not there is neither of the two
	}
	if text != "true" && text != "false" {
		return nil, invalid(name, "invalid_parameter", "%s must be true or false.", name)
	}
	value := text == "true"
	return &value, nil
}

// span returns the parameters from and to, zero where there is no bound.
func (q parameters) span() (from, to time.Time, err error) {
	if from, err = q.instant("from"); err != nil {
		return from, to, err
	}
	if to, err = q.instant("to"); err != nil {
		return from, to, err
	}
	if !to.IsZero() && to.Before(from) {
		return from, to, invalid("to", "invalid_parameter", "to must not be before from.")
	}
	return from, to, nil
}

func (q parameters) limit() (int, error) {
	text, isThere := q["limit"]
	if !isThere {
		return defaultListLimit, nil
	}
	limit, err := strconv.Atoi(text)
	if err != nil || limit < 1 || limit > maxListLimit || strconv.Itoa(limit) != text {
		return 0, invalid("limit", "invalid_parameter", "limit must be a whole number from 1 to %d.", maxListLimit)
	}
	return limit, nil
}

// listOf returns the values of an enumeration for use in a sentence.
func listOf[T ~string](values []T) string {
	texts := make([]string, len(values))
	for i, value := range values {
		texts[i] = string(value)
	}
	return strings.Join(texts, ", ")
}

func textOrEmpty(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}
