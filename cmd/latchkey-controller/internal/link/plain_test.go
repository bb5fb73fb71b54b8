package link_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// firstLine ends what is logged after the first line.
type firstLine struct {
	b    bytes.Buffer
	done context.CancelFunc
}

func (f *firstLine) Write(p []byte) (int, error) {
	if f.b.Len() > 0 {
		return len(p), nil
	}
	f.done()
	return f.b.Write(p)
}

func TestABrokersNamesAreShortAndPlainInTheLog(t *testing.T) {
	w := newWorld(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "broker"}, DNSNames: []string{"evil\x7f" + strings.Repeat("x", 60<<10)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			io.Copy(io.Discard, conn)
			conn.Close()
		}
	}()
	own, err := w.site.ControllerCertificate()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	said := &firstLine{done: cancel}
	address := listener.Addr().String()
	l, err := link.New(link.Options{Site: w.site, Cell: store.HomeCell, Brokers: []string{"ssl://localhost" + address[strings.LastIndex(address, ":"):]}, Certificate: own, Name: site.ControllerName,
		Log: slog.New(slog.NewJSONHandler(said, nil)), Readers: func(context.Context, map[string]*site.Peer) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	line := said.b.String()
	if !strings.Contains(line, "evil\ufffdx") || len(line) > 2000 {
		t.Errorf("%d bytes: %.300q", len(line), line)
	}
}
