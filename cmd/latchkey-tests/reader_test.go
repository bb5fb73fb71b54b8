package tests

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// built holds the programs, and a site, once a test has asked for them.
var built struct {
	once, site sync.Once
	dir        string
	err        error
}

// programs returns the directory of the real programs.
func programs() (string, error) {
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "latchkey-test-*"); built.err != nil {
			return
		}
		out, err := exec.Command("go", "build", "-ldflags", "-s -w", "-o", built.dir+"/", "latchkey/cmd/latchkeyd", "latchkey/cmd/latchkey-controller").CombinedOutput()
		if err != nil {
			built.err = fmt.Errorf("%w: %s", err, out)
		}
	})
	return built.dir, built.err
}

func TestMain(m *testing.M) {
	flag.Parse()
	flag.Set("test.parallel", "8") // most tests wait: for a person's screen, a disk, a link
	code := m.Run()
	os.RemoveAll(built.dir)
	os.Exit(code)
}

// do runs one of the programs to its end and returns what it printed.
func do(t testing.TB, stdin, program string, args ...string) string {
	t.Helper()
	out, complaint, err := try(t, stdin, program, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, complaint)
	}
	return out
}

// try is do for a program that may fail.
func try(t testing.TB, stdin, program string, args ...string) (out, complaint string, err error) {
	t.Helper()
	dir, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(dir, program), args...)
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	return stdout.String(), stderr.String(), err
}

// testSite is a site made by the real controller.
type testSite struct {
	dir    string
	broker string // address of its broker; "": readers are told of none
}

func (s *testSite) addPIN(t testing.TB, name, pin string, more ...string) {
	t.Helper()
	do(t, pin+"\n", "latchkey-controller", append([]string{"user", "add", "--dir", s.dir, "--name", name, "--pin", "-"}, more...)...)
}

func (s *testSite) addCard(t testing.TB, name, uid string, more ...string) {
	t.Helper()
	do(t, "", "latchkey-controller", append([]string{"user", "add", "--dir", s.dir, "--name", name, "--card", uid}, more...)...)
}

// testReader is a simulated reader that runs as a process of its own.
type testReader struct {
	t      testing.TB
	dir    string // holds the config, data/ and what came and went at adoption
	cmd    *exec.Cmd
	url    string
	log    processLog
	env    []string // of the process, besides the test's own
	exited chan error
}

// processLog collects what a process logs while a test reads it.
type processLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *processLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *processLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// adopt makes a reader of the site.
func (s *testSite) adopt(t testing.TB, id string) *testReader {
	t.Helper()
	r := newReader(t, id)
	do(t, "", "latchkeyd", "identity", "--data", r.data(), "--out", r.path("request"))
	s.bundle(t, r, id)
	do(t, "", "latchkeyd", "adopt", "--data", r.data(), r.path("bundle"))
	return r
}

// bundle has the controller write a new bundle for a reader.
func (s *testSite) bundle(t testing.TB, r *testReader, id string) {
	t.Helper()
	args := []string{"reader", "add", "--dir", s.dir, "--reader", id, "--door", "Front door", "--group", "everyone", "--request", r.path("request"), "--out", r.path("bundle")}
	if s.broker != "" {
		args = append(args, "--broker", "ssl://"+s.broker)
	}
	do(t, "", "latchkey-controller", args...)
}

// newReader makes a reader's directory and config, nothing else.
func newReader(t testing.TB, id string) *testReader {
	t.Helper()
	r := &testReader{t: t, dir: t.TempDir()}
	r.configure(fmt.Sprintf("[reader]\nid = %q\ndata = \"data\"\n\n[board]\nkind = \"sim\"\n\n[board.sim]\nlisten = \"127.0.0.1:0\"\n", id))
	return r
}

func (r *testReader) path(name string) string { return filepath.Join(r.dir, name) }
func (r *testReader) data() string            { return r.path("data") }
func (r *testReader) config() string          { return r.path("latchkeyd.toml") }

