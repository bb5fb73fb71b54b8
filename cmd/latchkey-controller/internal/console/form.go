package console

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// A form holds what was entered, and the errors.
type form struct {
	Values url.Values
	Wrong  map[string]string // a sentence by field; "": about the whole form
	secret map[string][]byte
}

// errBadForm refuses a form that no page of the console sends.
var errBadForm = errors.New("the form cannot be read")

// readForm reads the body of a POST. Fields named in secret, PINs and passwords,
// become bytes that can be wiped, never a string.
func readForm(r *http.Request, secret ...string) (*form, error) {
	f := &form{Values: url.Values{}, Wrong: map[string]string{}, secret: map[string][]byte{}}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, errBadForm
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fmt.Errorf("read the form: %w", err)
	}
	defer clear(body)
	var rest [][]byte
	for field := range bytes.SplitSeq(body, []byte("&")) {
		name, value, _ := bytes.Cut(field, []byte("="))
		if which := named(secret, name); which != "" {
			f.secret[which] = unescape(value)
		} else {
			rest = append(rest, field)
		}
	}
	if f.Values, err = url.ParseQuery(string(bytes.Join(rest, []byte("&")))); err != nil {
		return nil, errBadForm
	}
	return f, nil
}

func named(names []string, name []byte) string {
	for _, n := range names {
		if n == string(name) {
			return n
		}
	}
	return ""
}

// unescape decodes a form value (WHATWG URL §5.1). Invalid escapes stay as they are.
func unescape(value []byte) []byte {
	out := make([]byte, 0, len(value))
	for i := 0; i < len(value); i++ {
		switch {
		case value[i] == '+':
			out = append(out, ' ')
		case value[i] == '%' && i+2 < len(value) && isHex(value[i+1]) && isHex(value[i+2]):
			out = append(out, fromHex(value[i+1])<<4|fromHex(value[i+2]))
			i += 2
		default:
			out = append(out, value[i])
		}
	}
	return out
}

func isHex(b byte) bool {
	return '0' <= b && b <= '9' || 'a' <= b && b <= 'f' || 'A' <= b && b <= 'F'
}

func fromHex(b byte) byte {
	switch {
	case b <= '9':
		return b - '0'
	case b <= 'F':
		return b - 'A' + 10
	}
	return b - 'a' + 10
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
	for _, v := range f.Values[name] {
		if v == value {
			return true
		}
	}
	return false
}

// newForm returns a form with values and no errors.
func newForm(values ...string) *form {
	f := &form{Values: url.Values{}, Wrong: map[string]string{}}
	for i := 0; i+1 < len(values); i += 2 {
		f.Values.Add(values[i], values[i+1])
	}
	return f
}

// refused adds the desk's errors about fields to the form. It returns false if err is
// about something else.
func (f *form) refused(err error) bool {
	fields := desk.Fields(err)
	for name, text := range fields {
		f.Wrong[name] = sentence(text)
	}
	if errors.Is(err, desk.ErrSignInAgain) {
		f.Wrong["password"] = "Enter your password again to go on."
		return true
	}
	return fields != nil
}

// warn tells, on a form that was refused because its subject has changed, that
// sending it again overwrites the change. It sets the current revision for that.
func (f *form) warn(what, revision string) {
	if meanwhile := f.Wrong[what]; meanwhile != "" {
		f.Wrong[""] = meanwhile + " Saving again overwrites that change."
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

// readUpload reads the body of a POST with one file (RFC 7578), up to limit+1 bytes
// of it. secret is as for readForm.
func readUpload(r *http.Request, file string, limit int64, secret ...string) (f *form, content []byte, err error) {
	f = &form{Values: url.Values{}, Wrong: map[string]string{}, secret: map[string][]byte{}}
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, nil, errBadForm
	}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return f, content, nil
		}
		if err != nil {
			return nil, nil, fmt.Errorf("read the form: %w", err)
		}
		b, err := io.ReadAll(io.LimitReader(part, limit+1))
		if err != nil {
			return nil, nil, fmt.Errorf("read the form: %w", err)
		}
		switch name := part.FormName(); {
		case name == file:
			content = b
		case named(secret, []byte(name)) != "":
			f.secret[name] = b
		default:
			f.Values.Add(name, string(b))
		}
	}
}
