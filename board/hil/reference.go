package main

import (
	"bufio"
	"context"
	"fmt"
	"image"
	"image/color"
	"net"
	"os"
	"os/exec"
	"strings"
	"time"
)

// reference is latchkeyd with the same door on this machine's simulated board.
// It tells where keys are and what each screen has to look like.
type reference struct {
	cmd  *exec.Cmd
	page *chips
	keys map[string]key
	home *image.RGBA // the home screen
}

// control is something on the screen that can be touched.
type control struct {
	Name       string
	X, Y, W, H int
}

// key is guest/typing.go's.
type key struct {
	X, Y, ProbeX, ProbeY int
	Idle, Lit            color.RGBA
}

// newReference adopts and starts the reference reader, and learns its keys.
func newReference(shared *shared) {
	s, latchkeyd := newSite(shared, "reference"), shared.program("latchkeyd")
	data, request, bundle, config := s.path("data"), s.path("request"), s.path("bundle"), s.path("latchkeyd.toml")
	s.command("", latchkeyd, "identity", "--data", data, "--out", request)
	s.addReader(request, bundle)
	s.command("", latchkeyd, "adopt", "--data", data, bundle)
	text := fmt.Sprintf("[reader]\nid = \"front-door\"\ndata = %q\n\n[board]\nkind = \"sim\"\n\n[board.sim]\nlisten = \"127.0.0.1:0\"\n", data)
	check(os.WriteFile(config, []byte(text), 0o600))
	cmd := exec.CommandContext(shared.ctx, latchkeyd, "run", "--config", config)
	stderr, err := cmd.StderrPipe()
	check(err)
	check(cmd.Start())
	r := &reference{cmd: cmd, keys: map[string]key{}}
	shared.reference = r
	address := make(chan string, 1)
	go func() {
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			if _, url, found := strings.Cut(lines.Text(), "page=http://"); found {
				address <- strings.TrimSuffix(strings.Fields(url)[0], "/")
			}
		}
		close(address)
	}()
	select {
	case at, ok := <-address:
		if !ok {
			fail("it ended")
		}
		r.page = &chips{newClient(shared.ctx, func(ctx context.Context) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", at)
		})}
	case <-time.After(time.Minute):
		fail("it does not log where its page is")
	}
	r.learn()
}

// close ends the reference reader, if it was started.
func (r *reference) close() {
	if r != nil {
		r.cmd.Process.Kill()
		r.cmd.Wait()
	}
}

// control looks on the screen for a control.
func (r *reference) control(name string) control {
	var controls []control
	r.page.do("GET", "/api/controls", nil, &controls)
	for _, c := range controls {
		if c.Name == name {
			return c
		}
	}
	panic(failure{fmt.Errorf("there is no control %s", name)})
}

// awaitControl waits until the screen has a control.
func (r *reference) awaitControl(name string) (c control) {
	eventually(r.page.ctx, "the control "+name, func() bool {
		c = r.control(name)
		return true
	})
	return c
}

// wake lights the screen if it is dark.
func (r *reference) wake() {
	for _, down := range []bool{true, false} {
		r.page.touch(blankX, blankY, down)
		time.Sleep(200 * time.Millisecond) // there is no change of the screen to wait for
	}
}

// touch puts a finger on a control, or takes it away, here and on other boards
// that show the same, and waits until the screen has changed here.
func (r *reference) touch(c control, down bool, others ...*chips) {
	before := r.page.screen()
	for _, board := range append(others, r.page) {
		board.touch(c.X+c.W/2, c.Y+c.H/2, down)
	}
	eventually(r.page.ctx, fmt.Sprintf("a change of the screen with a finger on %s %s", c.Name, onOff(down)), func() bool {
		return differences(before, r.page.screen()) > 0
	})
}

// still is the screen once it does not change.
func (r *reference) still() (screen *image.RGBA) {
	eventually(r.page.ctx, "a screen that does not change", func() bool {
		before := screen
		screen = r.page.screen()
		return before != nil && differences(before, screen) == 0
	})
	return screen
}

// learn takes the picture of the home screen, and learns the keys.
func (r *reference) learn() {
	r.awaitControl("pin")
	r.wake()
	r.home = r.still()
	for _, digits := range []string{"01234", "56789"} { // eight would end the entry
		for _, name := range append(keysFor(digits), "cancel") {
			r.learnKey(name)
		}
	}
}

// learnKey presses a key and looks at what it looks like with and without a finger.
func (r *reference) learnKey(name string) {
	c := r.awaitControl(name)
	k := key{X: c.X + c.W/2, Y: c.Y + c.H/2, ProbeX: c.X + c.W/10, ProbeY: c.Y + c.H/2}
	k.Idle = r.still().RGBAAt(k.ProbeX, k.ProbeY)
	r.touch(c, true)
	k.Lit = r.still().RGBAAt(k.ProbeX, k.ProbeY)
	r.touch(c, false)
	if k.Idle == k.Lit && name != "cancel" {
		fail("the key %s looks the same with a finger on it", name)
	}
	r.keys[name] = k
}
