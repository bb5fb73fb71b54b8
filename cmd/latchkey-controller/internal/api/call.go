package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// Bounds of a request.
const (
	maxBody = 1 << 20 // bytes
	maxPage = 1000    // rows
)

// A call is a request of a program that may be here.
type call struct {
	r     *http.Request
	w     http.ResponseWriter // for what answers itself: see answered
	actor desk.Actor
	page  *pagination // of the answer; nil: it has no pages
}

// answered is what a handler returns that has written the answer itself.
type answered struct{}

// A part is how one part of the API writes its answers.
type part interface {
	// write writes an answer, with the page of a list or nil.
	write(w http.ResponseWriter, data any, page *pagination)
	fail(w http.ResponseWriter, refused *refusal)
}

// serve answers the requests for a route: of those who have a token, within their limits.
func (a *API) serve(p part, rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		actor, err := a.authenticate(r)
		c := &call{r: r, w: w, actor: actor}
		var data any
		if err == nil {
			data, err = rt.do(c)
		}
		if err != nil {
			refused := a.refusal(r, rt, err)
			if refused != nil {
				p.fail(w, refused)
			}
			return
		}
		if _, done := data.(answered); !done {
			p.write(w, data, c.page)
		}
	})
}

// address returns the address from which a request comes.
func address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// authenticate returns who sends a request.
func (a *API) authenticate(r *http.Request) (desk.Actor, error) {
	from := address(r)
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return desk.Actor{}, a.limit.stranger(from, refuse(http.StatusUnauthorized, codeNoToken, "Send a token of this site in the header Authorization: Bearer TOKEN"))
	}
	actor, err := a.desk.TokenActor(r.Context(), strings.TrimSpace(token), from)
	if errors.Is(err, desk.ErrNoToken) {
		return actor, a.limit.stranger(from, refuse(http.StatusUnauthorized, codeWrongToken, desk.Sentence(err.Error())))
	}
	if err != nil {
		return actor, err
	}
	return actor, a.limit.token(actor.ID)
}

// logPanic logs where a handler panicked, and cuts the connection.
func (a *API) logPanic(r *http.Request) {
	switch what := recover(); what {
	case nil:
	case http.ErrAbortHandler:
		panic(what)
	default:
		a.log.Error("api: a request panicked", "method", r.Method, "route", r.Pattern, "panic", what, "stack", string(debug.Stack()))
		panic(http.ErrAbortHandler)
	}
}

// body decodes the request's body, JSON, into v, a pointer to a struct. It ignores fields
// that v has not, as clients send them. The body may hold a PIN, so its bytes are wiped: v
// must not keep any of them. Without a body v stays as it is.
func (c *call) body(v any) error {
	b, err := readAll(c.r.Body)
	defer func() { clear(b[:cap(b)]) }()
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(b)) == 0 {
		return nil
	}
	if err := checkText(b); err != nil {
		return err
	}
	err = json.Unmarshal(b, v)
	var wrongType *json.UnmarshalTypeError
	var refused *refusal
	switch {
	case err == nil, errors.As(err, &refused):
		return err
	case errors.As(err, &wrongType):
		if wrongType.Field == "" {
			return badRequest("The body must be %s, not %s", jsonName(wrongType), aWord(wrongType.Value))
		}
		return badRequest("%s must be %s, not %s", wrongType.Field, jsonName(wrongType), aWord(wrongType.Value))
	}
	return badRequest("The body is not JSON") // an error would quote it
}

// checkText refuses a body with text that package json would silently replace: what is not
// UTF-8, and halves of surrogate pairs, like \ud83d alone.
func checkText(b []byte) error {
	if !utf8.Valid(b) {
		return badRequest("The body is not UTF-8")
	}
	for i := 0; i < len(b); i++ {
		if b[i] != '\\' {
			continue
		}
		first, second := escaped(b[i:]), rune(-1)
		switch {
		case !utf16.IsSurrogate(first):
			i++ // what is escaped may be a backslash
			continue
		case len(b) > i+6:
			second = escaped(b[i+6:])
		}
		if utf16.DecodeRune(first, second) == utf8.RuneError {
			return badRequest("The body has half a surrogate pair, %s, which is no character", b[i:i+6])
		}
		i += 11
	}
	return nil
}

