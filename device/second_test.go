package device

import (
	"testing"
	"time"

	"latchkey/sync/wire"
)

// twoRig is a rig whose door wants two proofs.
func twoRig(t *testing.T, change func(p *wire.Policy)) *rig {
	t.Helper()
	return newRig(t, func(p *wire.Policy) {
		p.TwoProofs = &wire.TwoProofs{}
		if change != nil {
			change(p)
		}
	})
}

func TestCardAndPINOfOnePersonOpenTogether(t *testing.T) {
	g := twoRig(t, nil)
	g.miss(3)
	g.records = nil

	g.card(Known, adaCard)
	g.wantStrikes()
	g.wantScreen(ScreenSecondPIN)
	if v := g.view; !v.PIN || v.Start != g.now.Monotonic || v.End != v.Start+15*time.Second || v.Name != "" {
		t.Errorf("%+v", v)
	}
	if r := g.wantRecords(wire.ProofGiven)[0]; r.By != wire.ByCard || r.Credential != adaCard.ID || r.User != adaCard.User || r.Seq != 0 {
		t.Errorf("%+v", r)
	}
	g.wait(14 * time.Second)
	g.enter(Known, adaPIN)
	g.wantStrikes(5 * time.Second)
	g.wantScreen(ScreenGranted)
	if r := g.wantRecords(wire.AttemptStarted, wire.AccessGranted)[1]; r.By != wire.ByBoth || r.Credential != adaPIN.ID || r.User != 1 || r.Seq != 4 || r.Seconds != 5 {
		t.Errorf("%+v", r)
	}
	g.wantAttempts(0, 3, "")
	g.wait(10 * time.Second)
	g.wantScreen(ScreenHome)

	g.miss(2)
	g.records = nil
	g.enter(Known, adaPIN)
	g.wantStrikes()
	g.wantScreen(ScreenSecondCard)
	if r := g.wantRecords(wire.AttemptStarted, wire.ProofGiven)[1]; r.By != wire.ByPIN || r.Credential != adaPIN.ID || r.User != 1 || r.Seq != 7 {
		t.Errorf("%+v", r)
	}
	g.wantAttempts(2, 5, "") // the PIN alone ends no row
	g.card(Known, adaCard)
	g.wantStrikes(5 * time.Second)
	if r := g.wantRecords(wire.AccessGranted)[0]; r.By != wire.ByBoth || r.Credential != adaCard.ID || r.User != 1 || r.Seq != 0 {
		t.Errorf("%+v", r)
	}
	g.wantAttempts(0, 5, "")
	if g.r.Durable() != g.disk {
		t.Errorf("%+v, on the disk %+v", g.r.Durable(), g.disk)
	}
}

func TestASecondProofThatIsLateIsAFirstOne(t *testing.T) {
	g := twoRig(t, nil)
	g.card(Known, adaCard)
	g.records = nil
	g.wait(15 * time.Second)
	g.wantScreen(ScreenDenied)
	g.wait(2 * time.Second)
	g.wantScreen(ScreenHome)
	if r := g.wantRecords(wire.AccessDenied)[0]; r.By != wire.ByCard || r.Reason != wire.ReasonSecond || r.Credential != adaCard.ID || r.User != 1 || r.Seq != 0 {
		t.Errorf("%+v", r)
	}
	g.enter(Known, adaPIN)
	g.wantScreen(ScreenSecondCard)
	g.wantStrikes()

	// It is looked up for longer than that: what counts is when it was presented.
	g.pass(14 * time.Second)
	g.do(Presented{wire.Card})
	g.wait(9 * time.Second)
	g.wantScreen(ScreenSecondCard)
	g.do(Identified{Kind: wire.Card, Seq: g.asked.Seq, Outcome: Known, Credential: adaCard})
	g.wantScreen(ScreenGranted)
	g.wantStrikes(5 * time.Second)
}

