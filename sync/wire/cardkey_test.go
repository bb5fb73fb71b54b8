package wire

import (
	"bytes"
	"slices"
	"testing"
)

// What is sealed or wrapped is different each time, so these are bytes that were once
// made. The wrapped key was made by another implementation of AES-GCM, with the nonce
// 30 31 … 3b.
const (
	testSealedCardToKey = "a83cfcf885811a141e11bbb1c41d797fc86841d97a78dfabb94f35ea180b8c4872b1a0782099dfed7ef9c3750ac6e1457f4e2e3910882ddc2bd4e9085a9ec441e3755fb1f8dc9db12c0b3cf7a144f473bcc01c766c2efab222"
	testSealedCardKeys  = "82f6ae18465e1c45aac6823f3b2fc9c9c16729806ff24b21a48965f580c2172d824ff16079f2ea94d856b391e71d825fbff90bbba666b5a9e269981887da47c62d519f7d79226eb9690ea5f7e3ab6c21891945e2fdc3a1c221ba34dc0e101f4162f750f6082f30977bcb3f44dc3c80b4dd5a289f218a32ea746ded11c17ed73b430bc4e3b1dd616695c76c27c72652453d9c75c48a3a02c407cb34ad9c1fb7aaf35a259e13b36f30a0f396d4cc008075ff4d8699ff4f281a2b61681ae88e2ed5"
	testWrappingKey     = "497527093addcdc7df0811f98544b50e158c95a4f9df972a202f365b12c1b0b9"
	testWrapped         = "303132333435363738393a3b3b07712b7a1bffb2ea588215e1a0d765cbd1b3e4e7b620cf99462e6e1b01b1db1c"
)

var testCardKey = CardKey{DESFireEV2, [16]byte(fill(0x21, 16))}

func testProvenCard(t testing.TB) *Credential {
	return &Credential{ID: 4, Kind: Card, User: 1, Name: "Ada Lovelace", CardKey: decodeHex(t, testWrapped)}
}

func testPersonalise(t testing.TB) *Command {
	c := testEnrol(t)
	c.ID, c.Order = CommandID(fill(0xe0, 16)), Personalise
	return c
}

func testCardToKey(t testing.TB) *CardToKey {
	return &CardToKey{UID: testCardUID, Version: decodeHex(t, "040101330018050401010300180504a1b2c3d4e58021136230304024")}
}

func testCardKeys(t testing.TB) *CardKeys {
	return &CardKeys{Reader: "front-door", Command: testPersonalise(t).ID, Sealed: decodeHex(t, testSealedCardKeys)}
}

func testCardKeySets(t testing.TB) *CardKeySets {
	return &CardKeySets{
		Command: testPersonalise(t).ID, UID: bytes.Clone(testCardUID), Chip: DESFireEV2,
		To: KeySet{2, fill(0x01, 48)}, From: []KeySet{{1, fill(0x41, 48)}, {Generation: 0}},
	}
}

func TestACardKeyUnwrapsOnlyUnderItsOwnKey(t *testing.T) {
	with := [32]byte(decodeHex(t, testWrappingKey))
	got, err := UnwrapCardKey(&with, decodeHex(t, testWrapped))
	if err != nil || *got != testCardKey {
		t.Errorf("%+v, %v", got, err)
	}
	wrapped, err := testCardKey.Wrap(&with)
	if err != nil || len(wrapped) != CardKeySize {
		t.Fatalf("%x, %v", wrapped, err)
	}
	again, err := testCardKey.Wrap(&with)
	if err != nil || bytes.Equal(wrapped[:12], again[:12]) {
		t.Errorf("two nonces are %x and %x, %v", wrapped[:12], again[:12], err)
	}
	if got, err := UnwrapCardKey(&with, wrapped); err != nil || *got != testCardKey {
		t.Errorf("%+v, %v", got, err)
	}
	for i := range wrapped {
		changed := bytes.Clone(wrapped)
		changed[i] ^= 1
		if _, err := UnwrapCardKey(&with, changed); err == nil {
			t.Errorf("byte %d changed: it unwraps", i)
		}
	}
	for n := range wrapped {
		if _, err := UnwrapCardKey(&with, wrapped[:n]); err == nil {
			t.Errorf("cut to %d bytes: it unwraps", n)
		}
	}
	other := with
	other[31] ^= 1
	if _, err := UnwrapCardKey(&other, wrapped); err == nil {
		t.Error("it unwraps under another card's key")
	}
	for _, chip := range []CardChip{0, 4, 255} {
		wrapped, err := (&CardKey{Chip: chip}).Wrap(&with)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := UnwrapCardKey(&with, wrapped); err == nil {
			t.Errorf("the unknown chip %d is read", chip)
		}
	}
}

