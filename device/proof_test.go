package device

import (
	"testing"
	"time"

	"latchkey/sync/wire"
)

// prove shows a card that the worker answers, proven or not.
func (g *rig) prove(outcome Outcome, c *wire.Credential, proven bool) {
	g.t.Helper()
	g.do(Presented{wire.Card})
	g.do(Identified{Kind: wire.Card, Seq: g.asked.Seq, Outcome: outcome, Credential: c, Proven: proven})
}

func TestACardWithAKeyOpensOnlyIfItHasProvedIt(t *testing.T) {
	g := newRig(t, nil)
	g.prove(Known, keyedCard, false)
	g.wantStrikes()
	if r := g.wantRecords(wire.AccessDenied)[0]; r.Reason != wire.ReasonDamaged {
		t.Errorf("%+v", r)
	}
	g.prove(Known, keyedCard, true)
	g.wantStrikes(5 * time.Second)
	if r := g.wantRecords(wire.AccessGranted)[0]; r.Credential != keyedCard.ID {
		t.Errorf("%+v", r)
	}
}

func TestACopyLooksLikeAnUnknownCardAndIsRecordedAsACopy(t *testing.T) {
	g, other := newRig(t, nil), newRig(t, nil)
	held := Health{Subject: wire.SubjectCache, Condition: Good, Held: wire.Position{Epoch: 4, Revision: 7, Hash: wire.Hash{1}}}
	g.do(held)
	other.do(held)
	g.records = nil
	for n := range 8 {
		g.prove(NotGenuine, keyedCard, false)
		other.card(Unknown, nil)
		if g.view != other.view || g.r.card != other.r.card {
			t.Fatalf("the copy %d is shown as %+v, an unknown card as %+v", n, g.view, other.view)
		}
		at, ok := g.r.Deadline()
		if same, alike := other.r.Deadline(); at != same || ok != alike {
			t.Errorf("the next deadline is %v, %v, and %v, %v of an unknown card", at, ok, same, alike)
		}
		g.wait(11 * time.Second)
		other.wait(11 * time.Second)
	}
	g.wantStrikes()
	g.wantAttempts(0, 0, "")
	for _, r := range g.records {
		if r.Kind != wire.AccessDenied || r.Reason != wire.ReasonNotGenuine || r.Credential != keyedCard.ID || r.User != keyedCard.User || r.By != wire.ByCard || len(r.Tag) != 0 ||
			r.Epoch != 4 || r.Revision != 7 {
			t.Errorf("%+v", r)
		}
	}
}

func TestACopyEndsNoLockoutAndIsChargedToNobody(t *testing.T) {
	g := newRig(t, func(p *wire.Policy) { p.Limit = 3 })
	g.miss(2)
	g.prove(NotGenuine, keyedCard, false)
	g.wantAttempts(2, 2, "")
	g.miss(1)
	g.prove(NotGenuine, keyedCard, false)
	g.prove(CardGone, nil, false)
	g.wantAttempts(3, 3, wire.CauseAttempts)
	g.wait(time.Minute)
	g.prove(Known, keyedCard, true)
	g.wantAttempts(0, 3, "")
}

func TestCopiesAndUnknownCardsDoNotHideOneAnother(t *testing.T) {
	g := newRig(t, func(p *wire.Policy) { p.ProvenOpens = true })
	count := func(reason wire.Reason) (n int) {
		for _, r := range g.records {
			if r.Kind == wire.AccessDenied && r.Reason == reason {
				n++
			}
		}
		return n
	}
	for range 30 {
		g.note(wire.ReasonUnknown)
		g.note(wire.ReasonNotGenuine)
		g.note(wire.ReasonCardGone)
		g.note(wire.ReasonUnproven)
	}
	for _, reason := range []wire.Reason{wire.ReasonUnknown, wire.ReasonNotGenuine, wire.ReasonCardGone, wire.ReasonUnproven} {
		if n := count(reason); n != 10 {
			t.Errorf("%d records of 30: %s", n, reason)
		}
	}
	g.records = nil
	g.wait(time.Minute)
	counted := 0
	for _, r := range g.records {
		if r.Kind == wire.EventsCollapsed && r.Subject == string(wire.AccessDenied) && r.Count == 20 {
			counted++
		}
	}
	if counted != 4 {
		t.Errorf("%d counts of 20", counted)
	}
}

