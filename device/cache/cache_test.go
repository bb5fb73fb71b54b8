package cache

import (
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"latchkey/sync/wire"
)

// filled returns a controller with so many credentials in its log.
func filled(epoch, n uint64) *controller {
	c := newController(epoch)
	for i := range n {
		c.delta(c.add(i))
	}
	return c
}

func TestASnapshotAnswersForItsWholeSet(t *testing.T) {
	for _, n := range []uint64{0, 1, 200, 1000} {
		from := filled(5, n)
		o := installed(t, from)
		c := open(t, o)
		holds(t, c, from, n+50)
		e, err := c.Epoch()
		if err != nil || e.Number != 5 || e.KDF != testKDF {
			t.Errorf("%+v, %v", e, err)
		}
		holdsKeys(t, e.KeyFile, keysOf(5))
		if _, err := c.Lookup(6, tagOf(0)); err != ErrEpoch {
			t.Errorf("with another epoch's tag: %v", err)
		}
	}
}

func TestDeltasChangeWhatIsAnsweredAtOnceAndAfterAStart(t *testing.T) {
	from := filled(5, 300)
	o := installed(t, from)
	c := open(t, o)
	apply(t, c, from.delta(from.remove(3), from.add(1000), from.add(4)), from.delta(from.remove(1000), from.remove(1001), from.add(1002), from.add(1002)))
	holds(t, c, from, 1010)
	apply(t, c, from.delta(from.add(3)))
	holds(t, c, from, 1010)
	c.Close()
	holds(t, open(t, o), from, 1010)
	if _, err := c.Lookup(5, tagOf(4)); !errors.Is(err, ErrEmpty) {
		t.Errorf("a closed cache says %v", err)
	}
}

func TestADeltaIsOneWriteBehindTheOthers(t *testing.T) {
	from := filled(5, 3)
	o := installed(t, from)
	c := open(t, o)
	var want []byte
	for range 5 {
		delta := from.delta(from.add(1), from.remove(2))
		apply(t, c, delta)
		want = append(want, delta...)
		if got := content(t, from.path(o, deltasFile)); string(got) != string(want) {
			t.Fatal("what is on the disk is not what was on the wire")
		}
	}
}

func TestADeltaThatDoesNotFitIsNotApplied(t *testing.T) {
	from := filled(5, 10)
	o := installed(t, from)
	old := from.delta(from.add(20))
	c := open(t, o)
	apply(t, c, old)
	fork := from.fork()
	second := from.delta(from.add(21))
	apply(t, c, second)
	later := from.fork()
	third, fourth := from.delta(from.add(22)), from.delta(from.add(23), from.add(24))

	somebody := fork.fork()
	somebody.key = ed25519.NewKeyFromSeed(make([]byte, 32))
	stranger := fork.fork()
	stranger.site[0] ^= 1
	nextEpoch := newController(6)
	lastEpoch := newController(4)
	spanning := filled(5, 10)
	wrongBefore := later.fork()
	elsewhere := later.fork()
	wrongBefore.before[0] ^= 1
	elsewhere.position.Hash[0] ^= 1

	for name, test := range map[string]struct {
		delta []byte
		want  error
	}{
		"already applied":           {second, nil},
		"applied before that":       {old, nil},
		"of the epoch before":       {lastEpoch.delta(lastEpoch.add(1)), nil},
		"of the next epoch":         {nextEpoch.delta(nextEpoch.add(1)), ErrGap},
		"one later":                 {fourth, ErrGap},
		"from before what is held":  {spanning.delta(spanning.add(20), spanning.add(21), spanning.add(22)), ErrGap},
		"behind another delta":      {wrongBefore.delta(wrongBefore.add(22)), ErrGap},
		"from another hash":         {elsewhere.delta(elsewhere.add(22)), wire.ErrForked},
		"another history":           {fork.delta(fork.add(777)), wire.ErrForked},
		"another history of old":    {filled(5, 10).delta(wire.Change{Tag: tagOf(777)}), wire.ErrForked},
		"another history, spanning": {filled(5, 10).delta(wire.Change{Tag: tagOf(777)}, wire.Change{}, wire.Change{}), wire.ErrForked},
		"another site's":            {stranger.delta(stranger.add(21)), wire.ErrSignature},
		"somebody's":                {somebody.delta(somebody.add(21)), wire.ErrSignature},
		"cut short":                 {third[:len(third)-1], wire.ErrEncoding},
		"nothing":                   {nil, wire.ErrEncoding},
		"another signature":         {flipped(third, 8*len(third)-1), wire.ErrSignature},
		"changed since":             {flipped(third, 8*(len(third)-signatureTail)-1), wire.ErrSignature},
		"too long":                  {make([]byte, 2*wire.MaxDelta), wire.ErrEncoding},
	} {
		held := c.Held()
		applied, err := applySigned(c, test.delta)
		if !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
		if applied || c.Held() != held {
			t.Errorf("%s: applied", name)
		}
	}
	apply(t, c, third, fourth)
	holds(t, c, from, 30)
}

