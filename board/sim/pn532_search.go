package sim

import (
	"bytes"
	"slices"
	"time"
)

// search is an InListPassiveTarget or InAutoPoll under way.
type search struct {
	tries int // how often it looks; 0 is for ever
	each  time.Duration
	// types: InAutoPoll looks for one of them in each try, and rests until the next.
	types      []byte
	begun      time.Time
	found      func(*inField) []byte // the response; nil for a card of another kind or UID
	none       []byte                // the response if there is no such card
	activating bool
	deadline   time.Time
}

// startSearch starts a search. With no card in the field it costs nothing until
// one comes, or until the tries are over.
func (n *pn532) startSearch(s *search) {
	n.rf.field, n.rf.target, n.rf.search = true, nil, s
	s.begun = time.Now()
	if s.tries > 0 {
		d := time.Duration(s.tries) * s.each
		s.deadline = time.Now().Add(d)
		n.after(d, func() {
			if n.rf.search == s && !s.activating {
				n.endSearch(s.none)
			}
		})
	}
	n.activate()
}

// activate activates the card in the field if the search is for such a card.
func (n *pn532) activate() {
	s, card := n.rf.search, n.rf.card
	if s == nil || s.activating || card == nil || s.found(card) == nil {
		return
	}
	d := n.opts.ActivateTime
	if card.selected() && !n.opts.Relists {
		// The card takes the request for an error and falls back to idle; it
		// answers the next one.
		card.become(cardIdle)
		if s.tries == 1 {
			return
		}
		d += s.each
	}
	if len(s.types) > 0 {
		d += s.untilType(card)
		if s.tries > 0 && time.Now().Add(d).After(s.deadline) {
			return
		}
	}
	s.activating = true
	n.after(d, func() {
		s.activating = false
		switch {
		case n.rf.search != s:
		case n.rf.card == card:
			n.rf.raise(card)
			n.rf.target = card
			n.endSearch(s.found(card))
		case s.tries > 0 && !time.Now().Before(s.deadline):
			n.endSearch(s.none)
		default:
			n.activate()
		}
	})
}

// untilType is how long it takes until InAutoPoll looks for cards of c's type again.
func (s *search) untilType(c *inField) time.Duration {
	round := time.Duration(len(s.types)) * s.each
	at, since := time.Duration(c.polledAs(s.types))*s.each, time.Since(s.begun)
	if at < since {
		at += (since - at + round - 1) / round * round
	}
	return at - since
}

// polledAs is which of InAutoPoll's types finds the card first; -1: none.
func (c *inField) polledAs(types []byte) int {
	return slices.IndexFunc(types, func(t byte) bool {
		return t == 0x00 || t == 0x10 && c.ats == nil || t == 0x20 && c.ats != nil
	})
}

func (n *pn532) endSearch(response []byte) {
	n.rf.search = nil
	n.finish(n.frame(response))
}

// present puts a card into the field, in place of any other.
func (n *pn532) present(c *picc) {
	n.remove()
	n.rf.card = &inField{picc: c, tear: -1}
	n.board.notify()
	if !n.off && !n.asleep {
		n.activate()
	}
}

// remove takes the card out of the field; a command that is on its way to it fails.
func (n *pn532) remove() {
	c := n.rf.card
	if c == nil {
		return
	}
	c.become(cardIdle)
	n.rf.card = nil
	n.board.notify()
	if a := n.rf.onAir; a != nil && a.card == c {
		n.gen++ // nothing but this command was under way
		n.lost(a.code, c)
	}
}

// listPassive is InListPassiveTarget: MaxTg, BrTy, InitiatorData. Only type A
// cards exist here; every other modulation finds an empty field.
func (n *pn532) listPassive(p []byte) bool {
	if len(p) < 2 || p[0] < 1 || p[0] > 2 {
		return false
	}
	maxTg, brTy, init := p[0], p[1], p[2:]
	ok := false
	switch brTy {
	case 0x00: // type A: all UIDs, or one with its cascade tags
		ok = len(init)%4 == 0 && len(init) <= 12
	case 0x01, 0x02: // FeliCa
		ok = len(init) == 5
	case 0x03: // type B
		ok = len(init) == 1 || len(init) == 2
	case 0x04: // Jewel
		ok = maxTg == 1 && len(init) == 0
	}
	if !ok {
		return false
	}
	tries := int(n.rf.retries) + 1
	if n.rf.retries == 0xFF {
		tries = 0
	}
	n.startSearch(&search{
		tries: tries,
		each:  n.opts.TryTime,
		none:  []byte{cmdInListPassive + 1, 0x00},
		found: func(c *inField) []byte {
			if brTy != 0x00 || len(init) == 0 && c.state == cardHalted || len(init) > 0 && !bytes.Equal(init, c.cascaded()) {
				return nil
			}
			return append([]byte{cmdInListPassive + 1, 0x01}, n.rf.describe(c)...)
		},
	})
	return true
}

// cascaded is the UID as a reader selects it: 4 bytes a level, a cascade tag
// before all but the last.
func (c *picc) cascaded() []byte {
	u := c.uid
	var out []byte
	for len(u) > 4 {
		out = append(append(out, 0x88), u[:3]...)
		u = u[3:]
	}
	return append(out, u...)
}

// describe is a card as InListPassiveTarget gives it: Tg, ATQA (high byte
// first), SAK, UID, and the ATS if the chip asked for it.
func (f *pn532RF) describe(c *inField) []byte {
	out := []byte{0x01, byte(c.atqa >> 8), byte(c.atqa), c.sak, byte(len(c.uid))}
	out = append(out, c.uid...)
	if f.flags&flagAutoRATS != 0 && c.sak&0x20 != 0 {
		out = append(out, c.ats...)
	}
	return out
}

// autoPoll is InAutoPoll: PollNr, Period in 150 ms, up to 15 types.
func (n *pn532) autoPoll(p []byte) bool {
	if len(p) < 3 || len(p) > 17 || p[0] == 0 || p[1] < 1 || p[1] > 0x0F {
		return false
	}
	types := p[2:]
	tries := int(p[0]) * len(types)
	if p[0] == 0xFF {
		tries = 0
	}
	n.startSearch(&search{
		tries: tries,
		each:  time.Duration(p[1]) * 150 * time.Millisecond,
		types: types,
		none:  []byte{cmdInAutoPoll + 1, 0x00},
		found: func(c *inField) []byte {
			at := c.polledAs(types)
			if at < 0 || c.state == cardHalted {
				return nil
			}
			d := n.rf.describe(c)
			return append([]byte{cmdInAutoPoll + 1, 0x01, types[at], byte(len(d))}, d...)
		},
	})
	return true
}
