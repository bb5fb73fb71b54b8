// Package language says in eight languages what people read in the console: sentences, numbers and times. English is what
// stands in the code; each other language has a file.
package language

import (
	"errors"
	"slices"
	"strings"
)

// A Sentence is what a person reads, not yet in a language: a sentence, or what stands by itself like a title. It is an
// error too, with those errors in it that its values are.
type Sentence struct {
	english string // with fmt's verbs %s and %d for the values; of a counted one as it is for many
	one     string // English for one; "": it is not counted
	count   int
	values  []any
	causes  []error // of the error that it is, besides values
	data    bool    // it is a text of the site, which no language changes
	capital bool    // it begins with a capital letter
	stop    bool    // it ends with a full stop
}

// Say returns a sentence. Each %s in english stands for a value: a string, a Name, a List, a time, a Sentence, an error, or
// anything with a String method; each %d for a whole number, which is written as the language writes numbers. Numbers
// that are not amounts, like ports and years, are strings. Where one English has two meanings, a note after "¦", which
// nobody is shown, says which: "Open¦of a door's state".
func Say(english string, values ...any) *Sentence {
	return &Sentence{english: english, values: values}
}

// With returns a sentence of a table, which has no values yet, with as many of the values as it has verbs.
func (s *Sentence) With(values ...any) *Sentence {
	with := *s
	with.values = values[:min(len(values), strings.Count(s.english, "%s")+strings.Count(s.english, "%d"))]
	return &with
}

// Data returns a text that is the site's, like a name, as a sentence: it is the same in all languages.
func Data(text string) *Sentence { return &Sentence{english: text, data: true} }

// Capital returns the sentence, which may be said as part of another one, as one by itself: with a capital letter first, unless
// it begins with the name of a field, which has a "_".
func (s *Sentence) Capital() *Sentence {
	if s == nil {
		return nil
	}
	alone := *s
	alone.capital = true
	return &alone
}

// Alone returns the sentence as one by itself: with a capital letter first, as Capital, and a full stop.
func (s *Sentence) Alone() *Sentence {
	alone := s.Capital()
	if alone != nil {
		alone.stop = true
	}
	return alone
}

// Of returns what an error says as a sentence: that which it has (Said), is, or has in it; otherwise its text as it is. It is nil
// for nil.
func Of(err error) *Sentence {
	var has interface{ Said() *Sentence }
	switch {
	case err == nil:
		return nil
	case errors.As(err, &has):
		return has.Said()
	}
	return Data(err.Error())
}

// Said returns the sentence: it is what it says.
func (s *Sentence) Said() *Sentence { return s }

// Because returns the sentence with errors that it does not say, for errors.Is and errors.As.
func (s *Sentence) Because(causes ...error) *Sentence {
	with := *s
	with.causes = causes
	return &with
}

// Count returns a sentence about a number of things, which is its first value: English for one and for many, each
// with a %d or without, as in Count(n, "%d user", "%d users").
func Count(n int, one, many string, values ...any) *Sentence {
	return &Sentence{english: many, one: one, count: n, values: append([]any{n}, values...)}
}

// String returns the sentence in English; "" of none.
func (s *Sentence) String() string {
	if s == nil {
		return ""
	}
	return english.Say(s)
}

func (s *Sentence) Error() string { return s.String() }

// MarshalText returns the sentence in English, in which programs get it.
func (s *Sentence) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText takes a sentence of another program of the site: it stays in English.
func (s *Sentence) UnmarshalText(text []byte) error {
	*s = *Data(string(text))
	return nil
}

// Unwrap returns the values that are errors, and the causes.
func (s *Sentence) Unwrap() []error {
	errs := slices.Clone(s.causes)
	for _, v := range s.values {
		if err, is := v.(error); is {
			errs = append(errs, err)
		}
	}
	return errs
}
