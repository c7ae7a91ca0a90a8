package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"mime"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// answers checks every answer of every test server of this package against the OpenAPI document.
var answers = newRecorder()

// TestMain fails when all tests of the package ran and a documented answer was in none of them.
func TestMain(m *testing.M) {
	code := m.Run()
	if missing := answers.missing(); code == 0 && ranAll() && len(missing) > 0 {
		fmt.Printf("No test saw these answers of api/openapi.json:\n  %s\n", strings.Join(missing, "\n  "))
		code = 1
	}
	os.Exit(code)
}

// ranAll reports whether no flag left out a test of the package.
func ranAll() bool {
	for name, usual := range map[string]string{"run": "", "skip": "", "list": "", "fuzz": "", "short": "false"} {
		if flag.Lookup("test."+name).Value.String() != usual {
			return false
		}
	}
	return flag.Lookup("test.count").Value.String() != "0"
}

// operation is an operation of the document. Its path is a template such as /api/payment/{id}.
type operation struct {
	method, path string
	parts        []string
	responses    map[string]any
	body         map[string]any // by content type, nil if it takes none
}

// recorder checks answers against the document and remembers which it has seen, as "GET /api/balance 200".
type recorder struct {
	document   document
	compiler   *jsonschema.Compiler
	operations []operation
	mutex      sync.Mutex
	seen       map[string]bool
	schemas    map[string]*jsonschema.Schema // by pointer within the document
}

func newRecorder() *recorder {
	r := &recorder{compiler: jsonschema.NewCompiler(), seen: map[string]bool{}, schemas: map[string]*jsonschema.Schema{}}
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(openAPIDocument))
	if err == nil {
		err = r.compiler.AddResource("openapi.json", parsed)
	}
	if err == nil {
		err = json.Unmarshal(openAPIDocument, &r.document)
	}
	if err != nil {
		panic(err)
	}
	for path, operations := range r.document["paths"].(map[string]any) {
		for method, described := range operations.(map[string]any) {
			members := described.(map[string]any)
			o := operation{
				method: strings.ToUpper(method), path: path, parts: strings.Split(path, "/"),
				responses: members["responses"].(map[string]any),
			}
			if body, takesBody := members["requestBody"].(map[string]any); takesBody {
				o.body = body["content"].(map[string]any)
			}
			r.operations = append(r.operations, o)
		}
	}
	// A literal part comes before a parameter, because "{" comes after all letters.
	slices.SortFunc(r.operations, func(a, b operation) int { return strings.Compare(a.path+" "+a.method, b.path+" "+b.method) })
	return r
}

// operation returns the operation of a request, nil if it is for none.
func (r *recorder) operation(method, path string) *operation {
	if path == "/payment/data" { // it looks like the page of a payment, but has no route
		return nil
	}
	parts := strings.Split(path, "/")
	for i := range r.operations {
		o := &r.operations[i]
		if o.method == method && slices.EqualFunc(o.parts, parts, func(want, part string) bool {
			return want == part || strings.HasPrefix(want, "{") && part != ""
		}) {
			return o
		}
	}
	return nil
}

// schema returns the schema at a pointer within the document.
func (r *recorder) schema(pointer string) (*jsonschema.Schema, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if known := r.schemas[pointer]; known != nil {
		return known, nil
	}
	schema, err := r.compiler.Compile("openapi.json#" + pointer)
	r.schemas[pointer] = schema
	return schema, err
}

// checkValue checks a JSON text against the schema at a pointer within the document.
func (r *recorder) checkValue(pointer string, text []byte) error {
	schema, err := r.schema(pointer)
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

// pointerTo returns the JSON pointer to a place in the document.
func pointerTo(names ...string) string {
	escape := strings.NewReplacer("~", "~0", "/", "~1", "%", "%25", "{", "%7B", "}", "%7D")
	var pointer strings.Builder
	for _, name := range names {
		pointer.WriteString("/" + escape.Replace(name))
	}
	return pointer.String()
}

// record checks an answer of an operation and remembers it.
func (r *recorder) record(o *operation, status int, header http.Header, body []byte) error {
	code := strconv.Itoa(status)
	described, isDocumented := o.responses[code].(map[string]any)
	if !isDocumented {
		return errors.New("the document has no such answer")
	}
	at := pointerTo("paths", o.path, strings.ToLower(o.method), "responses", code)
	if ref, isRef := described["$ref"].(string); isRef {
		name := ref[strings.LastIndexByte(ref, '/')+1:]
		at = pointerTo("components", "responses", name)
		described = r.document["components"].(map[string]any)["responses"].(map[string]any)[name].(map[string]any)
	}
	content, _ := described["content"].(map[string]any)
	if len(content) == 0 {
		if len(body) > 0 {
			return errors.New("the document says that there is no body")
		}
	} else {
		kind, _, err := mime.ParseMediaType(header.Get("Content-Type"))
		if err != nil {
			return fmt.Errorf("content type: %w", err)
		}
		if content[kind] == nil {
			return fmt.Errorf("the document has no content of type %s", kind)
		}
		if kind == "application/json" {
			if err := r.checkValue(at+pointerTo("content", kind, "schema"), body); err != nil {
				return err
			}
		}
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.seen[o.method+" "+o.path+" "+code] = true
	return nil
}

// missing returns the documented answers that were not seen.
func (r *recorder) missing() []string {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	var missing []string
	for _, o := range r.operations {
		for code := range o.responses {
			name := o.method + " " + o.path + " " + code
			if !r.seen[name] {
				missing = append(missing, name)
			}
		}
	}
	slices.Sort(missing)
	return missing
}

// handler passes requests on and checks the answers. The test fails if one is not as documented.
func (r *recorder) handler(t testing.TB, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		o := r.operation(request.Method, request.URL.Path)
		if o == nil {
			next.ServeHTTP(w, request)
			return
		}
		c := &copiedAnswer{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(c, request)
		if err := r.record(o, c.status, w.Header(), c.body.Bytes()); err != nil {
			t.Errorf("%s %s %d: %v\n%s", o.method, request.URL, c.status, err, shorten(c.body.String()))
		}
	})
}

func shorten(text string) string { return text[:min(len(text), 1000)] }

// copiedAnswer keeps what is written.
type copiedAnswer struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (c *copiedAnswer) WriteHeader(status int) {
	c.status = status
	c.ResponseWriter.WriteHeader(status)
}

func (c *copiedAnswer) Write(p []byte) (int, error) {
	c.body.Write(p)
	return c.ResponseWriter.Write(p) //nolint:wrapcheck // it is the writer
}

// Flush is for gin, which asks for it; Unwrap is for http.ResponseController.
func (c *copiedAnswer) Flush() { _ = http.NewResponseController(c.ResponseWriter).Flush() }

func (c *copiedAnswer) Unwrap() http.ResponseWriter { return c.ResponseWriter }
