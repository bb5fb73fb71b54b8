package cache

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"

	"latchkey/sync/wire"
)

func TestMain(m *testing.M) {
	switch os.Getenv("CACHE_CHILD") {
	case "open":
		openAndSay(os.Getenv("CACHE_DIR"))
	case "cache", "sqlite", "bbolt":
		askAndSay(os.Getenv("CACHE_CHILD"), os.Getenv("CACHE_DIR"))
	case "adopt":
		adoptForEver(os.Getenv("CACHE_DIR"))
	case "follow":
		followForEver(os.Getenv("CACHE_DIR"))
	default:
		os.Exit(m.Run())
	}
}

func child(role, dir string) *exec.Cmd {
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "CACHE_CHILD="+role, "CACHE_DIR="+dir)
	c.Stderr = os.Stderr
	return c
}

// stepsPerEpoch is how many deltas an epoch of the world has before the next.
const stepsPerEpoch = 60

// world is a controller at a position of a history that is always the same: each
// step adds and removes a credential.
func world(epoch, step uint64) *controller {
	c := newController(1)
	for c.epoch < epoch {
		for range stepsPerEpoch {
			c.step()
		}
		next := newController(c.epoch + 1)
		next.set, next.next = c.set, c.next
		c = next
	}
	for range step {
		c.step()
	}
	return c
}

func (c *controller) step() []byte {
	n := c.position.Revision/2*7 + c.epoch
	return c.delta(c.add(n%50), c.remove((n+25)%50))
}

// followForEver follows the world from wherever the cache is, and prints each
// position that it holds, durably.
func followForEver(dir string) {
	w := newController(1)
	o := w.options(dir)
	c := Open(o)
	fail := func(what string, err error) {
		fmt.Println("fault", what, err)
		os.Exit(1)
	}
	if err := c.Fault(); err != nil {
		fail("open", err)
	}
	held := c.Held()
	w = at(held)
	if w.position != held {
		fail("held", fmt.Errorf("%v", held))
	}
	take := func(snapshot []byte) {
		manifest, rest, _ := wire.Next(snapshot)
		if _, _, err := c.Resume(); err != nil {
			fail("resume", err)
		}
		switched, err := beginSigned(c, manifest)
		if errors.Is(err, ErrOlder) && c.Held() == w.position {
			return // it was switched to before the kill, or by Resume
		}
		if err != nil {
			fail("begin", err)
		}
		for i := 0; len(rest) > 0 && !switched; i++ {
			var chunk []byte
			chunk, rest, _ = wire.Next(rest)
			if switched, err = putChunk(c, w.epoch, w.position.Revision, i, chunk); err != nil && !errors.Is(err, ErrUnasked) {
				fail("chunk", err)
			}
		}
	}
	for {
		switch step := w.position.Revision / 2; {
		case step == stepsPerEpoch:
			w = world(w.epoch+1, 0)
			if _, err := c.PutKey(w.epoch, keysOf(w.epoch)); err != nil {
				fail("key", err)
			}
			take(w.snapshot())
		case step%10 == 9 && step%20 < 10:
			take(w.snapshot())
			fallthrough
		default:
			if applied, err := applySigned(c, w.step()); !applied || err != nil {
				fail("apply", err)
			}
		}
		if c.Held() != w.position {
			fail("held", fmt.Errorf("%v, not %v", c.Held(), w.position))
		}
		fmt.Println(w.position.Epoch, w.position.Revision)
	}
}

// at returns the world at a position.
func at(p wire.Position) *controller { return world(p.Epoch, p.Revision/2) }

func TestWhatWasAppliedBeforeAKillIsHeld(t *testing.T) {
	first := world(1, 0)
	o := installed(t, first)
	for round := range 10 {
		c := child("follow", o.Dir)
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			var p wire.Position
			if _, err := fmt.Sscan(lines.Text(), &p.Epoch, &p.Revision); err != nil {
				t.Fatal(lines.Text())
			}
			if p.Above(o.Highest) {
				o.Highest = p
			}
			if n == 13+11*round {
				c.Process.Kill() // what it had printed until then is read on
			}
		}
		c.Wait()
		cache := Open(o)
		held := cache.Held()
		if cache.Fault() != nil || o.Highest.Above(held) {
			t.Fatalf("round %d: holds %v, once held %v: %v", round, held, o.Highest, cache.Fault())
		}
		holds(t, cache, at(held), 60)
		e, err := cache.Epoch()
		if err != nil {
			t.Fatal(err)
		}
		holdsKeys(t, e.KeyFile, keysOf(held.Epoch))
		cache.Close()
	}
	if o.Highest.Epoch < 5 {
		t.Errorf("only %v was reached", o.Highest)
	}
}

