package sim

import (
	"bytes"
	"slices"
	"testing"
)

var newKey = unhex("000102030405060708090A0B0C0D0E0F")

// changeAES is the data of a ChangeKey of a key that is zeros to newKey, version 7.
func changeAES(other bool) []byte {
	data := append(slices.Clone(newKey), 7)
	if other {
		data = append(data, checksum32(newKey)...)
	}
	return data
}

func TestCardsRefuseEveryChangedBit(t *testing.T) {
	for name, c := range map[string]struct {
		hold    func() *held
		command func(h *held) []byte // a whole ChangeKey of key 0 or 1
	}{
		"EV2": {func() *held { return withApplication(hold(t, DESFireEV3), 0x0B, 2) },
			func(h *held) []byte {
				r, _ := h.first(0, zeroKey)
				return r.command(0xC4, []byte{1}, changeAES(true))
			}},
		"NTAG 424": {func() *held {
			h := hold(t, NTAG424)
			h.want(selectNTAG, "9000")
			return h
		}, func(h *held) []byte {
			r, _ := h.first(0, zeroKey)
			return r.command(0xC4, []byte{0}, changeAES(false))
		}},
		"EV1": {func() *held { return withApplication(hold(t, DESFireEV1), 0x0B, 2) },
			func(h *held) []byte {
				r, _ := h.aes(0, zeroKey)
				return append([]byte{0}, r.encrypted(0xC4, []byte{0}, changeAES(false))...)
			}},
		"D40": {func() *held { return hold(t, D40) },
			func(h *held) []byte {
				s, _ := h.legacy(0, zeroKey)
				return append([]byte{0}, decipherSent(s, padZero(append(slices.Clone(newKey), checksum16(newKey)...), 8))...)
			}},
	} {
		t.Run(name, func(t *testing.T) {
			h := c.hold()
			for bit := 0; ; bit++ {
				h.selected()
				switch {
				case h.memory.kind == NTAG424:
					h.want(selectNTAG, "9000")
				case len(h.memory.apps) > 0:
					h.wantStatus(stOK, 0x5A, 1, 2, 3)
				}
				command := c.command(h)
				if bit == 8*len(command) {
					if out, st := h.wrapped(0xC4, command...); st != stOK {
						t.Fatalf("the right command: %X, %02X", out, st)
					}
					break
				}
				command[bit/8] ^= 1 << (bit % 8)
				out, st := h.wrapped(0xC4, command...)
				if st == stOK || len(out) > 0 || bit >= 8 && st != stIntegrity {
					t.Fatalf("bit %d changed: %X, status %02X", bit, out, st)
				}
				if h.session != nil || !zero(h.app.Keys[0].Value) {
					t.Fatalf("bit %d changed: the session goes on, or the key is another", bit)
				}
			}
		})
	}
}

func TestEV2CountsCommands(t *testing.T) {
	open := func() (*held, readerEV2) {
		h := withApplication(hold(t, DESFireEV2), 0x0B, 2)
		r, st := h.first(0, zeroKey)
		if st != stOK {
			t.Fatal(st)
		}
		return h, r
	}
	h, r := open()
	again := r.command(0x45, nil, nil)
	for range 3 {
		if out, st := r.do(0x45, nil, nil); st != stOK || !bytes.Equal(out, []byte{0x0B, 0x82}) {
			t.Fatalf("%X, status %02X", out, st)
		}
	}
	h.wantStatus(stIntegrity, 0x45, again...) // an old command
	h.wantStatus(stLength, 0x45, r.command(0x45, nil, nil)...)

	h, r = open()
	r.counter += 1 // a command too far
	h.wantStatus(stIntegrity, 0x45, r.command(0x45, nil, nil)...)

	h, r = open()
	h.session.(*ev2Session).counter, r.counter = 0xFFFE, 0xFFFE
	if _, st := r.do(0x45, nil, nil); st != stOK {
		t.Fatalf("the last command of a session: %02X", st)
	}
	h.wantStatus(stIntegrity, 0x45, r.command(0x45, nil, nil)...)
}

func TestEV2ReadsPaddingAndLength(t *testing.T) {
	h := withApplication(hold(t, DESFireEV3), 0x0B, 2)
	r, _ := h.first(0, zeroKey)
	full := encrypt(r.enc, r.vector(0xA5, 0x5A, 0), make([]byte, 32)) // no 80 in it
	h.wantStatus(stIntegrity, 0xC4, slices.Concat([]byte{1}, full, r.shortMAC(0xC4, 0, []byte{1}, full))...)

	r, _ = h.first(0, zeroKey)
	h.wantStatus(stLength, 0xC4, r.command(0xC4, []byte{1}, changeAES(false))...) // the own key's form
	r, _ = h.first(0, zeroKey)
	h.wantStatus(stIntegrity, 0xC4, r.command(0xC4, []byte{1}, append(slices.Clone(newKey), 7, 0, 0, 0, 0))...) // checksum
}

