package keypad

import "time"

// A page is the current page of the display.
//
//	          PIN button              eighth digit
//	viewPage ------------> entryPage --------------> checkingPage
//	    ^     SecondPIN        |                          |
//	    |   cancel, 10 s, a    |      any View but one    |
//	    |   View without PIN   |    that offers PIN, 3 s  |
//	    +----------------------+--------------------------+
//
// During SecondPIN the time of that counts, not the 10 s; its end closes entryPage.
type page uint8

const (
	viewPage     page = iota // the View as it was shown
	entryPage                // PIN entry
	checkingPage             // a PIN was handed over; its outcome is awaited
	crossPage                // of Calibrate, which knows no other page
)

// How long pages and screens stay.
const (
	idleFor     = 10 * time.Second       // the PIN page, untouched
	openingFor  = 250 * time.Millisecond // the PIN page opened by itself: who touches it now meant the page before
	checkingFor = 3 * time.Second        // the checking page, without an outcome
	deniedFor   = 2 * time.Second        // a timed screen whose View gives no end
	// lateFor is how long a timed screen stays past its end, to wait for the next View;
	// only then does the keypad go to Home by itself.
	lateFor = 300 * time.Millisecond
)

// openPage shows another page and wipes the digits typed on the previous one.
func (k *Keypad) openPage(p page, now time.Time) {
	k.entry.wipe()
	if p == entryPage {
		k.entry.open(k.view.ShufflePIN)
	}
	if p == viewPage && k.view.Screen != Checking {
		k.entry.order = telephone()
	}
	k.page, k.since = p, now
	k.light.lastUse = now
}

// pressKey acts on a pressed key.
func (k *Keypad) pressKey(now time.Time, t target) {
	place, digit := t.place()
	switch {
	case t == pinButton:
		k.openPage(entryPage, now)
	case t == cancelKey:
		k.openPage(viewPage, now)
	case t == wholePage:
		if k.opts.OnSeen != nil {
			k.opts.OnSeen()
		}
	case t == backspaceKey:
		k.entry.back()
	case digit:
		if full := k.entry.add(place); full != nil {
			k.openPage(checkingPage, now)
			if k.opts.OnEntry != nil {
				k.opts.OnEntry(full)
			} else {
				clear(full[:])
			}
		}
	}
}

// pageDeadline returns when the page closes by itself; zero if it stays.
func (k *Keypad) pageDeadline() time.Time {
	switch {
	case k.page == checkingPage:
		return k.since.Add(checkingFor)
	case k.view.ends():
		return k.view.Until.Add(lateFor)
	case k.page == entryPage:
		return k.since.Add(idleFor)
	}
	return time.Time{}
}

// expirePage closes a page whose time is over.
func (k *Keypad) expirePage(now time.Time) {
	at := k.pageDeadline()
	if at.IsZero() || now.Before(at) {
		return
	}
	if k.page != checkingPage && k.view.ends() {
		k.view.Screen = Home
	}
	k.openPage(viewPage, now)
}
