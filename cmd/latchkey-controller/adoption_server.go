package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sys/unix"

	"latchkey/cmd/latchkey-controller/internal/adoption"
)

// defaultAdoption is where boards hand themselves over, unless another address is given.
const defaultAdoption = ":8447"

// Limits of the server for boards, whom everybody can pretend to be. A bundle may be many megabytes.
const (
	adoptionRead  = 15 * time.Second
	adoptionWrite = 130 * time.Second // a board waits for two minutes
	adoptionIdle  = 30 * time.Second

	mostBoards, mostBoardsEach = 256, 32 // connections
)

// openAdoption listens for boards that no site has adopted, prints where, and announces it. It returns nil if there is to be
// no such listener.
func openAdoption(c *invocation, address string, certificate certificateSource, log *slog.Logger) (*webServer, error) {
	if address == "off" {
		return nil, nil
	}
	var at *net.TCPAddr // once it listens
	announced := func(ctx context.Context) error { announce(ctx, c.site.Name, at, log); return nil }
	w, err := newWebServer("adoption", address, adoption.New(c.desk, log), announced, certificate, adoptionWrite, log)
	switch {
	case errors.Is(err, unix.EADDRINUSE) && address == defaultAdoption:
		// Nobody asked for this address: readers can be adopted with files.
		log.Error("no reader can be adopted over the network: another program has the address for it; name a free one with --adoption", "address", address)
		return nil, nil
	case err != nil:
		return nil, err
	}
	w.server.ReadTimeout, w.server.IdleTimeout, w.server.MaxHeaderBytes = adoptionRead, adoptionIdle, 8<<10
	w.server.ConnState = newConnectionLimit(mostBoards, mostBoardsEach).state
	w.server.Protocols = new(http.Protocols) // HTTP/2 has many requests in a connection
	w.server.Protocols.SetHTTP1(true)
	at = w.listener.Addr().(*net.TCPAddr)
	fmt.Fprintf(c.out, "adoption %s\n", loopback(at))
	return w, nil
}