func TestAnErrorEndsTheSession(t *testing.T) {
	for _, kind := range []Kind{DESFireEV1, DESFireEV3} {
		h := withApplication(hold(t, kind), 0x0B, 2)
		for _, wrong := range [][]byte{{0x01}, {0xCA, 1, 2, 3, 0x0B, 0x81}, {0x64, 9}, {0x64}, {0x5A, 7, 7, 7}, {0xAF}, {0xC4, 0}, {insAuthLegacy, 0}} {
			if _, st := h.aes(0, zeroKey); st != stOK {
				t.Fatalf("%v: status %02X", kind, st)
			}
			if out, st := h.wrapped(wrong[0], wrong[1:]...); st == stOK || len(out) > 0 {
				t.Fatalf("%v: %X is answered with %X, status %02X", kind, wrong, out, st)
			}
			if out, st := h.wrapped(0x45); st != stOK || len(out) != 2 {
				t.Fatalf("%v: after %X, 45 is answered with %X, status %02X: not plain", kind, wrong, out, st)
			}
			h.wantStatus(stAuth, 0x51)
		}
	}
}

func TestSelectingEndsTheSession(t *testing.T) {
	h := withApplication(hold(t, DESFireEV3), 0x0B, 2)
	r, _ := h.first(0, zeroKey)
	if out, st := r.do(0x51, nil, nil); st != stOK || !bytes.Equal(decryptReply(r, out), testUID) {
		t.Fatalf("GetCardUID: %X, status %02X", out, st)
	}
	h.wantStatus(stOK, 0x5A, 1, 2, 3)
	h.wantStatus(stAuth, 0x51)
	h.first(0, zeroKey)
	h.want("00A4040007D2760000850100", "9000")
	h.wantStatus(stAuth, 0x51)
	if h.app != h.memory.picc {
		t.Error("ISO select has not selected the PICC level")
	}
	h.want("00A4040007D2760000850109", "6A82")
}

// decryptReply is the data of a Full reply.
func decryptReply(r readerEV2, out []byte) []byte {
	plain, _ := unpad80(decrypt(r.enc, r.vector(0x5A, 0xA5, r.counter), out))
	return plain
}

// A reader that starts step 2 of AuthenticateAES with a vector of zeros is taken
// in by the status 00: RndB comes out right, RndA does not.
func TestAuthenticateAESWithAFreshVectorSpoilsRndA(t *testing.T) {
	h := withApplication(hold(t, DESFireEV3), 0x0B, 1)
	block := newBlock(typeAES, zeroKey)
	challenge, _ := h.wrapped(insAuthAES, 0)
	rndA, rndB := bytes.Repeat([]byte{0x5A}, 16), decrypt(block, make([]byte, 16), challenge)
	iv := make([]byte, 16)
	answer, st := h.wrapped(insMore, encrypt(block, iv, slices.Concat(rndA, rotate(rndB)))...)
	if st != stOK {
		t.Fatalf("status %02X", st)
	}
	if bytes.Equal(decrypt(block, iv, answer), rotate(rndA)) {
		t.Error("RndA is right")
	}
}

func TestCardsDrawNewRandomNumbers(t *testing.T) {
	h := withApplication(hold(t, DESFireEV3), 0x0B, 1)
	seen := map[string]bool{}
	for range 20 {
		r, st := h.first(0, zeroKey)
		if st != stOK {
			t.Fatal(st)
		}
		ti := string(r.ti[:])
		challenge, _ := h.wrapped(insAuthAES, 0)
		if seen[ti] || seen[string(challenge)] {
			t.Fatal("a random number came twice")
		}
		seen[ti], seen[string(challenge)] = true, true
		h.wantStatus(stLength, insMore)
	}
}

func TestAFContinuesOnlyWhatIsUnderWay(t *testing.T) {
	h := hold(t, DESFireEV3)
	h.wantStatus(stAborted, insMore)
	if _, st := h.wrapped(0x60); st != stMore {
		t.Fatalf("GetVersion: %02X", st)
	}
	h.wantStatus(stAborted, 0x5A, 0, 0, 0)
	if out, st := h.wrapped(0x60); st != stMore || len(out) != 7 {
		t.Fatalf("GetVersion afresh: %X, %02X", out, st)
	}
	h.wantStatus(stLength, insMore, 1)
	h.memory.Configure(ChipOptions{StrayAF: 0x1C})
	h.wantStatus(stIllegal, insMore)
}

func TestCardsReadTheirForms(t *testing.T) {
	h := hold(t, DESFireEV3)
	h.say("9060000001", "917E", "906000000200 00", "917E", "9060010000", "6A86", "906000", "6700",
		"90640000010001", "917E", "9064000001 00 00", "009100",
		"64 00", "CA") // the other form
	h.selected()
	h.say("64 00", "00 00", "9064000001 00 00", "91CA")
	h.memory.Configure(ChipOptions{MixedForms: true})
	h.say("64 00", "00 00", "9064000001 00 00", "00 9100")
	if _, _, ok := h.exchange(nil); ok {
		t.Error("an empty command is answered")
	}
	h = hold(t, DESFireEV1)
	h.wantStatus(stLength, 0x3D, make([]byte, 60)...) // longer than its frames
	if got := h.memory.Refused(); !slices.Equal(got, []string{"3D: 7E"}) {
		t.Errorf("refused: %q", got)
	}
}
