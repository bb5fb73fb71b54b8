package console

import (
	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// A light is the status of a reader or a door: a word, an icon and a tone, "good",
// "warn", "bad" or "" for neutral.
type light struct{ Tone, Word, Icon string }

// readerLight returns a reader's status: the worst that applies.
func readerLight(r *desk.Reader) light {
	l := &r.Live
	switch {
	case r.Removed != "" || r.Board == "":
		return light{"", "Removed", "reader"}
	case l.Unled:
		return light{"", "Not known now", "reader"}
	case !l.Known:
		return light{"", "Not heard from yet", "reader"}
	case !l.Online:
		return light{"bad", "Offline", "warning"}
	case l.Tamper:
		return light{"bad", "Housing open", "warning"}
	case r.Policy.TwoProofs != nil && r.OldProofs():
		return light{"bad", "Lets nobody in", "warning"}
	case l.Lockout != "":
		return light{"warn", "PIN paused", "lock"}
	case len(l.Faults) > 0:
		return light{"warn", "Fault", "warning"}
	case r.Budget != nil && r.Budget.Need.Needy():
		return light{"warn", "No PINs", "warning"}
	case l.Behind:
		return light{"warn", "Behind", "warning"}
	case !l.Current:
		return light{"", "Catching up", "reader"}
	}
	return light{"good", "Online", "reader"}
}

// linkLight returns whether a reader is connected.
func linkLight(r *desk.Reader) light {
	switch {
	case r.Live.Unled:
		return light{"", "Not known now", "reader"}
	case !r.Live.Known:
		return light{"", "Not heard from yet", "reader"}
	case !r.Live.Online:
		return light{"bad", "Offline", "warning"}
	}
	return light{"good", "Online", "reader"}
}

// contactLight returns the state of a reader's door.
func contactLight(r *desk.Reader) light {
	if !r.Live.Known || !r.Live.Online {
		return light{"", "Not known", "door"}
	}
	switch {
	case r.Live.Door == wire.DoorIsForced:
		return light{"bad", "Forced open", "open"}
	case r.Live.Door == wire.DoorIsHeld:
		return light{"warn", "Open for too long", "open"}
	case r.Live.Door == wire.DoorIsOpen:
		return light{"good", "Open", "open"}
	case r.Live.Strike == wire.StrikePulse, r.Live.Strike == wire.StrikeHeld && r.Live.Mode == nil: // which says why
		return light{"good", "Unlocked", "unlock"}
	case r.Live.Door == wire.DoorIsClosed:
		return light{"", "Closed", "door"}
	}
	return light{"", "No contact", "door"}
}

// doorLight returns a door's status: the worst of its readers'.
func doorLight(d *desk.Door) light {
	worst, rank := light{"", "No reader", "door"}, -1
	for _, r := range d.Readers {
		if r.Removed != "" {
			continue
		}
		for _, l := range []light{contactLight(r), readerLight(r)} {
			n := map[string]int{"": 0, "good": 0, "warn": 2, "bad": 3}[l.Tone]
			if n > rank {
				worst, rank = l, n
			}
		}
	}
	return worst
}

// An alert is a problem that somebody should look at now.
type alert struct {
	Tone, Icon string
	Text       string
	Reader     *desk.Reader
	Unlock     bool // unlocking the door ends it
}

// alerts returns the problems of readers. silent says that none can be heard, as no broker answers:
// then it is no reader's problem that it is offline. Nor is it one's whose cell nobody leads.
func alerts(readers []*desk.Reader, silent bool) (all []alert) {
	for _, r := range readers {
		if r.Removed != "" || r.Board == "" || !r.Live.Known {
			continue
		}
		say := func(tone, icon, text string, unlock bool) { all = append(all, alert{tone, icon, text, r, unlock}) }
		l := &r.Live
		if r.CutOff {
			say("bad", "pin", "gets no changes of PINs and cards: its version is too old for a PIN that somebody has. Update it.", false)
		}
		if !l.Online && (silent || l.Unled) {
			continue
		}
		if !l.Online {
			say("bad", "warning", "is offline. It keeps working with its stored data; check its power and network.", false)
			continue
		}
		if l.Tamper {
			say("bad", "warning", "reports that its housing is open.", false)
		}
		if l.Door == wire.DoorIsForced {
			say("bad", "open", "was forced open.", false)
		}
		if l.Door == wire.DoorIsHeld {
			say("warn", "open", "has been open for too long.", false)
		}
		if why := r.NobodyOpens(); why != "" {
			say("bad", "card", "demands card and PIN, which nobody can give: "+why+".", false)
		}
		if l.Lockout != "" {
			card := "A valid card"
			if r.Policy.ProvenEnds {
				card = "A valid card that cannot be copied"
			}
			say("warn", "lock", "accepts no PINs: "+l.LockoutText()+". "+card+" ends this, and so does unlocking the door from here.", true)
		}
		for _, fault := range l.Faults {
			say("warn", "warning", "has a fault: "+string(fault.Subject)+", "+fault.Text+".", false)
		}
	}
	return all
}
