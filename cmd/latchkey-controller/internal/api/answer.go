package api

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// unifi writes answers of the UniFi Access developer API: an envelope with a code.
type unifi struct{}

// An envelope is every answer there. Clients need Data even if it says nothing.
type envelope struct {
	Code string      `json:"code"`
	Msg  string      `json:"msg"`
	Data any         `json:"data"`
	Page *pagination `json:"pagination,omitempty"`
}

func (unifi) write(w http.ResponseWriter, data any, page *pagination) {
	writeJSON(w, "application/json", http.StatusOK, envelope{codeSuccess, "success", data, page})
}

func (unifi) fail(w http.ResponseWriter, r *refusal) {
	r.header(w)
	writeJSON(w, "application/json", r.status, envelope{Code: r.code, Msg: r.text})
}

// own writes answers of the part that is ours alone: data as it is, and problems (RFC 9457).
type own struct{}

// A problem says why a request was not carried out.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"` // of the status
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Code   string `json:"code"` // as the UniFi part has it
}

func (own) write(w http.ResponseWriter, data any, _ *pagination) {
	writeJSON(w, "application/json", http.StatusOK, data)
}

func (own) fail(w http.ResponseWriter, r *refusal) {
	r.header(w)
	writeJSON(w, "application/problem+json", r.status, problem{"about:blank", http.StatusText(r.status), r.status, r.text, r.code})
}

func writeJSON(w http.ResponseWriter, kind string, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // impossible: our own types
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	w.Write(b)
}

// header sets the header fields of a refusal.
func (r *refusal) header(w http.ResponseWriter) {
	if r.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	if r.wait != 0 {
		w.Header().Set("Retry-After", strconv.Itoa(r.wait))
	}
	if r.allow != "" {
		w.Header().Set("Allow", r.allow)
	}
}
