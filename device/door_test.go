package device

import (
	"testing"
	"time"

	"latchkey/sync/wire"
)

func TestTheExitButtonOpensOnceForEachPush(t *testing.T) {
	g := newRig(t, func(p *wire.Policy) { p.Unlock = 7 })
	g.do(Input{InputExit, true})
	g.do(Input{InputExit, true})
	g.wantStrikes(7 * time.Second)
	g.do(Input{InputExit, false})
	g.wantStrikes()
	g.do(Input{InputExit, true})
	g.wantStrikes(7 * time.Second)
	if r := g.wantRecords(wire.ExitPressed, wire.ExitPressed)[0]; r.Seconds != 7 || r.Reason != "" {
		t.Errorf("%+v", r)
	}
	g.wantScreen(ScreenHome)
}

func TestAnExitButtonThatIsDownAtTheStartWasNotPushed(t *testing.T) {
	g := newRig(t, nil)
	g.r, _ = New(g.disk, g.start, g.now)
	for range 2 {
		g.do(Input{InputExit, true})
	}
	g.wantStrikes()
	g.wantRecords()
	g.do(Input{InputExit, false})
	g.do(Input{InputExit, true})
	g.wantStrikes(5 * time.Second)
	g.wantRecords(wire.ExitPressed)
}

func TestTheExitButtonOpensAsThePolicySays(t *testing.T) {
	tamper := func(g *rig) { g.do(Input{InputTamper, true}) }
	unstored := func(g *rig) { g.fault = "disk full"; g.order(wire.Identify) }
	for _, test := range []struct {
		name   string
		policy func(p *wire.Policy)
		before func(g *rig)
		reason wire.Reason
	}{
		{"with the housing open", nil, tamper, ""},
		{"not with the housing open", func(p *wire.Policy) { p.TamperStopsExit = true }, tamper, wire.ReasonTamper},
		{"while records are not stored", nil, unstored, ""},
		{"not while records are not stored", func(p *wire.Policy) { p.ExitUnstored = false }, unstored, wire.ReasonUnstored},
		{"in a lockout", nil, func(g *rig) { g.miss(10) }, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newRig(t, test.policy)
			test.before(g)
			g.records = nil
			g.do(Input{InputExit, true})
			last := g.records[len(g.records)-1]
			if last.Kind != wire.ExitPressed || last.Reason != test.reason {
				t.Errorf("%+v", last)
			}
			if test.reason == "" {
				g.wantStrikes(5 * time.Second)
			} else {
				g.wantStrikes()
			}
		})
	}
}

func TestADoorIsForcedIfItOpensWithNeitherStrikeNorExit(t *testing.T) {
	for _, test := range []struct {
		name   string
		before func(g *rig)
		forced bool
	}{
		{"nothing", func(g *rig) {}, true},
		{"an unknown card", func(g *rig) { g.card(Unknown, nil) }, true},
		{"a card", func(g *rig) { g.card(Known, adaCard) }, false},
		{"the exit button", func(g *rig) { g.do(Input{InputExit, true}) }, false},
		{"an unlocked door", func(g *rig) { g.want(unlockedFor(g, time.Hour)); g.wait(30 * time.Minute) }, false},
		{"a strike that has just gone off", func(g *rig) { g.card(Known, adaCard); g.wait(8*time.Second - 1) }, false},
		{"a strike that went off three seconds ago", func(g *rig) { g.card(Known, adaCard); g.wait(8 * time.Second) }, true},
		{"a door that was just locked", func(g *rig) { g.want(unlockedFor(g, time.Hour)); g.want(); g.wait(grace - 1) }, false},
		{"a door that was locked three seconds ago", func(g *rig) { g.want(unlockedFor(g, time.Hour)); g.want(); g.wait(grace) }, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newRig(t, nil)
			g.do(Input{InputDoor, false})
			test.before(g)
			g.records = nil
			g.do(Input{InputDoor, true})
			if !test.forced {
				g.wantRecords(wire.DoorOpened)
				if g.state.Door != wire.DoorIsOpen || g.view.DoorAlarm != "" {
					t.Errorf("%+v %+v", g.state, g.view)
				}
				return
			}
			g.wantRecords(wire.DoorOpened, wire.DoorForced)
			if g.state.Door != wire.DoorIsForced || g.view.DoorAlarm != wire.DoorIsForced {
				t.Errorf("%+v %+v", g.state, g.view)
			}
			g.do(Input{InputDoor, false})
			g.wantRecords(wire.DoorClosed)
			if g.state.Door != wire.DoorIsClosed || g.view.DoorAlarm != "" {
				t.Errorf("%+v %+v", g.state, g.view)
			}
		})
	}
}

func TestADoorThatIsOpenAtTheStartWasNotForced(t *testing.T) {
	g := newRig(t, nil)
	g.do(Input{InputDoor, true})
	g.wantRecords(wire.DoorOpened)
	g.do(Input{InputDoor, true})
	g.wantRecords()

	g = newRig(t, nil)
	g.do(Input{InputDoor, false})
	g.do(Input{InputDoor, false})
	g.wantRecords()
}

