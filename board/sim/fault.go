package sim

import (
	"fmt"
	"math/rand/v2"
	"syscall"
)

// Fault is what is wrong with a chip. The zero value is a healthy chip.
type Fault struct {
	// Absent: the chip is not there. MISO floats, interrupts never come, and
	// writes go nowhere; SPI itself knows no such error.
	Absent bool
	// MISO is the level that a floating MISO line reads: 0x00, or 0xFF.
	// Only with Absent.
	MISO byte
	// Stuck: the chip is there and hangs. The PN532 never becomes ready, the
	// panel ignores commands and pixels, the touch controller converts nothing.
	Stuck bool
	// Noise is the share of bytes (0 to 1) in which one random bit flips on
	// the wire, in each direction.
	Noise float64
}

// SetFault gives the chip ("panel", "touch" or "nfc", as its SPI port) that
// fault from now on; the zero Fault heals it.
func (b *Board) SetFault(chip string, f Fault) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.ports[chip]
	if p == nil {
		return fmt.Errorf("sim: chip %q: %w", chip, syscall.ENOENT)
	}
	*p.fault = f
	b.log.Debug("sim: fault", "chip", chip, "fault", f)
	p.chip.faultChanged()
	return nil
}

// ResetChip resets the chip as a dip in its supply does: it forgets all that
// the driver told it. The panel's memory becomes random too.
func (b *Board) ResetChip(chip string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.ports[chip]
	if p == nil {
		return fmt.Errorf("sim: chip %q: %w", chip, syscall.ENOENT)
	}
	p.chip.powerUp()
	return nil
}

// flip returns p with one bit flipped in some of its bytes. It leaves p alone
// and returns it as it is if no byte was hit.
func flip(rng *rand.Rand, share float64, p []byte) []byte {
	var out []byte
	for i := range p {
		if rng.Float64() < share {
			if out == nil {
				out = append([]byte(nil), p...)
			}
			out[i] ^= 1 << rng.IntN(8)
		}
	}
	if out == nil {
		return p
	}
	return out
}
