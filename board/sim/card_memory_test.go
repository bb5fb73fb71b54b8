package sim

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestChangeKeyIsTornWholeOrNotAtAll(t *testing.T) {
	for tear, written := range map[Tear]bool{BeforeWrite: false, InWrite: false, AfterWrite: true} {
		for number := range byte(2) {
			h := hold(t, NTAG424)
			h.want(selectNTAG, "9000")
			r, _ := h.first(0, zeroKey)
			command := slices.Concat(unhex("90C4000029"), r.command(0xC4, []byte{number}, changeAES(number != 0)), []byte{0})
			h.memory.TearNext(tear)
			for _, c := range [][]byte{command, unhex("9060000000")} {
				if reply, _, ok := h.exchange(c); ok {
					t.Fatalf("tear %d: %X although the power is gone", tear, reply)
				}
			}
			h.deselected()
			h.selected()
			h.want(selectNTAG, "9000")
			if v, _ := h.wrapped(0x64, number); (v[0] == 7) != written {
				t.Errorf("tear %d: version %d", tear, v[0])
			}
			_, old := h.first(number, zeroKey)
			_, changed := h.first(number, newKey)
			if written != (changed == stOK) || written == (old == stOK) {
				t.Errorf("tear %d, key %d: the old key gets %02X, the new one %02X", tear, number, old, changed)
			}
		}
	}
}

func TestAFileIsTornInTheMiddle(t *testing.T) {
	for tear, want := range map[Tear]string{BeforeWrite: "000000000000", InWrite: "112200000000", AfterWrite: "112233440000"} {
		h := withApplication(hold(t, DESFireEV3), 0x0F, 1)
		h.wantStatus(stOK, 0xCD, 1, 0, 0xEE, 0xEE, 6, 0, 0)
		h.memory.TearNext(tear)
		if _, _, ok := h.exchange(unhex("908D00000B 01 000000 040000 11223344 00")); ok {
			t.Fatal("answered without power")
		}
		h.selected()
		h.wantStatus(stOK, 0x5A, 1, 2, 3)
		h.want("90BD000007 01 000000 000000 00", want+"9100")
	}
}

func TestMemorySurvivesAFile(t *testing.T) {
	for kind := D40; kind <= NTAG424; kind++ {
		h := hold(t, kind)
		if kind == NTAG424 {
			h.want(selectNTAG, "9000")
			r, _ := h.first(0, zeroKey)
			r.do(0xC4, []byte{0}, changeAES(false))
			h.first(1, newKey) // fails once
		} else {
			h.wantStatus(stOK, 0xCA, 1, 2, 3, 0x0B, 2)
			h.wantStatus(stOK, 0x5A, 1, 2, 3)
		}
		text, err := json.Marshal(h.memory)
		if err != nil {
			t.Fatal(err)
		}
		var read *Memory
		if err := json.Unmarshal(text, &read); err != nil {
			t.Fatalf("%v: %v", kind, err)
		}
		if again, _ := json.Marshal(read); !bytes.Equal(text, again) {
			t.Errorf("%v: written as\n%s\nand again as\n%s", kind, text, again)
		}
		if read.Kind() != kind || !bytes.Equal(read.UID(), testUID) {
			t.Errorf("%v: read as %v %X", kind, read.Kind(), read.UID())
		}
		h = &held{t: t, memory: read, cardChip: newCardChip(read)}
		if kind == NTAG424 {
			h.want(selectNTAG, "9000")
			if h.app.Keys[1].Fails != 1 {
				t.Error("a failure is forgotten")
			}
			if _, st := h.first(0, newKey); st != stOK {
				t.Errorf("the changed key: %02X", st)
			}
		} else {
			h.want("906A000000", "010203 9100")
		}
	}
}

