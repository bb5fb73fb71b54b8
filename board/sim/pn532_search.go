package sim

import (
	"bytes"
	"time"
)

// search is an InListPassiveTarget or InAutoPoll under way.
type search struct {
	tries    int // how often it looks; 0 is for ever
	each     time.Duration
	suits    func(*picc) bool
	found    func(*picc) []byte // the response
	none     []byte
	meeting  bool // a card is being activated
	deadline time.Time
}

// begin starts a search. With no card in the field it costs nothing until one
// comes, or until the tries are over.
func (n *pn532) begin(s *search) {
	n.rf.field = true
	n.rf.target = nil
	n.rf.search = s
	if s.tries > 0 {
		d := time.Duration(s.tries) * s.each
		s.deadline = time.Now().Add(d)
		n.after(d, func() {
			if n.rf.search == s && !s.meeting {
				n.end(s.none)
			}
		})
	}
	n.meet()
}

// meet lets the search see the card that is in the field.
func (n *pn532) meet() {
	s, card := n.rf.search, n.rf.card
	if s == nil || s.meeting || card == nil || s.suits == nil || !s.suits(card) {
		return
	}
	d := n.opts.ActivateTime
	if card.active && !n.opts.Relists {
		// The card takes the request for an error and falls back to idle; it
		// answers the next one.
		card.active = false
		if s.tries == 1 {
			return
		}
		d += s.each
	}
	s.meeting = true
	n.after(d, func() {
		s.meeting = false
		if n.rf.search != s {
			return
		}
		if n.rf.card == card {
			card.active = true
			n.rf.target = card
			n.end(s.found(card))
			return
		}
		if s.tries > 0 && !time.Now().Before(s.deadline) {
			n.end(s.none)
			return
		}
		n.meet()
	})
}

func (n *pn532) end(payload []byte) {
	n.rf.search = nil
	n.finish(n.frame(payload))
}

// present puts a card into the field, in place of any other.
func (n *pn532) present(c *picc) {
	n.remove()
	n.rf.card = c
	n.board.notify()
	if !n.off && !n.asleep {
		n.meet()
	}
}

func (n *pn532) remove() {
	if n.rf.card != nil {
		n.rf.card.active = false
		n.rf.card = nil
		n.board.notify()
	}
}

// tries is how often a search looks for a card; 0 is for ever.
func (f *pn532RF) tries() int {
	if f.retries == 0xFF {
		return 0
	}
	return int(f.retries) + 1
}

// listPassive is InListPassiveTarget: MaxTg, BrTy, InitiatorData. Only type A
// cards exist here; every other modulation finds an empty field.
func (n *pn532) listPassive(p []byte) bool {
	if len(p) < 2 || p[0] < 1 || p[0] > 2 {
		return false
	}
	init := p[2:]
	s := &search{
		tries: n.rf.tries(),
		each:  n.opts.TryTime,
		none:  []byte{cmdInListPassive + 1, 0x00},
		found: func(c *picc) []byte {
			return append([]byte{cmdInListPassive + 1, 0x01}, c.describe(n.rf.flags&flagAutoRATS != 0)...)
		},
	}
	switch p[1] {
	case 0x00:
		if !validUIDSelection(init) {
			return false
		}
		s.suits = func(c *picc) bool { return len(init) == 0 || bytes.Equal(init, c.cascaded()) }
	case 0x01, 0x02:
		if len(init) != 5 {
			return false
		}
	case 0x03:
		if len(init) < 1 || len(init) > 2 {
			return false
		}
	case 0x04:
		if p[0] != 1 || len(init) != 0 {
			return false
		}
	default:
		return false
	}
	n.begin(s)
	return true
}

func validUIDSelection(init []byte) bool {
	switch len(init) {
	case 0, 4, 8, 12:
		return true
	}
	return false
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
func (c *picc) describe(rats bool) []byte {
	out := []byte{0x01, byte(c.atqa >> 8), byte(c.atqa), c.sak, byte(len(c.uid))}
	out = append(out, c.uid...)
	if rats && c.sak&0x20 != 0 {
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
	kind := func(c *picc) (byte, bool) {
		for _, t := range types {
			if t == 0x00 || t == 0x10 && c.ats == nil || t == 0x20 && c.ats != nil {
				return t, true
			}
		}
		return 0, false
	}
	s := &search{
		tries: int(p[0]) * len(types),
		each:  time.Duration(p[1]) * 150 * time.Millisecond,
		none:  []byte{cmdInAutoPoll + 1, 0x00},
		suits: func(c *picc) bool { _, ok := kind(c); return ok },
		found: func(c *picc) []byte {
			t, _ := kind(c)
			d := c.describe(n.rf.flags&flagAutoRATS != 0)
			return append([]byte{cmdInAutoPoll + 1, 0x01, t, byte(len(d))}, d...)
		},
	}
	if p[0] == 0xFF {
		s.tries = 0
	}
	n.begin(s)
	return true
}
