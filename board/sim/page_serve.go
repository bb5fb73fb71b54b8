package sim

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Listen listens for the page's browser on a loopback address: whoever
// reaches the page can push the exit button, so nobody else's machine may.
func Listen(address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("listen address %q: it must be a loopback address with a port, as 127.0.0.1:8081: %w", address, err)
	}
	if !loopback(host) {
		return nil, fmt.Errorf("listen address %q: a simulated board is for this machine only: use 127.0.0.1, [::1] or localhost", address)
	}
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	if a, ok := ln.Addr().(*net.TCPAddr); !ok || !a.IP.IsLoopback() { // localhost may resolve to anything
		ln.Close()
		return nil, fmt.Errorf("listen address %q is %s here, which is not loopback: use 127.0.0.1", address, ln.Addr())
	}
	return ln, nil
}

// loopback reports whether a host of a URL or an address is this machine.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Serve serves the board's page on ln until ctx is done, closes ln and waits
// for the calls that are under way. It returns nil then.
func (b *Board) Serve(ctx context.Context, ln net.Listener, p Page) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // streams end with it
	h := newPage(b, p)
	server := &http.Server{
		Handler:           h.handler(),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(ln) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve the simulated board's page: %w", err)
	case <-ctx.Done():
	}
	end, done := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer done()
	err := server.Shutdown(end)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	<-failed
	for range maxStreams { // Shutdown does not wait for them
		h.streams <- struct{}{}
	}
	return err
}
