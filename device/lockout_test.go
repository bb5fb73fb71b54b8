package device

import (
	"slices"
	"testing"
	"time"

	"latchkey/sync/wire"
)

func TestPINIsLockedOutAtTheLimitInTheSameAppend(t *testing.T) {
	g := newRig(t, func(p *wire.Policy) { p.Limit = 3 })
	g.miss(2)
	g.wantAttempts(2, 2, "")
	g.do(Presented{wire.PIN})
	g.records = nil
	g.slow = true
	g.do(Identified{Kind: wire.PIN, Seq: 3, Outcome: Unknown})
	if len(g.queue) != 1 {
		t.Fatalf("%d appends", len(g.queue))
	}
	r := g.wantRecords(wire.LockoutStarted, wire.AttemptUnknown)
	if r[0].Cause != wire.CauseAttempts || len(r[0].Users) != 0 || r[1].Wrong != 3 {
		t.Errorf("%+v", r)
	}
	g.wantAttempts(3, 3, wire.CauseAttempts)
	g.wantScreen(ScreenDenied)
	g.wait(2 * time.Second)
	g.wantScreen(ScreenPaused)
	if g.view.PIN || !g.view.Card || g.state.PIN != wire.ReasonLockout || g.state.Lockout != wire.CauseAttempts {
		t.Errorf("%+v %+v", g.view, g.state)
	}
}

func TestTheLimitInForceAtTheMomentCounts(t *testing.T) {
	g := newRig(t, func(p *wire.Policy) { p.Limit = 10 })
	g.miss(5)
	g.policy.Limit, g.policy.Revision = 3, 2
	g.do(g.load())
	g.wantAttempts(5, 5, "")
	g.miss(1)
	g.wantAttempts(6, 6, wire.CauseAttempts)
	g.policy.Limit, g.policy.Revision = 10, 3
	g.do(g.load())
	g.wantAttempts(6, 6, wire.CauseAttempts)
}

func TestARightPINEndsTheRowAndNothingElse(t *testing.T) {
	g := newRig(t, nil)
	g.miss(9)
	g.enter(Known, adaPIN)
	g.wantAttempts(0, 9, "")
}

func TestOnlyACardThatMayOpenNowOrARemoteUnlockEndsALockout(t *testing.T) {
	staff := func(p *wire.Policy) { p.Limit = 2; p.Access = []wire.Access{{Group: "staff"}} }
	for _, test := range []struct {
		name string
		do   func(g *rig)
		ends bool
	}{
		{"a card that may open now", func(g *rig) { g.card(Known, adaCard) }, true},
		{"a remote unlock", func(g *rig) { g.order(wire.Unlock) }, true},
		{"a card that may not", func(g *rig) { g.card(Known, eveCard) }, false},
		{"an unknown card", func(g *rig) { g.card(Unknown, nil) }, false},
		{"a right PIN", func(g *rig) { g.enter(Known, adaPIN) }, false},
		{"a door that is unlocked", func(g *rig) { g.want(unlockedFor(g, time.Minute)) }, false},
		{"its end", func(g *rig) { g.want(unlockedFor(g, time.Minute)); g.want() }, false},
		{"an evacuation", func(g *rig) { g.want(wire.WantedMode{Mode: wire.ModeEvacuation}) }, false},
		{"the exit button", func(g *rig) { g.do(Input{InputExit, true}) }, false},
		{"a new policy", func(g *rig) { g.policy.Revision = 2; g.do(g.load()) }, false},
		{"a restart", func(g *rig) { g.crash(time.Hour) }, false},
		{"a day", func(g *rig) { g.wait(24 * time.Hour) }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newRig(t, staff)
			g.miss(2)
			g.records = nil
			test.do(g)
			if ended := g.r.Durable().Lockout == ""; ended != test.ends {
				t.Fatalf("ended: %v", ended)
			}
			if !test.ends {
				return
			}
			g.wantAttempts(0, 2, "")
			g.wantStrikes(5 * time.Second)
			g.wantScreen(ScreenGranted)
			r := g.wantRecords(wire.AccessGranted, wire.LockoutCleared)[1]
			if byCard := r.By == "card" && r.User == 1 && r.Credential == 2; !byCard && (r.By != "remote" || r.Who != "desk" || r.Command == wire.CommandID{}) {
				t.Errorf("%+v", r)
			}
			if r.Count != 0 {
				t.Errorf("it lowers the guesses to %d", r.Count)
			}
		})
	}
}

func TestOutsideALockoutCardsAndRemoteUnlocksChangeNoCount(t *testing.T) {
	g := newRig(t, nil)
	g.miss(4)
	g.card(Known, adaCard)
	g.order(wire.Unlock)
	g.wantAttempts(4, 4, "")
}

// guess misses n PINs with a right one after each ninth, so that only the sum
// of guesses grows.
func (g *rig) guess(n int, c *wire.Credential) {
	g.t.Helper()
	for i := range n {
		if i%9 == 8 {
			g.enter(Known, c)
		}
		g.miss(1)
	}
}

func TestGuessesLockPINOutThoughRightPINsCome(t *testing.T) {
	bob := pinOf(func(c *wire.Credential) { c.ID, c.User = 9, 7 })
	g := newRig(t, nil)
	g.guess(30, adaPIN)
	g.enter(Known, bob)
	g.guess(29, adaPIN)
	g.wantAttempts(3, 59, "")
	g.records = nil
	g.miss(1)
	g.wantAttempts(4, 60, wire.CauseGuessing)
	r := g.wantRecords(wire.AttemptStarted, wire.LockoutStarted, wire.AttemptUnknown)[1]
	if r.Cause != wire.CauseGuessing || !slices.Equal(r.Users, []uint64{7, 1}) {
		t.Errorf("%+v", r)
	}

	g.card(Known, adaCard)
	g.wantAttempts(0, 45, "")
	g.guess(14, bob)
	g.records = nil
	g.miss(1)
	g.wantAttempts(7, 60, wire.CauseGuessing)
	if users := g.records[1].Users; !slices.Equal(users, []uint64{7}) {
		t.Errorf("users %v: those of the lockout before are named again", users)
	}
}

