package api

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"math"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"paycow/models"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxBodyBytes is the size of the largest request body, in bytes.
const maxBodyBytes = 64 << 10

var (
	errBodyTooLarge = &failure{
		status: http.StatusRequestEntityTooLarge, code: "body_too_large", msg: "The request body must be at most 64 KiB.",
	}
	errNotJSON = &failure{
		status: http.StatusUnsupportedMediaType, code: "unsupported_media_type",
		msg: "Content-Type must be application/json in UTF-8, and Content-Encoding must not be set.",
	}
	errNotAnObject = invalid("", "malformed_json", "The request body must be a JSON object.")
)

// fields holds the raw values of a JSON object by name.
type fields map[string]jsontext.Value

// readFields reads the request body as one JSON object that has known fields only.
func readFields(c *gin.Context, known ...string) (fields, error) {
	if !isJSON(c.Request.Header) {
		return nil, errNotJSON
	}
	body, err := readBody(c)
	if err != nil {
		return nil, err
	}
	return parseFields(body, known...)
}

func isJSON(header http.Header) bool {
	if types := header.Values("Content-Type"); len(types) != 1 || header.Get("Content-Encoding") != "" {
		return false
	}
	mediaType, parameters, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil || mediaType != "application/json" {
		return false
	}
	for name, value := range parameters {
		// Some clients write the name of UTF-8 without its hyphen.
		if name != "charset" || !strings.EqualFold(value, "utf-8") && !strings.EqualFold(value, "utf8") {
			return false
		}
	}
	return true
}

func readBody(c *gin.Context) ([]byte, error) {
	if c.Request.ContentLength > maxBodyBytes {
		return nil, errBodyTooLarge
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, maxBodyBytes))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, errBodyTooLarge
	}
	if err != nil {
		return nil, invalid("", "unreadable_body", "The request body was cut off.").because(err)
	}
	return body, nil
}

// parseFields reads one JSON object. The decoder is strict: names are case-sensitive and may not repeat, nothing may
// follow the object, and the text is UTF-8. A lenient reading could mean one thing here and another thing elsewhere.
func parseFields(body []byte, known ...string) (fields, error) {
	if len(bytes.Trim(body, " \t\r\n")) == 0 {
		return nil, invalid("", "malformed_json", "The request body is empty; it must be a JSON object.")
	}
	var values fields
	if err := json.Unmarshal(body, &values); err != nil {
		return nil, syntaxFailure(err)
	}
	if values == nil { // the body is null
		return nil, errNotAnObject
	}
	for _, name := range slices.Sorted(maps.Keys(values)) { // the same body always gets the same error
		if !slices.Contains(known, name) {
			return nil, unknownField(name, known)
		}
	}
	return values, nil
}

// syntaxFailure returns a 400 that says what is wrong with the JSON text, and in which field.
func syntaxFailure(err error) error {
	if _, ok := errors.AsType[*json.SemanticError](err); ok { // valid JSON, but not an object
		return errNotAnObject
	}
	syntax, ok := errors.AsType[*jsontext.SyntacticError](err)
	if !ok {
		return invalid("", "malformed_json", "The request body ends before the JSON object is complete.").because(err)
	}
	field, at := "", "The request body"
	for name := range syntax.JSONPointer.Tokens() {
		field, at = models.Shorten(name, maxShownRunes), "The field "+quote(name)
		break
	}
	// The cause repeats the names of all fields around the fault, which the client chose.
	full := err
	err = errors.New(models.Shorten(full.Error(), maxCauseRunes))
	// The package exports no values for the errors that are distinguished by their text.
	text := syntax.Error()
	isNested := strings.Count(string(syntax.JSONPointer), "/") > 1
	switch {
	case errors.Is(full, jsontext.ErrDuplicateName) && isNested:
		return invalid(field, "duplicate_field", "A name in the field %s appears more than once.", quote(field)).because(err)
	case errors.Is(full, jsontext.ErrDuplicateName):
		return invalid(field, "duplicate_field", "%s appears more than once.", at).because(err)
	case errors.Is(full, io.ErrUnexpectedEOF):
		return invalid(field, "malformed_json", "The request body ends before the JSON object is complete.").because(err)
	case strings.Contains(text, "after top-level value"):
		return invalid("", "malformed_json", "The request body has text after the JSON object.").because(err)
	case strings.Contains(text, "exceeded max depth"):
		return invalid(field, "malformed_json", "%s is nested too deeply.", at).because(err)
	case strings.Contains(text, "invalid UTF-8"):
		return invalid(field, "malformed_json", "%s is not valid UTF-8.", at).because(err)
	default:
		return invalid(field, "malformed_json", "%s is not valid JSON (near byte %d).", at, syntax.ByteOffset).because(err)
	}
}

