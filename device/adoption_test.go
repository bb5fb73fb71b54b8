package device

import (
	"strings"
	"testing"
	"time"

	"latchkey/sync/wire"
)

// adoptedByHome starts a reader that home has adopted over the network just now.
func adoptedByHome(t *testing.T) *rig {
	g := newRig(t, nil)
	g.start = Start{Reader: "front-door", Policy: g.load(), Adopter: Adopter{Site: "home", Controller: "4F1A 90C2"}}
	g.begin()
	g.do(Health{Subject: wire.SubjectLink, Condition: Good})
	g.wantScreen(ScreenAdopted)
	return g
}

func TestWhoAdoptedTheReaderShowsForAMinute(t *testing.T) {
	g := adoptedByHome(t)
	if v := g.r.makeView(); v.Adopter != (Adopter{Site: "home", Controller: "4F1A 90C2"}) || v.End != 0 {
		t.Errorf("%+v", v)
	}
	g.wait(59 * time.Second)
	g.wantScreen(ScreenAdopted)
	g.wait(2 * time.Second)
	g.wantScreen(ScreenHome)
	g.crash(time.Second)
}

func TestWhoAdoptedTheReaderShowsUntilSomebodyTouchesItOrPresentsACard(t *testing.T) {
	g := adoptedByHome(t)
	g.do(Seen{})
	g.wantScreen(ScreenHome)

	g = adoptedByHome(t)
	g.card(Known, adaCard)
	g.wantScreen(ScreenGranted)
	g.wait(time.Minute / 2)
	g.wantScreen(ScreenHome)
}

func TestWhoAdoptedTheReaderHidesNoMode(t *testing.T) {
	for mode, screen := range map[wire.Mode]Screen{wire.ModeLockdown: ScreenLockdown, wire.ModeEvacuation: ScreenEvacuation} {
		g := adoptedByHome(t)
		g.want(wire.WantedMode{Mode: mode, By: "desk"})
		g.wantScreen(screen)
	}
	g := adoptedByHome(t)
	g.order(wire.Enrol)
	g.wantScreen(ScreenEnrol)
}

func TestAReaderOfASiteDoesNotSayWhoAdoptedItAtEachStart(t *testing.T) {
	g := adoptedByHome(t)
	g.start.Adopter = Adopter{}
	g.crash(time.Second)
	g.wantScreen(ScreenHome)
}

func TestAReaderThatNoSiteHasAdoptedShowsWhatItWaitsFor(t *testing.T) {
	g := newRig(t, nil)
	g.start = Start{Fingerprint: "4F1A 90C2", NewJournal: true}
	g.disk = Durable{}
	g.begin()
	for _, w := range []Waiting{{Looks: true}, {Looks: true, Site: "home"}, {Looks: true, Site: "home", More: 3}, {}} {
		g.do(w)
		if v := g.r.makeView(); v.Screen != ScreenNotSetUp || v.Waiting != w || g.r.makeState().Waiting != w {
			t.Errorf("%+v", v)
		}
	}
	g.do(Waiting{Looks: true, Site: strings.Repeat("a", 1000)})
	if site := g.r.makeView().Waiting.Site; len(site) > 200 {
		t.Errorf("a site's name of %d bytes is shown", len(site))
	}
}
