package adoption

import (
	"bytes"
	"crypto/ed25519"
	"testing"

	"latchkey/sync/wire"
)

// TestABundleIsRefusedWhosePartsAreNotForThisReader has a controller sign
// bundles, each of whose parts is sound where it belongs.
func TestABundleIsRefusedWhosePartsAreNotForThisReader(t *testing.T) {
	dir := t.TempDir()
	id, err := MakeIdentity(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	request, err := id.request(dir)
	if err != nil {
		t.Fatal(err)
	}
	site, key := wire.SiteID{1}, ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize))
	stranger := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, ed25519.SeedSize))
	policy := func(reader string, of wire.SiteID, by ed25519.PrivateKey) []byte {
		p := wire.DefaultPolicy(reader, "Front door")
		p.Revision = 1
		signed, err := p.Sign(of, by)
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	snapshot := func(epoch uint64, of wire.SiteID, by ed25519.PrivateKey) []byte {
		m := &wire.Manifest{Site: of, Epoch: epoch, Hash: wire.Start(epoch), KDF: wire.KDF{Memory: 19456, Time: 2, Threads: 4}}
		entries := []wire.Entry{{Tag: wire.Tag{1}, Credential: wire.Credential{ID: 1, Kind: wire.PIN, User: 1, Name: "Ada"}}}
		whole, err := wire.WriteSnapshot(m, entries, by)
		if err != nil {
			t.Fatal(err)
		}
		return whole
	}
	keys := wire.EpochKeys{Number: 1, PIN: bytes.Repeat([]byte{7}, 32), Card: bytes.Repeat([]byte{8}, 32)}
	read := func(change func(*wire.Bundle)) error {
		b := &wire.Bundle{Number: 1, Site: site, SiteName: "home", Reader: "front-door", Epoch: 5, Keys: keys, Policy: policy("front-door", site, key), Snapshot: snapshot(5, site, key)}
		change(b)
		sealed, err := wire.SealBundle(b, request, key)
		if err != nil {
			t.Fatal(err)
		}
		_, err = readBundle(dir, &adoption{Bundle: sealed})
		return err
	}
	if err := read(func(*wire.Bundle) {}); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*wire.Bundle){
		"another reader's policy":     func(b *wire.Bundle) { b.Policy = policy("back-door", site, key) },
		"another site's policy":       func(b *wire.Bundle) { b.Policy = policy("front-door", wire.SiteID{2}, key) },
		"a stranger's policy":         func(b *wire.Bundle) { b.Policy = policy("front-door", site, stranger) },
		"no policy":                   func(b *wire.Bundle) { b.Policy = nil },
		"a snapshot of another epoch": func(b *wire.Bundle) { b.Snapshot = snapshot(6, site, key) },
		"another site's snapshot":     func(b *wire.Bundle) { b.Snapshot = snapshot(5, wire.SiteID{2}, key) },
		"a stranger's snapshot":       func(b *wire.Bundle) { b.Snapshot = snapshot(5, site, stranger) },
		"a snapshot cut short":        func(b *wire.Bundle) { b.Snapshot = b.Snapshot[:len(b.Snapshot)-1] },
		"no snapshot":                 func(b *wire.Bundle) { b.Snapshot = nil },
	} {
		if err := read(change); err == nil {
			t.Errorf("%s is taken over", name)
		}
	}
}