// adoptForEver installs a bundle of an older log, with keys that are newer each time, and
// prints their number.
func adoptForEver(dir string) {
	older := world(1, 2)
	o := older.options(dir)
	keys := keysOf(1)
	for {
		held, err := readKey(older.path(o, keyFile))
		if err != nil {
			fmt.Println("fault", err)
			os.Exit(1)
		}
		keys.Number = held.Number + 1
		b := older.bundle()
		b.Keys = *keys
		if err := installBundle(o, b); err != nil {
			fmt.Println("fault", err)
			os.Exit(1)
		}
		fmt.Println(keys.Number)
	}
}

func TestKeysAdoptedBeforeAKillAreHeldBesideTheNewerLog(t *testing.T) {
	from := world(1, 5)
	o := installed(t, from)
	last := uint64(0)
	for round := range 10 {
		c := child("adopt", o.Dir)
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			if _, err := fmt.Sscan(lines.Text(), &last); err != nil {
				t.Fatal(lines.Text())
			}
			if n == 3+round {
				c.Process.Kill() // what it had printed until then is read on
			}
		}
		c.Wait()
		keys, err := ReadKey(from.path(o, keyFile))
		if err != nil || keys.Number < last {
			t.Fatalf("round %d: keys %+v, once %d, %v", round, keys, last, err)
		}
		cache := Open(o)
		holds(t, cache, from, 60)
		cache.Close()
	}
}

