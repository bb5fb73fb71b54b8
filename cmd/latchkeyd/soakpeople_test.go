//go:build !firmware

package main

import (
	"slices"
	"testing/synctest"
	"time"

	"latchkey/board/sim"
)

// The cards that come to the door: Bob's, and nobody's.
var (
	soakCard  = []byte{0x04, 0xA1, 0xB2, 0xC3, 0xD4, 0xE5, 0x80}
	strangers = []byte{0x04, 0xDE, 0xAD, 0xBE, 0xEF, 0x00, 0x01}
)

// soakHeals is how long after a fault's end nothing of it may be felt.
const soakHeals = 5 * time.Second

func (s *soaked) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// sound tells whether no fault has been there for long enough.
func (s *soaked) sound() bool { return time.Now().After(s.faultyUntil) }

// something happens at the door.
func (s *soaked) something() {
	switch n := s.rng.IntN(100); {
	case n < 25:
		s.showCard(soakCard)
	case n < 32:
		s.showStranger()
	case n < 52:
		s.enter(adaPIN)
	case n < 62:
		s.enter("90817264")
	case n < 70:
		s.pushExit()
	case n < 74:
		s.openCase()
	case n < 77:
		s.restart()
	default:
		s.fallIll()
	}
}

// permit lets the strike become energised from now on for d.
func (s *soaked) permit(d time.Duration) { s.allowed = time.Now().Add(d) }

// opensWithin waits for the strike, and for its release if it came.
func (s *soaked) opensWithin(d time.Duration) bool {
	for end := time.Now().Add(d); time.Now().Before(end); s.pass(20 * time.Millisecond) {
		if s.board.Line("strike") {
			s.goThrough()
			return true
		}
	}
	return false
}

// goThrough opens and closes the door, and waits until it is locked.
func (s *soaked) goThrough() {
	s.pass(time.Second)
	s.must(s.board.SetLine("door-open", true))
	s.pass(2 * time.Second)
	s.must(s.board.SetLine("door-open", false))
	s.pass(strikeAtMost)
	if s.board.Line("strike") {
		s.t.Errorf("after %v: the strike is still energised", time.Since(s.began))
	}
}

func (s *soaked) showCard(uid []byte) {
	s.tally.cards++
	sound := s.sound()
	s.permit(5 * time.Second)
	s.must(s.board.PresentCard(sim.Card{UID: uid}))
	opened := s.opensWithin(2 * time.Second)
	s.board.RemoveCard()
	s.pass(3 * time.Second)
	if sound && !opened {
		s.t.Errorf("after %v: a known card did not open; faults %v", time.Since(s.began), s.faults())
	}
}

func (s *soaked) showStranger() {
	s.tally.unknown++
	s.must(s.board.PresentCard(sim.Card{UID: strangers}))
	s.pass(2 * time.Second)
	s.board.RemoveCard()
	s.pass(20 * time.Second) // beyond what unknown cards are slowed down by
}

// tap touches a control; false if there is none of that name.
func (s *soaked) tap(name string) bool {
	for _, c := range s.r.instruments.keypad.Controls() {
		if c.Name == name {
			s.board.Touch(c.X+c.W/2, c.Y+c.H/2, true)
			s.pass(time.Duration(90+s.rng.IntN(120)) * time.Millisecond)
			s.board.Touch(0, 0, false)
			s.pass(time.Duration(120+s.rng.IntN(300)) * time.Millisecond)
			return true
		}
	}
	return false
}

