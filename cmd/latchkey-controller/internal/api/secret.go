package api

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"net/http"
)

// newMark returns a text that nothing else in an answer is.
func newMark() string { return "mark " + rand.Text() }

// answerWith writes an answer of the UniFi part with digits where data has a mark, so that no
// string ever holds them.
func (c *call) answerWith(data any, mark string, digits []byte) (answered, error) {
	b, err := json.Marshal(envelope{Code: codeSuccess, Msg: "success", Data: data})
	if err != nil {
		return answered{}, err
	}
	before, after, _ := bytes.Cut(b, []byte(mark))
	out := make([]byte, 0, len(b)+len(digits))
	defer func() { clear(out[:cap(out)]) }()
	out = append(append(append(out, before...), digits...), after...)
	c.w.Header().Set("Content-Type", "application/json")
	c.w.WriteHeader(http.StatusOK)
	c.w.Write(out)
	return answered{}, nil
}
