package device

import (
	"time"

	"latchkey/sync/wire"
)

// mayOpen returns why a credential may not open the door now, as the policy says and in the
// mode that is in force; "": it may.
func (t *turn) mayOpen(c *wire.Credential) wire.Reason {
	p := t.policy.policy
	switch reason := t.policy.access(c, t.now); {
	case reason != "":
		return reason
	case t.mode.Mode == wire.ModeLocked && !c.InAny(p.Exempt):
		return wire.ReasonLocked
	case t.mode.Mode == wire.ModeLockdown && !c.InAny(p.InLockdown):
		return wire.ReasonLockdown
	}
	return ""
}

// access returns why a credential may not open the door now; "": it may.
// Without a trusted clock, only access without dates and schedule is allowed.
func (p Policy) access(c *wire.Credential, now Now) wire.Reason {
	if reason := validity(c, now); reason != "" {
		return reason
	}
	reason := wire.ReasonGroup
	for _, access := range p.policy.Access {
		switch {
		case !c.In(access.Group):
		case access.Schedule == nil:
			return ""
		case !now.Trusted:
			reason = wire.ReasonClock
		case p.open(access.Schedule, now.Wall):
			return ""
		default:
			reason = wire.ReasonSchedule
		}
	}
	return reason
}

// validity returns why a credential's own dates do not allow access; "": they do.
func validity(c *wire.Credential, now Now) wire.Reason {
	switch {
	case c.From == 0 && c.Until == 0:
		return ""
	case !now.Trusted:
		return wire.ReasonClock
	case c.From != 0 && now.Wall.Unix() < c.From:
		return wire.ReasonEarly
	case c.Until != 0 && now.Wall.Unix() >= c.Until:
		return wire.ReasonExpired
	}
	return ""
}

// pulse returns how long a credential unlocks the strike.
func (p Policy) pulse(c *wire.Credential) time.Duration {
	if c.Extended {
		return time.Duration(p.policy.Extended) * time.Second
	}
	return time.Duration(p.policy.Unlock) * time.Second
}
