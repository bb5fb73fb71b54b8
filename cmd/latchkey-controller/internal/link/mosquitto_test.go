package link_test

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/site"
)

// A mosquittoLog is what Mosquitto says. Once it is told to tell everything it
// names each packet, and those that the controller published are kept.
type mosquittoLog struct {
	t    testing.TB
	tell func()
	pid  int

	mu        sync.Mutex
	rest      []byte
	telling   bool
	published []string // by the controller, in order: topics
}

// Write implements io.Writer.
func (l *mosquittoLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, b...)
	for {
		line, rest, whole := bytes.Cut(l.rest, []byte("\n"))
		if !whole {
			return len(b), nil
		}
		l.rest = rest
		l.line(string(line))
	}
}

// line takes one line, like:
//
//	1700000000: Received PUBLISH from NAME (d0, q1, r0, m5, 'TOPIC', ... (300 bytes))
func (l *mosquittoLog) line(line string) {
	_, said, _ := strings.Cut(line, ": ")
	switch {
	case strings.HasPrefix(said, "Received PUBLISH from "+site.ControllerName+" "):
		if _, after, ok := strings.Cut(said, "'"); ok {
			topic, _, _ := strings.Cut(after, "'")
			l.published = append(l.published, topic)
		}
		l.telling = true
	case strings.HasPrefix(said, "Sending ") || strings.HasPrefix(said, "Received "):
		l.telling = true
	default:
		if l.t.Context().Err() == nil {
			l.t.Log(line)
		}
	}
}

// everything makes Mosquitto tell everything.
func (l *mosquittoLog) everything() {
	l.t.Helper()
	l.tell()
	until(l.t, "Mosquitto tells everything", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.telling
	})
}

// fromController returns and forgets the topics that the controller published
// on.
func (l *mosquittoLog) fromController() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	topics := l.published
	l.published = nil
	return topics
}