// disk mounts a small file system in memory.
func disk(t *testing.T, size string) string {
	t.Helper()
	d := t.TempDir()
	if err := unix.Mount("tmpfs", d, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("mounting needs rights: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(d, unix.MNT_DETACH) })
	return d
}

func TestAFullDiskChangesNothingThatIsHeld(t *testing.T) {
	from := filled(5, 100)
	o := from.options(disk(t, "512k"))
	if err := installBundle(o, from.bundle()); err != nil {
		t.Fatal(err)
	}
	c := open(t, o)
	ballast := o.Dir + "/ballast"
	fill := func() {
		f, err := os.Create(ballast)
		for err == nil {
			_, err = f.Write(make([]byte, 512))
		}
		if f.Close(); !errors.Is(err, unix.ENOSPC) {
			t.Fatal(err)
		}
	}
	var refused [][]byte
	for round := range 3 {
		fill()
		refused = nil
		was := from.fork()
		for n := range uint64(200) {
			delta := from.delta(from.add(n))
			if len(refused) > 0 {
				refused = append(refused, delta)
				continue
			}
			if applied, err := applySigned(c, delta); !applied {
				if !errors.Is(err, unix.ENOSPC) {
					t.Fatal(err)
				}
				refused = append(refused, delta)
			} else {
				was = from.fork()
			}
		}
		if len(refused) == 0 {
			t.Fatal("the disk is not full")
		}
		holds(t, c, was, 250)
		big := was.fork()
		var changes []wire.Change
		for n := range uint64(400) {
			changes = append(changes, big.add(1000+n))
		}
		big.delta(changes...)
		manifest, chunks := split(t, big.snapshot())
		// One that does not fit beside a reserve takes no byte, and the cache says so.
		var needs, free int
		_, lack := beginSigned(c, manifest)
		if n, _ := fmt.Sscanf(fmt.Sprint(lack), "a newer set of credentials needs %d KiB on the disk, and %d are free", &needs, &free); n != 2 || needs <= free || c.Lack() != lack {
			t.Fatal(lack, c.Lack())
		}
		if info, err := os.Stat(ballast); err != nil || os.Truncate(ballast, info.Size()-12<<10) != nil {
			t.Fatal(err)
		}
		if _, err := beginSigned(c, manifest); err == nil || c.Lack() != lack {
			t.Fatalf("still no room (%v), and another reason: %v, before %v", err, c.Lack(), lack)
		}
		if _, err := os.Stat(from.path(o, incomingFile)); !errors.Is(err, fs.ErrNotExist) {
			t.Fatal("it was begun")
		}
		if err := os.Truncate(ballast, 100<<10); err != nil {
			t.Fatal(err)
		}
		if _, err := beginSigned(c, manifest); err != nil || c.Lack() != nil {
			t.Fatal(err, c.Lack())
		}
		fill() // while it arrives: its room is its own
		for i := range chunks[1:] {
			if _, err := putChunk(c, 5, big.position.Revision, i, chunks[i]); err != nil {
				t.Fatal(err)
			}
		}
		holds(t, c, was, 250)
		if round == 1 {
			c.Close()
			c = open(t, o)
			holds(t, c, was, 250)
		}
		os.Remove(ballast)
		os.Remove(from.path(o, incomingFile))
		apply(t, c, refused...)
		holds(t, c, from, 250)
	}
	c.Close()
	holds(t, open(t, o), from, 250)
}

func TestAReadOnlyDiskIsStillAnsweredFrom(t *testing.T) {
	from := filled(5, 100)
	d := disk(t, "1m")
	o := from.options(d)
	if err := installBundle(o, from.bundle()); err != nil {
		t.Fatal(err)
	}
	c := open(t, o)
	apply(t, c, from.delta(from.add(100)))
	c.Close()
	if err := unix.Mount("", d, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	c = open(t, o)
	holds(t, c, from, 110)
	was := from.fork()
	delta := from.delta(from.add(101))
	if applied, err := applySigned(c, delta); applied || err == nil {
		t.Error("applied on a read-only disk")
	}
	holds(t, c, was, 110)
	if err := unix.Mount("", d, "", unix.MS_REMOUNT, ""); err != nil {
		t.Fatal(err)
	}
	apply(t, c, delta)
	holds(t, c, from, 110)
	c.Close()
	holds(t, open(t, o), from, 110)
}

func TestAfterAFailedWriteOrSyncTheDeltasAreWrittenAnew(t *testing.T) {
	for name, device := range map[string]string{
		"write": "/dev/full", // takes no byte
		"sync":  "/dev/null", // takes all of them and cannot be synced
	} {
		t.Run(name, func(t *testing.T) {
			from := filled(5, 10)
			o := installed(t, from)
			c := open(t, o)
			first := from.delta(from.add(11))
			apply(t, c, first)
			path := from.path(o, deltasFile)
			f, err := os.OpenFile(device, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			real := c.held.log.File
			c.held.log.File = f
			second := from.delta(from.add(12))
			applied, err := applySigned(c, second)
			if applied || err == nil {
				t.Fatal("applied")
			}
			if c.Held().Revision != 11 || string(content(t, path)) != string(first) {
				t.Error("something has changed")
			}
			c.held.log.File = real
			f.Close()
			before, _ := os.Stat(path)
			apply(t, c, second)
			after, _ := os.Stat(path)
			if os.SameFile(before, after) {
				t.Error("the same file was written again")
			}
			apply(t, c, from.delta(from.add(13)))
			holds(t, c, from, 20)
			c.Close()
			holds(t, open(t, o), from, 20)
		})
	}
}

func TestTheLongestDeltaIsReadAgain(t *testing.T) {
	from := filled(5, 3)
	o := installed(t, from)
	c := open(t, o)
	d := &wire.Delta{Epoch: 5, From: 3, FromHash: from.position.Hash, ToHash: from.position.Hash}
	for n := range uint64((wire.MaxDelta - 140) / 19) {
		change := wire.Change{Tag: tagOf(n)}
		d.Changes, d.ToHash = append(d.Changes, change), d.ToHash.Extend(change)
	}
	d.To = d.From + uint64(len(d.Changes))
	payload := wire.Marshal(d)
	if len(payload) < wire.MaxDelta-signatureTail || len(payload) > wire.MaxDelta {
		t.Fatalf("%d bytes", len(payload))
	}
	signed, err := wire.Sign(wire.KindDelta, from.site, payload, from.key)
	if err != nil {
		t.Fatal(err)
	}
	apply(t, c, signed)
	c.Close()
	c = open(t, o)
	if c.Fault() != nil || c.Held().Revision != d.To {
		t.Error(c.Held(), c.Fault())
	}
}
