//go:build !firmware

package main

import (
	"bytes"
	"crypto/ed25519"
	"path/filepath"
	"slices"
	"testing"

	"latchkey/board/sim"
	"latchkey/cmd/latchkeyd/internal/adoption"
	"latchkey/cmd/latchkeyd/internal/datadir"
	"latchkey/device/pin"
	"latchkey/sync/wire"
)

// keyedCard is a card with keys of its site.
type keyedCard struct {
	sim.Card
	sets wire.CardKeySets // which it gets
	says wire.CardChip    // the chip in its credential; 0: its own
}

// newKeyedCard returns a card fresh from the factory, which gets keys of the first
// generation.
func newKeyedCard(t testing.TB, kind sim.Kind, last byte) *keyedCard {
	t.Helper()
	c := &keyedCard{Card: sim.Card{UID: []byte{0x04, 0x11, 0x22, 0x33, 0x44, 0x55, last}, Kind: kind}}
	c.sets.Chip = map[sim.Kind]wire.CardChip{
		sim.DESFireEV1: wire.DESFireEV1, sim.DESFireEV2: wire.DESFireEV2, sim.DESFireEV3: wire.DESFireEV2, sim.NTAG424: wire.NTAG424,
	}[kind]
	c.sets.UID = slices.Clone(c.UID)
	c.sets.To, c.sets.From = c.generation(1), []wire.KeySet{{}}
	var err error
	if c.Memory, err = sim.NewMemory(kind, c.UID); err != nil {
		t.Fatal(err)
	}
	return c
}

// generation returns a set of its keys.
func (c *keyedCard) generation(n byte) wire.KeySet {
	set := wire.KeySet{Generation: n}
	for i := range c.sets.Chip.Keys() {
		set.Keys = append(set.Keys, bytes.Repeat([]byte{c.UID[6] ^ byte(i)<<4 ^ n<<1}, 16)...)
	}
	return set
}

// credential is the entry of a card of a user.
func (c *keyedCard) credential(t testing.TB, site *pin.Keys, user uint64) wire.Entry {
	t.Helper()
	tag, err := site.Tag(wire.Card, c.UID)
	if err != nil {
		t.Fatal(err)
	}
	with, err := site.WrappingKey(c.UID)
	if err != nil {
		t.Fatal(err)
	}
	key := wire.CardKey{Chip: c.sets.Chip}
	if c.says != 0 {
		key.Chip = c.says
	}
	proving := map[bool]int{true: 1, false: 2}[c.sets.Chip == wire.NTAG424] // application key 1
	copy(key.Key[:], c.sets.To.Keys[16*proving:])
	wrapped, err := key.Wrap(with)
	if err != nil {
		t.Fatal(err)
	}
	return wire.Entry{Tag: tag, Credential: wire.Credential{ID: user, Kind: wire.Card, User: user, Name: "Ada", CardKey: wrapped}}
}

// keyedController is the key of the controller of a keyed site.
var keyedController = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize))

// keyedKeys returns the keys of an epoch of a keyed site.
func keyedKeys(t testing.TB, siteKey byte) *wire.EpochKeys {
	t.Helper()
	keys, err := pin.EpochKeys(&[32]byte{siteKey})
	if err != nil {
		t.Fatal(err)
	}
	keys.Number = 1
	return keys
}

func pinKeys(t testing.TB, of *wire.EpochKeys) *pin.Keys {
	t.Helper()
	keys, err := pin.NewKeys(of)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// keyedData returns the data of a reader, front-door, whose site knows these cards, one of
// each user.
func keyedData(t testing.TB, cards ...*keyedCard) string {
	return keyedDoor(t, func(*wire.Policy) {}, cards...)
}

// keyedDoor is keyedData of a door with a policy of its own.
func keyedDoor(t testing.TB, change func(*wire.Policy), cards ...*keyedCard) string {
	return pinDoor(t, change, nil, cards...)
}

// pinDoor is keyedDoor with PINs, by their digits.
func pinDoor(t testing.TB, change func(*wire.Policy), pins map[string]wire.Credential, cards ...*keyedCard) string {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	data := filepath.Join(t.TempDir(), "data")
	must(datadir.Open(data))
	id, err := adoption.MakeIdentity(t.Context(), data, nil)
	must(err)
	signed, _, err := id.Request(t.Context(), data, false, nil)
	must(err)
	request, _, err := wire.ParseRequest(signed)
	must(err)

	b := &wire.Bundle{Number: 1, Site: wire.SiteID{1}, SiteName: "home", Reader: "front-door", Epoch: 5, Keys: *keyedKeys(t, 7)}
	policy := wire.DefaultPolicy(b.Reader, "Front door")
	policy.Revision, policy.SystemTime, policy.Access = 1, true, []wire.Access{{Group: wire.Everyone}}
	change(&policy)
	b.Policy, err = policy.Sign(b.Site, keyedController)
	must(err)
	manifest := &wire.Manifest{Site: b.Site, Epoch: b.Epoch, Hash: wire.Start(b.Epoch), KDF: wire.KDF{Memory: 19456, Time: 2, Threads: 4}}
	var entries []wire.Entry
	for i, c := range cards {
		entries = append(entries, c.credential(t, pinKeys(t, &b.Keys), uint64(i+1)))
	}
	for digits, c := range pins {
		material, err := pin.Material([]byte(digits), manifest.KDF)
		must(err)
		tag, err := pinKeys(t, &b.Keys).Tag(wire.PIN, material)
		must(err)
		entries = append(entries, wire.Entry{Tag: tag, Credential: c})
	}
	b.Snapshot, err = wire.WriteSnapshot(manifest, entries, keyedController)
	must(err)
	sealed, err := wire.SealBundle(b, request, keyedController)
	must(err)
	_, err = adoption.Adopt(data, sealed, false)
	must(err)
	return data
}