func TestTenCopiesOfACardDoNotHideThatOfAnother(t *testing.T) {
	g := newRig(t, nil)
	bobs := *keyedCard
	bobs.ID, bobs.User = 7, 2
	shown := map[uint64]int{}
	show := func(n int, c *wire.Credential) {
		for range n {
			g.r.card = card{seq: g.r.card.seq} // as if cards never waited
			g.prove(NotGenuine, c, false)
			shown[c.ID]++
		}
	}
	show(14, keyedCard)
	show(1, &bobs)
	if last := g.records[len(g.records)-1]; last.Credential != bobs.ID || last.Reason != wire.ReasonNotGenuine {
		t.Errorf("%+v", last)
	}
	show(13, &bobs)
	show(1, keyedCard)
	g.wait(time.Minute)
	recorded, counted := map[uint64]int{}, 0
	for _, r := range g.records {
		if r.Kind == wire.EventsCollapsed {
			counted += int(r.Count)
		} else {
			recorded[r.Credential]++
		}
	}
	if recorded[keyedCard.ID] != 11 || recorded[bobs.ID] != 10 || counted != shown[keyedCard.ID]+shown[bobs.ID]-21 {
		t.Errorf("%v and %d more, of %v", recorded, counted, shown)
	}
}

// The wait after unknown cards bounds what is recorded of two copies that take turns.
func TestCopiesThatTakeTurnsLeaveFewRecords(t *testing.T) {
	g := newRig(t, nil)
	bobs := *keyedCard
	bobs.ID, bobs.User = 7, 2
	for n := range 600 { // one in 0.1 s
		g.do(Presented{wire.Card})
		c := []*wire.Credential{keyedCard, &bobs}[n%2]
		g.do(Identified{Kind: wire.Card, Seq: g.asked.Seq, Outcome: NotGenuine, Credential: c})
		g.wait(100 * time.Millisecond)
	}
	n := 0
	for _, r := range g.records {
		if r.Reason == wire.ReasonNotGenuine {
			n++
		}
	}
	if n < 5 || n > 13 {
		t.Errorf("%d records of copies in a minute", n)
	}
}

// note denies a card for a reason, as if cards never waited.
func (g *rig) note(reason wire.Reason) {
	g.r.card = card{seq: g.r.card.seq}
	switch reason {
	case wire.ReasonUnknown:
		g.card(Unknown, nil)
	case wire.ReasonNotGenuine:
		g.prove(NotGenuine, keyedCard, false)
	case wire.ReasonCardGone:
		g.prove(CardGone, nil, false)
	case wire.ReasonUnproven:
		g.prove(Known, adaCard, false)
	}
}

func TestACardThatIsTakenAwayTooEarlyIsSaidSoAndIsNoUnknownOne(t *testing.T) {
	g := newRig(t, nil)
	for range 7 {
		g.wait(11 * time.Second) // after five it counts as an unknown card does
		g.records = nil
		g.prove(CardGone, nil, false)
		g.wantStrikes()
		g.wantScreen(ScreenDenied)
		if r := g.wantRecords(wire.AccessDenied)[0]; g.view.Reason != wire.ReasonCardGone || r.Reason != wire.ReasonCardGone || !r.Expendable() {
			t.Errorf("%+v, %+v", g.view, r)
		}
	}
	g.prove(CardGone, nil, false)
	if g.view.Reason != wire.ReasonWait {
		t.Errorf("%+v", g.view)
	}
	g.wait(11 * time.Second)
	g.prove(Known, keyedCard, true)
	g.wantStrikes(5 * time.Second)
}

func TestADoorMayWantProof(t *testing.T) {
	for _, test := range []struct {
		name          string
		change        func(p *wire.Policy)
		opens, clears bool
	}{
		{"of nobody", nil, true, true},
		{"to end a lockout", func(p *wire.Policy) { p.ProvenEnds = true }, true, false},
		{"of whoever comes in", func(p *wire.Policy) { p.ProvenOpens = true }, false, false},
		{"in either case", func(p *wire.Policy) { p.ProvenOpens, p.ProvenEnds = true, true }, false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newRig(t, test.change)
			g.miss(10)
			g.records = nil
			g.prove(Known, adaCard, false)
			lockout := g.r.Durable().Lockout
			if opened := len(g.strikes) > 0; opened != test.opens || (lockout == "") != test.clears {
				t.Errorf("a card without a key: opens %v, lockout %q", opened, lockout)
			}
			if !test.opens {
				if r := g.wantRecords(wire.AccessDenied)[0]; r.Reason != wire.ReasonUnproven || r.Credential != adaCard.ID || !r.Expendable() || g.view.Reason != wire.ReasonUnproven {
					t.Errorf("%+v, %+v", r, g.view)
				}
			}
			g.strikes = nil
			g.prove(Known, keyedCard, true)
			g.wantStrikes(5 * time.Second)
			g.wantAttempts(0, 10, "")
		})
	}
}

