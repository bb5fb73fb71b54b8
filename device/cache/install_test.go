package cache

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"latchkey/sync/wire"
)

func TestInstallKeepsWhatIsNewerOfTheSameSite(t *testing.T) {
	from := filled(5, 3)
	older := from.bundle()
	o := installed(t, from)
	c := open(t, o)
	apply(t, c, from.delta(from.add(7)))
	c.Close()
	if err := installBundle(o, older); err != nil {
		t.Fatal(err)
	}
	c = open(t, o)
	holds(t, c, from, 10)
	c.Close()

	// A damaged key is put right, and the newer log stays. An older epoch does not.
	write(t, from.path(o, keyFile), make([]byte, 32))
	if err := installBundle(o, older); err != nil {
		t.Fatal(err)
	}
	c = open(t, o)
	holds(t, c, from, 10)
	holdsKeys(t, from.path(o, keyFile), keysOf(5))
	c.Close()
	next := filled(6, 1)
	for range 2 {
		if err := installBundle(o, next.bundle()); err != nil {
			t.Fatal(err)
		}
		c = open(t, o)
		holds(t, c, next, 10)
		c.Close()
	}
	if err := installBundle(o, from.bundle()); err != nil { // an epoch back
		t.Fatal(err)
	}
	holds(t, open(t, o), next, 10)
	if names := leftovers(t, o, 6); len(names) > 0 {
		t.Error(names)
	}
}

func TestABundleOfTheEpochHeldLeavesTheNewerLogAndTheNewerKeys(t *testing.T) {
	for name, test := range map[string]struct {
		log     bool // the bundle's is the newer one
		keys    *wire.EpochKeys
		newKeys bool
	}{
		"an older log, newer keys": {false, tpmKeys(8), true},
		"an older log, older keys": {false, tpmKeys(6), false},
		"an older log, the same":   {false, numbered(5, 7), true},
		"a newer log, newer keys":  {true, tpmKeys(8), true},
		"a newer log, older keys":  {true, tpmKeys(6), false},
	} {
		from := filled(5, 3)
		bundle := from.bundle()
		o := installed(t, from)
		c := open(t, o)
		if _, err := c.PutKey(5, numbered(5, 7)); err != nil {
			t.Fatal(err)
		}
		delta := from.delta(from.add(7))
		if test.log {
			bundle = from.bundle()
		} else {
			apply(t, c, delta)
		}
		c.Close()
		bundle.Keys = *test.keys
		want := numbered(5, 7)
		if test.newKeys {
			want = test.keys
		}
		for range 2 { // as after a power cut at its end
			if err := installBundle(o, bundle); err != nil {
				t.Fatal(name, err)
			}
			c = open(t, o)
			holds(t, c, from, 10)
			holdsKeys(t, from.path(o, keyFile), want)
			c.Close()
		}
		if names := leftovers(t, o, 5); len(names) > 0 {
			t.Error(name, names)
		}
	}
}

func TestANewerBundleOfTheEpochHeldCanBeInstalledAgainWhereverItWasCutShort(t *testing.T) {
	for name, leave := range map[string]func(dir string, keys *wire.EpochKeys) error{
		"before its keys":            func(string, *wire.EpochKeys) error { return nil },
		"after its keys":             func(dir string, keys *wire.EpochKeys) error { return writeKey(filepath.Join(dir, keyFile), keys) },
		"with the old one put aside": func(dir string, _ *wire.EpochKeys) error { return os.Rename(dir, dir+oldSuffix) },
		"with keys alone": func(dir string, keys *wire.EpochKeys) error {
			return cmp.Or(os.Mkdir(dir+newSuffix, 0o700), writeKey(filepath.Join(dir+newSuffix, keyFile), keys))
		},
	} {
		from := filled(5, 3)
		o := installed(t, from)
		from.delta(from.add(7))
		bundle := from.bundle()
		bundle.Keys = *numbered(5, 2)
		if err := leave(from.path(o, ""), numbered(5, 2)); err != nil {
			t.Fatal(err)
		}
		if err := installBundle(o, bundle); err != nil {
			t.Fatal(name, err)
		}
		holds(t, open(t, o), from, 10)
		holdsKeys(t, from.path(o, keyFile), numbered(5, 2))
		if names := leftovers(t, o, 5); len(names) > 0 {
			t.Error(name, names)
		}
	}
}

// A site may have an epoch with the number of another site's.
func TestKeysOfAnotherSitesEpochAreNotKept(t *testing.T) {
	from := filled(5, 3)
	o := installed(t, from)
	if err := writeKey(from.path(o, keyFile), numbered(5, 9)); err != nil {
		t.Fatal(err)
	}
	other := newController(5)
	other.site[0] ^= 1
	other.delta(other.add(1))
	o.Site = other.site
	if err := installBundle(o, other.bundle()); err != nil {
		t.Fatal(err)
	}
	holds(t, open(t, o), other, 10)
	holdsKeys(t, other.path(o, keyFile), keysOf(5))
}