func TestAWrongSecondProofEndsTheFirst(t *testing.T) {
	for name, test := range map[string]struct {
		second  func(g *rig)
		guesses uint16
		ends    bool
	}{
		"an unknown PIN":              {func(g *rig) { g.enter(Unknown, nil) }, 1, true},
		"somebody else's PIN":         {func(g *rig) { g.enter(Known, guardPIN) }, 1, true},
		"a PIN that may not open":     {func(g *rig) { g.enter(Known, expiredPIN) }, 0, true},
		"a PIN of an unreadable disk": {func(g *rig) { g.enter(Damaged, nil) }, 0, false},
	} {
		g := twoRig(t, nil)
		g.card(Known, adaCard)
		g.strikes = nil
		test.second(g)
		g.wantScreen(ScreenDenied)
		g.wantStrikes()
		if d := g.r.Durable(); d.Guesses != test.guesses || d.Wrong != test.guesses || d.Pending != 0 {
			t.Errorf("%s: %+v", name, d)
		}
		if ended := g.r.proof.credential == nil; ended != test.ends {
			t.Errorf("%s: ended %t", name, ended)
		}
		for _, r := range g.records { // and whether it was for a wrong PIN, and for which
			wrong := uint64(test.guesses) * g.r.Durable().Seq
			if r.Kind == wire.AccessDenied && (r.Seq != wrong || r.Wrong != test.guesses) {
				t.Errorf("%s: %+v", name, r)
			}
		}
		g.wait(5 * time.Second)
		if test.ends {
			g.wantScreen(ScreenHome)
			continue
		}
		g.wantScreen(ScreenSecondPIN)
	}
	for name, test := range map[string]struct {
		outcome Outcome
		card    *wire.Credential
		reason  wire.Reason
		ends    bool
	}{
		"an unknown card":          {Unknown, nil, wire.ReasonUnknown, true},
		"somebody else's card":     {Known, guardCard, wire.ReasonAnother, true},
		"a card that may not open": {Known, expiredCard, wire.ReasonExpired, true},
		"a copy":                   {NotGenuine, keyedCard, wire.ReasonUnknown, true},
		"a card that is gone":      {CardGone, nil, wire.ReasonCardGone, false},
	} {
		g := twoRig(t, nil)
		g.enter(Known, adaPIN)
		g.strikes = nil
		g.card(test.outcome, test.card)
		g.wantScreen(ScreenDenied)
		g.wantStrikes()
		if d := g.r.Durable(); d.Guesses != 0 || d.Wrong != 0 || g.view.Reason != test.reason {
			t.Errorf("%s: %+v, shown %q", name, d, g.view.Reason)
		}
		if ended := g.r.proof.credential == nil; ended != test.ends {
			t.Errorf("%s: ended %t", name, ended)
		}
	}
}

var (
	expiredPIN  = &wire.Credential{ID: 11, Kind: wire.PIN, User: 1, Name: "Ada", Until: 1}
	expiredCard = &wire.Credential{ID: 12, Kind: wire.Card, User: 1, Name: "Ada", Until: 1}
)

func TestAnotherFirstProofTakesThePlaceOfTheFirst(t *testing.T) {
	g := twoRig(t, nil)
	g.card(Known, adaCard)
	g.records = nil
	g.card(Known, guardCard)
	if r := g.wantRecords(wire.AccessDenied, wire.ProofGiven); r[0].Credential != adaCard.ID || r[1].Credential != guardCard.ID {
		t.Errorf("%+v", r)
	}
	g.wait(10 * time.Second)
	g.card(Known, guardCard)
	g.wantRecords(wire.ProofGiven)
	g.wait(10 * time.Second)
	g.enter(Known, guardPIN)
	g.wantScreen(ScreenGranted)
}

