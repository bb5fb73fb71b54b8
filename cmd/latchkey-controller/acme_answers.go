package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
)

// maxAuthorityAnswer is the longest answer that is taken from a public authority, in bytes. The
// longest of them is a chain of certificates.
const maxAuthorityAnswer = 256 << 10

// authorityAnswers bounds what a public authority answers, and keeps why it has refused to
// certify the name: package autocert only says that no challenge was met.
type authorityAnswers struct {
	transport http.RoundTripper

	mu    sync.Mutex
	heard bool     // it has answered
	why   []string // it refused, without repetition
}

func newAuthorityAnswers() *authorityAnswers {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = 30 * time.Second
	return &authorityAnswers{transport: transport}
}

func (a *authorityAnswers) client() *http.Client {
	return &http.Client{Transport: a, Timeout: time.Minute}
}

// RoundTrip implements http.RoundTripper.
func (a *authorityAnswers) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := a.transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAuthorityAnswer+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxAuthorityAnswer {
		return nil, fmt.Errorf("an answer of %s is longer than %d KiB", r.URL.Host, maxAuthorityAnswer>>10)
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	a.note(body)
	return response, nil
}

// note keeps what an authorization (RFC 8555 §7.1.4) says of challenges that were not met.
func (a *authorityAnswers) note(body []byte) {
	var authorization struct {
		Status     string
		Challenges []struct {
			Type  string
			Error struct{ Detail string }
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.heard = true
	if json.Unmarshal(body, &authorization) != nil || authorization.Status != "invalid" {
		return
	}
	for _, challenge := range authorization.Challenges {
		if detail := plainText(challenge.Error.Detail); detail != "" && len(a.why) < 4 {
			if text := plainText(challenge.Type) + ": " + detail; !slices.Contains(a.why, text) {
				a.why = append(a.why, text)
			}
		}
	}
}

// forget begins a new try.
func (a *authorityAnswers) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.heard, a.why = false, nil
}

// said returns whether the authority has answered since then, and why it refused; "": it did not.
func (a *authorityAnswers) said() (heard bool, why string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.heard, strings.Join(a.why, "; ")
}

// plainText returns at most 300 bytes of a text from outside, on one line.
func plainText(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text[:min(len(text), 300)], ""))
	return strings.TrimSpace(text)
}
