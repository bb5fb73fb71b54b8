package keypad

import (
	"encoding/json"
	"image"
	"math/rand/v2"
	"testing"
	"time"
)

func TestEightDigitsAreHandedOverOnce(t *testing.T) {
	run(t, func(b *bench) {
		b.tap("pin")
		b.shows("an empty PIN page", pinPage(0))
		b.enter("123")
		b.shows("three dots", pinPage(3))
		if len(b.entries) != 0 {
			t.Fatalf("handed over before the eighth digit: %d", len(b.entries))
		}
		b.enter("45670")
		if len(b.entries) != 1 || b.entries[0] != "12345670" {
			t.Fatalf("handed over %q", b.entries)
		}
		if b.k.entry.pin != nil || b.k.entry.n != 0 {
			t.Error("the keypad kept the buffer it gave away")
		}
		if !b.checking() {
			t.Error("the display does not show that the entry is looked up")
		}
		if n := b.touchable(); n != "" {
			t.Errorf("%s can be touched meanwhile", n)
		}
		if string(b.buffers[0][:]) != "12345670" {
			t.Error("the keypad wiped what it had given away")
		}
	})
}

func TestNothingTypedOutlivesThePage(t *testing.T) {
	leave := map[string]func(b *bench){
		"cancel":           func(b *bench) { b.tap("cancel") },
		"ten idle seconds": func(b *bench) { b.wait(idleFor) },
		"PIN withdrawn":    func(b *bench) { v := home(); v.PIN = false; b.show(v) },
		"a card":           func(b *bench) { b.show(View{Screen: Granted, PIN: true, Door: "Front door"}) },
		"a lockout":        func(b *bench) { b.show(View{Screen: Paused}) },
		"a lockdown":       func(b *bench) { b.show(View{Screen: Lockdown, PIN: true}) },
		"an evacuation":    func(b *bench) { b.show(View{Screen: Evacuation, PIN: true}) },
		"the end":          func(b *bench) { b.stop() },
	}
	for name, how := range leave {
		t.Run(name, func(t *testing.T) {
			run(t, func(b *bench) {
				b.tap("pin")
				b.enter("9876543")
				typed := b.k.entry.pin
				if string(typed[:7]) != "9876543" {
					t.Fatalf("typed %q", typed[:])
				}
				how(b)
				if *typed != [pinLen]byte{} {
					t.Errorf("%q is still in memory", typed[:])
				}
				if len(b.entries) != 0 {
					t.Errorf("handed over %q", b.entries)
				}
			})
		})
	}
}

func TestThePINPageLeavesTenSecondsAfterTheLastTouch(t *testing.T) {
	run(t, func(b *bench) {
		b.tap("pin")
		for range 3 {
			b.wait(9500 * time.Millisecond)
			b.enter("1")
		}
		b.shows("three dots", pinPage(3))
		b.wait(9500 * time.Millisecond)
		b.shows("three dots", pinPage(3))
		b.wait(time.Second)
		b.showsView(home())
		b.tap("pin")
		b.shows("an empty PIN page", pinPage(0))
		// A finger that rests is a touch.
		b.press(image.Pt(120, 20))
		b.wait(15 * time.Second)
		b.shows("an empty PIN page", pinPage(0))
	})
}

func TestBackspaceTakesOneDigitAndNoMoreThanThereAre(t *testing.T) {
	run(t, func(b *bench) {
		b.tap("pin", "backspace")
		b.enter("12")
		b.tap("backspace", "backspace", "backspace")
		b.shows("an empty PIN page", pinPage(0))
		if typed := b.k.entry.pin; *typed != [pinLen]byte{} {
			t.Errorf("%q is still in memory", typed[:])
		}
		b.enter("1298")
		b.tap("backspace", "backspace")
		b.enter("345678")
		if len(b.entries) != 1 || b.entries[0] != "12345678" {
			t.Errorf("handed over %q", b.entries)
		}
	})
}

func TestAPINWithdrawnWhileAKeyIsDownTakesNoDigit(t *testing.T) {
	run(t, func(b *bench) {
		b.tap("pin")
		b.enter("1234567")
		b.press(b.at("digit-8"))
		v := home()
		v.PIN = false
		b.show(v)
		b.show(home())
		b.lift()
		b.showsView(home())
		if len(b.entries) != 0 {
			t.Errorf("handed over %q", b.entries)
		}
	})
}

