// Package ratelimit limits how often each of many asks: programs by their tokens, others by the network that they come
// from. It remembers a bounded number of them.
package ratelimit

import (
	"math"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// most is how many are remembered.
const most = 10_000

// Limits give each key a burst of questions, and then one at a time.
type Limits[K comparable] struct {
	each  rate.Limit
	burst int

	mu sync.Mutex
	of map[K]*rate.Limiter
}

// New returns limits of a burst, and of one every so often after it.
func New[K comparable](every time.Duration, burst int) *Limits[K] {
	return &Limits[K]{each: rate.Every(every), burst: burst, of: map[K]*rate.Limiter{}}
}

// Take lets a key ask, and returns 0, or returns in how many seconds it may, at least 1.
func (l *Limits[K]) Take(key K) (wait int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	limiter := l.of[key]
	if limiter == nil {
		l.makeRoom()
		limiter = rate.NewLimiter(l.each, l.burst)
		l.of[key] = limiter
	}
	if limiter.Allow() {
		return 0
	}
	return max(int(math.Ceil((1-limiter.Tokens())/float64(l.each))), 1)
}

// Forget forgets all that was asked.
func (l *Limits[K]) Forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.of)
}

// makeRoom drops limiters that hold nobody up, or any if there are too many.
func (l *Limits[K]) makeRoom() {
	if len(l.of) < most {
		return
	}
	for key, limiter := range l.of {
		if limiter.Tokens() >= float64(limiter.Burst()) {
			delete(l.of, key)
		}
	}
	for key := range l.of {
		if len(l.of) < most {
			return
		}
		delete(l.of, key)
	}
}

// Network returns an IPv4 address as it is, and of an IPv6 address the /64, which one customer has. What is no address stays
// as it is.
func Network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		network, _ := ip.Prefix(64)
		return network.String()
	}
	return ip.String()
}