func TestOnlyACardCarriesACardKeyOfItsLength(t *testing.T) {
	if err := testProvenCard(t).Check(); err != nil {
		t.Error(err)
	}
	refused(t, func(b []byte) error { _, err := parsers["credential"](b); return err }, func() *Credential { return testProvenCard(t) }, map[string]func(*Credential){
		"of a PIN": func(c *Credential) { c.Kind = PIN },
		"short":    func(c *Credential) { c.CardKey = c.CardKey[:44] },
		"long":     func(c *Credential) { c.CardKey = append(c.CardKey, 0) },
	})
}

func TestCardKeysOfTheVectorsOpen(t *testing.T) {
	card, err := (&CardRead{testPersonalise(t).ID, decodeHex(t, testSealedCardToKey)}).UnsealCardToKey(testEnrolKey(t))
	if want := testCardToKey(t); err != nil || !bytes.Equal(card.UID, want.UID) || !bytes.Equal(card.Version, want.Version) {
		t.Errorf("%+v, %v", card, err)
	}
	sets, err := testCardKeys(t).Unseal(testSealing(t))
	if err != nil || !bytes.Equal(Marshal(sets), Marshal(testCardKeySets(t))) {
		t.Errorf("%+v, %v", sets, err)
	}
	sets.Wipe()
	for _, set := range append(sets.From, sets.To) {
		if slices.Max(append(set.Keys, 0)) != 0 {
			t.Errorf("generation %d is not wiped", set.Generation)
		}
	}
}

