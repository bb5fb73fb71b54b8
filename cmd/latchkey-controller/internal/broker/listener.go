package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"
)

// A limitedListener limits how many connections have not identified themselves, and how
// long each may take to. It goes on when file descriptors run out.
type limitedListener struct {
	net.Listener
	within       time.Duration
	log          *slog.Logger
	unidentified unidentified
}

func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil, err
		}
		if err != nil {
			l.log.Warn("broker: accept a connection", "err", err)
			time.Sleep(100 * time.Millisecond)
			continue
		}
		leave := l.unidentified.enter(conn.RemoteAddr())
		if leave == nil {
			l.log.Debug("broker: too many connections have not identified themselves; one more is closed", "from", conn.RemoteAddr())
			conn.Close()
			continue
		}
		conn.SetReadDeadline(time.Now().Add(l.within)) // mochi sets another one later; see outbox.SetDeadline
		return newOutbox(conn, leave), nil
	}
}

// A tlsListener accepts connections that have shown a certificate of the site's
// authority. It logs why a handshake failed: the reader at the other end may have no
// other way to tell anybody.
type tlsListener struct {
	net.Listener
	config *tls.Config
	log    *slog.Logger

	ready  chan net.Conn
	done   chan struct{}
	closed sync.Once

	mu     sync.Mutex
	logged map[string]time.Time // by address: when its failure was logged last
}

func newTLSListener(under net.Listener, config *tls.Config, log *slog.Logger) *tlsListener {
	l := &tlsListener{Listener: under, config: config, log: log, ready: make(chan net.Conn), done: make(chan struct{}), logged: map[string]time.Time{}}
	go l.run()
	return l
}

func (l *tlsListener) run() {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			l.Close()
			return
		}
		go l.handshake(conn)
	}
}

func (l *tlsListener) handshake(conn net.Conn) {
	secure := tls.Server(conn, l.config)
	ctx, cancel := context.WithTimeout(context.Background(), handshakeFor)
	defer cancel()
	if err := secure.HandshakeContext(ctx); err != nil {
		l.logFailure(conn, err)
		secure.Close()
		return
	}
	select {
	case l.ready <- secure:
	case <-l.done:
		secure.Close()
	}
}

// logFailure logs why a handshake failed, once a minute for each address.
func (l *tlsListener) logFailure(conn net.Conn, err error) {
	from := host(conn.RemoteAddr())
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if now.Sub(l.logged[from]) < time.Minute {
		return
	}
	if len(l.logged) >= 1024 {
		clear(l.logged)
	}
	l.logged[from] = now
	attrs := []any{"address", from, "err", err}
	if why := meaning(err); why != "" {
		attrs = append(attrs, "means", why)
	}
	l.log.Warn("broker: a TLS handshake failed", attrs...)
}

// meaning says what a failed handshake means; "" if that is not known.
func meaning(err error) string {
	text := err.Error()
	switch {
	case strings.HasPrefix(text, "remote error: tls:") && strings.Contains(text, "certificate"): // as a prefix: the rest may be a name of the other end's choosing
		return "the reader does not accept this broker's certificate: its bundle is from another site, or has another name for the broker; adopt the reader with a new bundle"
	case strings.Contains(text, "unknown authority"), strings.Contains(text, "didn't provide a certificate"), strings.Contains(text, "no certificate was shown"):
		return "it has no certificate of this site: it is not a reader, or it is another site's"
	}
	return ""
}

// Accept implements net.Listener.
func (l *tlsListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.ready:
		return conn, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *tlsListener) Close() error {
	var err error
	l.closed.Do(func() {
		close(l.done)
		err = l.Listener.Close()
	})
	return err
}
