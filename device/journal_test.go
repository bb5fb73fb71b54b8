package device

import (
	"testing"
	"time"

	"latchkey/sync/wire"
)

func TestALateOrRepeatedStoredChangesNothing(t *testing.T) {
	g := newRig(t, nil)
	g.slow = true
	g.do(Presented{wire.PIN})
	batch := g.queue[0].Batch
	before := g.r
	g.do(Stored{Batch: batch - 1})
	g.do(Stored{Batch: batch - 1, Fault: "disk full"})
	g.do(Stored{Batch: batch + 1})
	g.do(Stored{})
	if g.r != before {
		t.Fatal("it did")
	}
	g.store()
	after := g.r
	g.do(Stored{Batch: batch, Fault: "disk full"})
	if g.r != after {
		t.Error("a second Stored did")
	}
}

func TestAnAnswerThatSkipsTheChargeDoesNotStandForIt(t *testing.T) {
	g := newRig(t, nil)
	g.slow = true
	g.do(Presented{wire.PIN})
	charge := g.queue[0].Batch
	g.order(wire.Identify)
	g.do(Identified{Kind: wire.PIN, Seq: 1, Outcome: Known, Credential: adaPIN})
	g.do(Stored{Batch: charge + 1})
	g.wantStrikes()
	g.do(Stored{Batch: charge})
	g.wantStrikes()
	g.wait(10 * time.Second)
	g.wantAttempts(1, 1, "")
}

func TestWhenTheDiskStoresAgainItHasWhatTheReaderKnows(t *testing.T) {
	g := newRig(t, func(p *wire.Policy) { p.Limit = 3 })
	g.miss(3)
	g.fault = "disk full"
	g.card(Known, adaCard)
	g.wantAttempts(0, 3, "")
	g.wantStrikes(5 * time.Second)
	if g.disk.Lockout == "" {
		t.Fatal("the disk stored though it is full")
	}
	g.wait(5 * time.Second)
	g.wantScreen(ScreenOutOfOrder)
	g.card(Known, adaCard)
	g.wait(30 * time.Second)
	if g.state.Journal != "disk full" {
		t.Errorf("%+v", g.state)
	}

	g.fault, g.records = "", nil
	g.wait(5 * time.Second) // whatever was wrong with it
	r := g.wantRecords(wire.JournalResumed)[0]
	if r.Text != "disk full" || r.Count != 2 {
		t.Errorf("%+v", r)
	}
	if g.disk != g.r.Durable() {
		t.Errorf("the disk has\n%+v, the reader\n%+v", g.disk, g.r.Durable())
	}
	g.wantScreen(ScreenHome)
	g.wait(time.Hour)
	g.wantRecords()
	if g.state.Journal != "" {
		t.Errorf("%+v", g.state)
	}
}

func TestALockoutThatWasNeverStoredIsThereAfterARestart(t *testing.T) {
	g := newRig(t, func(p *wire.Policy) { p.Limit = 1 })
	g.do(Presented{wire.PIN})
	g.fault = "disk full"
	g.do(Identified{Kind: wire.PIN, Seq: 1, Outcome: Unknown})
	g.wantAttempts(1, 1, wire.CauseAttempts)
	g.fault = ""
	g.crash(0)
	g.wantAttempts(1, 1, wire.CauseAttempts)
}

func TestADiskThatDoesNotAnswerIsNotAskedAgain(t *testing.T) {
	g := newRig(t, nil)
	g.fault = "disk full"
	g.order(wire.Identify)
	g.slow = true
	g.records = nil
	g.wait(10 * time.Minute)
	g.wantRecords(wire.JournalResumed)
	g.slow, g.fault = false, ""
	g.store()
	if g.state.Journal != "" {
		t.Errorf("%+v", g.state)
	}
}

func TestPINIsBackOnlyWithTheWholeStateOnTheDisk(t *testing.T) {
	g := newRig(t, nil)
	g.slow = true
	g.order(wire.Identify)
	g.order(wire.Identify)
	first, second := g.queue[0], g.queue[1]
	g.do(Stored{Batch: first.Batch, Fault: "disk full"})
	g.do(Stored{Batch: second.Batch})
	if g.state.PIN != wire.ReasonUnstored {
		t.Errorf("an append from before the fault mended it: %+v", g.state)
	}
}

