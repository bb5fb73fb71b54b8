package device

import (
	"testing"
	"time"

	"latchkey/sync/wire"
)

// unlockedFor is a mode that ends some time from now.
func unlockedFor(g *rig, d time.Duration) wire.WantedMode {
	return wire.WantedMode{Mode: wire.ModeUnlocked, Until: g.in(d), By: "Grace"}
}

// held lets time pass, and returns when the relay, which was on, released the strike.
func (g *rig) held(d time.Duration) (until time.Duration) {
	g.t.Helper()
	end := g.now.Monotonic + d
	until = g.r.strike.hold
	for g.now.Monotonic < end {
		next := end
		if at, ok := g.r.Deadline(); ok && at <= end {
			next = at
		}
		g.pass(next - g.now.Monotonic)
		if g.now.Monotonic >= until {
			return until
		}
		g.strikes = nil
		g.do(Tick{})
		for _, s := range g.strikes {
			until = max(until, g.now.Monotonic+s.For)
		}
	}
	return until
}

func TestAnUnlockedDoorIsHeldUpToItsEndAndNoLongerThanTheBrainLives(t *testing.T) {
	g := newRig(t, nil)
	start := g.now.Monotonic
	g.want(unlockedFor(g, time.Hour))
	g.wantScreen(ScreenOpen)
	if m := g.state.Mode; m.Mode != wire.ModeUnlocked || m.Cause != wire.CauseWanted || m.By != "Grace" || g.state.Strike != wire.StrikeHeld {
		t.Errorf("%+v", g.state)
	}
	if r := g.wantRecords(wire.PolicyApplied, wire.ModeChanged)[1]; r.Mode != wire.ModeUnlocked || r.Who != "Grace" || r.Subject != "wanted" || r.To != g.in(time.Hour)*1000 || r.PolicyRevision != 2 {
		t.Errorf("%+v", r)
	}
	for _, s := range g.strikes {
		if s.For > holdFor {
			t.Errorf("%v without another turn", s.For)
		}
	}
	if until := g.held(50 * time.Minute); until < start+50*time.Minute {
		t.Errorf("released after %v", until-start)
	}
	g.records = nil
	if until := g.held(20 * time.Minute); until != start+time.Hour {
		t.Errorf("held until %v", until-start)
	}
	g.do(Tick{})
	if r := g.wantRecords(wire.ModeChanged)[0]; r.Mode != wire.ModeNormal || r.Who != "" || r.To != 0 {
		t.Errorf("%+v", r)
	}
	g.wantScreen(ScreenHome)
}

func TestTheHighestModeThatHasNotEndedIsInForce(t *testing.T) {
	g := newRig(t, func(p *wire.Policy) {
		p.Opening = &wire.Opening{Schedule: wire.Schedule{Week: everyDay(0, 1440)}}
	})
	in := func(mode wire.Mode, cause wire.ModeCause) {
		t.Helper()
		if m := g.state.Mode; m.Mode != mode || m.Cause != cause {
			t.Errorf("%+v, want %s by %s", m, mode, cause)
		}
		if held := g.state.Strike == wire.StrikeHeld; held != mode.Holds() {
			t.Errorf("held %t in %s", held, mode)
		}
	}
	in(wire.ModeUnlocked, wire.CauseSchedule)
	modes := []wire.WantedMode{
		unlockedFor(g, 4*time.Hour), {Mode: wire.ModeLocked, Until: g.in(3 * time.Hour)},
		{Mode: wire.ModeLockdown, Until: g.in(time.Hour)}, {Mode: wire.ModeEvacuation},
	}
	for n := range modes {
		g.want(modes[:n+1]...)
		in(modes[n].Mode, wire.CauseWanted)
	}
	g.do(Input{InputFire, true})
	in(wire.ModeEvacuation, wire.CauseFire)
	g.want(modes[:3]...)
	in(wire.ModeEvacuation, wire.CauseFire)
	g.do(Input{InputFire, false})
	in(wire.ModeLockdown, wire.CauseWanted)
	g.wait(time.Hour)
	in(wire.ModeLocked, wire.CauseWanted)
	g.wait(2 * time.Hour)
	in(wire.ModeUnlocked, wire.CauseWanted)
	g.wait(time.Hour)
	in(wire.ModeUnlocked, wire.CauseSchedule)
	g.want()
	in(wire.ModeUnlocked, wire.CauseSchedule)
}

