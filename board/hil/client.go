package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
)

// client calls an HTTP server: one in the machine, over a virtio-serial port, or
// a simulated board's page.
type client struct {
	http *http.Client
	ctx  context.Context // ends with the server
}

// newClient calls over one connection at a time, which dial makes.
func newClient(ctx context.Context, dial func(context.Context) (net.Conn, error)) *client {
	return &client{ctx: ctx, http: &http.Client{
		Timeout: waitLimit,
		Transport: &http.Transport{
			MaxConnsPerHost: 1, // a port is one wire
			DialContext:     func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
		},
	}}
}

// portClient calls what serves a virtio-serial port.
func (m *machine) portClient(name string) (*client, error) {
	// The first connection is made before the kernel has the port: what is sent
	// while the other side opens the port is lost.
	conn, err := m.dial(m.ctx, name)
	if err != nil {
		return nil, err
	}
	first := make(chan net.Conn, 1)
	first <- conn
	return newClient(m.ctx, func(ctx context.Context) (net.Conn, error) {
		select {
		case conn := <-first:
			return conn, nil
		default:
			return m.dial(ctx, name)
		}
	}), nil
}

// do calls, and fails unless that succeeds.
func (c *client) do(method, path string, in, out any) { check(c.call(c.ctx, method, path, in, out)) }

// call sends in as JSON and reads the answer into out, JSON too unless that is a
// *[]byte; both may be nil.
func (c *client) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://127.0.0.1"+path, body)
	if err != nil {
		return err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s: %s", method, path, response.Status, bytes.TrimSpace(answer))
	}
	switch out := out.(type) {
	case nil:
		return nil
	case *[]byte:
		*out = answer
		return nil
	default:
		return json.Unmarshal(answer, out)
	}
}

// awaitAnswer waits until a path is answered, each time on a new connection: the
// one before may have come to nothing.
func (c *client) awaitAnswer(path string) (err error) {
	for range 6 {
		ctx, cancel := context.WithTimeout(c.ctx, waitLimit/6)
		err = c.call(ctx, "GET", path, nil, nil)
		cancel()
		if err == nil || c.ctx.Err() != nil {
			return err
		}
	}
	return err
}
