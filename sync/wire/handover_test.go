package wire

import (
	"bytes"
	"errors"
	"testing"
)

func TestAHandoverAboveItsBoundIsNeitherSentNorRead(t *testing.T) {
	h := &Handover{Request: make([]byte, MaxHandover-10), Reader: "a"}
	if b, err := h.Encode(); err != nil || len(b) > MaxHandover {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	h.Request = make([]byte, MaxHandover)
	if _, err := h.Encode(); err == nil {
		t.Error("it is sent")
	}
	if _, err := ParseHandover(Marshal(h)); !errors.Is(err, ErrEncoding) {
		t.Error(err)
	}
}

func TestAHandoverThatNobodyWouldTakeIsNotSent(t *testing.T) {
	for _, h := range []Handover{{}, {Request: []byte{1}, Reader: "Front door"}} {
		if _, err := h.Encode(); err == nil {
			t.Errorf("%+v is sent", h)
		}
	}
	if _, err := (&HandoverAnswer{Site: "home"}).EncodeHead(); err == nil {
		t.Error("an answer of no controller is sent")
	}
}

func TestARequestOfEachKindOfBoardFitsAHandover(t *testing.T) {
	certified := testCertified(t)
	certified.TPM.Endorsement = make([]byte, 4096) // the most
	signed, err := certified.Sign(testTPMSigner(t))
	if err != nil {
		t.Fatal(err)
	}
	b, err := (&Handover{Request: signed, Reader: "front-door"}).Encode()
	if err != nil || len(b) > MaxHandover/2 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

func TestAnAnswerIsItsHeadAndItsBundle(t *testing.T) {
	for _, n := range []int{0, 1, 23, 24, 255, 256, 65535, 65536, 1 << 20} {
		a := &HandoverAnswer{Site: "home", Controller: [32]byte(publicKey(testController)), Bundle: bytes.Repeat([]byte{7}, n)}
		head, err := a.EncodeHead()
		if err != nil || !bytes.Equal(append(head, a.Bundle...), Marshal(a)) {
			t.Errorf("a bundle of %d bytes comes after %x, %v", n, head, err)
		}
	}
}
