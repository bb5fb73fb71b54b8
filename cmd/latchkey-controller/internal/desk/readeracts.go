package desk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/cmd/latchkey-controller/internal/zone"
	"latchkey/sync/wire"
)

// SwitchPIN switches PIN entry of a reader on or off.
func (d *Desk) SwitchPIN(ctx context.Context, a Actor, reader string, on bool) error {
	text := "off"
	if on {
		text = "on"
	}
	return d.do(ctx, a, SwitchPIN, &about{reader: reader, subject: reader, text: text}, nil, func(s *site.Site, now time.Time) error {
		_, err := s.EditPolicy(ctx, now, reader, func(p *wire.Policy) { p.PIN = on })
		return err
	})
}

// SetPolicy changes a reader's policy; reader and revision stay. was is the
// revision that the editor began with: if it is not the newest any more the
// change is refused; 0: whatever it is. Fields: "door", "place", "greeting",
// "time-zone", "language", "limit", "unlock", "extended", "access", "holidays",
// "policy".
func (d *Desk) SetPolicy(ctx context.Context, a Actor, reader string, was uint64, edit func(*wire.Policy)) (*wire.Policy, error) {
	var edited *wire.Policy
	ab := &about{reader: reader, subject: reader}
	err := d.do(ctx, a, EditPolicy, ab,
		func(tx *store.Tx) error {
			p, err := tx.Policy(reader)
			if errors.Is(err, store.ErrNotFound) {
				return nil // the act says so in its own words
			}
			if err != nil {
				return err
			}
			if was != 0 && p.Revision != was {
				return meanwhile("policy")
			}
			revision := p.Revision
			editTidily(p, edit)
			p.Reader, p.Revision = reader, revision
			return checkPolicy(p)
		},
		func(s *site.Site, now time.Time) (err error) {
			edited, err = s.EditPolicy(ctx, now, reader, func(p *wire.Policy) {
				revision, before := p.Revision, *p
				before.Access, before.Holidays = slices.Clone(p.Access), slices.Clone(p.Holidays)
				editTidily(p, edit)
				p.Revision = revision
				ab.text = policyChanges(&before, p)
			})
			return err
		})
	if err != nil {
		return nil, err
	}
	return edited, nil
}

// editTidily edits a policy; a text that this changes is kept as names are. One
// that an older controller kept otherwise stays.
func editTidily(p *wire.Policy, edit func(*wire.Policy)) {
	was := *p
	edit(p)
	for _, text := range []struct {
		was string
		is  *string
	}{{was.Door, &p.Door}, {was.Place, &p.Place}, {was.Greeting, &p.Greeting}, {was.TimeZone, &p.TimeZone}} {
		if *text.is != text.was {
			*text.is = TidyName(*text.is)
		}
	}
}

// checkPolicy says which field of a policy is wrong.
func checkPolicy(p *wire.Policy) error {
	var wrongs FieldErrors
	for _, text := range []struct{ field, text string }{{"door", p.Door}, {"place", p.Place}, {"greeting", p.Greeting}} {
		probe := wire.DefaultPolicy("reader", text.text)
		probe.Revision = 1
		if len(text.text) > wire.MaxName {
			wrongs = append(wrongs, wrong(text.field, fmt.Sprintf("This has %d bytes, and readers show %d at most", len(text.text), wire.MaxName)))
		} else if probe.Check() != nil {
			wrongs = append(wrongs, wrong(text.field, "This cannot hold control characters"))
		}
	}
	_, err := zone.Load(p.TimeZone)
	wrongs.add("time-zone", err)
	if p.Limit < 1 || p.Limit > 10 {
		wrongs = append(wrongs, wrong("limit", "Between 1 and 10 wrong PINs in a row lock PIN entry"))
	}
	if p.Unlock < 1 || p.Unlock > 60 {
		wrongs = append(wrongs, wrong("unlock", "A door opens for 1 to 60 seconds"))
	} else if p.Extended < p.Unlock || p.Extended > 300 {
		wrongs = append(wrongs, wrong("extended", fmt.Sprintf("The extended time is %d to 300 seconds", p.Unlock)))
	}
	if len(wrongs) == 0 {
		err := p.Check()
		switch {
		case err == nil:
		case strings.Contains(err.Error(), "holiday"):
			wrongs.add("holidays", err)
		case strings.Contains(err.Error(), "language"):
			wrongs.add("language", err)
		default:
			wrongs.add("access", err)
		}
	}
	return wrongs.err()
}

// Policy returns a reader's policy.
func (d *Desk) Policy(ctx context.Context, a Actor, reader string) (p *wire.Policy, err error) {
	if err := d.check(ctx, a, ViewReaders, new(about)); err != nil {
		return nil, err
	}
	return d.site.Policy(ctx, reader)
}

// An Outcome is what came of an order.
type Outcome struct {
	Command string // id, as in records
	Done    bool
	Text    string // what came of it, in words
}

// orderActs are the acts that orders are.
var orderActs = map[wire.Order]Act{wire.Unlock: Unlock, wire.Hold: Hold, wire.Release: Release, wire.Identify: Identify}

// Order takes an order to a reader, wire.Unlock, Hold (for seconds), Release or
// Identify, and waits up to 15 s for what comes of it. The error says that it
// was not allowed or could not be tried; an order that was not carried out has
// Done false.
func (d *Desk) Order(ctx context.Context, a Actor, reader string, order wire.Order, seconds uint32) (*Outcome, error) {
	act, ok := orderActs[order]
	if !ok {
		return nil, fmt.Errorf("%q is no order of this kind", order)
	}
	var out *Outcome
	err := d.note(ctx, a, act, &about{reader: reader, subject: reader}, func() (string, error) {
		if d.live == nil {
			return "", errNoController
		}
		outcome, err := d.live.Order(ctx, store.Order{Reader: reader, Order: order, Seconds: seconds, Who: orderedBy(a)}, nil)
		if err != nil {
			return "", err
		}
		out = &Outcome{Command: outcome.ID.String(), Done: outcome.Done, Text: outcome.Text}
		if !outcome.Done {
			return "", errors.New(outcome.Text)
		}
		switch order {
		case wire.Hold:
			out.Text = "held open for " + lasts(seconds)
			return "for " + lasts(seconds), nil
		case wire.Identify, wire.Release:
			return "", nil // the act says it
		}
		return outcome.Text, nil
	})
	if out != nil {
		return out, nil
	}
	return nil, err
}
