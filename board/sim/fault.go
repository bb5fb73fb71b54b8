package sim

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// Fault is what is wrong with a chip. The zero value is a healthy chip.
// Shares are of 0 to 1; what is hit is drawn from the board's seed.
type Fault struct {
	// Absent: the chip is not there. MISO floats, interrupts never come, and
	// writes go nowhere; SPI itself knows no such error. A chip that comes
	// back has just been powered up.
	Absent bool
	// MISO is the level that a floating MISO line reads: 0x00, or 0xFF.
	// Only with Absent.
	MISO byte
	// Stuck: the chip is there and hangs. The PN532 never becomes ready, the
	// panel ignores commands and pixels, the touch controller converts nothing.
	Stuck bool
	// Hung: the bus hangs, as with a controller that waits for an interrupt that
	// was lost. A transfer does not return before the fault's end, or the board's.
	Hung bool
	// Noise is the share of bytes in which one random bit flips on the wire,
	// in each direction.
	Noise float64
	// Resets is how often a minute, on average, the chip resets by itself.
	Resets float64

	// Of the PN532: the share of its frames that end too soon, of those with
	// flipped bits, and of the commands whose ACK never comes, one half of
	// them because the command was lost and one half although it is carried
	// out and answered. Extended: every response is an extended frame, which
	// the chip may use at any length.
	ShortFrames, GarbledFrames, LostACKs float64
	Extended                             bool

	// Of the PN532's radio: the share of APDUs that are garbled on the way to the card
	// or back (status 02); and a card that never answers but asks for more time again
	// and again, one that answers anything, one that answers 262 bytes of it.
	GarbledExchanges                    float64
	CardWaits, CardNonsense, CardFloods bool

	// Of the touch controller: how often a second, on average, something that
	// is no finger touches the film, weakly or briefly; and the share of
	// conversions of X and Y that give a random value.
	Ghosts, Jumps float64
	// Held: something presses the film at its left upper corner and stays: a bent
	// bezel, a sticker. A finger beside it is measured as one touch between the two.
	Held bool
}

// The highest rates of a Fault.
const (
	maxResets = 600  // a minute
	maxGhosts = 1000 // a second
)

// recovery is how long after a fault's end a violation of a data sheet may still
// be its consequence.
const recovery = 5 * time.Second

// check returns what is wrong with f.
func (f Fault) check() error {
	for _, share := range []float64{f.Noise, f.ShortFrames, f.GarbledFrames, f.LostACKs, f.GarbledExchanges, f.Jumps} {
		if !(share >= 0 && share <= 1) {
			return fmt.Errorf("a share of %v: it must be 0 to 1", share)
		}
	}
	if !(f.Resets >= 0 && f.Resets <= maxResets) {
		return fmt.Errorf("%v resets a minute: it must be 0 to %d", f.Resets, maxResets)
	}
	if !(f.Ghosts >= 0 && f.Ghosts <= maxGhosts) {
		return fmt.Errorf("%v ghosts a second: it must be 0 to %d", f.Ghosts, maxGhosts)
	}
	return nil
}

// SetFault gives the chip ("panel", "touch" or "nfc", as its SPI port) that
// fault from now on; the zero Fault ends it.
func (b *Board) SetFault(chip string, f Fault) error {
	if err := f.check(); err != nil {
		return fmt.Errorf("sim: fault of %s: %w", chip, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	p, err := b.port(chip)
	if err != nil {
		return err
	}
	p.setFault(f)
	return nil
}

func (p *port) setFault(f Fault) {
	b, was := p.board, *p.fault
	*p.fault = f
	p.faults++
	if f != was {
		p.recoversUntil = time.Now().Add(recovery)
	}
	b.unhung.Broadcast()
	b.log.Debug("sim: fault", "chip", p.name, "fault", f)
	if was.Absent && !f.Absent {
		p.chip.powerUp()
	}
	p.chip.faultChanged()
	if f.Resets > 0 {
		p.often(f.Resets/60, p.reset)
	}
	if f.Ghosts > 0 && p.name == portTouch {
		p.often(f.Ghosts, b.touch.addGhost)
	}
	b.notify()
}

// often calls f rate times a second, at random moments with the board's lock
// held, until the port's fault is another one.
func (p *port) often(rate float64, f func()) {
	faults, b := p.faults, p.board
	if b.closed {
		return
	}
	wait := time.Duration(p.rng.ExpFloat64() / rate * float64(time.Second))
	time.AfterFunc(wait, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if !b.closed && p.faults == faults {
			f()
			p.often(rate, f)
		}
	})
}

// ResetChip resets the chip as a dip in its supply does: it forgets all that
// the driver told it. The panel's memory becomes random too.
func (b *Board) ResetChip(chip string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	p, err := b.port(chip)
	if err != nil {
		return err
	}
	p.reset()
	return nil
}

func (p *port) reset() {
	p.chip.powerUp()
	p.recoversUntil = time.Now().Add(recovery)
}

// faulty reports whether what a driver does may be the consequence of a fault.
func (p *port) faulty() bool {
	return *p.fault != Fault{} || time.Now().Before(p.recoversUntil)
}

// hit draws whether something of that probability happens.
func hit(rng *rand.Rand, share float64) bool { return share > 0 && rng.Float64() < share }

// noise is a wire on which bits flip.
type noise struct {
	rng   *rand.Rand
	share float64
	left  int // bytes until the next that is hit
	buf   [bufSize]byte
}

// over returns what arrives of p: p itself if no byte was hit.
func (n *noise) over(p []byte, share float64) []byte {
	if share != n.share {
		n.share = share
		n.draw()
	}
	if n.left >= len(p) {
		n.left -= len(p)
		return p
	}
	out := append(n.buf[:0], p...)
	at := n.left
	for at < len(out) {
		out[at] ^= 1 << n.rng.IntN(8)
		n.draw()
		at += 1 + n.left
	}
	n.left = at - len(out)
	return out
}

// draw draws how many bytes pass before the next that is hit.
func (n *noise) draw() {
	n.left = 0
	if n.share < 1 {
		n.left = int(min(math.Log(1-n.rng.Float64())/math.Log(1-n.share), math.MaxInt32))
	}
}