func flipped(b []byte, bit int) []byte {
	b = append([]byte{}, b...)
	b[bit/8] ^= 1 << (bit % 8)
	return b
}

func TestTheFirstDeltaOfAnEpochHasNoneBefore(t *testing.T) {
	from := newController(5)
	o := installed(t, from)
	wrong := from.fork()
	wrong.before[0] = 1
	c := open(t, o)
	if _, err := applySigned(c, wrong.delta(wrong.add(1))); !errors.Is(err, ErrGap) {
		t.Error(err)
	}
	apply(t, c, from.delta(from.add(1)))
	holds(t, c, from, 3)
}

func TestNothingHeldSaysSo(t *testing.T) {
	from := filled(5, 3)
	c := open(t, from.options(dir(t)))
	if c.Fault() != ErrEmpty || c.Held() != (wire.Position{}) || !(wire.Position{Epoch: 1}.Above(c.Held())) || !c.WantsSnapshot() {
		t.Error(c.Fault(), c.Held())
	}
	if _, err := c.Lookup(5, tagOf(1)); err != ErrEmpty {
		t.Error(err)
	}
	if _, err := c.Epoch(); err != ErrEmpty {
		t.Error(err)
	}
	if _, err := applySigned(c, from.delta(from.add(1))); !errors.Is(err, ErrGap) {
		t.Error(err)
	}
	o := from.options(dir(t))
	o.Highest = wire.Position{Epoch: 6}
	if _, err := beginSigned(open(t, o), first(from.snapshot())); !errors.Is(err, ErrOlder) {
		t.Errorf("a snapshot of an epoch that is over: %v", err)
	}
	if of, chunks := c.Missing(10); of != (wire.Position{}) || chunks != nil {
		t.Error(of, chunks)
	}
}

func first(sequence []byte) []byte {
	item, _, err := wire.Next(sequence)
	if err != nil {
		panic(err)
	}
	return item
}

func TestManyDeltasAskForASnapshotAndGoOn(t *testing.T) {
	from := newController(5)
	o := installed(t, from)
	c := open(t, o)
	for n := range uint64(wantDeltas) {
		if c.WantsSnapshot() {
			t.Fatalf("after %d deltas", n)
		}
		apply(t, c, from.delta(from.add(n%100)))
	}
	if !c.WantsSnapshot() {
		t.Error("4,096 deltas are not enough")
	}
	apply(t, c, from.delta(from.add(200)))
	holds(t, c, from, 300)
	c.Close()
	holds(t, open(t, o), from, 300)

	big := newController(5)
	o = installed(t, big)
	c = open(t, o)
	for n := uint64(0); !c.WantsSnapshot(); n++ {
		var changes []wire.Change
		for i := range uint64(500) {
			changes = append(changes, big.add(500*n+i))
		}
		apply(t, c, big.delta(changes...))
	}
	if size := len(content(t, big.path(o, deltasFile))); size < wantBytes || size > wantBytes+wire.MaxDelta {
		t.Errorf("a snapshot is wanted at %d bytes", size)
	}
	for {
		var changes []wire.Change
		for i := range uint64(500) {
			changes = append(changes, big.add(i))
		}
		held := c.Held()
		_, err := applySigned(c, big.delta(changes...))
		if err == nil {
			continue
		}
		if !errors.Is(err, ErrGap) || c.Held() != held {
			t.Error(err)
		}
		break
	}
	if size := len(content(t, big.path(o, deltasFile))); size > mostBytes {
		t.Errorf("the deltas grew to %d bytes", size)
	}
}

