package console

import (
	"bytes"
	"net/http"
)

// A secretWriter replaces the markers in a page with secrets as it is sent, so that
// no template and no string ever holds them.
type secretWriter struct {
	http.ResponseWriter
	marker  []byte
	secrets [][]byte
}

// Write writes a whole page. It wipes its copy.
func (w *secretWriter) Write(page []byte) (int, error) {
	size := len(page)
	for _, secret := range w.secrets {
		size += len(secret)
	}
	out := make([]byte, 0, size)
	defer func() { clear(out[:cap(out)]) }()
	rest := page
	for _, secret := range w.secrets {
		before, after, found := bytes.Cut(rest, w.marker)
		if !found {
			break
		}
		out = append(append(out, before...), secret...)
		rest = after
	}
	out = append(out, rest...)
	if _, err := w.ResponseWriter.Write(out); err != nil {
		return 0, err
	}
	return len(page), nil
}

// Unwrap is for http.ResponseController.
func (w *secretWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
