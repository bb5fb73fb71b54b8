package keypad

import (
	"image"
	"testing"
	"time"
)

func TestAKeyLightsUpOnTouchAndActsOnRelease(t *testing.T) {
	run(t, func(b *bench) {
		b.tap("pin")
		b.film.set(func(f *film) { f.at, f.down = b.at("digit-5"), true })
		b.k.PenChanged(true)
		b.wait(sampleEvery)
		down := pinPage(0)
		down.pressed = 4
		b.shows("the pressed key within one frame", down)
		b.wait(time.Second)
		b.shows("the pressed key, and no digit yet", down)
		b.lift()
		b.shows("one digit", pinPage(1))
	})
}

func TestSlidingOffAKeyCancelsIt(t *testing.T) {
	run(t, func(b *bench) {
		b.tap("pin")
		c, _ := b.control("digit-5")
		at := b.at("digit-5")
		for _, off := range []image.Point{{c.X - 14, at.Y}, {c.X + c.W + 14, at.Y}, {at.X, c.Y - 14}, {at.X, c.Y + c.H + 14}} {
			b.press(at)
			b.slide(off)
			b.shows("no key pressed", pinPage(0))
			b.slide(at)
			b.shows("no key pressed", pinPage(0))
			b.lift()
			b.shows("no digit", pinPage(0))
		}
		// A finger rolls a little.
		b.press(at)
		b.slide(image.Pt(c.X-5, at.Y))
		b.lift()
		b.shows("one digit", pinPage(1))
	})
}

func TestAFingerThatSlidesOntoAKeyPressesNothing(t *testing.T) {
	run(t, func(b *bench) {
		b.tap("pin")
		b.press(image.Pt(120, 20))
		b.slide(b.at("digit-5"))
		b.shows("no key pressed", pinPage(0))
		b.lift()
		b.shows("no digit", pinPage(0))
	})
}

func TestABounceIsOnePress(t *testing.T) {
	run(t, func(b *bench) {
		b.tap("pin")
		b.press(b.at("digit-5"))
		for range 5 {
			b.film.set(func(f *film) { f.down = false })
			b.k.PenChanged(false)
			b.wait(15 * time.Millisecond)
			b.film.set(func(f *film) { f.down = true })
			b.k.PenChanged(true)
			b.wait(14 * time.Millisecond)
		}
		b.shows("the key still pressed", scene{page: entryPage, order: telephone(), pressed: 4})
		b.lift()
		b.shows("one digit", pinPage(1))
		if got := b.buzzer.rhythm(); len(got) != 3 { // the PIN button's click and this one
			t.Errorf("clicked %v", got)
		}
	})
}

func TestASpikeOfOneSampleIsNoTouch(t *testing.T) {
	run(t, func(b *bench) {
		b.tap("pin")
		b.film.set(func(f *film) { f.at, f.down = b.at("digit-5"), true })
		b.k.PenChanged(true)
		b.settle()
		b.lift()
		b.shows("no digit", pinPage(0))
	})
}

func TestGapsBetweenKeysBelongToKeys(t *testing.T) {
	run(t, func(b *bench) {
		b.tap("pin")
		c, _ := b.control("digit-1")
		b.press(image.Pt(c.X+c.W+2, c.Y+c.H+2))
		b.lift()
		b.press(image.Pt(c.X+c.W+4, c.Y+c.H+4))
		b.lift()
		if got := string(b.k.entry.pin[:2]); got != "15" {
			t.Errorf("typed %q", got)
		}
	})
}

func TestAKeyThatAnOutcomeTookAwayDoesNotAct(t *testing.T) {
	run(t, func(b *bench) {
		b.press(b.at("pin"))
		b.show(View{Screen: Granted, PIN: true, Until: time.Now().Add(time.Second)})
		b.show(home())
		b.lift()
		b.showsView(home())
	})
}