func TestALimitOfZeroTurnsTheCountOfGuessesOff(t *testing.T) {
	g := newRig(t, func(p *wire.Policy) { p.GuessLimit = 0 })
	g.guess(100, adaPIN)
	g.wantAttempts(2, 100, "")
	g.miss(8)
	g.wantAttempts(10, 108, wire.CauseAttempts)
	g.card(Known, adaCard)
	g.wantAttempts(0, 108, "")
}

func TestALockoutForGuessingLeavesFortyFiveThoughTheLimitWasTurnedOffMeanwhile(t *testing.T) {
	g := newRig(t, nil)
	g.guess(60, adaPIN)
	g.policy.Revision, g.policy.GuessLimit = 2, 0
	g.do(g.load())
	g.card(Known, adaCard)
	g.wantAttempts(0, 45, "")
}

func TestASmallLimitOfGuessesLeavesThreeQuarters(t *testing.T) {
	for limit, left := range map[uint16]uint16{1: 1, 4: 3, 20: 15} {
		g := newRig(t, func(p *wire.Policy) { p.GuessLimit = limit })
		g.guess(int(limit), adaPIN)
		g.order(wire.Unlock)
		g.wantAttempts(0, left, "")
	}
}

func TestGuessesThatReachTheirLimitInAnotherLockoutAreLoweredWithIt(t *testing.T) {
	g := newRig(t, func(p *wire.Policy) { p.GuessLimit = 4 })
	g.miss(3)
	g.do(Presented{wire.PIN})
	g.do(Input{InputTamper, true})
	g.do(Identified{Kind: wire.PIN, Seq: 4, Outcome: Unknown})
	g.wantAttempts(4, 4, wire.CauseTamper)
	g.do(Input{InputTamper, false})
	g.card(Known, adaCard)
	g.wantAttempts(0, 3, "")
}

func TestAGuessGoesOffForEachFiveMinutesOfRunning(t *testing.T) {
	g := newRig(t, nil)
	g.guess(8, adaPIN)
	g.wait(5*time.Minute - time.Second)
	g.enter(Known, adaPIN)
	g.wantAttempts(0, 8, "")
	g.wait(time.Second)
	g.enter(Known, adaPIN)
	g.wantAttempts(0, 7, "")
	g.wait(time.Hour)
	g.enter(Known, adaPIN)
	g.wantAttempts(0, 0, "")
}

func TestRunningBeforeAGuessTakesNoneOff(t *testing.T) {
	g := newRig(t, nil)
	g.wait(time.Hour)
	g.order(wire.Identify)
	g.wait(4 * time.Minute)
	g.miss(1)
	g.wait(4 * time.Minute)
	g.order(wire.Identify)
	g.wantAttempts(1, 1, "")
}

func TestUsersOfGuessesThatHaveAllGoneOffAreNotNamed(t *testing.T) {
	g := newRig(t, func(p *wire.Policy) { p.GuessLimit = 2 })
	g.miss(1)
	g.enter(Known, adaPIN)
	g.wait(5 * time.Minute)
	g.miss(1)
	g.records = nil
	g.miss(1)
	if r := g.wantRecords(wire.AttemptStarted, wire.LockoutStarted, wire.AttemptUnknown)[1]; len(r.Users) != 0 {
		t.Errorf("%+v", r)
	}
}

func TestTimeWithoutPowerTakesNoGuessOff(t *testing.T) {
	g := newRig(t, nil)
	g.miss(8)
	g.wait(4 * time.Minute) // no record tells of them
	g.crash(24 * time.Hour)
	g.wait(5*time.Minute - time.Second)
	g.order(wire.Identify)
	g.wantAttempts(8, 8, "")
	g.wait(time.Second)
	g.order(wire.Identify)
	g.wantAttempts(8, 7, "")
}

func TestTamperLocksPINOutUnlessThePolicySaysOtherwise(t *testing.T) {
	g := newRig(t, nil)
	g.do(Input{InputTamper, true})
	g.wantRecords(wire.LockoutStarted, wire.TamperStarted)
	g.wantAttempts(0, 0, wire.CauseTamper)
	if g.wantScreen(ScreenPaused); !g.view.Tamper || !g.state.Tamper {
		t.Errorf("%+v %+v", g.view, g.state)
	}
	g.do(Input{InputTamper, true})
	g.wantRecords()
	g.do(Input{InputTamper, false})
	g.wantRecords(wire.TamperEnded)
	g.wantAttempts(0, 0, wire.CauseTamper)

	g = newRig(t, func(p *wire.Policy) { p.TamperPauses = false })
	g.do(Input{InputTamper, true})
	g.wantRecords(wire.TamperStarted)
	g.wantAttempts(0, 0, "")
	g.wantScreen(ScreenHome)
}

func TestAtMostEightUsersAreNamedTheLatest(t *testing.T) {
	g := newRig(t, func(p *wire.Policy) { p.GuessLimit = 13 })
	for user := range uint64(12) {
		g.miss(1)
		g.enter(Known, pinOf(func(c *wire.Credential) { c.User = user + 1 }))
	}
	g.records = nil
	g.miss(1)
	if users := g.records[1].Users; !slices.Equal(users, []uint64{5, 6, 7, 8, 9, 10, 11, 12}) {
		t.Errorf("%v", users)
	}
}
