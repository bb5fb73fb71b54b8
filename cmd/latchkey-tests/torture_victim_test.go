package tests

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"latchkey/device"
)

// victim is a reader that is tortured.
type victim struct {
	*testReader
	o      *oracle
	random *rand.Rand
	at     map[string]control
	finger time.Duration  // how long a finger touches, and does not
	before uint64         // records stored when it was started
	disk   *disk          // nil: a real one
	known  device.Durable // what the disk had then
}

// newVictim adopts a reader and lets it begin its journal.
func newVictim(t testing.TB, site *testSite, seed uint64) *victim {
	t.Helper()
	v := &victim{testReader: site.adopt(t, "front-door"), o: newOracle(t), random: rand.New(rand.NewPCG(*tortureSeed, seed)), at: map[string]control{}, finger: 50 * time.Millisecond}
	v.start()
	v.begun()
	v.eventually("the start page", func() bool { return v.learn("pin") })
	v.eventually("the keys", func() bool {
		v.tap("pin")
		if v.learn("digit-9") {
			return true
		}
		v.finger = min(2*v.finger, 400*time.Millisecond)
		return false
	})
	v.kill()
	v.inspect(false)
	return v
}

// learn takes over where controls are, and says whether there was this one.
func (v *victim) learn(name string) bool {
	v.t.Helper()
	var controls []control
	v.call("GET", "/api/controls", nil, &controls)
	for _, c := range controls {
		v.at[c.Name] = c
	}
	_, found := v.at[name]
	return found
}

// inspect has the oracle look at the disk of a reader that is dead.
func (v *victim) inspect(damaged bool) {
	v.t.Helper()
	dir := v.t.TempDir()
	found := dir // by the next start
	if v.disk != nil {
		found = v.t.TempDir()
		for to, durable := range map[string]bool{dir: true, found: false} {
			if err := v.disk.save(to, durable); err != nil {
				v.t.Fatal(err)
			}
		}
	} else if err := os.CopyFS(filepath.Join(dir, "journal"), os.DirFS(filepath.Join(v.data(), "journal"))); err != nil {
		v.t.Fatal(err)
	}
	v.known = v.o.inspect(dir, damaged)
	v.before = v.o.last
	v.o.charged(found)
	os.RemoveAll(dir)
	os.RemoveAll(found)
}

// poke calls the board's page; a reader that has just died does not answer.
func (v *victim) poke(method, path string, body any) bool {
	b, err := json.Marshal(body)
	if err != nil {
		v.t.Fatal(err)
	}
	request, err := http.NewRequest(method, v.url+path, bytes.NewReader(b))
	if err != nil {
		v.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	response.Body.Close()
	return response.StatusCode < 300
}

// tap touches a control, whatever is on the screen.
func (v *victim) tap(name string) {
	c := v.at[name]
	for _, down := range []bool{true, false} {
		v.poke("POST", "/api/touch", map[string]any{"x": c.X + c.W/2, "y": c.Y + c.H/2, "down": down})
		time.Sleep(v.finger)
	}
}

// visit is something that a person does at the reader.
type visit struct {
	name   string
	do     func(*victim)
	opens  bool // the door may open
	passes bool // a row of wrong PINs may end
}

func typing(pin string) func(*victim) {
	return func(v *victim) {
		v.tap("pin")
		for _, digit := range pin {
			v.tap("digit-" + string(digit))
		}
	}
}

// until types a PIN until something comes of it, each time more slowly: a
// machine that is busy may miss a finger.
func (v *victim) until(what, pin string, come func() bool) {
	v.t.Helper()
	for range 20 {
		v.eventually("the start page, or "+what, func() bool { return v.offers("pin") || come() })
		if come() {
			return
		}
		typing(pin)(v)
		for range 20 {
			if come() {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
		v.finger = min(2*v.finger, 400*time.Millisecond)
	}
	v.t.Fatalf("in vain: %s\n%s", what, v.log.String())
}

// counted has a wrong PIN typed until it is counted.
func (v *victim) counted() {
	v.t.Helper()
	before := v.status()["wrong"].(float64)
	v.until("a wrong PIN is counted", wrongPIN, func() bool { return v.status()["wrong"].(float64) > before })
}

func showing(uid string) func(*victim) {
	return func(v *victim) {
		v.poke("PUT", "/api/card", map[string]string{"uid": uid})
		time.Sleep(600 * time.Millisecond)
		v.poke("DELETE", "/api/card", nil)
	}
}

var (
	wrongVisit = visit{name: "wrong PINs typed", do: typing(wrongPIN)}
	visits     = []visit{
		wrongVisit, wrongVisit, wrongVisit, wrongVisit, wrongVisit,
		{name: "right PINs typed", do: typing(adaPIN), opens: true, passes: true},
		{name: "known cards shown", do: showing(bobUID), opens: true},
		{name: "unknown cards shown", do: showing(strangerUID)},
	}
)

// live has somebody do something and watches until dead is closed.
func (v *victim) live(d visit, dead <-chan struct{}) {
	v.t.Helper()
	v.o.count(d.name)
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.do(v)
	}()
	defer func() { <-done }()
	for {
		select {
		case <-dead:
			return
		default:
		}
		var lines map[string]bool
		if response, err := http.Get(v.url + "/api/lines"); err == nil {
			err = json.NewDecoder(response.Body).Decode(&lines)
			response.Body.Close()
			if err == nil && lines["strike"] && !d.opens {
				v.t.Fatalf("the strike is on after %s", d.name)
			}
		}
		time.Sleep(50 * time.Millisecond) // the reader needs the processor, too
		if status := v.ask(); status != nil {
			v.o.stored(v.before + uint64(status["figures"].(map[string]any)["records"].(float64)))
			if !d.passes {
				v.o.reports(status)
			}
		}
	}
}

// ready starts the reader, which it must do, and has a lockout ended.
func (v *victim) ready() {
	v.t.Helper()
	v.start()
	status := v.status()
	v.o.reports(status)
	if status["lockout"] == "none" {
		return
	}
	v.o.count("lockouts, ended by the card")
	v.opensByCard(bobUID, "the paired card, after a lockout with cause "+status["lockout"].(string))
	v.eventually("the lockout is over", func() bool { return !v.locked() })
	v.o.forgiven()
}

// killed has the reader killed after a while.
func (v *victim) killed(after time.Duration) <-chan struct{} {
	dead := make(chan struct{})
	process := v.cmd.Process
	time.AfterFunc(after, func() {
		process.Signal(unix.SIGKILL)
		close(dead)
	})
	return dead
}

// while is how long somebody has for a visit: anything, or about as long as it
// takes to type a PIN and have it checked.
func (v *victim) while() time.Duration {
	if v.random.IntN(2) == 0 {
		return time.Duration(v.random.IntN(2500)) * time.Millisecond
	}
	return time.Duration(900+v.random.IntN(900)) * time.Millisecond
}
