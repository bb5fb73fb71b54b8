package desk

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/site"
)

// A FieldError says what is wrong with the input of a field, and what to do.
type FieldError struct {
	Field    string // name of the field in its form's documentation
	Sentence *language.Sentence
	err      error // cause; may be nil
	mistyped bool  // what the field says is wrong by itself, whoever sends it and whatever the site holds
}

func (e *FieldError) Error() string { return e.Sentence.String() }

// Said returns the sentence.
func (e *FieldError) Said() *language.Sentence { return e.Sentence }

func (e *FieldError) Unwrap() error { return e.err }

// FieldErrors are all errors in a form.
type FieldErrors []*FieldError

func (e FieldErrors) Error() string { return e.Said().String() }

// Said returns the sentences as one.
func (e FieldErrors) Said() *language.Sentence {
	sentences := make(language.Join, len(e))
	for i, field := range e {
		sentences[i] = field.Sentence
	}
	return language.Say("%s", sentences)
}

// fieldErrors returns what err says about fields.
func fieldErrors(err error) FieldErrors {
	var several FieldErrors
	var one *FieldError
	switch {
	case errors.As(err, &several):
		return several
	case errors.As(err, &one):
		return FieldErrors{one}
	}
	return nil
}

// Fields returns the sentence for each wrong field, or nil if err is not about
// fields.
func Fields(err error) map[string]*language.Sentence {
	several := fieldErrors(err)
	if several == nil {
		return nil
	}
	fields := map[string]*language.Sentence{}
	for _, e := range several {
		if fields[e.Field] == nil {
			fields[e.Field] = e.Sentence
		}
	}
	return fields
}

func wrong(field, english string, values ...any) *FieldError {
	return &FieldError{Field: field, Sentence: language.Say(english, values...)}
}

// wrongField returns err as a FieldError; nil stays nil.
func wrongField(field string, err error) error {
	if err == nil {
		return nil
	}
	return &FieldError{Field: field, Sentence: SaidOf(err).Capital(), err: err}
}

// refusedIn makes a refusal of the site an error about a field.
func refusedIn(field string, err error) error {
	if refusal := (*site.Refusal)(nil); errors.As(err, &refusal) {
		return wrongField(field, err)
	}
	return err
}

// Sentence capitalizes the first letter of text.
func Sentence(text string) string {
	if word, _, _ := strings.Cut(text, " "); strings.Contains(word, "_") { // the name of a field
		return text
	}
	first, n := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[n:]
}

// add adds what err says about fields; nil adds nothing.
func (e *FieldErrors) add(err error) {
	several := fieldErrors(err)
	if err != nil && several == nil {
		several = FieldErrors{{Sentence: language.Of(err).Capital(), err: err}}
	}
	*e = append(*e, several...)
}

// asMistyped marks the errors so far as mistakes in what was typed.
func (e FieldErrors) asMistyped() FieldErrors {
	for _, one := range e {
		one.mistyped = true
	}
	return e
}

// isMistyped says whether err is about nothing but mistakes in what was typed.
func isMistyped(err error) bool {
	all := fieldErrors(err)
	return len(all) > 0 && !slices.ContainsFunc(all, func(e *FieldError) bool { return !e.mistyped })
}

// err returns nil if there are no errors.
func (e FieldErrors) err() error {
	if len(e) == 0 {
		return nil
	}
	return e
}

// revision identifies the state of a form's fields: it differs if one of them has
// changed.
func revision(fields any) string {
	b, err := json.Marshal(fields)
	if err != nil {
		panic(err) // impossible: texts and numbers only
	}
	hash := sha256.Sum256(b)
	return base64.RawURLEncoding.EncodeToString(hash[:16])
}

// changed says what has changed since its form was opened, by the field.
var changed = map[string]*language.Sentence{
	"brokers":       language.Say("Somebody else has changed these brokers; check them again"),
	"administrator": language.Say("Somebody else has changed this administrator; check it again"),
	"cell":          language.Say("Somebody else has changed this cell; check it again"),
	"door":          language.Say("Somebody else has changed this door; check it again"),
	"group":         language.Say("Somebody else has changed this group; check it again"),
	"holiday":       language.Say("Somebody else has changed this holiday; check it again"),
	"hub":           language.Say("Somebody else has changed this hub; check it again"),
	"location":      language.Say("Somebody else has changed this location; check it again"),
	"policy":        language.Say("Somebody else has changed this policy; check it again"),
	"reader":        language.Say("Somebody else has changed this reader; check it again"),
	"schedule":      language.Say("Somebody else has changed this schedule; check it again"),
	"user":          language.Say("Somebody else has changed this user; check it again"),
	"webhook":       language.Say("Somebody else has changed this webhook; check it again"),
}

// changedMeanwhile refuses a form for something that has changed since the form was
// opened.
func changedMeanwhile(what string) *FieldError {
	return &FieldError{Field: what, Sentence: changed[what], err: ErrChanged}
}

// ErrChanged is in the refusal of a form for something that has changed since.
var ErrChanged = errors.New("changed meanwhile")
