package desk

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A FieldError is wrong input: which field, and a sentence that says what is
// wrong with it and what to do.
type FieldError struct {
	Field    string // as the form's comments name it
	Sentence string
	err      error // that it comes from; nil: none
}

func (e *FieldError) Error() string { return e.Sentence }

func (e *FieldError) Unwrap() error { return e.err }

// FieldErrors are all that is wrong with a form.
type FieldErrors []*FieldError

func (e FieldErrors) Error() string {
	sentences := make([]string, len(e))
	for i, field := range e {
		sentences[i] = field.Sentence
	}
	return strings.Join(sentences, "; ")
}

// Fields returns what is wrong with each field, if that is what err says;
// otherwise nil.
func Fields(err error) map[string]string {
	var several FieldErrors
	var one *FieldError
	switch {
	case errors.As(err, &several):
	case errors.As(err, &one):
		several = FieldErrors{one}
	default:
		return nil
	}
	fields := map[string]string{}
	for _, e := range several {
		if fields[e.Field] == "" {
			fields[e.Field] = e.Sentence
		}
	}
	return fields
}

func wrong(field, sentence string) *FieldError { return &FieldError{Field: field, Sentence: sentence} }

// wrongField returns err as one about a field; nil stays nil.
func wrongField(field string, err error) error {
	if err == nil {
		return nil
	}
	return &FieldError{field, sentence(err.Error()), err}
}

// sentence begins text with a capital letter.
func sentence(text string) string {
	first, n := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[n:]
}

// add adds an error about a field, unless it is nil.
func (e *FieldErrors) add(field string, err error) {
	if err != nil {
		*e = append(*e, &FieldError{field, sentence(err.Error()), err})
	}
}

// err returns nil if nothing is wrong.
func (e FieldErrors) err() error {
	if len(e) == 0 {
		return nil
	}
	return e
}