func (r *testReader) configure(text string) {
	r.t.Helper()
	if err := os.WriteFile(r.config(), []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// start runs the reader until stop or kill, or the end of the test.
func (r *testReader) start() { r.t.Helper(); r.command("run") }

// command runs a command of the reader's that serves its page.
func (r *testReader) command(name string) {
	r.t.Helper()
	dir, err := programs()
	if err != nil {
		r.t.Fatal(err)
	}
	r.run(filepath.Join(dir, "latchkeyd"), name)
}

// run starts a latchkeyd that was built in a way of its own.
func (r *testReader) run(program, command string) {
	r.t.Helper()
	r.runAs(exec.Command(program, command, "--config", r.config()), nil)
}

// runAs starts a latchkeyd as another user, for one.
func (r *testReader) runAs(cmd *exec.Cmd, as *syscall.SysProcAttr) {
	r.t.Helper()
	r.cmd, cmd.SysProcAttr = cmd, as
	cmd.Env = append(os.Environ(), r.env...)
	stderr, err := r.cmd.StderrPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	page := make(chan string, 1)
	r.exited = make(chan error, 1)
	go func() {
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			fmt.Fprintln(&r.log, lines.Text())
			if _, url, found := strings.Cut(lines.Text(), "page=http://"); found {
				page <- "http://" + strings.Fields(url)[0]
			}
		}
		r.exited <- r.cmd.Wait()
	}()
	r.t.Cleanup(r.kill)
	select {
	case r.url = <-page:
		r.url = strings.TrimSuffix(r.url, "/")
	case err := <-r.exited:
		r.exited <- err
		r.t.Fatalf("latchkeyd ended: %v\n%s", err, r.log.String())
	case <-time.After(20 * time.Second):
		r.t.Fatalf("latchkeyd does not say where its page is\n%s", r.log.String())
	}
}

// kill ends the reader as a power cut would: SIGKILL.
func (r *testReader) kill() { r.end(syscall.SIGKILL) }

// stop ends the reader as systemd would: SIGTERM.
func (r *testReader) stop() error { return r.end(syscall.SIGTERM) }

func (r *testReader) end(signal syscall.Signal) error {
	if r.cmd == nil {
		return nil
	}
	r.cmd.Process.Signal(signal)
	err := <-r.exited
	r.cmd = nil
	return err
}

func (r *testReader) call(method, path string, body, answer any) {
	r.t.Helper()
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			r.t.Fatal(err)
		}
		in = bytes.NewReader(b)
	}
	request, err := http.NewRequest(method, r.url+path, in)
	if err != nil {
		r.t.Fatal(err)
	}
	if in != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatalf("%s %s: %v\n%s", method, path, err, r.log.String())
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	if response.StatusCode >= 300 {
		r.t.Fatalf("%s %s: %s: %s", method, path, response.Status, b)
	}
	switch answer := answer.(type) {
	case nil:
	case *image.Image:
		if *answer, err = png.Decode(bytes.NewReader(b)); err != nil {
			r.t.Fatal(err)
		}
	default:
		if err := json.Unmarshal(b, answer); err != nil {
			r.t.Fatalf("%s: %v: %s", path, err, b)
		}
	}
}

// eventually waits for something to become true of the reader; the bound is
// for a hung reader, not for a slow one.
func (r *testReader) eventually(what string, check func() bool) {
	r.t.Helper()
	r.within(time.Minute, what, check)
}

func (r *testReader) within(bound time.Duration, what string, check func() bool) {
	r.t.Helper()
	if !r.soon(bound, check) {
		r.t.Fatalf("not within %v: %s\n%s", bound, what, r.log.String())
	}
}