func TestNothingComesBetweenTheTwoProofs(t *testing.T) {
	g := twoRig(t, nil)
	g.card(Known, adaCard)
	g.do(Presented{wire.PIN})
	pin := g.asked
	forgot := g.forgot
	g.do(Presented{wire.Card}) // somebody else's, to have Ada's PIN charged
	if g.forgot != forgot+1 || g.asked != pin {
		t.Error("a card was looked up beside the PIN")
	}
	g.do(Identified{Kind: wire.PIN, Seq: pin.Seq, Outcome: Known, Credential: adaPIN})
	g.wantScreen(ScreenGranted)
	g.wait(10 * time.Second)

	g.enter(Known, adaPIN)
	g.do(Presented{wire.Card})
	if g.view.PIN {
		t.Error("a PIN can be entered")
	}
	g.records = nil
	g.do(Presented{wire.PIN})
	if r := g.wantRecords(wire.PINRefused)[0]; r.Reason != wire.ReasonPending {
		t.Errorf("%+v", r)
	}
	g.do(Identified{Kind: wire.Card, Seq: g.asked.Seq, Outcome: Known, Credential: adaCard})
	g.wantScreen(ScreenGranted)
}

func TestTwoProofsAreDemandedByScheduleAndWithoutAClock(t *testing.T) {
	g := twoRig(t, func(p *wire.Policy) {
		p.TwoProofs.Schedule = &wire.Schedule{Week: everyDay(1200, 1440)} // it is noon
	})
	g.card(Known, adaCard)
	g.wantScreen(ScreenGranted)
	g.wait(8 * time.Hour)
	g.card(Known, adaCard)
	g.wantScreen(ScreenSecondPIN)
	g.wait(time.Minute)
	g.wait(4 * time.Hour)
	g.enter(Known, adaPIN)
	g.wantScreen(ScreenGranted)
	g.wait(time.Minute)
	g.now.Trusted = false
	g.enter(Known, adaPIN)
	g.wantScreen(ScreenSecondCard)
	g.now.Trusted = true
	g.do(Tick{}) // it is no longer demanded
	g.wantScreen(ScreenHome)
}

func TestACardAloneEndsALockoutWhereTwoProofsAreDemanded(t *testing.T) {
	g := twoRig(t, nil)
	g.miss(10)
	g.wantAttempts(10, 10, wire.CauseAttempts)
	g.records = nil
	g.card(Known, adaCard)
	g.wantRecords(wire.LockoutCleared, wire.ProofGiven)
	g.wantStrikes()
	g.wantScreen(ScreenSecondPIN)
	g.enter(Known, adaPIN)
	g.wantScreen(ScreenGranted)

	g = twoRig(t, func(p *wire.Policy) { p.ProvenEnds = true })
	g.miss(10)
	g.wait(3 * time.Second)
	g.records = nil
	g.card(Known, adaCard) // which may be a copy
	if r := g.wantRecords(wire.AccessDenied)[0]; r.Reason != wire.ReasonSecond || r.Credential != adaCard.ID {
		t.Errorf("%+v", r)
	}
	g.wantAttempts(10, 10, wire.CauseAttempts)
	if g.wantScreen(ScreenDenied); g.view.Reason != wire.ReasonSecond {
		t.Errorf("%+v", g.view)
	}
}

