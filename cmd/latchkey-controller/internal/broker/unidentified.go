package broker

import (
	"net"
	"sync"
)

// How many connections may be open that have not identified themselves yet, by a
// certificate and a CONNECT: in all, and from one address. Each may cost some hundred KiB
// for a handshake, and twice 1 MiB for a CONNECT. Readers take a moment, and try again.
const (
	maxUnidentified     = 128
	maxUnidentifiedEach = 64
)

// unidentified counts them.
type unidentified struct {
	mu  sync.Mutex
	all int
	by  map[string]int
}

// enter counts a connection from an address. leave, which may be called more than once,
// ends that; nil: there are too many.
func (u *unidentified) enter(from net.Addr) (leave func()) {
	host := host(from)
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.all >= maxUnidentified || u.by[host] >= maxUnidentifiedEach {
		return nil
	}
	if u.by == nil {
		u.by = map[string]int{}
	}
	u.all++
	u.by[host]++
	return sync.OnceFunc(func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.all--
		if u.by[host]--; u.by[host] == 0 {
			delete(u.by, host)
		}
	})
}

// host returns an address without its port.
func host(a net.Addr) string {
	host, _, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	return host
}
