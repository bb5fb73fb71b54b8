package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"latchkey/device"
)

var (
	torture       = flag.Bool("torture", false, "torture for minutes: hundreds of kills, faults and power cuts")
	tortureRounds = flag.Int("torture.rounds", 0, "so many rounds on each reader; 0: as many as are meant")
	tortureSeed   = flag.Uint64("torture.seed", 1, "what torture is random by")
)

// rounds returns how many readers are tortured how many times.
func rounds(short, long int) (victims, rounds int) {
	victims, rounds = 1, short
	if *torture {
		victims, rounds = 4, long
	}
	if *tortureRounds != 0 {
		rounds = *tortureRounds
	}
	return victims, rounds
}

// victim is a reader that is tortured.
type victim struct {
	*testReader
	o      *oracle
	random *rand.Rand
	at     map[string]control
	before uint64         // records stored when it was started
	disk   *disk          // nil: a real one
	known  device.Durable // what the disk had then
}

// newVictim adopts a reader and lets it begin its journal.
func newVictim(t testing.TB, site *testSite, seed uint64) *victim {
	t.Helper()
	v := &victim{testReader: site.adopt(t, "front-door"), o: newOracle(t), random: rand.New(rand.NewPCG(*tortureSeed, seed)), at: map[string]control{}}
	v.start()
	v.begun()
	v.press("pin")
	var controls []control
	v.call("GET", "/api/controls", nil, &controls)
	for _, c := range controls {
		v.at[c.Name] = c
	}
	v.press("cancel")
	v.eventually("the start page", func() bool {
		v.call("GET", "/api/controls", nil, &controls)
		for _, c := range controls {
			if c.Name == "pin" {
				v.at["pin"] = c
				return true
			}
		}
		return false
	})
	v.kill()
	v.inspect(false)
	return v
}

// inspect has the oracle look at the disk of a reader that is dead.
func (v *victim) inspect(damaged bool) {
	v.t.Helper()
	dir := v.t.TempDir()
	if v.disk != nil {
		if err := v.disk.save(dir, true); err != nil {
			v.t.Fatal(err)
		}
	} else if err := os.CopyFS(filepath.Join(dir, journalDir), os.DirFS(filepath.Join(v.data(), journalDir))); err != nil {
		v.t.Fatal(err)
	}
	v.known = v.o.inspect(dir, damaged)
	v.before = v.o.last
	os.RemoveAll(dir)
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
		time.Sleep(50 * time.Millisecond)
	}
}

// ask asks for the status; nil from a reader that has died.
func (v *victim) ask() map[string]any {
	dir, err := programs()
	if err != nil {
		v.t.Fatal(err)
	}
	printed, err := exec.Command(filepath.Join(dir, "latchkeyd"), "status", "--config", v.config(), "--json").Output()
	var status map[string]any
	if err != nil || json.Unmarshal(printed, &status) != nil {
		return nil
	}
	return status
}

// deed is something that a person does at the reader.
type deed struct {
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

func showing(uid string) func(*victim) {
	return func(v *victim) {
		v.poke("PUT", "/api/card", map[string]string{"uid": uid})
		time.Sleep(600 * time.Millisecond)
		v.poke("DELETE", "/api/card", nil)
	}
}

var (
	wrongDeed = deed{name: "wrong PINs typed", do: typing(wrongPIN)}
	deeds     = []deed{
		wrongDeed, wrongDeed, wrongDeed, wrongDeed, wrongDeed,
		{name: "right PINs typed", do: typing(adaPIN), opens: true, passes: true},
		{name: "known cards shown", do: showing(bobUID), opens: true},
		{name: "unknown cards shown", do: showing(strangerUID)},
	}
)

// live has somebody do something and watches until dead is closed.
func (v *victim) live(d deed, dead <-chan struct{}) {
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
		if status := v.ask(); status != nil {
			v.o.stored(v.before + uint64(status["figures"].(map[string]any)["records"].(float64)))
			if !d.passes {
				v.o.said(status)
			}
		}
	}
}

// ready starts the reader, which it must do, and has a lockout ended.
func (v *victim) ready() {
	v.t.Helper()
	v.start()
	status := v.status()
	v.o.said(status)
	if status["lockout"] == "none" {
		return
	}
	v.o.count("lockouts, ended by the card")
	v.showCard(bobUID)
	v.opens("the paired card, after a lockout with cause " + status["lockout"].(string))
	v.eventually("the lockout is over", func() bool { return !v.locked() })
	v.o.forgiven()
	v.closed()
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

// while is how long somebody has for a deed: anything, or about as long as it
// takes to type a PIN and have it checked.
func (v *victim) while() time.Duration {
	if v.random.IntN(2) == 0 {
		return time.Duration(v.random.IntN(2500)) * time.Millisecond
	}
	return time.Duration(900+v.random.IntN(900)) * time.Millisecond
}

// killRound lets the reader live for a while and kills it.
func (v *victim) killRound() {
	v.t.Helper()
	v.o.round = nil
	v.o.count("kills")
	if v.random.IntN(8) == 0 {
		dir, err := programs()
		if err != nil {
			v.t.Fatal(err)
		}
		cmd := exec.Command(filepath.Join(dir, "latchkeyd"), "run", "--config", v.config())
		if err := cmd.Start(); err != nil {
			v.t.Fatal(err)
		}
		time.Sleep(time.Duration(v.random.IntN(500)) * time.Millisecond)
		cmd.Process.Kill()
		cmd.Wait()
		v.o.count("kills during a start")
		v.inspect(false)
		return
	}
	v.ready()
	d := deeds[v.random.IntN(len(deeds))]
	v.live(d, v.killed(v.while()))
	v.kill()
	if d.passes {
		v.o.forgiven()
	}
	v.inspect(false)
	if v.known.Pending != 0 {
		v.o.count("kills while a PIN was charged and not decided")
	}
}

// works says that the reader is as good as new.
func (v *victim) works() {
	v.t.Helper()
	v.ready()
	v.showCard(bobUID)
	v.opens("a card, in the end")
	v.closed()
	v.typePIN(adaPIN)
	v.opens("a PIN, in the end")
	v.kill()
}

func TestNoMomentToKillAReaderIsAGoodOne(t *testing.T) {
	t.Parallel()
	victims, rounds := rounds(5, 55)
	site := adaAndBob(t)
	for i := range victims {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			v := newVictim(t, site, uint64(i))
			for range rounds {
				v.killRound()
			}
			v.works()
			t.Log(v.o.report(fmt.Sprintf("SIGKILL, reader %d, seed %d", i, *tortureSeed)))
		})
	}
}

