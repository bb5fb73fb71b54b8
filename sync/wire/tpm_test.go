package wire

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/big"
	"os"
	"reflect"
	"regexp"
	"slices"
	"testing"
)

// What a TPM takes, made once with go-tpm and checked with another implementation of what
// the TPM does: a parent with the private key 03 04 … 22; the two keys of testEpochKeys,
// wrapped to it; grants, signed with the private key 02 03 … 21 (RFC 6979): of 500 over a
// nonce, and of 600; and the certificate of an endorsement key with the private key 04 05 …
// 23, and the wrapped keys encrypted under the key e0 e1 … ff in an activation for both.
const (
	testParent     = "0023000b000304b2002003846e1ba305ef0d9c6844556711bba004878af8a8ecedc3dc1d402c9d1178d3000600800043001000030010002083981c490124c7d05d29c922a815e8fd3fc430904f4dc9e9a7e10fe5daa988f00020da828754c10366449cafb32b95d265986d199411b91321c6ff068c812d23c5dc"
	testGrantKey   = "04ac46d2953dbf5a008416ff406aac929c32a91ed62fd515d17d48282773a1497e2d850f4dfd02b06d69d3fd3592559d217d73ca5670b02fbb692e3cf95c076c37"
	testPINPublic  = "0008000b000404800020340a2e03a6b72a3353c68dc3b3c0228b7fbf7c140802c3d37acf996df692562e0005000b002021dc741746c98057b85694ee7478a4fd79d86211d7651ab8472149b7695e385a"
	testPINKey     = "002031f3e6fca69a8a8b9cc6acd4cdbe52d6215638f43489ca4e97d450f7422c67f7647fbfad4dbdcc6e7f9bea176e7f749e93dd7fa67f46cb24e546ca682d1f7274d21a84cfcab0107fae4619f3be04d8ba052c50df16f0fc753eb1539cf9eb500bbb250d0ef0ec4af22f0d"
	testPINSeed    = "0020c75b7f0ae0129a5e4f8e9fb0c7d2913a9b1129d828ad3df3dd754d0ca0f7ec65002098d24d8ca051a8cce86bd37c1207f59c59b36aa0e0b1fb71209d8709592c9ed2"
	testCardPublic = "0008000b0004044000000005000b00209b23e6bc3c193b42d1b92c2149e8ade0b988963cc52a0fb2794e52a3ecc3231a"
	testCardsKey   = "00209bf6ef59c5a448e132d388a558c42e1b56ee326df58c3d32b0250e9b8bb908ea8dd36c8dd7304b8d11838f263c2869183dc596e12b2ad998df365ef0d0e134a5e8854061c04db1cc7edb917bab53c1eeef90f88e563e4d9237332b1bc58dc852175bfbac6d00fde90f52"
	testCardSeed   = "00206cae6c9f8a2c8cccd1e13e44751ca02cd211dd9d5a3d55cceee1bdcaee307dfa0020798baae85e9a2f5b926f2eff1a9d8dd438d09b8e6adc78a915a933244232d8b1"
	testFirstGrant = "cd739f9ac1401e61a220f7703a4756fd52b647254f33641197191c738f0c2d87d7e23655a43dd005c81197d6cf54ffdd89938aaf27cf412334658f84f85d74c1"
	testRefill     = "f3029a6a05dde5cad8ce5cd01116fc66fea44398185a2b3e4076c92a818085af5107fe1178377083df56f411c78e06705904d9d154d95a64bf85094a9130e06f"

	testEndorsement      = "308201373081dda003020102020101300a06082a8648ce3d0403023014311230100603550403130954504d206d616b65723020170d3236303130313030303030305a180f39393939313233313233353935395a30003059301306072a8648ce3d020106082a8648ce3d03010703420004955baf57591a487d428bb6895cdf17ca768bfd2a652da481a7cef5127bd21af24b46827f03d1a51136f497bf85bafc354254f089f2bd6940ca85d2ffc79232c9a3323030300e0603551d0f0101ff04040302030830100603551d250409300706056781050801300c0603551d130101ff04023000300a06082a8648ce3d0403020349003046022100e74b8fb9587190d060ca444f9780d20d49ec15712eacb4d4b165683634d10d50022100813d57ff7a91c10528219cc0daad9766fde6b52e27d8d4309b2d548911413db3"
	testActivationObject = "00201d66af47baf29b2e2b90c3f31961dec4dcabbd3fb56100199f58d3fc07a17256571310114d2c65f66b145f5afad4723752a7f70f07c74feb82a614e67ab2e2f86242"
	testActivationSecret = "00206bead3a8e4951808d323987d2046ac41e0bb8d93fb0a9524aea62c059bb12d1a002083600c5bc7e6091f3b8a229be3e1c0237cf55946a35182d53e8a2eb9a3323e7e"
	testPINEncrypted     = "bc646e01cdead65e9e96330ebbcd56269bf0f1aecdd1831864610b2a1a2f46d20eabb9f65c16a0a5cadb3480ec2de5e9ed9bc1060fa6de9cdb42803e9ac97ee406538944260f5da380b883331675a1a62fedb62dd04a15e5674aa84df9984709d061c5d1615378224237edad21f26a621d7bd82946a272f72331b8d28ef4b775a6646ec91eb2ed5f"
	testCardsEncrypted   = "b9c979aaddf6adf96838f9a1ab4d73df229d181c13c888fb3eb5edcfd6a057d0426d6527c63bb3c77126b151e0fdca2306f43f67996ca517e3994281a6ce8672d00948291f31d1d986c6b7815ba26733caf99b0fb3cf8a271823d8ea98ca231ffac6ea95daa3a9d85f0b1e45c76e6e0a14ddb1399076f09b5772c4bf1699159494e81f723098be49"
)

