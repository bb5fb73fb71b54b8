package sim

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

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
