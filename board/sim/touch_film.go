package sim

import (
	"math"
	"time"
)

// contact is where and how firmly the two plates of the film meet.
type contact struct {
	made bool
	x, y float64 // as touch.x and touch.y
	ohm  float64
}

// ghosts are touches by no finger: drops, sparks, a bent bezel.
type ghosts struct {
	contact
	n int // which it is; a later one takes the place of an earlier one
}

// corner is what presses the film with the fault Held: as firmly as a finger.
var corner = contact{made: true, x: 0.03, y: 0.03, ohm: 300}

// contact is what the film has now: of the finger, a ghost and what presses the corner.
func (t *touch) contact() contact {
	at := contact{made: t.down, x: t.x, y: t.y, ohm: float64(t.opts.Resistance)}.beside(t.ghosts.contact)
	if t.fault.Held {
		at = at.beside(corner)
	}
	return at
}

// beside is what two contacts are measured as: one between them, nearer to the firmer one.
func (c contact) beside(other contact) contact {
	switch {
	case !other.made:
		return c
	case !c.made:
		return other
	}
	g := c.ohm / (c.ohm + other.ohm) // the other's share of the current
	return contact{
		made: true,
		x:    c.x + g*(other.x-c.x),
		y:    c.y + g*(other.y-c.y),
		ohm:  g * other.ohm,
	}
}

// addGhost makes a ghost anywhere: one half of them weak (3 to 30 kohm, where a
// finger has some hundred) for up to 30 ms, the other half as firm as 300 ohm
// for at most 8 ms.
func (t *touch) addGhost() {
	rng := t.board.ports[portTouch].rng
	least, most, longest := 3000.0, 30000.0, 30*time.Millisecond
	if rng.IntN(2) == 0 {
		least, most, longest = 300, 3000, 8*time.Millisecond
	}
	t.ghosts.n++
	n := t.ghosts.n
	t.ghosts.contact = contact{
		made: true,
		x:    rng.Float64(),
		y:    rng.Float64(),
		ohm:  least * math.Pow(most/least, rng.Float64()),
	}
	t.penIRQ()
	time.AfterFunc(time.Duration(1+rng.Int64N(int64(longest))), func() {
		t.board.mu.Lock()
		defer t.board.mu.Unlock()
		if t.ghosts.n == n {
			t.ghosts.made = false
			t.penIRQ()
		}
	})
}

// jump is a measured position, or now and then another one.
func (t *touch) jump(v float64) float64 {
	rng := t.board.ports[portTouch].rng
	if hit(rng, t.fault.Jumps) {
		return float64(rng.IntN(4096))
	}
	return v
}