func TestACardForKeysIsSealedForItsCommandAndPurposeOnly(t *testing.T) {
	for _, change := range []func(*CardToKey){
		func(*CardToKey) {},
		func(c *CardToKey) { c.UID = c.UID[:4] },
		func(c *CardToKey) { c.UID = fill(1, 10); c.Version = append(c.Version, 1) },
		func(c *CardToKey) { c.UID = fill(1, 10); c.Version = append(c.Version, 1); c.Generations = fill(1, 5) },
	} {
		card := testCardToKey(t)
		change(card)
		read, err := SealCardToKey(testPersonalise(t), card)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := read.UnsealCardToKey(testEnrolKey(t)); err != nil || !bytes.Equal(Marshal(got), Marshal(card)) {
			t.Errorf("%+v, %v", got, err)
		}
		if _, err := read.Unseal(testEnrolKey(t)); err == nil {
			t.Error("it opens as an enrolled card")
		}
		if _, err := read.UnsealCardToKey(testSealing(t)); err == nil {
			t.Error("it opens with another command's key")
		}
	}
	for name, change := range map[string]func(*CardToKey){
		"a UID of 5 bytes":      func(c *CardToKey) { c.UID = c.UID[:5] },
		"a version of 27 bytes": func(c *CardToKey) { c.Version = c.Version[:27] },
		"a version of 30 bytes": func(c *CardToKey) { c.Version = append(c.Version, 0, 0) },
		"six generations":       func(c *CardToKey) { c.UID, c.Generations = c.UID[:4], fill(1, 6) },
	} {
		card := testCardToKey(t)
		change(card)
		if _, err := SealCardToKey(testPersonalise(t), card); err == nil {
			t.Errorf("%s is sealed", name)
		}
		sealed, err := Seal(testEnrolKey(t).PublicKey(), sealedCardToKey, Marshal(card))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := (&CardRead{testPersonalise(t).ID, sealed}).UnsealCardToKey(testEnrolKey(t)); err == nil {
			t.Errorf("%s is read", name)
		}
	}
	uid, err := SealCard(testPersonalise(t), testCardUID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := uid.UnsealCardToKey(testEnrolKey(t)); err == nil {
		t.Error("an enrolled card opens as one for keys")
	}
}

func TestCardKeysAreForTheirReaderCommandAndBoardOnly(t *testing.T) {
	keys, err := SealCardKeys("front-door", testCardKeySets(t), testSealing(t).PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := keys.Unseal(testSealing(t)); err != nil || !bytes.Equal(Marshal(got), Marshal(testCardKeySets(t))) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := keys.Unseal(testEnrolKey(t)); err == nil {
		t.Error("another board opens them")
	}
	keys.Command[0]++
	if _, err := keys.Unseal(testSealing(t)); err == nil {
		t.Error("they open for another command")
	}
	signed := mustSign(t, KindCard, Marshal(testCardKeys(t)))
	if _, err := OpenCardKeys(testSite, signed, publicKey(testController)); err != nil {
		t.Error(err)
	}
	if _, err := OpenCardKeys(testSite, mustSign(t, KindKey, Marshal(testCardKeys(t))), publicKey(testController)); err == nil {
		t.Error("signed as another kind, they are accepted")
	}
	refused(t, accepts(KindCard), func() *CardKeys { return testCardKeys(t) }, map[string]func(*CardKeys){
		"no reader":         func(k *CardKeys) { k.Reader = "" },
		"no command":        func(k *CardKeys) { k.Command = CommandID{} },
		"nothing is sealed": func(k *CardKeys) { k.Sealed = k.Sealed[:48] },
		"too much":          func(k *CardKeys) { k.Sealed = make([]byte, 689) },
	})
	if err := accepts(KindCard)(Marshal(&CardKeys{Reader: "front-door", Command: testPersonalise(t).ID})); err != nil {
		t.Errorf("a declined card: %v", err)
	}
}

func TestKeySetsThatNoCardCanHaveAreRefused(t *testing.T) {
	for name, change := range map[string]func(*CardKeySets){
		"no command":           func(s *CardKeySets) { s.Command = CommandID{} },
		"a UID of 8 bytes":     func(s *CardKeySets) { s.UID = fill(1, 8) },
		"no chip":              func(s *CardKeySets) { s.Chip = 0 },
		"an unknown chip":      func(s *CardKeySets) { s.Chip = 4 },
		"keys of another chip": func(s *CardKeySets) { s.Chip = NTAG424 },
		"no new keys":          func(s *CardKeySets) { s.To.Keys = nil },
		"keys of generation 0": func(s *CardKeySets) { s.From[1].Keys = fill(1, 48) },
		"six to replace": func(s *CardKeySets) {
			s.From = append(s.From, KeySet{3, fill(1, 48)}, KeySet{4, fill(1, 48)}, KeySet{5, fill(1, 48)}, KeySet{6, fill(1, 48)})
		},
		"the same generation twice": func(s *CardKeySets) { s.From[1] = s.From[0] },
		"one that replaces itself":  func(s *CardKeySets) { s.From[0] = s.To },
	} {
		sets := testCardKeySets(t)
		change(sets)
		if _, err := SealCardKeys("front-door", sets, testSealing(t).PublicKey()); err == nil {
			t.Errorf("%s: sealed", name)
		}
		sealed, err := Seal(testSealing(t).PublicKey(), sealedCardKeys, Marshal(sets))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := (&CardKeys{"front-door", testPersonalise(t).ID, sealed}).Unseal(testSealing(t)); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
	ntag := testCardKeySets(t)
	ntag.Chip, ntag.UID, ntag.To, ntag.From = NTAG424, fill(1, 10), KeySet{100, fill(1, 80)}, nil
	for range 6 {
		sealed, err := SealCardKeys("front-door", ntag, testSealing(t).PublicKey())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := sealed.Unseal(testSealing(t)); err != nil || !bytes.Equal(Marshal(got), Marshal(ntag)) {
			t.Errorf("%d sets: %+v, %v", len(ntag.From), got, err)
		}
		ntag.From = append(ntag.From, KeySet{uint8(200 + len(ntag.From)), fill(1, 80)})
	}
}

// buffer is a buffer that the encoder keeps for later.
type buffer struct{ whole []byte }

func (b *buffer) Write(p []byte) (int, error) {
	b.whole = p[:cap(p)]
	return len(p), nil
}

// keptByTheEncoder returns the buffer that the next encoding takes.
func keptByTheEncoder(t *testing.T) []byte {
	t.Helper()
	b := new(buffer)
	if err := encoding.NewEncoder(b).Encode(uint8(1)); err != nil {
		t.Fatal(err)
	}
	return b.whole
}

func TestWhatWasDecodedIsInNoBufferThatTheEncoderKeeps(t *testing.T) {
	sets := CardKeySets{Command: CommandID{1}, UID: make([]byte, 7), Chip: DESFireEV2, From: []KeySet{{}}}
	sets.To = KeySet{Generation: 1, Keys: bytes.Repeat([]byte{0xA5, 0x17, 0xC3}, 16)}
	encoded := Marshal(&sets)
	if !bytes.Contains(keptByTheEncoder(t), sets.To.Keys) {
		t.Skip("the encoder takes another buffer")
	}
	clear(keptByTheEncoder(t))
	var decoded CardKeySets
	if err := Unmarshal(encoded, len(encoded), &decoded); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(keptByTheEncoder(t), sets.To.Keys[:16]) {
		t.Error("the keys are there")
	}
}