// everyDay are spans of each day of the week.
func everyDay(from, to uint16) (spans []wire.Span) {
	for day := range uint8(7) {
		spans = append(spans, wire.Span{Day: day, From: from, To: to})
	}
	return spans
}

func TestAModeSaysWhoOpensAndHow(t *testing.T) {
	guard := &wire.Credential{ID: 8, Kind: wire.Card, User: 8, Name: "Gus", Groups: []string{"guards"}}
	guardPIN := &wire.Credential{ID: 9, Kind: wire.PIN, User: 8, Name: "Gus", Groups: []string{"guards"}}
	stranger := &wire.Credential{ID: 10, Kind: wire.Card, User: 9, Name: "Sue", Groups: []string{"police"}}
	for _, test := range []struct {
		mode              wire.Mode
		ada, guard, pin   wire.Reason // "": opens
		screen            Screen
		remote, privilege bool
	}{
		{wire.ModeLocked, wire.ReasonLocked, "", "", ScreenLocked, true, true},
		{wire.ModeLockdown, wire.ReasonLockdown, "", wire.ReasonLockdown, ScreenLockdown, false, true},
	} {
		t.Run(string(test.mode), func(t *testing.T) {
			g := newRig(t, func(p *wire.Policy) {
				p.Access = []wire.Access{{Group: "guards"}, {Group: "staff"}}
				p.Exempt, p.InLockdown = []string{"guards", "police"}, []string{"guards", "police"}
				p.Modes = []wire.WantedMode{{Mode: test.mode, By: "Grace"}}
			})
			g.wantScreen(test.screen)
			opens := func(who string, reason wire.Reason, try func()) {
				t.Helper()
				g.records, g.strikes = nil, nil
				try()
				if last := g.records[len(g.records)-1]; last.Reason != reason || (reason == "") != (len(g.strikes) == 1) {
					t.Errorf("%s: %+v, strikes %v", who, last, g.strikes)
				}
				g.wait(10 * time.Second)
			}
			opens("Ada", test.ada, func() { g.card(Known, adaCard) })
			opens("the guard", test.guard, func() { g.card(Known, guard) })
			opens("of the groups, but with no access", wire.ReasonGroup, func() { g.card(Known, stranger) })
			opens("the guard's PIN", test.pin, func() { g.enter(Known, guardPIN) })
			if test.pin != "" {
				if g.view.PIN || g.state.PIN != test.pin {
					t.Errorf("a PIN can be entered: %+v", g.state)
				}
			} else {
				opens("Ada's PIN", wire.ReasonLocked, func() { g.enter(Known, adaPIN) })
				g.wantAttempts(0, 0, "")
			}
			opens("the exit button", "", func() { g.do(Input{InputExit, true}); g.do(Input{InputExit, false}) })
			refused := wire.Reason("")
			if !test.remote {
				refused = test.pin
			}
			opens("an unlock", refused, func() { g.order(wire.Unlock) })
			opens("an unlock of who may end it", "", func() {
				g.do(Command{wire.Command{ID: wire.CommandID{200}, Order: wire.Unlock, By: "chief", InLockdown: true}})
			})
			g.wantScreen(test.screen)
		})
	}
}

func TestACardThatIsExemptEndsALockoutInALockdown(t *testing.T) {
	g := newRig(t, func(p *wire.Policy) { p.InLockdown = []string{"staff"}; p.Limit = 1 })
	g.miss(1)
	g.want(wire.WantedMode{Mode: wire.ModeLockdown})
	g.card(Known, eveCard)
	g.wantAttempts(1, 1, wire.CauseAttempts)
	g.wait(noticeFor)
	g.wantScreen(ScreenLockdown)
	g.card(Known, adaCard)
	g.wantAttempts(0, 1, "")
}