func TestWithoutAPenLineTheFilmIsPolled(t *testing.T) {
	run(t, func(b *bench) {
		c, _ := b.control("pin")
		b.film.set(func(f *film) { f.at, f.down = image.Pt(c.X+9, c.Y+9), true })
		b.wait(60 * time.Millisecond)
		b.film.set(func(f *film) { f.down = false })
		b.wait(60 * time.Millisecond)
		b.shows("the PIN page", pinPage(0))
		b.film.set(func(f *film) { f.reads = 0 })
		b.wait(5 * time.Second)
		if b.film.reads > 125 {
			t.Errorf("%d reads in 5 s without a finger", b.film.reads)
		}
	}, func(_ *bench, o *Opts) { o.Poll = 40 * time.Millisecond })
}

func TestALightFingerIsWaitedFor(t *testing.T) {
	run(t, func(b *bench) {
		b.film.set(func(f *film) { f.at = b.at("pin") })
		b.k.PenChanged(true) // the line closes before the pressure is enough
		b.wait(3 * time.Second)
		if n := b.film.reads; n > 160 {
			t.Errorf("%d reads in 3 s", n)
		}
		b.film.set(func(f *film) { f.down = true })
		b.wait(200 * time.Millisecond)
		b.lift()
		b.shows("the PIN page", pinPage(0))
	})
}

func TestAStuckFilmNeitherHoldsThePageNorTheLight(t *testing.T) {
	run(t, func(b *bench) {
		b.tap("pin")
		b.enter("123")
		b.press(b.at("digit-5"))
		b.wait(stuckAfter + idleFor + time.Second)
		b.showsView(home())
		b.wait(dimAfter)
		if b.light.lit() {
			t.Error("the light is still on")
		}
		b.film.set(func(f *film) { f.reads = 0 })
		b.wait(10 * time.Second)
		if b.film.reads > 101 {
			t.Errorf("%d reads in 10 s", b.film.reads)
		}
		b.lift()
		b.wait(time.Second)
		b.tap("pin") // wakes
		b.tap("pin")
		b.shows("the PIN page", pinPage(0))
	})
}

func TestAFilmThatFailsIsReportedOnceAndTriedAgain(t *testing.T) {
	run(t, func(b *bench) {
		b.tap("pin")
		b.press(b.at("digit-5"))
		b.film.set(func(f *film) { f.err = errBroken })
		b.wait(5 * time.Second)
		b.film.set(func(f *film) { f.err = nil })
		b.wait(2 * time.Second)
		if len(b.healths) != 2 || b.healths[0] != "touch: broken" || b.healths[1] != "touch" {
			t.Errorf("reported %q", b.healths)
		}
		b.lift()
		if b.k.entry.n > 1 {
			t.Errorf("%d digits of one press", b.k.entry.n)
		}
		b.tap("cancel")
		b.showsView(home())
	})
}

func TestAContactOfTwoSamplesIsNoPressAndDoesNotWake(t *testing.T) {
	run(t, func(b *bench) {
		spike := func(at image.Point) {
			b.film.set(func(f *film) { f.at, f.down = at, true })
			b.k.PenChanged(true)
			b.wait(9 * time.Millisecond)
			b.film.set(func(f *film) { f.down = false })
			b.k.PenChanged(false)
			b.wait(100 * time.Millisecond)
		}
		b.tap("pin")
		spike(b.at("digit-5"))
		b.shows("no digit", pinPage(0))
		b.wait(time.Minute)
		spike(b.at("pin"))
		if b.light.lit() {
			t.Error("it wakes")
		}
		b.showsView(home())
	})
}

func TestAFingerThatNoiseMovesForAMomentStillPresses(t *testing.T) {
	run(t, func(b *bench) {
		b.tap("pin")
		five, nine := b.at("digit-5"), b.at("digit-9")
		b.press(five)
		b.film.set(func(f *film) { f.at = nine })
		b.wait(16 * time.Millisecond)
		b.film.set(func(f *film) { f.at = five })
		b.wait(16 * time.Millisecond)
		b.lift()
		b.shows("one digit", pinPage(1))
		b.press(five)
		b.film.set(func(f *film) { f.at = nine }) // and lifted there
		b.wait(16 * time.Millisecond)
		b.lift()
		b.shows("still one digit", pinPage(1))
	})
}