func TestAnAppendThatWasBegunBeforeTheFaultWasKnownDoesNotMendIt(t *testing.T) {
	g := newRig(t, nil)
	g.want(wire.WantedMode{Mode: wire.ModeLocked, Until: g.in(time.Minute)})
	g.slow = true
	g.order(wire.Identify)
	lost := g.queue[0]
	g.pass(time.Minute)
	g.queue, g.records = nil, nil
	g.do(Stored{Batch: lost.Batch, Fault: "disk full"}) // the mode's end is recorded in this very turn
	g.wantRecords(wire.ModeChanged)
	g.do(Stored{Batch: lost.Batch + 1})
	if g.state.Journal != "disk full" {
		t.Errorf("%+v", g.state)
	}
	g.queue, g.slow = nil, false
	g.wait(probeEvery)
	if g.state.Journal != "" {
		t.Errorf("%+v", g.state)
	}
}

// A disk that stalls answers nothing, right or wrong. The policy that cards do not
// open unless it is noted holds from 2 s on, and ends with its next answer.
func TestADiskThatDoesNotAnswerStoresNothing(t *testing.T) {
	for _, unstored := range []bool{false, true} {
		g := newRig(t, func(p *wire.Policy) { p.CardsUnstored, p.ExitUnstored = unstored, unstored })
		g.slow = true
		g.card(Known, adaCard)
		g.wantStrikes(5 * time.Second) // it is answered yet
		g.wait(storedWithin)
		if g.state.Journal != stalled || g.state.PIN != wire.ReasonUnstored {
			t.Fatalf("%+v", g.state)
		}
		opened := 0
		for range 20 {
			g.wait(30 * time.Second)
			g.strikes = nil
			g.card(Known, adaCard)
			opened += len(g.strikes)
		}
		if want := map[bool]int{false: 0, true: 20}[unstored]; opened != want {
			t.Errorf("%d of 20 cards opened in ten minutes in which nothing was stored, want %d", opened, want)
		}
		g.slow = false
		g.store()
		if g.state.Journal != "" || g.state.PIN != "" {
			t.Errorf("after its answer: %+v", g.state)
		}
		g.records = nil
		g.strikes = nil
		g.card(Known, adaCard)
		g.wantStrikes(5 * time.Second)
		g.wantRecords(wire.AccessGranted) // nothing was lost
	}
}

// Answers that come one a second are those of a disk that is slow, and stores.
func TestADiskThatMovesStores(t *testing.T) {
	g := newRig(t, nil)
	g.slow = true
	for range 10 {
		g.order(wire.Identify)
	}
	for len(g.queue) > 0 {
		g.wait(time.Second)
		a := g.queue[0]
		g.queue = g.queue[1:]
		g.disk.fold(a.Records)
		g.take(g.r.Step(g.now, Stored{Batch: a.Batch}))
		if g.state.Journal != "" {
			t.Fatalf("%+v", g.state)
		}
	}
}

// A lockout that began while nothing was stored is gone after a start, and so might be
// what was counted. PIN stays off until the disk has stored something.
func TestAfterAStartNoPINIsTakenBeforeSomethingIsStored(t *testing.T) {
	for _, again := range []string{"fails", "does not answer"} {
		g := newRig(t, func(p *wire.Policy) { p.TamperPauses = true })
		g.fault = "the disk fails"
		g.do(Input{InputTamper, true})
		g.do(Input{InputTamper, false})
		g.wantAttempts(0, 0, wire.CauseTamper)
		g.slow = again != "fails"
		g.crash(time.Minute)
		g.wantAttempts(0, 0, "")
		if g.slow {
			g.wantScreen(ScreenHome) // nothing is wrong yet
		}
		for range 3 {
			asked := g.asked
			g.do(Presented{wire.PIN})
			if g.asked != asked || g.state.PIN != wire.ReasonUnstored || g.view.PIN {
				t.Fatalf("%s: a PIN is taken: %+v", again, g.state)
			}
			g.wait(storedWithin)
			g.wantScreen(ScreenOutOfOrder)
		}
		g.fault, g.slow = "", false
		g.store()
		g.wait(probeEvery)
		if g.state.PIN != "" || !g.view.PIN {
			t.Errorf("%s: off though the disk stores: %+v", again, g.state)
		}
		g.wantScreen(ScreenHome)
	}
}
