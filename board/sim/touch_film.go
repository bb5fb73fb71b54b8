package sim

import (
	"image"
	"math"
	"time"
)

// contact is where and how firmly the two plates of the film touch.
type contact struct {
	made bool
	x, y float64 // as touch.x and touch.y
	ohm  float64
}

// ghosts are touches by no finger: drops, sparks.
type ghosts struct {
	contact
	n int // counts them: a later one replaces an earlier one
}

// corner is what presses the film with the fault Held: as firmly as a finger.
var corner = contact{made: true, x: 0.03, y: 0.03, ohm: 300}

// contact is that of finger, ghost and what presses the corner, as one.
func (t *touch) contact() contact {
	at := contact{made: t.down, x: t.x, y: t.y, ohm: float64(t.opts.Resistance)}.and(t.ghosts.contact)
	if t.fault.Held {
		at = at.and(corner)
	}
	return at
}

// and is what two contacts are measured as: one between them, nearer to the firmer.
func (c contact) and(other contact) contact {
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

// jump is the measured position, or a random one if the fault Jumps hits it.
func (t *touch) jump(v float64) float64 {
	rng := t.board.ports[portTouch].rng
	if hit(rng, t.fault.Jumps) {
		return float64(rng.IntN(4096))
	}
	return v
}

// finger moves the finger; at is in viewer pixels.
func (t *touch) finger(at image.Point, down bool) {
	t.down = down
	if down {
		// The film belongs to the glass: it turns with the module.
		model, g := t.board.panel.model, t.board.panel.glass(at)
		t.x = min(max((float64(g.X)+0.5)/float64(model.cols), 0), 1)
		t.y = min(max((float64(g.Y)+0.5)/float64(model.rows), 0), 1)
	}
	t.penIRQ()
}

// ghost is an instant of PENIRQ without a touch.
func (t *touch) ghost() {
	if t.contact().made || t.pd&1 != 0 || t.fault.Absent {
		return
	}
	t.board.interrupt(lineTouchIRQ, true)
	t.penIRQ()
}

// film is what the resistive film gives for a channel. Both plates have
// 400 ohm from edge to edge; for Z1 and Z2 the current runs from the top of
// one through the contact to the left of the other.
func (t *touch) film(channel byte) float64 {
	at := t.contact()
	if !at.made {
		switch channel {
		case chZ2:
			return 4095
		case ch90:
			return float64(t.board.rng.IntN(4096)) // the plate floats
		}
		return 0
	}
	o := &t.opts
	across := float64(o.Left) + at.x*float64(o.Right-o.Left)
	along := float64(o.Top) + at.y*float64(o.Bottom-o.Top)
	d0, d90 := across, along
	if o.Swap {
		d0, d90 = along, across
	}
	const plate = 400.0
	below, contact, above := plate*d0/4096, at.ohm, plate*(4096-d90)/4096
	all := below + contact + above
	switch channel {
	case chD0:
		return d0
	case ch90:
		return d90
	case chZ1:
		return 4095 * below / all
	}
	return 4095 * (below + contact) / all
}
