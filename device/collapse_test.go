package device

import (
	"slices"
	"testing"
	"time"

	"latchkey/sync/wire"
)

func TestRefusalsBeyondTenOfAKindInAMinuteAreOneRecord(t *testing.T) {
	for _, test := range []struct {
		name string
		kind wire.RecordKind
		do   func(g *rig)
	}{
		{"unknown cards", wire.AccessDenied, func(g *rig) { g.card(Unknown, nil) }},
		{"PINs while locked out", wire.PINRefused, func(g *rig) { g.enter(Unknown, nil) }},
		{"bad messages", wire.MessageRefused, func(g *rig) { g.do(Refused{Message: "policy"}) }},
		{"bad commands", wire.CommandRefused, func(g *rig) {
			g.do(Refused{Message: "command", Reason: "stale", Command: &wire.Command{Order: wire.Unlock}})
		}},
		{"a flapping exit button", wire.ExitPressed, func(g *rig) { g.do(Input{InputExit, true}); g.do(Input{InputExit, false}) }},
		{"a flapping link", wire.LinkDown, func(g *rig) {
			g.do(Health{Subject: wire.SubjectLink, Condition: Failed})
			g.do(Health{Subject: wire.SubjectLink, Condition: Good})
		}},
		{"a flapping door contact", wire.DoorForced, func(g *rig) { g.do(Input{InputDoor, false}); g.do(Input{InputDoor, true}) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newRig(t, func(p *wire.Policy) { p.Limit, p.HeldAfter = 1, 0 })
			g.miss(1)
			g.do(Input{InputDoor, false})
			g.records = nil
			for range 25 {
				test.do(g)
			}
			if n := g.count(test.kind); n != 10 {
				t.Fatalf("%d records", n)
			}
			g.wait(time.Minute - 1)
			if n := g.count(wire.EventsCollapsed); n != 0 {
				t.Fatal("collapsed before the minute was over")
			}
			g.wait(1)
			found := false
			for _, r := range g.records {
				if r.Kind == wire.EventsCollapsed && r.Subject == string(test.kind) {
					found = true
					if r.Count != 15 {
						t.Errorf("%+v", r)
					}
				}
			}
			if !found {
				t.Error("no record with the count")
			}
			g.records = nil
			g.wait(time.Hour)
			g.wantRecords()
			for range 10 {
				test.do(g)
			}
			g.records = nil
			g.wait(time.Hour)
			if n := g.count(wire.EventsCollapsed); n != 0 {
				t.Error("ten were collapsed")
			}
		})
	}
}

// count returns how many records of a kind there are.
func (g *rig) count(kind wire.RecordKind) int {
	n := 0
	for _, r := range g.records {
		if r.Kind == kind {
			n++
		}
	}
	return n
}

func TestGrantsChargesAndLockoutsNeverWait(t *testing.T) {
	g := newRig(t, func(p *wire.Policy) { p.GuessLimit, p.TamperPauses = 0, false })
	for range 30 {
		g.card(Known, adaCard)
		g.order(wire.Unlock)
		g.enter(Known, adaPIN)
		g.miss(1)
	}
	for kind, want := range map[wire.RecordKind]int{
		wire.AccessGranted: 90, wire.AttemptStarted: 60, wire.AttemptUnknown: 30,
	} {
		if n := g.count(kind); n != want {
			t.Errorf("%d of %s, want %d", n, kind, want)
		}
	}
}

func TestATamperSwitchThatFlapsIsOnRecordWithItsFirstChangesAndWhatItSaysInTheEnd(t *testing.T) {
	for _, open := range []bool{true, false} {
		g := newRig(t, func(p *wire.Policy) { p.TamperPauses = false })
		told, changes, want := false, uint64(0), uint64(1)
		tally := func() { // what the records amount to
			for _, r := range g.records {
				switch r.Kind {
				case wire.TamperStarted, wire.TamperEnded:
					told = r.Kind == wire.TamperStarted
					changes++
				case wire.EventsCollapsed:
					changes += r.Count
				}
			}
			g.records = nil
		}
		flap := func(open bool) {
			g.do(Input{InputTamper, open})
			g.wait(500 * time.Millisecond)
		}
		flap(true)
		if !slices.ContainsFunc(g.records, func(r wire.Record) bool { return r.Kind == wire.TamperStarted }) {
			t.Error("no alarm at once")
		}
		for minutes := range 30 {
			for range 55 { // most of a minute of it
				flap(false)
				flap(true)
				want += 2
			}
			if n := len(g.records); n > 25 {
				t.Fatalf("%d records in minute %d", n, minutes)
			}
			tally()
		}
		if g.r.tamper != open {
			flap(open)
			want++
		}
		g.wait(time.Minute)
		tally()
		if told != open || changes != want {
			t.Errorf("the records say open %v, %d changes; it is open %v after %d", told, changes, open, want)
		}
		g.wait(time.Hour)
		g.wantRecords()
		if g.do(Input{InputTamper, !open}); len(g.records) != 1 {
			t.Errorf("the next change is not on record at once: %v", g.records)
		}
	}
}