func TestInstallOfAnotherSiteReplacesAHigherEpoch(t *testing.T) {
	from := filled(9, 3)
	o := installed(t, from)
	other := newController(5)
	other.site[0] ^= 1
	other.delta(other.add(1))
	o.Site = other.site
	if err := installBundle(o, other.bundle()); err != nil {
		t.Fatal(err)
	}
	holds(t, open(t, o), other, 10)
	if names := leftovers(t, o, 5); len(names) > 0 {
		t.Error(names)
	}
}

func TestInstallCanBeDoneAgainWhereverItWasCutShort(t *testing.T) {
	from, next := filled(5, 3), filled(6, 1)
	for name, leave := range map[string]func(dir string){
		"an empty directory":       func(dir string) { os.Mkdir(dir+newSuffix, 0o700) },
		"a file half written":      func(dir string) { os.Mkdir(dir+newSuffix, 0o700); write(t, filepath.Join(dir+newSuffix, keyFile), nil) },
		"the old one out of place": func(dir string) { os.Rename(filepath.Join(filepath.Dir(dir), epochName(5)), dir+oldSuffix) },
		"both in place":            func(dir string) { os.Mkdir(dir, 0o700) },
	} {
		o := installed(t, from)
		leave(next.path(o, ""))
		if err := installBundle(o, next.bundle()); err != nil {
			t.Fatal(name, err)
		}
		holds(t, open(t, o), next, 10)
		if names := leftovers(t, o, 6); len(names) > 0 {
			t.Error(name, names)
		}
	}
}

func TestADamagedBundleIsNotInstalled(t *testing.T) {
	from, next := filled(5, 3), filled(6, 300)
	o := installed(t, from)
	bundle := next.bundle()
	whole := bundle.Snapshot
	for name, snapshot := range map[string][]byte{
		"cut short":          whole[:len(whole)-1],
		"too long":           append(whole[:len(whole):len(whole)], 0),
		"a chunk flipped":    flipped(whole, 8*len(whole)-1),
		"a manifest flipped": flipped(whole, 8*100),
		"none":               nil,
	} {
		bundle.Snapshot = snapshot
		if err := installBundle(o, bundle); err == nil {
			t.Errorf("%s: installed", name)
		}
	}
	holds(t, open(t, o), from, 10)
}

func TestAPolicyIsKeptUntilANewerOneComes(t *testing.T) {
	from := newController(5)
	o := from.options(dir(t))
	sign := func(c *controller, revision uint64, change func(*wire.Policy)) []byte {
		p := wire.DefaultPolicy("front-door", "Front door")
		p.Revision = revision
		if change != nil {
			change(&p)
		}
		signed, err := p.Sign(c.site, c.key)
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	if _, err := LoadPolicy(o, "front-door"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	store := func(signed []byte) error {
		policy, err := wire.OpenPolicy(o.Site, signed, o.Controller)
		if err != nil {
			return err
		}
		return StorePolicy(o, "front-door", policy)
	}
	stranger := newController(5)
	stranger.site[0] ^= 1
	second := sign(from, 2, nil)
	for _, step := range []struct {
		name   string
		signed []byte
		want   error
		holds  uint64
	}{
		{"the first", sign(from, 2, nil), nil, 2},
		{"an older one", sign(from, 1, nil), ErrOlder, 2},
		{"the same again", second, nil, 2},
		{"the same with another content", sign(from, 2, func(p *wire.Policy) { p.PIN = false }), ErrOlder, 2},
		{"another site's", sign(stranger, 3, nil), wire.ErrSignature, 2},
		{"one cut short", second[:len(second)-1], wire.ErrEncoding, 2},
		{"a newer one", sign(from, 3, nil), nil, 3},
	} {
		if err := store(step.signed); !errors.Is(err, step.want) {
			t.Errorf("%s: %v", step.name, err)
		}
		p, err := LoadPolicy(o, "front-door")
		if err != nil || p.Policy().Revision != step.holds {
			t.Errorf("%s: holds %+v, %v", step.name, p, err)
		}
	}
	if err := store(sign(from, 9, func(p *wire.Policy) { p.Reader = "back-door" })); err == nil {
		t.Error("another reader's policy was stored")
	}
	path := filepath.Join(o.Dir, policyFile)
	whole := content(t, path)
	for bit := range 8 * len(whole) {
		write(t, path, flipped(whole, bit))
		if p, err := LoadPolicy(o, "front-door"); err == nil {
			t.Fatalf("bit %d of byte %d: %+v", bit%8, bit/8, p)
		}
	}
	for length := range len(whole) {
		write(t, path, whole[:length])
		if _, err := LoadPolicy(o, "front-door"); err == nil {
			t.Fatalf("cut to %d bytes", length)
		}
	}
	if err := store(sign(from, 1, nil)); err != nil {
		t.Errorf("a damaged policy stands in the way: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info, err)
	}
}
