package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"latchkey/device"
)

// A part is an instrument with a goroutine of its own that talks to chips, round
// by round: a look for a card, a turn of the keypad. Chips that are silent or
// talk nonsense are its driver's to bear. But a call that never returns, as one
// into a kernel whose bus controller hangs, ends the part for good: each round is
// a duty.
type part struct {
	duty
	subject device.Subject

	late   bool          // and that is reported
	before device.Health // what was reported last before that
}

// partWithin is far above the longest that a round takes which starts its chips
// anew, or sends a whole picture over a slow bus.
const partWithin = 30 * time.Second

// newPart makes a part of the instruments.
func (in *instruments) newPart(name string, subject device.Subject) *part {
	p := &part{duty: duty{name: name, within: partWithin}, subject: subject}
	in.parts = append(in.parts, p)
	return p
}

// round is told when a round begins and when it has ended.
func (p *part) round(begins bool) {
	if begins {
		p.given()
	} else {
		p.done()
	}
}

// watchedChip is a card reader's chip whose polls are the rounds of a part.
type watchedChip struct {
	chip interface {
		Poll(ctx context.Context, uid []byte) (int, error)
	}
	part *part
}

func (c watchedChip) Poll(ctx context.Context, uid []byte) (int, error) {
	c.part.round(true)
	defer c.part.round(false)
	return c.chip.Poll(ctx, uid)
}

// watchParts reports a part whose round does not end, and when it has ended
// after all what was known of the part before, unless it told something else.
func (in *instruments) watchParts(now time.Time) {
	for _, p := range in.parts {
		late := p.duty.late(now)
		hangs := fmt.Errorf("%s takes more than %s: its bus hangs, or its driver", p.name, p.within)
		switch {
		case late && !p.late:
			in.mu.Lock()
			p.before = in.health[p.subject]
			in.mu.Unlock()
			in.report(p.subject, hangs)
		case !late && p.late && in.fault(p.subject) != hangs.Error(): // the round has told how its part is
		case !late && p.late && p.before.Condition == device.Failed:
			in.report(p.subject, errors.New(p.before.Text))
		case !late && p.late:
			in.report(p.subject, nil)
		}
		p.late = late
	}
}

// fault is what was reported last of a part; "" if it is good.
func (in *instruments) fault(subject device.Subject) string {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.health[subject].Text
}
