package keypad

import (
	"image"
	"testing"
	"time"
)

func welcome() View {
	return View{Screen: Granted, PIN: true, Place: "Main building", Door: "Front door", ReaderID: "front-door",
		User: "Ada", Start: time.Now(), Until: time.Now().Add(5 * time.Second)}
}

func TestAnEntryShowsCheckingUntilItsOutcome(t *testing.T) {
	run(t, func(b *bench) {
		b.tap("pin")
		b.enter("12345678")
		stale := home()
		stale.LinkLost = true
		b.show(stale) // made before the brain knew of the entry
		if !b.checking() {
			t.Error("a stale start page shows")
		}
		b.wait(time.Second)
		if !b.checking() {
			t.Error("checking did not last")
		}
		b.show(View{Screen: Checking})
		if !b.checking() {
			t.Error("the brain's own checking does not look like it")
		}
		b.wait(5 * time.Second)
		if !b.checking() {
			t.Error("the brain's own checking did not last")
		}
		denied := View{Screen: Denied, Start: time.Now(), Until: time.Now().Add(2 * time.Second)}
		b.show(denied)
		b.showsView(denied)
		b.show(home())
		b.showsView(home())
	})
}

func TestAnOutcomeThatComesAtOnceIsShown(t *testing.T) {
	run(t, func(b *bench) {
		b.onEntry = func() { b.k.Show(View{Screen: Denied, Until: time.Now().Add(2 * time.Second)}) }
		b.tap("pin")
		b.enter("12345678")
		b.showsView(View{Screen: Denied})
	})
}

func TestAnEntryThatPINWasWithdrawnFromIsNotAwaited(t *testing.T) {
	run(t, func(b *bench) {
		b.tap("pin")
		b.enter("12345678")
		v := home()
		v.PIN = false
		b.show(v)
		b.showsView(v)
	})
}

func TestAnEntryNobodyAnswersFallsBackToTheLastView(t *testing.T) {
	run(t, func(b *bench) {
		b.tap("pin")
		b.enter("12345678")
		v := home()
		v.LinkLost = true
		b.show(v)
		b.wait(checkingFor - 100*time.Millisecond)
		if !b.checking() {
			t.Error("given up too early")
		}
		b.wait(200 * time.Millisecond)
		b.showsView(v)
	})
}

func TestATimedScreenWaitsForItsSuccessorAndThenLeaves(t *testing.T) {
	run(t, func(b *bench) {
		v := welcome()
		b.show(v)
		b.wait(5*time.Second + lateFor - time.Millisecond)
		if b.showing(scene{view: home(), pressed: nothing}) {
			t.Error("left before its time")
		}
		b.wait(2 * time.Millisecond)
		v.Screen = Home
		b.showsView(v)

		b.show(View{Screen: Denied})
		b.wait(deniedFor)
		b.showsView(View{Screen: Denied})
		b.wait(lateFor)
		b.showsView(View{})
	})
}

func TestTheBarRunsDownWithTheTime(t *testing.T) {
	for what, test := range map[string]struct {
		screen Screen
		keys   []string
		width  int
	}{
		"granted":                       {Granted, nil, 192},
		"the PIN page for a second PIN": {SecondPIN, nil, 192},
		"the same, cancelled":           {SecondPIN, []string{"cancel"}, 216},
		"the wait for a second card":    {SecondCard, nil, 192},
	} {
		run(t, func(b *bench) {
			v := welcome()
			v.Screen, v.Until = test.screen, time.Now().Add(6*time.Second)
			b.show(v)
			b.wait(time.Second)
			b.tap(test.keys...)
			b.wait(time.Until(v.Until.Add(-4500 * time.Millisecond)))
			b.glass.count()
			last := test.width
			for range 45 {
				b.wait(100 * time.Millisecond)
				drawn := b.k.drawn.bar
				if drawn > last {
					t.Fatalf("%s: the bar grew from %d to %d", what, last, drawn)
				}
				last = drawn
				left := time.Until(v.Until).Seconds() / 6 * float64(test.width)
				if drawn := float64(drawn); drawn < left-2 || drawn > left+3 {
					t.Errorf("%s: %v pixels are drawn where %.1f are left", what, drawn, left)
				}
			}
			frames, bytes := b.glass.count()
			if frames < 60 || frames > 180 {
				t.Errorf("%s: %d frames in 4.5 s", what, frames)
			}
			if bytes/frames > 400 {
				t.Errorf("%s: %d bytes a frame", what, bytes/frames)
			}
		})
	}
}

func TestOnlyTheNewestViewCounts(t *testing.T) {
	buzzer, g := &wire{}, newGlass(image.Pt(240, 320))
	k, err := New(g, nil, &Opts{Buzzer: buzzer})
	if err != nil {
		t.Fatal(err)
	}
	for range 1000 { // nobody looks, and nothing blocks
		k.Show(View{Screen: Denied})
	}
	k.Show(home())
	k.update(time.Now())
	if len(buzzer.changes) > 0 {
		t.Error("a View sounded that was replaced")
	}
	if k.drawn.view != home() {
		t.Errorf("shows %+v", k.drawn.view)
	}
	k.update(time.Now())
	if writes, _ := g.count(); writes != 1 {
		t.Errorf("%d writes", writes)
	}
}

func TestAStaticScreenWakesNobody(t *testing.T) {
	run(t, func(b *bench) {
		for _, v := range []View{home(), {Screen: Paused}, {Screen: NotSetUp}, {Screen: OutOfOrder}} {
			b.show(v)
			b.wait(31 * time.Second)
			b.glass.count()
			b.film.set(func(f *film) { f.reads = 0 })
			if at := b.k.deadline(time.Now()); !at.IsZero() {
				t.Errorf("%v: something is due in %v", v.Screen, time.Until(at))
			}
			b.wait(time.Hour)
			if writes, _ := b.glass.count(); writes != 0 || b.film.reads != 0 {
				t.Errorf("%v: %d writes and %d reads in an idle hour", v.Screen, writes, b.film.reads)
			}
		}
	})
}

func TestIdentifyBlinksOverWhatMayWait(t *testing.T) {
	run(t, func(b *bench) {
		v := home()
		v.Identify = true
		b.show(v)
		seen := map[bool]int{}
		for range 8 {
			for _, blink := range []bool{false, true} {
				if b.showing(scene{view: v, pressed: nothing, blink: blink}) {
					seen[blink]++
				}
			}
			b.wait(blinkEvery)
		}
		if seen[true] != 4 || seen[false] != 4 {
			t.Errorf("blinked %v", seen)
		}
		b.tap("pin") // the door can be used meanwhile
		b.shows("an empty PIN page", pinPage(0))
		for _, s := range []Screen{Granted, Denied, Enrolled, Written, SecondCard} {
			b.show(View{Screen: s, Identify: true, Until: time.Now()})
			b.shows("the outcome", scene{view: View{Screen: s}, pressed: nothing})
		}
	})
}
