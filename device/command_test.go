package device

import (
	"strings"
	"testing"
	"time"

	"latchkey/sync/wire"
)

func TestACommandIsCarriedOutOnce(t *testing.T) {
	for _, o := range []wire.Order{wire.Unlock, wire.Identify, wire.Enrol} {
		g := newRig(t, nil)
		c := Command{wire.Command{ID: wire.CommandID{9}, Order: o, By: "desk"}}
		g.do(c)
		if len(g.records) == 0 && o != wire.Enrol {
			t.Errorf("%s left no record", o)
		}
		g.wait(50 * time.Second)
		before, records := g.r, len(g.records)
		g.do(c)
		if g.r != before || len(g.records) != records {
			t.Errorf("%s was carried out twice", o)
		}
	}
}

func TestTheLastSixteenCommandsAreRemembered(t *testing.T) {
	g := newRig(t, nil)
	for range 16 {
		g.order(wire.Identify)
	}
	g.records = nil
	for i := range byte(16) {
		g.do(Command{wire.Command{ID: wire.CommandID{i + 1}, Order: wire.Unlock}})
	}
	g.wantRecords()
	g.do(Command{wire.Command{Order: wire.Unlock}})
	g.wantStrikes()
}

func TestARemoteUnlockOpens(t *testing.T) {
	g := newRig(t, func(p *wire.Policy) { p.Unlock = 7 })
	g.slow = true
	g.order(wire.Unlock)
	g.wantStrikes(7 * time.Second)
	g.wantScreen(ScreenGranted)
	r := g.wantRecords(wire.AccessGranted)[0]
	if r.By != "remote" || r.Who != "desk" || r.Command == (wire.CommandID{}) || r.Seconds != 7 || r.User != 0 {
		t.Errorf("%+v", r)
	}
}

func TestAnOrderThatCannotBeIsRefused(t *testing.T) {
	for _, order := range []wire.Order{"hold", "dance"} {
		g := newRig(t, nil)
		g.order(order)
		if r := g.wantRecords(wire.CommandRefused)[0]; r.Order != order || r.Reason == "" || r.Who != "desk" {
			t.Errorf("%+v", r)
		}
		g.wantStrikes()
	}
}

func TestIdentifyShowsWhichReaderItIsForTenSeconds(t *testing.T) {
	g := newRig(t, nil)
	g.order(wire.Identify)
	if r := g.wantRecords(wire.CommandDone)[0]; r.Order != wire.Identify || r.Who != "desk" {
		t.Errorf("%+v", r)
	}
	g.wait(10*time.Second - 1)
	if !g.view.Identify {
		t.Error("not for ten seconds")
	}
	g.wait(1)
	if g.view.Identify {
		t.Error("for more than ten seconds")
	}
}

func TestTheNextCardIsReadForEnrolmentAndOpensNothing(t *testing.T) {
	g := newRig(t, nil)
	g.card(Unknown, nil)
	g.records = nil
	g.order(wire.Enrol)
	g.wantScreen(ScreenEnrol)
	if g.view.End-g.view.Start != 30*time.Second {
		t.Errorf("%+v", g.view)
	}
	g.do(Presented{wire.Card})
	if g.asked.Enrol != (wire.CommandID{1}) || g.asked.Kind != wire.Card {
		t.Fatalf("%+v", g.asked)
	}
	g.do(Identified{Kind: wire.Card, Seq: g.asked.Seq, Outcome: Enrolled})
	g.wantStrikes()
	g.wantScreen(ScreenEnrolled)
	if r := g.wantRecords(wire.CommandDone)[0]; r.Order != wire.Enrol || r.Who != "desk" || (r.Command != wire.CommandID{1}) {
		t.Errorf("%+v", r)
	}
	g.card(Known, adaCard)
	if g.asked.Enrol != (wire.CommandID{}) {
		t.Errorf("%+v", g.asked)
	}
	g.wantStrikes(5 * time.Second)
}

