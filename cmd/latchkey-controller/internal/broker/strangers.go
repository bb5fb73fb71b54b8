package broker

import (
	"net"
	"sync"
)

// Connections that have not said yet who they are, by a certificate and a CONNECT: so
// many at once, and so many of one address. Each may cost some hundred KiB of a handshake,
// and 1 MiB, twice, of a CONNECT; the honest are done within a moment, and come again.
const (
	maxStrangers     = 128
	maxStrangersEach = 64
)

// strangers counts them.
type strangers struct {
	mu  sync.Mutex
	all int
	by  map[string]int
}

// enter takes a connection's address in and returns what lets it out again, once; nil:
// there is no room for it.
func (s *strangers) enter(from net.Addr) (leave func()) {
	host, _, err := net.SplitHostPort(from.String())
	if err != nil {
		host = from.String()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all >= maxStrangers || s.by[host] >= maxStrangersEach {
		return nil
	}
	if s.by == nil {
		s.by = map[string]int{}
	}
	s.all++
	s.by[host]++
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.all--
		if s.by[host]--; s.by[host] == 0 {
			delete(s.by, host)
		}
	})
}
