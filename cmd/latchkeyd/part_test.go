//go:build !firmware

package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"latchkey/board/sim"
	"latchkey/sync/wire"
)

// What supervision allows: the time for a round of a part, and how long the reader
// has run before it is started anew for a part.
const (
	partRound   = 30 * time.Second
	partRestart = 10 * time.Minute
)

// partsTest runs a reader in a bubble, on a board with a fault from the start if it
// is named.
func partsTest(t *testing.T, fault string, test func(s *soaked)) {
	t.Helper()
	data := adoptedData(t)
	synctest.Test(t, func(t *testing.T) {
		s := newSoaked(t, data)
		if fault != "" {
			s.must(s.board.Inject(fault, sim.Injection{Active: true}))
		}
		s.start()
		test(s)
		for _, f := range s.board.Faults() {
			s.must(s.board.Inject(f.Name, sim.Injection{}))
		}
		s.must(s.stop())
	})
}

// hung is why the reader would be started anew now.
func (s *soaked) hung() string { return s.r.watchdog.Hung(time.Now()) }

// failed is what is reported of a part; "" if it is good.
func (s *soaked) failed(subject wire.Subject) string { return s.r.instruments.parts.Fault(subject) }

func TestAPartThatHangsIsShownAndHasTheReaderStartAnewButNotAtOnce(t *testing.T) {
	for _, test := range []struct {
		fault   string
		subject wire.Subject
		says    string
		works   func(s *soaked) bool // of the rest, while it hangs
	}{
		{"nfc-hung", wire.SubjectNFC, "looking for a card takes more than 30s", func(s *soaked) bool { return s.offers("pin") }},
		{"touch-hung", wire.SubjectPanel, "a turn of the keypad takes more than 30s", (*soaked).cardOpens},
		{"panel-hung", wire.SubjectPanel, "a turn of the keypad takes more than 30s", (*soaked).cardOpens},
	} {
		t.Run(test.fault, func(t *testing.T) {
			partsTest(t, "", func(s *soaked) {
				s.pass(time.Minute)
				s.must(s.board.Inject(test.fault, sim.Injection{Active: true}))
				if !test.works(s) { // a panel is not written to in the dark: somebody has to come
					t.Error("the rest does not work at first")
				}
				s.pass(partRound - 20*time.Second)
				if why := s.failed(test.subject); why != "" {
					t.Errorf("within the time that a round may take: %s", why)
				}
				s.pass(30 * time.Second)
				if why := s.failed(test.subject); !strings.Contains(why, test.says) {
					t.Errorf("%s: %q is reported", test.fault, why)
				}
				if why := s.hung(); why != "" {
					t.Errorf("started anew less than %s after the last start: %s", partRestart, why)
				}
				if !test.works(s) {
					t.Error("the rest does not work")
				}
				s.pass(partRestart)
				if why := s.hung(); !strings.Contains(why, test.says) {
					t.Errorf("it hangs, and the watchdog is kicked: %q", why)
				}
				s.must(s.board.Inject(test.fault, sim.Injection{}))
				s.pass(10 * time.Second)
				if why, fault := s.hung(), s.failed(test.subject); why != "" || fault != "" {
					t.Errorf("it hangs no more: %q, %q", why, fault)
				}
				if !s.cardOpens() || !s.offers("pin") {
					t.Error("it does not work again")
				}
			})
		})
	}
}

func TestAPartThatHangsFromTheStartOnNeverHasTheReaderStartAnew(t *testing.T) {
	for fault, subject := range map[string]wire.Subject{"nfc-hung": wire.SubjectNFC, "panel-hung": wire.SubjectPanel} {
		t.Run(fault, func(t *testing.T) {
			partsTest(t, fault, func(s *soaked) {
				s.pass(time.Hour)
				if why := s.failed(subject); !strings.Contains(why, "takes more than") {
					t.Errorf("%q is reported", why)
				}
				if why := s.hung(); why != "" {
					t.Errorf("the watchdog is not kicked: %s", why)
				}
				s.pushExit()
			})
		})
	}
}

// cardOpens shows the known card for a while.
func (s *soaked) cardOpens() bool {
	s.must(s.board.PresentCard(sim.Card{UID: soakCard}))
	defer s.board.RemoveCard()
	return s.opensWithin(5 * time.Second)
}
