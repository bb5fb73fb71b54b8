package tests

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"latchkey/cmd/internal/freeport"
	"latchkey/device/pin/tpm/swtpm"
	"latchkey/sync/wire"
)

// looking has a reader look for a controller at an address; id "" leaves its id to the site.
func (r *testReader) looking(id, address string, more ...string) {
	r.t.Helper()
	text := "[reader]\n"
	if id != "" {
		text += fmt.Sprintf("id = %q\n", id)
	}
	text += fmt.Sprintf("data = \"data\"\n\n[adoption]\ncontroller = %q\n", address)
	for _, line := range more {
		text += line + "\n"
	}
	r.configure(text + "\n[board]\nkind = \"sim\"\n\n[board.sim]\nlisten = \"127.0.0.1:0\"\n")
}

// takesReaders starts a site's controller, which takes boards at the address that it returns.
func takesReaders(t *testing.T) (c *controller, address string) {
	t.Helper()
	address, err := freeport.Address()
	if err != nil {
		t.Fatal(err)
	}
	c = adaAndBobLinked(t, false)
	c.flags = []string{"--adoption", address}
	c.serve()
	return c, address
}

// waiting waits until a reader waits at a site, and returns the fingerprint on its screen.
func (r *testReader) waiting(at string) string {
	r.t.Helper()
	r.eventually("it waits at "+at, func() bool { return r.status()["waiting"] == "waiting at "+at })
	return r.status()["fingerprint"].(string)
}

// adoptWaiting adopts the board with a fingerprint, and returns what the controller says.
func (c *controller) adoptWaiting(fingerprint string, more ...string) string {
	c.t.Helper()
	return c.tell("", append([]string{"reader", "add", "--waiting", fingerprint, "--door", "Front door", "--group", "everyone", "--broker", "ssl://" + c.broker}, more...)...)
}

// saysOfCredentials returns what a reader says is wrong with its credentials; nil: nothing.
func (r *testReader) saysOfCredentials() any {
	health, _ := r.status()["health"].(map[string]any)
	return health["cache"]
}

// shownAndSeen waits until a reader shows who has adopted it, and touches the screen.
func (r *testReader) shownAndSeen() {
	r.t.Helper()
	r.control("done")
	r.eventually("a touch shows the start page", func() bool { r.tryTap("done"); return r.offers("pin") })
}

func TestANewReaderIsAdoptedOverTheNetwork(t *testing.T) {
	t.Parallel()
	c, address := takesReaders(t)
	reader := newReader(t, "")
	reader.looking("", address)
	reader.start()
	fingerprint := reader.waiting("test")
	reader.kill() // the power fails: it is the same board afterwards
	reader.start()
	if again := reader.waiting("test"); again != fingerprint {
		t.Fatalf("its fingerprint is %s, and was %s", again, fingerprint)
	}
	c.stopServing()
	reader.eventually("it sees that the controller is gone", func() bool { return reader.status()["waiting"] == "looking for a controller" })
	c.serve()
	reader.waiting("test")
	said := c.adoptWaiting(fingerprint)
	reader.linked()
	now := reader.status()
	if now["site"] != "test" || now["reader"] != "front-door" || now["waiting"] != nil || !strings.Contains(said, now["controller"].(string)) {
		t.Errorf("it says %v, and the controller %s", now, said)
	}
	reader.shownAndSeen()
	reader.pinOpens(adaPIN, "Ada's PIN")
	reader.kill()
	reader.start()
	reader.linked()
	if reader.offers("done") {
		t.Error("it says again who has adopted it")
	}
	reader.cardOpens(bobUID, "Bob's card")
	c.complete(reader)
	if kinds := c.kinds(); kinds["reader.started"] < 3 || kinds["cache.damaged"] != 0 {
		t.Errorf("it has lost nothing: %v", kinds)
	}
}

// TestANewReaderFindsAControllerByItself has both in a network that has nothing but them: a
// controller that announces itself, as it does unless it is told not to, and a reader as it
// comes.
func TestANewReaderFindsAControllerByItself(t *testing.T) {
	t.Parallel()
	if _, err := programs(); err != nil { // there is no other network afterwards
		t.Fatal(err)
	}
	c := adaAndBobLinked(t, false)
	runtime.LockOSThread() // and never unlocked: what this test starts is in the network, too
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skipf("a network namespace needs rights: %v", err)
	}
	for _, args := range []string{
		"link set lo up", "link add house type veth peer name wall", "link set house up", "link set wall up", "address add 192.0.2.1/24 dev house",
	} {
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: %s", args, err, out)
		}
	}
	c.flags = []string{"--adoption", ":8447"}
	c.serve()
	reader := newReader(t, "")
	reader.looking("", "dns-sd")
	reader.start()
	said := c.adoptWaiting(reader.waiting("test"))
	reader.linked()
	if key := reader.status()["controller"].(string); !strings.Contains(said, key) {
		t.Errorf("the key of its controller is %s: %s", key, said)
	}
}

func TestAReaderWithATPMIsAdoptedOverTheNetwork(t *testing.T) {
	t.Parallel()
	c, address := takesReaders(t)
	reader := newReader(t, "")
	reader.looking("front-door", address, "[key]", fmt.Sprintf("tpm = %q", swtpm.New(t).Path))
	reader.start()
	c.adoptWaiting(reader.waiting("test"), "--reader", "front-door")
	reader.linked()
	reader.shownAndSeen()
	reader.pinOpens(adaPIN, "Ada's PIN, checked by the TPM,")
}

