package console

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
)

// A form holds what was entered, and the errors.
type form struct {
	Values url.Values
	Wrong  map[string]*language.Sentence // by field; "": about the whole form
	Note   *language.Sentence            // what was done to the form itself, which nobody has sent yet; nil: nothing
	secret map[string][]byte
	file   []byte // the uploaded file, up to one byte more than it may have
}

// MayFocus says whether the form's first field gets the focus: not if one is wrong, which gets it.
func (f *form) MayFocus() bool {
	for field := range f.Wrong {
		if field != "" {
			return false
		}
	}
	return true
}

// errBadForm refuses a form that no page of the console sends.
var errBadForm = language.Say("the form cannot be read")

// secretFields are the fields of all forms that hold PINs, passwords and what proves a passkey: bytes that can
// be wiped, never strings, and never saved.
var secretFields = []string{"digits", "password", "old", "new", "again", "passphrase", "passphrase-again", "mail-password", "passkey", "oidc-secret"}

// readForm reads the body of a POST.
func readForm(r *http.Request) (*form, error) {
	f := newForm()
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case err == nil && kind == "application/x-www-form-urlencoded":
		err = f.readFields(r)
	case err == nil && kind == "multipart/form-data":
		err = f.readParts(r)
	default:
		err = errBadForm
	}
	return f, err
}

func (f *form) readFields(r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return fmt.Errorf("read the form: %w", err)
	}
	defer clear(body)
	var rest [][]byte
	for field := range bytes.SplitSeq(body, []byte("&")) {
		name, value, _ := bytes.Cut(field, []byte("="))
		if slices.Contains(secretFields, string(name)) {
			f.secret[string(name)] = unescape(value)
		} else {
			rest = append(rest, field)
		}
	}
	if f.Values, err = url.ParseQuery(string(bytes.Join(rest, []byte("&")))); err != nil {
		return errBadForm
	}
	return nil
}

// readParts reads a form with a file (RFC 7578).
func (f *form) readParts(r *http.Request) error {
	parts, err := r.MultipartReader()
	if err != nil {
		return errBadForm
	}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the form: %w", err)
		}
		limit := int64(desk.MaxRequest)
		if part.FileName() != "" && r.URL.Path == importPath {
			limit = desk.MaxImport
		}
		b, err := io.ReadAll(io.LimitReader(part, limit+1))
		if err != nil {
			return fmt.Errorf("read the form: %w", err)
		}
		switch name := part.FormName(); {
		case part.FileName() != "":
			f.file = b
		case slices.Contains(secretFields, name):
			f.secret[name] = b
		default:
			f.Values.Add(name, string(b))
		}
	}
}

// unescape decodes a form value (WHATWG URL §5.1). Invalid escapes stay as they are.
func unescape(value []byte) []byte {
	out := make([]byte, 0, len(value))
	for i := 0; i < len(value); i++ {
		b := []byte{value[i]}
		if b[0] == '+' {
			b[0] = ' '
		} else if b[0] == '%' && i+2 < len(value) {
			if _, err := hex.Decode(b, value[i+1:i+3]); err == nil {
				i += 2
			}
		}
		out = append(out, b[0])
	}
	return out
}

// wipe clears the secrets.
func (f *form) wipe() {
	for _, secret := range f.secret {
		clear(secret)
	}
}

// Get returns the value of a field.
func (f *form) Get(name string) string {
	if f == nil {
		return ""
	}
	return f.Values.Get(name)
}

// Trim returns the value of a field without surrounding spaces.
func (f *form) Trim(name string) string { return strings.TrimSpace(f.Get(name)) }

// Has says whether a field was sent with a value, like a ticked box.
func (f *form) Has(name, value string) bool {
	if f == nil {
		return false
	}
	return slices.Contains(f.Values[name], value)
}

// newForm returns a form with values and no errors.
func newForm(values ...string) *form {
	f := &form{Values: url.Values{}, Wrong: map[string]*language.Sentence{}, secret: map[string][]byte{}}
	for i := 0; i+1 < len(values); i += 2 {
		f.Values.Add(values[i], values[i+1])
	}
	return f
}

// wrong marks an error in a field, "" for the whole form.
func (f *form) wrong(field, english string, values ...any) error {
	return f.says(field, language.Say(english, values...))
}

// says marks what is wrong in a field.
func (f *form) says(field string, wrong *language.Sentence) error {
	f.Wrong[field] = wrong.Alone()
	return errWrong
}

// refused adds the desk's errors about fields to the form. It returns false if err is
// about something else.
func (f *form) refused(err error) bool {
	fields := desk.Fields(err)
	for name, text := range fields {
		f.Wrong[name] = text.Alone()
	}
	if errors.Is(err, desk.ErrSignInAgain) {
		f.Wrong["password"] = language.Say("Enter your password again to go on.")
		return true
	}
	return fields != nil || errors.Is(err, errWrong)
}

// warn says, on a form that was refused because its subject has changed, that
// sending it again overwrites the change. It sets the current revision for that.
func (f *form) warn(what, revision string) {
	if meanwhile := f.Wrong[what]; meanwhile != nil {
		f.Wrong[""] = language.Say("%s %s", meanwhile, language.Say("Saving again overwrites that change."))
		f.Values.Set("revision", revision)
	}
}

// digits returns a secret without spaces.
func (f *form) digits(name string) []byte {
	secret := f.secret[name]
	kept := secret[:0]
	for _, b := range secret {
		if b != ' ' {
			kept = append(kept, b)
		}
	}
	clear(secret[len(kept):])
	return kept
}
