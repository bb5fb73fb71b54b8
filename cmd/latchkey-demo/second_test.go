package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"latchkey/board/sim/browsertest"
)

// TestInTheBrowserTheSecondReaderIsAdoptedAndItsDoorOpens plays as somebody would who has started the demonstration and
// follows what it prints, in the browser alone.
func TestInTheBrowserTheSecondReaderIsAdoptedAndItsDoorOpens(t *testing.T) {
	t.Parallel()
	bin, err := built()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "var")
	second := &house{t: t, d: &demo{listen: freeAddress(t)}}
	d := startDemo(t, bin, dir, second.d.listen)
	console := &pressed{t: t, ctx: browsertest.Open(t, 8*time.Minute)}
	console.do("the first sign-in", chromedp.EmulateViewport(1280, 900), chromedp.Navigate(d.says(`first sign-in (https://\S+)`)))
	console.fill("name", "Olga Owner")
	console.fill("password", "correct horse battery staple")
	console.fill("again", "correct horse battery staple")
	console.press("button.primary")
	console.see("#adopt-waiting") // by itself, when the reader has found the controller
	console.presses = 0

	console.press("#adopt-waiting")
	if print := console.text(".print"); !strings.Contains(d.status(bin), print) {
		t.Errorf("the console shows the fingerprint %s, and the reader says\n%s", print, d.status(bin))
	}
	console.press("#f-compared")
	console.becomes("it is ticked", `document.querySelector("#f-compared").checked`)
	console.fill("door", "Back door")
	console.press("#f-access-everyone")
	console.press("main form.columns button.primary")
	const chosen = 4
	if console.presses != chosen {
		t.Errorf("%d presses, not %d", console.presses, chosen)
	}
	console.see("#arrival .facts .print")
	console.becomes("it works", `document.querySelector("#steps").innerText === "It works"`)
	console.press("#to-door")
	console.becomes("the door's page is there", `location.pathname.startsWith("/doors/") && document.body.innerText.includes("Back door")`)

	pin := d.says(`Ada's PIN +(\d{8})`)
	second.eventually("Ada's PIN opens the door", func() bool { return second.typePIN(pin) == nil && second.strikes() })
	console.do("the activity", chromedp.Navigate(console.url()+"/activity"))
	console.becomes("the console says so", `/Ada Lovelace[^]*Back door/.test(document.querySelector("#event-list").innerText)`)
	d.interrupt()

	again := startDemo(t, bin, dir, second.d.listen)
	again.says(`A second reader +http://` + regexp.QuoteMeta(second.d.listen) + `/ \((which was adopted)\)`)
	second.eventually("Ada's PIN opens it the next time", func() bool { return second.typePIN(pin) == nil && second.strikes() })
	again.interrupt()
}

// A running is a demonstration that runs.
type running struct {
	t      *testing.T
	dir    string
	cmd    *exec.Cmd
	stderr bytes.Buffer
	ended  chan error

	mu      sync.Mutex
	printed strings.Builder
}

// startDemo starts a demonstration whose second board has its page at an address.
func startDemo(t *testing.T, bin, dir, second string) *running {
	t.Helper()
	d := &running{t: t, dir: dir, ended: make(chan error, 1)}
	d.cmd = exec.Command(os.Args[0], "-bin", bin, "-dir", dir, "-listen", freeAddress(t), "-second", second, "-console", freeAddress(t), "-api", freeAddress(t), "-adoption", freeAddress(t), "-broker", freeAddress(t))
	d.cmd.Env = append(os.Environ(), runAsProgram+"=1")
	d.cmd.Stderr = &d.stderr
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			d.mu.Lock()
			fmt.Fprintln(&d.printed, lines.Text())
			d.mu.Unlock()
		}
		d.ended <- d.cmd.Wait()
	}()
	t.Cleanup(func() {
		d.cmd.Process.Signal(syscall.SIGINT)
		if t.Failed() {
			t.Logf("%s\n%s", d.all(), d.stderr.Bytes())
		}
	})
	return d
}

// all is what it has printed.
func (d *running) all() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.printed.String()
}

// says waits until it has printed something, and returns the group in the pattern.
func (d *running) says(pattern string) string {
	d.t.Helper()
	look := regexp.MustCompile(pattern)
	for range 1800 {
		if found := look.FindStringSubmatch(d.all()); found != nil {
			return found[1]
		}
		time.Sleep(50 * time.Millisecond)
	}
	d.t.Fatalf("it never says %q", pattern)
	return ""
}

// status is what the second reader says of itself.
func (d *running) status(bin string) string {
	said, err := exec.Command(filepath.Join(bin, "latchkeyd"), "status", "--config", filepath.Join(d.dir, theSecond, "latchkeyd.toml")).CombinedOutput()
	return fmt.Sprintf("%s %v", said, err)
}

// interrupt ends it.
func (d *running) interrupt() {
	d.t.Helper()
	if err := d.cmd.Process.Signal(syscall.SIGINT); err != nil {
		d.t.Error(err)
	}
	if err := <-d.ended; err != nil || d.stderr.Len() > 0 {
		d.t.Errorf("interrupted: %v\n%s", err, d.stderr.Bytes())
	}
}

// pressed is a page in a browser, in which somebody presses what it offers, and the presses are counted.
type pressed struct {
	t       *testing.T
	ctx     context.Context
	presses int
}

func (p *pressed) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, time.Minute)
	defer cancel()
	err := chromedp.Do(ctx, steps...)
	for range 5 { // a part that keeps itself up to date was replaced meanwhile
		if err == nil || !strings.Contains(err.Error(), "Could not find node") {
			break
		}
		err = chromedp.Do(ctx, steps...)
	}
	if err != nil {
		p.t.Fatalf("%s: %v\n%s", what, err, p.value(`location.href + "\n" + document.body.innerText`))
	}
}

func (p *pressed) see(css string) {
	p.t.Helper()
	p.do("see "+css, chromedp.WaitVisible(chromedp.CSS(css), chromedp.RetryInterval(50*time.Millisecond)))
}

func (p *pressed) press(css string) {
	p.t.Helper()
	p.see(css)
	// While it comes in, nothing on it can be pressed.
	p.becomes("the page lies still", `document.readyState === "complete" && document.fonts.status === "loaded" && !document.activeViewTransition && !document.querySelector(".htmx-request, .htmx-swapping, .htmx-settling, .htmx-added")`)
	p.do("press "+css, chromedp.Click(chromedp.CSS(css), chromedp.NodeVisible))
	p.presses++
}

func (p *pressed) fill(name, text string) {
	p.t.Helper()
	p.do("fill "+name, chromedp.SendKeys(chromedp.CSS(`[name="`+name+`"]`), text, chromedp.NodeVisible))
}

// value is what a script yields, as JSON if it is no string.
func (p *pressed) value(script string) string {
	value, err := chromedp.Run(p.ctx, chromedp.Evaluate[any](script))
	if err != nil {
		return err.Error()
	}
	if text, ok := value.(string); ok {
		return text
	}
	b, _ := json.Marshal(value)
	return string(b)
}

func (p *pressed) text(css string) string {
	p.t.Helper()
	p.see(css)
	return strings.Join(strings.Fields(p.value(fmt.Sprintf(`document.querySelector(%q).innerText`, css))), " ")
}

func (p *pressed) url() string { return p.value(`location.origin`) }

func (p *pressed) becomes(what, script string) {
	p.t.Helper()
	for range 1200 {
		if p.value(script) == "true" {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	p.t.Fatalf("never: %s\n%s", what, p.value(`location.href + "\n" + document.body.innerText`))
}
