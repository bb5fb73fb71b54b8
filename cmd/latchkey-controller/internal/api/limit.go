package api

import (
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// How many requests a program may send. A client that starts asks once for each door, all at
// once: it must be able to.
const (
	tokenBurst   = 3000
	tokenEach    = 50 * time.Millisecond
	strangeBurst = 20 // without a token that is valid, from one address
	strangeEach  = 3 * time.Second
	maxLimiters  = 10_000
)

// limits limit the requests of each token, and those of strangers by their address: these
// never hold up a valid token from the same address.
type limits struct {
	mu        sync.Mutex
	tokens    map[int64]*rate.Limiter
	strangers map[string]*rate.Limiter
}

func newLimits() *limits {
	return &limits{tokens: map[int64]*rate.Limiter{}, strangers: map[string]*rate.Limiter{}}
}

// token returns a refusal if a token has sent too many requests.
func (l *limits) token(id int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tokens[id] == nil {
		makeRoom(l.tokens)
		l.tokens[id] = rate.NewLimiter(rate.Every(tokenEach), tokenBurst)
	}
	return tooMany(l.tokens[id])
}

// stranger returns the refusal of a request without a valid token, or that there are too
// many from its address.
func (l *limits) stranger(from string, refused *refusal) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if ip, err := netip.ParseAddr(from); err == nil {
		if ip = ip.Unmap().WithZone(""); ip.Is6() {
			network, _ := ip.Prefix(64) // which one customer has
			from = network.String()
		} else {
			from = ip.String()
		}
	}
	if l.strangers[from] == nil {
		makeRoom(l.strangers)
		l.strangers[from] = rate.NewLimiter(rate.Every(strangeEach), strangeBurst)
	}
	if err := tooMany(l.strangers[from]); err != nil {
		return err
	}
	return refused
}

// makeRoom drops limiters that hold nobody up, or any if there are too many.
func makeRoom[K comparable](of map[K]*rate.Limiter) {
	if len(of) < maxLimiters {
		return
	}
	for key, limiter := range of {
		if limiter.Tokens() >= float64(limiter.Burst()) {
			delete(of, key)
		}
	}
	for key := range of {
		if len(of) < maxLimiters {
			return
		}
		delete(of, key)
	}
}

// tooMany takes one from a limiter, or says when to come again.
func tooMany(limiter *rate.Limiter) error {
	if limiter.Allow() {
		return nil
	}
	missing := 1 - limiter.Tokens()
	wait := int(math.Ceil(missing / float64(limiter.Limit())))
	return &refusal{status: http.StatusTooManyRequests, code: codeForbidden, text: fmt.Sprintf("Too many requests; come again in %d s", max(wait, 1)), wait: max(wait, 1)}
}
