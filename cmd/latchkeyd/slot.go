package main

import (
	"sync"

	"latchkey/device/pin"
	"latchkey/sync/wire"
)

// material is a presented secret: the 8 ASCII digits of a PIN or a card's
// identifier.
type material struct {
	bytes [10]byte
	n     int
}

func (m *material) value() []byte { return m.bytes[:m.n] }
func (m *material) wipe()         { *m = material{} }

// slots hold what was presented, one of each kind, until the brain has decided whether
// to look it up. The loop sees nothing of it but the slot.
type slots struct {
	mu    sync.Mutex
	slots [2]material
}

func (s *slots) of(kind wire.CredentialKind) *material { return &s.slots[kind-wire.PIN] }

// put fills a slot and wipes b. It returns false, and the presentation does not count,
// while the one before is undecided.
func (s *slots) put(kind wire.CredentialKind, b []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer clear(b)
	slot := s.of(kind)
	if slot.n != 0 || len(b) == 0 || len(b) > len(slot.bytes) {
		return false
	}
	pin.Secretly(func() { slot.n = copy(slot.bytes[:], b) })
	return true
}

// take moves what a slot holds into to and empties it.
func (s *slots) take(kind wire.CredentialKind, to *material) {
	s.mu.Lock()
	defer s.mu.Unlock()
	slot := s.of(kind)
	pin.Secretly(func() { *to = *slot })
	slot.wipe()
}

// forget wipes a slot.
func (s *slots) forget(kind wire.CredentialKind) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of(kind).wipe()
}