func TestADoorThatIsOpenForLongerThanThePolicySaysIsHeld(t *testing.T) {
	g := newRig(t, func(p *wire.Policy) { p.HeldAfter = 30 })
	g.do(Input{InputDoor, false})
	g.card(Known, adaCard)
	g.wait(2 * time.Second)
	g.do(Input{InputDoor, true}) // the strike goes off 3 s later
	g.records = nil
	g.wait(33*time.Second - 1)
	g.wantRecords()
	g.wait(1)
	if r := g.wantRecords(wire.DoorHeld)[0]; r.Seconds != 30 || g.state.Door != wire.DoorIsHeld || g.view.DoorAlarm != wire.DoorIsHeld {
		t.Errorf("%+v %+v", r, g.state)
	}
	g.wait(time.Hour)
	g.wantRecords()
	g.do(Input{InputDoor, false})
	g.wantRecords(wire.DoorClosed)
	g.wait(time.Hour)
	g.wantRecords()
}

func TestADoorIsNotHeldWhileTheStrikeIsOn(t *testing.T) {
	g := newRig(t, func(p *wire.Policy) { p.HeldAfter = 30 })
	g.do(Input{InputDoor, false})
	g.want(unlockedFor(g, 600*time.Second))
	g.do(Input{InputDoor, true})
	g.wait(20 * time.Second)
	g.card(Known, adaCard)
	g.records = nil
	g.wait(580 * time.Second)
	g.wantRecords(wire.ModeChanged)
	g.wait(28 * time.Second)
	g.card(Known, adaCard) // 5 s, and 30 s from then on
	g.wait(5*time.Second + 28*time.Second)
	g.want(unlockedFor(g, 5*time.Second))
	g.wait(5*time.Second + 28*time.Second)
	g.want(unlockedFor(g, 600*time.Second))
	g.want()
	g.records = nil
	g.wait(30*time.Second - 1)
	g.wantRecords()
	g.wait(1)
	g.wantRecords(wire.DoorHeld)
}

func TestADoorThatIsOpenedJustAfterTheStrikeIsHeldFromThenOn(t *testing.T) {
	g := newRig(t, func(p *wire.Policy) { p.HeldAfter = 30 })
	g.do(Input{InputDoor, false})
	g.card(Known, adaCard)
	g.wait(7 * time.Second)
	g.do(Input{InputDoor, true})
	g.records = nil
	g.wait(30*time.Second - 1)
	g.wantRecords()
	g.wait(1)
	g.wantRecords(wire.DoorHeld)
}

func TestAPolicyOfZeroHoldsNoDoor(t *testing.T) {
	g := newRig(t, func(p *wire.Policy) { p.HeldAfter = 0 })
	g.do(Input{InputDoor, true})
	g.records = nil
	g.wait(24 * time.Hour)
	g.wantRecords()
}

func TestOpeningReleasesTheStrikeWhereThePolicySaysSo(t *testing.T) {
	g := newRig(t, func(p *wire.Policy) { p.ReleaseOnOpen = true })
	g.do(Input{InputDoor, false})
	g.card(Known, adaCard)
	g.wait(2 * time.Second)
	g.do(Input{InputDoor, true})
	g.wantStrikes(5*time.Second, 0)
	if g.state.Strike != wire.StrikeOff || g.view.Screen != ScreenHome || g.state.Door != wire.DoorIsOpen {
		t.Errorf("%+v %+v", g.state, g.view)
	}

	g.do(Input{InputDoor, false})
	g.want(unlockedFor(g, time.Minute))
	g.card(Known, adaCard)
	g.do(Input{InputDoor, true})
	g.wantStrikes(holdFor, 5*time.Second)

	g = newRig(t, nil)
	g.do(Input{InputDoor, false})
	g.card(Known, adaCard)
	g.do(Input{InputDoor, true})
	g.wantStrikes(5 * time.Second)
}

func TestPulsesDoNotAddUp(t *testing.T) {
	g := newRig(t, nil)
	g.card(Known, &wire.Credential{ID: 2, User: 1, Kind: wire.Card, Extended: true})
	g.wait(time.Second)
	g.card(Known, adaCard)
	g.wantStrikes(20*time.Second, 5*time.Second)
	g.wait(19*time.Second - 1)
	if g.state.Strike != wire.StrikePulse {
		t.Error("the shorter pulse ended the longer one")
	}
	g.wait(1)
	if g.state.Strike != wire.StrikeOff {
		t.Error("the pulses added up")
	}
}

func TestAnInputOfAnotherNameChangesNothing(t *testing.T) {
	g := newRig(t, nil)
	before := g.r
	g.do(Input{"doorbell", true})
	if g.r != before {
		t.Error("it did")
	}
}
