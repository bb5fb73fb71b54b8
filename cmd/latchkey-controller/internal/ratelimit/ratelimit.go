// Package ratelimit limits how often each of many asks: programs by their tokens, others by the network that they come
// from. It remembers a bounded number of them.
package ratelimit

import (
	"container/list"
	"math"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// most is how many are remembered: those that asked last.
const most = 10_000

// Limits give each key a burst of questions, and then one at a time.
type Limits[K comparable] struct {
	each  rate.Limit
	burst int

	mu    sync.Mutex
	of    map[K]*list.Element
	order *list.List // of limited[K], the one that asked last in front
}

// A limited is one that asks.
type limited[K comparable] struct {
	key     K
	limiter *rate.Limiter
}

// New returns limits of a burst, and of one every so often after it.
func New[K comparable](every time.Duration, burst int) *Limits[K] {
	return &Limits[K]{each: rate.Every(every), burst: burst, of: map[K]*list.Element{}, order: list.New()}
}

// Take lets a key ask, and returns 0, or returns in how many seconds it may, at least 1.
func (l *Limits[K]) Take(key K) (wait int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	limiter := l.limiter(key)
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
	l.order.Init()
}

// limiter returns a key's limiter. A new one takes the place of that which has not asked for longest, if there are too many.
func (l *Limits[K]) limiter(key K) *rate.Limiter {
	if known := l.of[key]; known != nil {
		l.order.MoveToFront(known)
		return known.Value.(limited[K]).limiter
	}
	if len(l.of) == most {
		delete(l.of, l.order.Remove(l.order.Back()).(limited[K]).key)
	}
	limiter := rate.NewLimiter(l.each, l.burst)
	l.of[key] = l.order.PushFront(limited[K]{key, limiter})
	return limiter
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
