package wire

import (
	"slices"
	"time"
)

// A Moment is what decides, beside the policy, who may open a door.
type Moment struct {
	Local   time.Time // in the door's time zone
	Trusted bool      // the clock is
	Mode    Mode      // in force
}

// Refusal returns why a credential may not open the door, as far as the policy says: by its
// dates, by its groups, in the mode in force; "": it may. Without a trusted clock it may only if
// neither dates nor a schedule limit it.
func (p *Policy) Refusal(c *Credential, at Moment) Reason {
	if reason := c.validity(at); reason != "" {
		return reason
	}
	switch reason := p.access(c, at); {
	case reason != "":
		return reason
	case at.Mode == ModeLocked && !c.InAny(p.Exempt):
		return ReasonLocked
	case at.Mode == ModeLockdown && !c.InAny(p.InLockdown):
		return ReasonLockdown
	}
	return ""
}

// access returns why none of a credential's groups may open the door; "": one may.
func (p *Policy) access(c *Credential, at Moment) Reason {
	reason := ReasonGroup
	for _, a := range p.Access {
		switch {
		case !c.In(a.Group):
		case a.Schedule == nil:
			return ""
		case !at.Trusted:
			reason = ReasonClock
		case p.InSchedule(a.Schedule, at.Local):
			return ""
		default:
			reason = ReasonSchedule
		}
	}
	return reason
}

// validity returns why a credential's own dates do not allow access; "": they do.
func (c *Credential) validity(at Moment) Reason {
	switch {
	case c.From == 0 && c.Until == 0:
		return ""
	case !at.Trusted:
		return ReasonClock
	case c.From != 0 && at.Local.Unix() < c.From:
		return ReasonEarly
	case c.Until != 0 && at.Local.Unix() >= c.Until:
		return ReasonExpired
	}
	return ""
}

// DemandsTwo says whether a card or a PIN alone does not open the door.
func (p *Policy) DemandsTwo(at Moment) bool {
	two := p.TwoProofs
	return two != nil && (two.Schedule == nil || !at.Trusted || p.InSchedule(two.Schedule, at.Local))
}

// DemandsTwoIn says whether two proofs are demanded throughout some hours; nil: always.
func (p *Policy) DemandsTwoIn(hours *Schedule) bool {
	switch two := p.TwoProofs; {
	case two == nil || two.Schedule == nil:
		return two != nil
	case len(p.Holidays) == 0:
		return (&Schedule{Week: two.Schedule.Week, Holiday: []Span{{To: 24 * 60}}}).Covers(hours)
	default:
		return two.Schedule.Covers(hours)
	}
}

// Covers says whether a schedule is open whenever another one is, by the same calendar; nil:
// always.
func (s *Schedule) Covers(other *Schedule) bool {
	if s == nil {
		return true
	}
	if other == nil {
		other = &Schedule{Holiday: []Span{{To: 24 * 60}}}
		for day := range uint8(7) {
			other.Week = append(other.Week, Span{Day: day, To: 24 * 60})
		}
	}
	return cover(s.Week, other.Week) && cover(s.Holiday, other.Holiday)
}

// cover says whether each of some spans lies within others.
func cover(others, spans []Span) bool {
	joined := union(slices.Clone(others))
	return !slices.ContainsFunc(spans, func(s Span) bool {
		return !slices.ContainsFunc(joined, func(j Span) bool { return j.Day == s.Day && j.From <= s.From && s.To <= j.To })
	})
}

// Hours returns when a credential's groups may open the door. nil: always; a schedule that is
// never open: never.
func (p *Policy) Hours(c *Credential) *Schedule {
	hours := new(Schedule)
	for _, a := range p.Access {
		switch {
		case !c.In(a.Group):
		case a.Schedule == nil:
			return nil
		default:
			hours.Week, hours.Holiday = append(hours.Week, a.Schedule.Week...), append(hours.Holiday, a.Schedule.Holiday...)
		}
	}
	hours.Week, hours.Holiday = union(hours.Week), union(hours.Holiday)
	return hours
}

// union returns spans in order, as few as possible.
func union(spans []Span) (joined []Span) {
	slices.SortFunc(spans, func(a, b Span) int {
		return (int(a.Day)-int(b.Day))*2*24*60 + int(a.From) - int(b.From)
	})
	for _, s := range spans {
		if n := len(joined); n > 0 && joined[n-1].Day == s.Day && s.From <= joined[n-1].To {
			joined[n-1].To = max(joined[n-1].To, s.To)
			continue
		}
		joined = append(joined, s)
	}
	return joined
}