func TestAProofWhoseSecondCannotBeGivenIsRefused(t *testing.T) {
	for name, change := range map[string]func(g *rig){
		"the touch has failed":    func(g *rig) { g.do(Health{Subject: wire.SubjectTouch, Condition: Failed}) },
		"the housing is open":     func(g *rig) { g.do(Input{InputTamper, true}) },
		"nothing is stored":       func(g *rig) { g.fault = "disk full"; g.do(Input{InputExit, true}) },
		"the PIN key is not here": func(g *rig) { g.do(Health{Subject: wire.SubjectKey, Condition: Impaired, PIN: wire.ReasonWithheld}) },
	} {
		g := twoRig(t, nil)
		change(g)
		g.do(Input{InputExit, false})
		g.strikes = nil
		g.card(Known, adaCard)
		if name == "the housing is open" { // the card ends its lockout; PIN stays paused
			if g.r.Durable().Lockout != "" {
				t.Errorf("%s: %+v", name, g.r.Durable())
			}
		}
		g.wantStrikes()
		if g.view.Screen != ScreenDenied || g.view.Reason != wire.ReasonSecond {
			t.Errorf("%s: %+v", name, g.view)
		}
	}
	g := twoRig(t, nil)
	g.do(Health{Subject: wire.SubjectNFC, Condition: Failed})
	g.records = nil
	g.enter(Known, adaPIN)
	if r := g.wantRecords(wire.AttemptStarted, wire.AttemptTakenBack)[1]; r.Reason != wire.ReasonSecond || r.Credential != adaPIN.ID {
		t.Errorf("%+v", r)
	}
	if g.wantScreen(ScreenDenied); g.view.Reason != "" {
		t.Errorf("%+v", g.view)
	}
}

func TestTheScreenSaysThatBothAreNeededAndWhenOneCannotBeGiven(t *testing.T) {
	g := twoRig(t, func(p *wire.Policy) {
		p.TwoProofs.Schedule = &wire.Schedule{Week: everyDay(721, 722)} // a minute from now on
	})
	if g.view.Both {
		t.Error("before it begins")
	}
	g.wait(time.Minute)
	if !g.view.Both || g.view.Screen != ScreenHome {
		t.Errorf("%+v", g.view)
	}
	g.wait(time.Minute)
	if g.view.Both {
		t.Error("after its end")
	}
	for _, both := range []bool{false, true} {
		g := newRig(t, func(p *wire.Policy) {
			if both {
				p.TwoProofs = &wire.TwoProofs{}
			}
		})
		g.do(Health{Subject: wire.SubjectKey, Condition: Impaired, PIN: wire.ReasonWithheld})
		if out := g.view.Screen == ScreenOutOfOrder; out != both || g.view.PIN {
			t.Errorf("both %t: %+v", both, g.view)
		}
	}
}

func TestAFirstProofThatWouldNoLongerOpenIsNone(t *testing.T) {
	for name, change := range map[string]func(g *rig){
		"locked":               func(g *rig) { g.want(wire.WantedMode{Mode: wire.ModeLocked}) },
		"lockdown":             func(g *rig) { g.want(wire.WantedMode{Mode: wire.ModeLockdown}) },
		"nobody may open":      func(g *rig) { g.change(func(p *wire.Policy) { p.Access = []wire.Access{} }) },
		"one proof is enough":  func(g *rig) { g.change(func(p *wire.Policy) { p.TwoProofs = nil }) },
		"the housing is open":  func(g *rig) { g.do(Input{InputTamper, true}) },
		"the reader was off":   func(g *rig) { g.crash(time.Second) },
		"the keys have failed": func(g *rig) { g.do(Health{Subject: wire.SubjectKey, Condition: Failed}) },
	} {
		for _, give := range []func(g *rig){func(g *rig) { g.card(Known, adaCard) }, func(g *rig) { g.enter(Known, adaPIN) }} {
			g := twoRig(t, nil)
			give(g)
			change(g)
			if g.r.proof.credential != nil || g.view.Screen == ScreenSecondPIN || g.view.Screen == ScreenSecondCard {
				t.Errorf("%s: it waits", name)
			}
		}
	}
}

func TestInALockdownAPINIsTakenAfterTheCardOfSomebodyExempt(t *testing.T) {
	g := twoRig(t, func(p *wire.Policy) {
		p.InLockdown = []string{"guards"}
		p.Modes = []wire.WantedMode{{Mode: wire.ModeLockdown}}
	})
	if g.view.PIN {
		t.Error("a PIN can be entered")
	}
	g.card(Known, adaCard)
	if g.wantScreen(ScreenDenied); g.view.Reason != wire.ReasonLockdown || g.view.PIN {
		t.Errorf("%+v", g.view)
	}
	g.wait(time.Minute)
	g.card(Known, guardCard)
	g.wantScreen(ScreenSecondPIN)
	if !g.view.PIN {
		t.Error("no PIN can be entered")
	}
	g.enter(Known, guardPIN)
	g.wantScreen(ScreenGranted)
	g.wait(time.Minute)
	g.wantScreen(ScreenLockdown)
	if g.view.PIN {
		t.Error("a PIN can be entered")
	}
}

