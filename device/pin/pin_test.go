package pin

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"golang.org/x/crypto/argon2"

	"latchkey/sync/wire"
)

// cheap are the lowest costs that are allowed.
var cheap = wire.KDF{Salt: [16]byte{1, 2, 3}, Memory: 16 << 10, Time: 2, Threads: 1}

func TestMaterialIsArgon2idOfTheDigits(t *testing.T) {
	digits := []byte("27182818")
	got, err := Material(digits, cheap)
	if err != nil {
		t.Fatal(err)
	}
	want := argon2.IDKey([]byte("27182818"), cheap.Salt[:], 2, 16<<10, 1, 32)
	if !bytes.Equal(got, want) || len(got) != MaterialSize {
		t.Errorf("%x, want %x", got, want)
	}
	if string(digits) != "27182818" {
		t.Error("the digits were changed")
	}
	other := cheap
	other.Salt[15]++
	if salted, err := Material(digits, other); err != nil || bytes.Equal(salted, got) {
		t.Error("another salt makes no difference", err)
	}
}

// The material of a PIN by the site's default costs, by the reference
// implementation of Argon2 1.3: argon2 with -id -t 2 -k 19456 -p 4 -l 32.
func TestMaterialOfTheDefaultCostsIsPinned(t *testing.T) {
	kdf := wire.KDF{Salt: [16]byte([]byte("latchkey-salt-16")), Memory: 19456, Time: 2, Threads: 4}
	got, err := Material([]byte("31415926"), kdf)
	if err != nil {
		t.Fatal(err)
	}
	const want = "17625c77bca149ed93c36d0768742316c86538c2926a8f999c42ecd01d83cafb"
	if hex.EncodeToString(got) != want {
		t.Errorf("%x", got)
	}
}

func TestMaterialRefusesWhatIsNoPINAndCostsOutOfBounds(t *testing.T) {
	for _, digits := range []string{"", "1234567", "123456789", "1234567a", "1234567 ", "１２３４", "-1234567", "\x00\x01\x02\x03\x04\x05\x06\x07"} {
		if m, err := Material([]byte(digits), cheap); err == nil || m != nil {
			t.Errorf("%q was taken for a PIN", digits)
		} else if len(digits) > 0 && strings.Contains(err.Error(), digits) {
			t.Errorf("the error %q holds what was entered", err)
		}
	}
	for name, change := range map[string]func(*wire.KDF){
		"too little memory": func(k *wire.KDF) { k.Memory = 16<<10 - 1 },
		"too much memory":   func(k *wire.KDF) { k.Memory = 64<<10 + 1 },
		"too few passes":    func(k *wire.KDF) { k.Time = 1 },
		"too many passes":   func(k *wire.KDF) { k.Time = 11 },
		"no lanes":          func(k *wire.KDF) { k.Threads = 0 },
		"too many lanes":    func(k *wire.KDF) { k.Threads = 5 },
	} {
		kdf := cheap
		change(&kdf)
		if m, err := Material([]byte("27182818"), kdf); err == nil || m != nil {
			t.Error(name)
		}
	}
}

// testKeys returns keys of which the PIN key is all a, the card key all b.
func testKeys(t *testing.T, a, b byte) *Keys {
	t.Helper()
	k, err := NewKeys(&wire.EpochKeys{PIN: bytes.Repeat([]byte{a}, KeySize), Card: bytes.Repeat([]byte{b}, KeySize)})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestATagIsTheKeyedHashOfKindAndMaterialUnderTheKeyOfTheKind(t *testing.T) {
	for _, test := range []struct {
		key      byte
		kind     wire.CredentialKind
		material []byte
	}{
		{1, wire.PIN, bytes.Repeat([]byte{9}, MaterialSize)},
		{2, wire.Card, []byte{4, 0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 0x80}},
	} {
		mac := hmac.New(sha256.New, bytes.Repeat([]byte{test.key}, KeySize))
		mac.Write(append([]byte{byte(test.kind)}, test.material...))
		tag, err := testKeys(t, 1, 2).Tag(test.kind, test.material)
		if err != nil || !bytes.Equal(tag[:], mac.Sum(nil)[:16]) {
			t.Errorf("%v: %x, %v", test.kind, tag, err)
		}
	}
}

func TestAWithheldPINKeyStopsPINsAlone(t *testing.T) {
	withheld, err := NewKeys(&wire.EpochKeys{Card: bytes.Repeat([]byte{2}, KeySize)})
	if err != nil {
		t.Fatal(err)
	}
	uid := []byte{4, 0xa1, 0xb2, 0xc3}
	if tag, err := withheld.Tag(wire.PIN, make([]byte, MaterialSize)); !errors.Is(err, ErrWithheld) || tag != (wire.Tag{}) {
		t.Errorf("a PIN: %x, %v", tag, err)
	}
	whole := testKeys(t, 1, 2)
	want, _ := whole.Tag(wire.Card, uid)
	if tag, err := withheld.Tag(wire.Card, uid); err != nil || tag != want {
		t.Errorf("a card: %x, not %x, %v", tag, want, err)
	}
	wrapping, _ := whole.WrappingKey(uid)
	if key, err := withheld.WrappingKey(uid); err != nil || *key != *wrapping {
		t.Errorf("its wrapping key: %x, not %x, %v", key, wrapping, err)
	}
}

func TestKeysOfAWrongLengthAreRefused(t *testing.T) {
	for pin := range 40 {
		for card := range 40 {
			k, err := NewKeys(&wire.EpochKeys{PIN: make([]byte, pin), Card: make([]byte, card)})
			if (err == nil) != (card == KeySize && (pin == 0 || pin == KeySize)) || (k == nil) != (err != nil) {
				t.Errorf("%d and %d bytes: %v", pin, card, err)
			}
		}
	}
	if _, err := NewKeys(&wire.EpochKeys{TPM: &wire.TPMKeys{}}); err == nil {
		t.Error("those of a TPM are taken for keys in the clear")
	}
}

func TestMaterialThatAKindNeverHasGetsNoTag(t *testing.T) {
	k := testKeys(t, 1, 2)
	for n := range 40 {
		_, pin := k.Tag(wire.PIN, make([]byte, n))
		_, card := k.Tag(wire.Card, make([]byte, n))
		_, none := k.Tag(0, make([]byte, n))
		_, wrapping := k.WrappingKey(make([]byte, n))
		if (pin == nil) != (n == MaterialSize) || (card == nil) != (n == 4 || n == 7 || n == 10) || (wrapping == nil) != (card == nil) || none == nil {
			t.Errorf("%d bytes: %v, %v, %v", n, pin, card, none)
		}
	}
}

func BenchmarkMaterial(b *testing.B) {
	kdf := wire.KDF{Memory: 19456, Time: 2, Threads: 4}
	for b.Loop() {
		if _, err := Material([]byte("27182818"), kdf); err != nil {
			b.Fatal(err)
		}
	}
}
