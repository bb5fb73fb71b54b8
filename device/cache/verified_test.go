package cache

import (
	"crypto/ed25519"
	"testing"

	"latchkey/sync/wire"
)

// What is verified as another controller's, or another site's, is stored nowhere
// here, though its own signature is good.
func TestNothingIsStoredThatWasVerifiedAsAnothers(t *testing.T) {
	ours := newController(5)
	o := installed(t, ours)
	cache := open(t, o)
	sites, keys := newController(6), newController(6)
	sites.site[0] ^= 1
	keys.key = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	for name, other := range map[string]*controller{"site": sites, "key": keys} {
		public := other.key.Public().(ed25519.PublicKey)
		whole := other.snapshot()
		signed, _ := split(t, whole)
		snapshot, err := wire.OpenSnapshot(other.site, whole, public)
		if err != nil {
			t.Fatal(err)
		}
		manifest, err := wire.OpenManifest(other.site, signed, public)
		if err != nil {
			t.Fatal(err)
		}
		next := ours.fork() // goes on from what is held
		next.site, next.key = other.site, other.key
		delta, err := wire.OpenDelta(other.site, next.delta(next.add(1)), public)
		if err != nil {
			t.Fatal(err)
		}
		p := wire.DefaultPolicy("front-door", "Front door")
		p.Revision = 9
		signedPolicy, err := p.Sign(other.site, other.key)
		if err != nil {
			t.Fatal(err)
		}
		policy, err := wire.OpenPolicy(other.site, signedPolicy, public)
		if err != nil {
			t.Fatal(err)
		}
		if err := Install(o, snapshot, keysOf(6)); err == nil {
			t.Errorf("another %s: its snapshot is installed", name)
		}
		if _, err := cache.Begin(manifest); err == nil {
			t.Errorf("another %s: its manifest is begun", name)
		}
		if _, err := cache.Apply(delta); err == nil {
			t.Errorf("another %s: its delta is applied", name)
		}
		if err := StorePolicy(o, "front-door", policy); err == nil {
			t.Errorf("another %s: its policy is stored", name)
		}
	}
	if held := cache.Held(); held != ours.position {
		t.Errorf("holds %+v, not %+v", held, ours.position)
	}
}
