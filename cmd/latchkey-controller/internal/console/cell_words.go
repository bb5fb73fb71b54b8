package console

import (
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
)

// cellLight returns the status of a cell: the worst that applies.
func cellLight(s *desk.CellStatus) light {
	switch s.State() {
	case desk.CellUnused:
		return light{"", language.Say("No controller yet"), "info"}
	case desk.CellUnled:
		return light{"bad", language.Say("Nobody leads"), "warning"}
	case desk.CellSilent:
		return light{"warn", language.Say("Does not answer"), "warning"}
	case desk.CellCutOff:
		return light{"bad", language.Say("No broker answers"), "warning"}
	case desk.CellBrokersAway:
		return light{"warn", language.Count(len(s.Away()), "%d broker out of reach", "%d brokers out of reach"), "warning"}
	}
	return light{"good", language.Say("Works"), "check"}
}

// cellLag says how far the readers of a cell are behind at a time.
func cellLag(s *desk.CellStatus, now time.Time) light {
	switch {
	case s.Readers == 0:
		return light{"", language.Say("no readers"), ""}
	case s.Leader() == nil:
		return light{"", language.Say("not known: nobody leads"), ""}
	case s.Unheard:
		return light{"", language.Say("not known: its leader does not answer"), ""}
	case s.Online == 0:
		return light{"", language.Say("not known: none is online"), ""}
	case s.Behind == 0 && s.Online < s.Readers:
		return light{"good", language.Say("those online are current"), ""}
	case s.Behind == 0:
		return light{"good", language.Say("all current"), ""}
	}
	text := language.Count(s.Behind, "%d reader behind", "%d readers behind")
	if !s.BehindSince.IsZero() {
		text = language.Count(s.Behind, "%d reader behind, for %s", "%d readers behind, longest %s", lasting(now.Sub(s.BehindSince)))
	}
	return light{"warn", text, ""}
}

// lasting says how long something has lasted: "12 s", "3 min".
func lasting(d time.Duration) *language.Sentence {
	d = max(d, 0)
	switch {
	case d < time.Minute:
		return language.Say("%d s", int(d/time.Second))
	case d < time.Hour:
		return language.Say("%d min", int(d/time.Minute))
	case d < 48*time.Hour:
		return language.Say("%d h", int(d/time.Hour))
	}
	return language.Count(int(d/(24*time.Hour)), "%d day", "%d days")
}

// standBysText says how many controllers of a cell stand by; nil: it has none at all.
func standBysText(s *desk.CellStatus) *language.Sentence {
	n := len(s.Controllers)
	if s.Leader() != nil {
		n--
	}
	switch {
	case n > 0:
		return language.Count(n, "%d stands by", "%d stand by")
	case s.Leader() != nil:
		return language.Say("none stands by")
	}
	return nil
}

// cellWait says what a reader waits for that is being moved to a cell, which is led or not.
func cellWait(r *desk.Reader, to string, led bool) *language.Sentence {
	switch {
	case !led:
		return language.Say("It waits until a controller leads %s.", to)
	case r.Live.Unled || !r.Live.Known:
		return language.Say("Whether it has heard of that is not known now.")
	case !r.Live.Online:
		return language.Say("It is offline, and moves when it is back.")
	case !r.PolicyApplied():
		return language.Say("It does not know yet that its brokers are those of %s.", to)
	}
	return language.Say("It knows the brokers of %s, and goes there once it hears a controller there; a minute later it has moved.", to)
}