func TestAnEnrolmentThatComesToNothingIsRefused(t *testing.T) {
	for _, test := range []struct {
		name   string
		do     func(g *rig)
		reason wire.Reason
		screen Screen
	}{
		{"no card", func(g *rig) { g.wait(30 * time.Second) }, wire.ReasonNoCard, ScreenHome},
		{"another wish", func(g *rig) { g.order(wire.Enrol) }, wire.ReasonNoCard, ScreenEnrol},
		{"no answer", func(g *rig) { g.do(Presented{wire.Card}); g.wait(10 * time.Second) }, wire.ReasonNoAnswer, ScreenDenied},
		{"no way to the controller", func(g *rig) { g.card(KeyFailed, nil) }, wire.ReasonKey, ScreenDenied},
		{"a look-up instead", func(g *rig) { g.card(Known, adaCard) }, wire.ReasonDamaged, ScreenDenied},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newRig(t, nil)
			g.order(wire.Enrol)
			test.do(g)
			r := g.wantRecords(wire.CommandRefused)[0]
			if r.Reason != test.reason || (r.Command != wire.CommandID{1}) || r.Order != wire.Enrol {
				t.Errorf("%+v", r)
			}
			g.wantScreen(test.screen)
			g.wantStrikes()
		})
	}
}

func TestAnEnrolmentIsRefusedWhileACardIsOnItsWayForAnother(t *testing.T) {
	g := newRig(t, nil)
	g.order(wire.Enrol)
	g.do(Presented{wire.Card})
	g.order(wire.Enrol)
	if r := g.wantRecords(wire.CommandRefused)[0]; r.Command != (wire.CommandID{2}) || r.Reason != "pending" {
		t.Errorf("%+v", r)
	}
	g.do(Identified{Kind: wire.Card, Seq: g.asked.Seq, Outcome: Enrolled})
	if r := g.wantRecords(wire.CommandDone)[0]; r.Command != (wire.CommandID{1}) {
		t.Errorf("%+v", r)
	}
}

func TestUnknownCardsDoNotKeepOneFromBeingEnrolled(t *testing.T) {
	g := newRig(t, nil)
	for range 5 {
		g.card(Unknown, nil)
	}
	g.order(wire.Enrol)
	g.card(Enrolled, nil)
	g.wantScreen(ScreenEnrolled)
}

func TestARefusedMessageIsRecordedAndChangesNothingElse(t *testing.T) {
	g := newRig(t, nil)
	before := g.r.Durable()
	g.do(Refused{Message: "policy", Reason: "signature does not match"})
	g.do(Refused{Message: "command", Reason: "old nonce", Command: &wire.Command{ID: wire.CommandID{3}, Order: wire.Unlock, By: "desk"}})
	r := g.wantRecords(wire.MessageRefused, wire.CommandRefused)
	if r[0].Subject != "policy" || r[0].Reason != "signature does not match" {
		t.Errorf("%+v", r[0])
	}
	if r[1].Command != (wire.CommandID{3}) || r[1].Order != wire.Unlock || r[1].Who != "desk" || r[1].Reason != "old nonce" {
		t.Errorf("%+v", r[1])
	}
	g.wantStrikes()
	if g.r.Durable() != before {
		t.Error("the durable state changed")
	}
}

func TestWhatComesFromOutsideFitsIntoARecord(t *testing.T) {
	g := newRig(t, nil)
	long := strings.Repeat("x", 199) + "é" + "\xff" + strings.Repeat("y", 1<<20)
	g.fault = long
	g.do(Refused{Message: long, Reason: wire.Reason(long)})
	g.do(Refused{Reason: wire.Reason(long), Command: &wire.Command{Order: wire.Order(long), By: long}})
	g.do(Health{Subject: wire.SubjectPanel, Condition: Failed, Text: long})
	g.do(Command{wire.Command{ID: wire.CommandID{4}, Order: wire.Unlock, By: long}})
	g.fault = ""
	g.wait(time.Minute)
	if len(g.records) < 5 {
		t.Fatalf("%d records", len(g.records))
	}
	for _, r := range g.records {
		r.Number = 1
		if _, err := wire.ParseRecord(wire.Marshal(&r)); err != nil {
			t.Errorf("%s: %v", r.Kind, err)
		}
	}
}
