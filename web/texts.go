package web

import (
	"encoding/json"
	"fmt"
	"html/template"
	"strings"
)

// The texts of the front page, the error page and the pages of operators and admins. A text's key is its English
// wording, and messages/app.<tag>.json holds its translations. A translation is a text, or an object with one text for
// each plural form of the language; {count} chooses the form. Texts of the API's errors have the keys "error:<code>".
// app.en.json holds only what differs from its key.
type appTexts map[string]any

// translate returns the translation of an English text, or the English text if there is none.
func (l Language) translate(english string) string {
	if text, ok := l.app[english].(string); ok {
		return text
	}
	return english
}

// markup returns the translation of a text with tags. Only the program's own texts have tags.
func (l Language) markup(english string) template.HTML {
	return template.HTML(l.translate(english)) //nolint:gosec // the texts are embedded
}

// errorText returns the text of an error of the API. {msg} in a translation stands for the API's own sentence, which is
// in English.
func (l Language) errorText(code, msg string) string {
	text, ok := l.app["error:"+code].(string)
	if !ok {
		return msg
	}
	return strings.ReplaceAll(text, "{msg}", "\u2066"+msg+"\u2069") // isolated, as <bdi dir="ltr"> does
}

// Languages returns the languages of the pages.
func Languages() []Language { return languages }

// textsAsset returns the script that gives a language's texts to the other scripts.
func (l Language) textsAsset() (Asset, error) {
	content, err := json.Marshal(l.app)
	if err != nil {
		return Asset{}, fmt.Errorf("texts in %s: %w", l.Tag, err)
	}
	content = append(append([]byte("window.paycowTexts = "), content...), ";\n"...)
	name := "app-texts." + l.Tag + ".js"
	return Asset{Name: name, Version: versionOf(content), ContentType: contentType(name), Content: content}, nil
}

// templatesOf holds the templates of the pages by language. Their texts come from {{t}} and {{markup}}, whose arguments
// are written out, and from {{word}}, whose argument is a text of package models.
var templatesOf = mustTranslate()

func mustTranslate() map[string]*template.Template {
	translated := map[string]*template.Template{}
	for _, l := range languages {
		translated[l.Tag] = l.templates()
	}
	return translated
}

// templates returns the templates with the language's texts.
func (l Language) templates() *template.Template {
	return template.Must(templates.Clone()).Funcs(template.FuncMap{
		"t": l.translate, "word": l.translate, "markup": l.markup, "language": func() Language { return l },
	})
}
