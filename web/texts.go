package web

import (
	"encoding/json"
	"fmt"
	"html/template"
	"regexp"
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
	own := template.Must(templates.Clone()).Funcs(template.FuncMap{
		"t": l.translate, "word": l.translate, "markup": l.markup, "language": func() Language { return l },
	})
	for _, name := range payerTemplates {
		template.Must(own.New(name).Parse(l.written(name)))
	}
	return own
}

// payerTemplates are the templates of the pages for payers, which are rendered for each payer anew.
var payerTemplates = []string{"checkout.html", "link.html"}

// fixedPart is what such a template writes in the same way on each page of a language.
var fixedPart = regexp.MustCompile(
	`{{(?:\.T "(\w+)"|asset "([\w.-]+)"|(iconData)|(template "checkout-languages" \.))}}`)

// written returns the source of a template with its fixed parts written into it, because a template takes far longer to
// evaluate a part than to copy it. They stand in elements and in quoted attributes, so one way to escape them fits.
func (l Language) written(name string) string {
	source, err := files.ReadFile("templates/" + name)
	if err != nil {
		panic(err) // it is embedded
	}
	return fixedPart.ReplaceAllStringFunc(string(source), func(action string) string {
		var text string
		var err error
		switch of := fixedPart.FindStringSubmatch(action); {
		case of[1] != "":
			text, err = l.T(of[1])
		case of[2] != "":
			text, err = assetPath(of[2])
		case of[3] != "":
			text = string(iconData())
		default:
			var choice strings.Builder
			err = template.Must(templates.Clone()).ExecuteTemplate(&choice, "checkout-languages", languageChoice{l, languages})
			return mustText(choice.String(), err)
		}
		return template.HTMLEscapeString(mustText(text, err))
	})
}

// languageChoice is what the template checkout-languages needs of a page.
type languageChoice struct {
	Language
	Languages []Language
}

// mustText returns a text of the program itself.
func mustText(text string, err error) string {
	if err != nil {
		panic(err) // templates and texts are embedded
	}
	return text
}
