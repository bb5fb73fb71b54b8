package site

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// follow opens deltas in order and returns where they lead.
func follow(t *testing.T, s *Site, at wire.Position, before wire.Hash, deltas [][]byte) (wire.Position, wire.Hash) {
	t.Helper()
	for _, signed := range deltas {
		if len(signed) > wire.MaxDelta {
			t.Errorf("a delta of %d bytes", len(signed))
		}
		delta, err := wire.OpenDelta(s.ID, signed, s.Key())
		if err != nil {
			t.Fatal(err)
		}
		d := delta.Delta()
		if d.Epoch != at.Epoch || d.From != at.Revision || d.FromHash != at.Hash || d.Before != before {
			t.Fatalf("delta %d to %d does not follow from %d", d.From, d.To, at.Revision)
		}
		at, before = wire.Position{Epoch: d.Epoch, Revision: d.To, Hash: d.ToHash}, wire.Sum(wire.Marshal(d))
	}
	return at, before
}

func theLog(t *testing.T, s *Site, from wire.Position) *Log {
	t.Helper()
	log, err := s.Log(t.Context(), from)
	if err != nil {
		t.Fatal(err)
	}
	if head, err := wire.OpenHead(s.ID, log.Head, s.Key()); err != nil || head.Position() != log.Position {
		t.Fatalf("%+v, %v", head, err)
	}
	return log
}

func TestDeltasAreMadeOnceAndFollowEachOther(t *testing.T) {
	s, _ := newSite(t)
	start := theLog(t, s, wire.Position{})
	if start.Position.Revision != 0 || len(start.Deltas) != 0 {
		t.Fatalf("%+v", start)
	}
	addUser(t, s, "Ada", "", uid(1))
	one := theLog(t, s, start.Position)
	addUser(t, s, "Bob", "", uid(2), uid(3))
	two := theLog(t, s, one.Position)
	if len(one.Deltas) != 1 || len(two.Deltas) != 1 || two.Position.Revision != 3 {
		t.Fatalf("%d, %d deltas to revision %d", len(one.Deltas), len(two.Deltas), two.Position.Revision)
	}
	both := theLog(t, s, start.Position)
	at, _ := follow(t, s, start.Position, wire.Hash{}, both.Deltas)
	if at != two.Position || string(both.Deltas[0]) != string(one.Deltas[0]) || string(both.Deltas[1]) != string(two.Deltas[0]) {
		t.Error("they are others than before")
	}
	if same := theLog(t, s, two.Position); len(same.Deltas) != 0 || string(same.Head) != string(two.Head) {
		t.Error("something where nothing has moved")
	}
}

func uid(n int) []byte { return []byte{4, 0, 0, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)} }

