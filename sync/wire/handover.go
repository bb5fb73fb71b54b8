package wire

import (
	"cmp"
	"errors"
	"fmt"
)

// MaxHandover is the most bytes of a Handover: a request has a few kilobytes, most of them
// the certificate of a TPM.
const MaxHandover = 16 << 10

// MaxHandoverAnswer is the most bytes of a HandoverAnswer: a bundle and what stands around it.
const MaxHandoverAnswer = MaxBundle + 128

// HandoverPath is where a controller takes a Handover: POST, over HTTPS.
const HandoverPath = "/adoption"

// A Handover is what a board that no site has adopted sends to a controller, over HTTPS. It
// sends the same again to ask whether an administrator has adopted it.
type Handover struct {
	Request []byte `cbor:"1,keyasint"`           // signed, as latchkeyd identity writes it
	Reader  string `cbor:"2,keyasint,omitempty"` // the id in its config; "": it names none. Nobody has signed it
}

// Encode checks the handover and returns it as it is sent.
func (h *Handover) Encode() ([]byte, error) {
	b := Marshal(h)
	if err := h.check(); err != nil {
		return nil, fmt.Errorf("handover: %w", err)
	}
	if len(b) > MaxHandover {
		return nil, fmt.Errorf("handover: %d bytes, at most %d", len(b), MaxHandover)
	}
	return b, nil
}

// ParseHandover decodes a handover and checks its form. The caller parses the request in it.
func ParseHandover(b []byte) (*Handover, error) {
	var h Handover
	if err := Unmarshal(b, MaxHandover, &h); err != nil {
		return nil, fmt.Errorf("handover: %w", err)
	}
	if err := h.check(); err != nil {
		return nil, fmt.Errorf("handover: %w", err)
	}
	return &h, nil
}

func (h *Handover) check() error {
	if len(h.Request) == 0 {
		return errors.New("no request")
	}
	if h.Reader == "" {
		return nil
	}
	return CheckName(h.Reader)
}

// A HandoverAnswer is the controller's answer to a Handover. Nobody has signed it: what it says
// is to be compared with the bundle, which the controller has signed.
type HandoverAnswer struct {
	Site       string   `cbor:"1,keyasint"`           // the site's name
	Controller [32]byte `cbor:"2,keyasint"`           // Ed25519: verifies the bundle
	Bundle     []byte   `cbor:"3,keyasint,omitempty"` // sealed; empty: it waits for an administrator
}

// EncodeHead checks the answer and returns what is sent of it before the bundle, which follows
// as it is: it may have many megabytes, and is not copied.
func (a *HandoverAnswer) EncodeHead() ([]byte, error) {
	if err := a.check(); err != nil {
		return nil, fmt.Errorf("handover's answer: %w", err)
	}
	head := Marshal(&HandoverAnswer{Site: a.Site, Controller: a.Controller})
	if len(a.Bundle) == 0 {
		return head, nil
	}
	// RFC 8949 §3: a map of one pair more, its key 3, and the head of a byte string, which is
	// that of a number but for the major type, 2.
	length := Marshal(len(a.Bundle))
	length[0] |= 2 << 5
	head[0]++
	return append(append(head, 3), length...), nil
}

// ParseHandoverAnswer decodes an answer and checks its form. The caller opens the bundle.
func ParseHandoverAnswer(b []byte) (*HandoverAnswer, error) {
	var a HandoverAnswer
	if err := Unmarshal(b, MaxHandoverAnswer, &a); err != nil {
		return nil, fmt.Errorf("handover's answer: %w", err)
	}
	if err := a.check(); err != nil {
		return nil, fmt.Errorf("handover's answer: %w", err)
	}
	return &a, nil
}

func (a *HandoverAnswer) check() error {
	if len(a.Bundle) > MaxBundle {
		return fmt.Errorf("a bundle of %d bytes, at most %d", len(a.Bundle), MaxBundle)
	}
	return cmp.Or(CheckName(a.Site), checkVerifying(&a.Controller))
}