var (
	testRef      = TPMRef(fill(0x50, 32))
	testTPMNonce = TPMNonce(fill(0xc0, 32))
)

// testEpochKeys are those of the site key f0 f1 … 0f.
func testEpochKeys(t testing.TB) *EpochKeys {
	t.Helper()
	keys := &EpochKeys{Number: 1767225603}
	for info, key := range map[string]*[]byte{"latchkey PIN key 1": &keys.PIN, "latchkey card key 1": &keys.Card} {
		var err error
		if *key, err = hkdf.Key(sha256.New, fill(0xf0, 32), nil, info, 32); err != nil {
			t.Fatal(err)
		}
	}
	return keys
}

// testTPMKeys are the same for a reader with a TPM, with its first grant.
func testTPMKeys(t testing.TB) *EpochKeys {
	t.Helper()
	return &EpochKeys{Number: 1767225604, TPM: &TPMKeys{
		GrantKey: [65]byte(decodeHex(t, testGrantKey)), Ref: testRef,
		PIN:   WrappedKey{decodeHex(t, testPINPublic), decodeHex(t, testPINKey), decodeHex(t, testPINSeed)},
		Card:  WrappedKey{decodeHex(t, testCardPublic), decodeHex(t, testCardsKey), decodeHex(t, testCardSeed)},
		Grant: Grant{500, testTPMNonce, [64]byte(decodeHex(t, testFirstGrant))},
	}}
}

// testRefilled has the refill that follows.
func testRefilled(t testing.TB) *EpochKeys {
	keys := testTPMKeys(t)
	keys.Number++
	keys.TPM.Grant = Grant{Limit: 600, Signature: [64]byte(decodeHex(t, testRefill))}
	return keys
}

// testActivated are those of testTPMKeys for a TPM that an authority has certified.
func testActivated(t testing.TB) *EpochKeys {
	t.Helper()
	keys := testTPMKeys(t)
	keys.TPM.PIN.Duplicate, keys.TPM.Card.Duplicate = decodeHex(t, testPINEncrypted), decodeHex(t, testCardsEncrypted)
	keys.TPM.Activation = &Activation{decodeHex(t, testActivationObject), decodeHex(t, testActivationSecret)}
	return keys
}

// testCertified is testTPMRequest with a certificate.
func testCertified(t testing.TB) *Request {
	r := testTPMRequest(t)
	r.TPM.Endorsement = decodeHex(t, testEndorsement)
	return r
}

// testTPMRequest asks for keys for the parent above, with a nonce for the first grant.
func testTPMRequest(t testing.TB) *Request {
	r := testRequest(t)
	r.Signing = [32]byte{}
	r.TPM = &RequestTPM{Parent: decodeHex(t, testParent), Revision: 138, Nonce: testTPMNonce, Signing: [65]byte(testTPMSigner(t).point(t))}
	return r
}

