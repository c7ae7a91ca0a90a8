package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// reference is the part of the documentation page that is generated from the OpenAPI document.
type reference struct {
	Groups  []operationGroup
	Pages   []operation // operations that return pages
	Schemas []schemaView
}

type operationGroup struct {
	Name, Anchor string
	Operations   []operation
}

// operation is a call.
type operation struct {
	ID, Method, Path string
	Summary, Text    string
	Credentials      string
	Parameters       []fieldView
	IsBodyOptional   bool
	Body             *typeView
	BodyFields       []fieldView
	BodyExample      string
	Answers          []answerView // in the order of their status
}

// answerView is one of the responses of a call.
type answerView struct {
	Status    string
	Text      string
	MediaType string
	Type      *typeView
	Fields    []fieldView
	Example   string
}

// typeView is the type of a value. Schema names the schema that describes it, "" if there is none.
type typeView struct{ Text, Schema, Rule string }

// fieldView is a field of an object, or a parameter.
type fieldView struct {
	Name, In   string
	IsRequired bool
	Type       typeView
	Text       string
}

type schemaView struct {
	Name, Text string
	Fields     []fieldView
	Type       typeView
}

// ordered is a JSON object that keeps the order of its members.
type ordered[T any] []member[T]

type member[T any] struct {
	Name  string
	Value T
}

// UnmarshalJSON reads the members in order.
func (o *ordered[T]) UnmarshalJSON(text []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return errors.New("not an object")
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return err
		}
		m := member[T]{Name: name.(string)} // names in JSON objects are strings
		if err := decoder.Decode(&m.Value); err != nil {
			return fmt.Errorf("%s: %w", m.Name, err)
		}
		*o = append(*o, m)
	}
	return nil
}

// These types are the parts of OpenAPI 3.1 that the document uses.
type (
	apiDocument struct {
		Tags []struct {
			Name string `json:"name"`
		} `json:"tags"`
		Paths      ordered[ordered[json.RawMessage]] `json:"paths"`
		Components struct {
			Schemas    ordered[apiSchema]      `json:"schemas"`
			Responses  map[string]apiResponse  `json:"responses"`
			Parameters map[string]apiParameter `json:"parameters"`
		} `json:"components"`
	}
	apiOperation struct {
		OperationID string                `json:"operationId"`
		Summary     string                `json:"summary"`
		Description string                `json:"description"`
		Tags        []string              `json:"tags"`
		Security    []map[string][]string `json:"security"`
		Parameters  []apiParameter        `json:"parameters"`
		RequestBody *struct {
			Required bool           `json:"required"`
			Content  ordered[media] `json:"content"`
		} `json:"requestBody"`
		Responses ordered[apiResponse] `json:"responses"`
	}
	apiParameter struct {
		Ref         string    `json:"$ref"`
		Name        string    `json:"name"`
		In          string    `json:"in"`
		Required    bool      `json:"required"`
		Description string    `json:"description"`
		Schema      apiSchema `json:"schema"`
	}
	apiResponse struct {
		Ref         string         `json:"$ref"`
		Description string         `json:"description"`
		Content     ordered[media] `json:"content"`
	}
	media struct {
		Schema  apiSchema       `json:"schema"`
		Example json.RawMessage `json:"example"`
	}
	apiSchema struct {
		Ref         string             `json:"$ref"`
		Type        oneOrMore          `json:"type"`
		Format      string             `json:"format"`
		Pattern     string             `json:"pattern"`
		Description string             `json:"description"`
		Enum        []json.RawMessage  `json:"enum"`
		Minimum     *json.Number       `json:"minimum"`
		Maximum     *json.Number       `json:"maximum"`
		MinLength   *int               `json:"minLength"`
		MaxLength   *int               `json:"maxLength"`
		Default     json.RawMessage    `json:"default"`
		Properties  ordered[apiSchema] `json:"properties"`
		Required    []string           `json:"required"`
		Items       *apiSchema         `json:"items"`
		OneOf       []apiSchema        `json:"oneOf"`
		AnyOf       []apiSchema        `json:"anyOf"`
	}
	oneOrMore []string
)

// UnmarshalJSON reads a string or a list of strings.
func (o *oneOrMore) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '[' {
		return json.Unmarshal(text, (*[]string)(o))
	}
	*o = make(oneOrMore, 1)
	return json.Unmarshal(text, &(*o)[0])
}

