package wire

import "fmt"

// An InputError says what is wrong with what a person entered, and what to enter instead.
type InputError struct {
	Format string // with fmt's verbs %s and %d for the values; by it, whoever says it in another language knows it
	Values []any  // strings and integers
}

func (e *InputError) Error() string { return fmt.Sprintf(e.Format, e.Values...) }

func wrong(format string, values ...any) error { return &InputError{format, values} }

// quoted returns a text in quotes, cut after as many letters and escaped.
func quoted(text string, most int) string { return fmt.Sprintf("%.*q", most, text) }