// soon waits until something becomes true of the reader, and says whether it did.
func (r *testReader) soon(bound time.Duration, check func() bool) bool {
	r.t.Helper()
	for deadline := time.Now().Add(bound); ; {
		asked := time.Now()
		if check() {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
		pause := min(max(50*time.Millisecond, 3*time.Since(asked)), time.Second) // a check may start a program, and others work meanwhile
		time.Sleep(min(pause, time.Until(deadline)))                             // the last check is at the deadline
	}
}

type control struct {
	Name       string
	X, Y, W, H int
}

// press puts a finger on a control by name, once that can be touched, and lifts it.
func (r *testReader) press(name string) {
	r.t.Helper()
	at := r.control(name)
	finger := func(down bool) {
		r.call("POST", "/api/touch", map[string]any{"x": at.X + at.W/2, "y": at.Y + at.H/2, "down": down}, nil)
	}
	before := r.looks(at)
	finger(true)
	r.eventually(name+" shows the finger", func() bool { return !bytes.Equal(before, r.looks(at)) })
	time.Sleep(60 * time.Millisecond) // what touches for less than 16 ms counts as no finger, and shows after 8
	finger(false)
	r.eventually(name+" is released, or another page comes", func() bool {
		return bytes.Equal(before, r.looks(at)) || !r.offers(name)
	})
}

// control waits until one of that name can be touched.
func (r *testReader) control(name string) (at control) {
	r.t.Helper()
	r.eventually("the control "+name, func() bool {
		var controls []control
		r.call("GET", "/api/controls", nil, &controls)
		i := slices.IndexFunc(controls, func(c control) bool { return c.Name == name })
		if i >= 0 {
			at = controls[i]
		}
		return i >= 0
	})
	return at
}

// looks is what the emulated panel's memory holds where a control is drawn.
func (r *testReader) looks(at control) []byte {
	r.t.Helper()
	var picture image.Image
	r.call("GET", "/api/screen.png", nil, &picture)
	drawn := image.NewRGBA(image.Rect(0, 0, at.W, at.H))
	draw.Draw(drawn, drawn.Bounds(), picture, picture.Bounds().Min.Add(image.Pt(at.X, at.Y)), draw.Src)
	return drawn.Pix
}

// pixels is what the emulated panel's memory holds.
func (r *testReader) pixels() []byte {
	r.t.Helper()
	var picture image.Image
	r.call("GET", "/api/screen.png", nil, &picture)
	drawn := image.NewRGBA(picture.Bounds())
	draw.Draw(drawn, drawn.Bounds(), picture, picture.Bounds().Min, draw.Src)
	return drawn.Pix
}

// tryTap touches a control if it is there.
func (r *testReader) tryTap(name string) bool {
	r.t.Helper()
	var controls []control
	r.call("GET", "/api/controls", nil, &controls)
	i := slices.IndexFunc(controls, func(c control) bool { return c.Name == name })
	if i < 0 {
		return false
	}
	at := controls[i]
	r.call("POST", "/api/touch", map[string]any{"x": at.X + at.W/2, "y": at.Y + at.H/2, "down": true}, nil)
	time.Sleep(120 * time.Millisecond)
	r.call("POST", "/api/touch", map[string]any{"down": false}, nil)
	time.Sleep(120 * time.Millisecond)
	return true
}

// asksForPIN goes from the home screen to the keypad. A tap that falls together
// with a change of the screen counts for nothing, and a person taps again.
func (r *testReader) asksForPIN() {
	r.t.Helper()
	r.eventually("the keypad", func() bool {
		if !r.offers("digit-0") {
			r.tryTap("pin")
		}
		return r.offers("digit-0")
	})
}

// typePIN goes from the home screen to the eighth digit.
func (r *testReader) typePIN(pin string) {
	r.t.Helper()
	r.asksForPIN()
	for _, digit := range pin {
		r.press("digit-" + string(digit))
	}
}

// showCard holds a card to the reader for a moment, and waits for what may come of it.
func (r *testReader) showCard(uid string) {
	r.t.Helper()
	r.call("PUT", "/api/card", map[string]string{"uid": uid}, nil)
	time.Sleep(700 * time.Millisecond)
	r.call("DELETE", "/api/card", nil, nil)
	time.Sleep(900 * time.Millisecond)
}

// cardOpens holds a card to the reader until it opens the door, as people do.
func (r *testReader) cardOpens(uid, how string) {
	r.t.Helper()
	r.call("PUT", "/api/card", map[string]string{"uid": uid}, nil)
	r.opens(how)
	r.call("DELETE", "/api/card", nil, nil)
}

// opensByCard waits besides until the door has closed.
func (r *testReader) opensByCard(uid, how string) {
	r.t.Helper()
	r.cardOpens(uid, how)
	r.closed()
}

func (r *testReader) line(name string) bool {
	r.t.Helper()
	var lines map[string]bool
	r.call("GET", "/api/lines", nil, &lines)
	active, found := lines[name]
	if !found {
		r.t.Fatalf("no line %s", name)
	}
	return active
}

// The grounds of the screens, as a panel of 16 bits a pixel shows them.
var (
	granted = color.RGBA{0x11, 0x61, 0x3a, 0xff}
	denied  = color.RGBA{0x8e, 0x1b, 0x22, 0xff}
)

// shows waits until the emulated panel's memory holds a screen of that ground.
func (r *testReader) shows(what string, ground color.RGBA) {
	r.t.Helper()
	near := func(a, b uint32) bool { return max(a, b)-min(a, b) <= 0x0900 }
	r.eventually("the screen "+what, func() bool {
		var picture image.Image
		r.call("GET", "/api/screen.png", nil, &picture)
		red, green, blue, _ := picture.At(3, 3).RGBA()
		wantRed, wantGreen, wantBlue, _ := ground.RGBA()
		return near(red, wantRed) && near(green, wantGreen) && near(blue, wantBlue)
	})
}

// status returns the running reader's status.
func (r *testReader) status() (status map[string]any) {
	r.t.Helper()
	r.eventually("the status", func() bool {
		status = r.ask()
		return status != nil
	})
	return status
}

// ask asks for the status where latchkeyd status does; nil from a reader that does not
// run.
func (r *testReader) ask() (status map[string]any) {
	dir, err := os.Open(r.data())
	if err != nil {
		return nil
	}
	defer dir.Close()
	conn, err := net.Dial("unix", fmt.Sprintf("/proc/self/fd/%d/status.sock", dir.Fd())) // a socket's path is short
	if err != nil {
		return nil
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	if json.NewDecoder(conn).Decode(&status) != nil {
		return nil
	}
	return status
}

// figures returns those of the status.
func (r *testReader) figures() map[string]any {
	r.t.Helper()
	return r.status()["figures"].(map[string]any)
}
