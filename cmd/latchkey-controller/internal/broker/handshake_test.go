package broker

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/sync/wire"
)

// A logBuffer is a log that can be read while it is written.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *logBuffer) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *logBuffer) has(t *testing.T, text string) {
	t.Helper()
	for range 300 {
		s.mu.Lock()
		found := strings.Contains(s.b.String(), text)
		s.mu.Unlock()
		if found {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("the log does not say %q: %s", text, s.b.String())
}

func started(t *testing.T, home *issuer, log *slog.Logger) *Broker {
	t.Helper()
	server := home.issue("broker.latchkey", x509.ExtKeyUsageServerAuth, always[0], always[1])
	b, err := Start(t.Context(), "127.0.0.1:0", Options{
		Site: "home", Certificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &server, nil }, Authority: home.cert, Controller: "controller.latchkey",
		InForce: func(string, string) bool { return true }, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

var always = [2]time.Time{time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)}

func connect(b *Broker, home *issuer, certificate tls.Certificate, host string) (*tls.Conn, error) {
	conn, err := tls.Dial("tcp", b.Addr().String(), &tls.Config{
		Certificates: []tls.Certificate{certificate}, InsecureSkipVerify: true,
		VerifyConnection: wire.VerifyPeer(home.cert, x509.ExtKeyUsageServerAuth, host),
	})
	if err != nil {
		return nil, err
	}
	// MQTT 3.1.1 §3.1: CONNECT, clean session, client id front-door.
	_, err = conn.Write([]byte("\x10\x16\x00\x04MQTT\x04\x02\x00\x3c\x00\x0afront-door"))
	return conn, err
}

func TestAReaderThatDoesNotAcceptTheBrokersNameIsTold(t *testing.T) {
	home := newIssuer(t, always[0], always[1])
	log := new(logBuffer)
	b := started(t, home, slog.New(slog.NewTextHandler(log, nil)))
	reader := home.issue("front-door", x509.ExtKeyUsageClientAuth, always[0], always[1])
	if _, err := connect(b, home, reader, "controller.example"); err == nil {
		t.Fatal("another name is accepted")
	}
	log.has(t, "another name for the broker")
}

func TestTwoProgramsWithOneCertificateAreNamed(t *testing.T) {
	home := newIssuer(t, always[0], always[1])
	log := new(logBuffer)
	b := started(t, home, slog.New(slog.NewTextHandler(log, nil)))
	reader := home.issue("front-door", x509.ExtKeyUsageClientAuth, always[0], always[1])
	first, err := connect(b, home, reader, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	first.SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := first.Read(make([]byte, 4)); err != nil { // CONNACK
		t.Fatal(err)
	}
	second, err := connect(b, home, reader, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	log.has(t, "its certificate is in two places")
}

func TestACertificateThatIsRevokedAsItsClientIsLetInIsNotOverlooked(t *testing.T) {
	home := newIssuer(t, always[0], always[1])
	b := started(t, home, slog.New(slog.DiscardHandler))
	var asked atomic.Int64
	b.access.o.InForce = func(string, string) bool { return asked.Add(1) == 1 }
	conn, err := connect(b, home, home.issue("front-door", x509.ExtKeyUsageClientAuth, always[0], always[1]), "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := io.Copy(io.Discard, conn); err != nil { // until the broker closes it
		t.Error(err)
	}
}