// readReference returns the reference for an OpenAPI document.
func readReference(document []byte, publicURL string) (r reference, err error) {
	document = bytes.ReplaceAll(document, []byte(publishedHost), []byte(literalURL(publicURL)))
	var api apiDocument
	if err := json.Unmarshal(document, &api); err != nil {
		return r, err
	}
	for _, tag := range api.Tags {
		r.Groups = append(r.Groups, operationGroup{Name: tag.Name, Anchor: "calls-" + anchor(tag.Name)})
	}
	for _, path := range api.Paths {
		for _, method := range path.Value {
			if !isMethod(method.Name) {
				continue
			}
			call, tag, err := api.operation(path.Name, method.Name, method.Value)
			if err != nil {
				return r, fmt.Errorf("%s %s: %w", method.Name, path.Name, err)
			}
			if call.isPage() {
				r.Pages = append(r.Pages, call)
				continue
			}
			i := slices.IndexFunc(r.Groups, func(g operationGroup) bool { return g.Name == tag })
			if i < 0 {
				return r, fmt.Errorf("%s %s: the tag %q is not declared", method.Name, path.Name, tag)
			}
			r.Groups[i].Operations = append(r.Groups[i].Operations, call)
		}
	}
	r.Groups = slices.DeleteFunc(r.Groups, func(g operationGroup) bool { return len(g.Operations) == 0 })
	for _, schema := range api.Components.Schemas {
		r.Schemas = append(r.Schemas, schemaView{
			Name: schema.Name, Text: schema.Value.Description, Fields: fieldsOf(schema.Value), Type: typeOf(schema.Value),
		})
	}
	return r, nil
}

func isMethod(name string) bool {
	return slices.Contains([]string{"get", "put", "post", "delete", "patch", "head", "options"}, name)
}

func (d apiDocument) operation(path, method string, text json.RawMessage) (call operation, tag string, err error) {
	var o apiOperation
	if err := json.Unmarshal(text, &o); err != nil {
		return call, "", err
	}
	if len(o.Tags) == 0 || o.OperationID == "" {
		return call, "", errors.New("no tag or no operationId")
	}
	call = operation{
		ID: o.OperationID, Method: strings.ToUpper(method), Path: path, Summary: o.Summary, Text: o.Description,
		Credentials: credentials(o.Security),
	}
	for _, parameter := range o.Parameters {
		if parameter.Ref != "" {
			parameter = d.Components.Parameters[refName(parameter.Ref)]
		}
		call.Parameters = append(call.Parameters, fieldView{
			Name: parameter.Name, In: parameter.In, IsRequired: parameter.Required, Type: typeOf(parameter.Schema),
			Text: parameter.Description,
		})
	}
	if o.RequestBody != nil && len(o.RequestBody.Content) > 0 {
		body := o.RequestBody.Content[0].Value
		kind := typeOf(body.Schema)
		call.Body, call.BodyFields, call.IsBodyOptional = &kind, fieldsOf(body.Schema), !o.RequestBody.Required
		if call.BodyExample, err = indented(body.Example); err != nil {
			return call, "", err
		}
	}
	for _, response := range o.Responses {
		answer, err := d.answer(response.Name, response.Value)
		if err != nil {
			return call, "", err
		}
		call.Answers = append(call.Answers, answer)
	}
	slices.SortStableFunc(call.Answers, func(a, b answerView) int { return strings.Compare(a.Status, b.Status) })
	return call, o.Tags[0], nil
}

func (d apiDocument) answer(status string, response apiResponse) (a answerView, err error) {
	if response.Ref != "" {
		response = d.Components.Responses[refName(response.Ref)]
	}
	a = answerView{Status: status, Text: response.Description}
	types := make([]string, 0, len(response.Content))
	for _, content := range response.Content {
		types = append(types, content.Name)
	}
	a.MediaType = strings.Join(types, " or ")
	if len(response.Content) > 0 {
		content := response.Content[0].Value
		kind := typeOf(content.Schema)
		a.Type, a.Fields = &kind, fieldsOf(content.Schema)
		a.Example, err = indented(content.Example)
	}
	return a, err
}

// StatusText returns the response's status in words.
func (a answerView) StatusText() string {
	status, _ := strconv.Atoi(a.Status)
	return http.StatusText(status)
}

// IsError reports whether the response is an ordinary error, as listed in the table of errors.
func (a answerView) IsError() bool { return a.Type != nil && a.Type.Schema == "Error" }

// isPage reports whether the operation is a page for people.
func (o operation) isPage() bool { return len(o.Answers) > 0 && o.Answers[0].MediaType == "text/html" }

// Errors returns the responses that are ordinary errors.
func (o operation) Errors() []answerView {
	return slices.DeleteFunc(slices.Clone(o.Answers), func(a answerView) bool { return !a.IsError() })
}