func TestMemoryRefusesWhatNoCardHolds(t *testing.T) {
	good, _ := NewMemory(NTAG424, testUID)
	text, _ := json.Marshal(good)
	for _, c := range []struct{ old, new string }{
		{"ntag424", "copy"}, {"ntag424", "nothing"}, {"04a1b2c3d4e580", "04a1"}, {"04a1b2c3d4e580", "xyz"},
		{`"Value":"0000`, `"Value":"`}, {`"Type":128`, `"Type":3`}, {`"AID":"000001"`, `"AID":"01"`}, {`"PICC":{`, `"Other":{`},
		{`"Keys":[{`, `"Keys":[null,{`}, {`"Files":[{`, `"Files":[null,{`}, {`"ISO":"e103"`, `"ISO":"e1"`}, {`{`, `[`},
		{`"Data":"`, `"Data":"` + strings.Repeat("00", chipMemory)},
	} {
		changed := strings.Replace(string(text), c.old, c.new, 1)
		if changed == string(text) {
			t.Fatalf("%q is not in %s", c.old, text)
		}
		if err := json.Unmarshal([]byte(changed), new(Memory)); err == nil {
			t.Errorf("%s instead of %s is taken", c.new, c.old)
		}
	}
	for kind, uid := range map[Kind]string{Copy: "04A1B2C3D4E580", Auto: "04A1B2C3D4E580", DESFireEV3: "04A1B2C3", NTAG424 + 1: "04A1B2C3D4E580"} {
		if _, err := NewMemory(kind, unhex(uid)); err == nil {
			t.Errorf("a %v with UID %s has a memory", kind, uid)
		}
	}
}

func TestKindsHaveNames(t *testing.T) {
	for k := Auto; k <= NTAG424; k++ {
		text, _ := k.MarshalText()
		var read Kind
		if err := read.UnmarshalText(text); err != nil || read != k {
			t.Errorf("%s is read as %v: %v", text, read, err)
		}
	}
	if err := new(Kind).UnmarshalText([]byte("desfire-ev4")); err == nil || !strings.Contains(err.Error(), "desfire-ev3") {
		t.Errorf("%v: it does not say which kinds there are", err)
	}
}

