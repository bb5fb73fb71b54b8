package fleet

import (
	"cmp"
	"context"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"
)

// programs are what all tests run: the controller is built once, in a directory that TestMain
// removes.
var programs Site

var built = sync.OnceValue(func() error { return programs.Find(context.Background()) })

func TestMain(m *testing.M) {
	var err error
	if programs.Dir, err = os.MkdirTemp("", "latchkey-fleet-test-*"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(programs.Dir)
	os.Exit(code)
}

// newSite makes a site with n readers that runs; conf are more lines for its broker's configuration.
func newSite(t testing.TB, n int, conf string) *Site {
	t.Helper()
	if err := built(); err != nil {
		t.Fatal(err)
	}
	s := &Site{Dir: t.TempDir(), Controller: programs.Controller, Mosquitto: programs.Mosquitto, conf: conf}
	if err := s.Create(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	if err := s.StartBroker(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	if err := s.Serve(); err != nil {
		t.Fatal(err)
	}
	return s
}

// Connections break all the time, the broker is killed, the controller is killed, the power
// goes: in the end the controller has each record once, and each reader the whole log.
func TestNothingIsLostOrDoubledWhateverBefallsAFleet(t *testing.T) {
	t.Parallel()
	const n = 30
	s := newSite(t, n, "")
	f, err := Open(s.Dir, n, 1, Faults{Slow: 0.2, SlowDelay: 5 * time.Millisecond, SlowRate: 64 << 10, WrongClocks: 0.2}, true)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	f.PowerOn(ctx, 100*time.Millisecond)
	defer func() { f.PowerOff() }()
	must(f.AwaitUp(ctx, time.Time{}))

	recording, stop := context.WithCancel(ctx)
	defer stop()
	recorded := make(chan struct{}, 2)
	go func() { f.Record(recording, 100); recorded <- struct{}{} }()
	go func() { f.Churn(recording, 3); recorded <- struct{}{} }()
	change := func() {
		t.Helper()
		_, err := s.AddUser(ctx)
		must(err)
	}
	change()
	s.KillBroker()
	change()
	time.Sleep(500 * time.Millisecond)
	must(s.StartBroker(ctx))
	restarted := int64(f.shared.since())
	_, err = f.await(ctx, n/3, func(r *reader) bool { return r.upSince.Load() > restarted }) // never all at once: connections break
	must(err)
	s.KillController()
	change()
	must(s.Serve())
	time.Sleep(500 * time.Millisecond)
	f.PowerOff()
	change()
	f.PowerOn(ctx, 100*time.Millisecond)
	stop()
	<-recorded
	<-recorded
	must(f.AwaitUp(ctx, time.Time{}))
	must(f.AwaitRecords(ctx))
	revision, err := s.Revision(ctx)
	must(err)
	if revision != 4 {
		t.Errorf("the log ends at %d, not 4", revision)
	}
	_, err = f.AwaitRevision(ctx, revision, time.Now())
	must(err)
	if p := f.Positions(); len(p) != 1 {
		t.Errorf("readers hold %d positions: %v", len(p), p)
	}

	stored, err := s.Stored(ctx)
	must(err)
	total := 0
	for reader, made := range f.Made() {
		total += len(made)
		for _, records := range [][]Made{made, stored[reader]} {
			slices.SortFunc(records, func(a, b Made) int { return cmp.Or(cmp.Compare(a.Journal, b.Journal), cmp.Compare(a.Number, b.Number)) })
		}
		if !slices.Equal(made, stored[reader]) {
			t.Errorf("%s has made %d records, and the controller has %d, or others", reader, len(made), len(stored[reader]))
		}
	}
	if total < 2*n {
		t.Errorf("only %d records were made", total)
	}
	t.Logf("%d records; %+v", total, f.Counts())
}

// A board that has lost its disk is again what it was when it was adopted, and catches up.
func TestAReaderThatHasLostItsDiskCatchesUp(t *testing.T) {
	t.Parallel()
	s := newSite(t, 3, "")
	r, err := Scenario{Readers: 3, Boot: 50 * time.Millisecond, Within: time.Minute, Changes: 1, PowerCut: true, Lose: 1, Calm: time.Second}.against(t.Context(), s, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if r.Lost != 3 || r.Behind != 0 || r.Counts.Records != r.Counts.Acked+r.Counts.LostDisk {
		t.Errorf("%+v", r)
	}
}

// The broker spreads a change: the controller sends it once, however many readers there are.
func TestAChangeIsOneMessageOfTheControllers(t *testing.T) {
	t.Parallel()
	const n = 12
	s := newSite(t, n, "log_type all\n")
	f, err := Open(s.Dir, n, 1, Faults{}, false)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	f.PowerOn(ctx, 100*time.Millisecond)
	defer f.PowerOff()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(f.AwaitUp(ctx, time.Time{}))
	const changes = 3
	for i := range changes {
		at, err := s.AddUser(ctx)
		must(err)
		_, err = f.AwaitRevision(ctx, uint64(i+1), at)
		must(err)
	}
	log, err := os.ReadFile(filepath.Join(s.Dir, "mosquitto.log"))
	must(err)
	received := regexp.MustCompile(`(?m)Received PUBLISH from (\S+) .*'latchkey/v1/home/credentials'`).FindAllSubmatch(log, -1)
	sent := regexp.MustCompile(`(?m)Sending PUBLISH to (\S+) .*'latchkey/v1/home/credentials'`).FindAllSubmatch(log, -1)
	if len(received) != changes || len(sent) != changes*n {
		t.Errorf("the broker received %d messages with changes and sent %d, not %d and %d: %s", len(received), len(sent), changes, changes*n, received)
	}
}

func TestABoardIsTheSameEachTime(t *testing.T) {
	secret := make([]byte, 32)
	one, err1 := newBoard(secret, "reader-00001")
	same, err2 := newBoard(secret, "reader-00001")
	other, err3 := newBoard(secret, "reader-00002")
	if err := cmp.Or(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	if !one.signing.Equal(same.signing) || !one.tls.Equal(same.tls) || !one.sealing.Equal(same.sealing) {
		t.Error("other keys the second time")
	}
	if one.signing.Equal(other.signing) || one.tls.Equal(other.tls) || one.sealing.Equal(other.sealing) {
		t.Error("two boards have one key")
	}
}