// indexName returns the Name of the index that counts for a Ref (TPM 2.0 Library, Part 1,
// "Names"; Part 2, TPMS_NV_PUBLIC).
func indexName(t *testing.T, grantKey [65]byte, ref TPMRef, attributes uint32) []byte {
	t.Helper()
	hash := func(parts ...[]byte) []byte {
		sum := sha256.Sum256(slices.Concat(parts...))
		return sum[:]
	}
	zero, algorithm := make([]byte, 32), unhex(t, "000b") // TPM_ALG_SHA256
	key := slices.Concat(unhex(t, "0023 000b 00040040 0000 0010 0018 000b 0003 0010 0020"), grantKey[1:33], unhex(t, "0020"), grantKey[33:])
	signed := hash(hash(zero, unhex(t, "00000160"), algorithm, hash(key)), ref[:]) // TPM_CC_PolicySigned
	reads := hash(zero, unhex(t, "0000016c 0000014e"))                             // TPM_CC_PolicyCommandCode, TPM_CC_NV_Read
	policy := hash(zero, unhex(t, "00000171"), signed, reads)                      // TPM_CC_PolicyOR
	public := slices.Concat(unhex(t, "01804c4b 000b"), binary.BigEndian.AppendUint32(nil, attributes), unhex(t, "0020"), policy, unhex(t, "0008"))
	return append(algorithm, hash(public)...)
}

func TestTheGrantsOfTheVectorsAreSignedAsTheIndexWantsIt(t *testing.T) {
	document, err := os.ReadFile("../PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	example := regexp.MustCompile("(?s)```grant\n(.*?)```").FindSubmatch(document)
	if example == nil {
		t.Fatal("the protocol has no example")
	}
	var signedIs string
	for _, test := range []struct {
		index      string
		grant      string
		keys       *EpochKeys
		attributes uint32
		data       string // of TPM2_NV_Write: size, what is written, offset
	}{
		{"index", "first", testTPMKeys(t), 0x020c0098, "0008 00000000 000001f4 0000"},
		{"written", "refill", testRefilled(t), 0x220c0098, "0004 00000258 0004"},
	} {
		k := test.keys.TPM
		name := indexName(t, k.GrantKey, k.Ref, test.attributes)
		cpHash := sha256.Sum256(slices.Concat(unhex(t, "00000137"), name, name, unhex(t, test.data)))
		var nonce []byte
		if k.Grant.Nonce != (TPMNonce{}) {
			nonce = k.Grant.Nonce[:]
		}
		signed := sha256.Sum256(slices.Concat(nonce, make([]byte, 4), cpHash[:], k.Ref[:]))
		signedIs += fmt.Sprintf("%-7s %x\ncpHash  %x\n%-7s %x\n", test.index, name, cpHash, test.grant, signed)
		key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), k.GrantKey[:])
		if err != nil {
			t.Fatal(err)
		}
		s := k.Grant.Signature
		if !ecdsa.Verify(key, signed[:], new(big.Int).SetBytes(s[:32]), new(big.Int).SetBytes(s[32:])) {
			t.Errorf("the grant of %d is not signed", k.Grant.Limit)
		}
	}
	if signedIs != string(example[1]) {
		t.Errorf("what is signed is\n%snot\n%s", signedIs, example[1])
	}
}

