package api

import (
	"fmt"
	"net/http"
	"time"

	"latchkey/cmd/latchkey-controller/internal/ratelimit"
)

// How many requests a program may send. A client that starts asks once for each door, all at
// once: it must be able to.
const (
	tokenBurst   = 3000
	tokenEach    = 50 * time.Millisecond
	strangeBurst = 20 // without a token that is valid, from one address
	strangeEach  = 3 * time.Second
)

// limits limit the requests of each token, and those of strangers by their address: these
// never hold up a valid token from the same address.
type limits struct {
	tokens    *ratelimit.Limits[int64]
	strangers *ratelimit.Limits[string]
}

func newLimits() *limits {
	return &limits{ratelimit.New[int64](tokenEach, tokenBurst), ratelimit.New[string](strangeEach, strangeBurst)}
}

// token returns a refusal if a token has sent too many requests.
func (l *limits) token(id int64) error { return tooMany(l.tokens.Take(id)) }

// stranger returns the refusal of a request without a valid token, or that there are too
// many from its address.
func (l *limits) stranger(from string, refused *refusal) error {
	if err := tooMany(l.strangers.Take(ratelimit.Network(from))); err != nil {
		return err
	}
	return refused
}

// tooMany says when to come again, if it is not at once.
func tooMany(wait int) error {
	if wait == 0 {
		return nil
	}
	return &refusal{status: http.StatusTooManyRequests, code: codeForbidden, text: fmt.Sprintf("Too many requests; come again in %d s", wait), wait: wait}
}
