package device

import (
	"slices"
	"testing"
	"time"

	"latchkey/sync/wire"
)

// ada's PIN and card, and those of others who may not open now.
func pinOf(change func(c *wire.Credential)) *wire.Credential {
	c := *adaPIN
	if change != nil {
		change(&c)
	}
	return &c
}

func TestAPINThatMayOpenNowOpens(t *testing.T) {
	g := newRig(t, nil)
	g.do(Presented{wire.PIN})
	g.wantScreen(ScreenChecking)
	g.wantRecords(wire.AttemptStarted)
	if g.view.PIN || !g.state.Pending {
		t.Fatalf("%+v %+v", g.view, g.state)
	}
	g.do(Identified{Kind: wire.PIN, Seq: 1, Outcome: Known, Credential: adaPIN})
	r := g.wantRecords(wire.AccessGranted)[0]
	if r.By != "pin" || r.Seq != 1 || r.Credential != 1 || r.User != 1 || r.Seconds != 5 || !r.Trusted || r.Time != g.now.Wall.UnixMilli() {
		t.Errorf("%+v", r)
	}
	g.wantStrikes(5 * time.Second)
	g.wantScreen(ScreenGranted)
	if g.view.Name != "Ada" || g.view.End-g.view.Start != 5*time.Second || g.state.Strike != wire.StrikePulse {
		t.Errorf("%+v %+v", g.view, g.state)
	}
	g.wantAttempts(0, 0, "")
	g.wait(5 * time.Second)
	g.wantScreen(ScreenHome)
	if g.state.Strike != wire.StrikeOff {
		t.Errorf("%+v", g.state)
	}
	g.wantStrikes()
}

func TestAnExtendedCredentialOpensForTheExtendedTime(t *testing.T) {
	g := newRig(t, nil)
	g.enter(Known, pinOf(func(c *wire.Credential) { c.Extended = true }))
	g.wantStrikes(20 * time.Second)
}