func TestKeysThatNoControllerGivesAreRefused(t *testing.T) {
	read := func(b []byte) error { _, err := parsers["epochkeys"](b); return err }
	refused(t, read, func() *EpochKeys { return testEpochKeys(t) }, map[string]func(*EpochKeys){
		"no number":                 func(k *EpochKeys) { k.Number = 0 },
		"a number above all":        func(k *EpochKeys) { k.Number = MaxNumber + 1 },
		"no card key":               func(k *EpochKeys) { k.Card = nil },
		"a short card key":          func(k *EpochKeys) { k.Card = k.Card[:31] },
		"a long card key":           func(k *EpochKeys) { k.Card = append(k.Card, 0) },
		"a short PIN key":           func(k *EpochKeys) { k.PIN = k.PIN[:1] },
		"a long PIN key":            func(k *EpochKeys) { k.PIN = append(k.PIN, 0) },
		"nothing":                   func(k *EpochKeys) { k.PIN, k.Card = nil, nil },
		"a TPM's beside both":       func(k *EpochKeys) { k.TPM = testTPMKeys(t).TPM },
		"a TPM's beside a PIN key":  func(k *EpochKeys) { k.TPM, k.Card = testTPMKeys(t).TPM, nil },
		"a TPM's beside a card key": func(k *EpochKeys) { k.TPM, k.PIN = testTPMKeys(t).TPM, nil },
	})
	withheld := testEpochKeys(t)
	withheld.PIN = nil
	if err := read(Marshal(withheld)); err != nil {
		t.Errorf("without a PIN key: %v", err)
	}
	changes := map[string]func(*EpochKeys){
		"no number":                func(k *EpochKeys) { k.Number = 0 },
		"no reference":             func(k *EpochKeys) { k.TPM.Ref = TPMRef{} },
		"a grant of nothing":       func(k *EpochKeys) { k.TPM.Grant.Limit = 0 },
		"no grant key":             func(k *EpochKeys) { k.TPM.GrantKey = [65]byte{} },
		"a grant key not on P-256": func(k *EpochKeys) { k.TPM.GrantKey[64] ^= 1 },
		"a compressed grant key":   func(k *EpochKeys) { k.TPM.GrantKey[0] = 2 },
	}
	for name, part := range map[string]func(*TPMKeys) *[]byte{
		"public area of the PIN key":  func(k *TPMKeys) *[]byte { return &k.PIN.Public },
		"duplicate of the PIN key":    func(k *TPMKeys) *[]byte { return &k.PIN.Duplicate },
		"seed of the PIN key":         func(k *TPMKeys) *[]byte { return &k.PIN.Seed },
		"public area of the card key": func(k *TPMKeys) *[]byte { return &k.Card.Public },
		"duplicate of the card key":   func(k *TPMKeys) *[]byte { return &k.Card.Duplicate },
		"seed of the card key":        func(k *TPMKeys) *[]byte { return &k.Card.Seed },
	} {
		changes["no "+name] = func(k *EpochKeys) { *part(k.TPM) = nil }
		changes["a long "+name] = func(k *EpochKeys) { *part(k.TPM) = make([]byte, maxTPM+1) }
	}
	for name, part := range map[string]func(*Activation) *[]byte{
		"object of the activation": func(a *Activation) *[]byte { return &a.Object },
		"secret of the activation": func(a *Activation) *[]byte { return &a.Secret },
	} {
		changes["no "+name] = func(k *EpochKeys) { k.TPM.Activation = testActivated(t).TPM.Activation; *part(k.TPM.Activation) = nil }
		changes["a long "+name] = func(k *EpochKeys) {
			k.TPM.Activation = testActivated(t).TPM.Activation
			*part(k.TPM.Activation) = make([]byte, maxTPM+1)
		}
	}
	refused(t, read, func() *EpochKeys { return testTPMKeys(t) }, changes)
	for name, change := range changes {
		keys := testTPMKeys(t)
		change(keys)
		if _, err := SealKey("front-door", testEpoch, keys, testSealing(t).PublicKey()); err == nil {
			t.Errorf("%s: sealed", name)
		}
		b := testBundle(t)
		b.Keys = *keys
		if _, err := SealBundle(b, testRequest(t), testController); err == nil {
			t.Errorf("%s: sealed in a bundle", name)
		}
		sealed, err := Seal(testSealing(t).PublicKey(), sealedKey, Marshal(keys))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := (&Key{"front-door", testEpoch, sealed}).Unseal(testSealing(t)); err == nil || got != nil {
			t.Errorf("%s: opened as %+v", name, got)
		}
	}
}

