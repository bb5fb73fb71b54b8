package language

import (
	"cmp"
	"embed"
	"fmt"
	"html/template"
	"reflect"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/go-playground/locales"
	"github.com/go-playground/locales/de"
	"github.com/go-playground/locales/en_GB"
	"github.com/go-playground/locales/es"
	"github.com/go-playground/locales/fr"
	"github.com/go-playground/locales/it"
	"github.com/go-playground/locales/nl"
	"github.com/go-playground/locales/pl"
	"github.com/go-playground/locales/pt"
	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

//go:embed files/*.toml
var files embed.FS

// A Language is one in which the console can be read.
type Language struct {
	Tag  string // BCP 47: "de"
	Name string // its own: "Deutsch"

	tag       language.Tag
	sentences func() map[string]forms // by the English; nil: English
	marks     bool                    // it is the pseudo-language
	numbers   *message.Printer
	dates     locales.Translator
}

// forms are the translations of a sentence by the plural form (CLDR) of its count, or the only one as plural.Other.
type forms map[plural.Form]string

// english is the language of the code. Programs get what is said in it.
var english = newLanguage("en", "English", en_GB.New(), func() map[string]forms { return nil })

func newLanguage(tag, name string, dates locales.Translator, sentences func() map[string]forms) *Language {
	of := language.MustParse(tag)
	return &Language{Tag: tag, Name: name, tag: of, sentences: sentences, numbers: message.NewPrinter(of), dates: dates}
}

// Pseudo is the tag of a pseudo-language (CLDR's name for it): English in which each text that is said stands in brackets, ⟦…⟧. No
// page offers it. Whoever chooses it sees which texts of a page are not said in its language.
const Pseudo = "en-XA"

// mark puts a text in brackets, if it is of the pseudo-language.
func (l *Language) mark(text string) string {
	if l.marks && strings.ContainsFunc(text, unicode.IsLetter) {
		return "⟦" + text + "⟧"
	}
	return text
}

// Languages are all in which the console can be read.
type Languages struct {
	all     []*Language // English is the first
	pseudo  *Language
	matcher language.Matcher
}

// New returns all languages. The file of each is read when something is first said in it.
func New() *Languages {
	pseudo := *english
	pseudo.Tag, pseudo.marks = Pseudo, true
	l := &Languages{all: []*Language{english}, pseudo: &pseudo}
	tags := []language.Tag{english.tag}
	for _, of := range []struct {
		name  string
		dates locales.Translator
	}{
		{"Deutsch", de.New()}, {"Español", es.New()}, {"Français", fr.New()}, {"Italiano", it.New()},
		{"Nederlands", nl.New()}, {"Polski", pl.New()}, {"Português", pt.New()},
	} {
		tag := of.dates.Locale()
		one := newLanguage(tag, of.name, of.dates, sync.OnceValue(func() map[string]forms { return read(tag) }))
		l.all, tags = append(l.all, one), append(tags, one.tag)
	}
	l.matcher = language.NewMatcher(tags)
	return l
}

// All returns the languages that people choose from, English first and the others by their tags.
func (l *Languages) All() []*Language { return l.all }

// Every returns the same and the pseudo-language.
func (l *Languages) Every() []*Language { return append(slices.Clip(l.all), l.pseudo) }

// maxAccepted bounds the bytes of Accept-Language: anybody may send it, and each language in it takes time.
const maxAccepted = 1000

// Choose returns the language that somebody chose by its tag; without a choice, that which their browser asks for
// (Accept-Language, RFC 9110 12.5.4) as far as there is one; otherwise English. What no browser asks for, because it is too
// long, is not read.
func (l *Languages) Choose(tag, accepted string) *Language {
	for _, one := range l.Every() {
		if one.Tag == tag {
			return one
		}
	}
	if len(accepted) > maxAccepted {
		return english
	}
	wanted, _, err := language.ParseAcceptLanguage(accepted)
	if err != nil || len(wanted) == 0 {
		return english
	}
	_, i, sure := l.matcher.Match(wanted...)
	if sure == language.No {
		return english
	}
	return l.all[i]
}

// Say returns a sentence in the language, as plain text, "" for nil; one that the language's file lacks in English.
func (l *Language) Say(s *Sentence) string {
	if s == nil {
		return ""
	}
	values := make([]any, len(s.values))
	for i, v := range s.values {
		values[i] = l.value(v)
	}
	text := l.pattern(s)
	switch {
	case s.data:
	case len(values) == 0:
		text = strings.ReplaceAll(text, "%%", "%")
	default:
		text = l.numbers.Sprintf(text, values...)
	}
	if text = s.shaped(text); s.data {
		return text
	}
	return l.mark(text)
}

// shaped gives a said sentence its capital letter and its full stop, if it stands alone.
func (s *Sentence) shaped(text string) string {
	if s.stop && text != "" && !strings.HasSuffix(text, ".") {
		text += "."
	}
	if word, _, _ := strings.Cut(text, " "); s.capital && !strings.Contains(word, "_") {
		first, size := utf8.DecodeRuneInString(text)
		text = string(unicode.ToUpper(first)) + text[size:]
	}
	return text
}

// Text returns a value of a sentence by itself, as plain text.
func (l *Language) Text(value any) string { return l.mark(l.numbers.Sprint(l.value(value))) }

// HTML returns a sentence in the language: as plain text, which is escaped where it is shown; or, if a value is a
// Name or template.HTML, as template.HTML in which the names are emphasized and all else is escaped. It is "" for nil.
func (l *Language) HTML(s *Sentence) any {
	if s == nil {
		return ""
	}
	values, markup := make([]any, len(s.values)), false
	for i, v := range s.values {
		inner := v
		if nested, is := v.(*Sentence); is {
			inner = l.HTML(nested)
		}
		switch inner := inner.(type) {
		case template.HTML:
			values[i], markup = inner, true
		case Name:
			values[i], markup = template.HTML("<b>"+template.HTMLEscapeString(string(inner))+"</b>"), true
		default:
			if values[i] = l.value(v); reflect.TypeOf(values[i]).Kind() == reflect.String {
				values[i] = template.HTMLEscapeString(fmt.Sprint(values[i]))
			}
		}
	}
	if !markup {
		return l.Say(s)
	}
	return template.HTML(l.mark(s.shaped(l.numbers.Sprintf(template.HTMLEscapeString(l.pattern(s)), values...))))
}

// pattern returns a sentence's text with verbs.
func (l *Language) pattern(s *Sentence) string {
	in, found := l.sentences()[s.english]
	switch {
	case s.data:
		return s.english
	case found && s.one != "":
		return cmp.Or(in[l.form(s.count)], in[plural.Other], in[plural.Many])
	case found:
		return in[plural.Other]
	}
	text := s.english
	if s.one != "" && s.count == 1 {
		text = s.one
	}
	text, _, _ = strings.Cut(text, "¦")
	return text
}

// form returns the plural form that the language has for a number of things.
func (l *Language) form(n int) plural.Form {
	return plural.Cardinal.MatchPlural(l.tag, max(n, -n)%10_000_000, 0, 0, 0, 0)
}

// value returns what stands for a value of a sentence.
func (l *Language) value(v any) any {
	switch v := v.(type) {
	case *Sentence:
		return l.Say(v)
	case said:
		return v.in(l)
	case error:
		return l.Say(Of(v))
	case fmt.Stringer:
		return v.String()
	}
	return v
}
