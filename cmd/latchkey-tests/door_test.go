package tests

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

const (
	adaPIN      = "40718263"
	bobUID      = "04a1b2c3d4e580"
	strangerUID = "04deadbeef0180"
	wrongPIN    = "73920516"
)

// adaAndBob returns a site with a PIN and a card, a copy of one that is made once.
func adaAndBob(t testing.TB) *testSite {
	t.Helper()
	if _, err := programs(); err != nil {
		t.Fatal(err)
	}
	original := &testSite{dir: filepath.Join(built.dir, "site")}
	built.site.Do(func() { original.init(t) })
	site := &testSite{dir: filepath.Join(t.TempDir(), "site")}
	copyDir(t, original.dir, site.dir)
	return site
}

// init makes the site with the real controller.
func (s *testSite) init(t testing.TB) {
	t.Helper()
	do(t, "", "latchkey-controller", "init", "--dir", s.dir, "--site", "test")
	s.addPIN(t, "Ada Lovelace", adaPIN)
	s.addCard(t, "Bob Martin", bobUID)
}

// wrong types a PIN that nobody has and waits until that is said and over.
func (r *testReader) wrong(pin string) {
	r.t.Helper()
	before := r.status()
	r.typePIN(pin)
	r.eventually("the wrong PIN is counted", func() bool {
		now := r.status()
		return now["wrong"].(float64) > before["wrong"].(float64) || now["lockout"] != before["lockout"]
	})
}

func (r *testReader) locked() bool { return r.status()["lockout"] != "none" }

func (r *testReader) opens(how string) {
	r.t.Helper()
	r.eventually(how+" opens the door", func() bool { return r.line("strike") })
}

func (r *testReader) closed() {
	r.t.Helper()
	r.eventually("the strike is off", func() bool { return !r.line("strike") })
}

func TestAPINAndACardOpenTheDoor(t *testing.T) {
	t.Parallel()
	reader := adaAndBob(t).adopt(t, "front-door")
	reader.start()
	reader.typePIN(adaPIN)
	reader.opens("a PIN")
	reader.shows("granted", granted)
	reader.closed()
	reader.wrong(wrongPIN)
	reader.shows("denied", denied)
	reader.cardOpens(bobUID, "a card")
	reader.shows("granted", granted)
	reader.closed()
	reader.call("PUT", "/api/lines/exit-button", map[string]bool{"active": true}, nil)
	reader.opens("the exit button")
	if err := reader.stop(); err != nil {
		t.Errorf("SIGTERM: %v\n%s", err, reader.log.String())
	}
}

func TestTenWrongPINsLockWhateverIsKilledInBetween(t *testing.T) {
	t.Parallel()
	reader := adaAndBob(t).adopt(t, "front-door")
	reader.start()
	for i := range 10 {
		switch i {
		case 3: // between two PINs
			reader.kill()
			reader.start()
		case 6: // while one is being checked: it counts
			before := reader.figures()["records"].(float64)
			reader.typePIN(wrongPIN)
			reader.eventually("it is charged", func() bool { return reader.figures()["records"].(float64) > before })
			reader.kill()
			reader.start()
			reader.eventually("the interrupted PIN is counted", func() bool { return reader.status()["wrong"].(float64) == 7 })
			continue
		}
		if reader.locked() {
			t.Fatalf("locked after %d wrong PINs", i)
		}
		reader.wrong(wrongPIN)
	}
	if !reader.locked() {
		t.Fatalf("not locked after ten wrong PINs: %v", reader.status())
	}
	reader.kill()
	reader.start()
	if !reader.locked() {
		t.Fatal("the lockout is gone after SIGKILL")
	}
	reader.showCard(strangerUID)
	if !reader.locked() || reader.line("strike") {
		t.Fatal("an unknown card ended the lockout")
	}
	reader.cardOpens(bobUID, "the paired card")
	reader.eventually("the lockout is over", func() bool { return !reader.locked() })
	if wrong := reader.status()["wrong"].(float64); wrong != 0 {
		t.Errorf("%v wrong PINs after the lockout has ended", wrong)
	}
	reader.closed()
	reader.typePIN(adaPIN)
	reader.opens("a PIN after the lockout")
}

func TestNineWrongPINsAndARightOneDoNotLock(t *testing.T) {
	t.Parallel()
	reader := adaAndBob(t).adopt(t, "front-door")
	reader.start()
	for range 9 {
		reader.wrong(wrongPIN)
	}
	reader.typePIN(adaPIN)
	reader.opens("the right PIN")
	if reader.locked() || reader.status()["wrong"].(float64) != 0 {
		t.Errorf("after nine wrong PINs and the right one: %v", reader.status())
	}
	noPINInClear(t, reader, adaPIN, wrongPIN)
}

// noPINInClear looks for PINs in all that a reader keeps and says.
func noPINInClear(t *testing.T, reader *testReader, pins ...string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(reader.data(), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		files++
		b, err := os.ReadFile(path)
		for _, pin := range pins {
			if bytes.Contains(b, []byte(pin)) {
				t.Errorf("%s holds a PIN in clear", path)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 5 {
		t.Errorf("only %d files in the data directory", files)
	}
	for _, pin := range pins {
		if strings.Contains(reader.log.String(), pin) {
			t.Errorf("the log holds a PIN in clear")
		}
	}
}

// openPage opens the page of a reader's board. named waits until it has a name and returns the name it has, after 10 s
// whichever that is.
func (r *testReader) openPage() (named func(name string) string) {
	r.t.Helper()
	conn, _, err := websocket.Dial(r.t.Context(), "ws"+strings.TrimPrefix(r.url, "http")+"/api/stream", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	conn.SetReadLimit(1 << 20) // a whole screen
	r.t.Cleanup(func() { conn.CloseNow() })
	var has string
	return func(name string) string {
		ctx, cancel := context.WithTimeout(r.t.Context(), 10*time.Second)
		defer cancel()
		for has != name {
			_, sent, err := conn.Read(ctx)
			if err != nil {
				break
			}
			var m struct{ Type, Name string }
			if json.Unmarshal(sent, &m) == nil && m.Type == "name" {
				has = m.Name
			}
		}
		return has
	}
}

func TestAReaderWaitsForItsAdoptionAndWorksFromThenOn(t *testing.T) {
	t.Parallel()
	site := adaAndBob(t)
	reader := newReader(t, "front-door")
	do(t, "", "latchkeyd", "identity", "--data", reader.data(), "--out", reader.path("request"))
	reader.start()
	reader.showCard(bobUID)
	if reader.line("strike") {
		t.Fatal("a card opened a door that belongs to no site")
	}
	named := reader.openPage()
	if name := named("front-door"); name != "front-door" {
		t.Errorf("its page calls it %s", name)
	}
	site.bundle(t, reader, "front-door")
	do(t, "", "latchkeyd", "adopt", "--data", reader.data(), reader.path("bundle"))
	reader.eventually("the adoption is seen", func() bool { return reader.status()["site"] == "test" })
	if name := named("Front door"); name != "Front door" {
		t.Errorf("its open page goes on as %s", name)
	}
	reader.typePIN(adaPIN)
	reader.opens("a PIN")
}
