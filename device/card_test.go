package device

import (
	"bytes"
	"testing"
	"time"

	"latchkey/sync/wire"
)

func TestACardThatMayOpenNowOpensAtOnceWhileItsRecordIsBeingStored(t *testing.T) {
	g := newRig(t, nil)
	g.slow = true
	g.card(Known, adaCard)
	g.wantStrikes(5 * time.Second)
	g.wantScreen(ScreenGranted)
	r := g.wantRecords(wire.AccessGranted)[0]
	if r.By != "card" || r.Credential != 2 || r.User != 1 || r.Seconds != 5 {
		t.Errorf("%+v", r)
	}
}

func TestACardThatMayNotOpenNowIsDeniedWithItsReason(t *testing.T) {
	for _, test := range []struct {
		name       string
		outcome    Outcome
		credential *wire.Credential
		reason     wire.Reason
	}{
		{"nobody's", Unknown, nil, wire.ReasonUnknown},
		{"of no group of the door", Known, eveCard, wire.ReasonGroup},
		{"from tomorrow", Known, &wire.Credential{ID: 5, User: 3, Kind: wire.Card, Groups: []string{"staff"}, From: 1 << 40}, wire.ReasonEarly},
		{"until yesterday", Known, &wire.Credential{ID: 5, User: 3, Kind: wire.Card, Groups: []string{"staff"}, Until: 1}, wire.ReasonExpired},
		{"in a damaged chunk", Damaged, nil, wire.ReasonDamaged},
		{"with a key error", KeyFailed, nil, wire.ReasonKey},
		{"during a change of epoch", EpochChanged, nil, wire.ReasonEpoch},
		{"a PIN's credential", Known, adaPIN, wire.ReasonDamaged},
		{"enrolled unasked", Enrolled, nil, wire.ReasonDamaged},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newRig(t, func(p *wire.Policy) { p.Access = []wire.Access{{Group: "staff"}} })
			g.card(test.outcome, test.credential)
			g.wantStrikes()
			g.wantScreen(ScreenDenied)
			r := g.wantRecords(wire.AccessDenied)[0]
			if g.view.Reason != test.reason || r.Reason != test.reason || r.By != "card" {
				t.Errorf("%+v %+v", g.view, r)
			}
			if unknown := test.outcome == Unknown; unknown != bytes.Equal(r.Tag, []byte{1, 2, 3, 4, 5, 6, 7, 8}) {
				t.Errorf("tag %x", r.Tag)
			}
			g.wantAttempts(0, 0, "")
			g.wait(2 * time.Second)
			g.wantScreen(ScreenHome)
		})
	}
}

func TestNoCardIsReadWhileCardsAreOutOfService(t *testing.T) {
	behind := func(g *rig) {
		g.do(Health{Subject: wire.SubjectCache, Condition: Good, Held: wire.Position{Epoch: 2}})
		g.do(Health{Subject: wire.SubjectCache, Condition: Good, Held: wire.Position{Epoch: 1, Revision: 9}})
	}
	unstored := func(g *rig) { g.fault = "disk full"; g.order(wire.Identify); g.wait(probeEvery / 2) }
	tamper := func(g *rig) { g.do(Input{InputTamper, true}) }
	for _, test := range []struct {
		name   string
		policy func(p *wire.Policy)
		before func(g *rig)
		reason wire.Reason
	}{
		{"tamper, and the policy stops cards", func(p *wire.Policy) { p.TamperStopsCard = true }, tamper, wire.ReasonTamper},
		{"tamper", nil, tamper, ""},
		{"tamper that is over", func(p *wire.Policy) { p.TamperStopsCard = true }, func(g *rig) { tamper(g); g.do(Input{InputTamper, false}) }, ""},
		{"records are not stored, and the policy stops cards", func(p *wire.Policy) { p.CardsUnstored = false }, unstored, wire.ReasonUnstored},
		{"records are not stored", nil, unstored, ""},
		{"the credentials are behind, and the policy stops cards", func(p *wire.Policy) { p.CardsBehind = false }, behind, wire.ReasonBehind},
		{"the credentials are behind", nil, behind, ""},
		{"the credentials cannot be read", nil, func(g *rig) { g.do(Health{Subject: wire.SubjectCache, Condition: Failed}) }, wire.ReasonDamaged},
		{"some of the credentials cannot be read", nil, func(g *rig) { g.do(Health{Subject: wire.SubjectCache, Condition: Corrupt}) }, ""},
		{"the key cannot be used", nil, func(g *rig) { g.do(Health{Subject: wire.SubjectKey, Condition: Failed}) }, wire.ReasonKey},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newRig(t, test.policy)
			test.before(g)
			if g.view.Card != (test.reason == "") || g.state.Card != test.reason {
				t.Errorf("%+v %+v", g.view, g.state)
			}
			if test.reason != "" {
				g.wantScreen(ScreenOutOfOrder)
			}
			g.card(Known, adaCard)
			if test.reason == "" {
				g.wantStrikes(5 * time.Second)
				return
			}
			g.wantStrikes()
			if g.forgot != 1 || g.view.Screen != ScreenDenied || g.view.Reason != test.reason {
				t.Errorf("forgotten %d times: %+v", g.forgot, g.view)
			}
		})
	}
}