func TestTheLongestKeysFitAMessage(t *testing.T) {
	keys := testTPMKeys(t)
	keys.Number, keys.TPM.Grant.Limit = MaxNumber, 1<<32-1
	part := make([]byte, maxTPM)
	keys.TPM.PIN, keys.TPM.Card, keys.TPM.Activation = WrappedKey{part, part, part}, WrappedKey{part, part, part}, &Activation{part, part}
	k, err := SealKey("front-door", MaxNumber, keys, testSealing(t).PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	signed := mustSign(t, KindKey, Marshal(k))
	if len(signed) > OnKey.Limit() || len(keys.Encode()) > MaxEpochKeys {
		t.Errorf("%d bytes, of keys %d", len(signed), len(keys.Encode()))
	}
	opened, err := OpenKey(testSite, signed, publicKey(testController))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := opened.Unseal(testSealing(t)); err != nil || !reflect.DeepEqual(got, keys) {
		t.Errorf("%+v, %v", got, err)
	}
}

// signedAndParsed returns a request as it comes to the controller.
func signedAndParsed(t *testing.T, r *Request) (*Request, string) {
	t.Helper()
	signed, err := r.Sign(signerOf(t, r))
	if err != nil {
		t.Fatal(err)
	}
	got, fingerprint, err := ParseRequest(signed)
	if err != nil {
		t.Fatal(err)
	}
	return got, fingerprint
}

func TestTheNonceOfARequestIsSignedAndDoesNotLast(t *testing.T) {
	asked, again, none := testTPMRequest(t), testTPMRequest(t), testTPMRequest(t)
	again.TPM.Nonce, none.TPM.Nonce = TPMNonce{1}, TPMNonce{}
	_, want := signedAndParsed(t, asked)
	for name, r := range map[string]*Request{"another": again, "none": none} {
		parsed, got := signedAndParsed(t, r)
		if got != want || !bytes.Equal(parsed.Lasting(), asked.Lasting()) || parsed.TPM.Nonce != r.TPM.Nonce {
			t.Errorf("%s: fingerprint %s, not %s", name, got, want)
		}
	}
	if !bytes.Equal(asked.Lasting(), Marshal(none)) || asked.TPM.Nonce != testTPMNonce {
		t.Error("what lasts is not the request without its nonce, or the request has lost it")
	}
	if plain := testRequest(t); !bytes.Equal(plain.Lasting(), Marshal(plain)) {
		t.Error("not all of a request without a TPM lasts")
	}
	for name, change := range map[string]func(*Request){
		"another parent":   func(r *Request) { r.TPM.Parent[121] ^= 1 },
		"another revision": func(r *Request) { r.TPM.Revision++ },
		"a certificate":    func(r *Request) { r.TPM.Endorsement = testCertified(t).TPM.Endorsement },
		"no TPM":           func(r *Request) { r.TPM, r.Signing = nil, testRequest(t).Signing },
	} {
		r := testTPMRequest(t)
		change(r)
		if _, got := signedAndParsed(t, r); got == want {
			t.Errorf("%s: the same fingerprint", name)
		}
	}
	signed, err := asked.Sign(testTPMSigner(t))
	if err != nil {
		t.Fatal(err)
	}
	signed[bytes.Index(signed, testTPMNonce[:])] ^= 1
	if _, _, err := ParseRequest(signed); err == nil {
		t.Error("a nonce that the board has not signed is taken")
	}
	// A bundle for one start of the board opens after the next.
	b := testBundle(t)
	b.Keys = *testTPMKeys(t)
	sealed, err := SealBundle(b, asked, testController)
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]*Request{"the same": asked, "another nonce": again, "no nonce": none} {
		if got, err := OpenBundle(sealed, r, testSealing(t)); err != nil || !reflect.DeepEqual(got, b) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestARequestWithAParentThatNoTPMHasIsRefused(t *testing.T) {
	changes := map[string]func(*Request){
		"no parent":          func(r *Request) { r.TPM.Parent = nil },
		"a long parent":      func(r *Request) { r.TPM.Parent = make([]byte, maxTPM+1) },
		"a long certificate": func(r *Request) { r.TPM.Endorsement = make([]byte, MaxEndorsement+1) },
	}
	refused(t, func(b []byte) error {
		signed, err := Sign(KindRequest, SiteID{}, b, testTPMSigner(t))
		if err == nil {
			_, _, err = ParseRequest(signed)
		}
		return err
	}, func() *Request { return testTPMRequest(t) }, changes)
	for name, change := range changes {
		r := testTPMRequest(t)
		change(r)
		if _, err := SealBundle(testBundle(t), r, testController); err == nil {
			t.Errorf("%s: a bundle is sealed for it", name)
		}
	}
}

func TestNothingIsLeftOfABudgetThatIsSpent(t *testing.T) {
	for b, want := range map[Budget]uint32{{}: 0, {12, 500}: 488, {500, 500}: 0, {501, 500}: 0, {0, 1<<32 - 1}: 1<<32 - 1, {1<<32 - 1, 0}: 0} {
		if got := b.Left(); got != want {
			t.Errorf("%+v: %d are left, not %d", b, got, want)
		}
	}
}

func TestWipedKeysAreGone(t *testing.T) {
	keys := testEpochKeys(t)
	pin, card := keys.PIN, keys.Card
	keys.Wipe()
	if !bytes.Equal(slices.Concat(pin, card), make([]byte, 64)) {
		t.Error("something is left")
	}
}

func TestEncodedKeysAreInNoBufferThatTheEncoderKeeps(t *testing.T) {
	keys := &EpochKeys{Number: 1, PIN: bytes.Repeat([]byte{0xa7, 0x15, 0xc1, 0x3b}, 8), Card: make([]byte, 32)}
	if !bytes.Equal(keys.Encode(), Marshal(keys)) {
		t.Fatal("they have two encodings")
	}
	if !bytes.Contains(keptByTheEncoder(t), keys.PIN) {
		t.Skip("the encoder takes another buffer")
	}
	clear(keptByTheEncoder(t))
	sealed, err := SealKey("front-door", testEpoch, keys, testSealing(t).PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sealed.Unseal(testSealing(t)); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(keptByTheEncoder(t), keys.PIN[:16]) {
		t.Error("the keys are there")
	}
}
