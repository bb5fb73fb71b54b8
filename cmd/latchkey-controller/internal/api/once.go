package api

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// How long a request with an Idempotency-Key is remembered, while the controller runs.
const (
	onceUnlock = time.Minute
	oncePost   = 24 * time.Hour
)

// Limits of Idempotency-Keys (draft-ietf-httpapi-idempotency-key-header-07).
const (
	maxOnceKey = 255 // bytes
	maxOnce    = 256 // requests of one token
)

// once are the requests with an Idempotency-Key that are under way, or were carried out.
type once struct {
	secret [32]byte // so that what is remembered of bodies says nothing about them
	mu     sync.Mutex
	tokens map[int64][]*onceRequest // by token, the oldest first
}

// A onceRequest is one of them.
type onceRequest struct {
	key, body [sha256.Size]byte
	until     time.Time // it is forgotten then; zero: it is under way
	data      any       // the answer's
	err       error     // it was refused so, although it may have been carried out
}

func newOnce() *once {
	o := &once{tokens: map[int64][]*onceRequest{}}
	rand.Read(o.secret[:])
	return o
}

// sum returns what is remembered of texts.
func (o *once) sum(texts ...[]byte) (sum [sha256.Size]byte) {
	mac := hmac.New(sha256.New, o.secret[:])
	for _, text := range texts {
		fmt.Fprintf(mac, "%d ", len(text))
		mac.Write(text)
	}
	mac.Sum(sum[:0])
	return sum
}

// begin returns the request of before that has the same key, or nil if this is the first,
// which the caller must end.
func (o *once) begin(token int64, key, body [sha256.Size]byte, now time.Time) (before, own *onceRequest, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	kept := o.tokens[token][:0]
	for _, q := range o.tokens[token] {
		if q.until.IsZero() || now.Before(q.until) {
			kept = append(kept, q)
		}
	}
	clear(o.tokens[token][len(kept):])
	o.tokens[token] = kept
	for _, q := range kept {
		switch {
		case q.key != key:
		case q.body != body:
			return nil, nil, refuse(http.StatusUnprocessableEntity, codeParams, "This Idempotency-Key was used for another request; take a new one")
		case q.until.IsZero():
			return nil, nil, &refusal{status: http.StatusConflict, code: codeBusy, text: "The request with this Idempotency-Key is still being carried out; come again in 1 s", wait: 1}
		default:
			return q, nil, nil
		}
	}
	if len(kept) >= maxOnce {
		soonest := onceUnlock // in which one is forgotten
		for _, q := range kept {
			if !q.until.IsZero() {
				soonest = min(soonest, q.until.Sub(now))
			}
		}
		wait := int(soonest/time.Second) + 1
		return nil, nil, &refusal{status: http.StatusTooManyRequests, code: codeForbidden, text: fmt.Sprintf("At most %d requests with an Idempotency-Key are remembered for a token; send this one without, or come again in %d s", maxOnce, wait), wait: wait}
	}
	own = &onceRequest{key: key, body: body}
	o.tokens[token] = append(kept, own)
	return nil, own, nil
}

// end remembers the answer until a time, or forgets a request that was not carried out.
func (o *once) end(token int64, own *onceRequest, data any, until time.Time, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var refused *refusal
	var unsure *desk.UnsureError
	if err == nil || errors.As(err, &unsure) || errors.As(err, &refused) && refused.code == codeBusy {
		own.data, own.err, own.until = data, err, until
		return
	}
	kept := o.tokens[token][:0]
	for _, q := range o.tokens[token] {
		if q != own {
			kept = append(kept, q)
		}
	}
	clear(o.tokens[token][len(kept):])
	o.tokens[token] = kept
}

// onceFor returns a handler that carries a request out once if it has an Idempotency-Key: as
// long as that is remembered, the same request is answered as before. A refused one was not
// carried out, and may be sent again. It is carried out even if its client goes away, who
// can then ask again.
func (a *API) onceFor(remembered time.Duration, do handler) handler {
	return func(c *call) (data any, err error) {
		key := c.r.Header.Get("Idempotency-Key")
		if len(c.r.Header.Values("Idempotency-Key")) == 0 {
			return do(c)
		}
		if key == "" || len(key) > maxOnceKey {
			return nil, badRequest("An Idempotency-Key has 1 to %d characters", maxOnceKey)
		}
		body, err := io.ReadAll(c.r.Body)
		defer func() { clear(body[:cap(body)]) }()
		if err != nil {
			return nil, err
		}
		before, own, err := a.once.begin(c.actor.ID, a.once.sum([]byte(key)), a.once.sum([]byte(c.r.Method), []byte(c.r.URL.RequestURI()), body), time.Now())
		if err != nil {
			return nil, err
		}
		if before != nil {
			c.w.Header().Set("Idempotency-Replayed", "true")
			return before.data, before.err
		}
		defer func() {
			failed := err
			if what := recover(); what != nil {
				a.once.end(c.actor.ID, own, nil, time.Time{}, fmt.Errorf("%v", what))
				panic(what)
			}
			a.once.end(c.actor.ID, own, data, time.Now().Add(remembered), failed)
		}()
		c.r = c.r.WithContext(context.WithoutCancel(c.r.Context()))
		c.r.Body = io.NopCloser(bytes.NewReader(body))
		return do(c)
	}
}
