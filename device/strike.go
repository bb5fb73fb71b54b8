package device

import (
	"time"

	"latchkey/sync/wire"
)

const (
	// exitPulse is the exit button's pulse without a policy.
	exitPulse = 5 * time.Second

	// grace is how long after the strike's end an opening does not count as
	// forced: somebody may have had a hand on the door already.
	grace = 3 * time.Second
)

// strike is the state that the reader has requested from the relay.
type strike struct {
	pulse time.Duration // end of the pulses so far; 0: none
	hold  time.Duration // end of the hold, unless it is renewed; 0: none
	renew time.Duration // when it is; 0: there is none
	grace time.Duration // end of the time in which an opening is not forced; 0: none
}

func (s strike) on() bool { return s.pulse != 0 || s.hold != 0 }

// pulseFor turns the strike on for a while.
func (t *turn) pulseFor(length time.Duration) {
	t.strikes = append(t.strikes, Strike{length})
	t.strike.pulse = max(t.strike.pulse, t.elapsed+length)
	t.strike.grace = max(t.strike.grace, t.strike.pulse+grace)
	t.door.since = 0
}

// holdUntil turns the strike on for a hold.
func (t *turn) holdUntil(end time.Duration) {
	t.strikes = append(t.strikes, Strike{end - t.elapsed})
	t.strike.hold, t.strike.renew = end, min(end, t.elapsed+renewEvery)
	t.strike.grace = max(t.strike.grace, end+grace)
	t.door.since = 0
}

// release turns the strike off, and ends pulse and hold.
func (t *turn) release() {
	t.strikes = append(t.strikes, Strike{0})
	t.strike = strike{grace: t.elapsed + grace}
	t.strikeOff(t.elapsed)
	if t.notice.screen == ScreenGranted {
		t.notice = notice{}
	}
}

// expireStrike updates the state at the end of a pulse or a hold; the relay turns the strike off by itself.
func (t *turn) expireStrike() {
	if t.over(t.strike.pulse) {
		end := t.strike.pulse
		t.strike.pulse = 0
		t.strikeOff(end)
	}
	if t.over(t.strike.hold) {
		end := t.strike.hold
		t.strike.hold, t.strike.renew = 0, 0
		t.strikeOff(end)
	}
	if t.over(t.strike.grace) {
		t.strike.grace = 0
	}
}

// grant unlocks the door for a credential that may open it now; r.By says how it was presented.
func (t *turn) grant(r wire.Record, c *wire.Credential) {
	pulse := t.policy.pulse(c)
	r.Kind = wire.AccessGranted
	r.Credential, r.User = c.ID, c.User
	r.Seconds = uint32(pulse / time.Second)
	t.record(r)
	t.firstPerson(c)
	t.pulseFor(pulse)
	t.notice = notice{screen: ScreenGranted, name: c.Name, start: t.elapsed, end: t.elapsed + pulse}
}

// unlock carries out a remote unlock, which also ends a lockout.
func (t *turn) unlock(c wire.Command) {
	pulse := time.Duration(t.policy.policy.Unlock) * time.Second
	t.record(wire.Record{Kind: wire.AccessGranted, By: wire.ByRemote, Command: c.ID, Who: c.By, Seconds: uint32(pulse / time.Second)})
	t.clearLockout(wire.Record{By: wire.ByRemote, Command: c.ID, Who: c.By})
	t.pulseFor(pulse)
	t.notice = notice{screen: ScreenGranted, start: t.elapsed, end: t.elapsed + pulse}
}
