package wire

import (
	"errors"
	"fmt"
	"slices"
)

// A Mode is how a door works. The words are those of ONVIF's Access Control Service
// where it has one.
type Mode string

// The modes.
const (
	ModeNormal     Mode = "normal"     // as the policy says
	ModeUnlocked   Mode = "unlocked"   // open to everybody: the strike is held
	ModeLocked     Mode = "locked"     // open only to the groups of Policy.Exempt
	ModeLockdown   Mode = "lockdown"   // open only to the groups of Policy.InLockdown, by card
	ModeEvacuation Mode = "evacuation" // open to everybody: the strike is held
)

// Modes returns all modes in the order of their precedence, the lowest first.
func Modes() []Mode {
	return []Mode{ModeNormal, ModeUnlocked, ModeLocked, ModeLockdown, ModeEvacuation}
}

// Above says whether m takes precedence over other.
func (m Mode) Above(other Mode) bool {
	return slices.Index(Modes(), m) > slices.Index(Modes(), other)
}

// Holds says whether the strike is held in the mode.
func (m Mode) Holds() bool { return m == ModeUnlocked || m == ModeEvacuation }

// A WantedMode is a mode that somebody wants a door to be in.
type WantedMode struct {
	Mode  Mode   `cbor:"1,keyasint"`           // not ModeNormal
	Until int64  `cbor:"2,keyasint,omitempty"` // Unix seconds at which it ends; 0: when it is taken away
	By    string `cbor:"3,keyasint"`           // who wants it, for records and screens
}

// Wanted returns the mode that is wanted at a time: the highest that has not ended; nil: none.
// Without a trusted clock, of those with an end only the ones that hold no strike are.
func (p *Policy) Wanted(at Moment) *WantedMode {
	for i := len(p.Modes) - 1; i >= 0; i-- {
		w := &p.Modes[i]
		switch {
		case w.Until == 0:
		case !at.Trusted && w.Mode.Holds(), at.Trusted && at.Local.Unix() >= w.Until:
			continue
		}
		return w
	}
	return nil
}

// An Opening unlocks a door by a schedule.
type Opening struct {
	Schedule Schedule `cbor:"1,keyasint"`
	// First is a group of which somebody must have opened the door on that day before it
	// is unlocked; "": nobody need have.
	First string `cbor:"2,keyasint,omitempty"`
	// After is the time, in Unix seconds, before which it is not unlocked: somebody has
	// ended a span early. 0: there is none.
	After int64 `cbor:"3,keyasint,omitempty"`
}

// A ModeCause is what a mode in force comes from.
type ModeCause string

// The causes. ModeNormal has none unless a schedule waits.
const (
	CauseWanted   ModeCause = "wanted"   // a WantedMode
	CauseSchedule ModeCause = "schedule" // the Opening
	CauseFire     ModeCause = "fire"     // the input "fire"
)

// A ModeState is the mode in force at a reader.
type ModeState struct {
	Mode  Mode      `cbor:"1,keyasint"`
	Cause ModeCause `cbor:"2,keyasint,omitempty"`
	Until int64     `cbor:"3,keyasint,omitempty"` // of the WantedMode
	By    string    `cbor:"4,keyasint,omitempty"` // of the WantedMode
	// Waits says that the schedule would unlock the door, and waits for the first person.
	Waits bool `cbor:"5,keyasint,omitempty"`
}

// Check refuses a mode that a reader cannot be in.
func (s *ModeState) Check() error {
	if !slices.Contains(Modes(), s.Mode) {
		return fmt.Errorf("unknown mode %.32q", s.Mode)
	}
	switch s.Cause {
	case "", CauseWanted, CauseSchedule, CauseFire:
	default:
		return fmt.Errorf("unknown cause of a mode %.32q", s.Cause)
	}
	if s.Waits && s.Mode != ModeNormal || s.Cause == "" && s.Mode != ModeNormal || s.Cause != CauseWanted && (s.Until != 0 || s.By != "") {
		return fmt.Errorf("%s for %.32q does not fit what else is said of it", s.Mode, s.Cause)
	}
	if err := CheckTime(s.Until); err != nil {
		return fmt.Errorf("mode: %w", err)
	}
	return named("who wants the mode", CheckLabel(s.By))
}

// CheckModes refuses modes that no policy can hold: not in the order of Modes, one of
// them twice, one that would hold a door open without an end, an evacuation with one.
func CheckModes(wanted []WantedMode) error {
	for i, w := range wanted {
		switch {
		case w.Mode == ModeNormal || !slices.Contains(Modes(), w.Mode):
			return fmt.Errorf("mode %.32q cannot be wanted", w.Mode)
		case i > 0 && !w.Mode.Above(wanted[i-1].Mode):
			return errors.New("modes are not in order, or come twice")
		case w.Mode == ModeUnlocked && w.Until == 0:
			return wrong("unlocked needs an end: a door must not stay open because somebody forgot it")
		case w.Mode == ModeEvacuation && w.Until != 0:
			return wrong("an evacuation has no end of its own: it lasts until somebody ends it")
		}
		if err := CheckTime(w.Until); err != nil {
			return fmt.Errorf("end of %s: %w", w.Mode, err)
		}
		if err := named("who wants it", CheckLabel(w.By)); err != nil {
			return err
		}
	}
	return nil
}

// CheckOpening refuses an opening that no policy can hold, or that could never open.
func CheckOpening(o *Opening) error {
	if o == nil {
		return nil
	}
	if err := o.Schedule.Check(); err != nil {
		return named("unlock schedule", err)
	}
	if len(o.Schedule.Week)+len(o.Schedule.Holiday) == 0 {
		return wrong("the unlock schedule never opens")
	}
	if o.First != "" {
		if err := CheckName(o.First); err != nil {
			return fmt.Errorf("group of the first person: %w", err)
		}
	}
	return CheckTime(o.After)
}

// CheckGroups refuses a list of groups that is not sorted, or names one twice.
func CheckGroups(groups []string) error {
	if len(groups) > maxAccess {
		return fmt.Errorf("%d groups are more than %d", len(groups), maxAccess)
	}
	for i, group := range groups {
		if err := CheckName(group); err != nil {
			return fmt.Errorf("group: %w", err)
		}
		if i > 0 && groups[i-1] >= group {
			return errors.New("groups are not sorted, or come twice")
		}
	}
	return nil
}

// InAny says whether the credential is in one of some groups.
func (c *Credential) InAny(groups []string) bool { return slices.ContainsFunc(groups, c.In) }