func TestWhatHappensWhileACardProvesItself(t *testing.T) {
	for _, test := range []struct {
		name   string
		during func(g *rig)
		opens  bool
	}{
		{"nothing", func(g *rig) {}, true},
		{"a second tap", func(g *rig) { g.do(Presented{wire.Card}) }, true},
		{"a PIN that is wrong", func(g *rig) { g.miss(1) }, true},
		{"a PIN that is right", func(g *rig) { g.enter(Known, adaPIN) }, true},
		{"a PIN that came too late for its epoch", func(g *rig) { g.enter(EpochChanged, nil) }, true},
		{"an unlock", func(g *rig) { g.order(wire.Unlock) }, true},
		{"the end of an unlocked door", func(g *rig) { g.want(unlockedFor(g, time.Minute)); g.want() }, true},
		{"an order for keys", func(g *rig) { g.order(wire.Personalise) }, true},
		{"a lockout", func(g *rig) { g.miss(10) }, true},
		{"tamper, where it stops cards", func(g *rig) { g.do(Input{InputTamper, true}) }, false},
		{"a policy by which nobody may", func(g *rig) {
			g.policy.Revision, g.policy.Access = 2, []wire.Access{}
			g.do(g.load())
		}, false},
		{"ten seconds", func(g *rig) { g.wait(answerWithin) }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newRig(t, func(p *wire.Policy) { p.TamperStopsCard = true })
			g.do(Presented{wire.Card})
			seq := g.asked.Seq
			test.during(g)
			if opens := map[string]bool{"a PIN that is right": true, "an unlock": true, "the end of an unlocked door": true}[test.name]; len(g.strikes) > 0 != opens {
				t.Errorf("meanwhile %v", g.strikes)
			}
			g.strikes = nil
			g.do(Identified{Kind: wire.Card, Seq: seq, Outcome: Known, Credential: keyedCard, Proven: true})
			if opened := len(g.strikes) == 1; opened != test.opens || opened && g.r.Durable().Lockout != "" {
				t.Errorf("opened %v, %+v", opened, g.r.Durable())
			}
		})
	}
}

// personalise orders keys for the next card and shows it.
func (g *rig) personalise() {
	g.t.Helper()
	g.order(wire.Personalise)
	g.wantScreen(ScreenEnrol)
	g.do(Presented{wire.Card})
}

func (g *rig) answerCard(outcome Outcome) {
	g.t.Helper()
	g.do(Identified{Kind: wire.Card, Seq: g.asked.Seq, Outcome: outcome})
}

func TestACardGetsKeysStepByStepAndOpensNothing(t *testing.T) {
	g := newRig(t, nil)
	g.personalise()
	if g.asked.Enrol != (wire.CommandID{1}) || !g.asked.Personalise || g.asked.Kind != wire.Card {
		t.Fatalf("%+v", g.asked)
	}
	for _, step := range []struct {
		of        Progress
		done, all uint8
	}{
		{Progress{}, 0, 0},
		{Progress{Seq: g.asked.Seq, Done: 1, Of: 30}, 1, 30},
		{Progress{Seq: g.asked.Seq - 1, Done: 9, Of: 30}, 1, 30},
		{Progress{Seq: g.asked.Seq, Done: 7, Of: 30}, 7, 30},
		{Progress{Seq: g.asked.Seq, Done: 6, Of: 30}, 7, 30},
		{Progress{Seq: g.asked.Seq, Done: 31, Of: 30}, 7, 30},
		{Progress{Seq: g.asked.Seq, Done: 30, Of: 30}, 30, 30},
	} {
		g.wait(personaliseStep / 4)
		g.do(step.of)
		g.wantScreen(ScreenKeep)
		if g.view.Done != step.done || g.view.Of != step.all {
			t.Errorf("after %+v: %d of %d", step.of, g.view.Done, g.view.Of)
		}
	}
	g.answerCard(Personalised)
	g.wantStrikes()
	g.wantScreen(ScreenWritten)
	if r := g.wantRecords(wire.CommandDone)[0]; r.Order != wire.Personalise || r.Command != (wire.CommandID{1}) || r.Who != "desk" {
		t.Errorf("%+v", r)
	}
	g.wait(noticeFor)
	g.wantScreen(ScreenHome)
	g.prove(Known, keyedCard, true)
	if g.asked.Personalise || g.asked.Enrol != (wire.CommandID{}) {
		t.Errorf("%+v", g.asked)
	}
	g.wantStrikes(5 * time.Second)
}

