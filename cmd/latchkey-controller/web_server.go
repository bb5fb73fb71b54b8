package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

// A webServer serves over TLS what has something to do besides, until its context ends.
type webServer struct {
	name     string // in errors
	server   *http.Server
	listener net.Listener
	beside   func(context.Context) error
}

// newWebServer listens at an address. The server's limits are the console's; write is how
// long an answer may take.
func newWebServer(name, address string, handler http.Handler, beside func(context.Context) error, certificate certificateSource, write time.Duration, log *slog.Logger) (*webServer, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &webServer{name, &http.Server{
		Handler:           handler,
		TLSConfig:         &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: certificate},
		ReadHeaderTimeout: webHeaders, ReadTimeout: webRead, WriteTimeout: write, IdleTimeout: webIdle,
		MaxHeaderBytes: 32 << 10,
		ConnState:      newConnectionLimit(mostConnections, mostConnectionsEach).state,
		ErrorLog:       slog.NewLogLogger(log.Handler(), slog.LevelDebug), // failed handshakes, mostly
	}, listener, beside}, nil
}

// run serves until ctx ends.
func (w *webServer) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	w.server.BaseContext = func(net.Listener) context.Context { return ctx }
	group.Go(func() error { return w.beside(ctx) })
	group.Go(func() error {
		if err := w.server.ServeTLS(w.listener, "", ""); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
		defer cancel()
		if w.server.Shutdown(patience) != nil {
			return w.server.Close()
		}
		return nil
	})
	return group.Wait()
}