func unknownField(name string, known []string) error {
	for _, right := range known {
		if strings.EqualFold(name, right) {
			return invalid(models.Shorten(name, maxShownRunes), "unknown_field",
				"The field %s is unknown; it is spelled %s.", quote(name), quote(right))
		}
	}
	return invalid(models.Shorten(name, maxShownRunes), "unknown_field", "The field %s is unknown.", quote(name))
}

// text returns a required field that must be a string of minimum to maximum characters without control characters.
func (f fields) text(name string, minimum, maximum int) (string, error) {
	raw, isThere := f[name]
	if !isThere {
		return "", missingField(name)
	}
	if raw.Kind() != '"' {
		return "", invalid(name, "invalid_field", "%s must be a string, not %s.", name, kindName(raw))
	}
	return checkText("invalid_field", name, unquote(raw), minimum, maximum)
}

// shownText is text for what people other than its author read: it also refuses characters that reorder the text
// around them, because such a text reads differently from what it says. Marks that only state a direction are needed
// in Arabic and Hebrew.
func (f fields) shownText(name string, minimum, maximum int) (string, error) {
	text, err := f.text(name, minimum, maximum)
	if err == nil && strings.ContainsFunc(text, reordersText) {
		err = invalid(name, "invalid_field", "%s must not contain characters that reorder text.", name)
	}
	return text, err
}

// reordersText reports whether a character begins or ends an embedding, an override or an isolate of the
// bidirectional algorithm (UAX #9).
func reordersText(r rune) bool {
	return '\u202a' <= r && r <= '\u202e' || '\u2066' <= r && r <= '\u2069'
}

// seconds returns an optional field that must be a whole number of seconds; 0 if it is not there.
func (f fields) seconds(name string, minimum, maximum time.Duration) (time.Duration, error) {
	number, err := f.wholeNumber(name, int64(minimum/time.Second), int64(maximum/time.Second))
	return time.Duration(number) * time.Second, err
}

// wholeNumber returns an optional field that must be a whole number; 0 if it is not there.
func (f fields) wholeNumber(name string, minimum, maximum int64) (int64, error) {
	raw, isThere := f[name]
	if !isThere {
		return 0, nil
	}
	if raw.Kind() != '0' {
		return 0, invalid(name, "invalid_field", "%s must be a number, not %s.", name, kindName(raw))
	}
	// A float holds every number in the range exactly.
	number, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || number != math.Trunc(number) || number < float64(minimum) || number > float64(maximum) {
		return 0, invalid(name, "invalid_field", "%s must be a whole number from %d to %d.", name, minimum, maximum)
	}
	return int64(number), nil
}