// escaped returns the UTF-16 code unit of an escape sequence of JSON, like \u00eb, at the
// beginning of b; -1: there is none.
func escaped(b []byte) rune {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return -1
	}
	n, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	if err != nil {
		return -1
	}
	return rune(n)
}

// readAll reads a whole body, and wipes the buffers that it outgrows.
func readAll(r io.Reader) ([]byte, error) {
	b := make([]byte, 0, 4096)
	for {
		if len(b) == cap(b) {
			bigger := make([]byte, len(b), 2*cap(b))
			copy(bigger, b)
			clear(b)
			b = bigger
		}
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err == io.EOF {
			return b, nil
		}
		if err != nil {
			return b, err
		}
	}
}

// jsonName returns what JSON calls the kind of value that was wanted, and the range of a number
// that is outside it.
func jsonName(e *json.UnmarshalTypeError) string {
	kind := e.Type.Kind().String()
	digits, isNumber := strings.CutPrefix(e.Value, "number ")
	outside := isNumber && !strings.ContainsAny(digits, ".eE")
	switch {
	case outside && strings.HasPrefix(kind, "int"):
		return fmt.Sprintf("a whole number from %d to %d", int64(-1)<<(e.Type.Bits()-1), int64(1)<<(e.Type.Bits()-1)-1)
	case outside && strings.HasPrefix(kind, "uint"):
		return fmt.Sprintf("a whole number from 0 to %d", uint64(math.MaxUint64)>>(64-e.Type.Bits()))
	case strings.HasPrefix(kind, "int"), strings.HasPrefix(kind, "uint"):
		return "a whole number"
	case strings.HasPrefix(kind, "float"):
		return "a number"
	case kind == "bool":
		return "true or false"
	case kind == "slice":
		return "a list"
	case kind == "string":
		return "a string"
	}
	return "an object"
}

// aWord names a wrong value, of which Go tells the kind, and of numbers the digits.
func aWord(value string) string {
	kind, _, _ := strings.Cut(value, " ")
	switch kind {
	case "array":
		return "a list"
	case "object":
		return "an object"
	case "bool":
		return "true or false"
	case "number":
		return "this number"
	}
	return "a " + kind
}

// A pagination says which page of a list an answer is.
type pagination struct {
	Number int `json:"page_num"` // from 1
	Size   int `json:"page_size"`
	Total  int `json:"total"` // of rows, on all pages
}

// maxPages bounds the parameters of a page.
const maxPages = 1_000_000_000

// pages reads which page of a list is wanted, and has the answer name it. The caller fills
// in Total. Without the two parameters it is the first, as long as it may be.
func (c *call) pages() (*pagination, error) {
	p := &pagination{Number: 1, Size: maxPage}
	for _, parameter := range []struct {
		name string
		to   *int
	}{{"page_num", &p.Number}, {"page_size", &p.Size}} {
		text := c.r.URL.Query().Get(parameter.name)
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxPages {
			return nil, badRequest("%s must be a whole number from 1 to %d", parameter.name, maxPages)
		}
		*parameter.to = n
	}
	p.Size = min(p.Size, maxPage)
	c.page = p
	return p, nil
}

// cut returns the rows of a page of a whole list, never nil.
func cut[T any](p *pagination, all []T) []T {
	p.Total = len(all)
	from := min((p.Number-1)*p.Size, len(all))
	return append([]T{}, all[from:min(from+p.Size, len(all))]...)
}

// id returns the number of what a part of the path names by its id; desk.ErrNotFound if it
// is no id of that kind here.
func (a *API) id(c *call, name string, k kind) (int64, error) {
	return a.ids.parse(k, c.r.PathValue(name))
}

func badRequest(format string, args ...any) *refusal {
	return refuse(http.StatusBadRequest, codeParams, fmt.Sprintf(format, args...))
}