func TestManyLookUpsGoOnWhileOneWrites(t *testing.T) {
	from := filled(5, 500)
	o := installed(t, from)
	c := open(t, o)
	stop := make(chan struct{})
	var looking sync.WaitGroup
	for range 3 {
		looking.Go(func() {
			for n := uint64(0); ; n = (n + 1) % 400 {
				select {
				case <-stop:
					return
				default:
				}
				// The first 400 are never changed.
				if got, err := c.Lookup(5, tagOf(n)); err != nil || got.User != n+1 {
					t.Error(n, got, err)
					return
				}
			}
		})
	}
	for round := range uint64(8) {
		for n := range uint64(20) {
			apply(t, c, from.delta(from.add(400+n), from.remove(450+n), from.add(1000*round+2000+n)))
		}
		manifest, chunks := split(t, from.snapshot())
		if _, err := beginSigned(c, manifest); err != nil {
			t.Fatal(err)
		}
		for i, chunk := range chunks {
			if i == 1 {
				apply(t, c, from.delta(from.add(7000+round)))
			}
			m := c.incoming.manifest
			if switched, err := putChunk(c, 5, m.Revision, i, chunk); err != nil || switched != (i == len(chunks)-1) {
				t.Fatal(i, switched, err)
			}
		}
	}
	close(stop)
	looking.Wait()
	holds(t, c, from, 10_000)
	c.Close()
	holds(t, open(t, o), from, 10_000)
	if entries, _ := os.ReadDir(filepath.Join(o.Dir, epochName(5))); len(entries) != 3 {
		t.Error(entries)
	}
}

func TestALookUpHoldsTheFileItBeganWith(t *testing.T) {
	from := filled(5, 10)
	c := open(t, installed(t, from))
	apply(t, c, from.delta(from.add(20)))
	inSnapshot, err := c.find(5, tagOf(1))
	if err != nil {
		t.Fatal(err)
	}
	inDeltas, err := c.find(5, tagOf(20))
	if err != nil {
		t.Fatal(err)
	}
	// Everything that they are of goes.
	from.delta(from.remove(1), from.remove(20))
	manifest, chunks := split(t, from.snapshot())
	begin(t, c, manifest)
	if !receive(t, c, chunks) {
		t.Fatal("not switched")
	}
	holds(t, c, from, 30)
	got, err := inSnapshot.view.readCredential(inSnapshot.file, inSnapshot.chunk, tagOf(1), make([]byte, wire.MaxChunk))
	if err != nil || got.User != 2 {
		t.Error(got, err)
	}
	got, err = readChange(inDeltas.file, inDeltas.change, tagOf(20))
	if err != nil || got.User != 21 {
		t.Error(got, err)
	}
	for _, at := range []found{inSnapshot, inDeltas} {
		at.file.release()
		if _, err := at.file.ReadAt(make([]byte, 1), 0); !errors.Is(err, os.ErrClosed) {
			t.Error("open behind its last user:", err)
		}
	}
}

func TestALookUpMakesFewAllocations(t *testing.T) {
	from := filled(5, 500)
	c := open(t, installed(t, from))
	apply(t, c, from.delta(from.add(600)))
	for what, n := range map[string]uint64{"of the snapshot": 7, "of a delta": 600, "that is unknown": 9999} {
		if allocations := testing.AllocsPerRun(100, func() { c.Lookup(5, tagOf(n)) }); allocations > 16 {
			t.Errorf("a look-up %s makes %v", what, allocations)
		}
	}
}
