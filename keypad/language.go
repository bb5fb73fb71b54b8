package keypad

import (
	"strings"

	"golang.org/x/text/language"
)

// Translators edit languages/TAG.toml, one file a language. Parsing these files here would cost
// 10 kB of firmware, and time at each start; so a test generates Go from them, and fails if the
// generated file is out of date.
//go:generate go test -run ^TestTheTranslationsAreThoseOfTheLanguageFiles$ -update .

// A lang is a language of the screens, as its index in languages. 0 is English.
type lang uint8

// say translates a sentence of the language files. It returns any other text unchanged.
func (l lang) say(english string) string {
	if l > 0 {
		if in, ok := translations[english]; ok {
			return in[l-1]
		}
	}
	return english
}

// sayTo translates a sentence that holds {}, which stands for a name, or several of them.
func (l lang) sayTo(english string, names ...string) string {
	text := l.say(english)
	for _, name := range names {
		text = strings.Replace(text, "{}", name, 1)
	}
	return text
}

// A languagePicker finds the language for a tag of RFC 5646.
type languagePicker struct {
	matcher language.Matcher
	own     lang   // where none is near
	tag     string // looked for last
	found   lang   // for tag
}

func newLanguagePicker(own string) *languagePicker {
	var tags []language.Tag
	for _, tag := range languages {
		tags = append(tags, language.Make(tag))
	}
	p := &languagePicker{matcher: language.NewMatcher(tags)}
	p.own = p.nearest(own)
	p.found = p.own
	return p
}

// find returns the language nearest to tag; where none is near, and for an empty tag, it is the
// reader's own.
func (p *languagePicker) find(tag string) lang {
	if tag != p.tag {
		p.tag, p.found = tag, p.nearest(tag)
	}
	return p.found
}

func (p *languagePicker) nearest(tag string) lang {
	t, err := language.Parse(tag)
	if tag == "" || err != nil {
		return p.own
	}
	_, i, sure := p.matcher.Match(t)
	if sure == language.No {
		return p.own
	}
	return lang(i)
}
