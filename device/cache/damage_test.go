package cache

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"testing"

	"latchkey/sync/wire"
)

// A history is a small epoch on the disk, and what it answered at each
// revision that it went through.
type history struct {
	*controller
	o      Options
	states map[uint64]map[wire.Tag]wire.Credential
	deltas [][]byte
	ends   []int // of the deltas in their file
}

const historyTags = 8 // numbers whose tags are worth a look

func newHistory(t *testing.T) *history {
	h := &history{controller: filled(5, 3), states: map[uint64]map[wire.Tag]wire.Credential{}}
	h.o = installed(t, h.controller)
	h.note()
	c := open(t, h.o)
	end := 0
	for _, change := range []func() []wire.Change{
		func() []wire.Change { return []wire.Change{h.add(5), h.remove(0)} },
		func() []wire.Change { return []wire.Change{h.remove(5)} },
		func() []wire.Change { return []wire.Change{h.add(6)} },
	} {
		delta := h.delta(change()...)
		apply(t, c, delta)
		h.deltas = append(h.deltas, delta)
		end += len(delta)
		h.ends = append(h.ends, end)
		h.note()
	}
	c.Close()
	h.o.Highest = h.position
	return h
}

func (h *history) note() { h.states[h.position.Revision] = maps.Clone(h.set) }

// check looks every tag up and says whether anything was found wrong. What is
// answered must be right at the position that the cache says it holds.
func (h *history) check(c *Cache) (noticed bool, err error) {
	held := c.Held()
	set, ok := h.states[held.Revision]
	if held != (wire.Position{}) && !ok {
		return false, fmt.Errorf("holds revision %d", held.Revision)
	}
	noticed = c.Fault() != nil
	if held.Revision < h.o.Highest.Revision && !noticed {
		return false, fmt.Errorf("holds revision %d and finds no fault", held.Revision)
	}
	for n := range uint64(historyTags) {
		want, known := set[tagOf(n)]
		got, err := c.Lookup(h.epoch, tagOf(n))
		var damage *Damage
		switch {
		case err == nil && known && got.ID == want.ID && got.User == want.User && got.Kind == want.Kind:
		case err == ErrUnknown && !known && held != (wire.Position{}):
		case errors.As(err, &damage):
			noticed = true
		default:
			return false, fmt.Errorf("%d: %+v, %v; want %+v", n, got, err, want)
		}
	}
	return noticed, nil
}

func TestNoFlippedBitChangesAnAnswer(t *testing.T) {
	h := newHistory(t)
	for _, name := range []string{credentialsFile, deltasFile} {
		path := h.path(h.o, name)
		whole := content(t, path)
		for bit := range 8 * len(whole) {
			write(t, path, flipped(whole, bit))
			c := Open(h.o)
			noticed, err := h.check(c)
			c.Close()
			if err != nil {
				t.Fatalf("%s: bit %d of byte %d: %v", name, bit%8, bit/8, err)
			}
			// Only a signature that another one covers may change unseen.
			covered := false
			for _, end := range h.ends[:len(h.ends)-1] {
				covered = covered || name == deltasFile && bit/8 < end && bit/8 >= end-64
			}
			if noticed == covered {
				t.Fatalf("%s: bit %d of byte %d: noticed %v", name, bit%8, bit/8, noticed)
			}
		}
		write(t, path, whole)
	}
	if noticed, err := h.check(open(t, h.o)); noticed || err != nil {
		t.Error(noticed, err)
	}
}

func TestNoMissingByteChangesAnAnswer(t *testing.T) {
	h := newHistory(t)
	for _, name := range []string{credentialsFile, deltasFile} {
		path := h.path(h.o, name)
		whole := content(t, path)
		for length := range len(whole) {
			write(t, path, whole[:length])
			c := Open(h.o)
			if noticed, err := h.check(c); !noticed || err != nil {
				t.Fatalf("%s cut to %d bytes: noticed %v, %v", name, length, noticed, err)
			}
			c.Close()
			write(t, path, append(append([]byte{}, whole[:length]...), whole[length+1:]...))
			c = Open(h.o)
			noticed, err := h.check(c)
			c.Close()
			if err != nil {
				t.Fatalf("%s without byte %d: %v", name, length, err)
			}
			if !noticed {
				t.Fatalf("%s without byte %d: not noticed", name, length)
			}
		}
		write(t, path, whole)
	}
	for _, name := range []string{credentialsFile, deltasFile} {
		path := h.path(h.o, name)
		whole := content(t, path)
		os.Remove(path)
		c := Open(h.o)
		noticed, err := h.check(c)
		c.Close()
		if !noticed || err != nil {
			t.Errorf("without %s: noticed %v, %v", name, noticed, err)
		}
		write(t, path, whole)
	}
}

