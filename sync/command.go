package sync

import (
	"errors"
	"slices"
	"time"

	"latchkey/sync/wire"
)

// mostCarried is the most commands within a minute.
const mostCarried = 64

// carried is a command that was handed to the reader.
type carried struct {
	id wire.CommandID
	at time.Duration
}

// takeCommand accepts an order if it is signed, for this reader, new, of no controller that
// leads no more, and has the nonce of one of the last two states.
func (l *Link) takeCommand(signed []byte) error {
	c, err := wire.OpenCommand(l.o.Site, signed, l.o.Controller)
	if err != nil {
		return err
	}
	if c.Reader != l.o.Reader {
		return errOtherReader
	}
	l.carried = slices.DeleteFunc(l.carried, func(c carried) bool { return l.now-c.at > wire.NonceLife })
	if slices.ContainsFunc(l.carried, func(done carried) bool { return done.id == c.ID }) {
		return errors.New("repeated")
	}
	life := wire.NonceLife
	if c.MaxAge != 0 {
		life = time.Duration(c.MaxAge) * time.Millisecond
	}
	fresh := slices.ContainsFunc(l.states.sent[:], func(s sent) bool {
		return s.nonce != wire.Nonce{} && s.nonce == c.Nonce && l.now-s.at <= life
	})
	switch {
	case c.Term < l.states.term:
		return &refusal{wire.ReasonTerm, c}
	case !fresh:
		return &refusal{wire.ReasonStale, c}
	case len(l.carried) == mostCarried:
		return &refusal{wire.ReasonBusy, c}
	}
	l.heardTerm(c.Term)
	l.carried = append(l.carried, carried{c.ID, l.now})
	l.do(Command{*c})
	return nil
}
