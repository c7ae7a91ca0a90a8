package web

import (
	"embed"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"paycow/models"
)

// The texts, two files per language: messages/<tag>.json for the checkout page, whose placeholders in {{ }} are filled
// in by the program, and messages/app.<tag>.json for the other pages. A text that a file does not have is shown in
// English.
//
//go:embed messages
var messageFiles embed.FS

// Language is a language of the pages.
type Language struct {
	Tag  string // such as "de"
	Name string // in the language itself
	Dir  string // "ltr" or "rtl"

	texts   *i18n.Localizer // of the checkout page
	app     appTexts        // of the other pages
	script  string          // the texts of the checkout page's script as JSON, for a data attribute
	numbers *message.Printer
	decimal string // what comes before a fraction
}

// languages holds the languages in the order of the page. The first one is the default.
var languages = mustReadLanguages([]Language{
	{Tag: "en", Name: "English", Dir: "ltr"},
	{Tag: "de", Name: "Deutsch", Dir: "ltr"},
	{Tag: "es", Name: "Español", Dir: "ltr"},
	{Tag: "fr", Name: "Français", Dir: "ltr"},
	{Tag: "pt", Name: "Português", Dir: "ltr"},
	{Tag: "ar", Name: "العربية", Dir: "rtl"},
	{Tag: "zh", Name: "中文", Dir: "ltr"},
})

var languageMatcher = newLanguageMatcher()

// FindLanguage returns the language with the chosen tag, else the best match for the Accept-Language header (RFC
// 4647), else English.
func FindLanguage(chosen, acceptLanguage string) Language {
	if l, ok := LanguageOf(chosen); ok {
		return l
	}
	_, index := language.MatchStrings(languageMatcher, acceptLanguage)
	return languages[index]
}

// LanguageOf returns the language with a tag. ok is false if there is none.
func LanguageOf(tag string) (l Language, ok bool) {
	for _, l := range languages {
		if l.Tag == tag {
			return l, true
		}
	}
	return Language{}, false
}

// values holds the values to fill into a text, by name.
type values map[string]any

// text returns a text with its values filled in.
func (l Language) text(id string, fill values) (string, error) {
	text, err := l.texts.Localize(&i18n.LocalizeConfig{MessageID: id, TemplateData: fill})
	if err != nil {
		return "", fmt.Errorf("text %s in %s: %w", id, l.Tag, err)
	}
	return text, nil
}

// Amount returns an amount with the separators of the language, such as 987,654.50. Its digits are those of every
// wallet.
func (l Language) Amount(amount models.Amount) string {
	_, fraction, _ := strings.Cut(amount.String(), ".")
	return l.numbers.Sprintf("%d", int64(amount/models.USDT)) + l.decimal + fraction
}

// part is a piece of a text. A part with a Value is read as Text and copied as Value.
type part struct{ Text, Value string }

// Shown returns an amount that is read with the language's separators and copied without grouping.
func (l Language) Shown(amount models.Amount) part {
	return part{Text: l.Amount(amount), Value: amount.String()}
}

// parts returns a text in pieces. Amounts among its values are pieces of their own.
func (l Language) parts(id string, fill values) ([]part, error) {
	marks := values{}
	for name := range fill {
		marks[name] = "{" + name + "}"
	}
	text, err := l.text(id, marks)
	if err != nil {
		return nil, err
	}
	var parts []part
	for text != "" {
		before, rest, isFilled := strings.Cut(text, "{")
		if before != "" {
			parts = append(parts, part{Text: before})
		}
		if !isFilled {
			break
		}
		var name string
		name, text, _ = strings.Cut(rest, "}")
		parts = append(parts, l.partOf(fill[name]))
	}
	return parts, nil
}

func (l Language) partOf(value any) part {
	switch v := value.(type) {
	case models.Amount:
		return l.Shown(v)
	case part:
		return v
	default:
		return part{Text: fmt.Sprint(v)}
	}
}

// Parts returns a text in pieces, for templates. The id is followed by alternating names and values.
func (l Language) Parts(id string, pairs ...any) ([]part, error) { return l.parts(id, valuesOf(pairs)) }

// T returns a text, for templates. The id is followed by alternating names and values.
func (l Language) T(id string, pairs ...any) (string, error) {
	return l.text(id, valuesOf(pairs))
}

// valuesOf returns the values of alternating names and values.
func valuesOf(pairs []any) values {
	fill := values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		fill[fmt.Sprint(pairs[i])] = pairs[i+1]
	}
	return fill
}

// scriptTexts returns the texts for the page's script, by id. The script fills in placeholders such as {Name}.
func (l Language) scriptTexts() (map[string]string, error) {
	texts := map[string]string{}
	for _, id := range []string{
		"copied", "copy_failed", "offline", "over", "until",
		"w_pay", "w_injected", "w_connecting", "w_switching", "w_checking", "w_confirm", "w_sent", "w_mined",
		"w_failed", "w_refused",
		"w_busy",
		"w_locked", "w_chain", "w_disconnected", "w_unsupported", "w_usdt", "w_gas", "w_changed", "w_error", "explorer",
		"new_tab",
	} {
		text, err := l.text(id, values{"Name": "{Name}", "Have": "{Have}", "Reason": "{Reason}", "Time": "{Time}"})
		if err != nil {
			return nil, err
		}
		texts[id] = text
	}
	return texts, nil
}

// textsAttribute returns the script's texts as JSON, for a data attribute.
func (l Language) textsAttribute() (string, error) {
	texts, err := l.scriptTexts()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false) // the template escapes it
	if err := encoder.Encode(texts); err != nil {
		return "", fmt.Errorf("the script's texts: %w", err)
	}
	return strings.TrimSpace(b.String()), nil
}

func mustReadLanguages(known []Language) []Language {
	bundle := i18n.NewBundle(language.English)
	bundle.RegisterUnmarshalFunc("json", json.Unmarshal)
	for i := range known {
		// The files are embedded, so an error means a broken build.
		if _, err := bundle.LoadMessageFileFS(messageFiles, "messages/"+known[i].Tag+".json"); err != nil {
			panic(err)
		}
		content, err := messageFiles.ReadFile("messages/app." + known[i].Tag + ".json")
		if err != nil {
			panic(err)
		}
		if err := json.Unmarshal(content, &known[i].app); err != nil {
			panic(err)
		}
	}
	for i := range known {
		known[i].texts = i18n.NewLocalizer(bundle, known[i].Tag)
		var err error
		if known[i].script, err = known[i].textsAttribute(); err != nil {
			panic(err)
		}
		known[i].numbers = message.NewPrinter(language.MustParse(known[i].Tag + "-u-nu-latn"))
		known[i].decimal = strings.Trim(known[i].numbers.Sprintf("%.1f", 0.5), "05")
	}
	return known
}

func newLanguageMatcher() language.Matcher {
	tags := make([]language.Tag, len(languages))
	for i, l := range languages {
		tags[i] = language.MustParse(l.Tag)
	}
	return language.NewMatcher(tags)
}
