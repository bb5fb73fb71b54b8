package tests

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
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
	}{
		"nothing is":                         {id: "front-door", damage: remove()},
		"the config names no id":             {damage: remove()},
		"it names another":                   {id: "back-door", damage: remove()},
		"site.cbor is damaged":               {id: "front-door", damage: func(t *testing.T, dir string) { overwrite(t, filepath.Join(dir, "site.cbor")) }},
		"site.cbor is lost":                  {id: "front-door", damage: remove("site.cbor")},
		"the journal is lost":                {id: "front-door", damage: remove("journal")},
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
				return
			}
			time.Sleep(4 * time.Second) // the first question would come within one
			reader.kill()               // nor does the next start
			reader.start()
			time.Sleep(2 * time.Second)
			if n := rung.Load(); n != 0 {
				t.Errorf("it has asked %d times\n%s", n, reader.log.String())
			}
		})
	}
}