func TestAShuffledPadTypesWhatItShows(t *testing.T) {
	seeded := func(b *bench) { b.k.entry.pick = rand.New(rand.NewPCG(7, 7)).IntN }
	run(t, func(b *bench) {
		seeded(b)
		v := home()
		v.ShufflePIN = true
		b.show(v)
		orders := map[order]bool{}
		for i := range 5 {
			b.tap("pin")
			o := b.k.entry.order
			orders[o] = true
			b.shows("the shuffled order", scene{page: entryPage, order: o, pressed: nothing})
			cs := b.k.Controls()
			if len(cs) != 12 {
				t.Fatalf("%d controls", len(cs))
			}
			for j, c := range cs {
				if p, digit := target(j).place(); digit {
					if want := string('0' + rune(o[p])); c.Label != want || c.Name != "digit-"+want {
						t.Errorf("place %d is %s, and %s is drawn", p, c.Name, want)
					}
				}
				if r := b.k.l.keys[j]; c.X != r.Min.X || c.Y != r.Min.Y || c.W != r.Dx() || c.H != r.Dy() {
					t.Errorf("%s is at %+v, and drawn in %v", c.Name, c, r)
				}
			}
			b.enter("31415926")
			if got := b.entries[i]; got != "31415926" {
				t.Errorf("handed over %q", got)
			}
			b.show(View{Screen: Checking})
			b.show(v)
			b.show(View{Screen: Checking})
			if !b.checking() {
				t.Error("an order outlives its outcome")
			}
			b.show(v)
		}
		if len(orders) != 5 {
			t.Errorf("five openings had %d orders", len(orders))
		}
		b.tap("pin", "cancel")
		b.show(View{Screen: Checking})
		if !b.checking() {
			t.Error("an order outlives its page")
		}
		v.ShufflePIN = false
		b.show(v)
		b.tap("pin")
		b.shows("the telephone's order", pinPage(0))
	})
}

func TestEachDigitIsAsLikelyAtEachPlace(t *testing.T) {
	var seen [10][10]int
	e := pinEntry{pick: pick}
	const rounds = 4000
	for range rounds {
		e.open(true)
		for p, d := range e.order {
			seen[p][d]++
		}
	}
	for p := range seen {
		for d, n := range seen[p] {
			// 400 expected, with a deviation of 19: eight of them never happen.
			if n < rounds/10-152 || n > rounds/10+152 {
				t.Errorf("digit %d was at place %d in %d of %d rounds", d, p, n, rounds)
			}
		}
	}
}

func TestControlsAreWhatThePageExpects(t *testing.T) {
	run(t, func(b *bench) {
		if got := b.touchable(); got != "pin" {
			t.Errorf("on home: %s", got)
		}
		raw, err := json.Marshal(b.k.Controls())
		if err != nil || string(raw) != `[{"name":"pin","label":"PIN","x":12,"y":252,"w":216,"h":56}]` {
			t.Errorf("as JSON: %s %v", raw, err)
		}
		b.tap("pin")
		want := "digit-1 digit-2 digit-3 digit-4 digit-5 digit-6 digit-7 digit-8 digit-9 cancel digit-0 backspace"
		if got := b.touchable(); got != want {
			t.Errorf("on the PIN page: %s", got)
		}
		b.k.Controls()[0].Name = "mine"
		if got := b.touchable(); got != want {
			t.Error("a caller's change to what it was given came back")
		}
		for _, s := range []Screen{Checking, Granted, Denied, Paused, NotSetUp, Enrol, Enrolled, Keep, Written, Lockdown, Evacuation, SecondCard} {
			b.show(View{Screen: s, PIN: true})
			if got := b.touchable(); got != "" {
				t.Errorf("on %v: %s", s, got)
			}
		}
		for _, s := range []Screen{OutOfOrder, Open, Locked} {
			b.show(View{Screen: s, PIN: true})
			if got := b.touchable(); got != "pin" {
				t.Errorf("on %v, with PIN: %s", s, got)
			}
			b.show(View{Screen: s})
			if got := b.touchable(); got != "" {
				t.Errorf("on %v, without PIN: %s", s, got)
			}
		}
		b.stop()
		if raw, _ = json.Marshal(b.k.Controls()); string(raw) != "[]" {
			t.Errorf("after the end: %s", raw)
		}
	})
}
