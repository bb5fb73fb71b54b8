package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// callLimit is how long the guest may take to answer.
const callLimit = 3 * time.Minute

// caller speaks HTTP with the machine, over one of its virtio-serial ports, or
// with a simulated board's page.
type caller struct {
	client *http.Client
	ctx    context.Context // ends with the machine
}

func (m *machine) caller(ctx context.Context, name string) (*caller, error) {
	// One connection is made before the kernel has the port: what is sent while
	// the other side opens the port is lost.
	conn, err := m.dial(ctx, name)
	if err != nil {
		return nil, err
	}
	only := make(chan net.Conn, 1)
	only <- conn
	return newCaller(ctx, func(context.Context) (net.Conn, error) {
		select {
		case conn := <-only:
			return conn, nil
		default:
			return m.dial(ctx, name)
		}
	}), nil
}

// newCaller calls over the one connection that dial makes.
func newCaller(ctx context.Context, dial func(context.Context) (net.Conn, error)) *caller {
	return &caller{ctx: ctx, client: &http.Client{
		Timeout: callLimit,
		Transport: &http.Transport{
			MaxConnsPerHost: 1, // a port is one wire
			DialContext:     func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
		},
	}}
}

// call sends in as JSON, or as it is if it is bytes, and reads the answer into
// out likewise; both may be nil.
func (c *caller) call(method, path string, in, out any) error {
	var body io.Reader
	switch in := in.(type) {
	case nil:
	case []byte:
		body = bytes.NewReader(in)
	default:
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	request, err := http.NewRequestWithContext(c.ctx, method, "http://127.0.0.1"+path, body)
	if err != nil {
		return err
	}
	response, err := c.client.Do(request)
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

// answers waits until a path is answered, on a new connection where the one
// there is has come to nothing.
func (c *caller) answers(path string) (err error) {
	for range 6 {
		ctx, cancel := context.WithTimeout(c.ctx, callLimit/6)
		once := &caller{c.client, ctx}
		err = once.call("GET", path, nil, nil)
		cancel()
		if err == nil || c.ctx.Err() != nil {
			return err
		}
	}
	return err
}

// agent runs programs in the machine.
type agent struct{ *caller }

// command and result are what guest/agent.go says of them.
type command struct {
	Args  []string
	Env   []string
	Dir   string
	Stdin string
	Root  bool
}

type result struct {
	Code           int
	Stdout, Stderr string
	Seconds        float64
}

// uptime is how long the machine's kernel has run, in seconds.
func (a *agent) uptime() (seconds float64, err error) {
	err = a.call("GET", "/uptime", nil, &seconds)
	return seconds, err
}

// pass waits until that time of the machine's has passed, which may be longer.
func (a *agent) pass(d time.Duration) error {
	return a.call("GET", "/pass?for="+d.String(), nil, nil)
}

// run runs a program to its end, as the reader's user.
func (a *agent) run(args ...string) (r result, err error) {
	err = a.call("POST", "/run", command{Args: args}, &r)
	return r, err
}

// must runs a program that must succeed.
func (a *agent) must(args ...string) (string, error) {
	r, err := a.run(args...)
	if err == nil && r.Code != 0 {
		err = fmt.Errorf("%s: exit code %d: %s%s", strings.Join(args, " "), r.Code, r.Stdout, r.Stderr)
	}
	return r.Stdout, err
}

func (a *agent) start(args ...string) (pid int, err error) {
	err = a.call("POST", "/start", command{Args: args}, &pid)
	return pid, err
}

func (a *agent) signal(pid, number int) error {
	return a.call("POST", "/signal?pid="+strconv.Itoa(pid)+"&signal="+strconv.Itoa(number), nil, nil)
}

func (a *agent) wait(pid int) (r result, err error) {
	err = a.call("GET", "/wait?pid="+strconv.Itoa(pid), nil, &r)
	return r, err
}

func (a *agent) read(path string) (content []byte, err error) {
	err = a.call("GET", "/file?path="+url.QueryEscape(path), nil, &content)
	return content, err
}

func (a *agent) write(path string, content []byte, mode string) error {
	return a.call("PUT", "/file?path="+url.QueryEscape(path)+"&mode="+mode, content, nil)
}

// chips are the emulated chips, as somebody who stands before the reader, and
// as somebody with a logic analyser.
type chips struct{ *caller }

func (c *chips) touch(x, y int, down bool) error {
	return c.call("POST", "/api/touch", map[string]any{"x": x, "y": y, "down": down}, nil)
}

func (c *chips) present(uid string) error {
	return c.call("PUT", "/api/card", map[string]string{"uid": uid}, nil)
}

func (c *chips) removeCard() error { return c.call("DELETE", "/api/card", nil, nil) }

// screen is what a viewer sees.
func (c *chips) screen() (*image.RGBA, error) {
	b, err := c.picture()
	if err != nil {
		return nil, err
	}
	decoded, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	img := image.NewRGBA(decoded.Bounds())
	draw.Draw(img, img.Rect, decoded, img.Rect.Min, draw.Src)
	return img, nil
}

// picture is the screen as PNG.
func (c *chips) picture() (b []byte, err error) {
	err = c.call("GET", "/api/screen.png", nil, &b)
	return b, err
}

// seen is the screen of the machine's reader; unlike screen it leaves the work
// of packing to nobody, which the emulated processor is slow at.
func (b *bench) seen() (*image.RGBA, error) {
	var pix []byte
	if err := b.m.chips.call("GET", "/bench/pixels", nil, &pix); err != nil {
		return nil, err
	}
	img := image.NewRGBA(image.Rect(0, 0, 240, 320))
	if len(pix) != len(img.Pix) {
		return nil, fmt.Errorf("a screen of %d bytes", len(pix))
	}
	copy(img.Pix, pix)
	return img, nil
}

// chipState is what guest/peer.go says of it.
type chipState struct {
	Violations   []string
	Counters     map[string]struct{ Messages, Transfers, Bytes int }
	Lines        map[string]bool
	FirstPicture float64
}

func (c *chips) state() (s chipState, err error) {
	err = c.call("GET", "/bench/state", nil, &s)
	return s, err
}
