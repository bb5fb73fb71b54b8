package homeassistant

import (
	"slices"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// Values of a state. Home Assistant takes unknown as "not known".
const (
	locked, unlocked, jammed = "LOCKED", "UNLOCKED", "JAMMED"
	doorOpen, doorClosed     = "open", "closed"
	on, off                  = "ON", "OFF"
	unknown                  = "None"
)

// A state is what a reader reports.
type state struct {
	Lock     string `json:"lock"` // whether the door is kept unlocked, not whether the strike is on for a moment
	Door     string `json:"door"`
	Tamper   string `json:"tamper"`
	Problem  string `json:"problem"`
	Lockout  string `json:"lockout"`
	LastUser string `json:"last_user,omitempty"`
}

func onOff(is bool) string {
	if is {
		return on
	}
	return off
}

// state returns the state of a reader as it reported it last.
func (b *Bridge) state(r *desk.Reader) []byte {
	s := state{unknown, unknown, unknown, unknown, unknown, ""}
	if c := r.Live.Condition; c.Strike != "" { // it has reported
		switch c.Door {
		case wire.DoorIsClosed:
			s.Door = doorClosed
		case wire.DoorIsOpen, wire.DoorIsForced, wire.DoorIsHeld:
			s.Door = doorOpen
		}
		switch {
		case slices.ContainsFunc(c.Faults, func(f wire.Fault) bool { return f.Subject == wire.SubjectRelay }):
			s.Lock = jammed
		case c.Strike == wire.StrikeHeld:
			s.Lock = unlocked
		default:
			s.Lock = locked
		}
		s.Tamper, s.Problem, s.Lockout = onOff(c.Tamper), onOff(len(c.Faults) > 0 || c.Behind), onOff(c.Lockout != "")
	}
	if b.o.Names {
		if s.LastUser = b.lastUsers[r.ID]; s.LastUser == "" {
			s.LastUser = unknown
		}
	}
	return marshal(s)
}
