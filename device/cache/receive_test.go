package cache

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"latchkey/sync/wire"
)

// putChunk puts one chunk.
func putChunk(c *Cache, epoch, revision uint64, i int, chunk []byte) (switched bool, err error) {
	return c.PutChunks(epoch, revision, []wire.ChunkPart{{Index: uint32(i), Chunk: chunk}})
}

// receive puts all chunks that are missing, and says whether that switched.
func receive(t testing.TB, c *Cache, chunks [][]byte) (switched bool) {
	t.Helper()
	of, missing := c.Missing(1000)
	for _, i := range missing {
		now, err := putChunk(c, of.Epoch, of.Revision, i, chunks[i])
		if err != nil {
			t.Fatal(err)
		}
		switched = switched || now
	}
	return switched
}

func begin(t testing.TB, c *Cache, manifest []byte) {
	t.Helper()
	if switched, err := beginSigned(c, manifest); switched || err != nil {
		t.Fatal(switched, err)
	}
}

// leftovers returns what lies in a data directory besides one epoch's three
// files.
func leftovers(t testing.TB, o Options, epoch uint64) (names []string) {
	t.Helper()
	for _, d := range []string{o.Dir, filepath.Join(o.Dir, epochName(epoch))} {
		entries, err := os.ReadDir(d)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			switch entry.Name() {
			case epochName(epoch), keyFile, credentialsFile, deltasFile:
			default:
				names = append(names, entry.Name())
			}
		}
	}
	return names
}

func TestASnapshotTakesThePlaceOfManyDeltas(t *testing.T) {
	from := filled(5, 300)
	o := installed(t, from)
	c := open(t, o)
	for n := range uint64(20) {
		apply(t, c, from.delta(from.add(300+n), from.remove(n)))
	}
	snapshot := from.snapshot()
	manifest, chunks := split(t, snapshot)
	begin(t, c, manifest)
	begin(t, c, manifest) // twice is once
	if of, missing := c.Missing(2); of != from.position || fmt.Sprint(missing) != "[0 1]" {
		t.Fatal(of, missing)
	}
	meanwhile := append(from.delta(from.add(399)), from.delta(from.add(398))...)
	first, _, err := wire.Next(meanwhile)
	if err != nil {
		t.Fatal(err)
	}
	apply(t, c, first, meanwhile[len(first):])
	if !receive(t, c, chunks) {
		t.Fatal("not switched")
	}
	holds(t, c, from, 400)
	if string(content(t, from.path(o, deltasFile))) != string(meanwhile) {
		t.Error("deltas that the snapshot contains are still there")
	}
	apply(t, c, from.delta(from.add(400)))
	holds(t, c, from, 410)
	if string(content(t, from.path(o, credentialsFile))) != string(snapshot) {
		t.Error("what is on the disk is not what was on the wire")
	}
	c.Close()
	holds(t, open(t, o), from, 410)
	if names := leftovers(t, o, 5); len(names) > 0 {
		t.Error(names)
	}
}

func TestASnapshotGoesOnAfterAPowerCut(t *testing.T) {
	from := filled(5, 300)
	o := installed(t, from)
	for n := range uint64(300) {
		from.delta(from.add(1000 + n))
	}
	manifest, chunks := split(t, from.snapshot())
	c := open(t, o)
	begin(t, c, manifest)
	for _, i := range []int{2, 0} {
		if _, err := putChunk(c, 5, from.position.Revision, i, chunks[i]); err != nil {
			t.Fatal(err)
		}
	}
	c.Close()
	// One of the two did not reach the disk whole.
	path := from.path(o, incomingFile)
	write(t, path, flipped(content(t, path), 8*(len(manifest)+10)))

	c = open(t, o)
	of, switched, err := c.Resume()
	if of != from.position || switched || err != nil {
		t.Fatal(of, switched, err)
	}
	missing := []int{0, 1}
	for i := 3; i < len(chunks); i++ {
		missing = append(missing, i)
	}
	if _, got := c.Missing(1000); fmt.Sprint(got) != fmt.Sprint(missing) {
		t.Fatalf("missing %v, want %v", got, missing)
	}
	if !receive(t, c, chunks) {
		t.Fatal("not switched")
	}
	holds(t, c, from, 1300)
	if of, switched, err := c.Resume(); of != (wire.Position{}) || switched || err != nil {
		t.Error(of, switched, err)
	}

	// A manifest that did not arrive whole is not gone on with.
	write(t, path, manifest[:len(manifest)/2])
	c.Close()
	c = open(t, o)
	if of, switched, err := c.Resume(); of != (wire.Position{}) || switched || err != nil {
		t.Error(of, switched, err)
	}
	holds(t, c, from, 1300)
}