func TestACardAndItsMemoryMustBeOne(t *testing.T) {
	m, _ := NewMemory(DESFireEV3, testUID)
	for _, c := range []Card{
		{UID: unhex("04A1B2C3D4E581"), Kind: DESFireEV3, Memory: m}, {UID: testUID, Kind: DESFireEV2, Memory: m},
		{UID: testUID, Kind: Copy, Memory: m}, {UID: testUID[:4], Kind: NTAG424},
	} {
		if _, err := newPICC(c); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
	for kind, chip := range map[Kind]bool{DESFireEV3: true, NTAG424: true, D40: true, Copy: false, NTAG: false} {
		if p, err := newPICC(Card{UID: testUID, Kind: kind}); err != nil || (p.applet != nil) != chip {
			t.Errorf("%v: %+v, %v", kind, p, err)
		}
	}
}

func TestApplicationsAreBounded(t *testing.T) {
	h := hold(t, DESFireEV1)
	var all string
	for i := range byte(28) {
		h.wantStatus(stOK, 0xCA, 1, 0, i, 0x0B, 0x81)
		all += hex.EncodeToString([]byte{1, 0, i})
	}
	h.wantStatus(stCount, 0xCA, 1, 0, 28, 0x0B, 0x81)
	h.wantStatus(stDuplicate, 0xCA, 1, 0, 27, 0x0B, 0x81)
	h.wantStatus(stDuplicate, 0xCA, 0, 0, 0, 0x0B, 0x81)
	h.wantStatus(stParameter, 0xCA, 1, 0, 28, 0x0B, 0x80)
	h.wantStatus(stParameter, 0xCA, 1, 0, 28, 0x0B, 0x8F)
	h.wantStatus(stParameter, 0xCA, 1, 0, 28, 0x0B, 0xC1)
	h.wantStatus(stLength, 0xCA, 1, 0, 28, 0x0B)
	h.say("906A000000", all[:2*57]+"91AF", "90AF000000", all[2*57:]+"9100")
	h.wantStatus(stNoApp, 0x5A, 2, 0, 0)
	h.wantStatus(stAuth, 0xDA, 1, 0, 0)

	h.legacy(0, zeroKey)
	h.wantStatus(stOK, 0xDA, 1, 0, 0)
	h.wantStatus(stNoApp, 0x5A, 1, 0, 0)
	free := hex.EncodeToString(h.send("906E000000"))
	h.legacy(0, zeroKey)
	h.wantStatus(stOK, 0xFC)
	if got := h.send("906E000000"); bytes.Equal(got, unhex(free)) {
		t.Error("FormatPICC frees no memory")
	}
	h.want("906A000000", "9100")
}

func TestMemoryOfACardEnds(t *testing.T) {
	h := hold(t, DESFireEV3)
	for i := range byte(200) {
		if _, st := h.wrapped(0xCA, 1, 0, i, 0x0B, 0x8E); st != stOK {
			if st != stNoMemory || i < 15 {
				t.Errorf("application %d: %02X", i, st)
			}
			return
		}
	}
	t.Error("no end")
}

func TestKeySettingsRule(t *testing.T) {
	change := func(settings byte, session, number byte) status {
		h := withApplication(hold(t, DESFireEV3), settings, 4)
		r, st := h.first(session, zeroKey)
		if st != stOK {
			t.Fatal(st)
		}
		_, st = r.do(0xC4, []byte{number}, changeAES(session != number))
		return st
	}
	for _, c := range []struct {
		settings, session, number byte
		want                      status
	}{
		{0x0B, 0, 1, stOK}, {0x0B, 1, 1, stAuth}, {0x0B, 1, 0, stAuth}, {0x0B, 0, 0, stOK}, {0x0B, 0, 4, stNoSuchKey},
		{0x0A, 0, 0, stDenied}, {0xFB, 0, 1, stDenied}, {0xFB, 0, 0, stOK}, {0xEB, 1, 1, stOK}, {0xEB, 0, 1, stAuth},
		{0x2B, 2, 1, stOK}, {0x2B, 0, 1, stAuth}, {0x2B, 0, 2, stOK}, {0x2B, 2, 2, stAuth},
	} {
		if got := change(c.settings, c.session, c.number); got != c.want {
			t.Errorf("settings %02X, key %d with key %d: %02X, not %02X", c.settings, c.number, c.session, got, c.want)
		}
	}
	h := withApplication(hold(t, DESFireEV3), 0x00, 2)
	h.wantStatus(stAuth, 0x45)
	h.wantStatus(stAuth, 0xC4, 1)
	h.wantStatus(stAuth, 0xCD, 1, 0, 0, 0, 1, 0, 0)
	r, _ := h.first(0, zeroKey)
	if _, st := r.do(0x45, nil, nil); st != stOK {
		t.Errorf("45 with the master key: %02X", st)
	}
	if _, st := r.do(0x54, nil, []byte{0x0F}); st != stDenied {
		t.Errorf("frozen settings: %02X", st)
	}
	h.wantStatus(stDenied, 0x6A) // not at the PICC level
}

func TestAuthenticationsSuitTheKey(t *testing.T) {
	h := hold(t, DESFireEV3)
	for _, ins := range []byte{insAuthAES, insAuthFirst} {
		h.wantStatus(stAuth, ins, []byte{0, 0}[:1+b2i(ins == insAuthFirst)]...)
	}
	h.wantStatus(stNoSuchKey, insAuthISO, 1)
	withApplication(h, 0x0B, 1)
	h.wantStatus(stAuth, insAuthLegacy, 0)
	h.wantStatus(stAuth, insAuthISO, 0)
	h.wantStatus(stAuth, insAuthNon, 0)
	h.memory.Configure(ChipOptions{WrongType: 0x40})
	h.wantStatus(stNoSuchKey, insAuthISO, 0)
	if _, st := h.aes(0, newKey); st != stAuth {
		t.Errorf("another AES key: %02X", st)
	}
	if _, st := h.first(0, newKey); st != stAuth {
		t.Errorf("another AES key: %02X", st)
	}

	h = withApplication(hold(t, DESFireEV1), 0x0B, 1)
	h.wantStatus(stIllegal, insAuthFirst, 0, 0)
	h = hold(t, D40)
	for _, ins := range []byte{insAuthISO, insAuthAES, insAuthFirst, 0x51, 0x6E, 0x8D, 0x5C} {
		h.wantStatus(stIllegal, ins, 0)
	}
	if _, st := h.legacy(0, newKey); st != stAuth {
		t.Errorf("another DES key: %02X", st)
	}
	h.wantStatus(stParameter, 0xCA, 1, 2, 3, 0x0B, 0x81)
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestEV1ReadsItsUIDAndWritesFiles(t *testing.T) {
	h := withApplication(hold(t, DESFireEV1), 0x0B, 2)
	r, _ := h.aes(0, zeroKey)
	cmac(r.block, r.iv, []byte{0x51})
	out, st := h.wrapped(0x51)
	plain := decrypt(r.block, r.iv, out)
	if want := slices.Concat(testUID, checksum32(testUID, []byte{0}), make([]byte, 5)); st != stOK || !bytes.Equal(plain, want) {
		t.Fatalf("GetCardUID: %X, status %02X", plain, st)
	}
	if _, st := r.do(0xCD, 1, 3, 0x00, 0x00, 20, 0, 0); st != stOK {
		t.Fatalf("CreateStdDataFile: %02X", st)
	}
	header := unhex("01 020000 0B0000")
	if _, st := h.wrapped(0x3D, append(slices.Clip(header), r.encrypted(0x3D, header, []byte("Hello World"))...)...); st != stOK {
		t.Fatalf("WriteData: %02X", st)
	}
	if got := string(h.app.Files[0].Data[2:13]); got != "Hello World" {
		t.Errorf("the file has %q", got)
	}
}

// What mifare-desfire-access does: an application with DES keys whose keys are
// frozen, and an enciphered file, written in frames and read as a whole.
func TestD40EnciphersFiles(t *testing.T) {
	h := hold(t, DESFireEV1)
	h.legacy(0, zeroKey)
	h.wantStatus(stOK, 0xCA, 0x35, 0x12, 0xF4, 0xFF, 0x01)
	h.wantStatus(stOK, 0x5A, 0x35, 0x12, 0xF4)
	s, _ := h.legacy(0, zeroKey)
	h.wantStatus(stOK, 0xCD, 1, 3, 0, 0, 100, 0, 0)
	text := bytes.Repeat([]byte("Hello World"), 9)
	data := decipherSent(s, padZero(append(slices.Clone(text), checksum16(text)...), 8))
	h.wantStatus(stMore, 0x3D, slices.Concat(unhex("01 000000 630000"), data[:45])...)
	h.wantStatus(stMore, insMore, data[45:100]...)
	h.wantStatus(stOK, insMore, data[100:]...)
	first, st := h.wrapped(0xBD, unhex("01 000000 000000")...)
	if st != stMore || len(first) != frameSize {
		t.Fatalf("%X, status %02X", first, st)
	}
	last, st := h.wrapped(insMore)
	if st != stOK {
		t.Fatalf("status %02X", st)
	}
	plain := decrypt(s.block, make([]byte, 8), slices.Concat(first, last))
	whole := append(slices.Clone(text), 0)
	if want := padZero(slices.Concat(whole, checksum16(whole), []byte{0x80}), 8); !bytes.Equal(plain, want) {
		t.Errorf("read\n%X, not\n%X", plain, want)
	}
	h.wantStatus(stBoundary, 0xBD, unhex("01 000000 650000")...)
	h.wantStatus(stAuth, 0xBD, unhex("01 000000 010000")...)
	h.wantStatus(stFileNotFound, 0xBD, unhex("02 000000 010000")...)
}

// What mifare-desfire-create-ndef does, and how phones find it.
func TestNDEFApplicationIsFoundByItsName(t *testing.T) {
	h := hold(t, DESFireEV1)
	h.wantStatus(stOK, 0xCA, unhex("010000 0F 21 10E1 D2760000850101")...)
	h.wantStatus(stDuplicate, 0xCA, unhex("020000 0F 21 10E2 D2760000850101")...)
	h.wantStatus(stOK, 0x5A, 1, 0, 0)
	h.wantStatus(stOK, 0xCD, unhex("01 03E1 00 00E0 0F0000")...)
	h.wantStatus(stDuplicate, 0xCD, unhex("02 03E1 00 00E0 0F0000")...)
	h.wantStatus(stParameter, 0xCD, unhex("02 00 00E0 0F0000")...)
	h.wantStatus(stOK, 0xCD, unhex("02 04E1 00 E0EE 001000")...)
	h.wantStatus(stNoMemory, 0xCD, unhex("03 05E1 00 E0EE 001000")...)
	h.want("906F000000", "0102 9100")
	h.want("90F5000001 02 00", "00 00 E0EE 001000 9100")
	h.wantStatus(stOK, 0xDF, 1)
	h.want("906F000000", "02 9100")
	h.selected()
	h.want("00A4040007D276000085010100", "9000")
	h.want("906F000000", "02 9100")
	h.wantStatus(stOK, 0x3D, unhex("02 000000 020000 CAFE")...)
	h.want("90BD000007 02 000000 020000 00", "CAFE 9100")
	h.wantStatus(stLength, 0x3D, unhex("02 000000 020000 CAFEFE")...)
	h.wantStatus(stAuth, 0x5F, unhex("02 00 FFFF")...)
	change := func(data ...byte) []byte {
		s, _ := h.legacy(0, zeroKey)
		return append([]byte{2}, decipherSent(s, padZero(append(data, checksum16(data)...), 8))...)
	}
	h.wantStatus(stParameter, 0x5F, change(0x10, 0xFF, 0xFF)...)
	h.wantStatus(stOK, 0x5F, change(0x00, 0xFF, 0xFF)...)
	h.wantStatus(stDenied, 0x5F, change(0x00, 0xEE, 0xEE)...)
	h.wantStatus(stDenied, 0xBD, unhex("02 000000 020000")...)
}

func TestNTAG424IsSelectedBeforeUse(t *testing.T) {
	h := hold(t, NTAG424)
	h.wantStatus(stNoSuchKey, insAuthFirst, 0, 0)
	h.wantStatus(stIllegal, 0x64, 0)
	h.say("6000", "6E00", selectNTAG, "9000")
	for _, ins := range []byte{0x5A, 0x6A, 0x45, 0xCA, 0xFC, insAuthAES, insAuthISO, insAuthLegacy} {
		h.wantStatus(stIllegal, ins, 0, 0, 0)
	}
	h.wantStatus(stNoSuchKey, insAuthFirst, 5, 0)
	h.wantStatus(stLength, insAuthFirst, 0, 3)
	r, st := h.first(1, zeroKey)
	if st != stOK {
		t.Fatal(st)
	}
	h.wantStatus(stAuth, 0xC4, r.command(0xC4, []byte{1}, changeAES(false))...)
	h.want("00A4000C023F00", "9000")
	h.wantStatus(stNoSuchKey, insAuthFirst, 0, 0)
}

func TestAuthenticateEV2FirstEchoesTheReadersCapabilities(t *testing.T) {
	h := hold(t, NTAG424)
	h.want(selectNTAG, "9000")
	block := newBlock(typeAES, zeroKey)
	challenge, _ := h.wrapped(insAuthFirst, 0, 3, 2, 0xBB, 0xCC) // asks for LRP: a card with AES answers with AES
	rndB := decrypt(block, make([]byte, 16), challenge)
	answer, _ := h.wrapped(insMore, encrypt(block, make([]byte, 16), slices.Concat(zeroKey, rotate(rndB)))...)
	if got := decrypt(block, make([]byte, 16), answer)[20:]; !bytes.Equal(got, unhex("000000000000 02BBCC000000")) {
		t.Errorf("capabilities %X", got)
	}
}

func TestNTAG424CountsWrongKeys(t *testing.T) {
	h := hold(t, NTAG424)
	h.memory.Configure(ChipOptions{FailLimit: 60})
	h.want(selectNTAG, "9000")
	fail := func() status {
		_, st := h.first(1, newKey)
		return st
	}
	for i := range 50 {
		if st := fail(); st != stAuth {
			t.Fatalf("failure %d: %02X", i+1, st)
		}
	}
	if got := fmt.Sprintf("%02X %02X %02X %02X %02X", fail(), fail(), fail(), fail(), fail()); got != "AD AE AD AD AE" {
		t.Errorf("after 50 failures: %s", got)
	}
	h.deselected()
	h.selected()
	h.want(selectNTAG, "9000")
	if st := fail(); st != stDelay {
		t.Errorf("failures in a row are forgotten: %02X", st)
	}
	h.memory.Configure(ChipOptions{FailLimit: 60, ForgetsFails: true})
	h.deselected()
	h.selected()
	h.want(selectNTAG, "9000")
	if _, st := h.first(1, zeroKey); st != stOK {
		t.Errorf("failures in a row are kept: %02X", st)
	}
	if k := h.app.Keys[1]; k.Fails != 42 || k.FailsInARow != 0 {
		t.Errorf("after a success: %+v", k)
	}
	for range 18 {
		fail()
	}
	if _, st := h.first(1, zeroKey); st != stDenied {
		t.Errorf("a dead key: %02X", st)
	}
	r, _ := h.first(0, zeroKey)
	if _, st := r.do(0xC4, []byte{1}, changeAES(true)); st != stOK {
		t.Errorf("ChangeKey of a dead key: %02X", st)
	}
	if _, st := h.first(1, newKey); st != stOK {
		t.Errorf("a revived key: %02X", st)
	}

	h = withApplication(hold(t, DESFireEV3), 0x0B, 2)
	for range 60 {
		if st := fail(); st != stAuth {
			t.Fatalf("a DESFire without counters: %02X", st)
		}
	}
}

// FuzzCard lets a reader that has lost its mind at every kind of card: whatever
// comes, the card neither panics nor answers too much, and its memory stays one
// that can be read back.
func FuzzCard(f *testing.F) {
	f.Add(byte(DESFireEV3), unhex("05 9060000000 05 90AF000000 08 CA0102030B8200 00"))
	f.Add(byte(NTAG424), unhex("0D"+selectNTAG+"08 9071000002000000"))
	f.Add(byte(DESFireEV1), unhex("02 0A00 01 AF 06 CA010203 0F02 04 5A010203 08 CD01000EEE100000 0B 3D0100000004000011223344"))
	f.Fuzz(func(t *testing.T, kind byte, in []byte) {
		m, err := NewMemory(Kind(kind), testUID)
		if err != nil {
			return
		}
		m.Configure(ChipOptions{Random: fixedRandom{}})
		c := newCardChip(m)
		// Any session will do: one cannot be guessed.
		c.session = newEV1Session(typeAES, zeroKey)
		if len(in)%3 == 0 {
			c.session = newEV2Session(newBlock(typeAES, zeroKey), zeroKey, zeroKey)
		}
		for len(in) > 0 {
			n := min(int(in[0]), len(in)-1)
			reply, _, ok := c.exchange(in[1 : 1+n])
			if ok == (len(reply) == 0) || len(reply) > chipMemory+32 {
				t.Fatalf("%X: %d bytes, %v", in[1:1+n], len(reply), ok)
			}
			in = in[1+n:]
		}
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, new(Memory)); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	})
}

type fixedRandom struct{}

func (fixedRandom) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
