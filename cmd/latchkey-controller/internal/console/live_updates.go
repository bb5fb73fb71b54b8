package console

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// Topics of changes. Parts of pages listen for "changed-" and a topic.
const (
	topicActivity = "activity" // there are new events
	topicActs     = "acts"     // an administrator did something
	topicReaders  = "readers"  // readers reported a new state
	topicLead     = "lead"     // another controller leads, or none
)

var topics = []string{topicActivity, topicActs, topicReaders, topicLead}

// Limits of the stream.
const (
	maxListeners         = 256                    // pages in total
	maxListenersPerAdmin = 32                     // pages per administrator
	minInterval          = 200 * time.Millisecond // between two messages to a page
	heartbeat            = 25 * time.Second       // longest silence
)

// A broadcaster tells open pages what has changed.
type broadcaster struct {
	mu        sync.Mutex
	listeners map[*listener]bool
	closed    bool
	last      int64
	count     uint64            // of changes
	newest    map[string]uint64 // number of the newest change of each topic
}

// A listener is one open page.
type listener struct {
	admin int64
	told  uint64        // number of the newest change sent to it
	wake  chan struct{} // full while there are newer ones
}

func newBroadcaster() *broadcaster {
	return &broadcaster{listeners: map[*listener]bool{}, newest: map[string]uint64{}}
}

// current returns the number of the newest change, which a page rendered from now on
// shows.
func (h *broadcaster) current() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.count
}

// join adds a listener for an administrator, which at once gets the changes after
// since; nil: there are too many, or the broadcaster is closed.
func (h *broadcaster) join(admin int64, since uint64) *listener {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || len(h.listeners) >= maxListeners {
		return nil
	}
	own := 0
	for l := range h.listeners {
		if l.admin == admin {
			own++
		}
	}
	if own >= maxListenersPerAdmin {
		return nil
	}
	l := &listener{admin, min(since, h.count), make(chan struct{}, 1)}
	if l.told < h.count {
		l.wake <- struct{}{}
	}
	h.listeners[l] = true
	return l
}

func (h *broadcaster) leave(l *listener) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.listeners, l)
}

// publish passes a change on to all listeners.
func (h *broadcaster) publish(change desk.Change) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var news []string
	if change.Activity != h.last {
		news, h.last = append(news, topicActivity), change.Activity
	}
	if change.Acts {
		news = append(news, topicActs)
	}
	if change.States {
		news = append(news, topicReaders)
	}
	h.tell(news)
}

// publishLead passes on that another controller leads, or none.
func (h *broadcaster) publishLead() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tell([]string{topicLead, topicReaders}) // of readers, more or less is known now
}

func (h *broadcaster) tell(news []string) {
	if len(news) == 0 {
		return
	}
	h.count++
	for _, topic := range news {
		h.newest[topic] = h.count
	}
	h.wake()
}

func (h *broadcaster) wake() {
	for l := range h.listeners {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

// take returns the topics that changed since a listener's last message, and whether
// more can follow.
func (h *broadcaster) take(l *listener) (news []string, more bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, topic := range topics {
		if h.newest[topic] > l.told {
			news = append(news, topic)
		}
	}
	l.told = h.count
	return news, !h.closed
}

// close ends all streams.
func (h *broadcaster) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	h.wake()
}

// endOfStream tells a page that its session has ended.
const endOfStream = "event: ended\ndata: \n\n"

// liveUpdates streams what has changed, as server-sent events (WHATWG HTML §9.2),
// until the session ends.
func (c *Console) liveUpdates(w http.ResponseWriter, r *http.Request, v *visit) error {
	// The page passes the number of its newest change, so that it misses none.
	since, err := strconv.ParseUint(r.URL.Query().Get("since"), 10, 64)
	if err != nil {
		http.Error(w, "since is not a number", http.StatusBadRequest)
		return nil
	}
	l := c.updates.join(v.Actor.ID, since)
	if l == nil {
		w.Header().Set("Retry-After", "10")
		http.Error(w, "too many pages listen", http.StatusServiceUnavailable)
		return nil
	}
	defer c.updates.leave(l)
	control := http.NewResponseController(w)
	send := func(event, data string) error {
		// Over HTTP/2 an expired deadline ends the stream even if nothing is being
		// written.
		if err := control.SetWriteDeadline(time.Now().Add(2 * heartbeat)); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "event: %s\ndata: %s\n\n", event, data); err != nil {
			return err
		}
		return control.Flush()
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // no buffering in proxies
	if send("ready", "") != nil {
		return nil
	}
	pulse := time.NewTicker(heartbeat)
	defer pulse.Stop()
	for {
		select {
		case <-r.Context().Done():
			return nil
		case <-pulse.C:
			if _, err := c.desk.Session(r.Context(), v.token, false); err != nil {
				if errors.Is(err, desk.ErrSignedOut) {
					io.WriteString(w, endOfStream)
				}
				return nil // if the database is away, the page connects again until it is back
			}
			if send("beat", "") != nil {
				return nil
			}
		case <-l.wake:
			news, more := c.updates.take(l)
			if !more || len(news) > 0 && send("changed", strings.Join(news, " ")) != nil {
				return nil
			}
			select {
			case <-r.Context().Done():
				return nil
			case <-time.After(minInterval):
			}
		}
	}
}
