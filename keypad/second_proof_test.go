package keypad

import (
	"fmt"
	"image"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// nowPIN is what a reader shows for 15 s after a card that was the first of two proofs.
func nowPIN() View {
	v := home()
	v.Screen, v.Start, v.Until = SecondPIN, time.Now(), time.Now().Add(15*time.Second)
	return v
}

// open shows v, and waits until keys can be pressed.
func (b *bench) open(v View) {
	b.show(v)
	b.wait(openingFor)
}

// showsEntry fails unless the glass shows the PIN page for v, with n digits typed.
func (b *bench) showsEntry(v View, n int) {
	b.Helper()
	v.Start, v.Until = time.Time{}, time.Time{}
	b.shows(fmt.Sprintf("%d digits on the page of screen %d", n, v.Screen),
		scene{view: v, page: entryPage, order: b.k.entry.order, filled: n, pressed: nothing, bar: b.k.drawn.bar})
}

func TestThePINPageOpensByItselfAfterACard(t *testing.T) {
	run(t, func(b *bench) {
		v := nowPIN()
		b.open(v)
		b.showsEntry(v, 0)
		b.enter("12345678")
		if !slices.Equal(b.entries, []string{"12345678"}) || !b.checking() {
			t.Fatalf("handed over %q", b.entries)
		}
		stale := v
		stale.LinkLost = true
		b.show(stale) // made before the brain knew of the entry
		if !b.checking() {
			t.Error("a stale view asks for the PIN again")
		}
		b.show(View{Screen: Checking})
		if !b.checking() {
			t.Error("the brain's own checking does not look like it")
		}
		granted := welcome()
		b.show(granted)
		b.wait(time.Second)
		if b.k.drawn.view.Screen != Granted {
			t.Error("the outcome does not show")
		}
	})
}

func TestASecondPINIsCancelledToAPageThatStillSaysWhatIsNext(t *testing.T) {
	run(t, func(b *bench) {
		v := nowPIN()
		b.open(v)
		b.enter("1234567")
		typed := b.k.entry.pin
		b.tap("cancel")
		if *typed != [pinLen]byte{} {
			t.Errorf("%q is still in memory", typed[:])
		}
		cancelled := func() {
			b.Helper()
			w := v
			w.Start, w.Until = time.Time{}, time.Time{}
			b.shows("what is next", scene{view: w, pressed: nothing, bar: b.k.drawn.bar})
			if got := b.touchable(); got != "pin" {
				t.Errorf("%q can be touched", got)
			}
		}
		cancelled()
		v.LinkLost = true
		v.Start = v.Start.Add(3 * time.Millisecond) // computed again
		b.show(v)
		cancelled()
		b.tap("pin")
		b.showsEntry(v, 0)
		b.tap("cancel")
		v.Start, v.Until = time.Now(), time.Now().Add(15*time.Second) // the card again
		b.show(v)
		b.showsEntry(v, 0)
	})
}

func TestASecondPINMayTakeAsLongAsItsViewSaysAndNoLonger(t *testing.T) {
	for what, next := range map[string]func(b *bench, v View){
		"home":        func(b *bench, v View) { v.Screen = Home; b.show(v) },
		"a denial":    func(b *bench, v View) { b.show(View{Screen: Denied, PIN: true}) },
		"no new view": func(b *bench, v View) { b.wait(lateFor) },
	} {
		t.Run(what, func(t *testing.T) {
			run(t, func(b *bench) {
				v := nowPIN()
				b.open(v)
				b.wait(12 * time.Second) // longer than a PIN page waits for a touch elsewhere
				b.enter("1234567")
				b.wait(time.Until(v.Until.Add(-10 * time.Millisecond)))
				b.showsEntry(v, 7)
				typed := b.k.entry.pin
				b.press(b.at("digit-8"))
				next(b, v)
				if *typed != [pinLen]byte{} {
					t.Errorf("%q is still in memory", typed[:])
				}
				if b.k.page != viewPage || b.k.view.Screen == SecondPIN {
					t.Errorf("page %d of screen %d shows", b.k.page, b.k.view.Screen)
				}
				b.lift()
				b.show(home())
				b.showsView(home())
				if len(b.entries) != 0 {
					t.Errorf("handed over %q", b.entries)
				}
			})
		})
	}
}

// Somebody types with one hand and holds the card with the other.
func TestACardThatIsReadWhileAPINIsTypedLeavesTheDigits(t *testing.T) {
	run(t, func(b *bench) {
		v := home()
		v.ShufflePIN = true
		b.show(v)
		b.tap("pin")
		b.enter("1234")
		order := b.k.entry.order
		b.press(b.at("digit-5"))
		v = nowPIN()
		v.ShufflePIN = true
		b.show(v)
		b.lift()
		v.ShufflePIN = false // no picture depends on it
		b.showsEntry(v, 5)
		if b.k.entry.order != order {
			t.Error("the keys have moved")
		}
		v.ShufflePIN, v.Start, v.Until = true, time.Now(), time.Now().Add(15*time.Second) // the card is still there
		b.show(v)
		b.enter("678")
		if !slices.Equal(b.entries, []string{"12345678"}) {
			t.Errorf("handed over %q", b.entries)
		}
	})
}

func TestThePageOfASecondPINIsShuffledWhereOthersAre(t *testing.T) {
	run(t, func(b *bench) {
		b.k.entry.pick = rand.New(rand.NewPCG(7, 7)).IntN
		orders := map[order]bool{}
		for range 3 {
			v := nowPIN()
			v.ShufflePIN = true
			b.open(v)
			orders[b.k.entry.order] = true
			b.enter("31415926")
			b.show(View{Screen: Denied})
			b.wait(time.Second)
		}
		if len(orders) != 3 || orders[telephone()] {
			t.Errorf("three openings had the orders %v", orders)
		}
		if !slices.Equal(b.entries, []string{"31415926", "31415926", "31415926"}) {
			t.Errorf("handed over %q", b.entries)
		}
	})
}

// Who reaches for the PIN button as the card is read does not type a digit.
func TestATouchMeantForThePageBeforeThePINPagePressesNoKey(t *testing.T) {
	for _, at := range []image.Point{{120, 280}, {120, 120}} { // on the PIN button, and on nothing
		run(t, func(b *bench) {
			b.press(at)
			b.buzzer.rhythm()
			v := nowPIN()
			b.k.Show(v)
			b.wait(time.Second)
			b.showsEntry(v, 0)
			b.lift()
			b.showsEntry(v, 0)
			if got := b.buzzer.rhythm(); slices.Contains(got, 12) {
				t.Errorf("a key clicked: %v", got)
			}
			b.enter("1")
			b.showsEntry(v, 1)
		})
		run(t, func(b *bench) {
			v := nowPIN()
			b.k.Show(v)
			b.wait(openingFor / 2)
			if got := b.touchable(); got != "" {
				t.Errorf("%s can be touched at once", got)
			}
			b.press(at)
			b.wait(time.Second)
			b.lift()
			b.showsEntry(v, 0)
			b.enter("1")
			b.showsEntry(v, 1)
		})
	}
}

func TestAnEvacuationShowsOverASecondProof(t *testing.T) {
	for _, v := range []View{nowPIN(), {Screen: SecondCard, Until: time.Now().Add(15 * time.Second)}} {
		run(t, func(b *bench) {
			v.Start, v.Until = time.Now(), time.Now().Add(15*time.Second)
			b.open(v)
			if v.PIN {
				b.enter("12")
			}
			typed := b.k.entry.pin
			over := v
			over.Screen = Evacuation
			b.show(over)
			b.showsView(over)
			if typed != nil && *typed != [pinLen]byte{} {
				t.Errorf("%q is still in memory", typed[:])
			}
			if got := b.touchable(); got != "" {
				t.Errorf("%q can be touched", got)
			}
		})
	}
}

func TestADenialBetweenTwoCardsOpensThePINPageAnew(t *testing.T) {
	run(t, func(b *bench) {
		b.open(nowPIN())
		b.enter("123")
		b.show(View{Screen: Denied, Start: time.Now(), Until: time.Now().Add(2 * time.Second)})
		if b.touchable() != "" {
			t.Error("a key can be touched on a denial")
		}
		b.wait(time.Second)
		v := nowPIN()
		b.show(v)
		b.showsEntry(v, 0)
	})
}

func TestAFirstProofSoundsOnceLikeACardThatIsReadAndNotLikeAnOutcome(t *testing.T) {
	run(t, func(b *bench) {
		for _, s := range []Screen{SecondPIN, SecondCard} {
			v := nowPIN()
			v.Screen = s
			b.show(v)
			b.wait(time.Second)
			v.LinkLost = true
			b.show(v)
			b.wait(time.Second)
			if got := b.buzzer.rhythm(); !slices.Equal(got, []int{40, 60, 40}) {
				t.Errorf("screen %d sounds %v", s, got)
			}
			if !b.light.lit() {
				t.Errorf("screen %d is dark", s)
			}
			v.Start, v.Until = time.Now(), time.Now().Add(15*time.Second)
			b.show(v)
			b.wait(time.Second)
			if got := b.buzzer.rhythm(); len(got) != 3 {
				t.Errorf("screen %d: another first proof sounds %v", s, got)
			}
		}
	})
}

func TestAFirstProofLightsADarkScreen(t *testing.T) {
	for _, s := range []Screen{SecondPIN, SecondCard} {
		run(t, func(b *bench) {
			b.wait(time.Minute)
			v := nowPIN()
			v.Screen = s
			b.open(v)
			if !b.light.lit() {
				t.Fatalf("screen %d is dark", s)
			}
			if s == SecondPIN {
				b.enter("1")
				b.showsEntry(v, 1)
			}
		})
	}
}

// The brain gives no end while the card is looked up, which may take longer than the 15 s.
func TestWhileTheSecondCardIsLookedUpTheBarStandsStill(t *testing.T) {
	run(t, func(b *bench) {
		v := home()
		v.Screen, v.PIN, v.Start, v.Until = SecondCard, false, time.Now(), time.Now().Add(15*time.Second)
		b.show(v)
		b.wait(10 * time.Second)
		b.buzzer.rhythm()
		left := b.k.drawn.bar
		asked := v
		asked.Start, asked.Until = time.Time{}, time.Time{}
		b.show(asked)
		b.wait(time.Second)
		if at := b.k.deadline(time.Now()); !at.IsZero() {
			t.Errorf("something is due in %v", time.Until(at))
		}
		b.wait(time.Second)
		b.shows("the bar as it was", scene{view: asked, pressed: nothing, bar: left})
		b.show(v) // the card could not be read
		b.wait(time.Second)
		if b.k.drawn.bar >= left {
			t.Error("the bar does not go on")
		}
		b.show(asked)
		b.wait(time.Minute)
		if b.k.drawn.view.Screen != SecondCard {
			t.Error("it has gone")
		}
		if got := b.buzzer.rhythm(); len(got) != 0 {
			t.Errorf("sounded %v", got)
		}
	})
}
