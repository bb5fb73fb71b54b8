package pin

import (
	"encoding/hex"
	"fmt"
	"os"
	"regexp"
	"testing"

	"latchkey/sync/wire"
)

// The protocol's example of a tag is what this package makes of it.
func TestTheProtocolsTagsAreTheOnesThatAreMade(t *testing.T) {
	document, err := os.ReadFile("../../sync/PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	example := regexp.MustCompile("(?s)```tag\n(.*?)```").FindSubmatch(document)
	if example == nil {
		t.Fatal("there is none")
	}
	var siteKey, salt, uid []byte
	var digits string
	var kdf wire.KDF
	var want struct{ pinKey, cardKey, material, pin, card, wrapping string }
	if _, err := fmt.Sscanf(string(example[1]), "site key %x\nPIN key %s\ncard key %s\nKDF %x %d %d %d\nPIN %s\nmaterial %s\ntag %s\ncard %x\ntag %s\nwrapping %s\n",
		&siteKey, &want.pinKey, &want.cardKey, &salt, &kdf.Memory, &kdf.Time, &kdf.Threads, &digits, &want.material, &want.pin, &uid, &want.card, &want.wrapping); err != nil {
		t.Fatal(err)
	}
	kdf.Salt = [16]byte(salt)
	both, err := EpochKeys((*[KeySize]byte)(siteKey))
	if err != nil {
		t.Fatal(err)
	}
	if pin, card := hex.EncodeToString(both.PIN), hex.EncodeToString(both.Card); pin != want.pinKey || card != want.cardKey {
		t.Errorf("PIN key %s, not %s; card key %s, not %s", pin, want.pinKey, card, want.cardKey)
	}
	key, err := NewKeys(both)
	if err != nil {
		t.Fatal(err)
	}
	material, err := Material([]byte(digits), kdf)
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(material); got != want.material {
		t.Errorf("material %s, not %s", got, want.material)
	}
	for _, test := range []struct {
		kind     wire.CredentialKind
		material []byte
		want     string
	}{{wire.PIN, material, want.pin}, {wire.Card, uid, want.card}} {
		if tag, err := key.Tag(test.kind, test.material); err != nil || hex.EncodeToString(tag[:]) != test.want {
			t.Errorf("%v: %x, not %s, %v", test.kind, tag, test.want, err)
		}
	}
	if wrapping, err := key.WrappingKey(uid); err != nil || hex.EncodeToString(wrapping[:]) != want.wrapping {
		t.Errorf("wrapping key %x, not %s, %v", wrapping, want.wrapping, err)
	}
}
