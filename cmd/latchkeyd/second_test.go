//go:build !firmware

package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"latchkey/board/sim"
	"latchkey/cmd/latchkeyd/internal/datadir"
	"latchkey/device"
	"latchkey/device/journal"
	"latchkey/sync/wire"
)

const (
	duressPIN = "73920516"
	oncePIN   = "18406293"
)

// secondDoor is the data of a reader that knows three PINs of Ada: her own, one for duress and
// one that may be used once.
func secondDoor(t *testing.T, change func(*wire.Policy), cards ...*keyedCard) string {
	return pinDoor(t, change, map[string]wire.Credential{
		adaPIN:    {ID: 21, Kind: wire.PIN, User: 1, Name: "Ada"},
		duressPIN: {ID: 22, Kind: wire.PIN, User: 1, Name: "Ada", Duress: true},
		oncePIN:   {ID: 23, Kind: wire.PIN, User: 9, Name: "A plumber", Uses: 1, Made: 1},
	}, cards...)
}

// begun runs a reader with this data in a bubble, at which cards get their keys first.
func begun(t *testing.T, data string, cards []*keyedCard, test func(s *soaked)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		personalise(t, cards...)
		s := newSoaked(t, data)
		s.start()
		defer func() { s.must(s.stop()) }()
		s.pass(5 * time.Second)
		test(s)
	})
}

// keys types digits on the page that is shown, and says whether the door opens.
func (s *soaked) keys(digits string) (opens bool) {
	s.t.Helper()
	for _, digit := range digits {
		if !s.tap("digit-" + string(digit)) {
			s.t.Fatalf("no key %c, but %v", digit, s.offered())
		}
	}
	opens = s.opensWithin(3 * time.Second)
	s.pass(8 * time.Second)
	return opens
}

// types types digits from the start page.
func (s *soaked) types(digits string) (opens bool) {
	s.t.Helper()
	s.board.Touch(5, 5, true) // the first touch of a dark screen only wakes it
	s.pass(100 * time.Millisecond)
	s.board.Touch(0, 0, false)
	s.pass(2 * time.Second)
	if !s.tap("pin") {
		s.t.Fatalf("no PIN button, but %v", s.offered())
	}
	return s.keys(digits)
}

// recordsIn returns the records of a journal, the oldest first.
func recordsIn(t *testing.T, data string) (records []*wire.Record) {
	t.Helper()
	var durable device.Durable
	events := journal.Open(journal.Options{Dir: filepath.Join(data, datadir.Journal), State: &durable})
	defer events.Close()
	for entry, err := range events.Records(1) {
		if err != nil {
			t.Fatal(err)
		}
		r, err := wire.ParseRecord(entry.Encoded)
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, r)
	}
	return records
}

func TestCardAndPINOpenADoorThatDemandsBoth(t *testing.T) {
	ada, bob := newKeyedCard(t, sim.DESFireEV3, 1), newKeyedCard(t, sim.NTAG424, 2)
	data := secondDoor(t, func(p *wire.Policy) { p.TwoProofs = &wire.TwoProofs{} }, ada, bob)
	begun(t, data, []*keyedCard{ada, bob}, func(s *soaked) {
		if opens, _ := s.shows(ada.Card); opens {
			t.Error("a card alone opens")
		}
		s.pass(20 * time.Second)
		s.lay(ada.Card)
		if !s.keys(adaPIN) { // its page is there already
			t.Error("card and PIN do not open")
		}
		s.pass(20 * time.Second)
		if s.types(adaPIN) {
			t.Error("a PIN alone opens")
		}
		if opens, _ := s.shows(bob.Card); opens {
			t.Error("somebody else's card opens")
		}
		s.pass(20 * time.Second)
		if s.types(adaPIN) {
			t.Error("a PIN alone opens")
		}
		s.must(s.board.PresentCard(ada.Card))
		if !s.opensWithin(2 * time.Second) {
			t.Error("PIN and card do not open")
		}
		s.board.RemoveCard()
		s.pass(20 * time.Second)
		if now := s.r.status.Status(); now.Wrong != 0 || now.Guesses != 0 {
			t.Errorf("%d wrong, %d guesses", now.Wrong, now.Guesses)
		}
	})
}

func TestAPINThatWorksOnceOpensOnceWhateverHappensToThePower(t *testing.T) {
	data := secondDoor(t, func(*wire.Policy) {})
	begun(t, data, nil, func(s *soaked) {
		if !s.types(oncePIN) {
			t.Error("it does not open")
		}
		for range 2 {
			if s.types(oncePIN) {
				t.Error("it opens again")
			}
			s.restart()
			s.pass(5 * time.Second)
		}
		if !s.types(adaPIN) {
			t.Error("another one does not open")
		}
	})
}

func TestAPINForDuressOpensAndTheRecordIsNotOnThePage(t *testing.T) {
	data := secondDoor(t, func(*wire.Policy) {})
	begun(t, data, nil, func(s *soaked) {
		if !s.types(duressPIN) {
			t.Error("it does not open")
		}
		if lines := s.r.recent.lines(); strings.Contains(strings.Join(lines, "\n"), "duress") {
			t.Errorf("%q", lines)
		}
	})
	var kinds []wire.RecordKind
	for _, r := range recordsIn(t, data) {
		if r.Seq == 1 {
			kinds = append(kinds, r.Kind)
		}
	}
	if !slices.Equal(kinds, []wire.RecordKind{wire.AttemptStarted, wire.Duress, wire.AccessGranted}) {
		t.Errorf("%q", kinds)
	}
}