// enter types eight digits, if PIN is offered and every key is there.
func (s *soaked) enter(pin string) {
	s.board.Touch(5, 5, true) // the first touch of a dark screen only wakes it
	s.pass(100 * time.Millisecond)
	s.board.Touch(0, 0, false)
	s.pass(2 * time.Second)
	sound := s.sound()
	right := pin == adaPIN
	if !s.tap("pin") {
		if sound {
			s.clearLockout()
		}
		return
	}
	if right {
		s.tally.pins++
	} else {
		s.tally.wrong++
	}
	for _, digit := range pin {
		if right {
			s.permit(5 * time.Second)
		}
		if !s.tap("digit-" + string(digit)) {
			if sound {
				s.t.Errorf("after %v: no key %c while a PIN is typed, but %v: %q", time.Since(s.began), digit, s.offered(), s.r.recent.lines())
			}
			s.pass(time.Minute)
			return
		}
	}
	opened := s.opensWithin(3 * time.Second)
	if sound && opened != right {
		s.t.Errorf("after %v: a PIN that is right (%v) opened (%v): %q", time.Since(s.began), right, opened, s.r.recent.lines())
	}
	s.pass(time.Minute)
}

// clearLockout expects a card to end whatever keeps PIN from being offered.
func (s *soaked) clearLockout() {
	s.showCard(soakCard)
	s.pass(10 * time.Second)
	if s.sound() && !s.offers("pin") {
		s.t.Errorf("after %v: PIN is not offered after a card: %q", time.Since(s.began), s.r.recent.lines())
	}
}

func (s *soaked) offers(name string) bool {
	return slices.Contains(s.offered(), name)
}

// offered is what can be touched.
func (s *soaked) offered() []string {
	var names []string
	for _, c := range s.r.instruments.keypad.Controls() {
		names = append(names, c.Name)
	}
	return names
}

func (s *soaked) pushExit() {
	s.tally.exits++
	s.permit(2 * time.Second)
	s.must(s.board.SetLine("exit-button", true))
	s.pass(300 * time.Millisecond)
	s.must(s.board.SetLine("exit-button", false))
	opened := s.opensWithin(time.Second)
	if s.sound() && !opened {
		s.t.Errorf("after %v: the exit button did not open", time.Since(s.began))
	}
}

func (s *soaked) openCase() {
	s.must(s.board.SetLine("tamper", true))
	s.pass(time.Minute)
	s.must(s.board.SetLine("tamper", false))
	s.pass(5 * time.Second)
}

// fallIll lets one to three faults begin, for seconds to an hour each.
func (s *soaked) fallIll() {
	all := s.board.Faults()
	for range 1 + s.rng.IntN(3) {
		f := all[s.rng.IntN(len(all))]
		long := time.Duration(1+s.rng.IntN(90)) * time.Second
		if s.rng.IntN(6) == 0 {
			long = time.Duration(1+s.rng.IntN(60)) * time.Minute
		}
		if f.Name == "strike-fails" {
			long = 300 * time.Millisecond // longer, and the process ends; see FAULTS.md
		}
		s.must(s.board.Inject(f.Name, sim.Injection{Active: true, For: long}))
		s.tally.faults++
		s.tally.byFault[f.Name]++
		if until := time.Now().Add(long + soakHeals); until.After(s.faultyUntil) {
			s.faultyUntil = until
		}
	}
	if s.rng.IntN(2) == 0 { // somebody comes as soon as it must be over
		s.tally.visited++
		s.pass(time.Until(s.faultyUntil) + time.Nanosecond)
		s.showCard(soakCard)
		s.enter(adaPIN)
	}
}

func (s *soaked) faults() []string {
	var names []string
	for _, f := range s.board.Faults() {
		if f.Active {
			names = append(names, f.Name)
		}
	}
	return names
}

// heal ends every fault and what it has left.
func (s *soaked) heal() {
	for _, f := range s.board.Faults() {
		s.must(s.board.Inject(f.Name, sim.Injection{}))
	}
	s.faultyUntil = time.Now().Add(soakHeals)
	s.pass(soakHeals + time.Minute)
}

// nothingIsStuck: a card and a PIN open.
func (s *soaked) nothingIsStuck() {
	s.showCard(soakCard)
	before := s.tally.opened
	s.enter(adaPIN)
	if s.tally.opened != before+1 {
		s.t.Errorf("at the end a PIN does not open: %q", s.r.recent.lines())
	}
}