// addMany adds n cards to one user in one transaction.
func addMany(t *testing.T, s *Site, first, n int) {
	t.Helper()
	err := s.store.Update(t.Context(), func(tx *store.Tx) error {
		u := &store.User{Name: fmt.Sprint("User ", first)}
		for i := range wire.MaxGroups { // so that a change has a kibibyte
			u.Groups = append(u.Groups, fmt.Sprintf("a-group-with-a-long-name-no-%02d", i))
		}
		if err := tx.AddUser(u); err != nil {
			return err
		}
		for i := range n {
			if err := s.addCredential(tx, noon, "somebody", u, wire.Card, uid(first+i)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestManyChangesAreSeveralDeltasAndTooManyAreNone(t *testing.T) {
	s, _ := newSite(t)
	start := theLog(t, s, wire.Position{})
	addMany(t, s, 0, 200)
	log := theLog(t, s, start.Position)
	if len(log.Deltas) < 2 {
		t.Fatalf("%d deltas", len(log.Deltas))
	}
	at, before := follow(t, s, start.Position, wire.Hash{}, log.Deltas)
	if at != log.Position {
		t.Fatalf("%+v", at)
	}
	addMany(t, s, 200, 1200) // more than readers keep
	over := theLog(t, s, at)
	if len(over.Deltas) != 0 || over.Position.Revision != 1400 {
		t.Fatalf("%d deltas to %d", len(over.Deltas), over.Position.Revision)
	}
	addUser(t, s, "Ada", "", uid(1<<20))
	log = theLog(t, s, over.Position)
	if at, _ := follow(t, s, over.Position, wire.Hash{}, log.Deltas); at != log.Position || before == (wire.Hash{}) {
		t.Errorf("%+v", at)
	}
	// Who is before them gets a snapshot, and its chunks are all there.
	reply, err := answer(t, s, noon, fetch(wire.WantDeltas, &start.Position), true)
	if err != nil || len(reply.Deltas) != 0 || len(reply.Manifest) == 0 {
		t.Fatalf("%d deltas, %v", len(reply.Deltas), err)
	}
	if n := fetchAll(t, s, reply.Manifest); n != 1401 {
		t.Errorf("%d credentials", n)
	}
}

func fetch(want wire.Want, position *wire.Position, chunks ...uint32) *wire.Fetch {
	return &wire.Fetch{Reader: "front-door", Connection: 1, Number: 5, Want: want, Position: position, Chunks: chunks}
}

// answer returns what a reader makes of the answer to a fetch.
func answer(t *testing.T, s *Site, now time.Time, f *wire.Fetch, mayMake bool) (*wire.Reply, error) {
	t.Helper()
	b, err := s.Reply(t.Context(), now, f, mayMake, nil)
	if err != nil {
		return nil, err
	}
	return wire.ParseReply(b)
}

// fetchAll fetches all chunks of a manifest and returns how many credentials
// they hold.
func fetchAll(t *testing.T, s *Site, signed []byte) (n int) {
	t.Helper()
	manifest, err := wire.OpenManifest(s.ID, signed, s.Key())
	if err != nil {
		t.Fatal(err)
	}
	m := manifest.Manifest()
	place := m.Position()
	for i := 0; i < m.Chunks(); {
		var wanted []uint32
		for j := i; j < m.Chunks() && len(wanted) < wire.MaxFetch; j++ {
			wanted = append(wanted, uint32(j))
		}
		reply, err := answer(t, s, noon, fetch(wire.WantChunks, &place, wanted...), false)
		if err != nil || len(reply.Chunks) == 0 {
			t.Fatalf("chunk %d: %+v, %v", i, reply, err)
		}
		for _, part := range reply.Chunks {
			if part.Index != uint32(i) || m.CheckChunk(i, part.Chunk) != nil {
				t.Fatalf("chunk %d is another one", i)
			}
			chunk, err := wire.ParseChunk(part.Chunk)
			if err != nil {
				t.Fatal(err)
			}
			n += chunk.Len()
			i++
		}
	}
	return n
}

func TestFetchesAreAnsweredWithWhatLeadsOn(t *testing.T) {
	s, dir := newSite(t)
	addUser(t, s, "Ada", "", uid(1), uid(2), uid(3))
	start := wire.Position{Epoch: theLog(t, s, wire.Position{}).Position.Epoch}
	start.Hash = wire.Start(start.Epoch)
	head := theLog(t, s, start).Position
	ask := func(f *wire.Fetch, mayMake bool) *wire.Reply {
		t.Helper()
		reply, err := answer(t, s, noon, f, mayMake)
		if err != nil {
			t.Fatal(err)
		}
		if reply.Number != 5 {
			t.Errorf("number %d", reply.Number)
		}
		return reply
	}
	if at, _ := follow(t, s, start, wire.Hash{}, ask(fetch(wire.WantDeltas, &start), false).Deltas); at != head {
		t.Errorf("deltas lead to %+v", at)
	}
	// At the head there is nothing; the last delta again does no harm.
	if reply := ask(fetch(wire.WantDeltas, &head), false); len(reply.Deltas) != 1 {
		t.Errorf("%+v", reply)
	}
	// Within a delta nothing begins.
	middle := wire.Position{Epoch: head.Epoch, Revision: 1}
	if err := s.store.View(t.Context(), func(tx *store.Tx) (err error) {
		middle.Hash, err = tx.HashAt(head.Epoch, 1)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := answer(t, s, noon, fetch(wire.WantDeltas, &middle), false); !errors.Is(err, ErrSnapshotNeeded) {
		t.Error(err)
	}
	if reply := ask(fetch(wire.WantDeltas, &middle), true); len(reply.Manifest) == 0 || fetchAll(t, s, reply.Manifest) != 3 {
		t.Errorf("%+v", reply)
	}
	// It is kept: nothing has to be made now, nor in another process.
	first := ask(fetch(wire.WantSnapshot, nil), false)
	again, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if reply, err := answer(t, again, noon, fetch(wire.WantSnapshot, nil), false); err != nil || string(reply.Manifest) != string(first.Manifest) {
		t.Errorf("%v", err)
	}
	// An older epoch's reader gets the newest snapshot.
	if reply := ask(fetch(wire.WantDeltas, &wire.Position{Epoch: 1, Revision: 7}), false); len(reply.Manifest) == 0 {
		t.Errorf("%+v", reply)
	}
	// What is not there any more, or never was.
	for _, f := range []*wire.Fetch{
		fetch(wire.WantChunks, &wire.Position{Epoch: head.Epoch, Revision: 2, Hash: wire.Hash{1}}, 0),
		fetch(wire.WantChunks, &wire.Position{Epoch: head.Epoch, Revision: head.Revision, Hash: wire.Hash{1}}, 0),
		fetch(wire.WantChunks, &head, 7),
	} {
		if reply := ask(f, false); len(reply.Chunks) != 0 {
			t.Errorf("%+v", reply)
		}
	}
	// Another log.
	for _, place := range []wire.Position{
		{Epoch: head.Epoch, Revision: head.Revision, Hash: wire.Hash{1}},
		{Epoch: head.Epoch, Revision: head.Revision + 1, Hash: wire.Hash{1}},
		{Epoch: head.Epoch + 1, Revision: 0, Hash: wire.Start(head.Epoch + 1)},
	} {
		for _, want := range []wire.Want{wire.WantDeltas, wire.WantSnapshot} {
			if _, err := answer(t, s, noon, fetch(want, &place), true); !errors.Is(err, ErrForked) {
				t.Errorf("%+v: %v", place, err)
			}
		}
	}
	// A reader that holds what is there needs one above it, once there can be one.
	addUser(t, s, "Bob", "", uid(9))
	if _, err := answer(t, s, noon.Add(time.Hour), fetch(wire.WantSnapshot, &head), false); !errors.Is(err, ErrSnapshotNeeded) {
		t.Error(err)
	}
	reply, err := answer(t, s, noon.Add(time.Hour), fetch(wire.WantSnapshot, &head), true)
	if err != nil || fetchAll(t, s, reply.Manifest) != 4 {
		t.Errorf("%+v, %v", reply, err)
	}
}

func TestASnapshotStaysForADayAfterItWasLastFetchedFrom(t *testing.T) {
	s, dir := newSite(t)
	addUser(t, s, "Ada", "", uid(1))
	files := func() int {
		entries, err := os.ReadDir(filepath.Join(dir, snapshotDir))
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	made := func(now time.Time) {
		if _, err := s.makeSnapshot(t.Context(), now); err != nil {
			t.Fatal(err)
		}
	}
	made(noon)
	first := theLog(t, s, wire.Position{}).Position
	addUser(t, s, "Bob", "", uid(2))
	if _, err := answer(t, s, noon.Add(23*time.Hour), fetch(wire.WantChunks, &first, 0), false); err != nil {
		t.Fatal(err)
	}
	made(noon.Add(46 * time.Hour))
	if n := files(); n != 2 {
		t.Errorf("%d snapshots", n)
	}
	addUser(t, s, "Eve", "", uid(3))
	made(noon.Add(48 * time.Hour))
	if n := files(); n != 2 {
		t.Errorf("%d snapshots", n)
	}
	if reply, err := answer(t, s, noon, fetch(wire.WantChunks, &first, 0), false); err != nil || len(reply.Chunks) != 0 {
		t.Errorf("%+v, %v", reply, err)
	}
}

func TestADamagedSnapshotIsMadeAnew(t *testing.T) {
	s, dir := newSite(t)
	addUser(t, s, "Ada", "", uid(1))
	if _, err := s.makeSnapshot(t.Context(), noon); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Join(dir, snapshotDir))
	if err != nil || len(entries) != 1 {
		t.Fatal(entries, err)
	}
	path := filepath.Join(dir, snapshotDir, entries[0].Name())
	s.Close()
	if s, err = Open(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := os.Truncate(path, 100); err != nil {
		t.Fatal(err)
	}
	reply, err := answer(t, s, noon.Add(time.Hour), fetch(wire.WantSnapshot, nil), true)
	if err != nil || fetchAll(t, s, reply.Manifest) != 1 {
		t.Fatalf("%+v, %v", reply, err)
	}
}

func TestASnapshotThatIsDamagedWhileItIsFetchedFromIsMadeAnew(t *testing.T) {
	s, dir := newSite(t)
	addMany(t, s, 0, 2000)
	ask := func(after time.Duration, f *wire.Fetch) *wire.Reply {
		t.Helper()
		reply, err := answer(t, s, noon.Add(after), f, true)
		if err != nil {
			t.Fatal(err)
		}
		return reply
	}
	manifest := ask(0, fetch(wire.WantSnapshot, nil)).Manifest
	if n := fetchAll(t, s, manifest); n != 2000 {
		t.Fatalf("%d credentials", n)
	}
	files, err := filepath.Glob(filepath.Join(dir, snapshotDir, "*"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-9] ^= 1
	if err := os.WriteFile(files[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	// A reader finds it out at once, and asks again until the controller does.
	place := theLog(t, s, wire.Position{}).Position
	all := []uint32{0, 1, 2, 3, 4}
	if n := len(ask(time.Second, fetch(wire.WantChunks, &place, all...)).Chunks); n != len(all) {
		t.Fatalf("%d chunks", n)
	}
	if n := len(ask(2*time.Minute, fetch(wire.WantChunks, &place, all...)).Chunks); n != 0 {
		t.Errorf("%d chunks of a snapshot that is damaged", n)
	}
	if again := ask(2*time.Minute, fetch(wire.WantSnapshot, nil)).Manifest; string(again) != string(manifest) {
		t.Error("it is another one, and what was received counts for nothing")
	}
	if n := fetchAll(t, s, manifest); n != 2000 {
		t.Errorf("%d credentials", n)
	}
}

func TestALogKnowsWhereItNeverWas(t *testing.T) {
	s, _ := newSite(t)
	addUser(t, s, "Ada", "", uid(1))
	old := theLog(t, s, wire.Position{}).Position
	newEpoch(t, s, noon.Add(time.Hour), 0)
	head := theLog(t, s, wire.Position{}).Position
	for name, test := range map[string]struct {
		position wire.Position
		lacks    bool
	}{
		"its head":               {head, false},
		"its beginning":          {wire.Position{Epoch: head.Epoch, Hash: wire.Start(head.Epoch)}, false},
		"the last epoch":         {old, false},
		"a lost part of that":    {wire.Position{Epoch: old.Epoch, Revision: 99}, false}, // nothing follows from it any more
		"another hash":           {wire.Position{Epoch: head.Epoch, Revision: 1, Hash: wire.Hash{1}}, true},
		"a later revision":       {wire.Position{Epoch: head.Epoch, Revision: 2, Hash: wire.Hash{1}}, true},
		"a later epoch":          {wire.Position{Epoch: head.Epoch + 5, Hash: wire.Start(head.Epoch + 5)}, true},
		"an epoch between those": {wire.Position{Epoch: head.Epoch - 1, Revision: 4}, false},
	} {
		if lacks, err := s.Lacks(t.Context(), test.position); err != nil || lacks != test.lacks {
			t.Errorf("%s: %t, %v", name, lacks, err)
		}
	}
}

func TestANewEpochHasAnotherKeyTheSameSaltAndEverybody(t *testing.T) {
	s, _ := newSite(t)
	addUser(t, s, "Ada", "58310274", uid(1))
	addUser(t, s, "Bob", "", uid(2))
	before := theLog(t, s, wire.Position{})
	tags := func() map[wire.Tag]bool {
		all := map[wire.Tag]bool{}
		if err := s.store.View(t.Context(), func(tx *store.Tx) error {
			entries, err := entries(tx)
			for _, e := range entries {
				all[e.Tag] = true
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return all
	}
	old := tags()
	epoch := newEpoch(t, s, noon, before.Position.Epoch+7)
	if epoch != before.Position.Epoch+8 {
		t.Fatal(epoch)
	}
	if report := check(t, s); report.Credentials != 3 || report.Revision != 3 || report.Epoch != epoch {
		t.Errorf("%+v", report)
	}
	for tag := range tags() {
		if old[tag] {
			t.Error("a tag has stayed")
		}
	}
	if err := tryUser(t.Context(), s, &store.User{Name: "Eve"}, "58310274"); !errors.Is(err, ErrPINTaken) {
		t.Error(err)
	}
}

// lacked is a position that no log of these tests has.
var lacked = wire.Position{Epoch: 1 << 40}

func TestAReadersWordBeginsAnEpochOnceAnHourAlsoAcrossARestart(t *testing.T) {
	s, dir := newSite(t)
	first, err := s.ReissueOnClaim(t.Context(), at(noon), lacked, "front-door")
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if s, err = Open(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.ReissueOnClaim(t.Context(), at(noon.Add(59*time.Minute)), lacked, "front-door"); !errors.Is(err, ErrClaimed) {
		t.Errorf("sooner: %v", err)
	}
	if again, err := s.ReissueOnClaim(t.Context(), at(noon.Add(time.Hour)), lacked, "front-door"); err != nil || again <= first {
		t.Errorf("an hour later: %d, %v", again, err)
	}
	for hours, put := range []time.Duration{-365 * 24 * time.Hour, 365 * 24 * time.Hour} {
		later := at(noon.Add(time.Duration(hours)*time.Hour + 2*time.Hour - time.Second))
		later.Wall = later.Wall.Add(put)
		if _, err := s.ReissueOnClaim(t.Context(), later, lacked, "front-door"); !errors.Is(err, ErrClaimed) {
			t.Errorf("sooner, by a clock that was put by %v: %v", put, err)
		}
		later.Since += time.Second
		if _, err := s.ReissueOnClaim(t.Context(), later, lacked, "front-door"); err != nil {
			t.Errorf("by a clock that was put by %v: %v", put, err)
		}
	}
}

func TestAnEpochThatAReaderBringsAboutSignsNobodyOut(t *testing.T) {
	s, _ := newSite(t)
	signedIn := func() bool {
		t.Helper()
		found := false
		err := s.store.View(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Session(wire.Hash{1})
			found = err == nil
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	err := s.store.Update(t.Context(), func(tx *store.Tx) error {
		admin := &store.Admin{Name: "grace", Role: "owner"}
		if err := tx.AddAdmin(admin); err != nil {
			return err
		}
		return tx.AddSession(&store.Session{Hash: wire.Hash{1}, Admin: admin.ID, Began: clock.Steady(noon.Unix()), Seen: clock.Steady(noon.Unix())}, noon, 9)
	})
	if err != nil || !signedIn() {
		t.Fatalf("%v, signed in: %v", err, signedIn())
	}
	if _, err := s.ReissueOnClaim(t.Context(), at(noon), lacked, "front-door"); err != nil || !signedIn() {
		t.Errorf("on a reader's word: %v, signed in: %v", err, signedIn())
	}
	if _, err := s.Reissue(t.Context(), noon, wire.Position{Epoch: 1 << 41}, "front-door"); err != nil || !signedIn() {
		t.Errorf("by a head that a reader showed: %v, signed in: %v", err, signedIn())
	}
	if _, err := s.reissue(t.Context(), noon, 0, (*store.Tx).ForgetSignIns); err != nil || signedIn() {
		t.Errorf("by a restore: %v, signed in: %v", err, signedIn())
	}
}

func TestAFetchAtRevisionZeroIsAnsweredFromTheEpochsFirst(t *testing.T) {
	s, _ := newSite(t)
	addUser(t, s, "Ada", "58310274")
	addUser(t, s, "Bob", "40082019")
	fetch := func() *wire.Reply {
		t.Helper()
		log, err := s.Log(t.Context(), wire.Position{})
		if err != nil {
			t.Fatal(err)
		}
		start := wire.Position{Epoch: log.Position.Epoch, Hash: wire.Start(log.Position.Epoch)}
		b, err := s.Reply(t.Context(), noon, &wire.Fetch{Reader: "front-door", Connection: 1, Number: 1, Want: wire.WantDeltas, Position: &start}, true, nil)
		if err != nil {
			t.Fatal(err)
		}
		reply, err := wire.ParseReply(b)
		if err != nil {
			t.Fatal(err)
		}
		return reply
	}
	reply := fetch()
	if len(reply.Deltas) == 0 {
		t.Fatalf("%+v", reply)
	}
	// Each credential enters the next epoch by a change of its own.
	newEpoch(t, s, noon, 0)
	reply = fetch()
	if len(reply.Deltas) == 0 {
		t.Fatalf("in a new epoch: %+v", reply)
	}
	verified, err := wire.OpenDelta(s.ID, reply.Deltas[0], s.Key())
	if err != nil {
		t.Fatal(err)
	}
	if delta := verified.Delta(); delta.From != 0 || delta.To != 2 || delta.Before != (wire.Hash{}) || delta.Changes[0].Credential.ID >= delta.Changes[1].Credential.ID {
		t.Errorf("%+v", delta)
	}
}