func TestLockingADoorReleasesItAtOnce(t *testing.T) {
	for _, mode := range []wire.Mode{wire.ModeLocked, wire.ModeLockdown} {
		g := newRig(t, nil)
		g.card(Known, &wire.Credential{ID: 2, User: 1, Kind: wire.Card, Extended: true})
		g.want(wire.WantedMode{Mode: mode})
		g.wantStrikes(20*time.Second, 0)
		g.want(unlockedFor(g, time.Hour))
		g.want(wire.WantedMode{Mode: mode})
		g.wantStrikes(holdFor, 0)
		g.want(wire.WantedMode{Mode: mode}, wire.WantedMode{Mode: wire.ModeEvacuation})
		g.want(wire.WantedMode{Mode: mode})
		g.wantStrikes(holdFor, 0)
	}
}

func TestTheEndOfAModeCutsNoPulseThatOutlivesIt(t *testing.T) {
	g := newRig(t, nil)
	g.want(unlockedFor(g, time.Minute))
	g.wait(58 * time.Second)
	g.card(Known, adaCard)
	g.strikes = nil
	g.wait(2 * time.Second)
	g.wantStrikes()
	if g.state.Strike != wire.StrikePulse {
		t.Errorf("%+v", g.state)
	}
}

func TestARestartKeepsTheModeAndNeverHoldsBeyondItsEnd(t *testing.T) {
	for _, test := range []struct {
		name    string
		mode    wire.Mode
		off     time.Duration
		trusted bool // the clock, after the restart
		want    wire.Mode
	}{
		{"a lockdown", wire.ModeLockdown, time.Minute, true, wire.ModeLockdown},
		{"a lockdown, while the time is not known", wire.ModeLockdown, time.Minute, false, wire.ModeLockdown},
		{"a lockdown that may be over, while the time is not known", wire.ModeLockdown, 2 * time.Hour, false, wire.ModeLockdown},
		{"a lockdown that is over", wire.ModeLockdown, time.Hour, true, wire.ModeNormal},
		{"locked", wire.ModeLocked, time.Minute, false, wire.ModeLocked},
		{"unlocked", wire.ModeUnlocked, time.Minute, true, wire.ModeUnlocked},
		{"unlocked, but not while the time is not known", wire.ModeUnlocked, time.Minute, false, wire.ModeNormal},
		{"unlocked, and over", wire.ModeUnlocked, time.Hour, true, wire.ModeNormal},
		{"an evacuation", wire.ModeEvacuation, 100 * time.Hour, false, wire.ModeEvacuation},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newRig(t, nil)
			w := wire.WantedMode{Mode: test.mode, Until: g.in(time.Hour)}
			if test.mode == wire.ModeEvacuation {
				w.Until = 0
			}
			g.want(w)
			g.strikes = nil
			g.now.Trusted = test.trusted
			g.crash(test.off)
			if g.state.Mode.Mode != test.want || (len(g.strikes) > 0) != test.want.Holds() {
				t.Errorf("%+v, strikes %v", g.state.Mode, g.strikes)
			}
			g.now.Trusted = true
			g.do(Tick{})
			if over := test.off >= time.Hour && test.mode != wire.ModeEvacuation; (g.state.Mode.Mode == test.mode) == over {
				t.Errorf("once the time is known: %+v", g.state.Mode)
			}
		})
	}
}

func TestAnOpenHousingSuspendsAnUnlockedDoorAndNoEvacuation(t *testing.T) {
	g := newRig(t, nil)
	g.want(unlockedFor(g, time.Hour))
	g.do(Input{InputTamper, true})
	g.wantStrikes(holdFor, 0)
	if g.view.Screen == ScreenOpen || g.state.Strike != wire.StrikeOff || g.state.Mode.Mode != wire.ModeUnlocked {
		t.Errorf("%v %+v", g.view.Screen, g.state)
	}
	g.do(Input{InputTamper, false})
	g.wantStrikes(holdFor)
	g.do(Input{InputTamper, true})
	g.wantStrikes(0)
	g.want(wire.WantedMode{Mode: wire.ModeEvacuation})
	g.wantStrikes(holdFor)
	g.wantScreen(ScreenEvacuation)
}