func TestAnAttemptIsCountedOnlyWhenItsPINIsUnknown(t *testing.T) {
	for _, test := range []struct {
		name       string
		outcome    Outcome
		credential *wire.Credential
		wrong      uint16
		reason     wire.Reason
	}{
		{"an unknown PIN counts", Unknown, nil, 1, ""},
		{"one before its first day is taken back", Known, pinOf(func(c *wire.Credential) { c.From = 1 << 40 }), 0, wire.ReasonEarly},
		{"one after its last day is taken back", Known, pinOf(func(c *wire.Credential) { c.Until = 1 }), 0, wire.ReasonExpired},
		{"one of no group of the door is taken back", Known, evePIN, 0, wire.ReasonGroup},
		{"a damaged chunk is taken back", Damaged, nil, 0, wire.ReasonDamaged},
		{"a key error is taken back", KeyFailed, nil, 0, wire.ReasonKey},
		{"a change of epoch is taken back", EpochChanged, nil, 0, wire.ReasonEpoch},
		{"a known PIN without a credential is taken back", Known, nil, 0, wire.ReasonDamaged},
		{"a card's credential is taken back", Known, adaCard, 0, wire.ReasonDamaged},
		{"no outcome at all is taken back", 0, nil, 0, wire.ReasonDamaged},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newRig(t, func(p *wire.Policy) { p.Access = []wire.Access{{Group: "staff"}} })
			g.enter(test.outcome, test.credential)
			g.wantAttempts(test.wrong, test.wrong, "")
			if g.r.Durable().Pending != 0 || g.state.Pending {
				t.Error("it is still pending")
			}
			g.wantStrikes()
			g.wantScreen(ScreenDenied)
			if g.view.Reason != "" || g.view.Name != "" || g.view.End-g.view.Start != 2*time.Second {
				t.Errorf("the screen tells more than that: %+v", g.view)
			}
			if test.wrong > 0 {
				r := g.wantRecords(wire.AttemptStarted, wire.AttemptUnknown)[1]
				if r.Seq != 1 || r.Wrong != 1 || r.Reason != "" || r.Tag != nil {
					t.Errorf("%+v", r)
				}
				return
			}
			r := g.wantRecords(wire.AttemptStarted, wire.AttemptTakenBack)[1]
			if r.Seq != 1 || r.Reason != test.reason {
				t.Errorf("%+v", r)
			}
			if known := test.credential != nil && test.credential.Kind == wire.PIN; known != (r.User != 0) {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestAPINIsForgottenWhileItCannotBeUsed(t *testing.T) {
	for _, test := range []struct {
		name   string
		before func(g *rig)
		reason wire.Reason
		screen Screen
	}{
		{"PIN is off", func(g *rig) { g.policy.PIN, g.policy.Revision = false, 2; g.do(g.load()) }, wire.ReasonOff, ScreenHome},
		{"locked out", func(g *rig) { g.miss(10) }, wire.ReasonLockout, ScreenDenied},
		{"one is pending", func(g *rig) { g.do(Presented{wire.PIN}) }, wire.ReasonPending, ScreenChecking},
		{"the housing is open after the lockout was ended", func(g *rig) {
			g.do(Input{InputTamper, true})
			g.card(Known, adaCard)
			g.wait(5 * time.Second)
		}, wire.ReasonTamper, ScreenPaused},
		{"records are not stored", func(g *rig) { g.fault = "disk full"; g.do(Input{InputTamper, false}); g.enter(Known, adaPIN) }, wire.ReasonUnstored, ScreenOutOfOrder},
		{"the credentials are behind", func(g *rig) {
			g.do(Health{Subject: wire.SubjectCache, Condition: Good, Held: wire.Position{Epoch: 1, Revision: 2}})
			g.do(Health{Subject: wire.SubjectCache, Condition: Good, Held: wire.Position{Epoch: 1, Revision: 1}})
		}, wire.ReasonBehind, ScreenOutOfOrder},
		{"the credentials cannot be read", func(g *rig) { g.do(Health{Subject: wire.SubjectCache, Condition: Failed}) }, wire.ReasonDamaged, ScreenOutOfOrder},
		{"the key cannot be used", func(g *rig) { g.do(Health{Subject: wire.SubjectKey, Condition: Failed}) }, wire.ReasonKey, ScreenOutOfOrder},
		{"the panel has failed", func(g *rig) { g.do(Health{Subject: wire.SubjectPanel, Condition: Failed}) }, wire.ReasonPanel, ScreenOutOfOrder},
		{"the touch has failed", func(g *rig) { g.do(Health{Subject: wire.SubjectTouch, Condition: Failed}) }, wire.ReasonPanel, ScreenOutOfOrder},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newRig(t, nil)
			test.before(g)
			before := g.r.Durable()
			g.records, g.forgot = nil, 0
			asked := g.asked
			g.do(Presented{wire.PIN})
			if g.forgot != 1 || g.asked != asked {
				t.Errorf("forgotten %d times, %+v looked up", g.forgot, g.asked)
			}
			last := g.records[len(g.records)-1]
			if last.Kind != wire.PINRefused || last.Reason != test.reason {
				t.Errorf("%+v", last)
			}
			if g.view.PIN || g.view.Screen != test.screen {
				t.Errorf("%+v", g.view)
			}
			if after := g.r.Durable(); after.Wrong != before.Wrong || after.Guesses != before.Guesses || after.Pending != before.Pending {
				t.Errorf("%+v became %+v", before, after)
			}
		})
	}
}

func TestTheOutcomeWaitsForItsCharge(t *testing.T) {
	g := newRig(t, nil)
	g.slow = true
	g.do(Presented{wire.PIN})
	g.do(Identified{Kind: wire.PIN, Seq: 1, Outcome: Known, Credential: adaPIN})
	g.wantScreen(ScreenChecking)
	g.wantStrikes()
	g.store()
	g.wantStrikes(5 * time.Second)
	g.wantScreen(ScreenGranted)
}

func TestAChargeThatIsNotStoredIsDiscardedUnseen(t *testing.T) {
	for _, outcome := range []Outcome{Known, Unknown} {
		g := newRig(t, nil)
		g.slow, g.fault = true, "disk full"
		g.do(Presented{wire.PIN})
		g.do(Identified{Kind: wire.PIN, Seq: 1, Outcome: outcome, Credential: adaPIN})
		g.slow = false
		g.store()
		g.wantAttempts(0, 0, "")
		g.wantStrikes()
		g.wantScreen(ScreenOutOfOrder)
		if g.view.Reason != wire.ReasonUnstored || g.view.PIN || !g.view.Card || g.state.Journal != "disk full" {
			t.Errorf("%+v %+v", g.view, g.state)
		}
		g.wantRecords(wire.AttemptStarted, wire.JournalResumed, wire.AttemptTakenBack)
	}
}

func TestNoAnswerInTenSecondsCountsAsUnknown(t *testing.T) {
	g := newRig(t, nil)
	g.do(Presented{wire.PIN})
	g.wait(10*time.Second - 1)
	g.wantAttempts(0, 0, "")
	g.wait(1)
	g.wantAttempts(1, 1, "")
	g.wantScreen(ScreenDenied)
	if r := g.wantRecords(wire.AttemptStarted, wire.AttemptUnknown)[1]; r.Reason != "no answer" {
		t.Errorf("%+v", r)
	}
	g.do(Identified{Kind: wire.PIN, Seq: 1, Outcome: Known, Credential: adaPIN})
	g.wantStrikes()
	g.wantAttempts(1, 1, "")
	if g.state.Journal != "" {
		t.Errorf("the journal is blamed: %+v", g.state)
	}
}

func TestAChargeThatIsNotStoredInTenSecondsCountsAndTakesPINOutOfOrder(t *testing.T) {
	g := newRig(t, nil)
	g.slow = true
	g.do(Presented{wire.PIN})
	g.do(Identified{Kind: wire.PIN, Seq: 1, Outcome: Known, Credential: adaPIN})
	g.wait(10 * time.Second)
	g.wantAttempts(1, 1, "")
	g.wantRecords(wire.AttemptStarted, wire.JournalResumed, wire.AttemptUnknown)
	g.wait(2 * time.Second)
	g.wantScreen(ScreenOutOfOrder)
	g.slow = false
	g.store()
	g.wantScreen(ScreenHome)
	g.wantAttempts(1, 1, "")
	g.wantStrikes()
	if g.disk != g.r.Durable() {
		t.Errorf("the disk has\n%+v, the reader\n%+v", g.disk, g.r.Durable())
	}
}

func TestARightPINFromBeforeALockoutForTamperDoesNotOpen(t *testing.T) {
	g := newRig(t, nil)
	g.do(Presented{wire.PIN})
	g.do(Input{InputTamper, true})
	g.do(Identified{Kind: wire.PIN, Seq: 1, Outcome: Known, Credential: adaPIN})
	g.wantStrikes()
	g.wantAttempts(0, 0, wire.CauseTamper)
	records := g.wantRecords(wire.AttemptStarted, wire.LockoutStarted, wire.TamperStarted, wire.AttemptTakenBack)
	if records[3].Reason != "locked out" {
		t.Errorf("%+v", records[3])
	}
}

func TestAStartCountsAnAttemptThatItFindsPending(t *testing.T) {
	for _, test := range []struct {
		name    string
		missed  int
		lockout wire.Cause
		records []wire.RecordKind
	}{
		{"as unknown", 3, "", []wire.RecordKind{wire.ReaderStarted, wire.AttemptInterrupted, wire.ClockTrusted}},
		{"as the tenth, with its lockout first", 9, wire.CauseAttempts, []wire.RecordKind{wire.ReaderStarted, wire.LockoutStarted, wire.AttemptInterrupted, wire.ClockTrusted}},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newRig(t, nil)
			g.miss(test.missed)
			g.do(Presented{wire.PIN})
			g.records = nil
			g.crash(time.Minute)
			g.wantAttempts(uint16(test.missed)+1, uint16(test.missed)+1, test.lockout)
			g.wantRecords(test.records...)
			if g.r.Durable().Pending != 0 {
				t.Error("it is still pending")
			}
			g.crash(0)
			g.wantAttempts(uint16(test.missed)+1, uint16(test.missed)+1, test.lockout)
		})
	}
}

