package broker

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"
)

// A handshaker is a listener whose connections have shown a certificate of the
// site's authority. It says why one that came to nothing did: the reader at its
// other end may have no other way to tell.
type handshaker struct {
	net.Listener
	config *tls.Config
	log    *slog.Logger

	ready  chan net.Conn
	done   chan struct{}
	closed sync.Once

	mu   sync.Mutex
	said map[string]time.Time // by address: when its failure was told last
}

func newHandshaker(l net.Listener, config *tls.Config, log *slog.Logger) *handshaker {
	h := &handshaker{Listener: l, config: config, log: log, ready: make(chan net.Conn), done: make(chan struct{}), said: map[string]time.Time{}}
	go h.run()
	return h
}

func (h *handshaker) run() {
	for {
		conn, err := h.Listener.Accept()
		if err != nil {
			h.Close()
			return
		}
		go h.shake(conn)
	}
}

func (h *handshaker) shake(conn net.Conn) {
	secure := tls.Server(conn, h.config)
	ctx, cancel := context.WithTimeout(context.Background(), handshakeFor)
	defer cancel()
	if err := secure.HandshakeContext(ctx); err != nil {
		h.tell(conn, err)
		secure.Close()
		return
	}
	select {
	case h.ready <- secure:
	case <-h.done:
		secure.Close()
	}
}

// tell says why a connection came to nothing, of an address once a minute.
func (h *handshaker) tell(conn net.Conn, err error) {
	from, _, splitErr := net.SplitHostPort(conn.RemoteAddr().String())
	if splitErr != nil {
		from = conn.RemoteAddr().String()
	}
	h.mu.Lock()
	now := time.Now()
	again := now.Sub(h.said[from]) < time.Minute
	if len(h.said) >= 1024 {
		clear(h.said)
	}
	if !again {
		h.said[from] = now
	}
	h.mu.Unlock()
	if again {
		return
	}
	attrs := []any{"address", from, "err", err}
	if why := meaning(err); why != "" {
		attrs = append(attrs, "means", why)
	}
	h.log.Warn("broker: a connection came to nothing", attrs...)
}

// meaning says what a failed handshake is about, "" if that is not known.
func meaning(err error) string {
	text := err.Error()
	switch {
	case strings.HasPrefix(text, "remote error: tls:") && strings.Contains(text, "certificate"): // at its beginning: the rest may be a name of its choosing
		return "the reader does not accept this broker's certificate: its bundle is another site's, or names the broker otherwise than readers find it; have it adopted with a new bundle"
	case strings.Contains(text, "unknown authority"), strings.Contains(text, "didn't provide a certificate"), strings.Contains(text, "no certificate was shown"):
		return "it has no certificate of this site: no reader of it, or one that belongs to another site"
	}
	return ""
}

// Accept implements net.Listener.
func (h *handshaker) Accept() (net.Conn, error) {
	select {
	case conn := <-h.ready:
		return conn, nil
	case <-h.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (h *handshaker) Close() error {
	var err error
	h.closed.Do(func() {
		close(h.done)
		err = h.Listener.Close()
	})
	return err
}
