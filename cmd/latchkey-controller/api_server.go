package main

import (
	"fmt"
	"log/slog"
	"net"
	"time"

	"latchkey/cmd/latchkey-controller/internal/api"
)

// apiWrite is how long an answer of the API may take. Reading a card takes up to 45 s, and
// what lasts extends it.
const apiWrite = 2 * time.Minute

// apiPort returns the port of the API; "": there is none.
func apiPort(programs *webServer) string {
	if programs == nil {
		return ""
	}
	_, port, _ := net.SplitHostPort(programs.listener.Addr().String())
	return port
}

// openAPI listens for programs, and prints where. It returns nil if there is no API.
func openAPI(c *invocation, address string, certificate certificateSource, log *slog.Logger) (*webServer, error) {
	if address == "off" {
		return nil, nil
	}
	a := api.New(api.Options{Desk: c.desk, Log: log})
	w, err := newWebServer("api", address, a, a.Run, certificate, apiWrite, log)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(c.out, "api https://%s/\n", loopback(w.listener.Addr()))
	return w, nil
}
