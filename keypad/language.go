package keypad

import (
	"maps"
	"slices"
	"strings"

	"golang.org/x/text/language"
)

// Translators work in languages/TAG.toml, one file a language. Embedded and parsed here,
// those files would cost the firmware 10 kB and each start a moment; so a test makes Go of
// them, and fails while that is not what they say.
//go:generate go test -run ^TestTheTranslationsAreThoseOfTheLanguageFiles$ -update .

// A Language is one that the screens speak. The zero Language is English.
type Language uint8

// Languages are all that the screens speak. A View or Opts may name any language; the nearest
// of these is taken.
func Languages() []Language {
	all := make([]Language, len(languages))
	for i := range all {
		all[i] = Language(i)
	}
	return all
}

// String is the language's tag (RFC 5646), as "de".
func (l Language) String() string { return languages[l].tag }

// Name is what the language calls itself, as "Deutsch".
func (l Language) Name() string { return languages[l].name }

// Sentences are what the keypad says in every language, in English: a View's Reason or
// Notes that is one of them is translated, and any other text shown as it is.
func Sentences() []string { return slices.Sorted(maps.Keys(translations)) }

// say translates one of Sentences. Any other text is given back as it is.
func (l Language) say(english string) string {
	if l > 0 {
		if in, ok := translations[english]; ok {
			return in[l-1]
		}
	}
	return english
}

// sayTo translates one of Sentences that holds {}, which stands for a name.
func (l Language) sayTo(english, name string) string {
	return strings.Replace(l.say(english), "{}", name, 1)
}

// A languagePicker finds the Language for a tag of RFC 5646.
type languagePicker struct {
	matcher language.Matcher
	own     Language // where none is near
	tag     string   // looked for last
	found   Language // for tag
}

func newLanguagePicker(own string) *languagePicker {
	var tags []language.Tag
	for _, l := range languages {
		tags = append(tags, language.Make(l.tag))
	}
	p := &languagePicker{matcher: language.NewMatcher(tags)}
	p.own = p.nearest(own)
	p.found = p.own
	return p
}

// find gives the Language nearest to tag; where none is near, and for an empty tag, it is the
// reader's own.
func (p *languagePicker) find(tag string) Language {
	if tag != p.tag {
		p.tag, p.found = tag, p.nearest(tag)
	}
	return p.found
}

func (p *languagePicker) nearest(tag string) Language {
	t, err := language.Parse(tag)
	if tag == "" || err != nil {
		return p.own
	}
	_, i, sure := p.matcher.Match(t)
	if sure == language.No {
		return p.own
	}
	return Language(i)
}
