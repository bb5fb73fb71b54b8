package wire

import (
	"bytes"
	"crypto/ecdh"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestABundleOpensAtItsBoardOnly(t *testing.T) {
	request, key := testRequest(t), testSealing(t)
	b := testBundle(t)
	sealed, err := SealBundle(b, request, testController)
	if err != nil {
		t.Fatal(err)
	}
	got, err := OpenBundle(sealed, request, key)
	if err != nil || !reflect.DeepEqual(got, b) {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, secret := range [][]byte{b.Keys.PIN, b.Keys.Card, b.Certificate, []byte(b.Reader), []byte("Ada Lovelace")} {
		if bytes.Contains(sealed, secret) {
			t.Errorf("%q can be seen in the bundle", secret)
		}
	}
	other := *request
	other.Signing[0] ^= 1
	if _, err := OpenBundle(sealed, &other, key); !errors.Is(err, ErrOtherBoard) {
		t.Errorf("another board's request: %v", err)
	}
	otherKey, err := ecdh.X25519().NewPrivateKey(fill(0x81, 32))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenBundle(sealed, request, otherKey); err == nil {
		t.Error("it opens with another key")
	}
}

func TestABundleNamesItsBrokersInOrder(t *testing.T) {
	b := testBundle(t)
	b.Others = []string{"ssl://192.0.2.7:8884", "ssl://broker.example:8884"}
	sealed, err := SealBundle(b, testRequest(t), testController)
	if err != nil {
		t.Fatal(err)
	}
	got, err := OpenBundle(sealed, testRequest(t), testSealing(t))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"ssl://broker.example:8883", "ssl://192.0.2.7:8884", "ssl://broker.example:8884"}; !slices.Equal(got.Brokers(), want) {
		t.Errorf("%q", got.Brokers())
	}
	if none := new(Bundle).Brokers(); none != nil {
		t.Errorf("%q", none)
	}
}

// reseal makes a sealed bundle as somebody would who has only the board's
// public key: it is not signed by SealBundle.
func reseal(t *testing.T, signed []byte, answers Hash, format string) []byte {
	t.Helper()
	ciphertext, err := Seal(testSealing(t).PublicKey(), bundleFormat, signed)
	if err != nil {
		t.Fatal(err)
	}
	return Marshal(&sealed{format, answers, ciphertext})
}

func TestABundleThatSomebodyElsePutTogetherIsRefused(t *testing.T) {
	request := testRequest(t)
	answers := Sum(request.Lasting())
	b := testBundle(t)
	b.Request, b.Controller = answers, [32]byte(publicKey(testController))
	sign := func(b *Bundle) []byte {
		signed, err := Sign(KindBundle, b.Site, Marshal(b), testController)
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	if _, err := OpenBundle(reseal(t, sign(b), answers, bundleFormat), request, testSealing(t)); err != nil {
		t.Fatal(err)
	}
	with := func(change func(*Bundle)) []byte {
		changed := *b
		change(&changed)
		return reseal(t, sign(&changed), answers, bundleFormat)
	}
	asPolicy, err := Sign(KindPolicy, b.Site, Marshal(b), testController)
	if err != nil {
		t.Fatal(err)
	}
	for name, sealed := range map[string][]byte{
		"nothing":                 nil,
		"another format":          reseal(t, sign(b), answers, "latchkey bundle 1"),
		"signed as a policy":      reseal(t, asPolicy, answers, bundleFormat),
		"not signed":              reseal(t, Marshal(b), answers, bundleFormat),
		"another controller":      with(func(b *Bundle) { b.Controller[0] ^= 1 }),
		"an older answer":         with(func(b *Bundle) { b.Request[0] ^= 1 }),
		"no number":               with(func(b *Bundle) { b.Number = 0 }),
		"no epoch":                with(func(b *Bundle) { b.Epoch = 0 }),
		"no keys":                 with(func(b *Bundle) { b.Keys = EpochKeys{} }),
		"a reader with a slash":   with(func(b *Bundle) { b.Reader = "a/b" }),
		"a site without a name":   with(func(b *Bundle) { b.SiteName = "" }),
		"a broker in two lines":   with(func(b *Bundle) { b.Broker = "a\nb" }),
		"a broker without an end": with(func(b *Bundle) { b.Broker = strings.Repeat("a", maxURL+1) }),
		"five brokers":            with(func(b *Bundle) { b.Others = []string{"ssl://b:1", "ssl://c:1", "ssl://d:1", "ssl://e:1"} }),
		"no first broker":         with(func(b *Bundle) { b.Broker, b.Others = "", []string{"ssl://b:1"} }),
		"another without TLS":     with(func(b *Bundle) { b.Others = []string{"tcp://192.0.2.1:1883"} }),
	} {
		if got, err := OpenBundle(sealed, request, testSealing(t)); err == nil || got != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestABundleWithoutAReaderIsNotSealed(t *testing.T) {
	b := testBundle(t)
	b.Reader = ""
	if _, err := SealBundle(b, testRequest(t), testController); err == nil {
		t.Error("it is sealed")
	}
	b, request := testBundle(t), testRequest(t)
	request.Sealing = [32]byte{} // a point of small order
	if _, err := SealBundle(b, request, testController); err == nil {
		t.Error("it is sealed to a key that anybody has")
	}
}
