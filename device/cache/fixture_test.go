package cache

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"latchkey/sync/wire"
)

// A controller writes a log, as far as the tests need one.
type controller struct {
	key      ed25519.PrivateKey
	site     wire.SiteID
	epoch    uint64
	set      map[wire.Tag]wire.Credential
	position wire.Position
	before   wire.Hash
	next     uint64 // credential
}

func newController(epoch uint64) *controller {
	c := &controller{
		key: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32)), site: wire.SiteID{1, 2, 3},
		epoch: epoch, set: map[wire.Tag]wire.Credential{},
	}
	c.position = wire.Position{Epoch: epoch, Hash: wire.Start(epoch)}
	return c
}

// fork returns a controller that goes on from the same position.
func (c *controller) fork() *controller {
	f := *c
	f.set = maps.Clone(c.set)
	return &f
}

var testKDF = wire.KDF{Memory: 19456, Time: 2, Threads: 4}

// tagOf returns a tag; tags are spread as hashes are.
func tagOf(n uint64) wire.Tag {
	sum := wire.Sum(binary.BigEndian.AppendUint64(nil, n))
	return wire.Tag(sum[:16])
}

func (c *controller) add(n uint64) wire.Change {
	c.next++
	credential := wire.Credential{ID: c.next, Kind: wire.PIN, User: n + 1, Name: fmt.Sprint("User ", n)}
	c.set[tagOf(n)] = credential
	return wire.Change{Tag: tagOf(n), Credential: &credential}
}

func (c *controller) remove(n uint64) wire.Change {
	delete(c.set, tagOf(n))
	return wire.Change{Tag: tagOf(n)}
}

// delta appends changes to the log.
func (c *controller) delta(changes ...wire.Change) []byte {
	d := &wire.Delta{
		Epoch: c.epoch, From: c.position.Revision, To: c.position.Revision + uint64(len(changes)),
		FromHash: c.position.Hash, ToHash: c.position.Hash, Before: c.before, Changes: changes,
	}
	for _, change := range changes {
		d.ToHash = d.ToHash.Extend(change)
	}
	signed, err := d.Sign(c.site, c.key)
	if err != nil {
		panic(err)
	}
	c.before = wire.Sum(wire.Marshal(d))
	c.position.Revision, c.position.Hash = d.To, d.ToHash
	return signed
}

// snapshot returns the set as it is now.
func (c *controller) snapshot() []byte {
	var entries []wire.Entry
	for tag, credential := range c.set {
		entries = append(entries, wire.Entry{Tag: tag, Credential: credential})
	}
	m := &wire.Manifest{Site: c.site, Epoch: c.epoch, Revision: c.position.Revision, Hash: c.position.Hash, KDF: testKDF}
	snapshot, err := wire.WriteSnapshot(m, entries, c.key)
	if err != nil {
		panic(err)
	}
	return snapshot
}

func (c *controller) bundle() *wire.Bundle {
	return &wire.Bundle{Number: 1, Site: c.site, Epoch: c.epoch, Keys: *keysOf(c.epoch), Snapshot: c.snapshot()}
}

// keysOf returns keys of an epoch, with the number 1.
func keysOf(epoch uint64) *wire.EpochKeys {
	return &wire.EpochKeys{Number: 1, PIN: bytes.Repeat([]byte{byte(epoch)}, 32), Card: bytes.Repeat([]byte{byte(epoch + 100)}, 32)}
}

// numbered returns the same with another number, and a PIN key that it shows in.
func numbered(epoch, number uint64) *wire.EpochKeys {
	keys := keysOf(epoch)
	keys.Number, keys.PIN[0] = number, byte(number)
	return keys
}

// tpmKeys returns keys for a reader with a TPM.
func tpmKeys(number uint64) *wire.EpochKeys {
	part := bytes.Repeat([]byte{8}, 120)
	key := wire.WrappedKey{Public: part, Duplicate: part, Seed: part}
	return &wire.EpochKeys{Number: number, TPM: &wire.TPMKeys{GrantKey: [65]byte{4}, Ref: wire.TPMRef{1}, PIN: key, Card: key, Grant: wire.Grant{Limit: uint32(number), Nonce: wire.TPMNonce{2}}}}
}

// holdsKeys checks that a key file holds keys.
func holdsKeys(t testing.TB, path string, want *wire.EpochKeys) {
	t.Helper()
	if got, err := ReadKey(path); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, not %+v, %v", got, want, err)
	}
}

func (c *controller) options(dir string) Options {
	return Options{Dir: dir, Site: c.site, Controller: c.key.Public().(ed25519.PublicKey)}
}

// split takes a snapshot apart.
func split(t testing.TB, snapshot []byte) (manifest []byte, chunks [][]byte) {
	t.Helper()
	manifest, rest, err := wire.Next(snapshot)
	for err == nil && len(rest) > 0 {
		var chunk []byte
		chunk, rest, err = wire.Next(rest)
		chunks = append(chunks, chunk)
	}
	if err != nil {
		t.Fatal(err)
	}
	return manifest, chunks
}

// dir returns a directory in memory if there is one: syncing it costs nothing.
func dir(t testing.TB) string {
	t.Helper()
	d, err := os.MkdirTemp("/dev/shm", "cache")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(d) })
	return d
}

// installed returns a data directory with a controller's set as a snapshot.
func installed(t testing.TB, c *controller) Options {
	t.Helper()
	o := c.options(dir(t))
	if err := installBundle(o, c.bundle()); err != nil {
		t.Fatal(err)
	}
	return o
}

// installBundle, applySigned and beginSigned do what a reader does with what arrives: open
// it, and hand it to the cache if it is verified.
func installBundle(o Options, b *wire.Bundle) error {
	snapshot, err := wire.OpenSnapshot(o.Site, b.Snapshot, o.Controller)
	if err != nil {
		return err
	}
	return Install(o, snapshot, &b.Keys)
}

func applySigned(c *Cache, signed []byte) (bool, error) {
	delta, err := wire.OpenDelta(c.o.Site, signed, c.o.Controller)
	if err != nil {
		return false, err
	}
	return c.Apply(delta)
}

func beginSigned(c *Cache, signed []byte) (bool, error) {
	manifest, err := wire.OpenManifest(c.o.Site, signed, c.o.Controller)
	if err != nil {
		return false, err
	}
	return c.Begin(manifest)
}

func open(t testing.TB, o Options) *Cache {
	t.Helper()
	c := Open(o)
	t.Cleanup(func() { c.Close() })
	return c
}

func apply(t testing.TB, c *Cache, deltas ...[]byte) {
	t.Helper()
	for _, delta := range deltas {
		if applied, err := applySigned(c, delta); !applied || err != nil {
			t.Fatal("apply:", applied, err)
		}
	}
}

// holds checks that a cache answers for the controller's set, and no more, for
// the numbers below.
func holds(t testing.TB, c *Cache, of *controller, numbers uint64) {
	t.Helper()
	if c.Held() != of.position {
		t.Fatalf("holds %v, not %v (%v)", c.Held(), of.position, c.Fault())
	}
	for n := range numbers {
		want, known := of.set[tagOf(n)]
		got, err := c.Lookup(of.epoch, tagOf(n))
		if known && (err != nil || got.ID != want.ID || got.User != want.User) || !known && err != ErrUnknown {
			t.Fatalf("%d: %+v, %v; want %+v", n, got, err, want)
		}
	}
	if err := c.Fault(); err != nil {
		t.Fatal(err)
	}
}

func content(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (c *controller) path(o Options, name string) string {
	return filepath.Join(o.Dir, epochName(c.epoch), name)
}