// The faults that a disk may have.
var faults = []fault{
	{name: "ENOSPC", errno: unix.ENOSPC, count: -1, kinds: growing},
	{name: "ENOSPC for a while", errno: unix.ENOSPC, count: 3, kinds: growing},
	{name: "EIO while writing", errno: unix.EIO, count: -1, kinds: modifying},
	{name: "EIO once while writing", errno: unix.EIO, count: 1, kinds: modifying},
	{name: "EIO while syncing", errno: unix.EIO, count: -1, kinds: syncing},
	{name: "EIO once while syncing", errno: unix.EIO, count: 1, kinds: syncing},
	{name: "read-only", errno: unix.EROFS, count: -1, kinds: modifying},
	{name: "a torn write and ENOSPC", errno: unix.ENOSPC, count: 1, torn: true, kinds: growing},
	{name: "a torn write and EIO", errno: unix.EIO, count: -1, torn: true, kinds: modifying},
	{name: "EIO while reading", errno: unix.EIO, count: -1, kinds: []uint32{fuseRead}},
	{name: "none"},
}

// faultRound has the disk fail while somebody uses the reader, and then mends
// it, or kills the reader, or cuts the power.
func (v *victim) faultRound() {
	v.t.Helper()
	f := faults[v.random.IntN(len(faults))]
	f.after = v.random.IntN(3)
	v.o.round = nil
	reading := len(f.kinds) == 1 && f.kinds[0] == fuseRead
	v.o.count("disk: " + f.name)
	hits := v.disk.hits()
	if v.random.IntN(5) == 0 && !reading {
		v.disk.breakWith(f)
		v.o.count("starts on a disk that fails")
		// There may be no status, for its socket is a file. Were there one, it
		// could tell of a charge that was on its way to the disk when the reader
		// was killed before, and that the next power cut takes: its outcome was
		// never known.
		v.start()
		v.showCard(bobUID)
		v.opens("a card on a disk that fails: " + f.name)
		v.closed()
		v.o.forgiven()
	} else {
		v.ready()
		v.disk.breakWith(f)
	}
	d := deeds[v.random.IntN(len(deeds))]
	if v.known.Lockout != "" {
		d = wrongDeed
	}
	v.live(d, v.killed(v.while()))
	v.kill()
	if d.passes {
		v.o.forgiven()
	}
	if v.disk.hits() > hits {
		v.o.count("rounds in which the disk did fail")
	}
	if v.random.IntN(2) == 0 {
		v.disk.cut()
		v.o.count("power cuts")
	} else {
		v.disk.breakWith(fault{})
		v.o.count("kills")
	}
	v.inspect(false)
	if v.known.Pending != 0 {
		v.o.count("ends while a PIN was charged and not decided")
	}
}

// heals has the disk fail under a reader that goes on running and takes PINs
// again by itself once it is mended.
func (v *victim) heals(f fault) {
	v.t.Helper()
	v.o.count("disk healed under the running reader: " + f.name)
	v.ready()
	v.disk.breakWith(f)
	v.typePIN(wrongPIN)
	if f.count < 0 {
		v.eventually("PIN is out of order with "+f.name, func() bool { return v.status()["pin"] == "not stored" })
		v.showCard(bobUID)
		v.opens("a card with " + f.name)
	}
	v.disk.breakWith(fault{})
	v.eventually("PIN works again after "+f.name, func() bool { return v.status()["pin"] == "on" })
	v.o.said(v.status())
	v.kill()
	v.disk.cut()
	v.inspect(false)
}

func TestNoFaultOfADiskAndNoPowerCutMakesAReaderForgetOrOpen(t *testing.T) {
	t.Parallel()
	victims, rounds := rounds(3, 40)
	site := adaAndBob(t)
	for i := range victims {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			v := newVictim(t, site, uint64(100+i))
			var err error
			if v.disk, err = load(v.data(), v.random); err != nil {
				t.Fatal(err)
			}
			mounted, err := mount(v.disk, v.data())
			if errors.Is(err, errNoMount) {
				t.Skip(err)
			}
			t.Cleanup(func() {
				v.kill()
				mounted.unmount(t)
			})
			for range rounds {
				v.faultRound()
			}
			for _, f := range faults {
				if *torture && f.errno != 0 && f.kinds[0] != fuseRead || strings.HasPrefix(f.name, "read-only") {
					v.heals(f)
				}
			}
			v.works()
			t.Log(v.o.report(fmt.Sprintf("disk faults and power cuts, reader %d, seed %d", i, *tortureSeed)))
		})
	}
}