// TestAStrangersControllerGetsABoardAndNothingElse has one adopt a board in place of the site's.
func TestAStrangersControllerGetsABoardAndNothingElse(t *testing.T) {
	t.Parallel()
	home, address := takesReaders(t)
	rogue, there := takesReaders(t)
	rogue.stopServing()
	rogue.dir = filepath.Join(t.TempDir(), "rogue")
	do(t, "", "latchkey-controller", "init", "--dir", rogue.dir, "--site", "rogue")
	rogue.serve()
	reader := newReader(t, "")
	reader.looking("", there)
	reader.start()
	said := rogue.adoptWaiting(reader.waiting("rogue"))
	reader.linked()
	reader.control("done") // the screen shows whose it is
	now := reader.status()
	if now["site"] != "rogue" || !strings.Contains(said, now["controller"].(string)) {
		t.Errorf("it says %v, and the stranger %s", now, said)
	}
	reader.shownAndSeen()
	reader.wrong(adaPIN)

	// One that is told the key of its controller does not fall to the stranger.
	known, err := readSite(home.testSite.adopt(t, "back-door").data())
	if err != nil {
		t.Fatal(err)
	}
	key := fmt.Sprintf("key = %q", wire.Fingerprint(known.Controller[:]))
	careful := newReader(t, "")
	careful.looking("", there, key)
	careful.start()
	careful.eventually("it says why not", func() bool { return strings.Contains(careful.log.String(), "adoption.key in the config another one") })
	if waits := careful.status()["waiting"]; waits != "looking for a controller" {
		t.Errorf("it is %s", waits)
	}
	careful.stop()
	careful.looking("", address, key)
	careful.start()
	home.adoptWaiting(careful.waiting("test"))
	careful.linked()
	careful.shownAndSeen()
	careful.pinOpens(adaPIN, "Ada's PIN")
}

// doorbell counts who connects to an address.
func doorbell(t *testing.T) (address string, rung *atomic.Int32) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	rung = new(atomic.Int32)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			rung.Add(1)
			conn.Close()
		}
	}()
	return listener.Addr().String(), rung
}

// TestNothingThatIsLostHasAReaderOfASiteLookForAnother takes from a reader that belongs to a
// site what tells so, in each way but the last: of that board nothing is left but its keys.
func TestNothingThatIsLostHasAReaderOfASiteLookForAnother(t *testing.T) {
	t.Parallel()
	whole := adaAndBob(t).adopt(t, "front-door")
	whole.start()
	whole.begun()
	whole.stop()
	remove := func(names ...string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			for _, name := range names {
				found, err := filepath.Glob(filepath.Join(dir, name))
				if err != nil || len(found) == 0 {
					t.Fatalf("%s: %v", name, err)
				}
				for _, path := range found {
					if err := os.RemoveAll(path); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
	overwrite := func(t *testing.T, path string) {
		if err := os.WriteFile(path, []byte("damaged"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, test := range map[string]struct {
		id     string
		damage func(t *testing.T, dir string)
		looks  bool
		whole  bool // its credentials are
	}{
		"nothing is":                         {id: "front-door", damage: remove(), whole: true},
		"the config names no id":             {damage: remove(), whole: true},
		"it names another":                   {id: "back-door", damage: remove()},
		"site.cbor is damaged":               {id: "front-door", damage: func(t *testing.T, dir string) { overwrite(t, filepath.Join(dir, "site.cbor")) }},
		"site.cbor is lost":                  {id: "front-door", damage: remove("site.cbor")},
		"the journal is lost":                {id: "front-door", damage: remove("journal"), whole: true},
		"site.cbor and the journal are lost": {id: "front-door", damage: remove("site.cbor", "journal")},
		"all but the journal is lost":        {damage: remove("site.cbor", "policy.cbor", "connection.cbor", "epoch-*")},
		"all but a damaged journal is lost": {damage: func(t *testing.T, dir string) {
			remove("site.cbor", "policy.cbor", "connection.cbor", "epoch-*")(t, dir)
			segments, err := filepath.Glob(filepath.Join(dir, "journal", "*"))
			if err != nil || len(segments) == 0 {
				t.Fatal(segments, err)
			}
			for _, path := range segments {
				overwrite(t, path)
			}
		}},
		"all but a bundle on its way in is lost": {damage: func(t *testing.T, dir string) {
			remove("site.cbor", "policy.cbor", "connection.cbor", "epoch-*", "journal")(t, dir)
			if err := os.Mkdir(filepath.Join(dir, "adoption.cbor"), 0o700); err != nil { // it cannot be read, and is tried again
				t.Fatal(err)
			}
		}},
		"all is lost": {damage: remove("site.cbor", "policy.cbor", "connection.cbor", "epoch-*", "journal"), looks: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reader := newReader(t, "front-door")
			copyDir(t, whole.data(), reader.data())
			test.damage(t, reader.data())
			address, rung := doorbell(t)
			reader.looking(test.id, address)
			reader.start()
			reader.status()
			if test.looks {
				reader.eventually("it asks", func() bool { return rung.Load() > 0 })
				if said := reader.saysOfCredentials(); said != nil {
					t.Errorf("a new reader says of its credentials: %v", said)
				}
				return
			}
			time.Sleep(4 * time.Second) // the first question would come within one
			reader.kill()               // nor does the next start
			reader.start()
			time.Sleep(2 * time.Second)
			if n := rung.Load(); n != 0 {
				t.Errorf("it has asked %d times\n%s", n, reader.log.String())
			}
			if said := reader.saysOfCredentials(); (said == nil) != test.whole {
				t.Errorf("it says of its credentials: %v", said)
			}
		})
	}
}
