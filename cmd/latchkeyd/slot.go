package main

import (
	"sync"

	"latchkey/device/pin"
	"latchkey/nfc"
	"latchkey/sync/wire"
)

// material is a presented secret: the 8 ASCII digits of a PIN, or a card with its
// identifier. Never copy it but by take.
type material struct {
	bytes [10]byte
	n     int
	tap   *tap // nil: a PIN
}

func (m *material) value() []byte { return m.bytes[:m.n] }

// wipe erases the secret, and ends the tap.
func (m *material) wipe() {
	if m.tap != nil {
		close(m.tap.over)
	}
	*m = material{}
}

// A tap is a card on the reader. It stays selected until the tap is over: then nobody
// needs it any more.
type tap struct {
	card *nfc.Card
	over chan struct{}
}

// slots hold what was presented, one of each kind, until the brain has decided whether
// to look it up. The loop sees nothing of it but the slot.
type slots struct {
	mu    sync.Mutex
	slots [2]material
}

func (s *slots) of(kind wire.CredentialKind) *material { return &s.slots[kind-wire.PIN] }

// put fills a slot and wipes b. It returns false, and the presentation does not count,
// while the one before is undecided.
func (s *slots) put(kind wire.CredentialKind, b []byte, tap *tap) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer clear(b)
	slot := s.of(kind)
	if slot.n != 0 || len(b) == 0 || len(b) > len(slot.bytes) {
		return false
	}
	pin.Secretly(func() { slot.n = copy(slot.bytes[:], b) })
	slot.tap = tap
	return true
}

// take moves what a slot holds into to and empties it.
func (s *slots) take(kind wire.CredentialKind, to *material) {
	s.mu.Lock()
	defer s.mu.Unlock()
	slot := s.of(kind)
	pin.Secretly(func() { *to, *slot = *slot, material{} })
}

// forget wipes a slot.
func (s *slots) forget(kind wire.CredentialKind) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of(kind).wipe()
}
