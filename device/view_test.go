package device

import (
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"latchkey/sync/wire"
)

func TestTheHomeScreenSaysWhatThePolicySays(t *testing.T) {
	g := newRig(t, func(p *wire.Policy) {
		p.Place, p.Greeting, p.ShufflePIN = "Main building", "Good morning", true
		p.Screen = wire.Screen{Language: "de-AT", LargeText: true, HighContrast: true}
	})
	g.start.Fingerprint = "AAAA BBBB"
	g.begin()
	g.do(Health{Subject: wire.SubjectLink, Condition: Good})
	want := View{
		Screen: ScreenHome, Door: "Front door", Place: "Main building", Greeting: "Good morning",
		Language: "de-AT", LargeText: true, HighContrast: true,
		PIN: true, Shuffle: true, Card: true, Reader: "front-door", Fingerprint: "AAAA BBBB",
	}
	if g.view != want {
		t.Errorf("%+v, want %+v", g.view, want)
	}
	g.policy.Revision, g.policy.PIN = 2, false
	g.do(g.load())
	want.PIN = false
	if g.view != want {
		t.Errorf("with PIN off: %+v, want %+v", g.view, want)
	}
}

func TestWhatIsPausedAndWhatIsOutOfOrder(t *testing.T) {
	for _, test := range []struct {
		name   string
		do     func(g *rig)
		screen Screen
		reason wire.Reason
	}{
		{"all in order", func(g *rig) {}, ScreenHome, ""},
		{"a lockout", func(g *rig) { g.miss(10) }, ScreenPaused, ""},
		{"a lockout, and no card is read", func(g *rig) {
			g.miss(10)
			g.do(Health{Subject: wire.SubjectNFC, Condition: Failed})
		}, ScreenOutOfOrder, wire.ReasonNFC},
		{"no touch", func(g *rig) { g.do(Health{Subject: wire.SubjectTouch, Condition: Failed}) }, ScreenOutOfOrder, wire.ReasonPanel},
		{"no touch, and PIN is off", func(g *rig) {
			g.policy.Revision, g.policy.PIN = 2, false
			g.do(g.load())
			g.do(Health{Subject: wire.SubjectTouch, Condition: Failed})
		}, ScreenHome, ""},
		{"the housing is open, and the policy does not mind", func(g *rig) {
			g.policy.Revision, g.policy.TamperPauses = 2, false
			g.do(g.load())
			g.do(Input{InputTamper, true})
		}, ScreenHome, ""},
		{"a strike that has failed", func(g *rig) { g.do(Health{Subject: wire.SubjectRelay, Condition: Failed}) }, ScreenHome, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newRig(t, nil)
			test.do(g)
			g.wait(2 * time.Second)
			if g.view.Screen != test.screen || g.view.Reason != test.reason {
				t.Errorf("%+v", g.view)
			}
		})
	}
}

func TestTheLatestOutcomeIsShown(t *testing.T) {
	g := newRig(t, nil)
	g.card(Known, adaCard)
	g.wait(time.Second)
	g.card(Unknown, nil)
	g.wantScreen(ScreenDenied)
	g.wait(2 * time.Second)
	g.wantScreen(ScreenHome)
	g.card(Known, adaCard)
	g.do(Presented{wire.PIN})
	g.wantScreen(ScreenChecking)
}

func TestABoardOffersWhatItHas(t *testing.T) {
	g := newRig(t, nil)
	g.start.NoCards = true
	g.begin()
	g.wantScreen(ScreenHome)
	if g.view.Card || !g.view.PIN || g.state.Card != wire.ReasonNone || g.state.PIN != "" {
		t.Errorf("without a card reader: %+v %+v", g.view, g.state)
	}
	g.do(Health{Subject: wire.SubjectKey, Condition: Failed})
	if g.wantScreen(ScreenOutOfOrder); g.view.Reason != wire.ReasonKey {
		t.Errorf("without a card reader and a key: %+v", g.view)
	}
	g.start.NoCards, g.start.NoPIN = false, true
	g.begin()
	g.wantScreen(ScreenHome)
	if !g.view.Card || g.view.PIN || g.state.Card != "" || g.state.PIN != wire.ReasonNone {
		t.Errorf("without a screen to type on: %+v %+v", g.view, g.state)
	}
}

func TestNothingIsShownOrReportedTwice(t *testing.T) {
	g := newRig(t, nil)
	g.card(Unknown, nil)
	for _, event := range []Event{Tick{}, Stored{}, Refused{}, Input{InputExit, false}, g.load()} {
		for _, action := range g.r.Step(g.now, event) {
			switch action.(type) {
			case Show, Report:
				t.Errorf("%T after %T", action, event)
			}
		}
	}
}

func TestWithNothingToWaitForThereIsNoDeadline(t *testing.T) {
	g := newRig(t, nil)
	if at, ok := g.r.Deadline(); ok {
		t.Errorf("%v", at)
	}
	g.card(Known, adaCard)
	if at, ok := g.r.Deadline(); !ok || at != g.now.Monotonic+5*time.Second {
		t.Errorf("%v %v", at, ok)
	}
	g.card(Unknown, nil)
	if at, ok := g.r.Deadline(); !ok || at != g.now.Monotonic+2*time.Second {
		t.Errorf("%v %v", at, ok)
	}
}

func TestNamesOfStatesAreThere(t *testing.T) {
	for s := ScreenHome; s <= ScreenWritten; s++ {
		if s.String() == "unknown" {
			t.Errorf("screen %d has no name", s)
		}
	}
	if Screen(99).String() != "unknown" {
		t.Error("a name for nothing")
	}
}

// The brain does no I/O and starts nothing: it imports only what cannot.
func TestTheBrainImportsNothingThatTouchesTheWorld(t *testing.T) {
	allowed := map[string]bool{
		"cmp": true, "fmt": true, "math": true, "slices": true, "strings": true, "time": true,
		"latchkey/sync/wire": true,
	}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if name := entry.Name(); strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, spec := range file.Imports {
				if path, _ := strconv.Unquote(spec.Path.Value); !allowed[path] {
					t.Errorf("%s imports %s", name, path)
				}
			}
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, call := range []string{"time.Now(", "time.Sleep(", "time.After(", "\tgo ", "chan "} {
				if strings.Contains(string(b), call) {
					t.Errorf("%s has %q", name, call)
				}
			}
		}
	}
}