// Results returns the other responses.
func (o operation) Results() []answerView {
	return slices.DeleteFunc(slices.Clone(o.Answers), answerView.IsError)
}

// credentials names the credentials that a call requires.
func credentials(security []map[string][]string) string {
	var ways []string
	for _, schemes := range security {
		_, hasKey := schemes["apiKey"]
		switch {
		case len(schemes) == 0:
			ways = append(ways, "none")
		case hasKey:
			ways = append(ways, "API key and secret")
		default:
			names := make([]string, 0, len(schemes))
			for name := range schemes {
				names = append(names, name)
			}
			slices.Sort(names)
			ways = append(ways, strings.Join(names, " and "))
		}
	}
	if len(ways) == 0 {
		return "none"
	}
	return strings.Join(ways, ", or ")
}

// fieldsOf returns the fields of an object. The fields of a nested object follow it, with their full names.
func fieldsOf(s apiSchema) (fields []fieldView) {
	for _, property := range s.Properties {
		fields = append(fields, fieldView{
			Name: property.Name, IsRequired: slices.Contains(s.Required, property.Name), Type: typeOf(property.Value),
			Text: property.Value.Description,
		})
		inner, mark := fieldsOf(property.Value), "."
		if property.Value.Items != nil {
			inner, mark = fieldsOf(*property.Value.Items), "[]."
		}
		for _, field := range inner {
			field.Name = property.Name + mark + field.Name
			fields = append(fields, field)
		}
	}
	return fields
}

func typeOf(s apiSchema) typeView {
	switch {
	case s.Ref != "":
		name := refName(s.Ref)
		return typeView{Text: name, Schema: name}
	case len(s.OneOf)+len(s.AnyOf) > 0:
		return eitherOf(append(slices.Clone(s.OneOf), s.AnyOf...))
	case s.Items != nil:
		item := typeOf(*s.Items)
		return typeView{Text: "list of " + item.Text, Schema: item.Schema, Rule: item.Rule}
	}
	kind := strings.Join(s.Type, " or ")
	if s.Format != "" {
		kind += " (" + s.Format + ")"
	}
	return typeView{Text: kind, Rule: ruleOf(s)}
}

func eitherOf(choices []apiSchema) (either typeView) {
	texts := make([]string, len(choices))
	for i, choice := range choices {
		kind := typeOf(choice)
		texts[i] = kind.Text
		if kind.Schema != "" {
			either.Schema = kind.Schema
		}
	}
	either.Text = strings.Join(texts, " or ")
	return either
}

// ruleOf describes the constraints on a value in words.
func ruleOf(s apiSchema) string {
	var rules []string
	if len(s.Enum) > 0 {
		values := make([]string, len(s.Enum))
		for i, value := range s.Enum {
			values[i] = strings.Trim(string(value), `"`)
		}
		rules = append(rules, strings.Join(values, ", "))
	}
	bound := func(low, high, what string) {
		switch {
		case low != "" && high != "":
			rules = append(rules, low+" to "+high+what)
		case low != "":
			rules = append(rules, "at least "+low+what)
		case high != "":
			rules = append(rules, "at most "+high+what)
		}
	}
	bound(textOf(s.MinLength), textOf(s.MaxLength), " characters")
	bound(textOf(s.Minimum), textOf(s.Maximum), "")
	if s.Pattern != "" && s.Format == "" {
		rules = append(rules, "matches `"+s.Pattern+"`")
	}
	if len(s.Default) > 0 {
		rules = append(rules, strings.Trim(string(s.Default), `"`)+" unless given")
	}
	return strings.Join(rules, "; ")
}

func textOf[T any](value *T) string {
	if value == nil {
		return ""
	}
	return fmt.Sprint(*value)
}

func refName(ref string) string { return ref[strings.LastIndexByte(ref, '/')+1:] }

// anchor returns a name as an HTML id.
func anchor(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(name))
}

// indented returns indented JSON without changing its numbers.
func indented(text json.RawMessage) (string, error) {
	if len(text) == 0 {
		return "", nil
	}
	var laidOut bytes.Buffer
	if err := json.Indent(&laidOut, text, "", "  "); err != nil {
		return "", err
	}
	return laidOut.String(), nil
}

// prose returns a description as HTML, with the text between backticks as code.
func prose(text string) template.HTML {
	parts := strings.Split(text, "`")
	for i := range parts {
		parts[i] = template.HTMLEscapeString(parts[i])
		if i%2 == 1 && i < len(parts)-1 {
			parts[i] = "<code>" + parts[i] + "</code>"
		}
	}
	return template.HTML(strings.Join(parts, "")) //nolint:gosec // every part is escaped
}