func TestOnlyWhatFollowsTheHighestRevisionIsTorn(t *testing.T) {
	h := newHistory(t)
	path := h.path(h.o, deltasFile)
	whole := content(t, path)
	revisions := []uint64{3, 5, 6, 7}
	ends := append([]int{0}, h.ends...)
	for once, highest := range revisions {
		o := h.o
		o.Highest.Revision = highest
		for length := range len(whole) {
			write(t, path, whole[:length])
			at := 0
			for i, end := range ends {
				if length >= end {
					at = i
				}
			}
			c := Open(o)
			torn := at >= once
			if (c.Fault() == nil) != torn || c.Held().Revision != revisions[at] || (wire.Position{Epoch: 5, Revision: highest}.Above(c.Held())) == torn {
				t.Fatalf("highest %d, cut to %d: holds %d, %v", highest, length, c.Held().Revision, c.Fault())
			}
			// Either way it goes on with what follows, on the disk as well.
			if length%7 == 0 && at < len(h.deltas) {
				apply(t, c, h.deltas[at:]...)
				if c.Fault() != nil || c.WantsSnapshot() {
					t.Fatalf("highest %d, cut to %d and fetched again: %v", highest, length, c.Fault())
				}
				if string(content(t, path)) != string(whole) {
					t.Fatalf("highest %d, cut to %d and fetched again: another file", highest, length)
				}
			}
			c.Close()
		}
	}
}

// A power cut may leave a longer file whose end is zeros, behind a whole delta or in
// place of the last one's end.
func TestZerosBehindTheDeltasAreTheirEnd(t *testing.T) {
	h := newHistory(t)
	path := h.path(h.o, deltasFile)
	whole := content(t, path)
	for _, zeros := range []int{1, 7, 8, 512, 5000} {
		for _, length := range []int{len(whole), len(whole) - 20} {
			write(t, path, append(append([]byte{}, whole[:length]...), make([]byte, zeros)...))
			o := h.o
			o.Highest.Revision = 7
			held, at := uint64(7), len(h.deltas)
			if length < len(whole) { // it was never durably applied
				o.Highest.Revision, held, at = 6, 6, at-1
			}
			c := Open(o)
			if c.Fault() != nil || c.Held().Revision != held || c.WantsSnapshot() {
				t.Fatalf("%d bytes and %d zeros: holds %d, %v", length, zeros, c.Held().Revision, c.Fault())
			}
			apply(t, c, h.deltas[at:]...)
			next := h.controller.fork()
			apply(t, c, next.delta(next.add(1000)))
			c.Close()
			if c = open(t, o); c.Fault() != nil || c.Held().Revision != 8 {
				t.Fatalf("%d bytes and %d zeros, gone on: holds %d, %v", length, zeros, c.Held().Revision, c.Fault())
			}
		}
	}
}

func TestDeltasInTheMiddleAreFetchedAgain(t *testing.T) {
	h := newHistory(t)
	path := h.path(h.o, deltasFile)
	whole := content(t, path)
	write(t, path, flipped(whole, 8*(h.ends[0]+20)))
	c := open(t, h.o)
	if c.Held().Revision != 5 || c.Fault() == nil || c.WantsSnapshot() {
		t.Fatal(c.Held(), c.Fault())
	}
	apply(t, c, h.deltas[1])
	if c.Fault() == nil {
		t.Error("no fault, though less is held than was once")
	}
	apply(t, c, h.deltas[2])
	holds(t, c, h.controller, historyTags)
	if string(content(t, path)) != string(whole) {
		t.Error("another file than before")
	}
}

