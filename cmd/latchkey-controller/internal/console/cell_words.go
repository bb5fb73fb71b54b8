package console

import (
	"fmt"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// cellLight returns the status of a cell: the worst that applies.
func cellLight(s *desk.CellStatus) light {
	switch s.State() {
	case desk.CellUnused:
		return light{"", "No controller yet", "info"}
	case desk.CellUnled:
		return light{"bad", "Nobody leads", "warning"}
	case desk.CellSilent:
		return light{"warn", "Does not answer", "warning"}
	case desk.CellCutOff:
		return light{"bad", "No broker answers", "warning"}
	case desk.CellBrokersAway:
		return light{"warn", plural(len(s.Away()), "broker", "brokers") + " out of reach", "warning"}
	}
	return light{"good", "Works", "check"}
}

// cellLag says how far the readers of a cell are behind at a time.
func cellLag(s *desk.CellStatus, now time.Time) light {
	switch {
	case s.Readers == 0:
		return light{"", "no readers", ""}
	case s.Leader() == nil:
		return light{"", "not known: nobody leads", ""}
	case s.Unheard:
		return light{"", "not known: its leader does not answer", ""}
	case s.Online == 0:
		return light{"", "not known: none is online", ""}
	case s.Behind == 0 && s.Online < s.Readers:
		return light{"good", "those online are current", ""}
	case s.Behind == 0:
		return light{"good", "all current", ""}
	}
	text := plural(s.Behind, "reader", "readers") + " behind"
	if !s.BehindSince.IsZero() {
		if s.Behind > 1 {
			text += ", longest"
		} else {
			text += ", for"
		}
		text += " " + lasting(now.Sub(s.BehindSince))
	}
	return light{"warn", text, ""}
}

// lasting returns how long something has lasted: "12 s", "3 min".
func lasting(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d days", d/(24*time.Hour))
}

// standBysText says how many controllers of a cell stand by; "": it has none at all.
func standBysText(s *desk.CellStatus) string {
	n := len(s.Controllers)
	if s.Leader() != nil {
		n--
	}
	switch n {
	case 0:
		if s.Leader() == nil {
			return ""
		}
		return "none stands by"
	case 1:
		return "1 stands by"
	}
	return fmt.Sprint(n, " stand by")
}

// cellWait says what a reader waits for that is being moved to a cell, which is led or not.
func cellWait(r *desk.Reader, to string, led bool) string {
	switch {
	case !led:
		return "It waits until a controller leads " + to + "."
	case r.Live.Unled || !r.Live.Known:
		return "Whether it has heard of that is not known now."
	case !r.Live.Online:
		return "It is offline, and moves when it is back."
	case !r.PolicyApplied():
		return "It does not know yet that its brokers are those of " + to + "."
	}
	return "It knows the brokers of " + to + ", and goes there once it hears a controller there; a minute later it has moved."
}
