package device

import (
	"math"
	"testing"
	"time"

	"latchkey/sync/wire"
)

func TestAHoldKeepsTheDoorOpenForItsTime(t *testing.T) {
	g := newRig(t, nil)
	g.order(wire.Hold, 3600)
	g.wantStrikes(time.Hour)
	if r := g.wantRecords(wire.HoldStarted)[0]; r.Seconds != 3600 || r.Who != "desk" || (r.Command == wire.CommandID{}) {
		t.Errorf("%+v", r)
	}
	if !g.view.HeldOpen || g.state.Strike != wire.StrikeHeld {
		t.Errorf("%+v %+v", g.view, g.state)
	}
	g.wait(time.Hour - 1)
	g.wantRecords()
	g.wait(1)
	if r := g.wantRecords(wire.HoldEnded)[0]; r.Reason != "over" {
		t.Errorf("%+v", r)
	}
	g.wantStrikes()
	if g.view.HeldOpen || g.state.Strike != wire.StrikeOff {
		t.Errorf("%+v %+v", g.view, g.state)
	}
}

func TestTheLaterEndOfTwoHoldsWins(t *testing.T) {
	for _, seconds := range []uint32{60, 7200} {
		g := newRig(t, nil)
		g.order(wire.Hold, 3600)
		g.order(wire.Hold, seconds)
		end := time.Duration(max(3600, seconds)) * time.Second
		g.records = nil
		g.wait(end - 1)
		g.wantRecords()
		g.wait(1)
		g.wantRecords(wire.HoldEnded)
	}
}

func TestAReleaseEndsAHold(t *testing.T) {
	g := newRig(t, nil)
	g.order(wire.Hold, 3600)
	g.order(wire.Release, 0)
	g.wantStrikes(time.Hour, 0)
	if r := g.wantRecords(wire.HoldStarted, wire.HoldEnded)[1]; r.Reason != "release" || r.Who != "desk" {
		t.Errorf("%+v", r)
	}
	g.order(wire.Release, 0)
	g.wantStrikes()
	if r := g.wantRecords(wire.CommandRefused)[0]; r.Reason != "no hold" || r.Order != wire.Release {
		t.Errorf("%+v", r)
	}
	g.crash(0)
	g.wantStrikes()
}

func TestTamperEndsAHoldAndCutsNoPulse(t *testing.T) {
	g := newRig(t, nil)
	g.order(wire.Hold, 3600)
	g.do(Input{InputTamper, true})
	g.wantStrikes(time.Hour, 0)
	if r := g.wantRecords(wire.HoldStarted, wire.LockoutStarted, wire.TamperStarted, wire.HoldEnded)[3]; r.Reason != "tamper" {
		t.Errorf("%+v", r)
	}

	g = newRig(t, nil)
	g.card(Known, adaCard)
	g.do(Input{InputTamper, true})
	g.wantStrikes(5 * time.Second)
}

func TestAHoldGoesOnAfterARestart(t *testing.T) {
	for _, test := range []struct {
		name    string
		order   bool // with a trusted clock
		off     time.Duration
		after   bool // the clock is trusted after the restart
		strikes []time.Duration
		reason  wire.Reason
	}{
		{"for what is left of it", true, 10 * time.Minute, true, []time.Duration{40 * time.Minute}, ""},
		{"not when it is over by the wall", true, 50 * time.Minute, true, nil, wire.ReasonOver},
		{"not while the wall is not known", true, 10 * time.Minute, false, nil, ""},
		{"not if its end by the wall never was", false, 0, true, nil, wire.ReasonRestart},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newRig(t, nil)
			g.now.Trusted = test.order
			g.order(wire.Hold, 3600)
			g.wait(10 * time.Minute)
			g.order(wire.Identify, 0)
			g.records, g.strikes = nil, nil
			g.now.Trusted = test.after
			g.crash(test.off)
			g.wantStrikes(test.strikes...)
			reason := wire.Reason("")
			for _, r := range g.records {
				if r.Kind == wire.HoldEnded {
					reason = r.Reason
				}
			}
			if reason != test.reason {
				t.Errorf("ended: %q", reason)
			}
			if g.view.HeldOpen != (test.strikes != nil) {
				t.Errorf("%+v", g.view)
			}
		})
	}
}

func TestAHoldThatWaitsForTheClockGoesOnWithItOrRunsOut(t *testing.T) {
	waiting := func() *rig {
		g := newRig(t, nil)
		g.order(wire.Hold, 3600)
		g.now.Trusted = false
		g.crash(time.Minute)
		g.records, g.strikes = nil, nil
		return g
	}
	g := waiting()
	g.wait(9 * time.Minute)
	g.now.Trusted = true
	g.do(Tick{})
	g.wantStrikes(50 * time.Minute)
	g.wantRecords(wire.ClockTrusted)
	g.now.Wall = g.now.Wall.Add(-time.Hour)
	g.wait(50 * time.Minute)
	g.wantRecords(wire.ClockStepped, wire.HoldEnded)
	g.wantStrikes()

	g = waiting()
	if at, ok := g.r.Deadline(); !ok || at != g.now.Monotonic+time.Hour {
		t.Errorf("the next deadline is %v", at)
	}
	g.wait(time.Hour)
	g.wantStrikes()
	g.wantRecords(wire.HoldEnded)

	g = waiting()
	g.order(wire.Release, 0)
	g.wantStrikes()
	g.wantRecords(wire.HoldEnded)

	g = waiting()
	g.order(wire.Hold, 60)
	g.wantStrikes(time.Minute)
	g.wantRecords(wire.HoldEnded, wire.HoldStarted)
	g.wait(time.Minute)
	g.wantRecords(wire.HoldEnded)
}

func TestAnExtensionWithoutATrustedClockGoesOnToTheEndThatIsKnown(t *testing.T) {
	g := newRig(t, nil)
	g.order(wire.Hold, 3600)
	g.now.Trusted = false
	g.order(wire.Hold, 7200)
	g.now.Trusted = true
	g.strikes = nil
	g.crash(time.Minute)
	g.wantStrikes(59 * time.Minute)
}

func TestNoHoldIsLongerThanADay(t *testing.T) {
	g := newRig(t, nil)
	g.disk.HoldRunning, g.disk.HoldTime = math.MaxUint64, math.MaxInt64
	g.crash(0)
	g.wantStrikes(24 * time.Hour)
	g.wait(24 * time.Hour)
	if g.view.HeldOpen || g.r.Durable().HoldRunning != 0 {
		t.Error("it is held open after a day")
	}
}

func TestRestartsDoNotMakeAHoldLonger(t *testing.T) {
	g := newRig(t, nil)
	g.order(wire.Hold, 3600)
	for range 7 {
		g.wait(10 * time.Minute) // no record tells of them
		g.crash(0)
	}
	if g.view.HeldOpen {
		t.Error("it is held open after 70 minutes")
	}
}