func TestATornCardIsAwaitedAgainForTwoMinutesInAll(t *testing.T) {
	g := newRig(t, nil)
	g.personalise()
	for n := range 3 {
		g.do(Progress{Seq: g.asked.Seq, Done: 5, Of: 30})
		g.answerCard(CardGone)
		g.wantScreen(ScreenEnrol)
		if g.view.Reason != wire.ReasonCardGone || g.view.End-g.view.Start != enrolFor {
			t.Fatalf("torn %d times: %+v", n+1, g.view)
		}
		g.wait(enrolFor - 1)
		g.do(Presented{wire.Card})
		g.wantScreen(ScreenKeep)
		if g.view.Done != 0 || !g.asked.Personalise || g.asked.Enrol != (wire.CommandID{1}) {
			t.Errorf("%+v, %+v", g.view, g.asked)
		}
	}
	g.wantRecords()
	g.answerCard(CardGone)
	g.wait(enrolFor) // two minutes since the order
	if r := g.wantRecords(wire.CommandRefused)[0]; r.Reason != wire.ReasonNoCard || r.Order != wire.Personalise {
		t.Errorf("%+v", r)
	}
	g.wantScreen(ScreenHome)
	g.wantStrikes()
}

func TestACardThatCannotGetKeysIsRefusedWithItsReason(t *testing.T) {
	for _, test := range []struct {
		name   string
		do     func(g *rig)
		reason wire.Reason
		shown  time.Duration // 0: not at all
	}{
		{"no card", func(g *rig) { g.order(wire.Personalise); g.wait(enrolFor) }, wire.ReasonNoCard, 0},
		{"keys of others", func(g *rig) { g.personalise(); g.answerCard(ForeignKeys) }, wire.ReasonForeignKeys, personaliseFault},
		{"another kind of card", func(g *rig) { g.personalise(); g.answerCard(Unsuitable) }, wire.ReasonUnsuitable, personaliseFault},
		{"declined", func(g *rig) { g.personalise(); g.answerCard(Declined) }, wire.ReasonDeclined, personaliseFault},
		{"no way to the controller", func(g *rig) { g.personalise(); g.answerCard(KeyFailed) }, wire.ReasonKey, personaliseFault},
		{"a wrong answer", func(g *rig) { g.personalise(); g.answerCard(NotGenuine) }, wire.ReasonNotGenuine, personaliseFault},
		{"a controller that is silent", func(g *rig) { g.personalise(); g.answerCard(Unanswered) }, wire.ReasonNoAnswer, personaliseFault},
		{"read as if for an enrolment", func(g *rig) { g.personalise(); g.answerCard(Enrolled) }, wire.ReasonDamaged, personaliseFault},
		{"looked up", func(g *rig) { g.personalise(); g.answerCard(Known) }, wire.ReasonDamaged, personaliseFault},
		{"no answer", func(g *rig) { g.personalise(); g.wait(personaliseStep) }, wire.ReasonNoAnswer, personaliseFault},
		{"another order", func(g *rig) { g.order(wire.Personalise); g.order(wire.Enrol) }, wire.ReasonNoCard, 0},
		{"keys for an enrolment", func(g *rig) { g.order(wire.Enrol); g.do(Presented{wire.Card}); g.answerCard(Personalised) }, wire.ReasonDamaged, noticeFor},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newRig(t, nil)
			test.do(g)
			r := g.wantRecords(wire.CommandRefused)[0]
			if r.Reason != test.reason || r.Command != (wire.CommandID{1}) {
				t.Errorf("%+v", r)
			}
			if shown := g.view.Screen == ScreenDenied; shown != (test.shown != 0) || shown && (g.view.Reason != test.reason || g.view.End-g.view.Start != test.shown) {
				t.Errorf("%+v", g.view)
			}
			g.wantStrikes()
		})
	}
}

