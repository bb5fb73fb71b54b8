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

// contact is what the film has now. A ghost beside a finger is measured as one
// touch between the two, nearer to the firmer one.
func (t *touch) contact() contact {
	finger := contact{made: t.down, x: t.x, y: t.y, ohm: float64(t.opts.Resistance)}
	ghost := t.ghosts.contact
	switch {
	case !ghost.made:
		return finger
	case !finger.made:
		return ghost
	}
	g := finger.ohm / (finger.ohm + ghost.ohm) // the ghost's share of the current
	return contact{
		made: true,
		x:    finger.x + g*(ghost.x-finger.x),
		y:    finger.y + g*(ghost.y-finger.y),
		ohm:  g * ghost.ohm,
	}
}

// haunt makes a ghost anywhere: one half of them weak (3 to 30 kohm, where a
// finger has some hundred) for up to 30 ms, the other half as firm as 300 ohm
// for at most 8 ms.
func (t *touch) haunt() {
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
