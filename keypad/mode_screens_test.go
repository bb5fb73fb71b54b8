package keypad

import (
	"image"
	"slices"
	"testing"
	"time"
)

func TestScreensOfModesAreSilentAndOutcomesOverThemAreAsOverHome(t *testing.T) {
	run(t, func(b *bench) {
		for _, s := range []Screen{Open, Locked, Lockdown, Evacuation} {
			v := home()
			v.Screen = s
			b.show(v)
			b.showsView(v)
			b.wait(time.Second)
			if got := b.buzzer.rhythm(); len(got) != 0 {
				t.Errorf("screen %d sounds: %v", s, got)
			}
			for _, outcome := range []Screen{Granted, Denied} {
				over := welcome()
				over.Screen, over.Until = outcome, time.Now().Add(2*time.Second)
				b.show(over)
				b.wait(time.Second)
				if b.k.drawn.view.Screen != outcome || b.touchable() != "" {
					t.Errorf("over screen %d, screen %d does not show", s, outcome)
				}
				b.show(v)
				b.showsView(v)
				if len(b.buzzer.rhythm()) == 0 {
					t.Errorf("over screen %d, screen %d does not sound", s, outcome)
				}
			}
		}
	})
}

func TestAPINIsTypedWhereADoorIsOpenOrLockedWhileThatIsOffered(t *testing.T) {
	for _, s := range []Screen{Open, Locked} {
		run(t, func(b *bench) {
			v := home()
			v.Screen = s
			b.show(v)
			b.tap("pin")
			b.enter("1234567")
			v.LinkLost = true
			b.show(v)
			b.shows("seven dots", pinPage(7))
			b.enter("8")
			if !slices.Equal(b.entries, []string{"12345678"}) || !b.checking() {
				t.Errorf("screen %d: handed over %q", s, b.entries)
			}
			v.PIN = false
			b.show(v)
			b.showsView(v)
		})
	}
}

func TestALockdownShowsAtOnceThoughAPINIsBeingLookedUp(t *testing.T) {
	for _, s := range []Screen{Lockdown, Evacuation} {
		run(t, func(b *bench) {
			b.tap("pin")
			b.enter("12345678")
			v := home()
			v.Screen = s
			b.show(v)
			b.showsView(v)
			b.press(image.Pt(120, 280)) // where home has its button
			b.lift()
			b.showsView(v)
		})
	}
}

func TestNoAlarmSoundsDuringAnEvacuation(t *testing.T) {
	run(t, func(b *bench) {
		v := home()
		v.Tamper, v.DoorAlarm, v.Identify = true, true, true
		b.show(v)
		b.wait(100 * time.Millisecond)
		if !b.buzzer.lit() {
			t.Fatal("no alarm to end")
		}
		v.Screen = Evacuation
		b.show(v)
		b.buzzer.rhythm()
		b.wait(time.Minute)
		if b.buzzer.lit() || len(b.buzzer.rhythm()) > 0 {
			t.Error("an alarm sounds")
		}
		v.Screen = Home
		b.show(v)
		b.wait(time.Second)
		if len(b.buzzer.rhythm()) == 0 {
			t.Error("the alarm does not sound again after it")
		}
	})
}

func TestNothingCompetesWithAnEvacuation(t *testing.T) {
	for _, at := range sizes() {
		p, l := testPainter(t, at)
		p.draw(&scene{view: View{Screen: Evacuation}, pressed: nothing})
		alone := slices.Clone(p.pix)
		all := example(func(s *scene) {
			s.view = View{Screen: Evacuation, PIN: true, Place: "Main building", Door: "Front door", ReaderID: "front-door",
				Greeting: "Hello", Reason: "Locked", LinkLost: true, ClockUntrusted: true, CardOutOfOrder: true,
				Notes: "Close the door", Tamper: true, DoorAlarm: true, Identify: true}
		})
		p.draw(&all)
		if !slices.Equal(p.pix, alone) {
			t.Errorf("%v: something else shows", l)
		}
	}
}
