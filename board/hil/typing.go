package main

import "time"

// A place of every screen with nothing to touch.
const blankX, blankY = 120, 20

// keysFor are the names of the keys that type a PIN, from the home screen on.
func keysFor(pin string) []string {
	names := []string{"pin"}
	for _, digit := range pin {
		names = append(names, "digit-"+string(digit))
	}
	return names
}

// tapPIN types a PIN, from the home screen on, as fast as the reader answers; it
// compares no screens.
func (l *lane) tapPIN(pin string) {
	var keys []key
	for _, name := range keysFor(pin) {
		keys = append(keys, l.reference.keys[name])
	}
	l.wake()
	l.m.chips.do("POST", "/bench/taps", keys, nil)
}

// typePIN types a PIN, from the home screen on, on the machine's reader and the
// reference, and compares each screen. It returns once the fingers have left the
// last digit.
func (l *lane) typePIN(pin string) {
	for i, name := range keysFor(pin) {
		l.reference.awaitControl(name)
		l.sameScreens("before " + name)
		if i == 0 {
			l.wake()
			l.reference.wake()
		}
		l.press(name)
	}
}

// press presses and releases a key of the machine's reader and the reference,
// and compares their screens in between.
func (l *lane) press(name string) {
	c := l.reference.control(name)
	l.reference.touch(c, true, l.m.chips)
	l.sameScreens("with a finger on " + name)
	l.m.chips.awaitTouchReads()
	l.reference.touch(c, false, l.m.chips)
}

// wake lights the machine's screen if it is dark: the first touch does no more.
func (l *lane) wake() {
	l.m.chips.touch(blankX, blankY, true)
	l.m.chips.awaitTouchReads()
	l.m.chips.touch(blankX, blankY, false)
	l.m.agent.sleep(100 * time.Millisecond)
}

// sameScreens waits until the machine's screen is the reference's, pixel by
// pixel, while the reference's does not change.
func (l *lane) sameScreens(when string) {
	eventually(l.m.ctx, "the panel shows what the reference reader's does "+when, func() bool {
		before := l.reference.page.screen()
		seen := l.m.chips.pixels()
		now := l.reference.page.screen()
		if n := differences(seen, now); n > 0 {
			fail("%d pixels differ", n)
		}
		return differences(before, now) == 0
	})
}

// awaitHome waits until the machine's panel shows the home screen.
func (l *lane) awaitHome() {
	eventually(l.m.ctx, "the home screen", func() bool {
		return differences(l.m.chips.pixels(), l.reference.home) == 0
	})
}