func TestTheLastPINOfATPMIsAProof(t *testing.T) {
	g := twoRig(t, nil)
	spent := Health{Subject: wire.SubjectKey, Condition: Good, TPM: wire.TPMState{Ref: wire.TPMRef{1}, Budget: wire.Budget{Spent: 9, Limit: 10}}}
	g.do(spent)
	g.do(Presented{wire.PIN})
	spent.TPM.Budget.Spent = 10
	g.do(spent)
	g.do(Identified{Kind: wire.PIN, Seq: g.asked.Seq, Outcome: Known, Credential: adaPIN})
	g.wantScreen(ScreenSecondCard)
	g.card(Known, adaCard)
	g.wantScreen(ScreenGranted)
	g.wait(time.Minute)
	g.card(Known, adaCard)
	if g.wantScreen(ScreenDenied); g.view.Reason != wire.ReasonSecond {
		t.Errorf("%+v", g.view)
	}
}

func TestThePersonWhoGaveBothProofsIsTheFirst(t *testing.T) {
	g := twoRig(t, func(p *wire.Policy) {
		p.Opening = &wire.Opening{First: "staff", Schedule: wire.Schedule{Week: everyDay(700, 1440)}}
	})
	g.card(Known, adaCard)
	if !g.state.Mode.Waits {
		t.Errorf("%+v", g.state.Mode)
	}
	g.enter(Known, adaPIN)
	if g.state.Mode.Mode != wire.ModeUnlocked {
		t.Errorf("%+v", g.state.Mode)
	}
}

func TestAPINForDuressIsToldBeforeWhateverItDoes(t *testing.T) {
	other := *guardPIN
	other.Duress = true
	barred := *expiredPIN
	barred.Duress = true
	for name, test := range map[string]struct {
		two   bool
		card  *wire.Credential
		pin   *wire.Credential
		kinds []wire.RecordKind
	}{
		"it opens":             {false, nil, dotPIN, []wire.RecordKind{wire.AttemptStarted, wire.Duress, wire.AccessGranted}},
		"it may not open":      {false, nil, &barred, []wire.RecordKind{wire.AttemptStarted, wire.Duress, wire.AttemptTakenBack}},
		"it is a first proof":  {true, nil, dotPIN, []wire.RecordKind{wire.AttemptStarted, wire.Duress, wire.ProofGiven}},
		"it is a second proof": {true, adaCard, dotPIN, []wire.RecordKind{wire.AttemptStarted, wire.Duress, wire.AccessGranted}},
		"it is another's":      {true, adaCard, &other, []wire.RecordKind{wire.AttemptStarted, wire.Duress, wire.AttemptUnknown, wire.AccessDenied}},
	} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t, func(p *wire.Policy) {
				if test.two {
					p.TwoProofs = &wire.TwoProofs{}
				}
			})
			if test.card != nil {
				g.card(Known, test.card)
			}
			g.records = nil
			g.slow = true
			g.enter(Known, test.pin)
			g.store()
			r := g.wantRecords(test.kinds...)[1]
			if r.Credential != test.pin.ID || r.User != test.pin.User || r.Seq == 0 {
				t.Errorf("%+v", r)
			}
		})
	}
	// However often: none is collapsed.
	g := newRig(t, nil)
	g.records = nil
	for range 20 {
		g.enter(Known, dotPIN)
		g.wantRecords(wire.AttemptStarted, wire.Duress, wire.AccessGranted)
		g.wait(time.Second)
	}
}
