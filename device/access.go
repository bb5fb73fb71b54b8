package device

import (
	"time"

	"latchkey/sync/wire"
)

// mayOpen returns why a credential may not open the door now, as the policy says and in the
// mode that is in force; "": it may.
func (t *turn) mayOpen(c *wire.Credential) wire.Reason {
	return t.policy.policy.Refusal(c, t.policy.moment(t.now, t.mode.Mode))
}

// moment returns a time at the door, in a mode.
func (p Policy) moment(now Now, mode wire.Mode) wire.Moment {
	return wire.Moment{Local: now.Wall.In(p.zone), Trusted: now.Trusted, Mode: mode}
}

// pulse returns how long a credential unlocks the strike.
func (p Policy) pulse(c *wire.Credential) time.Duration {
	if c.Extended {
		return time.Duration(p.policy.Extended) * time.Second
	}
	return time.Duration(p.policy.Unlock) * time.Second
}
