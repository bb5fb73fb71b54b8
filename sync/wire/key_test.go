package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"filippo.io/edwards25519"
)

// weakSigning are encodings of points of order 1, 2, 4 and 8, some of them not the
// one encoding of their point, and of one of mixed order.
func weakSigning(t *testing.T) map[string][32]byte {
	t.Helper()
	weak := map[string][32]byte{}
	for name, text := range map[string]string{
		"order 1":                 "0100000000000000000000000000000000000000000000000000000000000000",
		"order 2":                 "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"order 4":                 "0000000000000000000000000000000000000000000000000000000000000000",
		"order 4, the other":      "0000000000000000000000000000000000000000000000000000000000000080",
		"order 8":                 "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"order 8, the other":      "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"order 1, not canonical":  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"order 1, negative zero":  "0100000000000000000000000000000000000000000000000000000000000080",
		"order 4, not canonical":  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"no point of the curve":   "0200000000000000000000000000000000000000000000000000000000000000",
		"prime, but y at least p": "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	} {
		b, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		weak[name] = [32]byte(b)
	}
	eight := weak["order 8"]
	small, err := new(edwards25519.Point).SetBytes(eight[:])
	if err != nil {
		t.Fatal(err)
	}
	mixed, err := new(edwards25519.Point).SetBytes(publicKey(testReader))
	if err != nil {
		t.Fatal(err)
	}
	weak["mixed order"] = [32]byte(mixed.Add(mixed, small).Bytes())
	return weak
}

// signedByNobody is a request with the signature that holds, whatever is signed, under
// the neutral point.
func signedByNobody(r *Request) []byte {
	signature := append([]byte{1}, make([]byte, 63)...)
	return append(append(bytes.Clone(envelope), Marshal(Marshal(r))...), Marshal(signature)...)
}

func TestARequestWithASigningKeyThatNobodyHasIsRefused(t *testing.T) {
	for name, key := range weakSigning(t) {
		r := testRequest(t)
		r.Signing = key
		if _, _, err := ParseRequest(signedByNobody(r)); !errors.Is(err, errWeakKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
	own := [32]byte(publicKey(testReader))
	if err := checkVerifying(&own); err != nil {
		t.Error(err)
	}
}

// weakSealing are numbers of small order on the curve and its twist, and others that are
// not the one encoding of theirs.
var weakSealing = map[string]string{
	"order 4":                "0000000000000000000000000000000000000000000000000000000000000000",
	"order 2":                "0100000000000000000000000000000000000000000000000000000000000000",
	"order 8":                "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	"order 8, the other":     "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	"p - 1":                  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"p":                      "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"p + 9":                  "f6ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"9, and the highest bit": "0900000000000000000000000000000000000000000000000000000000000080",
}

func TestAKeyThatWhatIsSealedToCanBeReadByAllIsRefusedWhereverItEnters(t *testing.T) {
	for name, text := range weakSealing {
		b, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		key := [32]byte(b)
		r := testRequest(t)
		r.Sealing = key
		signed, err := r.Sign(testReader)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := ParseRequest(signed); !errors.Is(err, errWeakKey) {
			t.Errorf("%s, of a request: %v", name, err)
		}
		if _, err := SealBundle(testBundle(t), r, testController); err == nil {
			t.Errorf("%s: a bundle is sealed to it", name)
		}
		c := testEnrol(t)
		c.Sealing = key
		if err := CheckPayload(KindCommand, Marshal(c)); err == nil {
			t.Errorf("%s, of an enrol, is taken", name)
		}
		// As the encapsulated key of what comes sealed.
		k := testKey(t)
		copy(k.Sealed[:32], b)
		if _, err := k.Unseal(testSealing(t)); err == nil {
			t.Errorf("%s: a key of an epoch is unsealed", name)
		}
	}
}

func TestABundleOfAControllerWhoseKeyNobodyHasIsRefused(t *testing.T) {
	request := testRequest(t)
	for name, key := range weakSigning(t) {
		b := testBundle(t)
		b.Request, b.Controller = Sum(request.Lasting()), key
		signature := append([]byte{1}, make([]byte, 63)...)
		signed := append(append(bytes.Clone(envelope), Marshal(Marshal(b))...), Marshal(signature)...)
		if _, err := OpenBundle(reseal(t, signed, b.Request, bundleFormat), request, testSealing(t)); err == nil {
			t.Errorf("%s: the bundle is opened", name)
		}
	}
}
