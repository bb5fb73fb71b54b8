package main

import (
	"context"

	"latchkey/cmd/latchkey-controller/internal/control"
	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/sync/wire"
)

// answers are what the controller does for other commands, which act through
// its desk as at the command line.
func answers(d *desk.Desk, l *link.Link) control.Handlers {
	return control.Handlers{
		Order: func(ctx context.Context, o control.Order) (control.Outcome, error) {
			a := desk.AtCommandLine(o.Who)
			if o.Order == wire.Enrol {
				read, err := d.Enrol(ctx, a, o.User, o.Reader)
				if err != nil {
					return control.Outcome{Text: err.Error()}, nil
				}
				return control.Outcome{Done: true, Text: "the card was read", Enrolment: read.ID, Card: read.UID}, nil
			}
			outcome, err := d.Order(ctx, a, o.Reader, o.Order, o.Seconds)
			if err != nil {
				return control.Outcome{}, err
			}
			return control.Outcome{Command: outcome.Command, Done: outcome.Done, Text: outcome.Text}, nil
		},
		Confirm: func(ctx context.Context, c control.Confirmation) error {
			return d.ConfirmCard(ctx, desk.AtCommandLine(c.Who), c.Enrolment, c.LastFour)
		},
		Readers: func(ctx context.Context) ([]control.Reader, error) {
			readers, err := l.Readers(ctx)
			if err != nil {
				return nil, err
			}
			all := make([]control.Reader, len(readers))
			for i, r := range readers {
				all[i] = live(&r)
			}
			return all, nil
		},
	}
}

// live returns how a reader is, for other commands.
func live(r *link.Reader) control.Reader {
	out := control.Reader{ID: r.ID, Online: r.Online, Current: r.Current}
	if !r.Heard.IsZero() && !r.Awaited {
		out.Heard = &r.Heard
	}
	s := r.State
	if s == nil {
		return out
	}
	out.Version, out.Policy = s.Version, s.PolicyRevision
	if s.Held != nil {
		out.Epoch, out.Revision = s.Held.Epoch, s.Held.Revision
	}
	if s.First != 0 && s.Last >= s.First {
		out.Waiting = s.Last - s.First + 1
	}
	if c := s.Condition; c != nil {
		out.Lockout, out.PIN, out.Card = string(c.Lockout), string(c.PIN), string(c.Card)
		out.Door, out.Strike, out.Tamper = string(c.Door), string(c.Strike), c.Tamper
		out.Clock, out.Behind = c.ClockTrusted, c.Behind
		for _, fault := range c.Faults {
			out.Faults = append(out.Faults, [2]string{string(fault.Subject), fault.Text})
		}
	}
	return out
}