func TestChunksAreStoredHoweverTheyComeTogether(t *testing.T) {
	from := filled(5, 300)
	o := installed(t, from)
	for n := range uint64(900) {
		from.delta(from.add(1000 + n))
	}
	snapshot := from.snapshot()
	manifest, chunks := split(t, snapshot)
	c := open(t, o)
	begin(t, c, manifest)
	random := rand.New(rand.NewPCG(1, 2))
	have, bad, together := map[int]bool{}, 0, 0
	for switched := false; !switched; {
		var parts []wire.ChunkPart
		wrong := false
		for i := random.IntN(len(chunks)); i < len(chunks) && random.IntN(8) > 0; i += max(0, random.IntN(6)-3) {
			if random.IntN(16) == 0 {
				wrong = true
				parts = append(parts, wire.ChunkPart{Index: uint32(i), Chunk: flipped(chunks[i], 77)})
				continue
			}
			if have[i] = true; len(parts) > 0 && int(parts[len(parts)-1].Index) == i-1 {
				together++
			}
			parts = append(parts, wire.ChunkPart{Index: uint32(i), Chunk: chunks[i]})
		}
		var err error
		switched, err = c.PutChunks(5, from.position.Revision, parts)
		if errors.Is(err, ErrUnasked) != wrong || err != nil && !wrong || switched != (len(have) == len(chunks)) {
			t.Fatal(switched, err, wrong)
		}
		if wrong {
			bad++
		}
		for _, i := range second(c.Missing(len(chunks))) {
			if have[i] {
				t.Fatalf("chunk %d is missing", i)
			}
		}
	}
	if bad == 0 || together == 0 {
		t.Error("all was well, or each came alone")
	}
	if string(content(t, from.path(o, credentialsFile))) != string(snapshot) {
		t.Error("another file than the snapshot")
	}
	holds(t, c, from, 1300)
}

func second[A, B any](_ A, b B) B { return b }

