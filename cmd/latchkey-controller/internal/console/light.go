package console

import (
	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/sync/wire"
)

// A light is the status of a reader or a door: a word, an icon and a tone, "good",
// "warn", "bad" or "" for neutral.
type light struct {
	Tone string
	Word *language.Sentence
	Icon string
}

// readerLight returns a reader's status: the worst that applies.
func readerLight(r *desk.Reader) light {
	l := &r.Live
	switch {
	case r.Removed != "" || r.Board == "":
		return light{"", language.Say("Removed¦a reader"), "reader"}
	case l.Unled:
		return light{"", language.Say("Not known now"), "reader"}
	case !l.Known:
		return light{"", language.Say("Not heard from yet"), "reader"}
	case !l.Online:
		return light{"bad", language.Say("Offline"), "warning"}
	case l.Tamper:
		return light{"bad", language.Say("Housing open"), "warning"}
	case r.Policy.TwoProofs != nil && r.OldProofs():
		return light{"bad", language.Say("Lets nobody in"), "warning"}
	case l.Lockout != "":
		return light{"warn", language.Say("PIN paused"), "lock"}
	case len(l.Faults) > 0:
		return light{"warn", language.Say("Fault"), "warning"}
	case r.Budget != nil && r.Budget.Need.Needy():
		return light{"warn", language.Say("No PINs"), "warning"}
	case l.Behind:
		return light{"warn", language.Say("Behind"), "warning"}
	case !l.Current:
		return light{"", language.Say("Catching up"), "reader"}
	}
	return light{"good", language.Say("Online"), "reader"}
}

// linkLight returns whether a reader is connected.
func linkLight(r *desk.Reader) light {
	switch {
	case r.Live.Unled:
		return light{"", language.Say("Not known now"), "reader"}
	case !r.Live.Known:
		return light{"", language.Say("Not heard from yet"), "reader"}
	case !r.Live.Online:
		return light{"bad", language.Say("Offline"), "warning"}
	}
	return light{"good", language.Say("Online"), "reader"}
}

// contactLight returns the state of a reader's door.
func contactLight(r *desk.Reader) light {
	if !r.Live.Known || !r.Live.Online {
		return light{"", language.Say("Not known¦state of a door"), "door"}
	}
	switch {
	case r.Live.Door == wire.DoorIsForced:
		return light{"bad", language.Say("Forced open"), "open"}
	case r.Live.Door == wire.DoorIsHeld:
		return light{"warn", language.Say("Open for too long"), "open"}
	case r.Live.Door == wire.DoorIsOpen:
		return light{"good", language.Say("Open¦state of a door"), "open"}
	case r.Live.Strike == wire.StrikePulse, r.Live.Strike == wire.StrikeHeld && r.Live.Mode == nil: // which says why
		return light{"good", language.Say("Unlocked¦state of a door"), "unlock"}
	case r.Live.Door == wire.DoorIsClosed:
		return light{"", language.Say("Closed¦state of a door"), "door"}
	}
	return light{"", language.Say("No contact"), "door"}
}

// doorLight returns a door's status: the worst of its readers'.
func doorLight(d *desk.Door) light {
	worst, rank := light{"", language.Say("No reader"), "door"}, -1
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
	Text       *language.Sentence
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
		add := func(tone, icon string, text *language.Sentence) { all = append(all, alert{tone, icon, text, r, false}) }
		l, door := &r.Live, language.Name(r.Door)
		if r.CutOff {
			add("bad", "pin", language.Say("%s gets no changes of PINs and cards: its version is too old for a PIN that somebody has. Update it.", door))
		}
		if !l.Online && (silent || l.Unled) {
			continue
		}
		if !l.Online {
			add("bad", "warning", language.Say("%s is offline. It keeps working with its stored data; check its power and network.", door))
			continue
		}
		if l.Tamper {
			add("bad", "warning", language.Say("%s reports that its housing is open.", door))
		}
		if l.Door == wire.DoorIsForced {
			add("bad", "open", language.Say("%s was forced open.", door))
		}
		if l.Door == wire.DoorIsHeld {
			add("warn", "open", language.Say("%s has been open for too long.", door))
		}
		if why := r.NobodyOpens(); why != nil {
			add("bad", "card", language.Say("%s demands card and PIN, which nobody can give: %s.", door, why))
		}
		if l.Lockout != "" {
			text := language.Say("%s accepts no PINs: %s. A valid card ends this, and so does unlocking the door from here.", door, l.LockoutText())
			if r.Policy.ProvenEnds {
				text = language.Say("%s accepts no PINs: %s. A valid card that cannot be copied ends this, and so does unlocking the door from here.", door, l.LockoutText())
			}
			all = append(all, alert{"warn", "lock", text, r, true})
		}
		for _, fault := range l.Faults {
			add("warn", "warning", language.Say("%s has a fault: %s, %s.", door, string(fault.Subject), fault.Text))
		}
	}
	return all
}