func TestAFlappingExitButtonOpensEachTime(t *testing.T) {
	g := newRig(t, nil)
	for range 25 {
		g.do(Input{InputExit, true})
		g.do(Input{InputExit, false})
	}
	if len(g.strikes) != 25 {
		t.Errorf("%d strikes", len(g.strikes))
	}
}

func TestTheReaderWakesWhenTheFirstCountIsDue(t *testing.T) {
	g := newRig(t, nil)
	flood := func() {
		for range 11 {
			g.do(Refused{Message: "policy"})
		}
	}
	stale := Refused{Message: "command", Reason: "stale", Command: &wire.Command{Order: wire.Unlock}}
	for range 10 {
		g.do(stale)
	}
	if at, ok := g.r.Deadline(); ok {
		t.Errorf("ten refusals are waited for until %v", at)
	}
	g.wait(20 * time.Second)
	flood()
	want := g.now.Monotonic + time.Minute
	if at, ok := g.r.Deadline(); !ok || at != want {
		t.Errorf("%v, want %v", at, want)
	}
	g.wait(10 * time.Second)
	g.do(stale) // an eleventh within the first minute, which ends before the other
	if at, ok := g.r.Deadline(); !ok || at != want-20*time.Second {
		t.Errorf("%v, want %v", at, want-20*time.Second)
	}
}

// What a stranger causes at will, fifty times, and what must stay on record behind it.
func TestNothingAStrangerCanCauseHidesWhatMattersBehindACount(t *testing.T) {
	gone := &wire.Credential{ID: 77, User: 7, Kind: wire.Card, Until: 1}
	unknown := func(g *rig) { g.card(Unknown, nil) }
	nfcFails := Health{Subject: wire.SubjectNFC, Condition: Failed, Text: "gone"}
	for _, test := range []struct {
		name  string
		noise func(g *rig)
		then  func(g *rig)
		times int
		want  func(r wire.Record) bool
	}{
		{"a known card behind unknown ones", unknown, func(g *rig) { g.card(Known, gone) }, 1,
			func(r wire.Record) bool { return r.Kind == wire.AccessDenied && r.Credential == 77 && r.User == 7 }},
		{"a known card that is waved", unknown, func(g *rig) { g.card(Known, gone) }, 30,
			func(r wire.Record) bool { return r.Kind == wire.AccessDenied && r.Credential == 77 }},
		{"a card that could not be looked up, behind unknown ones", unknown, func(g *rig) { g.card(Damaged, nil) }, 1,
			func(r wire.Record) bool { return r.Kind == wire.AccessDenied && r.Reason == wire.ReasonDamaged }},
		{"the card reader's end behind a flapping touch", func(g *rig) {
			g.do(Health{Subject: wire.SubjectTouch, Condition: Failed})
			g.do(Health{Subject: wire.SubjectTouch, Condition: Good})
		}, func(g *rig) { g.do(nfcFails) }, 1,
			func(r wire.Record) bool { return r.Kind == wire.HealthChanged && r.Subject == "nfc" }},
		{"a bad policy behind bad commands", func(g *rig) { g.do(Refused{Message: "command", Reason: "repeated"}) },
			func(g *rig) { g.do(Refused{Message: "policy", Reason: "expired"}) }, 1,
			func(r wire.Record) bool { return r.Kind == wire.MessageRefused && r.Subject == "policy" }},
		{"an order's refusal behind old orders", func(g *rig) {
			g.do(Refused{Message: "command", Reason: "stale", Command: &wire.Command{Order: wire.Unlock}})
		}, func(g *rig) { g.order("dance") }, 30,
			func(r wire.Record) bool { return r.Kind == wire.CommandRefused && r.Order == "dance" }},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newRig(t, nil)
			for range 50 {
				test.noise(g)
			}
			g.wait(lastWait) // the next card is read again, and no minute is over
			g.records = nil
			for range test.times {
				test.then(g)
			}
			got := 0
			for _, r := range g.records {
				if test.want(r) {
					got++
				}
			}
			if got != test.times {
				t.Errorf("%d on record of %d", got, test.times)
			}
		})
	}
}
