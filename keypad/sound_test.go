package keypad

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

func TestEachOutcomeHasItsOwnRhythm(t *testing.T) {
	run(t, func(b *bench) {
		heard := map[string]Screen{}
		for s, want := range map[Screen][]int{
			Granted:  {70, 60, 220},
			Denied:   {110, 90, 110, 90, 110},
			Paused:   {700},
			Enrolled: {40, 60, 40}, Written: {40, 60, 40, 60, 160},
		} {
			b.show(View{Screen: s})
			b.wait(1900 * time.Millisecond)
			got := b.buzzer.rhythm()
			if !slices.Equal(got, want) {
				t.Errorf("%v sounds %v, want %v", s, got, want)
			}
			if other, ok := heard[fmt.Sprint(got)]; ok {
				t.Errorf("%v sounds like %v", s, other)
			}
			heard[fmt.Sprint(got)] = s
			if b.buzzer.lit() {
				t.Errorf("%v does not end", s)
			}
		}
		b.show(home())
		b.wait(time.Second)
		if got := b.buzzer.rhythm(); len(got) != 0 {
			t.Errorf("home sounds %v", got)
		}
	})
}

func TestASecondDenialSoundsAgainAndTheSameOneDoesNot(t *testing.T) {
	run(t, func(b *bench) {
		v := View{Screen: Denied, Start: time.Now(), Until: time.Now().Add(2 * time.Second)}
		b.show(v)
		b.wait(time.Second)
		b.buzzer.rhythm()
		v.LinkLost = true
		v.Start = v.Start.Add(-3 * time.Millisecond) // computed again
		b.show(v)
		b.wait(500 * time.Millisecond)
		if got := b.buzzer.rhythm(); len(got) != 0 {
			t.Errorf("sounded %v for a sign", got)
		}
		v.Start, v.Until = time.Now(), time.Now().Add(2*time.Second)
		b.show(v)
		b.wait(time.Second)
		if got := b.buzzer.rhythm(); len(got) != 5 {
			t.Errorf("sounded %v for a second denial", got)
		}
	})
}

func TestEachKeySoundsAndLooksAlike(t *testing.T) {
	run(t, func(b *bench) {
		b.tap("pin")
		b.buzzer.rhythm()
		var bytes []int
		for d := range 10 {
			name := fmt.Sprintf("digit-%d", d)
			b.glass.count()
			b.press(b.at(name))
			c, _ := b.control(name)
			pix := b.glass.picture()
			// The corner that no digit reaches, and the key's edges.
			for _, x := range []int{c.X + c.W/2, c.X + 3, c.X + c.W - 4} {
				if got := pix[(c.Y+12)*240+x]; x != c.X+c.W/2 && got != standardPalette().pressed.pack() {
					t.Errorf("%s: pixel at %d is %04x", name, x-c.X, got)
				}
			}
			_, n := b.glass.count()
			bytes = append(bytes, n)
			b.lift()
			if got := b.buzzer.rhythm(); !slices.Equal(got, []int{12}) {
				t.Errorf("%s clicks %v", name, got)
			}
			b.tap("backspace")
			b.buzzer.rhythm()
		}
		if slices.Max(bytes) != slices.Min(bytes) {
			t.Errorf("a press costs different times on the bus: %v", bytes)
		}
	})
}

func TestTheAlarmSoundsAsLongAsThereIsTampering(t *testing.T) {
	run(t, func(b *bench) {
		v := home()
		v.Tamper, v.Identify, v.DoorAlarm = true, true, true
		b.show(v)
		b.wait(10 * time.Second)
		got := b.buzzer.rhythm()
		for i, ms := range got {
			if want := []int{300, 150}[i%2]; ms != want {
				t.Fatalf("sounded %v", got)
			}
		}
		if len(got) < 40 {
			t.Errorf("sounded %v in 10 s", got)
		}
		b.tap("pin", "cancel")
		for i, ms := range b.buzzer.rhythm() {
			if ms != 300 && ms != 150 {
				t.Fatalf("a click broke into the alarm: %d at %d", ms, i)
			}
		}
		b.show(View{Screen: Granted, Tamper: true})
		b.wait(600 * time.Millisecond)
		if got := b.buzzer.rhythm(); !slices.Contains(got, 70) || !slices.Contains(got, 220) {
			t.Errorf("an outcome is not heard through the alarm: %v", got)
		}
		b.show(home())
		if b.buzzer.lit() {
			t.Error("the alarm goes on")
		}
		b.wait(time.Minute)
		if b.buzzer.lit() || len(b.buzzer.rhythm()) > 2 {
			t.Error("the alarm comes back")
		}
	})
}

func TestABuzzerThatDoesNotGoOffIsTriedUntilItDoes(t *testing.T) {
	run(t, func(b *bench) {
		b.show(View{Screen: Paused})
		b.buzzer.fail(errBroken)
		b.wait(5 * time.Second)
		if !b.buzzer.lit() {
			t.Fatal("nothing to recover from")
		}
		b.buzzer.fail(nil)
		b.wait(1100 * time.Millisecond)
		if b.buzzer.lit() {
			t.Error("still on")
		}
		if len(b.healths) != 2 || b.healths[0] != "buzzer: broken" || b.healths[1] != "buzzer" {
			t.Errorf("reported %q", b.healths)
		}
	})
}

func TestABuzzerThatDidNotGoOnIsKnownToWorkAgain(t *testing.T) {
	run(t, func(b *bench) {
		b.buzzer.fail(errBroken)
		b.show(View{Screen: Denied})
		b.wait(5 * time.Second)
		b.buzzer.fail(nil)
		b.wait(2 * time.Second)
		if len(b.healths) != 2 || b.healths[0] != "buzzer: broken" || b.healths[1] != "buzzer" {
			t.Errorf("reported %q", b.healths)
		}
	})
}

func TestAKeypadWithoutBuzzerLightAndTouchShows(t *testing.T) {
	run(t, func(b *bench) {
		b.k.tracker.touch = nil
		b.show(View{Screen: Denied})
		b.wait(time.Second)
		b.showsView(View{Screen: Denied})
		b.wait(time.Hour)
		b.showsView(View{})
	}, func(_ *bench, o *Opts) { *o = Opts{} })
}