func TestACardWorksWhileAPINIsPendingAndTheChargeStands(t *testing.T) {
	g := newRig(t, nil)
	g.do(Presented{wire.PIN})
	seq := g.asked.Seq
	g.card(Known, adaCard)
	g.wantStrikes(5 * time.Second)
	if g.r.Durable().Pending != seq {
		t.Fatal("the charge is gone")
	}
	g.do(Identified{Kind: wire.PIN, Seq: seq, Outcome: Unknown})
	g.wantAttempts(1, 1, "")
}

func TestTheEndOfAnAttemptIsToldWithItsOutcomeAndNotBeforeTheChargeIsStored(t *testing.T) {
	for _, test := range []struct {
		name       string
		outcome    Outcome
		credential *wire.Credential
		fault      string
		want       Decided
	}{
		{"a PIN that opens", Known, adaPIN, "", Decided{1, Known, true}},
		{"one that may not open now", Known, pinOf(func(c *wire.Credential) { c.Until = 1 }), "", Decided{1, Known, false}},
		{"an unknown PIN", Unknown, nil, "", Decided{1, Unknown, false}},
		{"a damaged chunk", Damaged, nil, "", Decided{1, Damaged, false}},
		{"a key error", KeyFailed, nil, "", Decided{1, KeyFailed, false}},
		{"a change of epoch", EpochChanged, nil, "", Decided{1, EpochChanged, false}},
		{"a card's credential", Known, adaCard, "", Decided{1, Damaged, false}},
		{"a charge that is not stored", Known, adaPIN, "the disk is full", Decided{1, 0, false}},
		{"no answer", 0, nil, "", Decided{1, 0, false}},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newRig(t, nil)
			g.slow, g.fault = true, test.fault
			g.do(Presented{wire.PIN})
			if test.outcome != 0 {
				g.do(Identified{Kind: wire.PIN, Seq: 1, Outcome: test.outcome, Credential: test.credential})
			}
			if len(g.decided) != 0 {
				t.Fatalf("%+v before the charge is stored", g.decided)
			}
			g.store()
			if test.outcome == 0 {
				g.wait(answerWithin)
			}
			if !slices.Equal(g.decided, []Decided{test.want}) {
				t.Errorf("%+v, not %+v", g.decided, test.want)
			}
		})
	}
}