func TestTheJudgementOfACardIsThatOfTheMomentOfItsAnswer(t *testing.T) {
	g := newRig(t, func(p *wire.Policy) { p.TamperStopsCard = true })
	g.do(Presented{wire.Card})
	g.do(Input{InputTamper, true})
	g.do(Identified{Kind: wire.Card, Seq: g.asked.Seq, Outcome: Known, Credential: adaCard})
	g.wantStrikes()
	g.wantScreen(ScreenDenied)
}

func TestACardReaderThatFailedIsShown(t *testing.T) {
	g := newRig(t, nil)
	g.do(Health{Subject: wire.SubjectNFC, Condition: Failed, Text: "no answer"})
	g.wantScreen(ScreenOutOfOrder)
	if g.view.Card || !g.view.PIN || g.view.Reason != wire.ReasonNFC {
		t.Errorf("%+v", g.view)
	}
}

func TestAfterFiveUnknownCardsTheNextOneWaitsLongerAndLonger(t *testing.T) {
	g := newRig(t, nil)
	for range 4 {
		g.card(Unknown, nil)
	}
	for _, wait := range []time.Duration{2, 4, 8, 10, 10} {
		g.card(Unknown, nil)
		asked := g.asked
		g.wait(wait*time.Second - 1)
		g.card(Known, adaCard)
		if g.asked != asked || g.view.Reason != wire.ReasonWait {
			t.Fatalf("a card was read before %d s: %+v", wait, g.view)
		}
		g.wait(1)
	}
	g.wantStrikes()
	g.card(Known, adaCard)
	g.wantStrikes(5 * time.Second)
	for range 4 {
		g.card(Unknown, nil)
	}
	g.card(Known, adaCard)
	g.wantStrikes(5 * time.Second)
}

func TestAKnownCardThatMayNotOpenDoesNotEndTheRowOfUnknownOnes(t *testing.T) {
	g := newRig(t, func(p *wire.Policy) { p.Access = []wire.Access{{Group: "staff"}} })
	for range 4 {
		g.card(Unknown, nil)
		g.card(Known, eveCard)
	}
	g.card(Unknown, nil)
	g.card(Known, adaCard)
	g.wantStrikes()
	if g.view.Reason != wire.ReasonWait {
		t.Errorf("after five unknown cards: %+v", g.view)
	}
	g.wait(2 * time.Second)
	g.card(Known, adaCard)
	g.wantStrikes(5 * time.Second)
}

func TestACardWithoutAnAnswerIsDeniedAfterTenSecondsAndTheLateAnswerIgnored(t *testing.T) {
	g := newRig(t, nil)
	g.do(Presented{wire.Card})
	g.wait(10 * time.Second)
	g.wantScreen(ScreenDenied)
	g.wantRecords(wire.AccessDenied)
	g.do(Identified{Kind: wire.Card, Seq: g.asked.Seq, Outcome: Known, Credential: adaCard})
	g.wantStrikes()
}

func TestASecondCardIsForgottenWhileOneIsLookedUp(t *testing.T) {
	g := newRig(t, nil)
	g.do(Presented{wire.Card})
	asked := g.asked
	g.do(Presented{wire.Card})
	if g.forgot != 1 || g.asked != asked {
		t.Errorf("forgotten %d times, asked %+v", g.forgot, g.asked)
	}
	g.wantRecords()
	g.do(Identified{Kind: wire.Card, Seq: asked.Seq, Outcome: Known, Credential: adaCard})
	g.wantStrikes(5 * time.Second)
}

func TestSomethingOfAnUnknownKindIsForgotten(t *testing.T) {
	g := newRig(t, nil)
	g.do(Presented{7})
	g.do(Identified{Kind: 7, Outcome: Known, Credential: adaCard})
	if g.forgot != 1 {
		t.Errorf("forgotten %d times", g.forgot)
	}
	g.wantRecords()
	g.wantStrikes()
}