func TestADamagedChunkIsPutRight(t *testing.T) {
	from := filled(5, 600)
	o := installed(t, from)
	path := from.path(o, credentialsFile)
	whole := content(t, path)
	manifest, chunks := split(t, whole)
	at := len(manifest) + len(chunks[0]) + 100
	if len(chunks) < 3 {
		t.Fatalf("%d chunks", len(chunks))
	}
	c := open(t, o)
	write(t, path, flipped(whole, 8*at))
	bad := uint64(0)
	for n := range uint64(600) {
		got, err := c.Lookup(5, tagOf(n))
		var damage *Damage
		switch {
		case err == nil && got.User == n+1:
		case errors.As(err, &damage) && damage.Chunk == 1:
			bad++
		default:
			t.Fatal(n, got, err)
		}
	}
	if bad < 50 || bad > 300 {
		t.Errorf("%d look-ups failed", bad)
	}
	of, missing := c.Missing(10)
	if of != from.position || fmt.Sprint(missing) != "[1]" || c.Fault() == nil {
		t.Fatal(of, missing, c.Fault())
	}
	for name, put := range map[string]func() (bool, error){
		"of another revision": func() (bool, error) { return putChunk(c, 5, from.position.Revision+1, 1, chunks[1]) },
		"of another epoch":    func() (bool, error) { return putChunk(c, 6, from.position.Revision, 1, chunks[1]) },
		"another":             func() (bool, error) { return putChunk(c, 5, from.position.Revision, 1, chunks[0]) },
		"damaged":             func() (bool, error) { return putChunk(c, 5, from.position.Revision, 1, flipped(chunks[1], 9)) },
		"short":               func() (bool, error) { return putChunk(c, 5, from.position.Revision, 1, chunks[1][1:]) },
		"out of range":        func() (bool, error) { return putChunk(c, 5, from.position.Revision, len(chunks), chunks[1]) },
		"below range":         func() (bool, error) { return putChunk(c, 5, from.position.Revision, -1, chunks[1]) },
	} {
		if switched, err := put(); switched || !errors.Is(err, ErrUnasked) {
			t.Errorf("a chunk %s: %v", name, err)
		}
	}
	if switched, err := putChunk(c, 5, from.position.Revision, 1, chunks[1]); switched || err != nil {
		t.Fatal(switched, err)
	}
	holds(t, c, from, 650)
	if string(content(t, path)) != string(whole) {
		t.Error("another file than before")
	}
	if _, missing := c.Missing(10); len(missing) > 0 {
		t.Error(missing)
	}
}

func FuzzOpen(f *testing.F) {
	from := filled(5, 3)
	snapshot := from.snapshot()
	f.Add(snapshot, from.delta(from.add(4)))
	f.Add([]byte{}, []byte{})
	f.Fuzz(func(t *testing.T, credentials, deltas []byte) {
		o := installed(t, filled(5, 1))
		write(t, from.path(o, credentialsFile), credentials)
		write(t, from.path(o, deltasFile), deltas)
		c := Open(o)
		defer c.Close()
		for n := range uint64(6) {
			if got, err := c.Lookup(5, tagOf(n)); err == nil && got.User != n+1 {
				t.Fatal(n, got)
			}
		}
		if c.Held() != (wire.Position{}) && c.Held().Revision != 3 && c.Held().Revision != 4 {
			t.Fatal(c.Held())
		}
	})
}

// FuzzMessages feeds what the controller sends, signature and all.
func FuzzMessages(f *testing.F) {
	from := filled(5, 3)
	manifest, chunks := split(f, from.snapshot())
	f.Add(from.delta(from.add(4)), manifest, chunks[0])
	f.Fuzz(func(t *testing.T, delta, manifest, chunk []byte) {
		from := filled(5, 3)
		c := open(t, installed(t, from))
		applySigned(c, delta)
		beginSigned(c, manifest)
		putChunk(c, 5, 3, 0, chunk)
		if c.Held().Revision < 3 {
			t.Fatal(c.Held())
		}
		if got, err := c.Lookup(5, tagOf(1)); err != nil || got.User != 2 {
			t.Fatal(got, err)
		}
	})
}