func TestAFireOpensTheDoorWhateverElseIsSo(t *testing.T) {
	for _, test := range []struct {
		name   string
		before func(g *rig)
	}{
		{"nothing", func(g *rig) {}},
		{"a lockdown", func(g *rig) { g.want(wire.WantedMode{Mode: wire.ModeLockdown}) }},
		{"an open housing", func(g *rig) { g.do(Input{InputTamper, true}) }},
		{"a disk that is full", func(g *rig) { g.fault = "disk full"; g.order(wire.Identify) }},
		{"no trusted clock", func(g *rig) { g.now.Trusted = false; g.do(Tick{}) }},
		{"no policy", func(g *rig) {
			g.start.Policy, g.disk = Policy{}, Durable{}
			g.begin()
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newRig(t, nil)
			test.before(g)
			before := g.state.Mode
			g.records, g.strikes = nil, nil
			g.do(Input{InputFire, true})
			g.do(Input{InputFire, true})
			g.wantStrikes(holdFor)
			g.wantScreen(ScreenEvacuation)
			started := 0
			for _, r := range g.records {
				if r.Kind == wire.FireStarted {
					started++
				}
			}
			if started != 1 || g.view.PIN {
				t.Errorf("%d records of it, and a PIN can be entered: %t", started, g.view.PIN)
			}
			g.card(Known, adaCard)
			g.wantScreen(ScreenEvacuation)
			start := g.now.Monotonic
			if until := g.held(time.Hour); until < start+time.Hour {
				t.Errorf("released after %v", until-start)
			}
			g.records, g.strikes = nil, nil
			g.do(Input{InputFire, false})
			g.wantStrikes(0)
			if g.state.Mode != before {
				t.Errorf("%+v, was %+v", g.state.Mode, before)
			}
			if r := g.records[len(g.records)-1]; r.Kind != wire.FireEnded || r.Mode != before.Mode {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestAFireThatIsThereAtTheStartOpensTheDoor(t *testing.T) {
	g := newRig(t, nil)
	g.do(Input{InputFire, true})
	g.crash(time.Minute)
	g.strikes = nil
	g.do(Input{InputFire, true})
	g.wantStrikes(holdFor)
}

func TestTheLastStateOfAFireThatComesAndGoesIsRecorded(t *testing.T) {
	for _, fire := range []bool{true, false} {
		g := newRig(t, nil)
		g.do(Input{InputFire, !fire})
		for range 40 {
			g.do(Input{InputFire, fire})
			g.do(Input{InputFire, !fire})
		}
		g.do(Input{InputFire, fire})
		if n := len(g.records); n > 25 {
			t.Errorf("%d records", n)
		}
		g.wait(2 * time.Minute)
		var last wire.RecordKind
		for _, r := range g.records {
			if r.Kind == wire.FireStarted || r.Kind == wire.FireEnded {
				last = r.Kind
			}
		}
		if started := last == wire.FireStarted; started != fire {
			t.Errorf("the last is %s", last)
		}
	}
}

// opening is a policy that unlocks the door on weekdays from 8 to 12 and 13 to 18, and on
// holidays from 10 to 12; the time of the rig is Monday noon.
func opening(first string) func(p *wire.Policy) {
	return func(p *wire.Policy) {
		var week []wire.Span
		for day := uint8(1); day <= 5; day++ {
			week = append(week, wire.Span{Day: day, From: 480, To: 720}, wire.Span{Day: day, From: 780, To: 1080})
		}
		p.Opening = &wire.Opening{Schedule: wire.Schedule{Week: week, Holiday: []wire.Span{{From: 600, To: 720}}}, First: first}
		p.Holidays = []wire.Holiday{{Year: 2026, Month: 3, Day: 4}}
	}
}

func TestAScheduleUnlocksTheDoorInItsSpans(t *testing.T) {
	g := newRig(t, opening(""))
	var spans []string
	last := g.state.Mode.Mode
	for range 6 * 24 * 60 {
		g.wait(time.Minute)
		if m := g.state.Mode.Mode; m != last {
			spans = append(spans, g.now.Wall.Format("Mon 15:04 ")+string(m))
			last = m
		}
	}
	want := []string{
		"Mon 13:00 unlocked", "Mon 18:00 normal", "Tue 08:00 unlocked", "Tue 12:00 normal", "Tue 13:00 unlocked", "Tue 18:00 normal",
		"Wed 10:00 unlocked", "Wed 12:00 normal", "Thu 08:00 unlocked", "Thu 12:00 normal", "Thu 13:00 unlocked", "Thu 18:00 normal",
		"Fri 08:00 unlocked", "Fri 12:00 normal", "Fri 13:00 unlocked", "Fri 18:00 normal",
	}
	if len(spans) != len(want) {
		t.Fatalf("%q", spans)
	}
	for i := range want {
		if spans[i] != want[i] {
			t.Errorf("%q, want %q", spans[i], want[i])
		}
	}
}

func TestAScheduleHoldsTheStrikeNoLongerThanItsSpan(t *testing.T) {
	g := newRig(t, opening(""))
	g.now.Wall = g.now.Wall.Add(-7 * time.Second) // 11:59:53
	g.strikes = nil
	g.crash(0)
	g.wantStrikes(7 * time.Second)
}

func TestAScheduleDoesNotUnlockWithoutATrustedClock(t *testing.T) {
	g := newRig(t, opening(""))
	g.wait(2 * time.Hour)
	g.strikes = nil
	g.now.Trusted = false
	g.do(Tick{})
	g.wantStrikes(0)
	if g.state.Mode.Mode != wire.ModeNormal {
		t.Errorf("%+v", g.state.Mode)
	}
}

func TestASpanThatWasEndedEarlyStaysEndedAndTheNextBegins(t *testing.T) {
	g := newRig(t, opening(""))
	g.wait(2 * time.Hour)
	g.change(func(p *wire.Policy) { p.Opening.After = g.in(4 * time.Hour) })
	if g.state.Mode.Mode != wire.ModeNormal {
		t.Errorf("%+v", g.state.Mode)
	}
	g.crash(time.Hour)
	if g.state.Mode.Mode != wire.ModeNormal {
		t.Errorf("after a restart %+v", g.state.Mode)
	}
	g.wait(17 * time.Hour)
	if g.state.Mode.Mode != wire.ModeUnlocked {
		t.Errorf("the next day %+v", g.state.Mode)
	}
}

func TestAScheduleWaitsEachDayForItsFirstPerson(t *testing.T) {
	g := newRig(t, opening("staff"))
	in := func(mode wire.Mode, waits bool) {
		t.Helper()
		if m := g.state.Mode; m.Mode != mode || m.Waits != waits {
			t.Errorf("%s: %+v, want %s, waits %t", g.now.Wall.Format("Mon 15:04"), m, mode, waits)
		}
	}
	in(wire.ModeNormal, false)
	g.wait(time.Hour) // 13:00
	in(wire.ModeNormal, true)
	g.card(Known, eveCard) // opens, and is not of the group
	in(wire.ModeNormal, true)
	g.order(wire.Unlock)
	g.do(Input{InputExit, true})
	in(wire.ModeNormal, true)
	g.records = nil
	g.card(Known, adaCard)
	in(wire.ModeUnlocked, false)
	midnight := time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC)
	if r := g.wantRecords(wire.AccessGranted, wire.FirstPerson, wire.ModeChanged)[1]; r.User != 1 || r.Credential != 2 || r.To != midnight.UnixMilli() {
		t.Errorf("%+v", r)
	}
	g.card(Known, adaCard)
	g.wantRecords(wire.AccessGranted)
	g.crash(time.Hour) // 14:00
	in(wire.ModeUnlocked, false)
	g.wait(18 * time.Hour) // 08:00 on the next day
	in(wire.ModeNormal, true)
	g.enter(Known, adaPIN)
	in(wire.ModeUnlocked, false)
	g.wait(4*time.Hour + 30*time.Minute)
	in(wire.ModeNormal, false)
	g.wait(time.Hour)
	in(wire.ModeUnlocked, false)
}

func TestTheFirstPersonMayComeAnHourEarlyAndNoEarlier(t *testing.T) {
	for _, test := range []struct {
		before time.Duration
		first  bool
	}{{time.Minute, true}, {time.Hour - time.Minute, true}, {time.Hour + time.Minute, false}} {
		g := newRig(t, opening("staff"))
		g.wait(20*time.Hour - test.before) // before 08:00
		g.card(Known, adaCard)
		g.wait(test.before)
		if got := g.state.Mode.Mode == wire.ModeUnlocked; got != test.first {
			t.Errorf("%v before: %+v", test.before, g.state.Mode)
		}
	}
}

func TestASpanOverMidnightNeedsItsFirstPersonOnce(t *testing.T) {
	g := newRig(t, func(p *wire.Policy) {
		p.Opening = &wire.Opening{First: "staff", Schedule: wire.Schedule{Week: []wire.Span{{Day: 1, From: 22 * 60, To: 24 * 60}, {Day: 2, From: 0, To: 6 * 60}, {Day: 2, From: 8 * 60, To: 9 * 60}}}}
	})
	g.wait(10 * time.Hour) // 22:00
	g.card(Known, adaCard)
	g.wait(8*time.Hour - time.Minute) // 05:59
	if g.state.Mode.Mode != wire.ModeUnlocked {
		t.Errorf("%+v", g.state.Mode)
	}
	g.wait(2*time.Hour + time.Minute) // 08:00
	if g.state.Mode.Mode != wire.ModeNormal || !g.state.Mode.Waits {
		t.Errorf("%+v", g.state.Mode)
	}
}

func TestAllDayEveryDayWaitsForAFirstPersonEachDay(t *testing.T) {
	g := newRig(t, func(p *wire.Policy) {
		p.Opening = &wire.Opening{First: "staff", Schedule: wire.Schedule{Week: everyDay(0, 1440)}}
	})
	g.card(Known, adaCard)
	g.wait(12*time.Hour - time.Minute)
	if g.state.Mode.Mode != wire.ModeUnlocked {
		t.Errorf("%+v", g.state.Mode)
	}
	g.wait(time.Minute)
	if !g.state.Mode.Waits {
		t.Errorf("%+v", g.state.Mode)
	}
}

func TestAModeChangesOnTheSecondThoughNothingElseHappens(t *testing.T) {
	for name, want := range map[string]struct {
		change func(g *rig, p *wire.Policy)
		at     time.Duration
	}{
		"the end of locked": {func(g *rig, p *wire.Policy) {
			p.Modes = []wire.WantedMode{{Mode: wire.ModeLocked, Until: g.in(90*time.Minute + 7*time.Second)}}
		}, 90*time.Minute + 7*time.Second},
		"a span's beginning": {func(g *rig, p *wire.Policy) { opening("")(p) }, time.Hour},
	} {
		g := newRig(t, nil)
		start := g.now.Wall
		g.change(func(p *wire.Policy) { want.change(g, p) })
		g.records = nil
		g.wait(2 * time.Hour)
		if r := g.wantRecords(wire.ModeChanged)[0]; r.Time != start.Add(want.at).UnixMilli() {
			t.Errorf("%s: %v", name, time.UnixMilli(r.Time).Sub(start))
		}
	}
}

func TestADayOfAFirstPersonEndsAtMidnightAndSoDoesTheHold(t *testing.T) {
	g := newRig(t, func(p *wire.Policy) {
		p.Opening = &wire.Opening{First: "staff", Schedule: wire.Schedule{Week: everyDay(0, 1440)}}
	})
	g.card(Known, adaCard)
	g.wait(12*time.Hour - 9*time.Second)
	g.strikes = nil
	g.crash(0)
	g.wantStrikes(9 * time.Second)
}

func TestWhoComesOnTheDayBeforeIsNoFirstPerson(t *testing.T) {
	g := newRig(t, func(p *wire.Policy) {
		p.Opening = &wire.Opening{First: "staff", Schedule: wire.Schedule{Week: []wire.Span{{Day: 2, From: 0, To: 360}}}}
	})
	g.wait(11*time.Hour + 30*time.Minute) // 23:30 on Monday
	g.card(Known, adaCard)
	g.wait(time.Hour)
	if !g.state.Mode.Waits {
		t.Errorf("%+v", g.state.Mode)
	}
}

func TestAFirstPersonOfAClockThatWasWrongCountsForNoOtherDay(t *testing.T) {
	for _, by := range []time.Duration{3 * 365 * 24 * time.Hour, 24 * time.Hour} {
		g := newRig(t, opening("staff"))
		g.now.Wall = g.now.Wall.Add(by)
		g.card(Known, adaCard)
		g.wait(time.Hour)
		g.now.Wall = g.now.Wall.Add(-by)
		g.do(Tick{})
		for range 2 {
			if !g.state.Mode.Waits {
				t.Errorf("%v: %+v", by, g.state.Mode)
			}
			g.crash(time.Minute)
		}
		g.asked = Identify{} // a start counts them anew
		g.card(Known, adaCard)
		if g.state.Mode.Mode != wire.ModeUnlocked {
			t.Errorf("%v: then somebody comes: %+v", by, g.state.Mode)
		}
	}
}

func TestAGuardInALockdownIsNoFirstPerson(t *testing.T) {
	for _, mode := range []wire.Mode{wire.ModeLocked, wire.ModeLockdown, wire.ModeEvacuation} {
		g := newRig(t, func(p *wire.Policy) {
			opening("staff")(p)
			p.Exempt, p.InLockdown = []string{"staff"}, []string{"staff"}
			p.Modes = []wire.WantedMode{{Mode: mode}}
		})
		g.wait(time.Hour)
		g.card(Known, adaCard)
		g.want()
		if !g.state.Mode.Waits {
			t.Errorf("%s: %+v", mode, g.state.Mode)
		}
	}
}

func TestADayIsAsLongAsTheDoorsClockSays(t *testing.T) {
	for _, test := range []struct{ zone, grant, begin, end string }{
		{"America/Santiago", "2026-09-05T22:30:00-04:00", "2026-09-05T00:00:00-04:00", "2026-09-06T01:00:00-03:00"}, // midnight is skipped
		{"America/Havana", "2026-03-07T22:30:00-05:00", "2026-03-07T00:00:00-05:00", "2026-03-08T01:00:00-04:00"},
		{"Africa/Cairo", "2026-04-24T12:00:00+03:00", "2026-04-24T01:00:00+03:00", "2026-04-25T00:00:00+03:00"},
		{"America/Santiago", "2026-04-04T23:30:00-03:00", "2026-04-04T00:00:00-03:00", "2026-04-05T00:00:00-04:00"}, // 23:00 comes twice
		{"Europe/Berlin", "2026-10-25T02:30:00+02:00", "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00"},
		{"Pacific/Chatham", "2026-06-01T12:00:00+12:45", "2026-06-01T00:00:00+12:45", "2026-06-02T00:00:00+12:45"},
	} {
		g := newRig(t, func(p *wire.Policy) {
			p.TimeZone = test.zone
			p.Opening = &wire.Opening{First: "staff", Schedule: wire.Schedule{Week: everyDay(1, 1439)}}
		})
		at := func(text string) time.Time {
			parsed, err := time.Parse(time.RFC3339, text)
			if err != nil {
				t.Fatal(err)
			}
			return parsed
		}
		g.now.Wall = at(test.grant)
		g.card(Known, adaCard)
		if d := g.r.Durable(); d.FirstFrom != at(test.begin).UnixMilli() || d.FirstUntil != at(test.end).UnixMilli() {
			t.Errorf("%s, %s: from %v until %v", test.zone, test.grant, time.UnixMilli(d.FirstFrom).UTC(), time.UnixMilli(d.FirstUntil).UTC())
		}
	}
}

func TestAnEndFarAwayHidesNoOtherDeadline(t *testing.T) {
	g := newRig(t, nil)
	g.want(wire.WantedMode{Mode: wire.ModeLocked, Until: wire.MaxTime})
	g.order(wire.Unlock)
	if at, ok := g.r.Deadline(); !ok || at <= g.now.Monotonic || at > g.now.Monotonic+5*time.Second {
		t.Errorf("the next deadline is %v away", at-g.now.Monotonic)
	}
}

func TestASpanThatBeginsAtMidnightAsksForAFirstPersonOfItsOwn(t *testing.T) {
	g := newRig(t, func(p *wire.Policy) {
		p.Opening = &wire.Opening{First: "staff", Schedule: wire.Schedule{Week: []wire.Span{{Day: 1, From: 480, To: 1080}, {Day: 2, From: 0, To: 360}}}}
	})
	g.card(Known, adaCard)
	g.wait(12*time.Hour + time.Minute) // past midnight
	if !g.state.Mode.Waits {
		t.Errorf("%+v", g.state.Mode)
	}
}