// metadata returns an optional field that must be an object of strings.
func (f fields) metadata(name string) (models.Metadata, error) {
	raw, isThere := f[name]
	if !isThere {
		return models.Metadata{}, nil
	}
	var entries fields
	if raw.Kind() != '{' || json.Unmarshal(raw, &entries) != nil {
		return nil, invalid(name, "invalid_field", "%s must be an object, not %s.", name, kindName(raw))
	}
	if len(entries) > models.MaxMetadataEntries {
		return nil, invalid(name, "invalid_field", "%s must have at most %d entries.", name, models.MaxMetadataEntries)
	}
	metadata := make(models.Metadata, len(entries))
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		if err := checkMetadataKey("invalid_field", name, key); err != nil {
			return nil, err
		}
		value := entries[key]
		if value.Kind() != '"' {
			return nil, invalid(name, "invalid_field", "The value of %s in %s must be a string, not %s.", quote(key), name,
				kindName(value))
		}
		metadata[key] = unquote(value)
		if err := checkMetadataValue("invalid_field", name, key, metadata[key]); err != nil {
			return nil, err
		}
	}
	return metadata, nil
}

func checkMetadataKey(code, name, key string) error {
	return checkPart(code, name, "A key in "+name, key, 1, models.MaxMetadataKeyRunes)
}

func checkMetadataValue(code, name, key, value string) error {
	return checkPart(code, name, "The value of "+quote(key)+" in "+name, value, 0, models.MaxMetadataValueRunes)
}

// flag returns a field that must be true or false; false if it is not there.
func (f fields) flag(name string) (bool, error) {
	raw, isThere := f[name]
	switch {
	case !isThere:
		return false, nil
	case raw.Kind() != 't' && raw.Kind() != 'f':
		return false, invalid(name, "invalid_field", "%s must be true or false, not %s.", name, kindName(raw))
	default:
		return raw.Kind() == 't', nil
	}
}

// checkText returns the value if it has minimum to maximum characters and no control characters, else a 400.
func checkText(code, name, value string, minimum, maximum int) (string, error) {
	if err := checkPart(code, name, name, value, minimum, maximum); err != nil {
		return "", err
	}
	return value, nil
}

// checkPart is checkText for a text within a field. what names the text in the error's sentence.
func checkPart(code, field, what, value string, minimum, maximum int) error {
	if !utf8.ValidString(value) {
		return invalid(field, code, "%s must be valid UTF-8.", what)
	}
	switch length := utf8.RuneCountInString(value); {
	case length > maximum && minimum == 0:
		return invalid(field, code, "%s must have at most %d characters.", what, maximum)
	case length < minimum || length > maximum:
		return invalid(field, code, "%s must have %d to %d characters.", what, minimum, maximum)
	}
	if strings.ContainsFunc(value, unicode.IsControl) {
		return invalid(field, code, "%s must not contain control characters.", what)
	}
	return nil
}

func missingField(name string) error {
	return invalid(name, "missing_field", "%s is required.", name)
}

// unquote returns the text of a JSON string that the decoder has accepted.
func unquote(raw jsontext.Value) string {
	text, err := jsontext.AppendUnquote(nil, raw)
	if err != nil {
		panic(err) // the decoder has checked it
	}
	return string(text)
}

// kindName names the kind of a JSON value in a sentence.
func kindName(raw jsontext.Value) string {
	switch raw.Kind() {
	case 'n':
		return "null"
	case 't', 'f':
		return "a boolean"
	case '0':
		return "a number"
	case '"':
		return "a string"
	case '[':
		return "an array"
	default:
		return "an object"
	}
}

// maxShownRunes is how much of a client's text an error repeats, in characters.
const maxShownRunes = 64

// maxCauseRunes is how much of the JSON decoder's error text is logged, in characters.
const maxCauseRunes = 200

func quote(text string) string { return strconv.QuoteToGraphic(models.Shorten(text, maxShownRunes)) }

// stringList reads an array of strings with at most the given number of entries.
func stringList(raw jsontext.Value, name string, most int) ([]string, error) {
	var texts []string
	if raw.Kind() != '[' || json.Unmarshal(raw, &texts) != nil {
		return nil, invalid(name, "invalid_field", "%s must be an array of strings.", name)
	}
	if len(texts) > most {
		return nil, invalid(name, "invalid_field", "%s must have at most %d entries.", name, most)
	}
	return texts, nil
}
