package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"

	"golang.org/x/sync/errgroup"
)

// answerByHTTP answers the authority at --acme-http until ctx ends, unless it does so already. If the
// address cannot be had, as while another program has it, the console goes on without, and the next call
// tries it again.
func (p *publicCertificate) answerByHTTP(ctx context.Context, group *errgroup.Group) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.http == "off" || p.answering {
		return
	}
	listener, err := net.Listen("tcp", p.http)
	if err != nil {
		p.cannotAnswer(err)
		return
	}
	p.answering, p.silent = true, ""
	server := &http.Server{
		Handler:           p.manager.HTTPHandler(http.NotFoundHandler()), // from now on autocert offers HTTP-01
		ReadHeaderTimeout: webHeaders, ReadTimeout: webHeaders, WriteTimeout: webHeaders, IdleTimeout: webHeaders, MaxHeaderBytes: 8 << 10,
		ConnState: newConnectionLimit(mostConnections, mostConnectionsEach).state,
		ErrorLog:  slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
	}
	group.Go(func() error {
		defer context.AfterFunc(ctx, func() { server.Close() })()
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.answering = false
			p.cannotAnswer(err)
		}
		return nil
	})
}

// cannotAnswer notes why, for Settings. The caller holds mu.
func (p *publicCertificate) cannotAnswer(err error) {
	text := "The authority is not answered at --acme-http (" + plainText(err.Error()) + "): free that address, or name another one. It is tried again."
	if p.silent != text {
		p.log.Error("the public authority is not answered by HTTP; the console goes on without", "wrong", err)
	}
	p.silent = text
}
