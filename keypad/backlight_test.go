package keypad

import (
	"testing"
	"time"
)

func TestTheLightGoesOutAfterThirtySecondsAndTheWakingTouchPressesNothing(t *testing.T) {
	run(t, func(b *bench) {
		b.wait(30*time.Second - time.Millisecond)
		if !b.light.lit() {
			t.Fatal("dark too early")
		}
		b.wait(time.Millisecond)
		if b.light.lit() {
			t.Fatal("still lit")
		}
		b.press(b.at("pin"))
		if !b.light.lit() {
			t.Error("a touch does not wake it")
		}
		b.wait(time.Second)
		b.showsView(home())
		b.lift()
		b.showsView(home())
		if got := b.buzzer.rhythm(); len(got) != 0 {
			t.Errorf("the waking touch clicked: %v", got)
		}
		b.tap("pin")
		b.shows("the PIN page", pinPage(0))
	})
}

func TestTheLightWakesForWhatAPersonCausedAndNotForSigns(t *testing.T) {
	run(t, func(b *bench) {
		v := home()
		for name, c := range map[string]struct {
			change func(v *View)
			wakes  bool
		}{
			"a link lost":       {func(v *View) { v.LinkLost = true }, false},
			"another greeting":  {func(v *View) { v.Greeting = "Good night" }, false},
			"a card granted":    {func(v *View) { v.Screen = Granted }, true},
			"a card denied":     {func(v *View) { v.Screen = Denied }, true},
			"a lockout":         {func(v *View) { v.Screen = Paused }, true},
			"tampering":         {func(v *View) { v.Tamper = true }, true},
			"a door left open":  {func(v *View) { v.DoorAlarm = true }, true},
			"an identification": {func(v *View) { v.Identify = true }, true},
			"an open door":      {func(v *View) { v.Screen = Open }, true},
			"a locked door":     {func(v *View) { v.Screen = Locked }, true},
		} {
			b.show(v)
			b.wait(time.Minute)
			if b.light.lit() {
				t.Fatalf("before %s: still lit", name)
			}
			changed := v
			c.change(&changed)
			b.show(changed)
			if b.light.lit() != c.wakes {
				t.Errorf("%s: lit %v, want %v", name, b.light.lit(), c.wakes)
			}
		}
	})
}

func TestTheLightStaysOnWhileThereIsSomethingToSee(t *testing.T) {
	run(t, func(b *bench) {
		v := welcome()
		v.Until = time.Now().Add(time.Minute)
		b.show(v)
		b.wait(59 * time.Second)
		if !b.light.lit() {
			t.Error("dark while the time runs down")
		}
		b.wait(dimAfter)
		if !b.light.lit() {
			t.Error("dark at once after it")
		}
		b.wait(2 * time.Second)
		if b.light.lit() {
			t.Error("still lit 30 s after it")
		}
	})
}

func TestTheLightStaysOnWhereAnEmergencyOrAnOpenDoorIsToBeRead(t *testing.T) {
	run(t, func(b *bench) {
		for screen, want := range map[Screen]bool{Home: false, Open: true, Locked: false, Lockdown: true, Evacuation: true} {
			v := home()
			v.Screen = screen
			b.show(v)
			b.wait(10 * time.Hour)
			if b.light.lit() != want {
				t.Errorf("screen %d after ten hours: lit %v, want %v", screen, b.light.lit(), want)
			}
		}
	})
}

func TestTheFirstPictureComesBeforeTheLight(t *testing.T) {
	run(t, func(b *bench) {
		if !b.light.lit() {
			t.Error("no light")
		}
	}, func(b *bench, o *Opts) {
		o.Backlight = lineFunc(func(v int) error {
			if writes, _ := b.glass.count(); v == 1 && writes == 0 {
				b.Error("lit before anything was drawn")
			}
			return b.light.SetValue(v)
		})
	})
}

type lineFunc func(int) error

func (f lineFunc) SetValue(v int) error { return f(v) }

func TestTheEndIsSilentThoughTheBuzzerJustFailed(t *testing.T) {
	run(t, func(b *bench) {
		b.show(View{Screen: Paused})
		b.buzzer.fail(errBroken)
		b.wait(710 * time.Millisecond)
		b.buzzer.fail(nil)
		if err := b.stop(); err != nil || b.buzzer.lit() {
			t.Errorf("still on: %v", err)
		}
	})
}

func TestTheEndIsDarkAndSilent(t *testing.T) {
	run(t, func(b *bench) {
		v := home()
		v.Tamper = true
		b.show(v)
		if !b.buzzer.lit() || !b.light.lit() {
			t.Fatal("no alarm to end")
		}
		if err := b.stop(); err != nil {
			t.Error(err)
		}
		if b.buzzer.lit() || b.light.lit() {
			t.Errorf("after the end: buzzer %v, light %v", b.buzzer.lit(), b.light.lit())
		}
	})
}
