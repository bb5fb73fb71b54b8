package sim

import (
	"slices"
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
