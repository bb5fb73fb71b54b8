package site

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"latchkey/sync/wire"
)

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The first one is AN10922's own example; the others are of other implementations.
func TestKeysOfCardsAreMadeAsAN10922Says(t *testing.T) {
	for _, test := range []struct{ master, input, want string }{
		{"00112233445566778899AABBCCDDEEFF", "04782E21801D80 3042F5 4E585020416275", "A8DD63A3B89D54B37CA802473FDA9175"},
		{"F3F9377698707B688EAF84ABE39E3791", "04DEADBEEFFEED", "0BB408BAFF98B6EE9F2E1585777F6A51"},
		{"00112233445566778899AABBCCDDEEFF", "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E", "21C28CD89BB3147F66C7DBD4851CAB20"},
	} {
		master := [16]byte(unhex(t, test.master))
		if key := diversify(&master, unhex(t, test.input)); !bytes.Equal(key[:], unhex(t, test.want)) {
			t.Errorf("%s gives %X, not %s", test.input, key, test.want)
		}
	}
}

func TestAllKeysOfAllCardsDiffer(t *testing.T) {
	m := &cardMaster{master: [16]byte{1}, site: wire.SiteID{2}}
	seen := map[string]string{}
	for _, uid := range [][]byte{{4, 1, 2, 3}, {4, 1, 2, 3, 4, 5, 6}, {4, 1, 2, 3, 4, 5, 7}, {4, 1, 2, 3, 4, 5, 6, 7, 8, 9}} {
		for _, generation := range []uint8{1, 2, 255} {
			for _, chip := range []wire.CardChip{wire.DESFireEV2, wire.NTAG424} {
				set := m.set(uid, chip, generation)
				if set.Generation != generation || len(set.Keys) != 16*chip.Keys() {
					t.Fatalf("%+v", set)
				}
				for i := range chip.Keys() {
					if chip == wire.NTAG424 && 0 < i && i < 3 { // no card is of two chips
						continue
					}
					where := hex.EncodeToString(append([]byte{byte(chip), byte(i), generation}, uid...))
					key := string(set.Keys[16*i : 16*i+16])
					if seen[key] != "" {
						t.Errorf("%s and %s have the same key", seen[key], where)
					}
					seen[key] = where
				}
			}
		}
	}
	if set := m.set([]byte{4, 1, 2, 3, 4, 5, 6}, wire.DESFireEV2, 0); set.Generation != 0 || set.Keys != nil {
		t.Errorf("the factory's keys: %+v", set)
	}
	other := &cardMaster{master: m.master, site: wire.SiteID{3}}
	if uid := []byte{4, 1, 2, 3, 4, 5, 6}; bytes.Equal(other.set(uid, wire.DESFireEV2, 1).Keys, m.set(uid, wire.DESFireEV2, 1).Keys) {
		t.Error("two sites have the same keys")
	}
}

// The input of a key, byte by byte: UID, application, site, index, generation.
func TestTheProvingKeyIsKeyOneOfTheApplication(t *testing.T) {
	m := &cardMaster{master: [16]byte{1}, site: wire.SiteID{2}}
	uid := []byte{4, 1, 2, 3, 4, 5, 6}
	for chip, index := range map[wire.CardChip]byte{wire.DESFireEV2: 2, wire.DESFireEV1: 2, wire.NTAG424: 1} {
		input := append(append(append(bytes.Clone(uid), 0xF4, 0x4C, 0x4B), m.site[:]...), index, 7)
		want := diversify(&m.master, input)
		at := 16 * provingKey(chip)
		if set := m.set(uid, chip, 7); !bytes.Equal(set.Keys[at:at+16], want[:]) {
			t.Errorf("chip %d: another key", chip)
		}
	}
	picc := append(append(append(bytes.Clone(uid), 0, 0, 0), m.site[:]...), 0, 7)
	if want := diversify(&m.master, picc); !bytes.Equal(m.set(uid, wire.DESFireEV2, 7).Keys[:16], want[:]) {
		t.Error("another key of the card itself")
	}
}

// version answers GetVersion as a card of a type and a major version does.
func version(uid []byte, kind, major byte) []byte {
	v := make([]byte, 28)
	v[0], v[1], v[3], v[7] = 4, kind, major, 4
	copy(v[14:21], uid)
	return v
}

func TestOnlyCardsThatCanProveThemselvesGetKeys(t *testing.T) {
	uid := []byte{4, 1, 2, 3, 4, 5, 6}
	for _, test := range []struct {
		kind, major byte
		chip        wire.CardChip
		why         string
	}{
		{0x01, 0x01, wire.DESFireEV1, ""}, {0x01, 0x12, wire.DESFireEV2, ""}, {0x01, 0x22, wire.DESFireEV2, ""}, {0x01, 0x33, wire.DESFireEV2, ""},
		{0x04, 0x30, wire.NTAG424, ""},
		{0x01, 0x00, 0, "first generation"}, {0x08, 0x30, 0, "Light"}, {0x91, 0x01, 0, "phone"}, {0xA1, 0x01, 0, "phone"},
		{0x01, 0xA0, 0, "cannot prove"}, {0x02, 0x11, 0, "cannot prove"}, {0x04, 0x10, 0, "cannot prove"}, {0x03, 0x01, 0, "cannot prove"},
	} {
		chip, err := chipOf(&wire.CardToKey{UID: uid, Version: version(uid, test.kind, test.major)})
		if chip != test.chip || (err != nil) != (test.why != "") || err != nil && !strings.Contains(err.Error(), test.why) {
			t.Errorf("type %02X, version %02X: chip %d, %v", test.kind, test.major, chip, err)
		}
	}
	for why, v := range map[string][]byte{
		"random UID": version(nil, 1, 0x33), "two different UIDs": version([]byte{4, 9}, 1, 0x33), "unknown make": append([]byte{5}, version(uid, 1, 0x33)[1:]...),
	} {
		if _, err := chipOf(&wire.CardToKey{UID: uid, Version: v}); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v", why, err)
		}
	}
}