func TestOnlyASnapshotThatIsOfUseIsReceived(t *testing.T) {
	from := filled(5, 10)
	old, _ := split(t, from.snapshot())
	from.delta(from.add(11))
	o := installed(t, from)
	held, heldChunks := split(t, from.snapshot())
	c := open(t, o)
	apply(t, c, from.delta(from.add(12), from.add(13)))
	mid, midChunks := split(t, func() []byte { // at a revision within a delta
		m := filled(5, 10)
		m.delta(m.add(11))
		m.next = from.next - 2
		m.delta(m.add(12))
		return m.snapshot()
	}())
	now, _ := split(t, from.snapshot())
	forked := filled(5, 11)
	forked.delta(forked.add(98), forked.add(99))
	fork, forkChunks := split(t, forked.snapshot())
	lowFork := filled(5, 11)
	lowFork.delta(lowFork.add(98))
	low, _ := split(t, lowFork.snapshot())
	before, _ := split(t, filled(4, 100).snapshot())
	stranger := filled(5, 100)
	stranger.site[0] ^= 1
	strange, _ := split(t, stranger.snapshot())

	for name, test := range map[string]struct {
		manifest []byte
		want     error
	}{
		"older":                   {old, ErrOlder},
		"the one held":            {held, ErrOlder},
		"an older epoch's":        {before, ErrOlder},
		"another site's":          {strange, wire.ErrSignature},
		"another history, lower":  {low, ErrOlder},
		"a chunk":                 {heldChunks[0], nil},
		"cut short":               {now[:len(now)-1], wire.ErrEncoding},
		"with another signature":  {flipped(now, 8*len(now)-1), wire.ErrSignature},
		"with another size in it": {flipped(now, 8*envelopeHead), nil},
	} {
		_, err := beginSigned(c, test.manifest)
		if err == nil || test.want != nil && !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
	if of, _ := c.Missing(1); of != (wire.Position{Epoch: 5, Revision: 11, Hash: of.Hash}) {
		t.Errorf("waiting for chunks of %v", of)
	}
	begin(t, c, mid)
	if !receive(t, c, midChunks) {
		t.Fatal("not switched")
	}
	holds(t, c, from, 20) // the rest comes from the delta
	if got := content(t, from.path(o, deltasFile)); len(got) == 0 {
		t.Error("the delta that goes beyond the snapshot is gone")
	}
	begin(t, c, now)  // the same position without deltas
	begin(t, c, fork) // another history
	if !receive(t, c, forkChunks) {
		t.Fatal("not switched")
	}
	holds(t, c, forked, 120)
	c.Close()
	holds(t, open(t, o), forked, 120)
}

func TestASnapshotThatDeltasContradictMeanwhileIsGivenUp(t *testing.T) {
	from := filled(5, 10)
	o := installed(t, from)
	fork := from.fork()
	fork.delta(fork.add(50), fork.add(51))
	manifest, chunks := split(t, fork.snapshot())
	c := open(t, o)
	begin(t, c, manifest)
	apply(t, c, from.delta(from.add(11), from.add(12), from.add(13)))
	of, missing := c.Missing(100)
	for k, i := range missing {
		_, err := putChunk(c, of.Epoch, of.Revision, i, chunks[i])
		if last := k == len(missing)-1; errors.Is(err, wire.ErrForked) != last {
			t.Fatal(err)
		}
	}
	holds(t, c, from, 60)
	if of, _ := c.Missing(1); of.Revision != 10 {
		t.Error(of)
	}
}

func TestANewEpochIsSwitchedToOnceKeyAndSnapshotAreThere(t *testing.T) {
	for _, keyFirst := range []bool{true, false} {
		from, next := filled(5, 300), filled(6, 200)
		key := keysOf(66)
		o := installed(t, from)
		c := open(t, o)
		manifest, chunks := split(t, next.snapshot())
		if keyFirst {
			if switched, err := c.PutKey(6, key); switched || err != nil {
				t.Fatal(switched, err)
			}
		}
		begin(t, c, manifest)
		last := len(chunks) - 1
		for i, chunk := range chunks[:last] {
			if switched, err := putChunk(c, 6, next.position.Revision, i, chunk); switched || err != nil {
				t.Fatal(switched, err)
			}
		}
		apply(t, c, from.delta(from.add(301)))
		holds(t, c, from, 310) // the old one answers until then
		if keyFirst {
			// Through a restart, too.
			c.Close()
			c = open(t, o)
			holds(t, c, from, 310)
			if of, switched, err := c.Resume(); of != next.position || switched || err != nil {
				t.Fatal(of, switched, err)
			}
		}
		switched, err := putChunk(c, 6, next.position.Revision, last, chunks[last])
		if err != nil || switched != keyFirst {
			t.Fatal(switched, err)
		}
		if !keyFirst {
			holds(t, c, from, 310)
			if switched, err := c.PutKey(6, key); !switched || err != nil {
				t.Fatal(switched, err)
			}
		}
		holds(t, c, next, 310)
		if _, err := c.Lookup(5, tagOf(1)); err != ErrEpoch {
			t.Errorf("the old epoch's tag: %v", err)
		}
		e, err := c.Epoch()
		if err != nil || e.Number != 6 {
			t.Error(e, err)
		}
		holdsKeys(t, e.KeyFile, key)
		if names := leftovers(t, o, 6); len(names) > 0 {
			t.Error(names)
		}
		if _, err := c.PutKey(5, key); !errors.Is(err, ErrOlder) {
			t.Errorf("the old epoch's key: %v", err)
		}
		apply(t, c, next.delta(next.add(500)))
		c.Close()
		holds(t, open(t, o), next, 510)
	}
}

func TestTheKeyOfTheEpochHeldIsPutRight(t *testing.T) {
	from := filled(5, 3)
	o := installed(t, from)
	c := open(t, o)
	path := from.path(o, keyFile)
	key := keysOf(5)
	for name, spoil := range map[string]func(){
		"gone":      func() { os.Remove(path) },
		"cut short": func() { write(t, path, []byte{1}) },
		"damaged":   func() { write(t, path, flipped(content(t, path), 17)) },
		"another":   func() { write(t, path, append(make([]byte, 32), 0x8a, 0x91, 0x36, 0xaa)) },
		"others'":   func() { os.Chmod(path, 0o644) },
		"all right": func() {},
	} {
		spoil()
		if switched, err := c.PutKey(5, key); switched || err != nil {
			t.Error(name, switched, err)
		}
		if held, err := ReadKey(path); err != nil || !reflect.DeepEqual(held, key) {
			t.Errorf("%s: not put right", name)
		}
	}
}

func TestADamagedManifestIsPutRightByASnapshot(t *testing.T) {
	from := filled(5, 300)
	o := installed(t, from)
	o.Highest = from.position
	path := from.path(o, credentialsFile)
	snapshot := content(t, path)
	write(t, path, flipped(snapshot, 8*100))
	c := open(t, o)
	var damage *Damage
	if !errors.As(c.Fault(), &damage) || damage.Chunk != -1 || !c.WantsSnapshot() {
		t.Fatal(c.Fault())
	}
	if _, err := c.Lookup(5, tagOf(1)); !errors.Is(err, ErrEmpty) || !errors.As(err, &damage) {
		t.Error(err)
	}
	manifest, chunks := split(t, snapshot)
	begin(t, c, manifest)
	if !receive(t, c, chunks) {
		t.Fatal("not switched")
	}
	holds(t, c, from, 310)
	if string(content(t, path)) != string(snapshot) {
		t.Error("another file than before")
	}
}

func TestAPowerCutBetweenSnapshotAndDeltasChangesNothing(t *testing.T) {
	from := filled(5, 10)
	o := installed(t, from)
	c := open(t, o)
	apply(t, c, from.delta(from.add(11), from.add(12)), from.delta(from.add(13), from.remove(11)))
	c.Close()
	// The snapshot has its place, the deltas are those from before.
	write(t, from.path(o, credentialsFile), from.snapshot())
	o.Highest = from.position
	c = open(t, o)
	holds(t, c, from, 20)
	apply(t, c, from.delta(from.add(14)))
	holds(t, c, from, 20)
	c.Close()
	o.Highest = from.position
	c = open(t, o)
	holds(t, c, from, 20)
	c.Close()
	// And once more, with a snapshot that goes beyond them.
	from.delta(from.add(15))
	write(t, from.path(o, credentialsFile), from.snapshot())
	for n := range uint64(2) {
		o.Highest = from.position
		c = open(t, o)
		holds(t, c, from, 20)
		apply(t, c, from.delta(from.add(16+n)))
		c.Close()
	}
	o.Highest = from.position
	holds(t, open(t, o), from, 20)
}

func TestDeltasOfALaterSnapshotAreNotTakenForThoseOfAnEarlier(t *testing.T) {
	from := filled(5, 10)
	early := from.snapshot()
	position := from.position
	from.delta(from.add(11))
	o := installed(t, from)
	c := open(t, o)
	apply(t, c, from.delta(from.add(12)))
	c.Close()
	write(t, from.path(o, credentialsFile), early)
	o.Highest = from.position
	c = open(t, o)
	if c.Held() != position || c.Fault() == nil {
		t.Error(c.Held(), c.Fault())
	}
	if _, err := c.Lookup(5, tagOf(12)); err != ErrUnknown {
		t.Error(err)
	}
}

func TestAnEpochUnderAnotherNameIsNotHeld(t *testing.T) {
	from := filled(5, 3)
	o := installed(t, from)
	if err := os.Rename(from.path(o, ""), filepath.Join(o.Dir, epochName(6))); err != nil {
		t.Fatal(err)
	}
	if c := open(t, o); c.Held() != (wire.Position{}) || c.Fault() == nil || c.Fault() == ErrEmpty {
		t.Error(c.Held(), c.Fault())
	}
}

func TestASnapshotDoesNotWaitForAKeyThatIsGone(t *testing.T) {
	from := filled(5, 3)
	o := installed(t, from)
	os.Remove(from.path(o, keyFile))
	from.delta(from.add(9))
	manifest, chunks := split(t, from.snapshot())
	c := open(t, o)
	begin(t, c, manifest)
	if !receive(t, c, chunks) {
		t.Error("not switched")
	}
	holds(t, c, from, 10)
}

func TestDeltasThatCouldNotBeWrittenAreWrittenAnewAfterASnapshot(t *testing.T) {
	from := filled(5, 3)
	o := installed(t, from)
	c := open(t, o)
	c.held.stale = true // as a failed sync leaves it
	from.delta(from.add(9))
	manifest, chunks := split(t, from.snapshot())
	begin(t, c, manifest)
	if !receive(t, c, chunks) {
		t.Fatal("not switched")
	}
	before, _ := os.Stat(from.path(o, deltasFile))
	apply(t, c, from.delta(from.add(10)))
	if after, _ := os.Stat(from.path(o, deltasFile)); os.SameFile(before, after) {
		t.Error("the same file was written again")
	}
}

func TestScrubFindsWhatIsDamaged(t *testing.T) {
	from := filled(5, 600)
	o := installed(t, from)
	c := open(t, o)
	apply(t, c, from.delta(from.add(700)), from.delta(from.add(701)))
	manifest, chunks := split(t, content(t, from.path(o, credentialsFile)))
	scrub := func() (found []int) {
		err := c.Scrub(t.Context(), time.Nanosecond, func(d *Damage) { found = append(found, d.Chunk) })
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if found := scrub(); found != nil || c.Fault() != nil {
		t.Fatal(found, c.Fault())
	}
	path, deltas := from.path(o, credentialsFile), from.path(o, deltasFile)
	whole, wholeDeltas := content(t, path), content(t, deltas)
	write(t, path, flipped(flipped(whole, 8*(len(manifest)+len(chunks[0])+1)), 8*len(whole)-1))
	if found := scrub(); fmt.Sprint(found) != fmt.Sprint([]int{1, len(chunks) - 1}) {
		t.Error(found)
	}
	if _, missing := c.Missing(10); fmt.Sprint(missing) != fmt.Sprint([]int{1, len(chunks) - 1}) || c.WantsSnapshot() {
		t.Error(missing)
	}
	var damage *Damage
	if !errors.As(c.Fault(), &damage) || damage.Chunk != 1 {
		t.Error(c.Fault())
	}
	receive(t, c, chunks)
	if found := scrub(); found != nil || c.Fault() != nil {
		t.Error(found, c.Fault())
	}
	write(t, path, flipped(whole, 8*len(whole)-1)) // and by itself well again
	scrub()
	write(t, path, whole)
	if found := scrub(); found != nil || c.Fault() != nil {
		t.Error(found, c.Fault())
	}
	write(t, path, flipped(whole, 8*20))
	if found := scrub(); fmt.Sprint(found) != "[-1]" || !c.WantsSnapshot() {
		t.Error(found)
	}
	begin(t, c, manifest) // though it is older than what is held
	if !receive(t, c, chunks) || c.Fault() != nil || c.Held() != from.position {
		t.Error(c.Held(), c.Fault())
	}
	if found := scrub(); found != nil {
		t.Error(found)
	}
	first, _, err := wire.Next(wholeDeltas)
	if err != nil {
		t.Fatal(err)
	}
	write(t, deltas, first)
	if found := scrub(); fmt.Sprint(found) != "[-1]" {
		t.Error(found)
	}
	write(t, deltas, flipped(wholeDeltas, 8*100))
	if found := scrub(); fmt.Sprint(found) != "[-1]" {
		t.Error(found)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Scrub(ctx, time.Hour, nil); err != context.Canceled {
		t.Error(err)
	}
}

func TestTheManifestOfWhatIsHeldAsksForItsDamagedChunksOnly(t *testing.T) {
	from := filled(5, 600)
	o := installed(t, from)
	c := open(t, o)
	manifest, chunks := split(t, content(t, from.path(o, credentialsFile)))
	if _, err := beginSigned(c, manifest); !errors.Is(err, ErrOlder) {
		t.Fatalf("though nothing is damaged: %v", err)
	}
	path := from.path(o, credentialsFile)
	write(t, path, flipped(content(t, path), 8*(len(manifest)+1)))
	if err := c.Scrub(t.Context(), time.Nanosecond, func(*Damage) {}); err != nil {
		t.Fatal(err)
	}
	if switched, err := beginSigned(c, manifest); switched || err != nil {
		t.Fatal(switched, err)
	}
	if of, missing := c.Missing(10); of != from.position || fmt.Sprint(missing) != "[0]" {
		t.Fatalf("of %v chunks %v are wanted", of, missing)
	}
	receive(t, c, chunks)
	if c.Fault() != nil {
		t.Error(c.Fault())
	}
}