func TestStepsWithoutEndAreBounded(t *testing.T) {
	g := newRig(t, nil)
	g.personalise()
	began := g.now.Monotonic
	for n := range 255 {
		g.wait(personaliseStep - 1)
		g.do(Progress{Seq: g.asked.Seq, Done: uint8(n + 1), Of: 255})
	}
	if len(g.records) != 1 || g.records[0].Reason != wire.ReasonNoAnswer {
		t.Fatalf("%+v", g.records)
	}
	if took := time.Duration(g.records[0].Running)*time.Millisecond - time.Duration(0); took > personaliseFor+2*personaliseStep {
		t.Errorf("it took %v since %v", took, began)
	}
}

// A card that is getting keys gets all of them, whatever happens at the door, and nobody at
// the door waits for that.
func TestWhatHappensWhileACardGetsKeys(t *testing.T) {
	for _, test := range []struct {
		name   string
		during func(g *rig)
		opens  bool        // at once
		wrong  uint16      // PINs
		next   wire.Reason // why the next card does not open; "": it does
	}{
		{"nothing", func(g *rig) {}, false, 0, ""},
		{"an unlock", func(g *rig) { g.order(wire.Unlock) }, true, 0, ""},
		{"a PIN that is right", func(g *rig) { g.enter(Known, adaPIN) }, true, 0, ""},
		{"a PIN that is wrong", func(g *rig) { g.miss(1) }, false, 1, ""},
		{"a PIN that came too late for its epoch", func(g *rig) { g.enter(EpochChanged, nil) }, false, 0, ""},
		{"a second tap", func(g *rig) { g.do(Presented{wire.Card}) }, false, 0, ""},
		{"a policy by which nobody may", func(g *rig) {
			g.policy.Revision, g.policy.Access = 2, []wire.Access{}
			g.do(g.load())
		}, false, 0, wire.ReasonGroup},
		{"a policy that stops cards", func(g *rig) {
			g.do(Input{InputTamper, true})
			g.policy.Revision, g.policy.TamperStopsCard = 2, true
			g.do(g.load())
		}, false, 0, wire.ReasonTamper},
		{"damage to the credentials", func(g *rig) { g.do(Health{Subject: wire.SubjectCache, Condition: Failed}) }, false, 0, wire.ReasonDamaged},
		{"the end of the link", func(g *rig) { g.do(Health{Subject: wire.SubjectLink, Condition: Failed}) }, false, 0, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newRig(t, func(p *wire.Policy) { p.TamperPauses = false })
			g.personalise()
			seq := g.asked.Seq
			g.do(Progress{Seq: seq, Done: 1, Of: 30})
			test.during(g)
			if opened := len(g.strikes) > 0; opened != test.opens {
				t.Errorf("meanwhile %v", g.strikes)
			}
			g.wantAttempts(test.wrong, test.wrong, "")
			g.strikes, g.records = nil, nil
			g.do(Progress{Seq: seq, Done: 2, Of: 30})
			g.wait(10 * time.Second)
			g.wantScreen(ScreenKeep)
			if g.view.Done != 2 {
				t.Errorf("%+v", g.view)
			}
			g.do(Identified{Kind: wire.Card, Seq: seq, Outcome: Personalised})
			if n := g.count(wire.CommandDone); n != 1 || g.view.Screen != ScreenWritten {
				t.Errorf("%d done, %+v", n, g.view)
			}
			g.wait(noticeFor)
			g.strikes, g.view = nil, View{}
			g.card(Known, adaCard)
			if opened := len(g.strikes) > 0; opened != (test.next == "") || g.view.Reason != test.next {
				t.Errorf("the next card: opens %v, %+v", opened, g.view)
			}
		})
	}
}

func TestPINsGoOnWhileACardGetsKeys(t *testing.T) {
	g := newRig(t, nil)
	g.personalise()
	g.enter(Known, adaPIN)
	g.wantStrikes(5 * time.Second)
	g.wantScreen(ScreenGranted)
	g.records = nil
	g.order(wire.Personalise)
	if r := g.wantRecords(wire.CommandRefused)[0]; r.Command != (wire.CommandID{2}) || r.Reason != wire.ReasonPending {
		t.Errorf("%+v", r)
	}
	g.wait(5 * time.Second)
	g.wantScreen(ScreenKeep)
	g.records = nil
	g.do(Identified{Kind: wire.Card, Seq: g.r.card.seq, Outcome: Personalised})
	if r := g.wantRecords(wire.CommandDone)[0]; r.Command != (wire.CommandID{1}) {
		t.Errorf("%+v", r)
	}
}
