package link

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// A broker ends the connection of a client when another one with its id comes: if two URLs
// lead to one broker, each connection of the controller's would end the other, for ever. Once
// each has ended the other so often, and so soon, that nothing else explains it, the later
// URL is left alone.
const (
	takenWithin = 2 * time.Second // after the other one came
	takenTimes  = 4               // in turn, without a loss that the other does not explain
	tryAgain    = time.Hour       // at the later one: the names may lead elsewhere by then
)

// A sameBroker finds out which connections are to one broker. They are numbered in their order.
type sameBroker struct {
	mu    sync.Mutex
	came  map[int]time.Time // when a connection was opened last
	taken map[[2]int]int    // how often two have ended each other; the earlier one is first
}

func newSameBroker() *sameBroker {
	return &sameBroker{came: map[int]time.Time{}, taken: map[[2]int]int{}}
}

// opened notes that a connection is opened.
func (s *sameBroker) opened(c int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.came[c] = time.Now()
}

// ended notes that one that was opened has ended.
func (s *sameBroker) ended(c int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for other, came := range s.came {
		pair := [2]int{min(c, other), max(c, other)}
		switch {
		case other == c:
		case came.After(s.came[c]) && time.Since(came) < takenWithin:
			s.taken[pair]++
		default:
			delete(s.taken, pair)
		}
	}
}

// as returns the first of the earlier connections that is to the same broker; false: none is.
func (s *sameBroker) as(c int) (int, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for earlier := range c {
		if s.taken[[2]int{earlier, c}] >= takenTimes {
			return earlier, true
		}
	}
	return 0, false
}

// again has a connection tried again. It is left alone as soon as one of both ends the other.
func (s *sameBroker) again(c int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for pair, n := range s.taken {
		if pair[1] == c {
			s.taken[pair] = min(n, takenTimes-1)
		}
	}
}

// awaitOther waits while an earlier connection is to the same broker, and is not lost.
func (c *connection) awaitOther(ctx context.Context) {
	earlier, is := c.same.as(c.index)
	if !is {
		return
	}
	other := c.o.Brokers[earlier]
	c.note(false, fmt.Sprintf("it is the same broker as %s, which the controller uses: name each broker once", other))
	c.o.Log.Warn("two addresses lead to one broker: the controller uses only the first; name each broker once", "first", other, "second", c.broker.String())
	end := time.After(tryAgain)
	for look := time.Tick(time.Second); is; _, is = c.same.as(c.index) {
		select {
		case <-ctx.Done():
			return
		case <-end:
			c.same.again(c.index)
		case <-look:
		}
	}
}
