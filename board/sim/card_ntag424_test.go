package sim

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
)

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
